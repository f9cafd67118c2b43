"""What each filter of a strategy let through and threw away, by the truth that no strategy sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from workbench.data._base import Benchmark
from workbench.harness.result import Measure
from workbench.harness.splits import known_entries
from workbench.types import Arch, Floats

TOP = 0.01
"""Which share of a benchmark's entries is at the top."""


def measures_of(
    ledger: Sequence[Any], seconds: Mapping[int, float], bench: Benchmark
) -> Iterator[Measure]:
    """Yield a run's ledger: per stage, by its position, over all rounds.

    ``rounds``, ``ranked`` (rounds in which it had something to rank by), ``in`` and ``out`` count
    what was finished; ``seconds`` is all that the stage was charged for, also in rounds that the
    budget cut off: a stage may have seconds and no round. Where the true scores are known:
    ``hits_in`` and ``hits_out`` of the top 1 % of the benchmark, and ``regret``, by how much the
    best that came in is above the best that was let through, mean over rounds.

    ``ledger`` holds passages (``stage``, ``arrived``, ``asked``, ``kept``, ``ranked``), ``seconds``
    those of trials and tasks by id.
    """
    stages = list(dict.fromkeys(passage.stage for passage in ledger))
    for size, stage in enumerate(stages):
        passed = [p for p in ledger if p.stage == stage]
        numbers = _counts(passed) | {"seconds": _spent(passed, seconds)}
        numbers |= _losses([p for p in passed if p.kept is not None], bench)
        for metric, value in numbers.items():
            yield Measure(size, stage, metric, float(value))


@lru_cache(maxsize=16)
def top_score(bench: Benchmark) -> float:
    """Return the true score from which on an entry of a benchmark is in its top 1 %."""
    truth = np.sort(known_entries(bench, np.random.default_rng(0)).truth)
    return float(truth[-max(1, round(TOP * len(truth)))])


def _counts(passed: Sequence[Any]) -> dict[str, float]:
    finished = [p for p in passed if p.kept is not None]
    return {
        "rounds": len(finished),
        "ranked": sum(p.ranked for p in finished),
        "in": sum(len(p.arrived) for p in finished),
        "out": sum(len(p.kept) for p in finished),
    }


def _spent(passed: Sequence[Any], seconds: Mapping[int, float]) -> float:
    return sum(seconds.get(number, 0.0) for p in passed for number in p.asked)


def _losses(finished: Sequence[Any], bench: Benchmark) -> dict[str, float]:
    """Return hits and regret; nothing where a true score is not known."""
    if not finished or bench.optimum is None:
        return {}
    came = [_truth(bench, p.arrived) for p in finished]
    went = [_truth(bench, p.kept) for p in finished]
    if not all(np.isfinite(truth).all() for truth in came):
        return {}
    least = top_score(bench)
    lost = [a.max() - b.max() for a, b in zip(came, went, strict=True) if len(b)]
    return {
        "hits_in": sum(int((truth >= least).sum()) for truth in came),
        "hits_out": sum(int((truth >= least).sum()) for truth in went),
    } | ({"regret": float(np.mean(lost))} if lost else {})


def _truth(bench: Benchmark, archs: Sequence[Arch]) -> Floats:
    if not archs:
        return np.empty(0)
    return bench.truth(np.array(archs, dtype=np.int16))
