"""What all zero-cost proxies share: they read off passes what a network may be worth untrained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from workbench.types import Floats

if TYPE_CHECKING:
    from workbench.predictors.zero_cost._passes import Passes


class Proxy(ABC):
    """A number of one untrained network and one batch.

    A proxy overrides ``score``, which reads what it needs from ``Passes``: what several proxies
    read is computed once. ``score`` returns a finite number for every network in which it finds
    what it reads, also where nothing gets from the input to the output.
    """

    higher_is_better: ClassVar[bool] = True
    VERSION: ClassVar[int] = 1
    """To be raised whenever the numbers change: stored ones are then computed again."""

    @abstractmethod
    def score(self, passes: Passes) -> float:
        """Return the score.

        Raises
        ------
        ParameterError
            The network holds none of the layers that the proxy reads.
        """


class Aggregate(ABC):
    """A number of each network of a population, made of several proxies.

    ``parts`` names them. ``combine`` takes their scores ``(n, p)``, all oriented so that higher is
    better, and returns ``(n,)``, higher is better.
    """

    parts: ClassVar[tuple[str, ...]]
    higher_is_better: ClassVar[bool] = True

    @abstractmethod
    def combine(self, scores: Floats) -> Floats:
        """Return one number a row."""
