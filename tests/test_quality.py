"""What the report says and shows of predictors, against scipy and brute force."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from scipy.stats import bootstrap, wilcoxon
from statsmodels.stats.multitest import multipletests

from tests.test_predictor_study import SMALL
from workbench.harness.drive import run_study
from workbench.harness.study import parse_study
from workbench.report.quality import Quality, read_quality
from workbench.report.quality_lead import lead
from workbench.report.quality_page import drawings
from workbench.report.quality_words import sentences
from workbench.report.style import INK
from workbench.report.tables import tables_of
from workbench.report.write import write_all
from workbench.types import Floats

FIRST, SECOND = "nb201/cifar10", "nbgraph/cora"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quality")
    run_study(parse_study(SMALL | {"replicates": 6, "benchmarks": [FIRST, SECOND]}), folder, 2)
    return folder


def test_the_report_shows_every_figure_and_number(folder: Path) -> None:
    written = write_all(folder)
    page = written.report.read_text(encoding="utf-8")
    for title in (
        "Quality by training size",
        "Every predictor on every benchmark",
        "Quality against time",
        "Which predictor for which time",
        "Around the best",
        "Can the deviations be trusted?",
        "All numbers",
        "Repeat it",
    ):
        assert title in page
    assert page.count("<svg") == 6
    assert page.count("<script") == 1
    assert "Wilcoxon signed-rank test over 6 replicates" in " ".join(written.verdict)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    taus = summary["benchmarks"][FIRST]["ridge (one_hot)"]["uniform"]["50"]["tau"]
    assert taus["runs"] == 6
    assert f"{taus['mean']:.3f}" in page
    named = {table.name: table.caption for table in tables_of(page)}
    assert named["all-numbers-nb201-cifar10"] == f"{FIRST}: regret in percentage points"
    assert "fit_seconds" not in (folder / "summary.json").read_text(encoding="utf-8")
    assert "fit_seconds" in (folder / "timing.json").read_text(encoding="utf-8")


# -- one look --------------------------------------------------------------------------------------


def _drawn(figure: Figure) -> dict[str, tuple[str, str]]:
    """Return colour and marker of everything in a figure that has a name."""
    lines = [line for ax in figure.axes for line in ax.get_lines()]
    named = [line for line in lines if not str(line.get_label()).startswith("_")]
    return {str(x.get_label()): (to_hex(x.get_color()), str(x.get_marker())) for x in named}


def test_a_predictor_looks_the_same_in_all_figures(folder: Path) -> None:
    quality = read_quality(folder)
    found = {drawing.name: _drawn(drawing.figure) for drawing in drawings(quality)}
    labels = {*quality.predictors}
    sizes, times = found["by_size"], found["time"]
    assert {*times} == labels == {*sizes}
    assert times == sizes
    assert len({*times.values()}) == len(labels)
    for label, (colour, _) in found["map"].items():
        assert colour == sizes[label][0]


def test_what_is_not_compared_has_no_colour_of_what_is(folder: Path) -> None:
    found = {drawing.name: _drawn(drawing.figure) for drawing in drawings(read_quality(folder))}
    for name, things in (("coverage", {FIRST, SECOND}), ("mutation", {"uniform", "mutation"})):
        assert {*found[name]} >= things
        assert {found[name][thing][0] for thing in things} == {INK}
        assert len({found[name][thing][1] for thing in things}) == 2


# -- who is ahead, and how sure that is ------------------------------------------------------------


def _with(folder: Path, taus: dict[str, list[Floats]]) -> Quality:
    """Return a study that has measured so much at 25: by benchmark one row a predictor."""
    quality = read_quality(folder)
    rows = [
        {"benchmark": bench, "entry": label, "replicate": r, "size": 25, "value": value}
        for bench, by in taus.items()
        for label, values in zip(quality.predictors, by, strict=True)
        for r, value in enumerate(values)
    ]
    study = quality.meta["study"]
    entries = [entry | {"benchmarks": [*taus]} for entry in study["predictors"]]
    benches = [b | {"replicates": None} for b in study["benchmarks"] if b["label"] in taus]
    replicates = len(next(iter(taus.values()))[0])
    changed = study | {"predictors": entries, "benchmarks": benches, "replicates": replicates}
    facts = {bench: quality.meta["benchmarks"][bench] for bench in taus}
    return quality._replace(
        meta=quality.meta | {"study": changed, "benchmarks": facts},
        measures=pd.DataFrame(rows).assign(metric="tau", test_set="uniform"),
    )


def _taus(replicates: int, *ahead: float) -> list[Floats]:
    """Return taus of three predictors that share what is hard about a replicate."""
    rng = np.random.default_rng(5)
    hard = rng.normal(0.5, 0.1, replicates)
    return [hard + gap + rng.normal(0, 0.01, replicates) for gap in ahead]


def test_the_lead_is_that_of_pairs_stratified_by_benchmark(folder: Path) -> None:
    taus = {FIRST: _taus(12, 0.05, 0.0, -0.2), SECOND: _taus(12, 0.004, 0.0, -0.3)}
    quality = _with(folder, taus)
    found = lead(quality, quality.predictors)
    assert found is not None
    gaps = [by[0] - by[1] for by in taus.values()]
    assert found.gap.estimate == pytest.approx(np.mean(gaps))
    other = bootstrap(
        gaps,
        lambda a, b, axis: (a.mean(axis=axis) + b.mean(axis=axis)) / 2,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert (found.gap.low, found.gap.high) == pytest.approx(tuple(other), abs=4e-4)
    assert found.higher == pytest.approx(np.mean([(gap > 0).mean() for gap in gaps]))
    for test, by in zip(found.tests, taus.values(), strict=True):
        p = [wilcoxon(by[0] - values).pvalue for values in by[1:]]
        assert test.adjusted == pytest.approx(multipletests(p, method="holm")[1][0])
    assert [test.real for test in found.tests] == [True, False]


def _said(folder: Path, taus: dict[str, list[Floats]]) -> str:
    return " ".join(sentences(_with(folder, taus)))


def test_the_verdict_says_by_how_much_and_how_sure(folder: Path) -> None:
    quality = _with(folder, {FIRST: _taus(20, 0.05, 0.0, -0.2)})
    second, said = quality.predictors[1], " ".join(sentences(quality))
    found = lead(quality, quality.predictors)
    assert found is not None
    gap = f"{found.gap.estimate:.3f} [{found.gap.low:.3f}, {found.gap.high:.3f}] of tau"
    assert f"Its lead over {second}, the second, is {gap}" in said
    assert "95 % bootstrap interval over replicates. It is higher in 100 % of replicates." in said
    assert "Holm-corrected, it is really ahead." in said
    assert "too narrow" not in said
    even = _said(folder, {FIRST: _taus(20, 0.001, 0.0, -0.2)})
    assert "Holm-corrected, it is not shown to be ahead." in even


def test_of_several_benchmarks_it_says_on_how_many(folder: Path) -> None:
    taus = {FIRST: _taus(12, 0.05, 0.0, -0.2), SECOND: _taus(12, 0.004, 0.0, -0.3)}
    said = _said(folder, taus)
    assert "of tau, mean over 2 benchmarks; 95 % bootstrap interval" in said
    assert "Holm-corrected on each benchmark, it is really ahead on 1 of 2 benchmarks." in said
    # Both have the same mean rank, and the study names the one that is behind by mean tau first.
    mixed = {FIRST: _taus(12, 0.02, 0.0, -0.2), SECOND: _taus(12, 0.0, 0.05, -0.3)}
    said = _said(folder, mixed)
    assert "By mean tau it is behind extra_trees, the second: its lead is -0.01" in said
    assert "really ahead on 1 and really behind on 1 of 2 benchmarks." in said


def test_a_small_study_is_warned_of(folder: Path) -> None:
    said = _said(folder, {FIRST: _taus(4, 0.05, 0.0, -0.2)})
    assert (
        "Whether it is really ahead cannot be said: with 4 replicates no signed-rank test against"
        " 2 others, Holm-corrected, reaches the 5 % level." in said
    )
    assert "Only 4 runs each: 95 % intervals are too narrow." in said
    alone = _said(folder, {FIRST: _taus(1, 0.05, 0.0, -0.2)})
    assert "Only 1 run each: there are no intervals." in alone
    assert "nan" not in alone
