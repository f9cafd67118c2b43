"""Studies drawn from real regrets, of which the true answer is known; also measures coverage.

``python -m tests.simulated_studies`` prints the tables of docs/statistics.md: 10,000 studies a
number, in about twenty minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

import workbench as wb
from workbench.statistics.aggregates import iqm, mean, normalised
from workbench.statistics.bootstrap import interval
from workbench.types import Arch, Floats

TASKS = (
    "nb201/cifar10",
    "nb201/imagenet16-120",
    "nbgraph/cora",
    "fcnet/protein_structure",
    "mlp/australian",
)
QUERIES = 100


def random_search(task: str, runs: int) -> Floats:
    """Return the normalised true scores of what runs of 100 random queries end with, ``(runs,)``.

    As in a study, a query reads one stored training seed, and the best of them is judged by the
    mean over all seeds.
    """
    bench, rng = wb.benchmark(task), np.random.default_rng(0)
    archs = bench.space.sample(runs * QUERIES, rng)
    counts = bench.replicates(archs)
    assert counts is not None
    seen = bench.query_many(archs, bench.epochs[-1], rng.integers(counts)).score
    truth = bench.truth(archs)
    best = seen.reshape(runs, QUERIES).argmax(axis=1)
    found = truth.reshape(runs, QUERIES)[np.arange(runs), best]
    return normalised(found, float(truth.mean()), float(bench.optimum or np.nan))


def evolution(task: str, runs: int) -> Floats:
    """Return the same of regularized evolution, each run asked and told by hand."""
    bench = wb.benchmark(task)
    draw = np.random.default_rng(0)
    found = [_evolved(bench, np.random.default_rng((1, run)), draw) for run in range(runs)]
    random = bench.truth(bench.space.sample(100_000, draw)).mean()
    truth = bench.truth(np.array(found, dtype=np.int16))
    return normalised(truth, float(random), float(bench.optimum or np.nan))


def _evolved(bench: wb.Benchmark, rng: np.random.Generator, draw: np.random.Generator) -> Arch:
    kind = wb.load("strategies", "regularized_evolution")
    strategy, best = kind(bench.space, rng, population=10, sample=3), (-np.inf, (0,))
    for _ in range(QUERIES):
        arch = (trial := strategy.ask()).arch
        seed = int(draw.integers(bench.stored(arch) or 1))
        score = bench.query(arch, bench.epochs[-1], seed).score
        strategy.tell(trial, wb.Observation(wb.Status.OK, score))
        best = max(best, (score, arch), key=lambda seen: seen[0])
    return best[1]


def drawn(population: Floats, runs: int, rng: np.random.Generator) -> Floats:
    """Return a study, ``(runs, tasks)``, drawn with replacement from ``(many, tasks)``."""
    picks = rng.integers(len(population), size=(runs, population.shape[1]))
    return np.take_along_axis(population, picks, axis=0)


def coverage(
    population: Floats,
    runs: int,
    statistic: Callable[[Floats], Floats],
    studies: int = 2000,
    resamples: int = 1000,
) -> float:
    """Return the share of studies whose interval holds the statistic of the population."""
    rng, truth = np.random.default_rng(1), statistic(population[None])[0]
    inside = 0
    for _ in range(studies):
        found = interval(drawn(population, runs, rng), statistic, rng, resamples)
        inside += found.low <= truth <= found.high
    return inside / studies


def _subsets(population: Floats) -> dict[int, list[Floats]]:
    """Return populations of one task, of three and of all five: five, five and one of them."""
    rolled = [np.roll(population, -i, axis=1) for i in range(len(TASKS))]
    return {1: [r[:, :1] for r in rolled], 3: [r[:, :3] for r in rolled], 5: [population]}


def main() -> None:
    """Print the share of 95 % intervals that hold the truth, by runs and tasks."""
    of = {"random_search": (random_search, 20_000), "regularized_evolution": (evolution, 4000)}
    for name, (search, runs) in of.items():
        population = np.stack([search(task, runs) for task in TASKS], axis=1)
        for aggregate in (iqm, mean):
            sys.stdout.write(f"{name}, {aggregate.__name__}: runs, then 1, 3 and 5 tasks\n")
            for size in (2, 3, 5, 10, 20, 30, 50, 100):
                row = []
                for some in _subsets(population).values():
                    each = 10_000 // len(some)
                    row.append(np.mean([coverage(one, size, aggregate, each) for one in some]))
                sys.stdout.write(f"{size:4d} " + " ".join(f"{c:.3f}" for c in row) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
