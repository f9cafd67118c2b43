"""``report.html`` of a proxy study."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.report import agreement_figures as figures
from workbench.report.agreement import FEW, Agreement, sentences, table, timing
from workbench.report.drawing import Drawing, there
from workbench.report.numbers import means_of
from workbench.report.render import common, parameters_text


def content(found: Agreement) -> dict[str, Any]:
    """Return everything the page shows."""
    study = found.study
    setup = [
        (
            b.label,
            b.sample or "all",
            b.replicates or study.replicates,
            b.batch_size,
            *(parameters_text(x) if x else "its own" for x in (b.dataset, b.build)),
        )
        for b in study.benchmarks
    ]
    return common(found.meta, found.runs, "entry") | {
        "compared": "proxy",
        "verdict": sentences(found),
        "drawings": drawings(found),
        "tables": [(b, found.architectures(b), table(found, b)) for b in found.benchmarks],
        "setup": setup,
        "timing": timing(found),
    }


def drawings(found: Agreement) -> list[Drawing]:
    """Return the figures that a study calls for."""
    part = f"{100 * found.study.top:.0f} %"

    def numbers(*metrics: str) -> pd.DataFrame:
        return means_of(found.measures, "proxy", *metrics)

    drawn = [
        (
            "map",
            "Every proxy on every benchmark",
            figures.heat_map(found),
            "Spearman correlation of score and truth, mean over batches; left over all"
            f" architectures that were scored, right within the truly best {part}, where those"
            f" are {FEW} or more. Rows by the mean of the left half; what only counts is in bold.",
            numbers("spearman"),
        ),
        (
            "lead",
            "Worth more than counting?",
            figures.leads(found),
            "Spearman correlation above that of the better of params and flops, with 95 % bootstrap"
            " intervals over architectures, averaged over replicates: how batches differ is not in"
            " them. Blue: really above; red: really below; grey: cannot be told.",
            numbers("lead", "lead_low", "lead_high"),
        ),
        (
            "time",
            "What it takes",
            figures.against_time(found),
            "Of one core, each proxy with all the passes that it needs; several together share"
            " passes and take less.",
            numbers("seconds", "spearman"),
        ),
    ]
    return there(drawn)
