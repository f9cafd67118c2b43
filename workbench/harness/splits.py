"""What a predictor is trained on and tested on: the same for all predictors of a study.

Train and test never share an isomorphism class. The training sets of a replicate are nested: the
first n of one random order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from workbench import seeds
from workbench.data._base import Benchmark
from workbench.errors import BenchmarkError
from workbench.harness.predictor_study import PredictorStudy, TestSet
from workbench.types import Arch, Archs, Floats, Ints

LISTED = 1 << 18
"""Spaces of up to so many rows are listed; of larger ones a sample is drawn."""

_SAMPLE = 50_000
_ELITES = 10
_ELITES_OF = 1000
_EDITS = 3
_FEWEST = 20
"""A test set of fewer architectures would say nothing."""


class Labelled(NamedTuple):
    """Architectures ``(n, d)``, their true scores and their classes, ``(n,)`` each."""

    archs: Archs
    truth: Floats
    classes: Ints

    def take(self, rows: Ints) -> Labelled:
        """Return some of the rows."""
        return Labelled(self.archs[rows], self.truth[rows], self.classes[rows])


class Split(NamedTuple):
    """Training rows of the largest size, and candidates for each test set, in order."""

    train: Labelled
    labels: Floats
    candidates: dict[TestSet, Labelled]
    test: int

    def at(self, size: int) -> tuple[Archs, Floats, dict[TestSet, Labelled]]:
        """Return training rows, their labels, and the test sets of a training size.

        Raises
        ------
        BenchmarkError
            Too few architectures are left for a test set.
        """
        learned = np.unique(self.train.classes[:size])
        sets = {}
        for name, found in self.candidates.items():
            rows = np.flatnonzero(~np.isin(found.classes, learned))[: self.test]
            if len(rows) < min(self.test, _FEWEST):
                raise BenchmarkError(
                    f"{len(rows)} architectures are left for the {name} test set after {size} for"
                    " training; choose smaller sizes"
                )
            sets[name] = found.take(rows)
        return self.train.archs[:size], self.labels[:size], sets


def split(study: PredictorStudy, bench: Benchmark, label: str, replicate: int) -> Split:
    """Return the split of one replicate, from the study's seed alone.

    The ``mutation`` set lies around the best, as candidates of a search do: each architecture is
    one of the 10 best of 1,000 draws after one to three mutations, no class twice.

    Raises
    ------
    BenchmarkError
        The benchmark holds fewer architectures than the largest training size.
    """
    rng = seeds.generator(study.seed, label, replicate, "split")
    pool = known_entries(bench, rng)
    order = rng.permutation(len(pool.archs))
    if len(order) < study.largest + _FEWEST:
        raise BenchmarkError(
            f"{label} holds {len(order)} architectures; a training size of {study.largest} and a"
            f" test set need more: choose sizes up to {max(len(order) - _FEWEST, 0)}"
        )
    train = pool.take(order[: study.largest])
    rest = pool.take(order[study.largest :])
    sets: dict[TestSet, Labelled] = {"uniform": rest}
    if "mutation" in study.test_sets:
        sets["mutation"] = _around_the_best(bench, rest, train, study.test, rng)
    labels = train.truth
    if study.labels == "single":
        labels = _one_seed(study, bench, label, replicate, train.archs)
    return Split(train, labels, {name: sets[name] for name in study.test_sets}, study.test)


def known_entries(bench: Benchmark, rng: np.random.Generator) -> Labelled:
    """Return every entry of a benchmark once; of one too large to be listed, a sample."""
    if bench.space.cardinality <= LISTED:
        return _listed(bench)
    return _labelled(bench, np.unique(bench.space.sample(_SAMPLE, rng), axis=0))


@lru_cache(maxsize=4)
def _listed(bench: Benchmark) -> Labelled:
    """Return every entry of a benchmark once, in canonical form where a class shares one."""
    archs = bench.space.all()
    noted = (bench.space.canonical(archs) != archs).any(axis=1)
    order = np.lexsort((noted, bench.entries(archs)))
    _, first = np.unique(bench.entries(archs[order]), return_index=True)
    return _labelled(bench, archs[np.sort(order[first])])


def _labelled(bench: Benchmark, archs: Archs) -> Labelled:
    truth = bench.truth(archs)
    known = np.isfinite(truth)
    archs, truth = archs[known], truth[known]
    return Labelled(archs, truth, bench.space.index(bench.space.canonical(archs)))


def _around_the_best(
    bench: Benchmark, rest: Labelled, train: Labelled, wanted: int, rng: np.random.Generator
) -> Labelled:
    space = bench.space
    drawn = rest.take(np.arange(min(_ELITES_OF, len(rest.archs))))
    elites = drawn.archs[np.argsort(-drawn.truth, kind="stable")[:_ELITES]].tolist()
    learned = {*train.classes.tolist()}
    found: dict[int, Arch] = {}
    for attempt in range(20 * wanted):
        arch = tuple(elites[attempt % len(elites)])
        for _ in range(int(rng.integers(1, _EDITS + 1))):
            arch = space.mutate(arch, rng)
        row = np.array([arch], dtype=np.int16)
        key = int(space.index(space.canonical(row))[0])
        if key not in learned:
            found.setdefault(key, arch)
        if len(found) == wanted:
            break
    archs = np.array(list(found.values()), dtype=np.int16).reshape(-1, space.dimension)
    return _labelled(bench, archs)


def _one_seed(
    study: PredictorStudy, bench: Benchmark, label: str, replicate: int, archs: Archs
) -> Floats:
    draw = seeds.replicate_draw(study.seed, label, replicate)
    stored = bench.replicates(archs)
    drawn = np.array([draw(tuple(arch), 0) for arch in archs.tolist()])
    if stored is not None:
        drawn %= stored
    return np.asarray(bench.query_many(archs, bench.epochs[-1], drawn).score)
