"""NAS-Bench-201: cells of 4 nodes whose 6 edges each carry one of 5 operations.

Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
2020, arXiv:2001.00326. The size search space of NATS-Bench is another one.
"""

from __future__ import annotations

import re
from functools import cached_property
from itertools import product

import numpy as np

from workbench.spaces._product import Space
from workbench.types import Arch, Archs, Decision, Graphs, Ints

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""Edges in the order of the official string; other published code orders them by source node."""

_ZERO, _INPUT = "#", "0"


class NB201(Space):
    """The 15,625 cells; decisions are the operations in the order of the official string."""

    def __init__(self) -> None:
        super().__init__("nb201", [Decision(f"op{a}{b}", OPERATIONS) for a, b in EDGES])

    def format(self, arch: Arch) -> str:
        """Return ``|op01~0|+|op02~0|op12~1|+|op03~0|op13~1|op23~2|``."""
        names = [f"{OPERATIONS[o]}~{a}" for o, (a, _) in zip(arch, EDGES, strict=True)]
        return f"|{names[0]}|+|{'|'.join(names[1:3])}|+|{'|'.join(names[3:])}|"

    def parse(self, text: str) -> Arch:
        """Return the cell of an official string."""
        found = re.findall(r"([a-z0-9_]+)~(\d)", text)
        known = all(op in OPERATIONS for op, _ in found)
        if not known or [int(source) for _, source in found] != [a for a, _ in EDGES]:
            raise self._unparsable(text)
        arch = tuple(OPERATIONS.index(op) for op, _ in found)
        if self.format(arch) != text.strip():
            raise self._unparsable(text)
        return arch

    def canonical(self, archs: Archs) -> Archs:
        """Return the member of lowest index of each row's published class; there are 6,466.

        The class is that of ``to_unique_str(consider_zero=True)`` of the authors' code: skips are
        contracted, the inputs of a node have no order, a dead input stays as a mark. It is the
        published class, not equality of computation.
        """
        return self.unrank(self._representative[self.index(self.check(archs))])

    @cached_property
    def _representative(self) -> Ints:
        every = self.all().astype(np.int64)
        node1 = {(a,): _term(a, _INPUT) for a in range(5)}
        node2 = {
            (a, b, c): "+".join(sorted([_term(b, _INPUT), _term(c, node1[(a,)])]))
            for a, b, c in product(range(5), repeat=3)
        }
        # The three inputs of the last node depend on 1, 2 and 4 operations: few distinct labels,
        # which are numbered, so that all cells are sorted and compared as integers.
        labels = [
            [_term(d, _INPUT) for d in range(5)],
            [_term(e, node1[(a,)]) for a in range(5) for e in range(5)],
            [_term(f, node2[k]) for k in node2 for f in range(5)],
        ]
        texts, numbers = np.unique(np.concatenate(labels), return_inverse=True)
        of_input, of_node1, of_node2 = np.split(numbers, [5, 30])
        a, b, c, d, e, f = every.T
        ends = np.sort(
            [of_input[d], of_node1[5 * a + e], of_node2[5 * (25 * a + 5 * b + c) + f]], axis=0
        )
        triples, inverse = np.unique(ends.T, axis=0, return_inverse=True)
        joined = ["+".join(texts[row]) for row in triples]
        cell = np.unique(joined, return_inverse=True)[1][inverse]
        _, first, back = np.unique(cell, return_index=True, return_inverse=True)
        return np.asarray(first[back])

    def graphs(self, archs: Archs) -> Graphs:
        """Return the cells with operations on nodes: input, the six edges, output; ``v`` is 8.

        The wiring is the same for all; ``none`` is an operation, to be cut by who reads it.
        """
        rows = self.check(archs)
        one = np.zeros((8, 8), dtype=np.bool_)
        for i, (source, target) in enumerate(EDGES, start=1):
            one[0, i] = source == 0
            one[i, 7] = target == 3
            one[i, 1:7] = [a == target for a, _ in EDGES]
        ends = np.tile(np.array([5, 6], dtype=np.int16), (len(rows), 1))
        operations = np.concatenate([ends[:, :1], rows, ends[:, 1:]], axis=1)
        adjacency = np.broadcast_to(one, (len(rows), 8, 8))
        return Graphs(adjacency, operations, (*OPERATIONS, "input", "output"))


def _term(op: int, source: str) -> str:
    if op == 0 or source == _ZERO:
        return _ZERO
    return source if op == 1 else f"({source})@{OPERATIONS[op]}"
