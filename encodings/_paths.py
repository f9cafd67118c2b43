"""All paths of populations of graphs as codes: which sequence of operations each one is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.encodings._wirings import CUT, IDENTITY, distinct_wirings, wirings
from workbench.types import Graphs, Ints

_MANY_WIRINGS = 2000
_FEW_NODES = 12


class Alphabet(NamedTuple):
    """The operations that count on a path.

    ``names`` are those that get a place in a sequence; ``place`` gives it by index of operation,
    -1 for those that are passed over, ``stops`` says which ones end the path.
    """

    names: tuple[str, ...]
    place: Ints
    stops: Ints

    @classmethod
    def of(cls, operations: tuple[str, ...], cut_none: bool, contract_skip: bool) -> Alphabet:
        """Return the alphabet with ``none`` cutting and ``skip`` contracted, or neither."""
        stops = [cut_none and name in CUT for name in operations]
        passed = [contract_skip and name in IDENTITY for name in operations]
        kept = [not (a or b) for a, b in zip(stops, passed, strict=True)]
        names = tuple(name for name, keep in zip(operations, kept, strict=True) if keep)
        place = np.where(kept, np.cumsum(kept) - 1, -1)
        return cls(names, place.astype(np.int64), np.array(stops, dtype=np.int64))

    def starts(self, longest: int) -> Ints:
        """Return the first code of each length from 0 to ``longest`` + 1.

        The empty sequence has a code where something may be passed over, so that it can occur.
        """
        counts = [len(self.names) ** length for length in range(longest + 1)]
        counts[0] = int((self.place[self.stops == 0] < 0).any())
        return np.cumsum([0, *counts])


class Codes(NamedTuple):
    """Paths of some rows of a population: ``rows`` and ``codes`` are ``(n,)``."""

    rows: Ints
    codes: Ints


def codes_of(graphs: Graphs, alphabet: Alphabet, longest: int) -> Iterator[Codes]:
    """Yield every path of every graph once, those longer than ``longest`` left out.

    The code is the place of the sequence among all, by length, then by the order of operations.
    """
    starts, base = alphabet.starts(longest), len(alphabet.names)
    plain = bool((alphabet.place >= 0).all())
    for rows, order in _orders(graphs):
        if plain and not 0 < len(order) <= longest:
            continue
        operations = graphs.operations[rows][:, order]
        if plain:
            strides = base ** np.arange(len(order))[::-1]
            yield Codes(rows, starts[len(order)] + operations @ strides)
        else:
            yield _spelled(rows, operations, alphabet, starts)


def _spelled(rows: Ints, operations: NDArray[np.int16], alphabet: Alphabet, starts: Ints) -> Codes:
    """Return codes of one path where some operations end it and others are passed over."""
    place, stops = np.append(alphabet.place, -1), np.append(alphabet.stops, 0)
    value = np.zeros(len(rows), dtype=np.int64)
    length = np.zeros(len(rows), dtype=np.int64)
    good = np.ones(len(rows), dtype=np.bool_)
    for column in operations.T:
        at = place[column]
        value = np.where(at >= 0, value * len(alphabet.names) + at, value)
        length += at >= 0
        good &= stops[column] == 0
    good &= (length < len(starts) - 1) & ((length > 0) | bool(starts[1]))
    return Codes(rows[good], starts[length[good]] + value[good])


def _orders(graphs: Graphs) -> Iterator[tuple[Ints, list[int]]]:
    """Yield each path as the rows that have it and its nodes in order, ends left out."""
    if distinct_wirings(graphs) <= _MANY_WIRINGS or graphs.adjacency.shape[1] > _FEW_NODES:
        for part in wirings(graphs):
            for order in part.orders:
                yield part.rows, list(order)
        return
    yield from _by_subsets(graphs)


def _by_subsets(graphs: Graphs) -> Iterator[tuple[Ints, list[int]]]:
    """Yield paths by trying every rising sequence of nodes on all graphs at once.

    Edges lead from lower to higher nodes, the input is the first and the output the last that is
    no padding, as ``Space.graphs`` gives them.
    """
    size = graphs.adjacency.shape[1]
    end = graphs.names.index("output")
    last = np.argmax(graphs.operations == end, axis=1)
    every = np.arange(len(last))
    to_end = graphs.adjacency[every, :, last]
    between = range(1, size - 1)
    for count in range(size - 1):
        for nodes in combinations(between, count):
            held = to_end[:, nodes[-1] if nodes else 0].copy()
            for a, b in pairwise((0, *nodes)):
                held &= graphs.adjacency[:, a, b]
            if held.any():
                yield np.flatnonzero(held), list(nodes)
