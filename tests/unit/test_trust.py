"""What a repro file names is code: it is looked at before it is imported, and never silently."""

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from clew.cli import main
from clew.scenarios.repros.trust import is_outside, projects_of, replay_command

pytestmark = pytest.mark.long

NODE = """
from clew import Node, on
{imports}
print("running the code of the file")

class Echo(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        raise ValueError("no")
"""

RUNNING = "running the code of the file"


@pytest.fixture
def project(tmp_path, monkeypatch, capsys):
    """A project with a node that says when it is imported, and its repro file."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("")
    (folder / "apart.py").write_text("A = 1\n")
    write_node(folder, imports="import apart")
    monkeypatch.chdir(folder)
    command = ["test", "node.py", "--time-limit", "1", "--recovery", "0", "--node-count", "1"]
    assert main([*command, "--no-shrink"]) == 1
    capsys.readouterr()
    return folder


def write_node(folder: Path, imports: str = "") -> None:
    (folder / "node.py").write_text(NODE.format(imports=imports))


def repro_of(folder: Path) -> Path:
    return next(folder.glob("out/*/repro.json"))


def named(repro: Path, model: str) -> None:
    data = json.loads(repro.read_text())
    data["plan"]["model"]["name"] = model
    repro.write_text(json.dumps(data))


@pytest.mark.parametrize("command", ["replay", "shrink --max-runs 3"])
def test_what_is_imported_is_said_before(project, capsys, command):
    name, *flags = command.split()
    assert main([name, str(repro_of(project)), *flags]) in {0, 1}
    told = capsys.readouterr().err
    said = "names code, which is imported now: apart.py, node.py (as when it was written)\n"
    assert said in told
    assert told.index(said) < told.index(RUNNING)


@pytest.mark.parametrize("command", ["replay", "shrink"])
@pytest.mark.parametrize("change", ["node", "beside", "gone", "new", "nested", "unlisted"])
def test_changed_sources_are_refused_unread(project, capsys, command, change):
    repro = repro_of(project)
    found = {
        "node": "node.py",
        "beside": "apart.py",
        "gone": "apart.py (gone)",
        "new": "colorsys.py (new)",
        "nested": "part/__init__.py (new)",
        "unlisted": "node.py (the repro file lists no sources)",
    }[change]
    if change == "node":
        write_node(project, imports="import apart  # other")
    elif change == "beside":
        (project / "apart.py").write_text("A = 2\n")
    elif change == "gone":
        (project / "apart.py").unlink()
    elif change in {"new", "nested"}:
        # A file that takes the place of an installed one, under a listed file as it should be.
        name, file = (
            ("colorsys", "colorsys.py") if change == "new" else ("part", "part/__init__.py")
        )
        write_node(project, imports=f"import apart, {name}")
        (project / file).parent.mkdir(exist_ok=True)
        (project / file).write_text("")
        data = json.loads(repro.read_text())
        data["sources"]["node.py"] = sha256((project / "node.py").read_bytes()).hexdigest()[:16]
        repro.write_text(json.dumps(data))
    else:
        data = json.loads(repro.read_text())
        del data["sources"]
        repro.write_text(json.dumps(data))
    capsys.readouterr()
    assert main([command, str(repro)]) == 64
    told = capsys.readouterr().err
    assert f"the model's source has changed since this file was written: {found}" in told
    assert "--changed-model" in told
    assert RUNNING not in told


@pytest.mark.parametrize("command", ["replay", "shrink --max-runs 3"])
@pytest.mark.parametrize("form", ["absolute", "upwards", "link"])
def test_a_file_outside_the_project_is_refused_unread(project, tmp_path, capsys, command, form):
    repro = repro_of(project)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("node.py", "apart.py"):
        (elsewhere / name).write_text((project / name).read_text())
    if form == "link":
        (project / "linked").symlink_to(elsewhere)
    model = {
        "absolute": str(elsewhere / "node.py"),
        "upwards": "../elsewhere/node.py",
        "link": "linked/node.py",
    }[form]
    named(repro, model)
    capsys.readouterr()
    name, *flags = command.split()
    assert main([name, str(repro), *flags]) == 64
    told = capsys.readouterr().err
    assert "lies outside the project of this file" in told
    assert str(elsewhere / "node.py") in told
    assert "--allow-outside" in told
    assert RUNNING not in told
    assert main([name, str(repro), *flags, "--allow-outside"]) in {0, 1}
    assert RUNNING in capsys.readouterr().err


def test_the_command_that_is_shown_for_a_file_elsewhere_works(project, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    os.chdir(other)
    command = ["test", "../project/node.py", "--time-limit", "1", "--recovery", "0"]
    assert main([*command, "--node-count", "1", "--no-shrink"]) == 1
    shown = capsys.readouterr().out.split("Replay this run:\n")[1].split()
    assert shown[-1] == "--allow-outside"
    assert main(shown[1:]) == 1


def test_projects(tmp_path, monkeypatch):
    deep = tmp_path / "a" / "b" / "out" / "x"
    deep.mkdir(parents=True)
    repro = deep / "repro.json"
    monkeypatch.chdir("/")
    assert projects_of(repro) == [tmp_path / "a" / "b"]
    assert projects_of(tmp_path / "a" / "repro.json") == [tmp_path / "a"]
    (tmp_path / "a" / ".git").mkdir()
    assert projects_of(repro) == [tmp_path / "a"]
    monkeypatch.chdir(tmp_path)
    assert projects_of(repro) == [tmp_path / "a", tmp_path]
    assert not is_outside(repro, "a/node.py:Echo")
    assert is_outside(repro, "../node.py")
    assert not is_outside(repro, "raft")


def test_a_shipped_model_is_replayed_without_ado(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["test", "echo", "--time-limit", "1", "--keep"]) == 0
    repro = next(tmp_path.glob("out/*/repro.json"))
    capsys.readouterr()
    assert main(["replay", str(repro)]) == 0
    assert capsys.readouterr().err == ""
    assert replay_command("r.json", "raft") == "clew replay r.json"
