"""``report.html`` of a live search; verdict first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.report import search_figures as figures
from workbench.report.drawing import Drawing, there
from workbench.report.render import common, parameters_text
from workbench.report.search import SearchFolder, costs
from workbench.report.search_words import duration, sentences, spread

_LISTED = 20


def content(found: SearchFolder) -> dict[str, Any]:
    """Return everything the page shows."""
    study, end = found.meta["study"], found.conclusion
    entry, facts = study["strategies"][0], next(iter(found.meta["benchmarks"].values()))
    failed = found.trainings[found.trainings["fault"] != ""]
    return common(found.meta, found.runs, "entry") | {
        "compared": "strategy",
        "verdict": sentences(found),
        "drawings": drawings(found),
        "budget": _budget(study["budget"]),
        "data": found.data,
        "label": entry["label"],
        "end": end,
        "rows": [*_finalists(end)] if end else [],
        "spread": spread,
        "top": [*_top(found)],
        "costs": costs(found),
        "elapsed": duration(float(found.trainings["at"].max())) if len(found.trainings) else "0 s",
        "faults": [*failed[["architecture", "fault"]].head(_LISTED).itertuples(index=False)],
        "failed": len(failed),
        "parameters": parameters_text(found.meta["parameters"][entry["label"]]),
        "options": [(key, parameters_text(facts[key])) for key in ("network", "training", "data")],
        "source": _source(found.folder) if end else "",
    }


def drawings(found: SearchFolder) -> list[Drawing]:
    """Return the figures that a search calls for."""
    end, trainings = found.conclusion or {}, found.trainings
    ends = [
        (name, seed, valid, test)
        for name in ("best", "random")
        for seed, (valid, test) in enumerate(
            zip(end[name]["valid"], end[name]["test"], strict=True) if end else ()
        )
    ]
    ends += [("drawn", 0, one["valid"], one["test"]) for one in end.get("drawn", ())]
    return there(
        [
            (
                "progress",
                "How the search went",
                figures.progress(found),
                "Validation accuracy of each training when it ended, and the best so far of those"
                " that went to the last epoch. The lowest tenth may lie below the picture.",
                trainings,
            ),
            (
                "final",
                "What it is worth",
                figures.final(found),
                "Test accuracy of trainings with seeds that the search has not used, a mark each,"
                " with their mean: the best architecture found, and the random one that is the"
                " median of those drawn, by validation. Below: all that were drawn, trained once.",
                pd.DataFrame(ends, columns=["architecture", "seed", "validation", "test"]),
            ),
            (
                "fronts",
                "What there was to choose from",
                figures.fronts(found),
                "Each point is an architecture trained to the last epoch: validation accuracy"
                " against its parameters, and against the time of one example on this machine (one"
                " thread, median of 40). Up and left is better; nothing is better in both than"
                " what is on the line.",
                found.whole,
            ),
            (
                "funnel",
                "What the funnel lets through",
                figures.passing(found),
                "Candidates of a mean round that come into a stage (light) and are let through"
                " (dark), and the seconds of the stage in all rounds, those that were cut off too,"
                " on all workers together. A short training is paid in its own stage, what goes on"
                " of it in the last.",
                found.measures,
            ),
        ]
    )


def _finalists(end: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "best found", end["best"]
    for one in end["finalists"]:
        if one["text"] != end["best"]["text"]:
            yield "finalist", one
    yield "median random", end["random"]


def _top(found: SearchFolder) -> Iterator[dict[str, Any]]:
    latency = (found.conclusion or {}).get("latency", {})
    for row in found.whole.head(_LISTED).to_dict("records"):
        shown = {str(key): value for key, value in row.items()}
        yield shown | {"latency": latency.get(str(row["trial"])), "when": duration(row["at"])}


def _budget(budget: dict[str, Any]) -> str:
    words = [duration(budget["seconds"])] if budget["seconds"] else []
    words += [f"{budget['queries']:,} trainings"] if budget["queries"] else []
    return " or ".join(words)


def _source(folder: Path) -> str:
    try:
        return (folder / "best.py").read_text(encoding="utf-8")
    except OSError:
        return ""
