"""Folders of scenario files, the node files beside them, and what their artefacts are called."""

from pathlib import Path

import pytest

from clew.errors import ClewError
from clew.scenarios.suites.suite import (
    artefact_names,
    options_of,
    scenario_files,
    scenario_from,
)


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
