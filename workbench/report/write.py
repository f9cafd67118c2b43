"""Write everything a study folder should hold beside its log."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from workbench.report.page import verdict_of, write_report
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
    results = read_results(folder)
    write_results(results)
    return Written(write_report(results), verdict_of(results), summary(results))
