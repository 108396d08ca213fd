"""Make the pictures of the documentation: `python docs/pictures/make.py`.

It needs the extra `browser` and Chromium.

Each is a page in the browser, at a moment and a size that show something.
"""

# ruff: noqa: INP001 - a program, no module

from __future__ import annotations

import shlex
import shutil
import tempfile
from contextlib import chdir
from pathlib import Path

from playwright.sync_api import sync_playwright

import clew
from clew.cli import main as run
from clew.report.page.page import page

HERE = Path(__file__).parent
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main() -> None:
    """Write the pictures beside this file."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("there is no Chromium on this machine")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        result = clew.run("raft", bug="stale-reads", seed=66, out=folder)
        shown = Path(folder, "report.html")
        command = "clew replay out/raft-stale-reads-lin-kv-seed-66/shrunk.json"
        shown.write_text(page(result.shrink().outcome, command, futures=True), encoding="utf-8")
        browser = driver.chromium.launch(executable_path=chromium, args=QUIET)
        tab = browser.new_page(viewport={"width": 1360, "height": 800}, color_scheme="light")
        tab.goto(shown.as_uri())
        tab.wait_for_timeout(2000)  # its policy forbids to wait for an expression
        tab.screenshot(path=HERE / "report.png")
        swept = Path(folder, "sweep.html")
        with chdir(folder):
            run(shlex.split(f"test raft --bug stale-reads --runs 40 --report {swept}"))
        tab.set_viewport_size({"width": 1360, "height": 760})
        tab.goto(swept.as_uri())
        tab.wait_for_timeout(1000)
        tab.screenshot(path=HERE / "sweep.png")
        browser.close()


if __name__ == "__main__":
    main()
