"""Scores after so many queries, of a study: `python examples/at_queries.py FOLDER 100 200`.

Means over runs of the true score of what looked best by then, with their standard errors, beside
what random search comes to in closed form: of n stored trainings drawn uniformly, the best observed
is the one of rank i of N with probability (i / N) ** n - ((i - 1) / N) ** n, and then the true mean
of its architecture counts. Of trainings of the same score the first that was drawn is kept.
"""

from __future__ import annotations

import argparse

import numpy as np

from workbench.data._base import Benchmark
from workbench.harness.opening import open_benchmark
from workbench.harness.study import stored_study
from workbench.report.results import read_results


def main() -> None:
    """Print a table for each benchmark, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("queries", type=int, nargs="+")
    options = parser.parse_args()
    results = read_results(options.folder)
    for entry in stored_study(results.meta["study"]).benchmarks:
        trials = results.trials[results.trials["benchmark"] == entry.label]
        at = trials[trials["query"].isin(options.queries)]
        found = at.groupby(["strategy", "query"])["incumbent_truth"].agg(["mean", "sem"])
        print(f"\n| {entry.label} | {' | '.join(map(str, options.queries))} |")
        print("| --- |" + " --- |" * len(options.queries))
        bench = open_benchmark(entry)
        exact = [f"{closed_form(bench, n):.3f}" for n in options.queries]
        print(f"| random search, closed form | {' | '.join(exact)} |")
        for strategy in results.strategies:
            wanted = [(strategy, n) for n in options.queries]
            rows = found.reindex(wanted).itertuples(index=False)
            cells = [f"{mean:.3f} ± {error:.3f}" for mean, error in rows]
            print(f"| {strategy} | {' | '.join(cells)} |")
        print(f"| best | {' | '.join([f'{bench.optimum:.3f}'] * len(options.queries))} |")


def closed_form(bench: Benchmark, queries: int) -> float:
    """Return the expected true score of the best observed of so many uniform draws."""
    archs = bench.space.all()
    counts = bench.replicates(archs)
    assert counts is not None
    truth = bench.truth(archs)
    rows, seeds = np.nonzero(np.arange(counts.max()) < counts[:, None])
    observed = bench.query_many(archs[rows], bench.epochs[-1], seeds).score
    weight = 1 / counts[rows] / len(archs)
    place = np.unique(observed, return_inverse=True)[1]
    mass = np.bincount(place, weight)
    mean = np.bincount(place, weight * truth[rows]) / mass
    below = np.concatenate([[0.0], np.cumsum(mass)]) ** queries
    return float(mean @ np.diff(below))


if __name__ == "__main__":
    main()
