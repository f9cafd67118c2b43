"""What studies of measures write: one table of all numbers, their means, and the times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import pandas as pd

from workbench.harness.frozen import shard_of
from workbench.harness.shard import WHOLE
from workbench.harness.store import read_measures, read_meta, read_runs
from workbench.harness.study import stored_study
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


def part_of(meta: Mapping[str, Any]) -> dict[str, str]:
    """Return what ``summary.json`` says of a shard; of a whole study nothing."""
    shard = shard_of(meta)
    return {} if shard == WHOLE else {"shard": str(shard)}


def constant_words(measures: pd.DataFrame) -> str:
    """Return a sentence on what gave the same number for everything; empty where nothing did."""
    flat = measures[(measures["metric"] == "constant") & (measures["value"] > 0)]
    if flat.empty:
        return ""
    names = [f"{k} ({n} times)" for k, n in flat.groupby("entry", sort=False).size().items()]
    return (
        f"Constant, and so ordering nothing, which counts as a correlation of 0: {and_list(names)}."
    )


def with_what_is_missing(said: list[str], meta: Mapping[str, Any], runs: pd.DataFrame) -> list[str]:
    """Return sentences, with one on the runs that a study lacks; before all where it is a shard."""
    study, shard = stored_study(meta["study"]), shard_of(meta)
    done, wanted = int(runs["error"].isna().sum()), len(shard.numbers(study))
    numbers = f"{done} of {wanted} runs are finished, {len(runs) - done} failed"
    if shard != WHOLE:
        return [
            f"This is shard {shard} of the study: {numbers}. What follows is of these alone;"
            " `workbench merge` joins the shards.",
            *said,
        ]
    if done == wanted:
        return said
    return [
        *said,
        f"This is not the whole study: {numbers}. The same `workbench run` goes on from here.",
    ]


def and_list(names: Sequence[str]) -> str:
    """Return names as words; of many, the first and how many more."""
    if not names:
        return ""
    if len(names) > _NAMED + 1:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


_NAMED = 6


def budgets(study: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``[benchmark]`` the budget of a run there: its own, or that of a study of searches."""
    return {b["label"]: b.get("budget") or study.get("budget") for b in study["benchmarks"]}


def unit_of_differences(unit: str) -> str:
    """Return the unit of differences: two percentages differ by percentage points."""
    return "percentage points" if unit == "%" else unit


def unit_of_times(seconds: Sequence[float]) -> tuple[str, float]:
    """Return in which unit to show some times, and its seconds: the largest decides."""
    largest = max(seconds, default=0.0)
    return next((unit for unit in _TIMES if largest >= 2 * unit[1]), _TIMES[-1])


_TIMES = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))


def difference(value: float, unit: str) -> str:
    """Return a difference in words, to two digits; that of fractions has no unit."""
    words, of = f"{value:.2g}", unit_of_differences(unit.replace("fraction", ""))
    return f"{words} {of.replace('points', 'point') if words == '1' else of}".rstrip()


def means_of(measures: pd.DataFrame, entry: str, *metrics: str, **where: Any) -> pd.DataFrame:
    """Return means over replicates of some metrics, with deviation and number, a row each.

    ``where`` picks rows by their benchmark, test set or size; ``entry`` names a column.
    """
    mine = measures[measures["metric"].isin(metrics)]
    for column, value in where.items():
        mine = mine[mine[column].astype(str) == str(value)]
    keys = ["benchmark", "entry", "test_set", "size", "metric"]
    found = mine.groupby(keys, sort=False)["value"].agg(["mean", "std", "count"]).reset_index()
    return found.rename(columns={"entry": entry, "std": "sd", "count": "runs"})


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
