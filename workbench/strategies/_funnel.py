"""What a funnel is made of: candidates, the stages that they pass, and what each let through."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from workbench.strategies._base import parameter_error
from workbench.types import Arch, Floats

FULL = "full"
"""The last stage, which trains in full and keeps everything."""

Keep: TypeAlias = int | float
"""How many candidates a stage keeps, or, below 1 as a fraction, which share of them."""


class Candidate(NamedTuple):
    """An architecture on its way, and the trial of its short training if it has one."""

    arch: Arch
    trial: int | None = None
    curve: tuple[float, ...] = ()
    score: float | None = None


@dataclass
class Passage:
    """One stage of one round: what came in, what was asked for there, and what it let through.

    ``asked`` holds the ids of trials and tasks; ``kept`` is None while the stage waits for them,
    and ``ranked`` says whether it had anything to rank by.
    """

    stage: str
    arrived: tuple[Arch, ...]
    asked: list[int] = field(default_factory=list)
    kept: tuple[Arch, ...] | None = None
    ranked: bool = True


class Round:
    """Candidates in one stage, what is still to be asked of it, and how much is awaited."""

    def __init__(self, candidates: list[Candidate]) -> None:
        self.candidates = candidates
        self.place = -1
        self.passage = Passage("", ())
        self.todo: deque[Any] = deque()
        self.told: list[Candidate] = []
        self.waiting = 0

    @property
    def complete(self) -> bool:
        """Whether all that the stage asked for is told."""
        return not self.todo and not self.waiting


def kept(keep: Keep, many: int) -> int:
    """Return how many of ``many`` a stage keeps: a share is rounded, and one always goes on."""
    wanted = keep if isinstance(keep, int) else max(1, round(keep * many))
    return min(wanted, many)


def best(candidates: list[Candidate], scores: Floats | None, keep: Keep) -> list[Candidate]:
    """Return the best by score, best first; equal ones in their order, unknown ones last.

    Without scores the first ones are kept, in the order that an earlier stage left them in.
    """
    count = kept(keep, len(candidates))
    if scores is None:
        return candidates[:count]
    known = np.where(np.isfinite(scores), scores, -np.inf)
    return [candidates[i] for i in np.argsort(-known, kind="stable")[:count].tolist()]


def check_keep(owner: object, keep: object, stages: tuple[str, ...]) -> dict[str, Keep]:
    """Return the numbers or shares of the stages that keep some.

    Raises
    ------
    ParameterError
        It is no mapping from these stages to numbers >= 1 or shares above 0 and below 1.
    """
    must_be = (
        f"a mapping from {', '.join(map(repr, stages))} to a whole number >= 1 or a share between"
        " 0 and 1"
    )
    if not isinstance(keep, dict) or not all(
        stage in stages and _number_or_share(value) for stage, value in keep.items()
    ):
        raise parameter_error(owner, "keep", must_be, keep)
    return dict(keep)


def _number_or_share(value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return value >= 1
    return isinstance(value, float) and 0 < value < 1
