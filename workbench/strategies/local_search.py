"""Local search: climb to the better neighbour until there is none, then start anew.

White, Nolen and Savani, "Exploring the Loss Landscape in Neural Architecture Search" (first called
"Local Search is State of the Art for NAS Benchmarks"), 2020, arXiv:2005.02960.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from workbench.spaces import Space
from workbench.strategies._base import Strategy, check_choice
from workbench.strategies._distinct import DistinctDraws
from workbench.types import Arch, Observation, Task, Trial


class LocalSearch(Strategy):
    """Hill climbing over one-edit neighbours, from random starts; asks for nothing twice.

    Parameters
    ----------
    improvement : {"steepest", "first"}, default "steepest"
        Move to the best neighbour once all are known, or to the first one found better.

    Notes
    -----
    Neighbours are asked in random order. Scores are remembered for the whole run, so a climb that
    meets known architectures costs no query. A climb that reaches a local maximum is replaced by
    one from a start not yet evaluated. When it is asked for more than the climbs under way can
    use, another one is opened beside them; answers are always given to the oldest first. A failed
    trial counts as worse than all others. The search ends when the space is exhausted.
    """

    REPEATS: ClassVar[bool] = False

    def __init__(
        self, space: Space, rng: np.random.Generator, *, improvement: str = "steepest"
    ) -> None:
        super().__init__(space, rng)
        self.improvement = check_choice(self, "improvement", improvement, ("steepest", "first"))
        self._starts = DistinctDraws(space, rng)
        self._scores: dict[Arch, float] = {}
        self._asked: set[Arch] = set()
        self._climbs: list[_Climb] = []

    def ask(self) -> Trial | None:
        """Return a neighbour of the oldest climb that has one to ask for, or a new start."""
        for climb in self._climbs:
            while climb.queue:
                arch = climb.queue.pop()
                if arch not in self._asked:
                    return self._asking(arch)
        while (start := self._starts.draw()) is not None:
            if start not in self._asked:
                self._climbs.append(_Climb(start))
                return self._asking(start)
        return None

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Remember the score and move every climb that it lets move."""
        arch, score = self._settle(trial, observation)
        self._asked.add(arch)
        self._scores[arch] = -math.inf if score is None else score
        self._climbs = [climb for climb in self._climbs if self._advance(climb)]

    def _asking(self, arch: Arch) -> Trial:
        self._asked.add(arch)
        return self._trial(arch)

    def _advance(self, climb: _Climb) -> bool:
        """Move a climb as far as the known scores allow; return whether it goes on."""
        if climb.at not in self._scores:
            return True
        if not climb.around:
            self._surround(climb)
        while (better := self._step(climb)) is not None:
            climb.at = better
            self._surround(climb)
        return any(arch not in self._scores for arch in climb.around)

    def _step(self, climb: _Climb) -> Arch | None:
        known = [arch for arch in climb.around if arch in self._scores]
        if self.improvement == "steepest" and len(known) < len(climb.around):
            return None
        here = self._scores[climb.at]
        better = [arch for arch in known if self._scores[arch] > here]
        if not better:
            return None
        return (
            better[0] if self.improvement == "first" else max(better, key=self._scores.__getitem__)
        )

    def _surround(self, climb: _Climb) -> None:
        rows = self.rng.permutation(self.space.neighbours(climb.at)).tolist()
        climb.around = [tuple(row) for row in rows]
        climb.queue = [arch for arch in reversed(climb.around) if arch not in self._asked]


class _Climb:
    """Where a climb stands, all neighbours in their random order, and those left to ask for."""

    def __init__(self, start: Arch) -> None:
        self.at = start
        self.around: list[Arch] = []
        self.queue: list[Arch] = []
