"""``report.html`` of a predictor study."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from workbench.report import quality_figures as figures
from workbench.report.drawing import Drawing, there
from workbench.report.numbers import means_of, unit_of_differences
from workbench.report.quality import Quality, timing
from workbench.report.quality_words import mean_table, ranking, sentences
from workbench.report.render import common, parameters_text


def content(quality: Quality) -> dict[str, Any]:
    """Return everything the page shows."""
    used, facts = quality.meta["parameters"], quality.meta["benchmarks"]
    benches = [b for b in quality.benchmarks if len(quality.of("tau", b))]
    return common(quality.meta, quality.runs, "entry") | {
        "compared": "predictor",
        "verdict": sentences(quality),
        "drawings": drawings(quality),
        "reference": quality.reference,
        "first_set": quality.first_set,
        "tables": [(b, quality.sizes(b), mean_table(quality, b)) for b in benches],
        "units": {b: unit_of_differences(facts[b]["metric"]["unit"]) for b in benches},
        "parameters": [
            (e["label"], e["name"], _encoding(used[e["label"]]), _without(used[e["label"]]))
            for e in quality.meta["study"]["predictors"]
        ],
        "timing": timing(quality),
    }


def drawings(quality: Quality) -> list[Drawing]:
    """Return the figures that a study calls for."""
    order = [str(label) for label in ranking(quality).index]
    if not order:
        return []
    first = next(b for b in quality.benchmarks if len(quality.of("tau", b)))
    n = quality.reference

    def numbers(*metrics: str, **where: Any) -> pd.DataFrame:
        return means_of(quality.measures, "predictor", *metrics, **where)

    times = ("tau", "fit_seconds", "query_seconds")
    drawn = [
        (
            "by_size",
            "Quality by training size",
            figures.by_size(quality, order),
            "Mean Kendall's tau between prediction and truth over replicates, with its 95 %"
            " interval; higher is better. The seven best by mean rank stand out.",
            numbers("tau"),
        ),
        (
            "benchmarks",
            "Every predictor on every benchmark",
            figures.tau_map(quality, order),
            f"Kendall's tau at n = {n}, by mean rank; the darker, the better on its benchmark."
            " Blank: not compared there.",
            numbers("tau", size=n),
        ),
        (
            "time",
            f"Quality against time, {first}",
            figures.against_cost(quality, first, order),
            f"At n = {n}, on one thread, encoding included. What is joined is beaten by nothing"
            " that is as quick, and named in bold in its own panel.",
            numbers(*times, size=n, benchmark=first),
        ),
        (
            "map",
            f"Which predictor for which time, {first}",
            figures.map_of_time(quality, first, order),
            "The predictor of highest tau among those, at any training size, that are ready and"
            " answer within the times at the axes; right, with the training of its training set.",
            numbers(*times, benchmark=first),
        ),
        (
            "mutation",
            f"Around the best, {first}",
            figures.test_sets(quality, first),
            "The same predictors asked for random architectures and for mutations of good ones, as"
            " a search asks. Orders among the good are harder.",
            numbers("tau", size=n, benchmark=first),
        ),
        (
            "coverage",
            "Can the deviations be trusted?",
            figures.coverage(quality),
            f"Part of the truth inside 90 % intervals at n = {n}; the line is what it should be."
            " Left of the band a predictor is too sure, right of it too unsure. Shapes tell"
            " benchmarks.",
            numbers("coverage", size=n),
        ),
    ]
    return there(drawn)


def _encoding(parameters: dict[str, Any]) -> str:
    given = parameters["encoding"]
    return given if isinstance(given, str) else json.dumps(given)


def _without(parameters: dict[str, Any]) -> str:
    return parameters_text({k: v for k, v in parameters.items() if k != "encoding"})
