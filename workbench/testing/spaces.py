"""What every space promises, as functions that take the space and raise AssertionError.

Use them from pytest with ``parametrize("check", space_checks())``, or through ``workbench check``.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from workbench.errors import ArchitectureError, NoGraph, SpaceTooLarge
from workbench.spaces import Space
from workbench.types import Arch, Archs

Check = Callable[[Space], None]
_MANY = 200


def space_checks() -> list[Check]:
    """Return all checks of a space; each is named by what it checks."""
    return [
        samples_are_valid,
        same_seed_same_samples,
        normal_form_is_stable,
        neighbours_are_one_edit_away,
        mutation_is_a_valid_other,
        crossover_mixes_parents,
        strings_go_both_ways,
        nonsense_strings_are_refused,
        ranks_go_both_ways,
        out_of_range_is_refused,
        canonical_is_idempotent,
        graphs_fit_together,
        copies_and_pickles_are_equal,
        inputs_are_left_alone,
    ]


def samples_are_valid(space: Space) -> None:
    """Samples are valid int16 rows in normal form."""
    rows = _sample(space)
    assert rows.shape == (_MANY, space.dimension)
    assert rows.dtype == np.int16
    assert space.valid(rows).all()


def same_seed_same_samples(space: Space) -> None:
    """The generator that is handed in is the only source of randomness."""
    np.random.seed(1)  # noqa: NPY002
    first = _sample(space)
    np.random.seed(2)  # noqa: NPY002
    assert (first == _sample(space)).all()
    if space.cardinality > 1:
        assert not (first == space.sample(_MANY, np.random.default_rng(1))).all()


def normal_form_is_stable(space: Space) -> None:
    """Inactive decisions hold 0, and normalising a valid row changes nothing."""
    rows = _sample(space)
    active = space.active(rows)
    assert active.shape == rows.shape
    assert (rows[~active] == 0).all()
    assert (space.normalise(rows) == rows).all()


def neighbours_are_one_edit_away(space: Space) -> None:
    """Neighbours are valid, distinct, and differ in one decision that both have active."""
    for arch in _few(space):
        near = space.neighbours(arch)
        assert near.dtype == np.int16
        assert space.valid(near).all()
        assert len(np.unique(near, axis=0)) == len(near)
        both = space.active(near) & space.active(_row(arch))
        differing = ((near != np.array(arch)) & both).sum(axis=1)
        assert (differing == 1).all()
        most = sum(r - 1 for r in space.radices)
        assert len(near) == most or (len(near) < most and not space.plain)


def mutation_is_a_valid_other(space: Space) -> None:
    """A mutant is valid, and another architecture wherever there is a neighbour."""
    rng = np.random.default_rng(0)
    for arch in _few(space):
        child = space.mutate(arch, rng)
        assert space.valid(_row(child)).all()
        assert all(type(v) is int for v in child), "decisions must be Python integers"
        assert child != arch or not len(space.neighbours(arch))


def crossover_mixes_parents(space: Space) -> None:
    """A child is valid and takes each active decision from a parent, or holds a fresh 0."""
    rng = np.random.default_rng(0)
    archs = _few(space)
    for a, b in pairwise(archs):
        child = space.crossover(a, b, rng)
        assert space.valid(_row(child)).all()
        assert all(c in (x, y, 0) for c, x, y in zip(child, a, b, strict=True))
        assert space.crossover(a, a, rng) == a


def strings_go_both_ways(space: Space) -> None:
    """``parse`` inverts ``format``, and strings are distinct."""
    archs = _few(space)
    texts = [space.format(a) for a in archs]
    assert [space.parse(t) for t in texts] == archs
    assert len(set(texts)) == len(set(archs))


def nonsense_strings_are_refused(space: Space) -> None:
    """A string that names no architecture raises ArchitectureError that shows the string."""
    good = space.format(_few(space)[0])
    for text in ("", "nonsense", good + "?!", good[: len(good) // 2]):
        try:
            found = space.parse(text)
        except ArchitectureError as error:
            assert repr(text) in str(error), f"the message must show {text!r}: {error}"
        else:
            raise AssertionError(f"{text!r} was read as {found}")


def ranks_go_both_ways(space: Space) -> None:
    """``unrank`` inverts ``index``; ``rank`` agrees; too large a space says so."""
    rows = _sample(space)
    if space.cardinality > 1 << 63:
        try:
            space.index(rows)
        except SpaceTooLarge:
            assert space.rank(_few(space)[0]) < space.cardinality
            return
        raise AssertionError("index() of a space beyond 2**63 must raise SpaceTooLarge")
    index = space.index(rows)
    assert (space.unrank(index) == rows).all()
    assert [space.rank(a) for a in _few(space)] == index[: len(_few(space))].tolist()
    assert index.min() >= 0
    assert index.max() < space.cardinality


def out_of_range_is_refused(space: Space) -> None:
    """Rows of wrong shape, type or range are invalid or errors, never read as others."""
    row = _sample(space)[:1]
    for place in range(space.dimension):
        for value in (-1, space.radices[place]):
            bad = row.copy()
            bad[0, place] = value
            assert not space.valid(bad)[0]
            _refuses(space.check, bad)
            _refuses(space.rank, tuple(bad[0].tolist()))
    _refuses(space.check, row[:, :-1])
    _refuses(space.check, row.astype(np.float64))
    _refuses(space.rank, tuple(row[0, :-1].tolist()))


def canonical_is_idempotent(space: Space) -> None:
    """The canonical form is valid, its own canonical form, and row-wise."""
    rows = _sample(space)
    once = space.canonical(rows)
    assert space.valid(once).all()
    assert (space.canonical(once) == once).all()
    assert (space.canonical(rows[:1]) == once[:1]).all()


def graphs_fit_together(space: Space) -> None:
    """Adjacency and operations agree in shape, padding has no edges, graphs have no cycles."""
    rows = _sample(space)[:20]
    try:
        graphs = space.graphs(rows)
    except NoGraph:
        return
    n, v = graphs.operations.shape
    assert graphs.adjacency.shape == (n, v, v)
    assert n == len(rows)
    assert graphs.operations.max() < len(graphs.names)
    padding = graphs.operations < 0
    assert not graphs.adjacency[padding].any()
    assert not graphs.adjacency.transpose(0, 2, 1)[padding].any()
    reach = graphs.adjacency.astype(np.int64)
    assert not np.linalg.matrix_power(reach, v).any(), "a graph has a cycle"


def copies_and_pickles_are_equal(space: Space) -> None:
    """A copy is the space itself; a pickled one is equal and samples the same."""
    assert copy.deepcopy(space) is space
    assert copy.copy(space) is space
    again = pickle.loads(pickle.dumps(space))
    assert again == space
    assert hash(again) == hash(space)
    assert (_sample(again) == _sample(space)).all()


def inputs_are_left_alone(space: Space) -> None:
    """No method writes into the population it is given."""
    rows = _sample(space)
    before = rows.copy()
    for method in (space.valid, space.active, space.canonical, space.check, space.normalise):
        method(rows)
    assert (rows == before).all()


def _sample(space: Space) -> Archs:
    return space.sample(_MANY, np.random.default_rng(0))


def _few(space: Space) -> list[Arch]:
    return [tuple(row) for row in _sample(space)[:12].tolist()]


def _row(arch: Arch) -> Archs:
    return np.array([arch], dtype=np.int16)


def _refuses(call: Callable[[Any], object], argument: object) -> None:
    try:
        found = call(argument)
    except ArchitectureError:
        return
    raise AssertionError(f"accepted: {found!r}")
