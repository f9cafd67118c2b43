"""Study files: what is read, and that every fault names its place and a remedy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from workbench.errors import DataMissing, MissingExtra, StudyError, UnknownName
from workbench.harness.plan import prepare
from workbench.harness.strategy_study import StrategyStudy
from workbench.harness.study import load_study, parse_study

GOOD = """
name = "small"
replicates = 3
benchmarks = ["nb201/cifar10"]
strategies = ["random_search", {name = "regularized_evolution", population = 10, sample = 3}]
[budget]
queries = 20
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_study_is_read(tmp_path: Path) -> None:
    study = load_study(_write(tmp_path, GOOD))
    assert isinstance(study, StrategyStudy)
    assert study.runs == 6
    assert [s.label for s in study.strategies] == ["random_search", "regularized_evolution"]
    assert study.strategies[1].parameters == {"population": 10, "sample": 3}
    assert [study.spec(i)[2:] for i in (0, 2, 3, 5)] == [(0, 0, 0), (0, 0, 2), (0, 1, 0), (0, 1, 2)]


def test_compact_form_is_read_back(tmp_path: Path) -> None:
    study = load_study(_write(tmp_path, GOOD))
    path = tmp_path / "again.json"
    path.write_text(study.compact(), encoding="utf-8")
    assert load_study(path).canonical() == study.canonical()


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (("replicates = 3", "replicats = 3"), "replicats", "did you mean 'replicates'"),
        (("replicates = 3", "replicates = 0"), "replicates", "greater than or equal to 1; got 0"),
        (("replicates = 3", "replicates = 2.5"), "replicates", "valid integer; got 2.5"),
        (("queries = 20", "queries = -1"), "budget.queries", "got -1"),
        (("queries = 20", "query = 20"), "budget.query", "did you mean 'queries'"),
        (("queries = 20", ""), "budget", "give queries, seconds or both"),
        (("[budget]\nqueries = 20", ""), "budget", "missing"),
        (("random_search", "random_serch"), "strategies[0].name", "did you mean 'random_search'"),
        (("population =", "populaton ="), "strategies[1].populaton", "did you mean 'population'"),
        (('name = "small"', 'name = "../x"'), "name", "'../x'"),
        (('"random_search",', '"random_search", "random_search",'), "", "appear twice"),
        (('["nb201/cifar10"]', "[]"), "benchmarks", "at least 1 item"),
        (('"nb201/cifar10"', '{name = "x", table = "t.csv"}'), "benchmarks[0]", "needs space="),
        (('"nb201/cifar10"', '{name = "x", space = "nb201"}'), "benchmarks[0]", "add table="),
        (("[budget]", "[budget"), "", "line 6"),
    ],
)
def test_faults_name_their_place(
    tmp_path: Path, change: tuple[str, str], place: str, words: str
) -> None:
    path = _write(tmp_path, GOOD.replace(*change))
    with pytest.raises(StudyError) as caught:
        load_study(path)
    assert words in str(caught.value)
    assert f"{path}: {place}" in str(caught.value)


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    path = _write(tmp_path, GOOD.replace("replicates = 3", "replicates = 0\ncolour = 1"))
    with pytest.raises(StudyError) as caught:
        load_study(path)
    assert "replicates" in str(caught.value)
    assert "colour" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (("population = 10", "population = 0"), "strategies[1].population", "integer >= 1. Got 0"),
        (("queries = 20", "seconds = 5\n[x]"), "", ""),
        (('"nb201/cifar10"', '"nbgraph/cora"'), "budget.seconds", "no training cost"),
        (("replicates = 3", 'expose = ["flops"]'), "expose", "no metric 'flops'"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    tmp_path: Path, change: tuple[str, str], place: str, words: str
) -> None:
    text = GOOD.replace(*change)
    if place == "budget.seconds":
        text = text.replace("queries = 20", "seconds = 1e6")
    if not words:
        with pytest.raises(StudyError):
            load_study(_write(tmp_path, text))
        return
    study = load_study(_write(tmp_path, text))
    with pytest.raises(StudyError) as caught:
        prepare(study, "here")
    assert words in str(caught.value)
    assert f"here: {place}" in str(caught.value)


def test_test_scores_cannot_be_exposed() -> None:
    study = parse_study(
        {
            "name": "x",
            "budget": {"queries": 5},
            "expose": ["perf"],
            "benchmarks": ["nbgraph/cora"],
            "strategies": ["random_search"],
        }
    )
    with pytest.raises(StudyError, match="test split"):
        prepare(study)


def test_unknown_benchmarks_and_tables_keep_their_kind(tmp_path: Path) -> None:
    study = load_study(_write(tmp_path, GOOD.replace("cifar10", "cifar11")))
    with pytest.raises(UnknownName, match="cifar10"):
        prepare(study)
    mine = '{name = "mine", table = "no.csv", space = "nb201", columns = "acc"}'
    study = load_study(_write(tmp_path, GOOD.replace('"nb201/cifar10"', mine)))
    with pytest.raises(DataMissing, match=r"no\.csv"):
        prepare(study)


def test_what_is_missing_keeps_its_kind_where_nothing_else_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Weights, found out when the study is tried; extras, by name; and both beside other faults."""
    monkeypatch.delenv("WORKBENCH_LCPFN", raising=False)
    bench = {"name": "measured/nb201-mnist", "label": "mine"}
    curves = {"name": "x", "kind": "curves", "benchmarks": [bench]}
    stopped = {"name": "random_search", "stopping": "lcpfn"}
    searched = {"name": "x", "budget": {"queries": 20}, "benchmarks": [bench]}
    for study, place in (
        (curves | {"extrapolators": ["lcpfn"]}, "extrapolators[0]"),
        (searched | {"strategies": [stopped]}, "strategies[0]"),
    ):
        with pytest.raises(DataMissing, match="no file of weights") as caught:
            prepare(parse_study(study), "here")
        assert str(caught.value).startswith(f"here: {place}: LCPFN needs")
        assert str(caught.value).endswith("WORKBENCH_LCPFN (on mine)")
    wrong = {"name": "regularized_evolution", "population": 5}
    with pytest.raises(StudyError, match=r"no file of weights(.|\n)*strategies\[1\]"):
        prepare(parse_study(searched | {"strategies": [stopped, wrong]}), "here")
    monkeypatch.setitem(sys.modules, "emcee", None)
    monkeypatch.delitem(sys.modules, "workbench.predictors.curves.parametric_mcmc", raising=False)
    with pytest.raises(MissingExtra, match=r"x: extrapolators\[0\]\.name: .*\[mcmc\]"):
        parse_study(curves | {"extrapolators": ["parametric_mcmc"]}, "x")
    with pytest.raises(StudyError, match=r"\[mcmc\](.|\n)*unknown extrapolator"):
        parse_study(curves | {"extrapolators": ["parametric_mcmc", "lcpfm"]})


def test_faults_of_benchmarks_are_placed_and_of_the_gravest_kind(tmp_path: Path) -> None:
    table = {"table": str(tmp_path / "no.csv"), "space": "nb201", "columns": "acc"}
    absent = [{"name": name, **table} for name in ("a", "b")]
    study = {"name": "x", "budget": {"queries": 5}, "strategies": ["random_search"]}
    with pytest.raises(DataMissing, match=r"here: benchmarks\[0\]: (.|\n)*here: benchmarks\[1\]: "):
        prepare(parse_study(study | {"benchmarks": absent}), "here")
    with pytest.raises(UnknownName, match=r"here: benchmarks\[1\]: unknown"):
        prepare(parse_study(study | {"benchmarks": [*absent[:1], "nb201/cifar11"]}), "here")


def test_overrides(tmp_path: Path) -> None:
    path = _write(tmp_path, GOOD)
    sets = [
        "budget.queries=7",
        "strategies[1].population=12",
        "strategies.0.label=uniform draws",
        "seed=4",
    ]
    study = load_study(path, sets)
    assert isinstance(study, StrategyStudy)
    assert study.budget.queries == 7
    assert study.strategies[1].parameters["population"] == 12
    assert study.strategies[0].label == "uniform draws"
    assert study.seed == 4
    for wrong in ("budget.queries", "strategies[9].population=1", "strategies.x.label=1"):
        with pytest.raises(StudyError, match=r"--set"):
            load_study(path, [wrong])


def test_presets_come_before_parameters() -> None:
    from workbench.harness.strategy_study import StrategyEntry, strategy_arguments

    entry = StrategyEntry(name="regularized_evolution", preset="nats_bench")
    assert strategy_arguments(entry) == {"population": 10, "sample": 3}
    entry = StrategyEntry.model_validate(
        {"name": "regularized_evolution", "preset": "nats_bench", "sample": 4}
    )
    assert strategy_arguments(entry) == {"population": 10, "sample": 4}
