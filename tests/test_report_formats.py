"""The report in other forms, and several studies side by side."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from workbench.errors import DataMissing, StoreError, StudyError, UnknownName
from workbench.harness.drive import run_study
from workbench.harness.study import parse_study
from workbench.report import printing
from workbench.report.compare import make_comparison
from workbench.report.formats import report
from workbench.report.tables import Table, latex_text, tables_of


def _study(name: str, benchmarks: list[str], queries: int) -> dict[str, object]:
    return {
        "name": name,
        "replicates": 3,
        "budget": {"queries": queries},
        "benchmarks": benchmarks,
        "strategies": ["random_search", "local_search"],
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return two studies that share a benchmark and their strategies, not their budget."""
    root = tmp_path_factory.mktemp("formats")
    studies = [
        _study("one", ["nb201/cifar10", "nbgraph/cora"], 10),
        _study("other", ["nb201/cifar10"], 20),
    ]
    for data in studies:
        run_study(parse_study(data), root / str(data["name"]))
    return [root / "one", root / "other"]


def test_latex_holds_every_table_and_figure(folders: list[Path], tmp_path: Path) -> None:
    found = report(folders[:1], "latex", tmp_path)
    names = {path.name for path in found.paths}
    figures = {name.removesuffix(".pdf") for name in names if name.endswith(".pdf")}
    assert {"figure-ranking", "figure-regret-queries", "figure-run-lengths"} <= figures
    for path in found.paths:
        if path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF")
        elif path.suffix == ".svg":
            assert ET.parse(path).getroot().tag.endswith("svg")
    text = (tmp_path / "latex/table-final-scores-nb201-cifar10.tex").read_text(encoding="utf-8")
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    body = text.partition(r"\midrule")[2].partition(r"\bottomrule")[0].strip().splitlines()
    assert len(body) == 2
    columns = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)[0]
    for line in body:
        assert line.endswith(r"\\")
        assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1
    assert r"random\_search" in text
    assert "@misc{li2019random," in (tmp_path / "latex/references.bib").read_text(encoding="utf-8")


def test_csv_holds_the_numbers_of_the_page(folders: list[Path], tmp_path: Path) -> None:
    report(folders[:1], "csv", tmp_path)
    with (tmp_path / "csv/table-final-scores-nbgraph-cora.csv").open(encoding="utf-8") as lines:
        rows = [*csv.DictReader(lines)]
    frame = pd.read_parquet(folders[0] / "results.parquet")
    frame = frame[(frame["benchmark"] == "nbgraph/cora") & (frame["query"] == 10)]
    means = frame.groupby("strategy")["incumbent_truth"].mean()
    assert {row["strategy"] for row in rows} == {"random_search", "local_search"}
    for row in rows:
        assert float(row["mean"]) == pytest.approx(means[row["strategy"]], abs=1e-5)
    curve = pd.read_csv(tmp_path / "csv/figure-regret-queries.csv")
    assert {*curve["strategy"]} == {"random_search", "local_search"}


def test_json_is_the_summary(folders: list[Path], tmp_path: Path) -> None:
    found = report(folders[:1], "json", tmp_path)
    stored = json.loads((folders[0] / "summary.json").read_text(encoding="utf-8"))
    assert json.loads(found.paths[0].read_text(encoding="utf-8")) == stored == found.summary


def test_html_goes_where_it_is_asked_to(folders: list[Path], tmp_path: Path) -> None:
    (path,) = report(folders[:1], "html", tmp_path / "a/b").paths
    assert path == tmp_path / "a/b/report.html"
    assert path.read_bytes() == (folders[0] / "report.html").read_bytes()


def test_several_studies_stand_side_by_side(folders: list[Path], tmp_path: Path) -> None:
    found = report(folders, "csv", tmp_path / "both")
    page = (tmp_path / "both/report.html").read_text(encoding="utf-8")
    assert [said.partition(":")[0] for said in found.verdict] == ["one", "other"]
    assert page.count("<svg") == 2
    tables = {table.name: table for table in tables_of(page)}
    shared = {row[1]: row[2:] for row in tables["what-they-share"].rows}
    assert shared["nb201/cifar10"] == shared["random_search"] == ["yes", "yes"]
    assert shared["nbgraph/cora"][0] == "yes" != shared["nbgraph/cora"][1]
    differ = {row[0]: row[1:] for row in tables["where-they-differ"].rows}
    assert differ == {
        "benchmarks": ["nb201/cifar10, nbgraph/cora", "nb201/cifar10"],
        "budget": ["10 queries", "20 queries"],
    }
    side = tables["the-same-benchmarks-nb201-cifar10"]
    assert side.columns == ["strategy", "one", "other"]
    for strategy, *cells in side.rows:
        for folder, cell in zip(folders, cells, strict=True):
            summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
            row = summary["benchmarks"]["nb201/cifar10"]["strategies"][strategy]
            assert float(cell.split()[0]) == pytest.approx(row["score"]["mean"], rel=1e-4)
    assert {*found.summary} == {"one", "other"}


def test_a_strategy_looks_the_same_in_all_studies_shown(
    folders: list[Path], tmp_path: Path
) -> None:
    data = _study("turned", ["nb201/cifar10"], 10)
    names = ["regularized_evolution", "local_search", "random_search"]
    run_study(parse_study(data | {"strategies": names}), tmp_path / "turned")
    made = make_comparison([folders[0], tmp_path / "turned"], tmp_path / "both")
    one, turned = (_marks(drawing.figure) for drawing in made.drawings)
    assert {*one} == {"random_search", "local_search"}
    assert one == {name: turned[name] for name in one}
    assert len({*turned.values()}) == 3


def _marks(figure: Figure) -> dict[str, tuple[str, str]]:
    """Return colour and marker of each strategy in a figure of the ranking."""
    ax = figure.axes[0]
    names = [label.get_text() for label in ax.get_yticklabels()]
    drawn = [line for line in ax.get_lines() if line.get_marker() != "None"]
    return {
        names[int(np.ravel(line.get_ydata())[0])]: (str(line.get_color()), str(line.get_marker()))
        for line in drawn
    }


def test_one_name_twice_is_numbered(folders: list[Path], tmp_path: Path) -> None:
    run_study(parse_study(_study("one", ["nb201/cifar10"], 10)), tmp_path / "again")
    found = report([folders[0], tmp_path / "again"], "html", tmp_path / "both")
    assert {*found.summary} == {"one (1)", "one (2)"}


def test_bad_requests_are_refused_before_anything_is_written(
    folders: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(UnknownName, match=r"unknown format 'png'.*known: csv, html, json, latex"):
        report(folders, "png", tmp_path / "out")
    with pytest.raises(StudyError, match="name each study folder once"):
        report([folders[0], folders[0]], "html", tmp_path / "out")
    with pytest.raises(StudyError, match="another folder for the comparison"):
        report(folders, "html", folders[1])
    with pytest.raises(StoreError, match="holds no study"):
        report([folders[0], tmp_path], "html", tmp_path / "out")
    with pytest.raises(StoreError, match="holds no study"):
        report([tmp_path / "none"], "csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "none").exists()


def test_without_a_browser_a_pdf_says_what_to_do(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing, "browser", lambda: None)
    with pytest.raises(DataMissing, match=r"needs Chromium or Chrome.*print it from there"):
        report(folders[:1], "pdf", tmp_path)


def test_a_browser_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.html").write_text("<p>x</p>", encoding="utf-8")
    monkeypatch.setattr(printing, "browser", lambda: sys.executable)
    with pytest.raises(DataMissing, match=r"printed nothing of .*page.html \(exit 2\)"):
        printing.print_page(tmp_path / "page.html", tmp_path / "page.pdf")
    assert not (tmp_path / "page.pdf").exists()


def test_the_command_takes_folders_and_a_format(folders: list[Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workbench", "report", *map(str, folders)]
    done = subprocess.run(
        [*command, "--format", "latex", "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().endswith("latex")
    assert (tmp_path / "out/latex/table-what-they-share.tex").exists()


def test_text_of_latex_is_text() -> None:
    """By the LaTeX companion's list of the ten special characters."""
    assert latex_text("a_b & 5 % #1 $x {y} ~^\\") == (
        r"a\_b \& 5 \% \#1 \$x \{y\} \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    assert latex_text("12 \N{EN DASH} ∞ ± <1>") == (
        r"12 -- $\infty$ $\pm$ \textless{}1\textgreater{}"
    )


def test_tables_are_read_with_where_they_stand() -> None:
    page = """<h2 id="a">Costs</h2><table><tbody><tr><td>no head</td></tr></tbody></table>
    <details><summary>cifar &amp; co</summary><table><thead><tr><th>s</th><th>n</th></tr></thead>
    <tbody><tr><td>a</td><td>1 <b>2</b></td></tr></tbody></table></details>
    <table><caption>own</caption><thead><tr><th>x</th></tr></thead><tbody></tbody></table>
    <table><caption>own</caption><thead><tr><th>x</th></tr></thead><tbody></tbody></table>"""
    first, second, third = tables_of(page)
    assert first == Table("Costs", "cifar & co", ["s", "n"], [["a", "1 2"]])
    assert first.csv() == "s,n\na,1 2\n"
    assert [second.name, third.name] == ["costs-own", "costs-2-own"]


def test_names_do_not_change_with_the_size_of_a_study(folders: list[Path], tmp_path: Path) -> None:
    """What folds them away may say how many rows there are; other studies have other numbers."""
    found = report(folders[:1], "latex", tmp_path)
    names = {path.name for path in found.paths if path.suffix == ".tex"}
    assert "table-every-comparison.tex" in names
    assert "table-time-to-a-target-expected-running-time-nb201-cifar10-queries.tex" in names
    text = (tmp_path / "latex/table-every-comparison.tex").read_text(encoding="utf-8")
    assert r"\caption{Every comparison}" in text
    page = """<h2>All</h2><h3>Pairs</h3><details><summary>Show all 9 pairs</summary>
    <table><thead><tr><th>s</th></tr></thead><tbody></tbody></table></details>
    <h2>Costs</h2><table><thead><tr><th>s</th></tr></thead><tbody></tbody></table>"""
    assert [(t.section, t.caption) for t in tables_of(page)] == [("All", "Pairs"), ("Costs", "")]


def test_intervals_are_two_columns_of_csv() -> None:
    columns = ["strategy", "IQM", "95 % interval", "chance", "95 % interval"]
    rows = [
        ["a", "0.9", "0.926 to 0.953", "\N{EN DASH}", "\N{EN DASH}"],
        ["b", "0.8", "\N{EN DASH}", "0.6", "-0.1 to 0.7"],
    ]
    low, high = csv.DictReader(Table("", "", columns, rows).csv().splitlines())
    assert (low["IQM, low"], low["IQM, high"]) == ("0.926", "0.953")
    assert (low["chance, low"], low["chance"]) == ("", "\N{EN DASH}")
    assert (high["IQM, low"], high["chance, low"], high["chance, high"]) == ("", "-0.1", "0.7")
    assert Table("", "", ["from"], [["one to two"]]).csv() == "from\none to two\n"
