"""A live search as a frame of its trainings, and in numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.harness.store import read_log, read_measures, read_meta, read_runs
from workbench.report.render import write_text
from workbench.report.search_words import sentences
from workbench.spaces import space


class SearchFolder(NamedTuple):
    """The folder of a search.

    ``trainings`` has one row a training that has ended, in the order of tells: trial, architecture
    as text, epochs, status, score, ``val_acc`` and ``test_acc`` in percent, params, cost (CPU
    seconds, of GPUs elapsed ones), ``at`` (seconds of the search), fault, and ``whole``: trained to
    the last epoch. ``tasks`` has name, cost and ``at``. ``conclusion`` is None until there is one.
    """

    folder: Path
    meta: dict[str, Any]
    runs: pd.DataFrame
    measures: pd.DataFrame
    trainings: pd.DataFrame
    tasks: pd.DataFrame
    conclusion: dict[str, Any] | None

    @property
    def data(self) -> str:
        """What was trained on."""
        return str(self.meta["study"]["benchmarks"][0]["label"])

    @property
    def whole(self) -> pd.DataFrame:
        """Trainings to the last epoch, best first; of equal ones, the earliest first."""
        ended = self.trainings[self.trainings["whole"]]
        return ended.sort_values("score", ascending=False, kind="stable")


def read_search(folder: Path | str) -> SearchFolder:
    """Return what the folder of a search holds so far.

    Raises
    ------
    StoreError
        It holds no study.
    """
    folder = Path(folder)
    meta = read_meta(folder)
    trainings, tasks = _ended(read_log(folder), meta)
    found = meta.get("conclusion")
    measures = read_measures(folder)
    return SearchFolder(folder, meta, read_runs(folder), measures, trainings, tasks, found)


def _ended(log: list[str], meta: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    facts = next(iter(meta["benchmarks"].values()))
    where, last = space(facts["space"]), facts["epochs"]
    asked: dict[int, dict[str, Any]] = {}
    trainings, tasks = [], []
    for entry in map(json.loads, log):
        if "ask" in entry:
            asked[entry["ask"]] = entry
        elif "done" in entry:
            name = asked[entry["done"]]["task"]
            tasks.append({"name": name, "cost": entry["cost"], "at": entry["at"]})
        elif entry["status"] != "part":
            trainings.append(_training(entry, asked[entry["came"]], where, last))
    return (
        pd.DataFrame(trainings, columns=_COLUMNS).astype({"whole": bool}),
        pd.DataFrame(tasks, columns=["name", "cost", "at"]),
    )


_COLUMNS = [
    "trial", "architecture", "epochs", "continues", "status", "score", "val_acc", "test_acc",
    "params", "cost", "at", "fault", "whole",
]  # fmt: skip


def _training(
    entry: Mapping[str, Any], asked: Mapping[str, Any], where: Any, last: int
) -> dict[str, Any]:
    metrics, epochs = entry["metrics"], entry["epochs"] or 0
    return {
        "trial": entry["came"],
        "architecture": where.format(tuple(asked["arch"])),
        "epochs": epochs,
        "continues": asked["continues"],
        "status": entry["status"],
        "score": np.nan if entry["told"] is None else entry["told"],
        **{name: metrics.get(name, np.nan) for name in ("val_acc", "test_acc", "params")},
        "cost": np.nan if entry["cost"] is None else entry["cost"],
        "at": entry["at"],
        "fault": entry["fault"],
        "whole": entry["status"] == "ok" and epochs >= last,
    }


def costs(found: SearchFolder) -> list[tuple[str, int, float]]:
    """Return what the time went to: name, how often, seconds on all workers together.

    A training that goes on is charged its new epochs.
    """
    rows = [
        (f"task: {name}", len(mine), float(mine["cost"].sum()))
        for name, mine in found.tasks.groupby("name", sort=False)
    ]
    trainings = found.trainings
    spent = _new_cost(trainings)
    for words, chosen in (
        ("trainings that ended early", ~trainings["whole"]),
        ("trainings to the last epoch, or their rest", trainings["whole"]),
    ):
        rows.append((words, int(chosen.sum()), float(spent[chosen].sum())))
    return rows


def _new_cost(trainings: pd.DataFrame) -> pd.Series:
    """Return the seconds of each training, without those of the one that it continues."""
    total = trainings.set_index("trial")["cost"]
    before = trainings["continues"].map(total).fillna(0.0)
    return trainings["cost"].fillna(0.0) - before.astype("float64")


def summary(found: SearchFolder) -> dict[str, Any]:
    """Return what ``summary.json`` holds."""
    study = found.meta["study"]
    return {
        "study": study["name"],
        "benchmark": found.data,
        "strategy": study["strategies"][0]["label"],
        "seconds": float(found.trainings["at"].max()) if len(found.trainings) else 0.0,
        "trainings": len(found.trainings),
        "whole": len(found.whole),
        "failed": int((found.trainings["fault"] != "").sum()),
        "costs": [list(row) for row in costs(found)],
        "conclusion": found.conclusion,
        "verdict": sentences(found),
    }


def write_search(found: SearchFolder) -> list[Path]:
    """Write ``results.parquet`` and ``summary.json`` and return their paths."""
    paths = [found.folder / name for name in ("results.parquet", "summary.json")]
    partial = found.folder / "results.parquet.partial"
    found.trainings.to_parquet(partial, index=False)
    partial.replace(paths[0])
    write_text(paths[1], json.dumps(summary(found), indent=1, sort_keys=True) + "\n")
    return paths
