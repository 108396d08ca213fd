"""Scenario files: what may stand in one, what is wrong with it by line, and what it expects."""

import ast
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

import clew
from clew.checkers.verdict import Verdict
from clew.cli import main
from clew.errors import ClewError, ScenarioError, UsageError
from clew.models.registry import MODELS, bugs_of
from clew.scenarios.options.expect import kinds_of, met, parse_expect
from clew.scenarios.options.kinds import INSIDE, checks, failures
from clew.scenarios.options.names import wrong_names
from clew.scenarios.options.scenario import make_scenario, scenario_class
from clew.scenarios.options.schema import SCHEMA_FILE, made_text, scenario_schema
from clew.scenarios.options.table import declared
from clew.scenarios.suites.families import shipped
from clew.scenarios.suites.files import read_scenario
from clew.scenarios.suites.suite import (
    artefact_names,
    options_of,
    scenario_files,
    scenario_from,
)
from clew.scenarios.suites.toml_lines import first_table, lines_of
from clew.sim.finding import Finding
from clew.workloads import workloads
from clew.workloads.workload import Setting

BAD = {
    # a file's text: what is said of it, after "FILE:"
    'model = "raft"\nexpect = "invald"\n': (
        "2: option 'expect' can't be used: expected valid, invalid, invalid:KIND or unknown, found "
        "'invald'. Did you mean 'invalid'?"
    ),
    'model = "raft"\nexpect = "invald:G0"\n': (
        "2: option 'expect' can't be used: expected valid, invalid, invalid:KIND or unknown, found "
        "'invald:G0'. Did you mean 'invalid:G0'?"
    ),
    'model = "raft"\nexpect = "whatever"\n': (
        "2: option 'expect' can't be used: expected valid, invalid, invalid:KIND or unknown, found "
        "'whatever'."
    ),
    'model = "raft"\nexpect = "invalid:"\n': (
        "2: option 'expect' can't be used: expected invalid:KIND, such as invalid:G-single, or "
        "several with commas between, found 'invalid:'. Did you mean 'invalid'?"
    ),
    'model = "raft"\nexpect = "valid:G0"\n': (
        "2: option 'expect' can't be used: expected valid, invalid, invalid:KIND or unknown, found "
        "'valid:G0'. Did you mean 'valid'?"
    ),
    'model = "raft"\nexpect = "invalid:G0,elction-safety"\n': (
        "2: option 'expect' can't be used: expected a way to fail, such as nonlinearizable, "
        "liveness or G-single, found 'elction-safety'. Did you mean 'election-safety'?"
    ),
    'model = "raft"\nexpect = "invalid:xyzzy"\n': (
        "2: option 'expect' can't be used: expected a way to fail, such as nonlinearizable, "
        "liveness or G-single, found 'xyzzy'. See 'clew list kinds'."
    ),
    'model = "raft"\nexpect = 1\n': ("2: option 'expect' can't be used: expected a text, found 1."),
    'model = "raft"\n\nschedule = "pct:21"\n': (
        "3: option 'schedule' can't be used: expected time, pct, or pct:D with D from 1 to 20, "
        "found 'pct:21'."
    ),
    'model = "raft"\nschedule = "pcd"\n': (
        "2: option 'schedule' can't be used: expected time, pct, or pct:D with D from 1 to 20, "
        "found 'pcd'. Did you mean 'pct'?"
    ),
    'model = "raft"\nruns = 0\n': (
        "2: option 'runs' can't be used: expected a whole number from 1, found 0."
    ),
    'model = "raft"\nruns = true\n': (
        "2: option 'runs' can't be used: expected a value other than true and false, found True."
    ),
    'model = "raft"\nseed = -1\n': (
        "2: option 'seed' can't be used: expected a whole number from 0, found -1."
    ),
    'model = "raft"\ntime_limit = "x"\n': (
        "2: option 'time_limit' can't be used: expected a number of seconds above 0, found 'x'."
    ),
    'model = "raft"\nlatency = -0.5\n': (
        "2: option 'latency' can't be used: expected a number of milliseconds from 0, found -0.5."
    ),
    'model = "raft"\nnode_count = 3.5\n': (
        "2: option 'node_count' can't be used: expected a whole number from 1, found 3.5."
    ),
    'model = "raft"\nnode_count = 1001\n': (
        "2: option 'node_count' can't be used: expected a whole number up to 1,000, found 1001."
    ),
    'model = "raft"\nswarm = "yes"\n': (
        "2: option 'swarm' can't be used: expected true or false, found 'yes'."
    ),
    'model = "raft"\nassert = 3\n': (
        "2: option 'assert' can't be used: expected a list of texts, found 3."
    ),
    'model = "raft"\nrate = nan\n': (
        "2: option 'rate' can't be used: expected a finite number, found nan."
    ),
    'model = "raft"\n# a comment\n[faults]\nnemesis = "kill"\n': (
        "3: a scenario has no sections: expected an option and its value on each line, such as "
        "rate = 5, found [faults]. Write one scenario a file, and its options without a heading."
    ),
    '[[scenario]] # first\nmodel = "raft"\n': (
        "1: a scenario has no sections: expected an option and its value on each line, such as "
        "rate = 5, found [[scenario]]. Write one scenario a file, and its options without a "
        "heading."
    ),
    'model = "raft"\nnemesis = { kill = 1 }\n': (
        "2: option 'nemesis' can't be used: expected a list of texts, found {'kill': 1}."
    ),
    'model = "raft"\nfaults.kill = 1\n': "2: unknown option 'faults'. {known}.",
    'model = "raft"\nnemesis = [\n  "kill",\n  # more\n  3,\n]\n': (
        "5: option 'nemesis' can't be used: expected a text, found 3."
    ),
    'model = "raft"\nnemesis = [\n  "kill",\n\n  "partion",\n]\n': (
        "5: option 'nemesis' can't be used: expected one of {nemesis}, found 'partion'. Did you "
        "mean 'partition'?"
    ),
    'model = "rafft"\n': (
        "1: option 'model' can't be used: expected one of {model} or file.py or file.py:Class, "
        "found 'rafft'. Did you mean 'raft'?"
    ),
    'model = "raft"\nbug = "forgets-votes"\n': (
        "2: option 'bug' can't be used: expected one of {bugs}, found 'forgets-votes'. Did you "
        "mean 'forgets-vote'?"
    ),
    'model = "echo"\nbug = "forgets-vote"\n': (
        "2: option 'bug' can't be used: expected no such option with this model, found "
        "'forgets-vote'."
    ),
    'model = "n.py"\nworkload = "lin-vk"\n': (
        "2: option 'workload' can't be used: expected one of {workload} or "
        "file.py:Class, found 'lin-vk'. Did you "
        "mean 'lin-kv'?"
    ),
    'model = "gossip"\ntopology = "ring"\n': (
        "2: option 'topology' can't be used: expected one of {topology}, found 'ring'."
    ),
    'model = "raft"\nconsistency_models = ["serializable", "snapshto"]\n': (
        "2: option 'consistency_models' can't be used: expected one of {consistency_models}, found "
        "'snapshto'. Perhaps snapshot-isolation is meant."
    ),
    'model = "raft"\nassert = ["events > 1",\n  "events >> 1"]\n': (
        "3: option 'assert' can't be used: expected a figure, a comparison and a number, such as "
        "'servers.msgs_per_op < 30', found 'events >> 1'. 'clew test MODEL --json' prints the "
        "figures under 'statistics'."
    ),
    'model = "raft"\nlatency_dist = "exponentail"\n': (
        "2: option 'latency_dist' can't be used: expected 'constant', 'uniform', 'exponential' or "
        "'long-tailed', found 'exponentail'. Did you mean 'exponential'?"
    ),
    'description = """\nrate = 1\n"""\nmodel = "raft"\nrate = -1\nruns = 0\n': (
        "5: option 'rate' can't be used: expected a number of operations a second above 0, found "
        "-1."
    ),
    'expct = "valid"\nmodel = "raft"\n': "1: unknown option 'expct'. Did you mean 'expect'?",
    'model = "raft"\nmodel = "abd"\n': "2: this is not TOML: Cannot overwrite a value.",
}


def _full(told: str) -> str:
    options = declared(scenario_class())
    names = {name: ", ".join(one.option.known) for name, one in options.items() if one.option.names}
    return told.format(
        **names, bugs=", ".join(bugs_of("raft")), known=f"Known options: {', '.join(options)}"
    )


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_told_with_its_line(text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(text)

    status = main(["test", "mine.toml"])

    told = capsys.readouterr()
    expected = BAD[text] if "{'kill': 1}" in BAD[text] else _full(BAD[text])
    assert told.err == f"clew: mine.toml:{expected}\n"
    assert (told.out, status) == ("", 64)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"model = '\xff'\n")
    with pytest.raises(ScenarioError, match=re.escape(f"{path}: can't be read: ")):
        read_scenario(path)


BAD_OPTIONS = {
    # an option and its value: what is said of them
    ("expect", "invald"): (
        "--expect can't be used: expected valid, invalid, invalid:KIND or unknown, found 'invald'. "
        "Did you mean 'invalid'?"
    ),
    ("schedule", "pct:0"): (
        "--schedule can't be used: expected time, pct, or pct:D with D from 1 to 20, found "
        "'pct:0'. See 'clew test --help'."
    ),
    ("schedule", "fifo"): (
        "--schedule can't be used: expected time, pct, or pct:D with D from 1 to 20, found "
        "'fifo'. See 'clew test --help'."
    ),
    ("node_cuont", 3): "there is no option 'node_cuont'. Did you mean 'node_count'?",
}


@pytest.mark.parametrize("value", ["1" * 5000, "[" * 20_000 + "]" * 20_000])
def test_a_file_that_python_can_not_hold_is_refused(value, tmp_path):
    path = tmp_path / "huge.toml"
    path.write_text(f'model = "raft"\nruns = {value}\n')
    with pytest.raises(ScenarioError, match=re.escape(f"{path}: can't be read: ")):
        read_scenario(path)


@pytest.mark.parametrize(("option", "value"), BAD_OPTIONS)
def test_what_is_wrong_with_a_flag_or_an_argument(option, value):
    with pytest.raises(UsageError) as told:
        make_scenario({"model": "raft", option: value})
    assert str(told.value) == BAD_OPTIONS[option, value]


@pytest.mark.parametrize("schedule", ["time", "pct", "pct:1", "pct:9", "pct:20"])
def test_the_schedules_there_are(schedule):
    assert make_scenario({"model": "raft", "schedule": schedule}).schedule == schedule


@pytest.mark.parametrize("schedule", ["", "pct:", "pct:-1", "pct:1 ", "time:3", "PCT"])
def test_no_other_schedules(schedule):
    with pytest.raises(UsageError):
        make_scenario({"model": "raft", "schedule": schedule})


# Where things stand in a file


def test_the_lines_of_options_and_of_elements():
    text = (
        "# model = 1\n"
        'description = """a\n[b]\nc = "d"\n"""\n'
        "'quoted' = 1\n"
        "nemesis = [ # [x]\n"
        '  "a#b", [1,\n 2],\n'
        "  'c'\n"
        "]\n"
        "last = {a = [1, 2]} # end\n"
        "dotted.key = 0.5\n"
    )
    assert tomllib.loads(text)
    assert lines_of(text) == {
        ("description",): 2, ("quoted",): 6, ("nemesis",): 7, ("nemesis", 0): 8,
        ("nemesis", 1): 8, ("nemesis", 2): 10, ("last",): 12, ("last", 0): 12, ("dotted",): 13,
    }  # fmt: skip
    assert first_table(text) is None
    assert first_table(f"{text}\n  [ a.b ]\n[c]") == ("[ a.b ]", 15)


def test_the_lines_hold_where_the_file_has_windows_ends(tmp_path):
    path = tmp_path / "w.toml"
    path.write_bytes(b'model = "raft"\r\nnemesis = [\r\n  "kill",\r\n  "x",\r\n]\r\n')
    with pytest.raises(ScenarioError, match=r"w\.toml:4: option 'nemesis'"):
        read_scenario(path)


# Suites


def test_a_folder_means_all_scenarios_in_it_in_order(tmp_path):
    for name in ("b.toml", "a/z.toml", "a.toml", ".hidden/x.toml", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text('model = "node.py"\nworkload = "echo"\n')
        path.with_name("node.py").write_text("")
    names = [path.relative_to(tmp_path).as_posix() for path in scenario_files(tmp_path)]
    assert names == ["a/z.toml", "a.toml", "b.toml"]
    assert scenario_files(tmp_path / "b.toml") == [tmp_path / "b.toml"]
    beside = options_of(tmp_path / "a" / "z.toml")
    assert beside == {"model": str(tmp_path / "a" / "node.py"), "workload": "echo"}


def test_a_node_file_is_meant_beside_its_scenario_with_its_class(tmp_path):
    (tmp_path / "one.toml").write_text('model = "nodes.py:Leader"\n')
    (tmp_path / "nodes.py").write_text("")
    assert options_of(tmp_path / "one.toml") == {"model": f"{tmp_path / 'nodes.py'}:Leader"}


def test_the_way_to_a_node_file_is_the_short_one_unless_a_link_lies_in_it(tmp_path):
    (tmp_path / "store.py").write_text("")
    (tmp_path / "suite" / "deep").mkdir(parents=True)
    (tmp_path / "suite" / "deep" / "one.toml").write_text('model = "../../store.py:A"\n')
    (tmp_path / "link").symlink_to(tmp_path / "suite" / "deep")
    found = options_of(tmp_path / "suite" / "deep" / "one.toml")
    assert found == {"model": f"{tmp_path / 'store.py'}:A"}
    found = options_of(tmp_path / "link" / "one.toml")
    assert found == {"model": f"{tmp_path}/link/../../store.py:A"}


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.toml", "a"),
        ("../suite/my b.toml", "suite-my-b"),
        ("/home/me/x/a.toml", "home-me-x-a"),
        (f"{'long/' * 99}a.toml", f"{'long-' * 24}a"[-120:].strip("-")),
    ],
)
def test_artefacts_are_called_after_the_scenario_file(file, name):
    assert artefact_names([Path(file)]) == {Path(file): name}
    assert artefact_names(["abd-calm"]) == {"abd-calm": "abd-calm"}


def test_no_two_files_have_artefacts_of_one_name():
    files = [Path(name) for name in ("a/x/t.toml", "a-x-t.toml", "b.toml")]
    one, other, third = artefact_names(files).values()
    assert one != other
    assert one.startswith("a-x-t-")
    assert third == "b"
    assert artefact_names(reversed(files)) == artefact_names(files)


BAD_PATHS = {
    "nothing": "nothing: there is no such file. Check the path.",
    "empty": (
        "empty: there is no scenario in this folder: expected files that end in .toml. Check the "
        "path."
    ),
    "mixed": "mixed/b.toml:1: unknown option 'modle'. Did you mean 'model'?",
}


@pytest.mark.parametrize("path", BAD_PATHS)
def test_what_is_wrong_with_a_folder(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "a.toml").write_text('model = "echo"\n')
    (tmp_path / "mixed" / "b.toml").write_text('modle = "echo"\n')
    with pytest.raises(ClewError) as told:
        [options_of(file) for file in scenario_files(Path(path))]
    assert str(told.value) == BAD_PATHS[path]


def test_a_planted_bug_brings_its_options_unless_others_are_given():
    planted = scenario_from({"model": "raft", "bug": "forgets-vote"})
    assert (planted.rate, planted.nemesis) == (20.0, ("kill",))
    assert scenario_from({"model": "raft", "bug": "forgets-vote", "rate": 7}).rate == 7


# What is expected


@dataclass
class Ran:
    seed: int
    signature: str = ""

    @property
    def verdict(self):
        return (
            Verdict.VALID if not self.signature
            else Verdict.UNKNOWN if "unknown" in self.signature
            else Verdict.INVALID
        )  # fmt: skip


ELECTION = "nodes: invalid (invariant election-safety, invariant log-matching)"
LINEAR = "linearizable: invalid (nonlinearizable); liveness: invalid (no-progress)"
RAISED = "nodes: invalid (KeyError at my-node.py:12, refused at x.py:3)"
OPEN = "faults: unknown"

MET = [
    # expect, the runs' signatures: verdict and the reason
    (None, ["", ""], "valid", "Every run was to be valid: 2 valid."),
    ("valid", [], "valid", "Every run was to be valid: there was no run."),
    ("valid", ["", OPEN], "unknown",
     "Every run was to be valid: 1 unknown (first at seed 1), 1 valid."),
    ("valid", [OPEN, LINEAR, LINEAR], "invalid",
     "Every run was to be valid: 2 invalid (first at seed 1), 1 unknown (first at seed 0)."),
    ("unknown", ["", OPEN], "valid",
     "The worst run was to be unknown: 1 unknown (first at seed 1), 1 valid."),
    ("unknown", [""], "invalid", "The worst run was to be unknown: 1 valid."),
    ("unknown", [OPEN, LINEAR], "invalid",
     "The worst run was to be unknown: 1 invalid (first at seed 1), 1 unknown (first at seed 0)."),
    ("invalid", ["", LINEAR, ELECTION], "valid",
     "A failure was expected and found: 2 of 3 runs, first at seed 1."),
    ("invalid", ["", ""], "invalid", "A failure was expected and not found: 2 valid."),
    ("invalid", ["", OPEN], "unknown",
     "A failure was expected and not found: 1 unknown (first at seed 1), 1 valid."),
    ("invalid:nonlinearizable", [LINEAR], "valid",
     "nonlinearizable was expected and found: 1 of 1 run, first at seed 0."),
    ("invalid:nonlinearizable", ["", OPEN, LINEAR], "valid",
     "nonlinearizable was expected and found: 1 of 3 runs, first at seed 2."),
    ("invalid:nonlinearizable", [ELECTION, "", LINEAR, ELECTION], "invalid",
     f"nonlinearizable was expected, and seed 0 fails otherwise: {ELECTION}."),
    ("invalid:nonlinearizable,election-safety", [ELECTION, "", LINEAR], "valid",
     "nonlinearizable or election-safety was expected and found: 2 of 3 runs, first at seed 0."),
    ("invalid:G0", ["", ""], "invalid", "G0 was expected and not found: 2 valid."),
]  # fmt: skip


@pytest.mark.parametrize(("expect", "signatures", "verdict", "reason"), MET)
def test_whether_an_expectation_is_met(expect, signatures, verdict, reason):
    runs = [Ran(seed, signature) for seed, signature in enumerate(signatures)]
    forwards, backwards = met(expect, runs), met(expect, reversed(runs))
    assert (forwards.verdict.value, forwards.reason) == (verdict, reason)
    assert backwards == forwards


@pytest.mark.parametrize(
    ("signature", "names"),
    [
        ("", set()),
        (ELECTION, {"nodes", "invariant", "election-safety", "log-matching",
                    "invariant election-safety", "invariant log-matching"}),
        (LINEAR, {"linearizable", "nonlinearizable", "liveness", "no-progress"}),
        (RAISED, {"nodes", "KeyError", "exception", "KeyError at my-node.py:12", "refused",
                  "refused at x.py:3"}),
        ("liveness: invalid", {"liveness"}),
        (OPEN, set()),
    ],
)  # fmt: skip
def test_the_names_of_a_failure(signature, names):
    assert kinds_of(signature) == names


def _kinds_in(source):
    """The kinds of anomaly that a module names where it makes one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Anomaly":
            for part in ast.walk(node.args[0]):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def test_every_way_to_fail_has_a_name_that_can_be_expected():
    package = Path(clew.__file__).parent
    setting = Setting(nodes=("n1",))
    made = [one for name in workloads() for one in workloads()[name](None, setting).checkers()]
    modules = {package / f"{type(one).__module__.replace('.', '/')[5:]}.py" for one in made}
    modules |= {*(package / "checkers" / "linearizability").glob("*.py")}
    modules |= {package / "scenarios" / "asserts.py", package / "scenarios" / "outcome.py"}
    kinds = {kind for path in modules for kind in _kinds_in(path.read_text(encoding="utf-8"))}
    inside = re.findall(r"``([a-z-]+)``", Finding.__doc__.partition("reason:")[0])

    assert "nonlinearizable" in kinds
    assert kinds - set(failures()) == set()
    assert set(inside) == set(INSIDE)
    assert {one.name for one in made} <= set(checks())


def test_an_expectation_is_parsed():
    assert parse_expect("invalid:G0, invariant x") == (Verdict.INVALID, ("G0", "invariant x"))
    for wrong in ("", "Valid", "invalid:a,,b", "invalid:a;b", "unknown:x", "invalid(G0)"):
        with pytest.raises(ValueError, match="invalid"):
            parse_expect(wrong)


# The schema


def test_the_shipped_schema_is_the_models():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == made_text(), (
        "run: python docs/reference/generate.py"
    )


def test_the_schema_is_printed(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == scenario_schema()


def test_every_option_has_a_meaning_and_an_example_that_the_schema_and_the_model_accept():
    schema = scenario_schema()
    for name, field in schema["properties"].items():
        assert field["description"].endswith("."), name
        for example in field["examples"]:
            options = {"model": "raft", name: example}
            assert _faults(options, schema) == [], (name, example)
            make_scenario(options)


@pytest.mark.parametrize("name", shipped())
def test_the_schema_accepts_what_ships(name):
    options = dict(shipped()[name])
    assert _faults(options, scenario_schema()) == []
    assert list(wrong_names(make_scenario(options))) == []


def test_the_schema_refuses_what_is_refused():
    # What depends on more than one option, and on the names of consistency models, is not in it.
    later = ("bug", "consistency_models", "assert", "G0,elction", "xyzzy")
    for text, told in BAD.items():
        if "TOML" in told or "sections" in told or any(word in text for word in later):
            continue
        assert _faults(tomllib.loads(text), scenario_schema()), text
    for model in (*MODELS, "a.py", "b/a.py:C"):
        assert _faults({"model": model}, scenario_schema()) == []


_TYPES = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list,
    "object": dict,
}  # fmt: skip
_BOUNDS = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
    "enum": lambda value, known: value in known,
    "pattern": lambda value, pattern: re.search(pattern, value) is not None,
    "required": lambda value, names: all(name in value for name in names),
    "anyOf": lambda value, forms: any(not _faults(value, form) for form in forms),
}
_TOLD = {
    "$schema", "$id", "title", "description", "default", "examples", "type", "items", "properties",
    "additionalProperties",
}  # fmt: skip


def _faults(value, schema):
    """What a JSON schema of these words has against a value; an unknown word fails the test."""
    assert set(schema) <= _TOLD | set(_BOUNDS)
    if "type" in schema:
        flag = isinstance(value, bool) and schema["type"] != "boolean"
        if flag or not isinstance(value, _TYPES[schema["type"]]):
            return [("type", schema["type"], value)]
    found = [(word, schema[word], value) for word, holds in _BOUNDS.items()
             if word in schema and not holds(value, schema[word])]  # fmt: skip
    for item in value if "items" in schema else ():
        found += _faults(item, schema["items"])
    for name, part in value.items() if "properties" in schema else ():
        known = schema["properties"].get(name)
        found += [("unknown", name, part)] if known is None else _faults(part, known)
    return found
