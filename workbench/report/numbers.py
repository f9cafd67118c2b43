"""What studies of measures write: one table of all numbers, their means, and the times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.report.render import write_text


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
