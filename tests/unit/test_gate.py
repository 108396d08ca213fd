"""Code that a repro file or a database names runs as it was announced, or not at all."""

import json
import os
import py_compile
import sqlite3
import subprocess
import sys
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from clew.cli import main
from clew.errors import ScenarioError
from clew.scenarios.code.gate import standing_by
from clew.scenarios.repros.repro import read_repro
from clew.scenarios.repros.trust import trusted_model

pytestmark = pytest.mark.long

NODE = """
{imports}
from clew import Node, on

class Echo(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        {handler}
        raise ValueError("no")
"""

RUNNING = "running unannounced code"
LOUD = f"print({RUNNING!r})\nV = 1\n"
SHORT = ["--time-limit", "1", "--recovery", "0", "--node-count", "1", "--no-shrink"]
COMMANDS = ["replay", "shrink --max-runs 3"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project's folder, which is the working directory."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text("")
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return project


def repro_of(
    folder: Path, imports: str = "", handler: str = "", files: dict[str, str] | None = None
) -> Path:
    """The repro file of a node, of files that stand beside it, after one failing run."""
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "node.py").write_text(NODE.format(imports=imports, handler=handler))
    assert main(["test", "node.py", *SHORT]) == 1
    return next(folder.glob("out/*/repro.json"))


def unlisted(repro: Path, *names: str) -> None:
    """Take sources out of a repro file's list."""
    data = json.loads(repro.read_text())
    for name in names:
        del data["sources"][name]
    repro.write_text(json.dumps(data))


def ran(command: str, repro: Path, *flags: str) -> int:
    name, *options = command.split()
    return main([name, str(repro), *options, *flags])


PACKAGE = {"pkg/__init__.py": "from .sub import V\n", "pkg/sub.py": LOUD}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("change", ["unlisted", "changed"])
def test_what_a_package_imports_relatively_is_refused_unread(folder, capsys, command, change):
    repro = repro_of(folder, "from pkg import V", files=PACKAGE)
    if change == "unlisted":
        unlisted(repro, "pkg/sub.py")
    else:
        (folder / "pkg/sub.py").write_text(LOUD + "# other\n")
    capsys.readouterr()
    assert ran(command, repro) == 64
    told = capsys.readouterr().err
    assert "the model's source has changed since this file was written: pkg/sub.py" in told
    assert RUNNING not in told


COMPUTED = {
    "import_module": "import importlib; importlib.import_module('la' + 'te')",
    "__import__": "__import__('la' + 'te')",
    "swallowed": "try:\n    __import__('la' + 'te')\nexcept BaseException:\n    pass",
    "by file": (
        "import os\n"
        "from importlib.util import module_from_spec, spec_from_file_location\n"
        "spec = spec_from_file_location('x', os.path.join(os.path.dirname(__file__), 'late.py'))\n"
        "spec.loader.exec_module(module_from_spec(spec))"
    ),
    "runpy": "import os, runpy; runpy.run_path(os.path.dirname(__file__) + '/late.py')",
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("form", COMPUTED)
def test_what_is_imported_by_a_computed_name_is_refused_unread(folder, capsys, command, form):
    repro = repro_of(folder, COMPUTED[form], files={"late.py": LOUD})
    data = json.loads(repro.read_text())
    data["sources"].pop("late.py", None)
    repro.write_text(json.dumps(data))
    capsys.readouterr()
    assert ran(command, repro) == 64
    told = capsys.readouterr().err
    assert f"code was about to be imported that was not announced: {folder / 'late.py'}" in told
    assert "--changed-model" in told
    assert RUNNING not in told
    assert ran(command, repro, "--changed-model") in {0, 1}
    told = capsys.readouterr().err
    line = f"names code, which imports now: {folder / 'late.py'}"
    assert told.index(line) < told.index(RUNNING)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_handler_that_swallows_is_refused_too(folder, capsys, command):
    handler = "try: __import__('la' + 'te')\n        except BaseException: pass"
    repro = repro_of(folder, handler=handler, files={"late.py": LOUD})
    unlisted(repro, "late.py")
    capsys.readouterr()
    assert ran(command, repro) == 64
    told = capsys.readouterr().err
    assert "not announced" in told
    assert RUNNING not in told


@pytest.mark.parametrize("command", COMMANDS)
def test_a_computed_name_that_is_listed_is_as_it_was(folder, capsys, command):
    handler = "__import__('la' + 'te')"
    repro = repro_of(folder, handler=handler, files={"late.py": "V = 1\n"})
    capsys.readouterr()
    assert ran(command, repro) in {0, 1}
    told = capsys.readouterr().err
    assert "late.py, node.py (as when it was written)" in told


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_never_run_is_no_change(folder, capsys, command):
    """An import in a branch that no run took is listed, since it is looked for."""
    handler = "if msg is None: import late"
    repro = repro_of(folder, handler=handler, files={"late.py": LOUD})
    assert ran(command, repro) in {0, 1}
    assert RUNNING not in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_what_shadows_an_installed_module_is_refused(folder, capsys, command):
    """A module of the standard library imports another, whose place a file of the folder takes."""
    repro = repro_of(folder, "import sys; sys.modules.pop('tabnanny', None); import tabnanny")
    (folder / "tokenize.py").write_text(LOUD)
    known = sys.modules.pop("tokenize")
    capsys.readouterr()
    try:
        assert ran(command, repro) == 64
    finally:
        sys.modules["tokenize"] = known
    told = capsys.readouterr().err
    assert f"not announced: {folder / 'tokenize.py'}" in told
    assert RUNNING not in told


def elsewhere_of(tmp_path: Path, folder: Path, where: str) -> tuple[Path, str]:
    base = {"inside": folder / "lib", "outside": tmp_path / "lib"}[where]
    base.mkdir()
    (base / "other.py").write_text(LOUD)
    return base, f"import sys; sys.path.insert(0, {str(base)!r}); import other"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("where", ["inside", "outside"])
def test_what_lies_on_a_path_of_the_users_own(folder, tmp_path, capsys, command, where):
    base, imports = elsewhere_of(tmp_path, folder, where)
    repro = repro_of(folder, imports)
    name = {"inside": "lib/other.py", "outside": "../lib/other.py"}[where]
    assert name in json.loads(repro.read_text())["sources"]
    capsys.readouterr()
    if where == "outside":
        assert ran(command, repro) == 64
        told = capsys.readouterr().err
        assert "a source of the model lies outside the project of this file" in told
        assert RUNNING not in told
    flags = ["--allow-outside"] if where == "outside" else []
    assert ran(command, repro, *flags) in {0, 1}
    unlisted(repro, name)
    capsys.readouterr()
    assert ran(command, repro) == 64
    told = capsys.readouterr().err
    assert f"not announced: {base / 'other.py'}" in told
    assert ("--allow-outside" if where == "outside" else "--changed-model") in told
    assert RUNNING not in told


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["node.py", "apart.py"])
def test_cached_bytecode_of_another_body_does_not_run(folder, capsys, command, name):
    repro = repro_of(folder, "import apart", files={"apart.py": "A = 1\n"})
    source = folder / name
    before, text = source.stat(), source.read_text()
    source.write_text(LOUD + text)
    forged = py_compile.compile(str(source), doraise=True)
    source.write_text(text)
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    data = bytearray(Path(str(forged)).read_bytes())
    data[8:16] = int(before.st_mtime).to_bytes(4, "little") + before.st_size.to_bytes(4, "little")
    Path(str(forged)).write_bytes(data)
    capsys.readouterr()
    assert ran(command, repro) in {0, 1}
    told = capsys.readouterr().err
    assert "as when it was written" in told
    assert RUNNING not in told


def test_a_source_that_is_written_after_the_look_is_refused(folder, capsys):
    path = repro_of(folder, "import late", files={"late.py": "V = 1\n"})
    capsys.readouterr()
    late = folder / "late.py"
    trusted = trusted_model(read_repro(path), path, lambda _: late.write_text(LOUD) and None)
    with pytest.raises(ScenarioError, match="has changed since it was announced"), trusted:
        pass
    assert RUNNING not in capsys.readouterr().err


def test_files_that_python_runs_by_itself_stay_unrun(folder, capsys):
    repro = repro_of(folder)
    for name in ("sitecustomize.py", "usercustomize.py", "conftest.py", "__init__.py"):
        (folder / name).write_text(LOUD)
    (folder / "loud.pth").write_text(f"import sys; print({RUNNING!r})\n")
    command = [sys.executable, "-m", "clew", "replay", str(repro), "--verify"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert RUNNING not in done.stderr + done.stdout


def test_a_fresh_process_stands_by_the_same_gate(folder, capsys):
    """What only a second process imports is refused there."""
    imports = f"if hash('x') != {hash('x')}: __import__('la' + 'te')"
    repro = repro_of(folder, "V = 1", files={"late.py": LOUD})
    node = folder / "node.py"
    node.write_text(node.read_text().replace("V = 1", imports))
    data = json.loads(repro.read_text())
    data["sources"]["node.py"] = sha256(node.read_bytes()).hexdigest()[:16]
    repro.write_text(json.dumps(data))
    capsys.readouterr()
    assert main(["replay", str(repro), "--verify"]) == 2
    told = capsys.readouterr().out
    assert "the fresh process failed" in told
    assert "not announced" in told


def test_the_doors_are_as_before_afterwards(folder, capsys):
    before = dict(vars(SourceFileLoader))
    repro = repro_of(folder)
    assert ran("replay", repro) == 1
    assert dict(vars(SourceFileLoader)) == before
    with standing_by(None):
        assert dict(vars(SourceFileLoader)) == before


def renamed(database: Path, field: str, value: str) -> None:
    """Have a database's scenarios name something else."""
    with sqlite3.connect(database) as file:
        (text,) = file.execute("SELECT scenario FROM sweeps").fetchone()
        changed = json.dumps({**json.loads(text), field: value}, sort_keys=True)
        file.execute("UPDATE sweeps SET scenario = ?", (changed,))
    file.close()


@pytest.mark.parametrize("field", ["model", "workload"])
def test_a_databases_file_outside_the_project_is_refused_unread(folder, tmp_path, capsys, field):
    repro_of(folder)
    assert main(["test", "node.py", *SHORT, "--runs", "2"]) == 1
    evil = tmp_path / "evil.py"
    evil.write_text(LOUD + (folder / "node.py").read_text())
    renamed(folder / "out/clew.sqlite", field, str(evil))
    capsys.readouterr()
    assert main(["test", "--failed", "--no-shrink"]) == 64
    told = capsys.readouterr().err
    assert f"the {field}'s file lies outside the project of this file" in told
    assert str(evil) in told
    assert "--allow-outside" in told
    assert RUNNING not in told
    main(["test", "--failed", "--no-shrink", "--allow-outside"])
    told = capsys.readouterr().err
    assert told.index(f"clew.sqlite names code, which is imported now: {evil}") < told.index(
        RUNNING
    )


def test_what_a_database_names_is_announced(folder, capsys):
    repro_of(folder, "import apart", files={"apart.py": LOUD})
    assert main(["test", "node.py", *SHORT, "--runs", "2"]) == 1
    capsys.readouterr()
    assert main(["test", "--failed", "--no-shrink"]) == 1
    told = capsys.readouterr().err
    line = "out/clew.sqlite names code, which is imported now: apart.py, node.py\n"
    assert told.index(line) < told.index(RUNNING)


def test_a_databases_repro_file_of_another_model_is_not_run(folder, tmp_path, capsys):
    """Resumed results name their repro files, and these name models."""
    repro_of(folder)
    assert main(["test", "node.py", *SHORT, "--runs", "2"]) == 1
    evil = tmp_path / "evil.py"
    evil.write_text(LOUD + (folder / "node.py").read_text())
    with sqlite3.connect(folder / "out/clew.sqlite") as file:
        repros = [row[0] for row in file.execute("SELECT repro FROM results WHERE repro <> ''")]
    file.close()
    assert repros
    for name in repros:
        data = json.loads((folder / "out" / name).read_text())
        data["plan"]["model"]["name"] = str(evil)
        (folder / "out" / name).write_text(json.dumps(data))
    capsys.readouterr()
    assert main(["test", "node.py", *SHORT, "--runs", "2", "--resume"]) == 1
    assert RUNNING not in capsys.readouterr().err
