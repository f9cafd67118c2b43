"""``report.html`` of a curve study."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.report import extrapolation_figures as figures
from workbench.report.drawing import Drawing, there
from workbench.report.extrapolation import Extrapolation, sentences, stopping, table, timing
from workbench.report.numbers import means_of, unit_of_differences
from workbench.report.render import common, parameters_text

_SHOWN = ("tau", "error", "coverage", "nll")


def content(found: Extrapolation) -> dict[str, Any]:
    """Return everything the page shows."""
    used, facts = found.meta["parameters"], found.meta["benchmarks"]
    benches = found.benchmarks
    return common(found.meta, found.runs, "entry") | {
        "compared": "extrapolator",
        "verdict": sentences(found),
        "drawings": drawings(found),
        "tables": [(b, found.reference(b), found.epochs(b), table(found, b)) for b in benches],
        "stopping": [(b, stopping(found, b)) for b in benches],
        "units": {b: unit_of_differences(facts[b]["metric"]["unit"]) for b in benches},
        "parameters": [
            (e["label"], e["name"], parameters_text(used[e["label"]]))
            for e in found.meta["study"]["extrapolators"]
        ],
        "timing": timing(found),
    }


def drawings(found: Extrapolation) -> list[Drawing]:
    """Return the figures that a study calls for."""
    drawn = []
    for bench in found.benchmarks:
        drawn += [
            (
                "by_epoch",
                f"Quality by epochs seen, {bench}",
                figures.by_epoch(found, bench),
                "Means over replicates with their 95 % intervals. Order: higher is better; error"
                " and negative log likelihood: lower; coverage: inside the band, near the line.",
                means_of(found.measures, "extrapolator", *_SHOWN, benchmark=bench),
            ),
            (
                "savings",
                f"What stopping early saves and loses, {bench}",
                figures.savings(found, bench),
                f"Trainings one after the other; one is stopped where P(final > best so far) <"
                f" {found.study.level:g}. Left: the loss, by how much what is chosen in the end is"
                " worse; right: how often it is the same. Best is far right, at the bottom and the"
                " top.",
                pd.DataFrame(stopping(found, bench)),
            ),
        ]
    return there(drawn)
