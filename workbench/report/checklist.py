"""The practices that Lindauer and Hutter ask for, and what a study meets of them.

Lindauer and Hutter, "Best Practices for Scientific Research on Neural Architecture Search", JMLR
21, 2020, arXiv:1909.02453. Practices are in our words and in the order of the paper's sections:
releasing code, comparing methods, reporting. What a study folder knows is answered; the rest is for
the author.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from workbench.harness.study import stored_study
from workbench.statistics.verdict import counted

YES = "met"
NO = "not met"
YOURS = "for you to say"

FEW = 5
"""Fewer runs of each are no several seeds."""

_BASELINES = {"random_search", "random_distinct"}


class Practice(NamedTuple):
    """A practice, whether the study meets it, and why so."""

    practice: str
    state: str
    why: str


def practices(meta: Mapping[str, Any]) -> list[Practice]:
    """Return the 14 practices with what a study of any kind meets."""
    return [*_code(meta), *_comparing(meta), *_reporting(meta)]


def _code(meta: Mapping[str, Any]) -> Iterator[Practice]:
    live = [b["name"] for b in meta["study"]["benchmarks"] if b["name"].startswith("live/")]
    yield Practice(
        "Release the code of the training pipeline",
        YES,
        "networks are trained by the workbench: its version and the settings are below"
        if live
        else "nothing is trained here: scores come from published tables, whose hashes are below",
    )
    own = [e["name"] for e in _entries(meta) if e["name"].endswith(".py")]
    yield Practice(
        "Release the code of the methods",
        YOURS if own else YES,
        f"release {', '.join(own)} with the study: its hash is below"
        if own
        else "every method here is part of the workbench, of the version below",
    )
    yield Practice(
        "Release it now, not once it is tidied up", YOURS, "the study file and this folder suffice"
    )


def _comparing(meta: Mapping[str, Any]) -> Iterator[Practice]:
    study = meta["study"]
    yield Practice(
        "Compare on the same benchmark, not just the same data set",
        YES,
        "all methods see the same spaces, splits and trainings; tables are named by their hashes",
    )
    yield Practice("Run ablation studies", *_ablation(meta))
    yield Practice(
        "Use the same evaluation protocol for all",
        YES,
        f"{_budget(study)}, one rule for the incumbent, the same training seeds for the same"
        " questions",
    )
    yield Practice("Show performance against compute", *_compute(meta))
    yield Practice("Compare with random sampling and random search", *_baseline(meta))
    runs = study["replicates"] if study["kind"] != "search" else 1
    words = f"{counted(runs, 'run')} each, all seeds from the study's seed {study['seed']}"
    yield Practice(
        "Repeat with several seeds, and list them",
        YES if runs >= FEW else NO,
        words if runs >= FEW else f"{words}: fewer than {FEW}",
    )
    tables = all(not b["name"].startswith("live/") for b in study["benchmarks"])
    yield Practice(
        "Use tabular or surrogate benchmarks where possible",
        YES if tables else NO,
        "all benchmarks are tables" if tables else "networks are trained when they are asked for",
    )
    yield Practice("Control what else could explain differences", *_confounders(meta))


def _budget(study: Mapping[str, Any]) -> str:
    own = any(b.get("budget") for b in study["benchmarks"])
    return "one budget for all strategies on each benchmark" if own else "one budget"


def _reporting(meta: Mapping[str, Any]) -> Iterator[Practice]:
    yield Practice(
        "Say how hyperparameters of the methods were tuned, and at what cost",
        YOURS,
        "the values in force are below; how they were come by is not known here",
    )
    live = meta["study"]["kind"] == "search"
    yield Practice(
        "Report the time of the whole method, end to end",
        YES,
        "trainings, filters and final trainings are in the table of costs"
        if live
        else "simulated training, where tables know it, and the search's own CPU seconds are below",
    )
    yield Practice(
        "Report every detail of the set-up",
        YES,
        "the whole study, parameters in force, versions, machine and hashes are below",
    )


def _ablation(meta: Mapping[str, Any]) -> tuple[str, str]:
    labels = {e["label"] for e in _entries(meta)}
    if without := [a for a in labels if a.partition(" without ")[0] in labels and " without " in a]:
        return YES, f"{', '.join(sorted(without))}"
    names = [e["name"] for e in _entries(meta)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        return (
            YES,
            f"several settings of {', '.join(twice)}; whether they suffice is yours to judge",
        )
    return NO, "every method stands here once, in one setting"


def _compute(meta: Mapping[str, Any]) -> tuple[str, str]:
    against = {
        "strategies": "regret and scores against queries, and simulated seconds where known",
        "search": "validation of every training against time",
        "predictors": "quality against training size and time",
        "proxies": "correlation against seconds an architecture",
        "curves": "quality against epochs seen, and what stopping saves",
    }
    return YES, against[meta["study"]["kind"]]


def _baseline(meta: Mapping[str, Any]) -> tuple[str, str]:
    kind = meta["study"]["kind"]
    if kind in ("predictors", "proxies", "curves"):
        return YES, "what is compared is measured on random architectures; it does not search"
    if kind == "search":
        return YES, "the best found stands beside a random architecture, trained alike"
    there = sorted({e["name"] for e in _entries(meta)} & _BASELINES)
    sampled = "the mean random architecture is the zero of normalised scores"
    if there:
        return YES, f"{' and '.join(there)} in the study; {sampled}"
    return NO, f"no random search in the study, though {sampled}"


def _confounders(meta: Mapping[str, Any]) -> tuple[str, str]:
    if mixed := meta["provenance"].get("mixed"):
        return NO, f"runs are of different versions: {'; '.join(mixed)}"
    return YES, "one thread a run, the same versions throughout; times of tables do not vary"


def _entries(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the study compares, as the study writes it."""
    return list(meta["study"][stored_study(meta["study"]).COMPARED])
