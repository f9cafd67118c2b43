"""NAS-Bench-Graph: graph networks of 4 operations, each with one input, in one of 9 patterns.

Qin et al., "NAS-Bench-Graph: Benchmarking Graph Neural Architecture Search", 2022,
arXiv:2206.09166.
"""

from __future__ import annotations

import re
from functools import cached_property
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from workbench.spaces._product import Space
from workbench.types import Arch, Archs, Decision, Graphs, Ints, Mask

LINKS = (
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1, 1),
    (0, 0, 1, 2),
    (0, 0, 1, 3),
    (0, 1, 1, 1),
    (0, 1, 1, 2),
    (0, 1, 2, 2),
    (0, 1, 2, 3),
)
"""Input of each operation: 0 the raw input, j the j-th operation; leaves go to the output."""

OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
_SKIP = 8
_DIGIT = 6


class NBGraph(Space):
    """The 59,040 rows of pattern and operations; 26,206 of them are canonical.

    Four skips are no network; the nine rows that hold them are invalid.
    """

    def __init__(self) -> None:
        patterns = tuple("".join(map(str, link)) for link in LINKS)
        operations = [Decision(f"op{i}", OPERATIONS) for i in range(1, 5)]
        super().__init__("nbgraph", [Decision("link", patterns), *operations])

    def _feasible(self, archs: Archs) -> Mask:
        return np.asarray((archs[:, 1:] != _SKIP).any(axis=1))

    def format(self, arch: Arch) -> str:
        """Return links and operations, ``0,0,1,2 gcn,gin,fc,cheb``."""
        links = ",".join(map(str, LINKS[arch[0]]))
        return f"{links} {','.join(OPERATIONS[o] for o in arch[1:])}"

    def parse(self, text: str) -> Arch:
        """Return the architecture of links and operations, in any order of the four.

        The decimal key of the authors' files (pattern, then four operations) is read too.
        """
        if re.fullmatch(r"\d{1,5}", text.strip()):
            return self._valid_or_raise(tuple(map(int, text.strip().zfill(5))), text)
        words = re.findall(r"\w+", text)
        links, names = words[:4], words[4:]
        spelled = re.fullmatch(r"""[\w\s,'"\[\]]+""", text)
        known = all(w in "01234" for w in links) and not {*names} - {*OPERATIONS}
        if not spelled or len(names) != 4 or not known:
            raise self._unparsable(text)
        arch = _ordered(tuple(map(int, links)), tuple(OPERATIONS.index(n) for n in names))
        if arch is None:
            raise self._unparsable(text)
        return self._valid_or_raise(arch, text)

    def canonical(self, archs: Archs) -> Archs:
        """Return the row that the authors' files store for each row's class.

        Skips that only pass their input on move to the front, equal branches have no order. Of a
        class, the row with most leading skips, the highest pattern and the lowest operations is
        stored.
        """
        return self.unrank(self._representative[self.index(self.check(archs))])

    @cached_property
    def _representative(self) -> Ints:
        rows = self.unrank(np.arange(self.cardinality)).astype(np.int64)
        labels = np.empty(len(rows), dtype=np.int64)
        skips = (rows[:, 1:] == _SKIP) @ np.array([1, 2, 4, 8])
        for pattern, link in enumerate(LINKS):
            for mask in range(16):
                group = (rows[:, 0] == pattern) & (skips == mask)
                labels[group] = _tree_labels(link, mask, rows[group, 1:])
        leading = np.cumprod(rows[:, 1:] == _SKIP, axis=1).sum(axis=1)
        order = np.lexsort((np.arange(len(rows)), -rows[:, 0], -leading, labels))
        _, first, inverse = np.unique(labels[order], return_index=True, return_inverse=True)
        representative = np.empty(len(rows), dtype=np.int64)
        representative[order] = order[first[inverse]]
        return representative

    def graphs(self, archs: Archs) -> Graphs:
        """Return the networks with operations on nodes: input, the four, output; ``v`` is 6."""
        rows = self.check(archs)
        wiring = np.zeros((len(LINKS), 6, 6), dtype=np.bool_)
        for pattern, link in enumerate(LINKS):
            for node, source in enumerate(link, start=1):
                wiring[pattern, source, node] = True
                wiring[pattern, node, 5] = node not in link
        ends = np.tile(np.array([9, 10], dtype=np.int16), (len(rows), 1))
        operations = np.concatenate([ends[:, :1], rows[:, 1:], ends[:, 1:]], axis=1)
        return Graphs(wiring[rows[:, 0]], operations, (*OPERATIONS, "input", "output"))


def _ordered(links: tuple[int, ...], operations: tuple[int, ...]) -> Arch | None:
    """Return the row whose pattern equals the links after some renumbering of the nodes."""
    for order in permutations(range(4)):
        place = {0: 0} | {old + 1: new + 1 for new, old in enumerate(order)}
        renamed = tuple(place[links[old]] for old in order)
        if renamed in LINKS:
            return (LINKS.index(renamed), *(operations[old] for old in order))
    return None


def _tree_labels(link: tuple[int, ...], mask: int, operations: Ints) -> Ints:
    """Return an integer a row, equal for equal classes: moved skips, then the sorted tree.

    All rows share the pattern and the places of their skips, hence the shape of the tree.
    """
    parent = dict(enumerate(link, start=1))
    moved = 0
    while (node := _passing(parent, mask)) is not None:
        above = parent.pop(node)
        parent = {child: above if p == node else p for child, p in parent.items()}
        moved += 1
    tree, _ = _join(_subtrees(0, 1, parent, operations), len(operations))
    return np.asarray((moved << 4 * _DIGIT) + tree)


def _passing(parent: dict[int, int], mask: int) -> int | None:
    """Return a skip that only passes its input on: it has children, no sibling, or the raw input.

    The rule is that of the authors' ``move_skip_op``.
    """
    for node, above in parent.items():
        if mask >> (node - 1) & 1:
            siblings = sum(p == above for p in parent.values()) - 1
            if node in parent.values() or not siblings or above == 0:
                return node
    return None


Code = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Preorder of (depth, operation) in digits of 6 bits from bit 23 down, and its length in digits."""


def _subtrees(node: int, depth: int, parent: dict[int, int], operations: Ints) -> list[Code]:
    codes = []
    for child in (c for c, p in parent.items() if p == node):
        head = ((depth * 9 + operations[:, child - 1] + 1) << 3 * _DIGIT).astype(np.int64)
        below, length = _join(_subtrees(child, depth + 1, parent, operations), len(operations))
        codes.append((head + (below >> _DIGIT), length + 1))
    return codes


def _join(codes: list[Code], rows: int) -> Code:
    """Return the concatenation of sibling subtrees in sorted order."""
    total, length = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    if not codes:
        return total, length
    values, lengths = np.stack([v for v, _ in codes]), np.stack([n for _, n in codes])
    order = np.argsort(-values, axis=0)
    for value, size in zip(
        np.take_along_axis(values, order, 0), np.take_along_axis(lengths, order, 0), strict=True
    ):
        total += value >> (length * _DIGIT)
        length += size
    return total, length
