"""What studies of measures write: one table of all numbers, their means, and the times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import pandas as pd

from workbench.harness.sections import Study
from workbench.harness.store import read_measures, read_meta, read_runs
from workbench.report.render import write_text


class StudyFolder(NamedTuple):
    """The folder of a study of measures: one row a run, one row a measure of a finished run."""

    folder: Path
    meta: dict[str, Any]
    runs: pd.DataFrame
    measures: pd.DataFrame

    @classmethod
    def read(cls, folder: Path | str) -> Self:
        """Return what a folder holds so far.

        Raises
        ------
        StoreError
            It holds no study.
        """
        folder = Path(folder)
        return cls(folder, read_meta(folder), read_runs(folder), read_measures(folder))


def write_numbers(
    folder: Path,
    measures: pd.DataFrame,
    entry: str,
    summary: dict[str, Any],
    timing: dict[str, Any],
) -> list[Path]:
    """Write ``results.parquet``, ``summary.json`` and ``timing.json``; ``entry`` names a column."""
    paths = [folder / name for name in ("results.parquet", "summary.json", "timing.json")]
    partial = folder / "results.parquet.partial"
    measures.rename(columns={"entry": entry}).to_parquet(partial, index=False)
    partial.replace(paths[0])
    write_text(paths[1], json.dumps(summary, indent=1, sort_keys=True) + "\n")
    write_text(paths[2], json.dumps(timing, indent=1, sort_keys=True) + "\n")
    return paths


def constant_words(measures: pd.DataFrame) -> str:
    """Return a sentence on what gave the same number for everything; empty where nothing did."""
    flat = measures[(measures["metric"] == "constant") & (measures["value"] > 0)]
    if flat.empty:
        return ""
    names = [f"{k} ({n} times)" for k, n in flat.groupby("entry", sort=False).size().items()]
    return (
        f"Constant, and so ordering nothing, which counts as a correlation of 0: {and_list(names)}."
    )


def unfinished_words(runs: pd.DataFrame, study: Study) -> str:
    """Return a sentence on the runs that a study lacks; empty where it lacks none."""
    done = int(runs["error"].isna().sum())
    if done == study.runs:
        return ""
    return (
        f"This is not the whole study: {done} of {study.runs} runs are finished,"
        f" {len(runs) - done} failed. The same `workbench run` goes on from here."
    )


def and_list(names: Sequence[str]) -> str:
    """Return names as words; of many, the first and how many more."""
    if not names:
        return ""
    if len(names) > _NAMED + 1:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


_NAMED = 6


def nested(measures: pd.DataFrame, bench: str) -> dict[str, Any]:
    """Return ``[entry][test set][size][metric]`` of one benchmark: mean, sd and number of runs."""
    found: dict[str, Any] = {}
    mine = measures[measures["benchmark"] == bench]
    keys = ["entry", "test_set", "size", "metric"]
    for key, values in mine.groupby(keys, sort=False)["value"]:
        entry, of, size, metric = map(str, key)
        sd = float(values.std()) if len(values) > 1 else None
        place = found.setdefault(entry, {}).setdefault(of, {}).setdefault(size, {})
        place[metric] = {"mean": float(values.mean()), "sd": sd, "runs": len(values)}
    return found
