"""What searches come to that see the test scores: `python examples/searched_on_test.py`.

The released example of NAS-Bench-Graph searches on test accuracy directly. No strategy here ever
sees a test score, so that its published table comes out only from a table of one's own, in which
the test accuracy is called the score: for each data set one is written, and searched. Beside the
strategies stands what uniform draws give on average, in closed form.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import workbench as wb
from workbench.harness.drive import run_study
from workbench.harness.study import parse_study
from workbench.report.results import read_results, summary

STRATEGIES = [
    "random_search",
    {"name": "regularized_evolution", "population": 50, "sample": 10},
    "reinforce",
]


def main() -> None:
    """Print mean test accuracy in percent, by data set and strategy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["proteins"])
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--replicates", type=int, default=3)
    options = parser.parse_args()
    for data in options.data:
        with tempfile.TemporaryDirectory() as folder:
            print(data, one(data, Path(folder), options.queries, options.replicates))


def one(data: str, folder: Path, queries: int, replicates: int) -> dict[str, float]:
    """Return the mean test accuracy of what was found, by strategy."""
    bench = wb.benchmark(f"nbgraph/{data}")
    archs = bench.space.all()
    scores = bench.truth(archs, "perf")
    written = [bench.space.format(tuple(arch)) for arch in archs.tolist()]
    pd.DataFrame({"arch": written, "test": scores}).to_csv(folder / "t.csv", index=False)
    table = {"name": data, "table": str(folder / "t.csv"), "space": bench.space.whole.name}
    study = parse_study(
        {
            "name": "on-test",
            "replicates": replicates,
            "budget": {"queries": queries},
            "benchmarks": [
                table | {"architecture": "arch", "columns": "test", "allow_missing": True}
            ],
            "strategies": STRATEGIES,
        }
    )
    run_study(study, folder / "s", workers=1)
    found = summary(read_results(folder / "s"))["benchmarks"][data]["strategies"]
    means = {label: round(100 * row["score"]["mean"], 2) for label, row in found.items()}
    return {"closed form": round(100 * best_of(scores, queries), 2)} | means


def best_of(scores: np.ndarray, draws: int) -> float:
    """Return the expected best of so many uniform draws with replacement."""
    ordered = np.sort(scores)
    below = (np.arange(len(ordered) + 1) / len(ordered)) ** draws
    return float(ordered @ np.diff(below))


if __name__ == "__main__":
    main()
