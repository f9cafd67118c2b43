"""Which sequences of operations lie on a path from input to output.

White, Neiswanger and Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural
Architecture Search", 2019, arXiv:1910.11858; its categorical, continuous and truncated forms:
White, Neiswanger, Nolen and Savani, "A Study on Encodings for Neural Architecture Search", 2020,
arXiv:2007.04965.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from workbench.encodings._base import Encoding
from workbench.encodings._parameters import check_bools, check_choices, check_integers
from workbench.encodings._paths import Alphabet, codes_of
from workbench.encodings._wirings import longest_path, most_paths, operation_names
from workbench.spaces import Space
from workbench.types import Archs, Floats

FORMS = ("one_hot", "categorical", "continuous")


class Path(Encoding):
    """The sequences of operations along the paths of each architecture.

    Paths that differ in nodes but not in operations are one sequence. Sequences are numbered by
    length, then by the order of operations.

    Parameters
    ----------
    space : Space
        A space with graphs.
    form : {"one_hot", "categorical", "continuous"}, default "one_hot"
        ``one_hot``: one bit a sequence. ``categorical``: the numbers of the sequences that occur,
        from 1, rising, with 0 behind the last; one column for each path that there can be.
        ``continuous``: the part of the paths that each sequence is, and the number of paths.
    max_length : int or None, default None
        Truncation: paths with more operations are left out. None keeps all, ``o + o**2 + ...``
        sequences up to the longest path of ``o`` operations' choice; that is 7,380 on
        NAS-Bench-Graph.
    k : int or None, default None
        Truncation: the first ``k`` sequences are kept, which are the shortest.
    cut_none : bool, default False
        Leave out paths with ``none`` on them: nothing flows there. False takes it for an operation
        like the others, as the authors' code does: on NAS-Bench-201 each of the four paths is one
        of 5 + 25 + 125 = 155 sequences.
    contract_skip : bool, default False
        Pass over ``skip``, which changes nothing. With both, and in canonical form, isomorphic
        architectures have the same row.
    canonical : bool, default False
        Describe each row by the representative of its isomorphism class.
    """

    def __init__(
        self,
        space: Space,
        form: str = "one_hot",
        max_length: int | None = None,
        k: int | None = None,
        cut_none: bool = False,
        contract_skip: bool = False,
        canonical: bool = False,
    ) -> None:
        super().__init__(space)
        self.form = form
        self.max_length = max_length
        self.k = k
        self.cut_none = cut_none
        self.contract_skip = contract_skip
        self.canonical = canonical

    def _encode(self, archs: Archs) -> Floats:
        alphabet, longest = self._alphabet(), self._longest()
        graphs = self.space.graphs(self.space.canonical(archs) if self.canonical else archs)
        found = np.zeros((len(archs), self._width(alphabet, longest)))
        paths = np.zeros((len(archs), 1))
        for rows, codes in codes_of(graphs, alphabet, longest):
            kept = codes < found.shape[1]
            if not kept.all():
                rows, codes = rows[kept], codes[kept]
            if self.form == "continuous":
                found[rows, codes] += 1
                paths[rows] += 1
            else:
                found[rows, codes] = 1
        if self.form == "continuous":
            return np.concatenate([found / np.maximum(paths, 1), paths], axis=1)
        return _listed(found, self._columns()) if self.form == "categorical" else found

    def _names(self) -> list[str]:
        if self.form == "categorical":
            return [f"path{i}" for i in range(self._columns())]
        alphabet, longest = self._alphabet(), self._longest()
        shortest = 0 if alphabet.starts(longest)[1] else 1
        lengths = range(shortest, longest + 1)
        names = [">".join(ops) for n in lengths for ops in product(alphabet.names, repeat=n)]
        names = [name or "identity" for name in names[: self._width(alphabet, longest)]]
        return [*names, "paths"] if self.form == "continuous" else names

    def _alphabet(self) -> Alphabet:
        check_choices(self, FORMS, "form")
        check_bools(self, "cut_none", "contract_skip", "canonical")
        return Alphabet.of(operation_names(self.space), self.cut_none, self.contract_skip)

    def _width(self, alphabet: Alphabet, longest: int) -> int:
        check_integers(self, 1, "k", optional=True)
        width = int(alphabet.starts(longest)[-1])
        return width if self.k is None else min(width, self.k)

    def _columns(self) -> int:
        return min(most_paths(self.space), self._width(self._alphabet(), self._longest()))

    def _longest(self) -> int:
        check_integers(self, 1, "max_length", optional=True)
        longest = longest_path(self.space)
        return longest if self.max_length is None else min(longest, self.max_length)


def _listed(found: Floats, columns: int) -> Floats:
    """Return the numbers, from 1, of what occurs in each row, rising, zeros behind."""
    rows, codes = np.nonzero(found)
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    out = np.zeros((len(found), columns))
    out[rows, place] = codes + 1
    return out
