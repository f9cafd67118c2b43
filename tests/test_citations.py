"""How to cite: every paper that a docstring or a card names is an entry, and whole."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from workbench import registry
from workbench.data._packaged import card
from workbench.harness.drive import run_study
from workbench.harness.study import parse_study
from workbench.registry import Family
from workbench.report.citations import Bibliography, bibliography, papers, with_statistics
from workbench.report.write import make

CITABLE: tuple[Family, ...] = (
    "strategies",
    "predictors",
    "encodings",
    "proxies",
    "extrapolators",
    "spaces",
    "datasets",
)
PLUGINS = [(family, name) for family in CITABLE for name in registry.names(family)]


@pytest.mark.parametrize(("family", "name"), PLUGINS, ids="-".join)
def test_every_paper_of_a_docstring_is_found_whole(family: Family, name: str) -> None:
    """As many as there are quoted titles, every arXiv number among them, each with a year."""
    text = registry.documentation(family, name)
    found = papers(text)
    titles = re.findall(r'"([^"]+)"', re.sub(r"\(first called[^)]*\)", "", text))
    assert [paper.title for paper in found] == [re.sub(r"\s+", " ", t).rstrip(",") for t in titles]
    assert {*re.findall(r"arXiv:([\w./-]*\w)", text)} == {p.arxiv for p in found if p.arxiv}
    for paper in found:
        assert re.fullmatch(r"(19|20)\d\d", paper.year), paper
        for author in paper.authors:
            assert re.fullmatch(r"(van |de )*(der )?[A-Z][\w'-]*( [A-Z][\w'-]*)?", author), paper


def test_known_papers_are_read_as_they_are() -> None:
    """By the papers' own title pages."""
    (paper,) = papers(registry.documentation("extrapolators", "sotl"))
    assert paper.authors == ("Ru", "Lyle", "Schut", "van der Wilk", "Gal")
    assert paper.key == "ru2020revisiting"
    (paper,) = papers(registry.documentation("strategies", "local_search"))
    assert paper.authors == ("White", "Nolen", "Savani")
    assert (paper.year, paper.arxiv) == ("2020", "2005.02960")
    (paper,) = papers(registry.documentation("predictors", "extra_trees"))
    assert (paper.venue, paper.year, paper.arxiv) == ("Machine Learning 63", "2006", "")
    first = papers(registry.documentation("strategies", "filtered"))[2]
    assert (first.authors, first.others) == (("Abdelfattah",), True)
    assert "author = {Abdelfattah and others}" in first.bibtex()


def _meta(strategies: list[dict[str, Any]], *benchmarks: str) -> dict[str, Any]:
    return {
        "study": {
            "kind": "strategies",
            "benchmarks": [{"name": b, "label": b} for b in benchmarks],
            "strategies": strategies,
        },
        "parameters": {s["label"]: s.pop("parameters", {}) for s in strategies},
        "benchmarks": {b: {"space": "nb201[part]"} for b in benchmarks},
    }


def test_what_a_study_uses_inside_is_cited() -> None:
    funnel = {
        "name": "filtered",
        "label": "mine",
        "parameters": {
            "proxies": ["synflow"],
            "predictor": {"name": "gcn"},
            "proposer": {"name": "local_search"},
        },
        "stopping": {"extrapolator": {"name": "power_law"}},
    }
    found = bibliography(_meta([funnel], "nb201/cifar10", "measured/nb201-mnist"))
    cited = dict(found.cited)
    assert cited["proxy synflow"] == ["tanaka2020pruning", "abdelfattah2021zero"]
    assert cited["predictor gcn"] == ["dudziak2020brp"]
    assert cited["strategy local_search"] == ["white2020exploring"]
    assert "extrapolator power_law" in cited
    assert cited["benchmark nb201"] == ["dong2020nasbench201"]
    assert cited["benchmark measured/nb201-mnist"] == ["dong2020nas"]
    keys = re.findall(r"^@\w+\{([^,]+),", found.bibtex, flags=re.MULTILINE)
    assert keys == sorted({*keys})
    assert {key for keys_of in cited.values() for key in keys_of} == {*keys}


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("Vargha and Delaney's words", ["vargha2000critique"]),
        ("two-sided Mann-Whitney U test", ["mann1947test"]),
        ("Wilcoxon signed-rank test, Holm-corrected", ["holm1979simple", "wilcoxon1945individual"]),
        ("Nemenyi's test", ["demsar2006statistical", "nemenyi1963distribution"]),
        ("Noether's formula", ["noether1987sample"]),
        ("Lindauer and Hutter (2020)", ["lindauer2020best"]),
        ("95 % bootstrap intervals", ["efron1979bootstrap"]),
        ("the bootstrap parameter of a forest, and Holmes", []),
    ],
)
def test_statistics_are_cited_by_what_a_page_calls_them(words: str, keys: list[str]) -> None:
    found = with_statistics(Bibliography([], ""), f"<p>{words}</p>")
    assert [*found.cited[0].keys] == keys


def test_a_report_cites_the_statistics_it_names_and_no_others(tmp_path: Path) -> None:
    data = {"name": "s", "replicates": 3, "budget": {"queries": 10}}
    names = {"benchmarks": ["nb201/cifar10"], "strategies": ["random_search", "local_search"]}
    run_study(parse_study(data | names), tmp_path)
    found = make(tmp_path).content["bibliography"]
    keys = dict(found.cited)["statistics of this report"]
    there = {"vargha2000critique", "noether1987sample", "lindauer2020best", "hansen2021coco"}
    assert there <= {*keys}
    assert not [key for key in keys if key.startswith("benavoli")]
    for authors in (
        "Hansen and Auger and Ros and Mersmann and Tusar and Brockhoff",
        "Agarwal and Schwarzer and Castro and Courville and Bellemare",
    ):
        assert f"author = {{{authors}}}" in found.bibtex
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f'<td class="text">{", ".join(keys)}</td>' in page


def test_entries_are_well_formed_bibtex() -> None:
    """Braces close, and every field but the last ends in a comma."""
    everything = [{"name": n, "label": n} for n in registry.names("strategies")]
    benchmarks = [f"{name}/x" for name in registry.names("benchmarks") if name != "measured"]
    text = bibliography(_meta(everything, *benchmarks)).bibtex
    for entry in text.split("\n\n"):
        assert entry.count("{") == entry.count("}")
        fields = [line for line in entry.splitlines() if " = " in line or "  =" in line]
        for one, _ in pairwise(fields):
            assert one.endswith(","), entry
        assert not fields[-1].endswith(",")


@pytest.mark.parametrize("name", [n for n in registry.names("benchmarks") if n != "measured"])
def test_every_card_of_the_work_of_others_says_how_to_cite(name: str) -> None:
    assert (name == "live") or "```bibtex" in card(name)


def test_a_plugin_that_moved_is_no_error(tmp_path: Path) -> None:
    gone = {"name": str(tmp_path / "gone.py"), "label": "gone"}
    assert (
        dict(bibliography(_meta([gone], "nb201/cifar10")).cited)[f"strategy {gone['name']}"] == []
    )
