"""Studies of curves: what is measured, what stopping early does, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy.stats import kendalltau, norm
from typer.testing import CliRunner

from workbench import registry
from workbench.cli import app
from workbench.data._open import benchmark
from workbench.errors import StudyError
from workbench.harness.curve_runner import trainings
from workbench.harness.curve_study import CurveStudy
from workbench.harness.drive import run_study
from workbench.harness.plan import prepare
from workbench.harness.store import read_measures
from workbench.harness.study import load_study, parse_study
from workbench.predictors.curves._stopping import hopeless, stop_early
from workbench.report.extrapolation import likelier, read_extrapolation, sentences, stopping
from workbench.report.extrapolation_figures import savings
from workbench.report.write import write_all
from workbench.types import Floats

BENCH = "measured/nb201-mnist"
SMALL: dict[str, Any] = {
    "name": "small",
    "kind": "curves",
    "replicates": 2,
    "train": 40,
    "test": 60,
    "epochs": [4, 12],
    "benchmarks": [BENCH],
    "extrapolators": ["last_value", "sotl_e", {"name": "lcsvr", "label": "support vectors"}],
}


def _study(**changes: Any) -> CurveStudy:
    study = parse_study(SMALL | changes)
    assert isinstance(study, CurveStudy)
    return study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "small"
    run_study(_study(), folder, workers=2)
    return folder


def _value(folder: Path, entry: str, epoch: int, metric: str, replicate: int) -> float:
    keys = ["entry", "size", "metric", "replicate"]
    found = read_measures(folder).set_index(keys)["value"]
    return float(found[entry, epoch, metric, replicate])


def test_measures_are_those_of_the_extrapolator_by_hand(folder: Path) -> None:
    """``LcSVR`` on the study's trainings; correlations and densities by ``scipy.stats``."""
    bench, study = benchmark(BENCH), _study()
    shown = trainings(study, bench, BENCH, 1)
    assert shown.scores.shape == (100, 24)
    rows = np.hstack([shown.archs.astype(np.float64), shown.scores])
    model = registry.load("extrapolators", "lcsvr")(bench.space)
    model.fit(rows[:40], shown.truth[:40])
    d = bench.space.dimension
    for epoch in (4, 12):
        cut = np.where(np.arange(d + 24) < d + epoch, rows[40:], np.nan)
        mean, std = model.predict(cut, return_std=True)
        wrong, truth = mean - shown.truth[40:], shown.truth[40:]
        nll = -norm.logpdf(truth, mean, std).mean()
        inside = (np.abs(wrong) <= 1.6448536 * std).mean()
        for metric, value in (
            ("tau", kendalltau(truth, mean).statistic),
            ("error", np.abs(wrong).mean()),
            ("nll", nll),
            ("coverage", inside),
        ):
            assert _value(folder, "support vectors", epoch, metric, 1) == pytest.approx(value)


def test_trainings_are_stored_ones_and_no_architecture_comes_twice() -> None:
    bench, study = benchmark(BENCH), _study(train=50, test=400)
    shown, other = (trainings(study, bench, BENCH, replicate) for replicate in (0, 1))
    entries = bench.entries(shown.archs)
    assert len(set(entries.tolist())) == 450
    seeds = set()
    for arch, scores in zip(shown.archs[:60], shown.scores[:60], strict=True):
        stored = [bench.query(tuple(arch.tolist()), 24, r).curve for r in range(3)]
        seeds.add(stored.index(tuple(scores.tolist())))
    assert seeds == {0, 1, 2}
    np.testing.assert_array_equal(shown.truth, bench.truth(shown.archs))
    assert (shown.archs != other.archs).any()


def test_the_same_numbers_from_one_process_and_two(folder: Path, tmp_path: Path) -> None:
    run_study(_study(), tmp_path / "one", workers=1)
    write_all(tmp_path / "one")
    write_all(folder)
    names = [path / "summary.json" for path in (folder, tmp_path / "one")]
    assert names[0].read_bytes() == names[1].read_bytes()
    assert json.loads(names[0].read_text())["benchmarks"][BENCH].keys() == {
        "last_value", "sotl_e", "support vectors",
    }  # fmt: skip


def test_hopeless_is_the_tail_of_a_normal() -> None:
    rng = np.random.default_rng(0)
    mean, std = rng.normal(size=200), rng.uniform(0.1, 2, 200)
    likely = 1 - norm.cdf(0.7, mean, std)
    assert (hopeless(mean, std, 0.7) == (likely < 0.05)).all()
    assert (hopeless(mean, std, 0.7, 0.5) == (mean < 0.7)).all()
    sure = hopeless(np.array([1.0, 0.5]), np.zeros(2), 0.7)
    assert sure.tolist() == [False, True]
    assert not hopeless(mean, std, -np.inf).any()


def _one_by_one(final: Floats, mean: Floats, std: Floats, level: float) -> tuple[list[int], int]:
    """Return epochs seen, of four with a look after each of the first two, and what is chosen."""
    seen, incumbent, best = [], float("-inf"), 0
    for row in range(len(final)):
        for place, epoch in enumerate((1, 2)):
            if norm.sf(incumbent, mean[row, place], std[row, place]) < level:
                seen.append(epoch)
                break
        else:
            seen.append(4)
            if final[row] > incumbent:
                incumbent, best = final[row], row
    return seen, best


@pytest.mark.parametrize("level", [0.05, 0.4])
def test_stopping_is_what_a_search_would_do(level: float) -> None:
    """Against a loop over trainings and epochs, with ``scipy.stats.norm``."""
    rng = np.random.default_rng(1)
    final = rng.normal(size=100)
    mean = final[:, None] + rng.normal(size=(100, 2)) * 0.5
    std = rng.uniform(0.2, 1, (100, 2))
    found = stop_early(final, np.array([1, 2]), mean, std, 4, level)
    seen, best = _one_by_one(final, mean, std, level)
    assert found.seen.tolist() == seen
    assert (found.best, found.best_without) == (best, int(np.argmax(final)))
    assert 0 < (found.seen < 4).mean() < 1


def test_the_report_says_what_stopping_saves(folder: Path) -> None:
    found = read_extrapolation(folder)
    rows = {row.label: row for row in stopping(found, BENCH)}
    assert rows.keys() == {"last_value", "sotl_e", "support vectors"}
    assert all(0 <= row.saved < row.stopped <= 1 for row in rows.values())
    said = "\n".join(sentences(found))
    assert "(percentage points)" in said
    assert "tells the ends of trainings best after 4 epochs of 24" in said
    assert "Stopping a training when P(final > best so far) < 0.05 saves" in said
    page = write_all(folder).report.read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "support vectors" in page


def _behind(**late: list[int]) -> pd.DataFrame:
    return pd.DataFrame({n: {k: n in epochs for k, epochs in late.items()} for n in (1, 4, 15)})


@pytest.mark.parametrize(
    ("late", "said"),
    [
        ({"a": [], "b": []}, "All others are more likely than LAST after every epoch."),
        (
            {"a": [15], "b": [], "c": [4, 15]},
            "All others are more likely than LAST after 1 epoch; not so are a (after 15) and c"
            " (after 4 and 15).",
        ),
        ({"a": [1, 4, 15], "b": []}, "Not more likely than LAST is a (after every epoch)."),
    ],
)
def test_who_is_less_likely_than_the_last_value_is_named(
    late: dict[str, list[int]], said: str
) -> None:
    assert likelier(_behind(**late)) == said.replace("LAST", LAST)


LAST = "the last value with the spread around it"


def test_labels_of_figures_are_within_them(folder: Path) -> None:
    """As matplotlib measures them."""
    fig = savings(read_extrapolation(folder), BENCH)
    assert fig is not None
    FigureCanvasAgg(fig)
    fig.draw_without_rendering()
    for ax in fig.axes:
        box = ax.yaxis.label.get_window_extent()
        assert fig.bbox.y0 <= box.y0
        assert box.y1 <= fig.bbox.y1


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no curves": (
        {"benchmarks": ["nb201/cifar10"]},
        r"benchmarks\[0\]: nb201/cifar10 stores no learning curves, only epoch 200",
    ),
    "no truth": (
        {"benchmarks": ["live/nb201/digits"]},
        r"benchmarks\[0\]: live/nb201/digits knows no true scores",
    ),
    "epoch not stored": ({"epochs": [4, 24]}, r"epochs: 24 is none of those before the end of"),
    "falling epochs": ({"epochs": [4, 2]}, r"epochs must rise; got \[4, 2\]"),
    "too many": (
        {"test": 5000},
        r"benchmarks\[0\]: .* holds \d+ curves; train = 40 and test = 5000",
    ),
    "no such": (
        {"extrapolators": ["parametrik"]},
        r"extrapolators\[0\]\.name: .*'parametrik'.*parametric",
    ),
    "no such parameter": (
        {"extrapolators": [{"name": "moving_average", "windw": 2}]},
        r"extrapolators\[0\]\.windw: unknown parameter of moving_average; did you mean 'window'",
    ),
    "wrong parameter": (
        {"extrapolators": [{"name": "moving_average", "window": 0}]},
        r"extrapolators\[0\]\.window: The 'window' parameter of MovingAverage",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_compared_is_said_with_its_place(name: str) -> None:
    changes, message = FAULTS[name]
    with pytest.raises(StudyError, match=message):
        prepare(_study(**changes))


def test_losses_must_be_stored_where_they_are_read(tmp_path: Path) -> None:
    """A table of one's own with three epochs and no losses."""
    archs = benchmark("nb201/cifar10").space.all()[:200]
    lines = ["arch,acc@1,acc@2,acc@3"]
    for i, arch in enumerate(archs.tolist()):
        text = benchmark("nb201/cifar10").space.format(tuple(arch))
        lines.append(f"{text},{i / 400},{i / 300 + 0.01 * (i % 7)},{i / 200}")
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    table: dict[str, Any] = {"name": "mine", "table": str(tmp_path / "mine.csv"), "space": "nb201"}
    table |= {"architecture": "arch", "columns": "acc@{epoch}", "allow_missing": True}
    with pytest.raises(StudyError, match=r"extrapolators\[1\]: sotl_e reads training losses"):
        prepare(_study(benchmarks=[table], epochs=[1, 2]))
    study = _study(benchmarks=[table], epochs=None, extrapolators=["last_value", "curve_gp"])
    assert run_study(study, tmp_path / "out", workers=1).failed == 0
    assert read_extrapolation(tmp_path / "out").epochs("mine") == [1, 2]


def test_a_new_file_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert runner.invoke(app, ["new", "mine.toml", "--curves"]).exit_code == 0
    assert isinstance(load_study(Path("mine.toml")), CurveStudy)
    done = runner.invoke(app, ["run", "mine.toml", "--smoke", "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert Path("mine-smoke/report.html").is_file()
    both = runner.invoke(app, ["new", "x.toml", "--curves", "--predictors"])
    assert isinstance(both.exception, StudyError)
