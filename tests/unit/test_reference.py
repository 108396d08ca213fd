"""The printed reference is what the tables say, and the tables say all there is."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from clew.cli import main
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.trace.kinds import KINDS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "reference" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_on_checkers_holds_every_anomaly_and_every_consistency_model(generate: ModuleType):
    page = generate.anomalies()
    for row in (*generate.ANOMALIES, *generate.CONSISTENCY):
        assert f"| {row.name} |" in page


def test_the_pages_are_up_to_date(generate: ModuleType):
    pages = generate.pages()
    stale = [
        name
        for name, text in pages.items()
        if not (DOCS / "reference" / name).is_file()
        or (DOCS / "reference" / name).read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run: python docs/reference/generate.py"


def test_every_kind_of_event_and_each_field_is_explained():
    page = (DOCS / "reference" / "trace.md").read_text(encoding="utf-8")
    missing = [
        (name, field)
        for name, kind in KINDS.items()
        for field, meaning in {"": kind.meaning, **kind.fields}.items()
        if not meaning or f"| {meaning} |" not in page
    ]
    assert missing == []


WORKING = """
from clew import Node, on

class Working(Node):
    workload = "echo"

    @on("echo")
    async def echo(self, msg):
        await self.work(0.01)
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
"""


def test_every_figure_of_a_run_is_explained(generate: ModuleType, tmp_path: Path):
    (tmp_path / "working.py").write_text(WORKING)
    paths = set[str]()
    for name in ("gossip", str(tmp_path / "working.py")):
        scenario = make_scenario({"model": name, "nemesis": "partition", "time_limit": 5,
                                  "allow_inert": True, "regions": "eu,us"})  # fmt: skip
        model = load_model(name)
        run = simulate(draw_plan(scenario, 0, model), model)
        paths |= {*_paths(judge(run, model).statistics)}

    wildcards = [
        ("operations.by_f.", "operations.by_f.F"),
        ("latency_ms.", "latency_ms.Q"),
        ("network.dropped.", "network.dropped.WHY"),
    ]
    named = set()
    for path in paths:
        path = re.sub(r"^nodes\.n\d\.", "nodes.N.", path)  # noqa: PLW2901
        path = re.sub(r"^regions\.(eu|us)\.", "regions.R.", path)  # noqa: PLW2901
        path = re.sub(r"^regions\.R\.latency_ms\..*", "regions.R.latency_ms.Q", path)  # noqa: PLW2901
        path = re.sub(r"^load\.(main|recovery)\.", "load.PHASE.", path)  # noqa: PLW2901
        named.add(next((name for start, name in wildcards if path.startswith(start)), path))
    assert named == {*generate.FIGURES, *generate.SERIES}


def test_every_field_of_a_run_in_json_is_explained(generate: ModuleType, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found: list[dict[str, Any]] = []
    monkeypatch.setattr("clew.commands.reports.echo", lambda line: found.append(json.loads(line)))
    command = "test echo --time-limit 1 --runs 2 --jobs 1 --expect invalid --json --verify"
    main(shlex.split(command))
    main(shlex.split(f"{command} --resume"))
    run, _, met, *_, resumed, same = found
    assert (set(met), met) == (set(generate.JSON_MET), same)
    assert set(run) == {*generate.JSON, "deterministic"}
    assert {*generate.JSON_SOMETIMES} == {"deterministic", "resumed"}
    forgotten = {"workload", "checks", "remarks", "statistics"}
    assert set(resumed) == {*generate.JSON, "resumed"} - forgotten


def _paths(figures: dict[str, Any], start: str = "") -> list[str]:
    found = []
    for name, value in figures.items():
        path = f"{start}{name}"
        found += _paths(value, f"{path}.") if isinstance(value, dict) else [path]
    return found


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
