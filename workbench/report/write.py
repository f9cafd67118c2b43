"""Write everything a study folder should hold beside its log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from workbench.harness.store import check_rows, read_meta
from workbench.report import (
    agreement,
    agreement_page,
    extrapolation,
    extrapolation_page,
    page,
    quality,
    quality_page,
    search,
    search_page,
)
from workbench.report.drawing import Drawing
from workbench.report.render import cited, write_page
from workbench.report.results import read_results, write_results


class Written(NamedTuple):
    """What was written, and what it says."""

    report: Path
    verdict: list[str]
    summary: dict[str, Any]


class Made(NamedTuple):
    """A page as it was written, with what it shows: ``content`` as the template takes it."""

    report: Path
    summary: dict[str, Any]
    content: dict[str, Any]

    @property
    def drawings(self) -> list[Drawing]:
        """The figures of the page."""
        return list(self.content["drawings"])

    @property
    def written(self) -> Written:
        """The same without what cannot leave this process."""
        return Written(self.report, self.content["verdict"], self.summary)


def write_all(folder: Path) -> Written:
    """Write results, summary, timing and report of what a study folder holds so far.

    Raises
    ------
    StoreError
        The folder holds no study.
    """
    return make(folder).written


def make(folder: Path) -> Made:
    """Write what ``write_all`` writes, and return it with what the page shows."""
    kind = read_meta(folder)["study"]["kind"]
    check_rows(folder)
    found, summary = _KINDS[kind](folder)
    shown = cited(f"{kind}.html", found)
    return Made(write_page(folder, f"{kind}.html", shown), summary, shown)


_Shown = tuple[dict[str, Any], dict[str, Any]]


def _strategies(folder: Path) -> _Shown:
    results = read_results(folder)
    shown = page.content(results)
    write_results(results, shown["summary"])
    return shown, shown["summary"]


def _predictors(folder: Path) -> _Shown:
    found = quality.read_quality(folder)
    quality.write_quality(found)
    return quality_page.content(found), quality.summary(found)


def _proxies(folder: Path) -> _Shown:
    found = agreement.read_agreement(folder)
    agreement.write_agreement(found)
    return agreement_page.content(found), agreement.summary(found)


def _curves(folder: Path) -> _Shown:
    found = extrapolation.read_extrapolation(folder)
    extrapolation.write_extrapolation(found)
    return extrapolation_page.content(found), extrapolation.summary(found)


def _search(folder: Path) -> _Shown:
    found = search.read_search(folder)
    search.write_search(found)
    return search_page.content(found), search.summary(found)


_KINDS: dict[str, Callable[[Path], _Shown]] = {
    "strategies": _strategies,
    "predictors": _predictors,
    "proxies": _proxies,
    "curves": _curves,
    "search": _search,
}
