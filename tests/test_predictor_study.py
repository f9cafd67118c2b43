"""Studies of predictors: what is measured, on which splits, and that the numbers come out again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau, norm, pearsonr, spearmanr

from workbench import seeds
from workbench.data._open import benchmark
from workbench.errors import BenchmarkError, StudyError
from workbench.harness.drive import run_study
from workbench.harness.plan import prepare
from workbench.harness.predictor_study import PredictorStudy
from workbench.harness.splits import split
from workbench.harness.store import read_measures, read_runs
from workbench.harness.study import load_study, parse_study
from workbench.predictors._pipeline import pipeline
from workbench.report.write import write_all
from workbench.statistics.paired import against_the_best, least_signed_rank_p, signed_rank
from workbench.statistics.ranking import calibration_measures, order_measures

SMALL: dict[str, Any] = {
    "name": "small",
    "kind": "predictors",
    "replicates": 2,
    "sizes": [25, 50],
    "test": 200,
    "test_sets": ["uniform", "mutation"],
    "benchmarks": ["nb201/cifar10", {"name": "nbgraph/cora", "replicates": 1}],
    "predictors": [
        {"name": "ridge", "encoding": "one_hot"},
        {"name": "extra_trees", "n_estimators": 20, "sizes": [25]},
        {"name": "ridge", "encoding": ["path", {"name": "one_hot"}], "benchmarks": ["nb201/*"]},
    ],
}


def _study(**changes: Any) -> PredictorStudy:
    study = parse_study(SMALL | changes)
    assert isinstance(study, PredictorStudy)
    return study


def test_measures_of_order_are_those_of_scipy_and_of_loops() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=60).round(1)
    predicted = (truth + rng.normal(size=60)).round(1)
    found = order_measures(truth, predicted, 10, 0.5)
    assert found["tau"] == pytest.approx(_tau_by_loop(truth, predicted))
    assert found["tau"] == pytest.approx(kendalltau(truth, predicted).statistic)
    assert found["spearman"] == pytest.approx(spearmanr(truth, predicted).statistic)
    assert found["pearson"] == pytest.approx(pearsonr(truth, predicted).statistic)
    rounded = np.round(predicted / 0.5) * 0.5
    assert found["sparse_tau"] == pytest.approx(_tau_by_loop(truth, rounded))
    by_truth = sorted(range(60), key=lambda i: -truth[i])
    by_prediction = sorted(range(60), key=lambda i: -predicted[i])
    shared = {*by_truth[:10]} & {*by_prediction[:10]}
    assert found["precision"] == len(shared) / 10
    assert found["regret"] == max(truth) - max(truth[i] for i in by_prediction[:10])
    best = by_truth[:6]
    assert found["top_tau"] == pytest.approx(_tau_by_loop(truth[best], predicted[best]))
    assert order_measures(truth, -truth, 10, None)["pearson"] == pytest.approx(-1)


def _tau_by_loop(a: Any, b: Any) -> float:
    """Kendall's tau-b by its definition: concordant less discordant pairs, ties in either apart."""
    signs = [(np.sign(a[i] - a[j]), np.sign(b[i] - b[j])) for i in range(len(a)) for j in range(i)]
    both = sum(x * y for x, y in signs)
    return float(both / (sum(abs(x) for x, _ in signs) * sum(abs(y) for _, y in signs)) ** 0.5)


def test_constant_predictions_order_nothing_and_are_noted() -> None:
    truth = np.arange(30.0)
    found = order_measures(truth, np.zeros(30), 5, 0.1)
    assert found["constant"] == 1
    assert found["tau"] == found["spearman"] == found["pearson"] == found["sparse_tau"] == 0
    with pytest.raises(ValueError, match=r"row 3: truth 3\.0, predicted nan"):
        order_measures(truth, np.where(truth == 3, np.nan, truth), 5, None)
    with pytest.raises(ValueError, match="no order"):
        order_measures(np.ones(5), np.arange(5.0), 2, None)


def test_calibration_is_that_of_the_normal_distribution() -> None:
    """Against scipy's density; and 90 % of normal draws lie in their own 90 % intervals."""
    rng = np.random.default_rng(0)
    mean, std = rng.normal(size=20_000), rng.uniform(0.5, 2, 20_000)
    truth = rng.normal(mean, std)
    found = calibration_measures(truth, mean, std)
    assert found["nll"] == pytest.approx(-np.mean(norm.logpdf(truth, mean, std)))
    assert found["coverage"] == pytest.approx(0.9, abs=4 * (0.09 / 20_000) ** 0.5)
    with pytest.raises(ValueError, match="deviations"):
        calibration_measures(truth, mean, -std)


def test_paired_differences_are_those_of_wilcoxon_and_holm() -> None:
    """Five positive differences: two of the 2**5 sign patterns are as extreme, p = .0625."""
    assert signed_rank(np.array([1.0, 2, 3, 4, 5])) == least_signed_rank_p(5) == 0.0625
    rng = np.random.default_rng(0)
    base = rng.normal(size=20)
    near = base + 1 - 0.1 * np.sign(base)
    found = {d.other: d for d in against_the_best({"a": base + 1.01, "b": near, "c": base})}
    best = found["c"].best
    assert found["c"].real
    assert found["c"].mean == pytest.approx(1.01 if best == "a" else (near - base).mean())
    smallest, largest = sorted(found.values(), key=lambda d: d.p)
    assert smallest.adjusted == pytest.approx(2 * smallest.p)
    assert largest.adjusted == pytest.approx(max(largest.p, smallest.adjusted))


@pytest.mark.parametrize("name", ["nb201/cifar10", "nbgraph/proteins"])
def test_train_and_test_share_no_class_and_training_sets_are_nested(name: str) -> None:
    study, bench = _study(benchmarks=[name], predictors=["ridge"]), benchmark(name)
    parts = split(study, bench, name, 0)
    small, labels, sets = parts.at(25)
    large, more, _ = parts.at(50)
    assert (small == large[:25]).all()
    assert (labels == more[:25]).all()
    assert (labels == bench.truth(small)).all()
    for test in sets.values():
        rows = (bench.space.canonical(archs).tolist() for archs in (small, test.archs))
        learned, asked = ({*map(tuple, found)} for found in rows)
        assert not learned & asked
        assert len(test.archs) == 200
        assert (test.truth == bench.truth(test.archs)).all()
    again = split(study, bench, name, 0).at(25)
    assert (again[0] == small).all()
    assert not (split(study, bench, name, 1).at(25)[0] == small).all()


def test_mutations_lie_around_the_best() -> None:
    """Each is at most three edits from one of ten elites, which are good: so are they."""
    study, bench = _study(), benchmark("nb201/cifar10")
    sets = split(study, bench, "nb201/cifar10", 0).at(25)[2]
    drawn, near = sets["uniform"], sets["mutation"]
    assert near.truth.mean() > np.quantile(drawn.truth, 0.75)
    assert len({*near.classes.tolist()}) == len(near.classes)


def test_labels_can_be_those_of_one_training_seed() -> None:
    study, bench = _study(labels="single"), benchmark("nb201/cifar10")
    archs, labels, _ = split(study, bench, "nb201/cifar10", 1).at(25)
    draw = seeds.replicate_draw(0, "nb201/cifar10", 1)
    for arch, label in zip(map(tuple, archs.tolist()), labels, strict=True):
        stored = bench.stored(arch)
        assert stored is not None
        assert label == bench.query(arch, 200, draw(arch, 0) % stored).score
    assert (labels != bench.truth(archs)).any()


def test_a_stored_tau_is_that_of_doing_it_by_hand(tmp_path: Path) -> None:
    study = _study(predictors=[{"name": "ridge", "encoding": "one_hot"}], replicates=1)
    run_study(study, tmp_path)
    stored = read_measures(tmp_path)
    bench = benchmark("nb201/cifar10")
    archs, labels, sets = split(study, bench, "nb201/cifar10", 0).at(50)
    test = sets["uniform"]
    model = pipeline(bench.space, "ridge", "one_hot").fit(archs, labels)
    mine = stored[(stored["benchmark"] == "nb201/cifar10") & (stored["size"] == 50)]
    mine = mine[(mine["test_set"] == "uniform") & (mine["metric"] == "tau")]
    by_hand = kendalltau(test.truth, model.predict(test.archs)).statistic
    assert mine["value"].tolist() == [pytest.approx(by_hand, abs=1e-12)]


def test_only_what_is_asked_for_is_compared(tmp_path: Path) -> None:
    study = _study()
    assert study.runs == 2 * 3 + 1 * 2
    assert run_study(study, tmp_path).failed == 0
    found = read_measures(tmp_path)
    run = found[["benchmark", "entry", "size", "replicate"]].drop_duplicates()
    counts = run.groupby(["benchmark", "entry"]).size().to_dict()
    assert counts == {
        ("nb201/cifar10", "ridge (one_hot)"): 4,
        ("nb201/cifar10", "extra_trees"): 2,
        ("nb201/cifar10", "ridge (path + one_hot)"): 4,
        ("nbgraph/cora", "ridge (one_hot)"): 2,
        ("nbgraph/cora", "extra_trees"): 1,
    }


def test_same_numbers_whatever_the_processes_and_interruptions(tmp_path: Path) -> None:
    """Kill -9 at some moment; then two processes go on. The reference ran in one."""
    path = tmp_path / "study.json"
    path.write_text(json.dumps(SMALL), encoding="utf-8")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_study(path, whole, workers=1)
    write_all(whole)
    command = [sys.executable, "-m", "workbench", "run", str(path), "--out", str(killed)]
    process = subprocess.Popen([*command, "--workers", "1"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
        if (killed / "study.sqlite").exists() and _stored(killed) >= 1:
            process.kill()
    process.wait()
    subprocess.run([*command, "--workers", "2"], check=True, capture_output=True)
    assert (killed / "summary.json").read_bytes() == (whole / "summary.json").read_bytes()


def _stored(folder: Path) -> int:
    try:
        return len(read_runs(folder))
    except Exception:
        return 0


@pytest.mark.parametrize(
    ("changes", "place", "words"),
    [
        ({"kind": "predictor"}, "kind", "did you mean 'predictors'"),
        ({"sizes": [50, 25]}, "", "sizes must rise"),
        ({"sizes": [1]}, "sizes[0]", "greater than or equal to 2"),
        ({"predictors": ["rigde"]}, "predictors[0].name", "did you mean 'ridge'"),
        (
            {"predictors": [{"name": "extra_trees", "n_estimator": 5}]},
            "predictors[0].n_estimator",
            "did you mean 'n_estimators'",
        ),
        ({"predictors": ["ridge", "ridge"]}, "", "appear twice: ridge; give each its own label="),
        (
            {"predictors": [{"name": "ridge", "benchmarks": ["fcnet/*"]}]},
            "",
            "predictors[0].benchmarks: 'fcnet/*' matches none",
        ),
        ({"test": 10}, "test", "greater than or equal to 20"),
        ({"top": 500}, "", "top must be below test"),
        (
            {"benchmarks": [{"name": "nb201/cifar10", "replicate": 1}]},
            "benchmarks[0].replicate",
            "did you mean 'replicates'",
        ),
        ({"budget": {"queries": 3}}, "budget", "unknown key"),
    ],
)  # fmt: skip
def test_faults_name_their_place(changes: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(StudyError) as caught:
        parse_study(SMALL | changes, "here")
    assert words in str(caught.value)
    assert f"here: {place}" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "place", "words"),
    [
        ({"sizes": [25, 16_000]}, "benchmarks[0]", "holds 15625 architectures"),
        (
            {"predictors": [{"name": "ridge", "encoding": "grph_features"}]},
            "predictors[0]",
            "did you mean 'graph_features'",
        ),
        (
            {"predictors": [{"name": "ridge", "encoding": {"name": "path", "length": 3}}]},
            "predictors[0].encoding",
            "length",
        ),
        (
            {"predictors": [{"name": "extra_trees", "n_estimators": 0}]},
            "predictors[0].n_estimators",
            "Got 0 instead",
        ),
        (
            {"predictors": [{"name": "nasbowl", "encoding": "one_hot"}]},
            "predictors[0].encoding",
            "takes architectures",
        ),
        (
            {"benchmarks": ["mlp/car"], "predictors": ["nasbowl"]},
            "predictors[0]",
            "(on mlp/car)",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(
    changes: dict[str, Any], place: str, words: str
) -> None:
    with pytest.raises(StudyError) as caught:
        prepare(parse_study(SMALL | changes), "here")
    assert words in str(caught.value)
    assert f"here: {place}" in str(caught.value)


def test_too_small_a_test_set_is_refused() -> None:
    name = "nbgraph/proteins"
    study = _study(benchmarks=[name], sizes=[2015], predictors=["ridge"])
    with pytest.raises(BenchmarkError, match="test set need more"):
        split(study, benchmark(name), name, 0)


BROKEN = '''
"""Gives up."""
from workbench.predictors.ridge import Ridge as Good

class Broken(Good):
    def predict(self, X):
        if len(X) > 100:
            raise RuntimeError("no more than 100")
        return super().predict(X)
'''

FLAT = '''
"""Knows nothing."""
from workbench.predictors.ridge import Ridge as Good

class Flat(Good):
    def predict(self, X):
        return 0 * super().predict(X)
'''


def test_faults_of_predictors_are_loud(tmp_path: Path) -> None:
    for name, text in (("broken", BROKEN), ("flat", FLAT)):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    path = tmp_path / "study.json"
    names = ["./broken.py", "./flat.py", "ridge"]
    path.write_text(json.dumps(SMALL | {"predictors": names}), encoding="utf-8")
    outcome = run_study(load_study(path), tmp_path / "out")
    assert outcome.failed == 3
    written = write_all(tmp_path / "out")
    text = written.report.read_text(encoding="utf-8")
    assert "RuntimeError: no more than 100 (broken.py:" in text
    assert any("counts as a correlation of 0: flat (" in sentence for sentence in written.verdict)
    assert any("3 failed" in sentence for sentence in written.verdict)


def test_smoke_is_small() -> None:
    study = _study(benchmarks=["nb201/cifar10", "nb201/cifar100", "nbgraph/cora"], sizes=[25, 1000])
    small = study.smoke()
    assert [b.name for b in small.benchmarks] == ["nb201/cifar10", "nbgraph/cora"]
    assert (small.sizes, small.replicates, small.test) == ([25], 1, 200)
    assert small.name != study.name
    assert small.runs == 2 + 2 + 1


@pytest.mark.parametrize(("name", "rows"), [("nb201/cifar10", 15_625), ("nbgraph/proteins", 2021)])
def test_every_training_of_a_table_is_drawn_once(name: str, rows: int) -> None:
    """NAS-Bench-Graph stores one training a class, 2,021 on proteins; NAS-Bench-201 one a cell."""
    bench = benchmark(name)
    study = _study(benchmarks=[name], predictors=["ridge"], sizes=[rows - 500], test=20)
    parts = split(study, bench, name, 0)
    archs = np.concatenate([parts.train.archs, parts.candidates["uniform"].archs])
    assert len(archs) == len({*bench.entries(archs).tolist()}) == rows
    if rows == 2021:
        assert (bench.space.canonical(archs) == archs).all()


def test_the_template_is_a_study_that_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workbench"]
    new = [*command, "new", "mine.toml", "--predictors"]
    subprocess.run(new, cwd=tmp_path, check=True, capture_output=True)
    study = load_study(tmp_path / "mine.toml")
    assert study.runs == 3 * (20 + 5) + 20
    done = subprocess.run(
        [*command, "run", "mine.toml", "--smoke"], cwd=tmp_path, check=True, capture_output=True
    )
    assert b"mine-smoke/report.html" in done.stdout
    assert (tmp_path / "mine-smoke" / "summary.json").is_file()


@pytest.mark.parametrize(
    ("entry", "place", "words"),
    [
        ({"name": "gcn", "space": "nb201"}, "predictors[0].space", "unknown parameter of gcn"),
        ({"name": "weaknas", "weak": "gcn"}, "predictors[0].weak", "takes features"),
        (
            {"name": "ridge", "encoding": {"name": "path", "form": "x"}},
            "predictors[0].encoding.form",
            "'one_hot', 'categorical', 'continuous'",
        ),
        ({"name": "ridge", "encoding": "one_hat"}, "predictors[0].encoding", "'one_hot'"),
        ({"name": "ridge", "target_transform": "log"}, "predictors[0].target_transform", "'none'"),
    ],
)
def test_places_of_entries(entry: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(StudyError) as caught:
        prepare(parse_study(SMALL | {"predictors": [entry]}, "here"), "here")
    assert str(caught.value).startswith(f"here: {place}: ")
    assert words in str(caught.value)
