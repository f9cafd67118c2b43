"""Drive a strategy by hand: ask, evaluate however you like, tell."""

from __future__ import annotations

import numpy as np

import workbench as wb


def main() -> None:
    """Search NAS-Bench-201 for thirty trainings and print the best architecture found."""
    bench = wb.benchmark("nb201/cifar10")
    evolution = wb.load("strategies", "regularized_evolution")
    strategy = evolution(bench.space, np.random.default_rng(0), population=10, sample=3)
    best = (0.0, "")
    for _ in range(30):
        trial = strategy.ask()
        score = bench.query(trial.arch, epoch=200, replicate=0).score
        strategy.tell(trial, wb.Observation(wb.Status.OK, score))
        best = max(best, (score, bench.space.format(trial.arch)))
    print(f"{best[0]:.2f} % validation accuracy: {best[1]}")


if __name__ == "__main__":
    main()
