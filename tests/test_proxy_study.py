"""Studies of proxies: what is measured, that the numbers come out again, and what is refused."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau, pearsonr, spearmanr
from typer.testing import CliRunner

from workbench import registry, seeds
from workbench.cli import app
from workbench.data._open import benchmark
from workbench.errors import StoreError, StudyError
from workbench.harness import proxy_runner
from workbench.harness.drive import run_plan, run_study
from workbench.harness.plan import prepare
from workbench.harness.proxy_runner import _lead, _scored
from workbench.harness.proxy_study import COUNTS, ProxyStudy
from workbench.harness.store import progress_of, read_measures, read_runs
from workbench.harness.study import load_study, parse_study
from workbench.proxies import ALL, measure
from workbench.report.agreement import half_width, read_agreement, sentences
from workbench.report.write import write_all
from workbench.statistics.ranking import spearman

NOISE = {"name": "noise", "shape": [1, 8, 8], "classes": 4}
SMALL: dict[str, Any] = {
    "name": "small",
    "kind": "proxies",
    "replicates": 2,
    "top": 0.2,
    "benchmarks": [
        {
            "name": "nb201/cifar10",
            "label": "small network",
            "sample": 40,
            "batch_size": 8,
            "dataset": NOISE,
            "build": {"channels": 4, "cells": 1, "stages": 1},
        },
        {"name": "measured/nb201-mnist", "sample": 12, "batch_size": 8, "replicates": 1},
    ],
    "proxies": ["synflow", "az_nas", {"name": "nwot", "label": "codes"}],
}


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))


def _study(**changes: Any) -> ProxyStudy:
    study = parse_study(SMALL | changes)
    assert isinstance(study, ProxyStudy)
    return study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "small"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        run_study(_study(), folder)
    return folder


def _value(folder: Path, entry: str, of: str, metric: str, replicate: int = 0) -> float:
    found = read_measures(folder).set_index(
        ["benchmark", "entry", "replicate", "test_set", "metric"]
    )["value"]
    return float(found["small network", entry, replicate, of, metric])


def test_counting_is_always_compared() -> None:
    assert _study().names == ["synflow", "az_nas", "nwot", "params", "flops"]
    assert _study(proxies=["flops"]).names == ["flops", "params"]
    everything = {k: v for k, v in SMALL.items() if k != "proxies"}
    assert isinstance(whole := parse_study(everything), ProxyStudy)
    assert whole.names == list(ALL)


def test_measures_are_those_of_scipy(folder: Path) -> None:
    """Scores by ``workbench.proxies.measure``, correlations by ``scipy.stats``."""
    bench, settings = benchmark("nb201/cifar10"), SMALL["benchmarks"][0]
    archs = _scored(_study(), 0).archs
    assert len(archs) == len(np.unique(archs, axis=0)) == 40
    truth = bench.truth(archs)
    seed = seeds.entropy(0, "proxies", 1) >> 97
    names = ["synflow", "az_nas", "nwot", "params", "flops"]
    scores, _ = measure(
        bench.space, archs, NOISE, names, network=settings["build"], batch_size=8, seed=seed
    )
    best = np.argsort(-truth)[:8]
    for entry, column in zip(("synflow", "az_nas", "codes", "params", "flops"), scores.T):  # noqa: B905
        for of, rows in (("all", np.arange(40)), ("top", best)):
            rho = spearmanr(truth[rows], column[rows]).statistic
            tau = kendalltau(truth[rows], column[rows]).statistic
            assert _value(folder, entry, of, "spearman", 1) == pytest.approx(rho)
            assert _value(folder, entry, of, "tau", 1) == pytest.approx(tau)
        chosen = {*np.argsort(-column, kind="stable")[:8].tolist()}
        shared = len(chosen & {*best.tolist()}) / 8
        assert _value(folder, entry, "all", "precision", 1) == shared
        counts = [spearmanr(truth, scores[:, i]).statistic for i in (3, 4)]
        lead = spearmanr(truth, column).statistic - max(counts)
        assert _value(folder, entry, "all", "lead", 1) == pytest.approx(lead)


def test_a_replicate_is_another_batch_and_other_weights(folder: Path) -> None:
    assert _value(folder, "synflow", "all", "spearman", 0) != _value(
        folder, "synflow", "all", "spearman", 1
    )
    assert _value(folder, "params", "all", "spearman", 0) == _value(
        folder, "params", "all", "spearman", 1
    )


def test_the_interval_of_a_lead_is_that_of_a_bootstrap() -> None:
    """Against resampling row by row with ``scipy.stats.pearsonr`` on the ranks, 600 times."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=120)
    mine, count = truth + rng.normal(size=120), truth + 2 * rng.normal(size=120)
    found = _lead(truth, mine, [count, rng.normal(size=120)], np.random.default_rng(1))
    ranks = [np.argsort(np.argsort(c)).astype(float) for c in (truth, mine, count)]
    drawn = []
    for _ in range(600):
        rows = rng.integers(120, size=120)
        a, b, c = (r[rows] for r in ranks)
        drawn.append(pearsonr(a, b).statistic - pearsonr(a, c).statistic)
    low, high = np.percentile(drawn, [2.5, 97.5])
    # An end of an interval from 600 draws has a standard error of about .11 deviations.
    error = 4 * 0.14 * float(np.std(drawn))
    assert found["lead_low"] == pytest.approx(low, abs=error)
    assert found["lead_high"] == pytest.approx(high, abs=error)
    assert found["lead_low"] < found["lead"] < found["lead_high"]


def test_counting_leads_over_itself_by_nothing(folder: Path) -> None:
    leads = [_value(folder, name, "all", m) for name in COUNTS for m in ("lead", "lead_high")]
    assert max(leads) == pytest.approx(0, abs=1e-9)


def test_the_interval_of_a_correlation_covers() -> None:
    """Half-widths against the spread of Spearman correlations of 2,000 drawn normal samples."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(2000, 60))
    b = 0.7 * a + np.sqrt(1 - 0.49) * rng.normal(size=(2000, 60))
    rho = np.array([spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)])
    wanted = np.diff(np.percentile(rho, [2.5, 97.5]))[0] / 2
    assert half_width(float(rho.mean()), 60) == pytest.approx(wanted, rel=0.1)


def test_processes_and_interruptions_change_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it scores: what was scored is read again, and the numbers are the same."""
    stop = tmp_path / "stopped"

    def kill(done: int, of: int, failed: int) -> None:
        assert of == 92
        if done == 30:
            raise KeyboardInterrupt

    study = _study()
    with pytest.raises(KeyboardInterrupt):
        proxy_runner.ahead(study, range(study.runs), 1, kill)
    built = []
    network = registry.load("networks", "nb201")
    original = network.__init__

    @wraps(original)
    def counted(*given: Any, **settings: Any) -> None:
        built.append(given)
        original(*given, **settings)

    monkeypatch.setattr(network, "__init__", counted)
    run_study(study, stop)
    assert len(built) <= 92 - 30 + 4
    run_study(study, tmp_path / "two", workers=2)
    for other in (stop, tmp_path / "two"):
        a, b = (read_measures(f).query("metric != 'seconds'") for f in (folder, other))
        assert a.equals(b)


def test_a_finished_study_scores_nothing_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_runner, "_scores", lambda *_: 1 / 0)
    assert run_study(_study(), folder).ran == 0


def test_architectures_are_the_same_on_all_tables_of_a_space() -> None:
    """So that one scoring serves them all."""
    given = {k: v for k, v in SMALL["benchmarks"][0].items() if k not in ("name", "label")}
    names = ["nb201/cifar10", "nb201/cifar100", "nb201/imagenet16-120"]
    study = _study(benchmarks=[{"name": name, **given} for name in names])
    keys = {_scored(study, i).key() for i in range(3)}
    assert len(keys) == 1
    steps: list[tuple[int, int, int]] = []
    proxy_runner.ahead(study, range(study.runs), 1, lambda *n: steps.append(n))
    assert steps[-1] == (80, 80, 0)


@pytest.mark.parametrize(
    "body",
    ["raise ParameterError('not to my taste')", "1 / 0", "raise SystemExit(5)", "return 'x'"],
)
def test_a_proxy_that_fails_fails_alone(body: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(
        "from workbench.errors import ParameterError\n"
        "from workbench.proxies import Proxy\n"
        "class Broken(Proxy):\n"
        '    """Never works."""\n'
        f"    def score(self, passes):\n        {body}\n",
        encoding="utf-8",
    )
    bench = SMALL["benchmarks"][0] | {"sample": 10}
    study = _study(benchmarks=[bench], replicates=1, proxies=[str(path), "nwot"])
    outcome = run_study(study, tmp_path / "out")
    assert (outcome.ran, outcome.failed) == (4, 1)
    runs = read_runs(tmp_path / "out").set_index("entry")["error"]
    assert "broken.py has no score of 10 of 10 architectures" in runs["broken"]
    assert "1 failed" in " ".join(sentences(read_agreement(tmp_path / "out")))


def test_a_report_before_counting_is_done_says_so(folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "half"
    shutil.copytree(folder, copied)
    with sqlite3.connect(copied / "study.sqlite") as db:
        for table in ("measures", "runs"):
            db.execute(
                f"DELETE FROM {table} WHERE run IN"
                " (SELECT run FROM runs WHERE entry IN ('params', 'flops'))"
            )
    said = " ".join(write_all(copied).verdict)
    assert "On small network nothing can be said yet" in said
    assert "This is not the whole study: 9 of 15 runs are finished" in said


def test_equal_truths_order_nothing(tmp_path: Path) -> None:
    """The best three of a table are equal: a correlation of 0, as for constant predictions."""
    assert spearman(np.ones(5), np.arange(5.0)) == spearman(np.arange(5.0), np.ones(5)) == 0
    rows = ["arch,score"]
    archs = benchmark("nb201/cifar10").space.all()[:400:20]
    names = [benchmark("nb201/cifar10").space.format(tuple(a)) for a in archs.tolist()]
    for same, message in ((4, ""), (20, "are all the same: there is no order to find")):
        table = tmp_path / f"{same}.csv"
        scores = [min(i, 20 - same) for i in range(20)]
        lines = [f"{name},{score}" for name, score in zip(names, scores, strict=True)]
        table.write_text("\n".join([*rows, *lines]), encoding="utf-8")
        own = {"table": str(table), "space": "nb201", "columns": "score", "architecture": "arch"}
        settings = {k: SMALL["benchmarks"][0][k] for k in ("batch_size", "dataset", "build")}
        given = {"name": "mine", "allow_missing": True, **own, **settings}
        study = _study(benchmarks=[given], replicates=1, proxies=["nwot"], top=0.1)
        if message:
            with pytest.raises(StudyError, match=message):
                prepare(study)
        else:
            assert run_study(study, tmp_path / "out").failed == 0


def test_a_study_that_is_scored_is_there_and_locked(tmp_path: Path) -> None:
    """From its first second on: its status can be asked, and nobody else runs it."""
    study = _study(benchmarks=SMALL["benchmarks"][:1], replicates=1)
    seen: list[Any] = []

    def shows(_: str, what: str) -> Any:
        seen.append((what, progress_of(tmp_path)["finished"]))
        with pytest.raises(StoreError, match="is being written by"):
            run_study(study, tmp_path)
        return nullcontext(lambda *_: None)

    run_plan(prepare(study), tmp_path, 1, shows)
    assert seen == [("architectures", 0), ("runs", 0)]


def test_the_report_says_what_was_found(folder: Path) -> None:
    written = write_all(folder)
    page = written.report.read_text(encoding="utf-8")
    said = " ".join(written.verdict)
    assert "On small network, over 40 architectures" in said
    assert "Nothing is said of the truly best 20 %" in said
    assert page.count("<svg") == 3
    assert "codes" in page
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    place = summary["benchmarks"]["small network"]["az_nas"]["all"]["40"]["spearman"]
    values = [_value(folder, "az_nas", "all", "spearman", r) for r in (0, 1)]
    assert place["mean"] == pytest.approx(np.mean(values))
    assert place["runs"] == 2
    assert "seconds" not in summary["benchmarks"]["small network"]["az_nas"]["all"]["40"]


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "data unknown": (
        {"benchmarks": ["nb201/cifar10"]},
        r"benchmarks\[0\]\.dataset: nb201/cifar10 does not say.*noise",
    ),
    "no truth": (
        {"benchmarks": ["live/nb201/digits"]},
        r"benchmarks\[0\]: live/nb201/digits knows no true scores",
    ),
    "no such data set": (
        {"benchmarks": [{"name": "nb201/cifar10", "dataset": {"name": "digitz"}}]},
        r"benchmarks\[0\]: unknown data set 'digitz'.*digits",
    ),
    "no such setting": (
        {"benchmarks": [SMALL["benchmarks"][0] | {"build": {"depth": 3}}]},
        r"benchmarks\[0\]: the network of nb201 has no setting 'depth'; known: cells, channels",
    ),
    "wrong noise": (
        {"benchmarks": [SMALL["benchmarks"][0] | {"dataset": {"name": "noise", "shape": 3}}]},
        "noise with shape: it takes shape and classes",
    ),
    "no name": (
        {"benchmarks": [{"name": "nb201/cifar10", "dataset": {"shape": [1]}}]},
        r"benchmarks\[0\]: dataset must be a mapping with a name",
    ),
    "no such proxy": ({"proxies": ["synflo"]}, r"proxies\[0\]\.name: .*'synflo'.*synflow"),
    "parameters": (
        {"proxies": [{"name": "nwot", "batch": 3}]},
        r"proxies\[0\]\.batch: unknown key",
    ),
    "too large a sample": (
        {"benchmarks": [SMALL["benchmarks"][0] | {"sample": 15_626}]},
        r"benchmarks\[0\]\.sample: 15626 are asked for, and small network holds 15625",
    ),
    "top": ({"top": 0.9}, r"top: .*less than or equal to 0\.5"),
    "space without networks": (
        {"benchmarks": [{"name": "nbgraph/cora", "dataset": NOISE}]},
        r"benchmarks\[0\]: unknown network of the space 'nbgraph'; known: fcnet, mlp, nb201$",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_compared_is_said_with_its_place(name: str) -> None:
    changes, message = FAULTS[name]
    with pytest.raises(StudyError, match=message):
        prepare(_study(**changes))


def test_another_study_is_refused(folder: Path) -> None:
    with pytest.raises(StoreError, match="another study"):
        run_study(_study(seed=1), folder)


def test_a_new_file_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert runner.invoke(app, ["new", "mine.toml", "--proxies"]).exit_code == 0
    study = load_study(Path("mine.toml"))
    assert isinstance(study, ProxyStudy)
    assert study.name == "mine"
    done = runner.invoke(app, ["run", "mine.toml", "--smoke", "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert Path("mine-smoke/report.html").is_file()
    both = runner.invoke(app, ["new", "x.toml", "--proxies", "--predictors"])
    assert isinstance(both.exception, StudyError)
