"""Write everything a study folder should hold beside its log."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from workbench.harness.store import read_meta
from workbench.report import agreement, extrapolation, page, quality_words, search
from workbench.report.agreement_page import write_agreement_report
from workbench.report.extrapolation_page import write_extrapolation_report
from workbench.report.quality import read_quality, write_quality
from workbench.report.quality import summary as quality_summary
from workbench.report.quality_page import write_quality_report
from workbench.report.render import write_page
from workbench.report.results import read_results, write_results
from workbench.report.search_page import write_search_report


class Written(NamedTuple):
    """What was written, and what it says."""

    report: Path
    verdict: list[str]
    summary: dict[str, Any]


def write_all(folder: Path) -> Written:
    """Write results, summary, timing and report of what a study folder holds so far.

    Raises
    ------
    StoreError
        The folder holds no study.
    """
    return _WRITERS[read_meta(folder)["study"]["kind"]](folder)


def _strategies(folder: Path) -> Written:
    results = read_results(folder)
    shown = page.content(results)
    write_results(results, shown["summary"])
    path = write_page(folder, "strategies.html", shown)
    return Written(path, shown["verdict"], shown["summary"])


def _predictors(folder: Path) -> Written:
    quality = read_quality(folder)
    write_quality(quality)
    page = write_quality_report(quality)
    return Written(page, quality_words.sentences(quality), quality_summary(quality))


def _proxies(folder: Path) -> Written:
    found = agreement.read_agreement(folder)
    agreement.write_agreement(found)
    page = write_agreement_report(found)
    return Written(page, agreement.sentences(found), agreement.summary(found))


def _curves(folder: Path) -> Written:
    found = extrapolation.read_extrapolation(folder)
    extrapolation.write_extrapolation(found)
    page = write_extrapolation_report(found)
    return Written(page, extrapolation.sentences(found), extrapolation.summary(found))


def _search(folder: Path) -> Written:
    found = search.read_search(folder)
    search.write_search(found)
    return Written(write_search_report(found), search.sentences(found), search.summary(found))


_WRITERS = {
    "strategies": _strategies,
    "predictors": _predictors,
    "proxies": _proxies,
    "curves": _curves,
    "search": _search,
}
