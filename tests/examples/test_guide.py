"""The documents tell the truth: the guide's code is in the repository, and every printed command
ends as it should and prints what is shown.
"""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from guide import (
    CHAPTERS,
    DOCUMENTS,
    NOT_RUN,
    ROOT,
    SLOW,
    STATUS,
    Command,
    clone,
    commands,
    gist,
    missing,
    printed,
    run,
)

SOURCES = "\n".join(
    path.read_text()
    for folder in ("examples", "clew/models")
    for path in sorted((ROOT / folder).glob("*.py"))
)


def named(pattern: str) -> list:
    """Every match in the guide, as a parameter with its page and rank."""
    return [
        pytest.param(found, id=f"{page.stem}-{rank}")
        for page in CHAPTERS
        for rank, found in enumerate(re.finditer(pattern, page.read_text(), re.DOTALL), 1)
    ]


@pytest.mark.parametrize("code", named(r"```python\n(.*?)\n```"))
def test_code_of_the_guide_is_code_of_the_repository(code: re.Match[str]) -> None:
    assert code[1] in SOURCES


@pytest.mark.parametrize("link", named(r"\]\(((?!https:)[^)#]+)\)"))
def test_links_lead_somewhere(link: re.Match[str]) -> None:
    assert (CHAPTERS[0].parent / link[1]).exists()


def walk(document: Path, folder: Path, *, quick: bool) -> None:
    """Run a document's commands in order, and compare what they print with what it shows.

    Quickly, slow ones are left out, and no failure is made small where the page goes on without.
    """
    clone(folder)
    mine = [one for one in commands(document.read_text()) if not (quick and one.line in SLOW)]
    for command in mine:
        brief = quick and command.gist and not is_made_small(command, mine)
        line, shown = command.line, command.shown
        if brief:
            line, shown = f"{line} --no-shrink", shown.removesuffix("...\n")
        output = run(replace(command, line=line, promised=command.status), folder)
        if command.gist:
            assert gist(output) == shown, command.line
        else:
            assert missing(command, output) == [], f"{command.line}\n{output}"


def is_made_small(command: Command, among: list[Command]) -> bool:
    """Whether what is shown, or another command, knows what the failure was shrunk to."""
    if "is not made small" in command.shown:
        return True
    folder = re.search(r"^  clew replay (out/\S+)/repro\.json$", command.shown, re.MULTILINE)
    return folder is not None and any(f"{folder[1]}/shrunk.json" in each.line for each in among)


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_quick_commands_do_what_is_printed(document: Path, tmp_path: Path) -> None:
    walk(document, tmp_path, quick=True)


@pytest.mark.deep
@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_all_commands_do_what_is_printed(document: Path, tmp_path: Path) -> None:
    walk(document, tmp_path, quick=False)


NAMING = ("README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md", "tests/README.md")


@pytest.mark.parametrize("name", NAMING)
def test_files_that_are_named_are_there(name: str) -> None:
    text = (ROOT / name).read_text()
    named = set(
        re.findall(r"(?<![\w/-])((?:clew|tests|docs|examples|bench|\.ci)/[\w./-]*\w/?)", text)
    )
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_tables_name_what_is_printed_and_nothing_else() -> None:
    lines = {command.line for path in DOCUMENTS for command in printed(path.read_text())}
    assert lines >= {*STATUS, *SLOW, *NOT_RUN}
    assert not {*NOT_RUN} & {*STATUS, *SLOW}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_has_one_exit_status(document: Path) -> None:
    for command in commands(document.read_text()):
        assert command.status in {0, 1}, command.line  # 70 is no verdict


FOLLOWER_READS = '''

class FollowerReads(Store):
    """Each node answers reads from its own copy, which may be an old one."""

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": self.disk.get(json.dumps(msg.body["key"]))})

    def keep(self, key, value):
        super().keep(key, value)
        for peer in self.peers if self.id == self.first else ():
            self.send(peer, {"type": "copy", "key": key, "value": value})

    @on("copy")
    def copy(self, msg):
        self.keep(msg.body["key"], msg.body["value"])
'''


def test_the_scenarios_of_a_project(tmp_path: Path) -> None:
    chapter = (ROOT / "docs" / "guide" / "10-ci.md").read_text()
    run(Command("clew new store --workload lin-kv"), tmp_path)
    store = tmp_path / "store.py"
    store.write_text(store.read_text() + FOLLOWER_READS)
    (tmp_path / "scenarios").mkdir()
    files = re.findall(r"```toml\n(.*?)```", chapter, re.DOTALL)
    assert len(files) == 2
    for name, text in zip(("links", "followers"), files, strict=True):
        few = re.sub(r"^runs = \d+$", "runs = 4", text, flags=re.MULTILINE)
        (tmp_path / "scenarios" / f"{name}.toml").write_text(few)
    for line in ("clew test scenarios/", "clew test scenarios/ --failed"):
        run(Command(line), tmp_path)
