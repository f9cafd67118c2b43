"""What every benchmark promises, as functions that take it and raise AssertionError.

Use them from pytest with ``parametrize("check", benchmark_checks())``, or through
``workbench check``.
"""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.data._base import Benchmark
from workbench.errors import ArchitectureError, BenchmarkError, UnknownName
from workbench.testing._plugins import untouched_random_state
from workbench.types import Arch, Archs, Evaluation

Check = Callable[[Benchmark], None]
_MANY = 60


def benchmark_checks() -> list[Check]:
    """Return all checks of a benchmark; each is named by what it checks."""
    return [
        facts_are_complete,
        metrics_are_declared,
        one_and_many_agree,
        score_is_to_be_maximised,
        curves_end_with_the_score,
        searches_never_see_the_test,
        truth_is_the_mean_of_replicates,
        optimum_and_mean_are_of_the_truth,
        bad_architectures_are_refused,
        bad_epochs_are_refused,
        bad_replicates_are_refused,
        unknown_metrics_are_refused,
        copies_are_free_and_pickles_are_equal,
        answers_repeat_and_inputs_are_left_alone,
    ]


def facts_are_complete(bench: Benchmark) -> None:
    """Name, epochs and card are there; epochs ascend."""
    assert bench.name
    assert bench.epochs == tuple(sorted(set(bench.epochs)))
    assert all(type(epoch) is int and epoch > 0 for epoch in bench.epochs)
    assert isinstance(bench.card, str)


def metrics_are_declared(bench: Benchmark) -> None:
    """Every number returned has a unit, a direction and a split; the score is not of the test."""
    assert bench.score in bench.metrics
    assert bench.metrics[bench.score].split != "test"
    for name, metric in bench.metrics.items():
        assert metric.name == name
        assert metric.direction in ("max", "min")
        assert metric.split in ("train", "validation", "test", "none")
    one = bench.query(_arch(bench), bench.epochs[-1], 0)
    assert set(one.metrics) == set(bench.metrics)
    assert all(type(value) is float for value in one.metrics.values())


def one_and_many_agree(bench: Benchmark) -> None:
    """``query_many`` returns what ``query`` returns, to the bit, whatever is broadcast."""
    archs = _sample(bench)
    rng = np.random.default_rng(1)
    epochs = np.array(rng.choice(bench.epochs, size=len(archs)), dtype=np.int64)
    replicates = rng.integers(_counts(bench, archs))
    many = bench.query_many(archs, epochs, replicates)
    for i, arch in enumerate(_tuples(archs)):
        _assert_same(bench.query(arch, int(epochs[i]), int(replicates[i])), many, i)
    fixed = bench.query_many(archs, bench.epochs[-1], 0)
    assert (fixed.epochs == bench.epochs[-1]).all()
    for i, arch in enumerate(_tuples(archs)):
        _assert_same(bench.query(arch, bench.epochs[-1], 0), fixed, i)
    assert len(bench.query_many(archs[:0], bench.epochs[-1], 0).score) == 0


def score_is_to_be_maximised(bench: Benchmark) -> None:
    """The score is the named metric, negated where lower is better."""
    sign = -1.0 if bench.metrics[bench.score].direction == "min" else 1.0
    for one in _evaluations(bench):
        assert one.score == sign * one.metrics[bench.score]
        assert (one.cost is not None) == bench.has_cost
        assert one.cost is None or one.cost >= 0


def curves_end_with_the_score(bench: Benchmark) -> None:
    """The curve is the score at each stored epoch so far."""
    arch = _arch(bench)
    for i, epoch in enumerate(bench.epochs[:20]):
        one = bench.query(arch, epoch, 0)
        assert one.epochs == epoch
        assert one.curve == tuple(bench.query(arch, e, 0).score for e in bench.epochs[: i + 1])


def searches_never_see_the_test(bench: Benchmark) -> None:
    """The test metric, where there is one, is of the test split and is not the score."""
    if bench.test is None:
        return
    assert bench.metrics[bench.test].split == "test"
    assert bench.test != bench.score
    values = [(one.score, one.metrics[bench.test]) for one in _evaluations(bench)]
    assert any(abs(score) != abs(test) for score, test in values), "score and test are the same"


def truth_is_the_mean_of_replicates(bench: Benchmark) -> None:
    """``truth`` is the mean over the stored replicates at the last epoch, of every metric."""
    archs = _sample(bench)
    if bench.replicates(archs) is None:
        return
    means = {name: bench.truth(archs, name) for name in bench.metrics}
    scores = bench.truth(archs)
    for i, (arch, count) in enumerate(zip(_tuples(archs), _counts(bench, archs), strict=True)):
        every = [bench.query(arch, bench.epochs[-1], r) for r in range(count)]
        _close(scores[i], [one.score for one in every])
        for name, mean in means.items():
            _close(mean[i], [one.metrics[name] for one in every])


def optimum_and_mean_are_of_the_truth(bench: Benchmark) -> None:
    """``optimum`` and ``random_mean`` are maximum and mean of the truth over the space."""
    if bench.optimum is None or bench.random_mean is None:
        return
    truth = bench.truth(bench.space.all())
    assert math.isclose(bench.optimum, truth.max(), rel_tol=1e-12)
    assert math.isclose(bench.random_mean, truth.mean(), rel_tol=1e-9)


def bad_architectures_are_refused(bench: Benchmark) -> None:
    """What is no architecture of the space is an error, alone and among many."""
    good, last = _arch(bench), bench.epochs[-1]
    bad: list[Any] = [(), good[:-1], (*good, 0), (-1, *good[1:]), (9999, *good[1:]), 3, "abc", None]
    bad += [(0.5, *good[1:]), tuple(map(str, good))]
    for arch in bad:
        _refused(ArchitectureError, bench.query, arch, last, 0)
    arrays: list[Any] = [
        np.array([good, (value, *good[1:])], dtype=np.int16) for value in (-1, 9999)
    ]
    arrays += [np.array(good, dtype=np.int16), np.array([good]) * 1.0]
    for rows in arrays:
        _refused(ArchitectureError, bench.query_many, rows, last, 0)
        _refused(ArchitectureError, bench.truth, rows)
        _refused(ArchitectureError, bench.replicates, rows)


def bad_epochs_are_refused(bench: Benchmark) -> None:
    """An epoch that is not stored is an error, never the nearest one."""
    arch, last = _arch(bench), bench.epochs[-1]
    rows = np.array([arch, arch], dtype=np.int16)
    absent = next(e for e in range(1, last + 2) if e not in bench.epochs)
    for epoch in (0, -1, last + 1, absent):
        _refused(BenchmarkError, bench.query, arch, epoch, 0)
        _refused(BenchmarkError, bench.query_many, rows, epoch, 0)
        _refused(BenchmarkError, bench.query_many, rows, np.array([last, epoch]), 0)
    _refused(BenchmarkError, bench.query_many, rows, np.array([last] * 3), 0)


def bad_replicates_are_refused(bench: Benchmark) -> None:
    """A replicate beyond those stored for an architecture is an error."""
    archs, last = _sample(bench), bench.epochs[-1]
    if bench.replicates(archs) is None:
        return
    counts = _counts(bench, archs)
    for arch, count in list(zip(_tuples(archs), counts.tolist(), strict=True))[:10]:
        for replicate in (-1, count):
            _refused(BenchmarkError, bench.query, arch, last, replicate)
    for replicates in (counts, np.full(len(archs), -1)):
        _refused(BenchmarkError, bench.query_many, archs, last, replicates)


def unknown_metrics_are_refused(bench: Benchmark) -> None:
    """The truth of a metric that is not there is an error."""
    _refused(UnknownName, bench.truth, _sample(bench), "no such metric")


def copies_are_free_and_pickles_are_equal(bench: Benchmark) -> None:
    """Copies are the object itself; a pickle gives the same answers."""
    assert copy.copy(bench) is bench
    assert copy.deepcopy(bench) is bench
    again = pickle.loads(pickle.dumps(bench))
    assert (again.name, again.score, again.space) == (bench.name, bench.score, bench.space)
    archs = _sample(bench)
    assert np.array_equal(again.truth(archs), bench.truth(archs), equal_nan=True)


def answers_repeat_and_inputs_are_left_alone(bench: Benchmark) -> None:
    """The same question gives the same answer, draws nothing, and changes no array."""
    archs = _sample(bench)
    before = archs.copy()
    with untouched_random_state():
        first = bench.query_many(archs, bench.epochs[-1], 0)
        first.score[:] = 0.0
        second = bench.query_many(archs, bench.epochs[-1], 0)
        one = bench.query(_arch(bench), bench.epochs[-1], 0)
        assert bench.query(_arch(bench), bench.epochs[-1], 0) == one
    assert np.array_equal(archs, before)
    assert second.score[0] == bench.query(tuple(archs[0].tolist()), bench.epochs[-1], 0).score


def _sample(bench: Benchmark) -> Archs:
    return bench.space.sample(_MANY, np.random.default_rng(0))


def _arch(bench: Benchmark) -> Arch:
    return _tuples(_sample(bench))[0]


def _tuples(archs: Archs) -> list[Arch]:
    return [tuple(row) for row in archs.tolist()]


def _counts(bench: Benchmark, archs: Archs) -> Any:
    counts = bench.replicates(archs)
    return np.ones(len(archs), dtype=np.int64) if counts is None else counts


def _evaluations(bench: Benchmark) -> list[Evaluation]:
    return [bench.query(arch, bench.epochs[-1], 0) for arch in _tuples(_sample(bench))]


def _assert_same(one: Evaluation, many: Any, i: int) -> None:
    assert one.score == many.score[i]
    assert one.epochs == many.epochs[i]
    assert (one.cost is None) == (many.cost is None)
    assert one.cost is None or one.cost == many.cost[i]
    for name, value in one.metrics.items():
        assert np.array_equal(value, many.metrics[name][i], equal_nan=True)


def _close(mean: float, values: list[float]) -> None:
    assert np.isclose(mean, np.mean(values), rtol=1e-12, equal_nan=True)


def _refused(error: type[Exception], call: Callable[..., object], *arguments: Any) -> None:
    try:
        call(*arguments)
    except error:
        return
    raise AssertionError(f"{arguments} not refused with {error.__name__}")
