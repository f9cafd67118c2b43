"""How many trainings strategies need until they meet the best: `python examples/until_the_best.py`.

Publications count evaluations until the best architecture of NAS-Bench-201 is found, on scores
without noise: the mean over the stored trainings. Strategies are asked and told by hand until they
ask for it. Uniform draws need 15,625 on average. Where no isomorphism class is drawn twice, each of
n members comes before the one best cell with probability n / (n + 1), which sums to 3,592.5.
"""

from __future__ import annotations

import argparse
from statistics import mean, stdev
from typing import Any

import numpy as np

import workbench as wb
from workbench.data._base import Benchmark

STRATEGIES: list[tuple[str, dict[str, Any]]] = [
    ("random_search", {}),
    ("random_distinct", {}),
    ("regularized_evolution", {"population": 10, "sample": 3}),
    ("local_search", {"improvement": "steepest"}),
    ("local_search", {"improvement": "first"}),
]


def main() -> None:
    """Print the mean number of trainings and its standard error, by data set and strategy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["cifar100"])
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    for data in options.data:
        bench = wb.benchmark(f"nb201/{data}")
        archs = bench.space.all()
        print(data, "random_distinct", "closed form", f"{distinct(bench):.1f}")
        known = dict(zip(map(tuple, archs.tolist()), bench.truth(archs).tolist(), strict=True))
        for name, parameters in STRATEGIES:
            made = wb.load("strategies", name)
            lengths = [
                length(made(bench.space, np.random.default_rng(seed), **parameters), known)
                for seed in range(options.runs)
            ]
            error = stdev(lengths) / len(lengths) ** 0.5
            print(data, name, *parameters.values(), f"{mean(lengths):.1f} +- {error:.1f}")


def distinct(bench: Benchmark) -> float:
    """Return the expected number of uniform draws of cells, of each class once, until the best."""
    archs = bench.space.all()
    classes, sizes = np.unique(bench.space.index(bench.space.canonical(archs)), return_counts=True)
    best = bench.space.canonical(archs[[bench.truth(archs).argmax()]])
    mine = classes == bench.space.index(best)
    return float(1 + (sizes / (sizes + sizes[mine]))[~mine].sum())


def length(strategy: wb.Strategy, known: dict[wb.Arch, float], limit: int = 1_000_000) -> int:
    """Return how many architectures were asked for when the best of all was, repeats counted."""
    best = max(known.values())
    for asked in range(1, limit):
        trial = strategy.ask()
        assert isinstance(trial, wb.Trial)
        score = known[trial.arch]
        if score == best:
            return asked
        strategy.tell(trial, wb.Observation(wb.Status.OK, score))
    raise SystemExit(f"not found in {limit:,} trainings")


if __name__ == "__main__":
    main()
