"""Write everything a study folder should hold beside its log."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from workbench.harness.store import read_meta
from workbench.report.page import verdict_of, write_report
from workbench.report.quality import read_quality, write_quality
from workbench.report.quality import summary as quality_summary
from workbench.report.quality_page import write_quality_report
from workbench.report.quality_words import sentences
from workbench.report.results import read_results, summary, write_results


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
    if read_meta(folder)["study"]["kind"] == "predictors":
        quality = read_quality(folder)
        write_quality(quality)
        page = write_quality_report(quality)
        return Written(page, sentences(quality), quality_summary(quality))
    results = read_results(folder)
    write_results(results)
    return Written(write_report(results), verdict_of(results), summary(results))
