"""What the report says and shows of predictors, against scipy and brute force."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from tests.test_predictor_study import SMALL
from workbench.harness.drive import run_study
from workbench.harness.study import parse_study
from workbench.report.quality import read_quality
from workbench.report.quality_page import drawings
from workbench.report.style import INK
from workbench.report.write import write_all

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
