"""The guide tells the truth: its code is in the repository, its transcripts are what one sees."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted((ROOT / "docs" / "guide").glob("*.md"))
SOURCES = "\n".join(
    path.read_text()
    for folder in ("examples", "clew/models")
    for path in sorted((ROOT / folder).glob("*.py"))
)


def blocks(language: str) -> list[tuple[str, str]]:
    """Page and text of every fenced block of a language."""
    return [
        (page.name, text)
        for page in PAGES
        for text in re.findall(rf"```{language}\n(.*?)\n```", page.read_text(), re.DOTALL)
    ]


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_code_of_the_guide_is_code_of_the_repository(page: str, code: str) -> None:
    assert code in SOURCES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def steady(text: str) -> list[str]:
    """The lines of a transcript without what differs from run to run: wall time."""
    return text.splitlines()


@pytest.mark.parametrize(
    ("command", "shown"),
    [text.removeprefix("$ ").partition("\n")[::2] for _, text in blocks("console")],
)
def test_transcripts_are_real(command: str, shown: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == "clew"
    done = subprocess.run(
        [sys.executable, "-m", "clew.cli", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert steady(done.stdout + done.stderr) == steady(shown)
