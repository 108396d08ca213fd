"""The guide tells the truth: its code is in the repository, its transcripts are what one sees."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from guide import PAGES, ROOT, TRANSCRIPT, transcript

SOURCES = "\n".join(
    path.read_text()
    for folder in ("examples", "clew/models")
    for path in sorted((ROOT / folder).glob("*.py"))
)


def named(pattern: str) -> list:
    """Every match in the guide, as a parameter with its page and rank."""
    return [
        pytest.param(found, id=f"{page.stem}-{rank}")
        for page in PAGES
        for rank, found in enumerate(re.finditer(pattern, page.read_text(), re.DOTALL), 1)
    ]


@pytest.mark.parametrize("code", named(r"```python\n(.*?)\n```"))
def test_code_of_the_guide_is_code_of_the_repository(code: re.Match[str]) -> None:
    assert code[1] in SOURCES


@pytest.mark.parametrize("link", named(r"\]\(((?!https:)[^)#]+)\)"))
def test_links_lead_somewhere(link: re.Match[str]) -> None:
    assert (PAGES[0].parent / link[1]).exists()


@pytest.mark.parametrize("shown", named(TRANSCRIPT.pattern)[::7])
def test_some_transcripts_are_real(shown: re.Match[str]) -> None:
    assert transcript(shown[1]) == shown[0]


@pytest.mark.deep
@pytest.mark.parametrize("shown", named(TRANSCRIPT.pattern))
def test_all_transcripts_are_real(shown: re.Match[str]) -> None:
    assert transcript(shown[1]) == shown[0]
