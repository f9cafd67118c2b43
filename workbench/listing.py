"""What ``workbench list`` and ``workbench query`` show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from workbench import registry
from workbench.registry import PACKAGES, Family

FAMILIES: tuple[Family, ...] = tuple(PACKAGES)


class Row(NamedTuple):
    """One plug-in, or one data set of a benchmark family.

    ``missing`` is the extra that would bring it, None where it can be used as it is.
    """

    name: str
    summary: str
    presets: list[str]
    missing: str | None


def rows(family: Family) -> list[Row]:
    """Return every plug-in of a family, also what an extra that is not installed would bring."""
    found = []
    for entry in registry.describe(family):
        missing = None if entry.available else entry.extra
        names, presets = [entry.name], []
        if family == "benchmarks":
            datasets = registry.load(family, entry.name).DATASETS
            names = [f"{entry.name}/{d}" for d in datasets or ("<space>/<data set>",)]
        elif family == "strategies" and missing is None:
            presets = sorted(registry.load(family, entry.name).PRESETS)
        found += [Row(name, entry.summary, presets, missing) for name in names]
    return found


def text(found: Mapping[Family, Sequence[Row]]) -> str:
    """Return the rows of families as text, one a line."""
    lines: list[str] = []
    for family, entries in found.items():
        width = max((len(e.name) for e in entries), default=0)
        lines += ["", family] if len(found) > 1 else []
        for entry in entries:
            notes = f" [presets: {', '.join(entry.presets)}]" if entry.presets else ""
            if entry.missing:
                notes += f" [not installed: pip install 'nas-workbench[{entry.missing}]']"
            lines.append(f"  {entry.name:<{width}}  {entry.summary}{notes}")
    return "\n".join(lines).lstrip("\n")


def query(name: str, architecture: str) -> dict[str, Any]:
    """Return every stored number of one architecture of a benchmark, ready for JSON.

    Raises
    ------
    UnknownName, ArchitectureError, DataMissing
        As the benchmark and its space do.
    """
    from workbench.data._open import benchmark

    bench = benchmark(name)
    arch = bench.space.parse(architecture)
    row = np.array([arch], dtype=np.int16)
    counts = bench.replicates(row)
    stored = range(1 if counts is None else int(counts[0]))
    epoch = bench.epochs[-1]
    results = [bench.query(arch, epoch, r) for r in stored]
    return {
        "benchmark": name,
        "architecture": bench.space.format(arch),
        "decisions": list(arch),
        "epochs": epoch,
        "score": bench.score,
        "metrics": {
            metric.name: metric._asdict()
            | {
                "replicates": [r.metrics[metric.name] for r in results],
                "mean": float(np.mean([r.metrics[metric.name] for r in results])),
            }
            for metric in bench.metrics.values()
        },
    }


def query_text(found: Mapping[str, Any]) -> str:
    """Return what ``query`` found as text."""
    epochs = found["epochs"]
    trained = f"{epochs} epochs" if epochs > 1 else "the whole training"
    lines = [
        f"{found['benchmark']}  {found['architecture']}",
        f"after {trained}, one number a training seed; score: {found['score']}",
    ]
    for metric in found["metrics"].values():
        values = "  ".join(f"{v:.6g}" for v in metric["replicates"])
        about = ", ".join(x for x in (metric["unit"], metric["split"]) if x and x != "none")
        lines.append(f"  {metric['name']:<12} mean {metric['mean']:.6g}  ({values})  {about}")
    return "\n".join(lines)
