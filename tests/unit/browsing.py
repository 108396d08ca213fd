"""Pages of Clew in a real browser."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--no-first-run"]  # fmt: skip


@contextmanager
def started() -> Iterator[Any]:
    """The system's Chromium; the test is skipped where there is none."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    with driver.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        browser.close()


@contextmanager
def browsed(browser: Any, path: Path, width: int = 1600, scheme: str = "light") -> Iterator[Any]:
    """A page of a file, ready; afterwards it must have said nothing, and asked for itself alone."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    told = []
    tab.on("console", lambda message: told.append(message.text))
    tab.on("pageerror", lambda error: told.append(str(error)))
    tab.on("request", lambda asked: told.append(asked.url))
    tab.goto(path.as_uri())
    awaited(tab, "window.clew !== undefined")
    yield tab
    assert told == [path.as_uri()]
    context.close()


def awaited(tab: Any, expression: str) -> None:
    """Wait until an expression is true; the page's policy forbids playwright's own way to wait."""
    for _ in range(600):
        if tab.evaluate(expression):
            return
        tab.wait_for_timeout(50)
    raise AssertionError(f"it never came: {expression}")
