"""The ask-and-tell contract that every search strategy keeps, and the checks of its parameters."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from workbench.errors import ParameterError
from workbench.spaces import Space
from workbench.types import Arch, Observation, Task, Trial


class Strategy(ABC):
    """A search strategy: asks for trials, is told their outcomes; knows a space, no benchmark.

    Parameters
    ----------
    space : Space
        Where to search.
    rng : numpy.random.Generator
        The only source of randomness a strategy may use.
    **parameters
        The strategy's own, keyword only, each with a default; checked in ``__init__``, which
        raises ParameterError.

    Notes
    -----
    ``ask`` may be called again before earlier trials were told; those are pending and count as
    evaluated. ``tell`` comes in any order, and also for trials that were never asked (warm start).
    A failed trial has score None. A strategy with a parameter ``epochs`` is given, unless a study
    sets it, the epochs at which its benchmark has scores, ascending. ``PRESETS`` maps names to
    parameters from the literature; ``REPEATS`` says whether an architecture may be asked for again,
    so that a small space never ends the search; ``ONE_EPOCH`` whether a strategy that takes epochs
    can do with a single one.
    """

    PRESETS: ClassVar[dict[str, dict[str, Any]]] = {}
    REPEATS: ClassVar[bool] = True
    ONE_EPOCH: ClassVar[bool] = False

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self.space = space
        self.rng = rng
        self._next_id = 0
        self._pending: dict[int, Arch] = {}

    @abstractmethod
    def ask(self) -> Trial | Task | None:
        """Return what to do next; None: nothing until told more, or, with none pending, the end."""

    @abstractmethod
    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Take in how a trial ended."""

    def try_out(self) -> None:  # noqa: B027 - most have nothing to try
        """Raise ParameterError for what would only fail later; called once before a study."""

    def tasks(self) -> list[Task]:
        """Return a small task of every kind that will be asked for; a study tries them first."""
        return []

    def _trial(self, arch: Arch, epochs: int | None = None, continues: int | None = None) -> Trial:
        trial = Trial(self._next_id, arch, epochs, continues)
        self._pending[trial.id] = arch
        self._next_id += 1
        return trial

    def _settle(self, trial: Trial | Task, observation: Observation) -> tuple[Arch, float | None]:
        """Take a trial from the pending ones, if it is one; return architecture and finite score.

        Raises
        ------
        TypeError
            A task, which a strategy that settles trials never asked for.
        """
        if isinstance(trial, Task):
            raise TypeError(
                f"{type(self).__name__} asks for no tasks; it was told of {trial.name!r}"
            )
        if self._pending.get(trial.id) == trial.arch:
            del self._pending[trial.id]
        score = observation.score
        return trial.arch, score if score is not None and math.isfinite(score) else None


def check_integer(owner: object, name: str, value: object, low: int) -> int:
    """Return the value if it is an integer of at least ``low``; raise ParameterError otherwise."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= low:
        return int(value)
    raise parameter_error(owner, name, f"an integer >= {low}", value)


def check_number(
    owner: object, name: str, value: object, low: float, high: float = float("inf")
) -> float:
    """Return the value if it is a finite number in [low, high]; raise ParameterError otherwise."""
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and low <= number <= high:
            return number
    raise parameter_error(owner, name, f"a number in [{low}, {high}]", value)


def check_choice(owner: object, name: str, value: object, choices: tuple[str, ...]) -> str:
    """Return the value if it is one of the choices; raise ParameterError otherwise."""
    if isinstance(value, str) and value in choices:
        return value
    raise parameter_error(owner, name, f"one of {', '.join(map(repr, choices))}", value)


def parameter_error(owner: object, name: str, must_be: str, value: object) -> ParameterError:
    """Return the error for one parameter, in scikit-learn's form."""
    of = type(owner).__name__
    return ParameterError(
        f"The {name!r} parameter of {of} must be {must_be}. Got {value!r} instead."
    )
