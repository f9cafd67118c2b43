"""The report: one file that asks nobody for anything, and says what the numbers say."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, trim_mean

from workbench.errors import StoreError
from workbench.harness.drive import run_study
from workbench.harness.study import load_study, parse_study
from workbench.report.figures import curves, generalisation
from workbench.report.numbers import unit_of_times
from workbench.report.render import breaks, number
from workbench.report.results import read_results
from workbench.report.style import COLOURS, looks, shared
from workbench.report.tables import tables_of
from workbench.report.write import Written, write_all

LABEL = '<script>alert("1 & 2")</script>'


class Page(HTMLParser):
    """Collects tags and attributes, and checks that they nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "link", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a finished study on four kinds of benchmark, written out."""
    folder = tmp_path_factory.mktemp("report")
    study = parse_study(
        {
            "name": "shown",
            "replicates": 8,
            "workers": 2,
            "budget": {"queries": 25},
            "benchmarks": ["nb201/cifar10", "nbgraph/cora", "fcnet/naval_propulsion", "mlp/car"],
            "strategies": [
                "random_search",
                "local_search",
                {"name": "regularized_evolution", "preset": "nats_bench", "label": LABEL},
            ],
        }
    )
    run_study(study, folder)
    return folder


@pytest.fixture(scope="module")
def written(folder: Path) -> Written:
    return write_all(folder)


@pytest.fixture(scope="module")
def text(written: Written) -> str:
    return written.report.read_text(encoding="utf-8")


def test_page_is_whole_and_asks_nobody(text: str) -> None:
    page = Page(text)
    assert page.open == []
    assert not [t for t, _ in page.tags if t in {"link", "img", "iframe"}]
    assert [a for t, a in page.tags if t == "script"] == [{}], "one, and it asks for no file"
    for _, attributes in page.tags:
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), value
    assert "@import" not in text
    assert "url(http" not in text


def test_names_from_a_study_are_text(text: str) -> None:
    assert text.count("<script") == 1
    assert LABEL not in text
    assert "&lt;script&gt;" in text


def test_pictures_have_words_and_follow_the_page(text: str) -> None:
    pictures = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert len(pictures) == 9
    for picture in pictures:
        root = ET.fromstring(picture)
        assert root.get("role") == "img"
        assert len(root.get("aria-label") or "") > 60
        assert root.get("viewBox")
        assert root.get("width") is None
        assert "currentColor" in picture
        assert "$" not in picture, "a tick label in TeX is shown as it is"
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(set(ids)) == len(ids) > 100
    used = {*re.findall(r'href="#([^"]+)"', text), *re.findall(r"url\(#([^)]+)\)", text)}
    assert used
    assert used <= set(ids)


def test_what_is_linked_within_the_page_is_there(text: str) -> None:
    linked = re.findall(r'<a href="#([^"]+)"', text)
    assert len(linked) > 10
    assert {*linked} <= {*re.findall(r'\bid="([^"]+)"', text)}


def test_numbers_of_figures_are_those_of_the_results(folder: Path, text: str) -> None:
    """Read back from the links, and worked out again from results.parquet."""
    names = re.findall(r'<figure>.*?download="([^"]+)\.csv"', text, flags=re.DOTALL)
    links = re.findall(r'href="data:text/csv;charset=utf-8;base64,([^"]+)"', text)
    found = {
        name: pd.read_csv(io.BytesIO(base64.b64decode(link)))
        for name, link in zip(names, links, strict=True)
    }
    assert len(found) == 9
    frame = pd.read_parquet(folder / "results.parquet")
    regrets = frame[frame["query"] == 25].groupby(["benchmark", "strategy"])["regret"].mean()
    curve = found["regret-queries"]
    last = curve[curve["at"] == 25].set_index(["benchmark", "strategy"])["mean"]
    assert last.to_dict() == pytest.approx(regrets.to_dict(), rel=1e-5)
    test = frame[frame["query"] == 25].groupby(["benchmark", "strategy"])["incumbent_test"].mean()
    scores = found["scores-queries"]
    tested = scores[(scores["at"] == 25) & (scores["split"] == "test")]
    assert {*tested["benchmark"]} == {"nbgraph/cora"}
    means = tested.set_index(["benchmark", "strategy"])["mean"].to_dict()
    assert means == pytest.approx({key: test.to_dict()[key] for key in means}, rel=1e-5)
    assert (tested["low"] <= tested["mean"]).all()
    assert (tested["mean"] <= tested["high"]).all()


def test_verdict_comes_first(written: Written, text: str) -> None:
    assert text.index('aria-label="Verdict"') < text.index("<svg")
    assert "After 25 queries on 2 simulated workers" in written.verdict[0]
    assert any("Only 8 runs each" in sentence for sentence in written.verdict)


def test_summary_is_what_the_table_says(folder: Path, written: Written) -> None:
    """Worked out again from results.parquet with numpy and scipy."""
    frame = pd.read_parquet(folder / "results.parquet")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary == written.summary
    for bench, facts in summary["benchmarks"].items():
        lower = facts["metric"]["direction"] == "min"
        for strategy, row in facts["strategies"].items():
            mine = frame[(frame["benchmark"] == bench) & (frame["strategy"] == strategy)]
            truth = []
            for _, run in mine.groupby("replicate"):
                best = run["score"].argmin() if lower else run["score"].argmax()
                truth.append(run["truth"].iloc[best])
            assert row["score"]["mean"] == pytest.approx(np.mean(truth), rel=1e-12)
            assert row["score"]["sd"] == pytest.approx(np.std(truth, ddof=1), rel=1e-9)
            assert row["score"]["iqm"] == pytest.approx(trim_mean(truth, 0.25), rel=1e-12)
            regret = np.abs(np.array(truth) - facts["optimum"])
            assert row["regret"]["mean"] == pytest.approx(regret.mean(), rel=1e-9)
            low, high = row["score"]["iqm_ci95"]
            assert low <= row["score"]["iqm"] <= high
            assert row["queries"] == 25
            assert (row["test"] is None) == (facts["test_metric"] is None)
            assert (row["seconds"] is None) == bench.startswith("nbgraph")


def test_what_was_asked_and_what_was_told_have_names_of_their_own(tmp_path: Path) -> None:
    """With one worker a budget in seconds cuts off exactly one training of each run."""
    study = {"name": "cut", "replicates": 3, "budget": {"seconds": 4.0}}
    study |= {"benchmarks": ["measured/nb201-mnist"], "strategies": ["random_search"]}
    run_study(parse_study(study), tmp_path)
    page = write_all(tmp_path).report.read_text(encoding="utf-8")
    tables = [table for table in tables_of(page) if table.rows]
    rows = {t.section: dict(zip(t.columns, t.rows[0], strict=True)) for t in tables}
    told = pd.read_parquet(tmp_path / "results.parquet")
    assert float(rows["What it cost"]["told queries a run"]) == pytest.approx(len(told) / 3, 1e-3)
    assert float(rows["Final scores"]["queries"]) == pytest.approx(len(told) / 3 + 1, 1e-3)
    shown = float(rows["What it cost"]["simulated training a run, seconds"])
    assert shown == pytest.approx(told["cost"].sum() / 3, rel=5e-3)


@pytest.mark.parametrize(
    ("seconds", "unit"),
    [
        ([6.98, 0.1], ("seconds", 1)),
        ([], ("seconds", 1)),
        ([119.0], ("seconds", 1)),
        ([130.0, 3.0], ("minutes", 60)),
        ([60.0, 7200.0], ("hours", 3600)),
    ],
)
def test_the_longest_time_says_the_unit(seconds: list[float], unit: tuple[str, int]) -> None:
    assert unit_of_times(seconds) == unit


def test_comparisons_are_scipys(folder: Path, text: str) -> None:
    results = read_results(folder)
    scores = results.scores("normalised")["nb201/cifar10"]
    p = mannwhitneyu(scores["random_search"], scores["local_search"]).pvalue
    assert f"<td>{number(float(p), 2)}</td>" in text


def test_curves_step_where_incumbents_change(folder: Path) -> None:
    results = read_results(folder)
    grid, held = curves(results, "nb201/cifar10", "random_search", "query")
    assert grid.tolist() == list(range(1, 26))
    final = results.final
    mine = final[(final["benchmark"] == "nb201/cifar10") & (final["strategy"] == "random_search")]
    assert held[:, -1].tolist() == mine["regret"].tolist()
    times, held = curves(results, "nb201/cifar10", "random_search", "ended")
    assert (np.diff(times) > 0).all()
    assert held[:, -1].tolist() == mine["regret"].tolist()


def test_study_in_the_report_repeats_it(folder: Path, text: str, tmp_path: Path) -> None:
    import html

    *_, block = re.findall(r"<pre>(.*?)</pre>", text, flags=re.DOTALL)
    (saved,) = re.findall(r'href="data:application/json;charset=utf-8;base64,([^"]+)"', text)
    assert base64.b64decode(saved).decode() == html.unescape(block)
    path = tmp_path / "again.json"
    path.write_text(html.unescape(block), encoding="utf-8")
    run_study(load_study(path), tmp_path / "out")
    write_all(tmp_path / "out")
    summaries = [(f / "summary.json").read_bytes() for f in (folder, tmp_path / "out")]
    assert summaries[0] == summaries[1]


def test_a_file_that_was_altered_is_one_error(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "altered")
    with closing(sqlite3.connect(tmp_path / "altered" / "study.sqlite")) as db, db:
        db.execute("DELETE FROM runs WHERE run = 3")
    with pytest.raises(StoreError, match=r"was altered: it has trials of a run that it does not"):
        write_all(tmp_path / "altered")


def test_unfinished_studies_say_so(tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "from workbench.strategies.random_search import RandomSearch\n"
        "class Broken(RandomSearch):\n    def ask(self):\n        raise ValueError('no')\n",
        encoding="utf-8",
    )
    data = {"name": "x", "replicates": 2, "budget": {"queries": 3}}
    data |= {"benchmarks": ["nb201/cifar10"], "strategies": ["random_search", str(plugin)]}
    run_study(parse_study(data), tmp_path / "out")
    written = write_all(tmp_path / "out")
    assert "2 of 4 runs are finished, 2 failed" in written.verdict[-1]
    assert "ValueError: no" in written.report.read_text(encoding="utf-8")


def test_the_runs_of_one_strategy_alone_are_counted(tmp_path: Path) -> None:
    study = {"name": "alone", "replicates": 3, "budget": {"queries": 5}}
    study |= {"benchmarks": ["nb201/cifar10"], "strategies": ["random_search"]}
    run_study(parse_study(study), tmp_path)
    assert "Only 3 runs each" in " ".join(write_all(tmp_path).verdict)


def test_looks_differ_and_stay() -> None:
    names = [f"s{i}" for i in range(20)]
    assert len(set(looks(names).values())) == 20
    assert looks(names)["s3"] == looks(names[:5])["s3"]
    with shared(names):
        assert looks(["s3", "other"]) == {
            "s3": looks(names)["s3"],
            "other": looks([*names, "x"])["x"],
        }
    assert looks(["s3"])["s3"] == looks(names)["s0"]
    assert len({look.colour for look in looks(names[:12]).values()}) == 12


@pytest.mark.parametrize("paper", ["#ffffff", "#0d1117"])
def test_colours_are_seen_on_both_papers(paper: str) -> None:
    """Contrast as WCAG 2.2 defines it, also where a mark lets the paper through (15 %)."""
    for colour in COLOURS:
        assert _contrast(_blend(colour, paper, 1.0), paper) > 2.2
        assert _contrast(_blend(colour, paper, 0.85), paper) > 1.9


def _blend(colour: str, paper: str, alpha: float) -> str:
    parts = (alpha * a + (1 - alpha) * b for a, b in zip(_rgb(colour), _rgb(paper), strict=True))
    return "#" + "".join(f"{round(part):02x}" for part in parts)


def _rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def _contrast(a: str, b: str) -> float:
    low, high = sorted(_luminance(colour) for colour in (a, b))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [c / 255 for c in _rgb(colour)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_marks_of_what_was_found_are_seen(folder: Path) -> None:
    fig = generalisation(read_results(folder))
    assert fig is not None
    for line in fig.axes[0].lines:
        assert line.get_color() in COLOURS
        assert (line.get_alpha() or 1.0) >= 0.85


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (91.60666, "91.61"),
        (0.0, "0"),
        (None, "–"),  # noqa: RUF001
        (float("nan"), "–"),  # noqa: RUF001
        (1234567.8, "1,234,568"),
        (100.0, "100"),
        (12345678901.0, "1.235e+10"),
        (0.00001234, "1.234e-05"),
        (123456.0, "123,456"),
    ],
)
def test_numbers(value: float | None, words: str) -> None:
    assert number(value) == words


def test_architectures_break_behind_their_bars_and_stay_text() -> None:
    shown = breaks("<b>|nor_conv_3x3~0|+|none~0|")
    assert shown == "&lt;b&gt;|<wbr>nor_conv_3x3~0|<wbr>+|<wbr>none~0|<wbr>"
