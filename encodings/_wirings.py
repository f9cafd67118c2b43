"""Paths of populations of graphs: rows that share a wiring share the paths from input to output."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from workbench.errors import NoGraph
from workbench.spaces import Space
from workbench.types import Graphs, Ints, Mask

_LISTABLE = 1 << 20

CUT = frozenset({"none"})
"""Operations that let nothing pass: a node that holds one is not there."""

IDENTITY = frozenset({"skip", "skip_connect"})
"""Operations that pass their input on as it is."""

ENDS = frozenset({"input", "output"})


class Wiring(NamedTuple):
    """The rows of one wiring and its paths.

    ``rows`` indexes the population, ``paths`` is ``(p, v)``: which nodes, ends left out, lie on
    each path from the input to the output; ``orders`` lists the same nodes in order.
    """

    rows: Ints
    paths: Mask
    orders: tuple[tuple[int, ...], ...]


def wirings(graphs: Graphs) -> Iterator[Wiring]:
    """Yield the population's wirings; every row belongs to one."""
    start, end = (np.int16(graphs.names.index(name)) for name in ("input", "output"))
    roles = np.select([graphs.operations == start, graphs.operations == end], [1, 2], 0)
    for rows in _groups(graphs.adjacency, roles):
        first = rows[0]
        source, target = (int(np.flatnonzero(roles[first] == role)[0]) for role in (1, 2))
        adjacency = np.ascontiguousarray(graphs.adjacency[first])
        orders = _orders(adjacency.tobytes(), len(adjacency), source, target)
        paths = np.zeros((len(orders), len(adjacency)), dtype=np.bool_)
        for path, order in zip(paths, orders, strict=True):
            path[list(order)] = True
        yield Wiring(rows, paths, orders)


def _groups(adjacency: Mask, roles: Ints) -> list[Ints]:
    if not len(adjacency):
        return []
    if len(adjacency) == 1 or (adjacency.strides[0] == 0 and (roles == roles[0]).all()):
        return [np.arange(len(adjacency))]
    bits = np.packbits(adjacency.reshape(len(adjacency), -1), axis=1)
    keys = np.concatenate([bits, roles.astype(np.uint8)], axis=1)
    void = np.ascontiguousarray(keys).view(np.dtype((np.void, keys.shape[1]))).ravel()
    _, inverse = np.unique(void, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)


@lru_cache(maxsize=4096)
def _orders(adjacency: bytes, size: int, source: int, target: int) -> tuple[tuple[int, ...], ...]:
    edges = np.frombuffer(adjacency, dtype=np.bool_).reshape(size, size)
    found: list[tuple[int, ...]] = []
    stack: list[tuple[int, ...]] = [(source,)]
    while stack:
        path = stack.pop()
        for node in np.flatnonzero(edges[path[-1]]).tolist():
            if node == target:
                found.append(path[1:])
            else:
                stack.append((*path, node))
    return tuple(sorted(found, key=lambda path: (len(path), path)))


def operation_names(space: Space) -> tuple[str, ...]:
    """Return the names of the operations that a choice may put on a node, ends left out.

    Raises
    ------
    NoGraph
        The space has no graphs, or its graphs do not end in ``input`` and ``output`` as the last
        names, by which paths are found.
    """
    return _shape(space)[0]


def longest_path(space: Space) -> int:
    """Return the number of operations on the longest path of any architecture of the space.

    Of a space too large to list it is the bound that its number of nodes gives.
    """
    return _shape(space)[1]


def most_paths(space: Space) -> int:
    """Return the largest number of paths of any architecture of the space.

    Of a space too large to list it is the bound that its number of nodes gives.
    """
    return _shape(space)[2]


def distinct_wirings(graphs: Graphs) -> int:
    """Return how many different adjacency matrices a population has."""
    adjacency = graphs.adjacency
    if len(adjacency) < 2 or adjacency.strides[0] == 0:
        return min(len(adjacency), 1)
    bits = np.packbits(adjacency.reshape(len(adjacency), -1), axis=1)
    return len(np.unique(bits.view(np.dtype((np.void, bits.shape[1])))))


@cache
def _shape(space: Space) -> tuple[tuple[str, ...], int, int]:
    listable = space.cardinality <= _LISTABLE
    some = space.all() if listable else space.sample(1, np.random.default_rng(0))
    graphs = space.graphs(some)
    *operations, first, last = graphs.names
    if {first, last} != ENDS:
        raise NoGraph(f"the graphs of {space.name} do not name 'input' and 'output' last")
    inner = graphs.adjacency.shape[1] - len(ENDS)
    if not listable:
        return tuple(operations), inner, 1 << inner
    orders = [w.orders for w in wirings(graphs)]
    longest = max((len(o) for found in orders for o in found), default=0)
    return tuple(operations), longest, max(map(len, orders), default=0)
