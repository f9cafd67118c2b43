"""Zero-cost scores as features of architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.encodings._base import Encoding
from workbench.predictors.zero_cost._batch import Data
from workbench.predictors.zero_cost._population import measure
from workbench.predictors.zero_cost._score import ALL, columns_of
from workbench.spaces import Space
from workbench.types import Archs, Floats, Progress


class ZeroCost(Encoding):
    """A scikit-learn transformer of populations ``(n, d)`` into scores ``(n, p)``, row by row.

    It learns nothing. Scores are as published, some better high and some low, computed once an
    architecture and kept in the cache. In place of an aggregate such as ``az_nas``, which ranks a
    population, its parts are columns.

    Parameters
    ----------
    space : Space
        One whose networks can be built.
    dataset : str, mapping, Dataset, Noise, or (X, y)
        The name of a data set, or ``{"name": ..., option: ...}``; one that was loaded; noise, or
        ``{"name": "noise", "shape": [...], "classes": ...}``; or examples and their classes.
    proxies : sequence of str, default all 17
    network : mapping, optional
        Settings of the network: of ``nb201`` ``channels``, ``cells``, ``stages``, ``stem_stride``.
    batch_size : int, default 64
    random_state : int, default 0
        Of the batch, of the weights and of what proxies draw.
    workers : int, default 1
        Processes.
    progress : callable, optional
        Called with ``(finished, all, failed)``.
    """

    def __init__(
        self,
        space: Space,
        dataset: Data,
        proxies: Sequence[str] = ALL,
        network: Mapping[str, Any] | None = None,
        batch_size: int = 64,
        random_state: int = 0,
        workers: int = 1,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(space)
        self.dataset = dataset
        self.proxies = proxies
        self.network = network
        self.batch_size = batch_size
        self.random_state = random_state
        self.workers = workers
        self.progress = progress

    def _encode(self, archs: Archs) -> Floats:
        scores, _ = measure(
            self.space,
            archs,
            self.dataset,
            self._names(),
            network=self.network,
            batch_size=self.batch_size,
            seed=self.random_state,
            workers=self.workers,
            progress=self.progress,
        )
        return scores

    def _names(self) -> list[str]:
        return columns_of(self.proxies)
