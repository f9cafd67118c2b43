"""The contract of a benchmark: a table or live training, asked in the same words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from workbench.errors import BenchmarkError
from workbench.spaces import Space
from workbench.types import Arch, Archs, Evaluation, Evaluations, Floats, Ints, Metric


class Networks(NamedTuple):
    """What the networks of a benchmark were trained on, and how they are built.

    ``dataset`` is the name of a data set with its options, ``settings`` are those of the network.
    """

    dataset: dict[str, Any]
    settings: dict[str, Any]


class Benchmark(ABC):
    """Scores of the architectures of one space on one data set.

    Attributes
    ----------
    name : str
        Such as ``nb201/cifar10``.
    space : Space
        What may be asked for.
    epochs : tuple of int
        The epochs at which scores are known, ascending; the last one is the full training.
    metrics : dict of str to Metric
        Unit, direction and split of every number that a query returns.
    score : str
        The metric (validation) that the benchmark was opened for. ``Evaluation.score`` is this
        one, negated where lower is better.
    test : str or None
        The metric of the test split that goes with it.
    has_cost : bool
        Whether training seconds are known. If not, budgets in seconds are refused.
    optimum, random_mean : float or None
        Maximum and mean of ``truth`` over the space, None where the truth is not known.
    sha256 : str or None
        Hash of the file the numbers come from.
    """

    DATASETS: ClassVar[tuple[str, ...]] = ()

    name: str
    space: Space
    epochs: tuple[int, ...]
    metrics: dict[str, Metric]
    score: str
    test: str | None
    has_cost: bool
    optimum: float | None
    random_mean: float | None
    sha256: str | None

    @property
    def card(self) -> str:
        """Where the numbers come from and what is known of them, Markdown; empty if unknown."""
        return ""

    @property
    def networks(self) -> Networks | None:
        """How its networks can be built again; None where they cannot, or nobody says."""
        return None

    def stored_proxies(self, archs: Archs, names: Sequence[str]) -> tuple[Floats, Floats] | None:  # noqa: ARG002
        """Return stored zero-cost scores and their seconds, ``(n, p)`` each; None: none are stored.

        Raises
        ------
        UnknownName
            Some are stored, but none of a name.
        """
        return None

    def up_to(self, epoch: int) -> Benchmark:
        """Return the same benchmark with trainings up to an epoch only, as searches often use.

        ``truth``, ``optimum`` and ``random_mean`` stay those of the whole training.

        Raises
        ------
        BenchmarkError
            It has no scores of this epoch, or is no table.
        """
        raise BenchmarkError(
            f"{self.name} is no table, so that there are no shorter trainings than whole ones;"
            f" say training = {{ epochs = {epoch} }} of live training"
        )

    @abstractmethod
    def query(self, arch: Arch, epoch: int, replicate: int) -> Evaluation:
        """Return one evaluation: training up to ``epoch`` by training seed ``replicate``.

        Raises
        ------
        ArchitectureError
            Not in the space.
        BenchmarkError
            The epoch or the replicate is not stored.
        """

    @abstractmethod
    def query_many(self, archs: Archs, epochs: Ints | int, replicates: Ints | int) -> Evaluations:
        """Return many evaluations as arrays; epochs and replicates broadcast, shape ``(n,)``."""

    @abstractmethod
    def replicates(self, archs: Archs) -> Ints | None:
        """Return how many training seeds are stored of each, ``(n,)``; None: any number."""

    def stored(self, arch: Arch) -> int | None:
        """Return how many training seeds are stored of one architecture; None: any number."""
        counts = self.replicates(np.array([arch], dtype=np.int16))
        return None if counts is None else int(counts[0])

    def entries(self, archs: Archs) -> Ints:
        """Return a number for each, ``(n,)``, equal where the same trainings are behind both.

        Some tables store one training for all members of an isomorphism class.
        """
        return self.space.index(archs)

    def truth(self, archs: Archs, metric: str | None = None) -> Floats:  # noqa: ARG002
        """Return the mean of a metric over stored replicates at the last epoch, shape ``(n,)``.

        Without a metric: the score, higher is better; with one: in its own unit. NaN where unknown.
        """
        return np.full(len(archs), np.nan)
