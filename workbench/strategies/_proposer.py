"""Where a funnel's candidates come from: a mixture of its own, or any strategy."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench import registry
from workbench.spaces import Space
from workbench.strategies._base import Strategy, parameter_error
from workbench.types import Arch, Observation, Status, Trial

_PATIENCE = 3


class Proposer:
    """A strategy whose asks are candidates; it is told what came of each, once that is known.

    A candidate that was trained in full is told with its score, one that a filter dropped as
    stopped, without a score: to most strategies that is a failure, which they learn nothing from.
    """

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._waiting: dict[Arch, list[Trial]] = {}

    def draw(self, count: int, known: Mapping[Arch, float]) -> list[Arch]:
        """Return up to so many architectures: new ones, none of which it waits to hear of.

        Where the score is known, the strategy is told at once; it is asked for another.
        """
        found: dict[Arch, None] = {}
        for _ in range(_PATIENCE * count):
            trial = self._strategy.ask()
            if trial is None or len(found) == count:
                break
            arch = self._canonical(trial.arch)  # type: ignore[union-attr]
            if arch not in self._waiting and arch not in known:
                found[arch] = None
            self._waiting.setdefault(arch, []).append(trial)  # type: ignore[arg-type]
            if arch in known:
                self.settle(arch, known[arch])
        return list(found)

    def settle(self, arch: Arch, score: float | None) -> None:
        """Tell the strategy of an architecture; None: it was dropped, or its training failed."""
        for trial in self._waiting.pop(arch, ()):
            status = Status.STOPPED if score is None else Status.OK
            self._strategy.tell(trial, Observation(status, score))

    def _canonical(self, arch: Arch) -> Arch:
        rows = np.array([arch], dtype=np.int16)
        return tuple(self._strategy.space.canonical(rows)[0].tolist())


def proposer_of(owner: object, given: object, space: Space, rng: np.random.Generator) -> Proposer:
    """Return what proposes by a strategy's name, or a mapping with its ``name``.

    Raises
    ------
    ParameterError, UnknownName
        It is neither, has other parameters, or asks for more than whole trainings.
    """
    must_be = "the name of a strategy that asks for whole trainings, or a mapping with its 'name'"
    said: Any = {"name": given} if isinstance(given, str) else given
    if not isinstance(said, Mapping) or not isinstance(said.get("name"), str):
        raise parameter_error(owner, "proposer", must_be, given)
    parameters = dict(said)
    cls = registry.load("strategies", parameters.pop("name"))
    takes = list(inspect.signature(cls.__init__).parameters)[3:]
    if "epochs" in takes or cls.tasks is not Strategy.tasks:
        raise parameter_error(owner, "proposer", must_be, given)
    if unknown := sorted(set(parameters) - set(takes)):
        can_be = f"{must_be} and parameters of its own ({', '.join(takes) or 'it takes none'})"
        raise parameter_error(owner, "proposer", f"{can_be}, and no {unknown[0]!r}", given)
    seed = np.random.default_rng(rng.integers(2**63))
    return Proposer(cls(space, seed, **parameters))
