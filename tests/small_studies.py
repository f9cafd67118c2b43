"""A small study of strategies, and what tests do with it and its like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.report.write import write_all

SMALL: dict[str, Any] = {
    "name": "small",
    "replicates": 6,
    "budget": {"queries": 20},
    "benchmarks": ["nb201/cifar10", "nbgraph/cora"],
    "strategies": [
        "random_search",
        {"name": "predictor_guided", "predictor": {"name": "xgboost", "n_estimators": 10}},
    ],
}


def summary_of(folder: Path) -> bytes:
    """Write the report of a study and return its ``summary.json``, which has no times in it."""
    write_all(folder)
    return (folder / "summary.json").read_bytes()


def write_plugin(folder: Path, name: str, text: str) -> str:
    """Write a plug-in into a folder and return its path, as a study names it."""
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return str(path)
