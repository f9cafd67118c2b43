"""Networks trained when they are asked for: live/<space>/<data set>."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from math import fsum, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import registry
from workbench.data._base import Benchmark, Networks
from workbench.data._live_questions import METRICS, broadcast, checked, selectable
from workbench.data._live_results import Result, Results
from workbench.data._live_training import Recipe, Trained, trained, trained_whole
from workbench.data._packaged import card
from workbench.errors import BenchmarkError, ParameterError, TrainingFailed, UnknownName
from workbench.spaces import Space
from workbench.spaces import space as named_space
from workbench.types import Arch, Archs, Evaluation, Evaluations, Floats, Ints

if TYPE_CHECKING:
    from workbench.training.datasets import Dataset

EXTRA = "torch"

_log = logging.getLogger(__name__)


class Live(Benchmark):
    """The networks of a space on a data set, trained by ``workbench.training``.

    What was trained is kept in the user's cache, under a hash of the architecture, the data, all
    settings, the seed and torch's version: a training is never repeated, and one that was cut off,
    or stopped at an earlier epoch, goes on from its last epoch. Costs are kept with the results.

    Parameters
    ----------
    dataset : str
        Space and data set: ``nb201/digits``.
    score : str, default="val_acc"
        Any metric that is not of the test split.
    network : mapping, optional
        What the network of the space takes, such as ``channels`` and ``cells``.
    training : mapping, optional
        Settings of the trainer, such as ``epochs``; see ``workbench.training.settings``.
    data : mapping, optional
        Options of the data set, such as ``size`` or ``path``.
    device : {"cpu", "cuda"}
        Where networks are trained. Only on a CPU do trainings repeat to the bit.

    Raises
    ------
    UnknownName
        No such space, network, data set or metric.
    DataMissing, MissingExtra
        Torch, or the files of the data set, are not there.
    ParameterError
        An option that is not known, or a wrong value.
    """

    def __init__(
        self,
        dataset: str,
        score: str | None = None,
        *,
        network: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        device: str = "cpu",
    ) -> None:
        if device not in ("cpu", "cuda"):
            raise ParameterError(
                f"The 'device' parameter must be 'cpu' or 'cuda'. Got {device!r} instead."
            )
        space, slash, name = dataset.partition("/")
        if not slash:
            raise UnknownName(
                "live benchmark", dataset, (), "; it is named live/<space>/<data set>, such as"
                " live/nb201/digits"
            )  # fmt: skip
        self.name = f"live/{dataset}"
        self.space = named_space(space)
        self.metrics = {metric.name: metric for metric in METRICS}
        self.score = selectable(self.name, self.metrics, score or "val_acc")
        self.test = "test_acc" if self.score == "val_acc" else None
        self.has_cost = True
        self.optimum = self.random_mean = None
        said = [network or {}, training or {}, data or {}, device]
        self._options = (dataset, score, json.dumps(said))
        modest = getattr(registry.load("networks", space), "MODEST", {})
        made = _recipe(space, name, {**modest, **(network or {})}, training, data)
        self._recipe = replace(made, device=device)
        self._data = {"name": name, **(data or {})}
        self.epochs = tuple(range(1, self._tried_out().epochs + 1))
        self.sha256 = self._recipe.digest
        self._results = Results(self.name)

    def _tried_out(self) -> Any:
        """Return the settings of a first architecture, so that what is wrong shows at once."""
        return replace(self._recipe, device="cpu").trainer(_first(self.space), [0]).settings

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, self._options

    def __copy__(self) -> Live:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Live:
        return self

    def __repr__(self) -> str:
        return f"<benchmark {self.name}: {self.score} of {self.space.name}>"

    @property
    def card(self) -> str:
        """How trainings are done and kept, Markdown."""
        return card("live")

    @property
    def networks(self) -> Networks:
        """On what its networks are trained, and how they are built."""
        return Networks(self._data, dict(self._recipe.network))

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the trainer, but for what each architecture decides."""
        network = registry.load("networks", self.space.name)
        decided = network.settings(_first(self.space)) if hasattr(network, "settings") else {}
        every = self._tried_out().model_dump()
        return {key: value for key, value in every.items() if key not in decided}

    @property
    def data(self) -> Dataset:
        """The data set, in three parts."""
        return self._recipe.data

    def network(self, arch: Arch) -> Any:
        """Return the network of an architecture, on the CPU, untrained."""
        return self._recipe.build(checked(self.space, arch), 0)

    def train(self, arch: Arch, replicate: int) -> Trained:
        """Train in full, or take what was kept of it, and return the weights too.

        Scores are those of ``query``, which keeps no weights.

        Raises
        ------
        TrainingFailed
            It does not fit into memory.
        """
        return trained_whole(self._recipe, self._results, checked(self.space, arch), replicate)

    def query(self, arch: Arch, epoch: int, replicate: int) -> Evaluation:
        """Train up to an epoch, unless that was done before; see ``Benchmark.query``.

        A network that diverges has NaN for scores, and so has one that does not fit into memory.
        """
        arch = checked(self.space, arch)
        if type(epoch) is not int or not 1 <= epoch <= self.epochs[-1]:
            raise self._no_epoch(epoch)
        if type(replicate) is not int or replicate < 0:
            raise BenchmarkError(
                f"{self.name}: a replicate is a whole number from 0; got {replicate!r}"
            )
        try:
            result = trained(self._recipe, self._results, arch, replicate, epoch)
        except TrainingFailed as error:
            _log.warning("%s: %s cannot be trained here: %s", self.name, arch, error)
            lost = [nan] * epoch
            result = Result(0, lost, lost, lost, [0.0] * epoch)
        return self._evaluation(result, epoch)

    def _evaluation(self, result: Result, epoch: int) -> Evaluation:
        sign = -1.0 if self.metrics[self.score].direction == "min" else 1.0
        so_far = [self._metrics(result, e) for e in range(1, epoch + 1)]
        curve = tuple(sign * metrics[self.score] for metrics in so_far)
        return Evaluation(so_far[-1], curve[-1], so_far[-1]["seconds"], epoch, curve)

    def _metrics(self, result: Result, epoch: int) -> dict[str, float]:
        return {
            "val_acc": result.valid[epoch - 1],
            "test_acc": result.test[epoch - 1],
            "train_loss": result.train_loss[epoch - 1],
            "params": float(result.params),
            "seconds": fsum(result.seconds[:epoch]),
        }

    def query_many(self, archs: Archs, epochs: Ints | int, replicates: Ints | int) -> Evaluations:
        """Train one after another; see ``Benchmark.query_many``."""
        rows = self.space.check(archs).tolist()
        until = broadcast(self.name, "epochs", epochs, len(rows))
        seeds = broadcast(self.name, "replicates", replicates, len(rows))
        if (wrong := (until < 1) | (until > self.epochs[-1])).any():
            raise self._no_epoch(int(until[wrong][0]))
        found = [
            self.query(tuple(arch), epoch, replicate)
            for arch, epoch, replicate in zip(rows, until.tolist(), seeds.tolist(), strict=True)
        ]
        metrics = {name: np.array([one.metrics[name] for one in found]) for name in self.metrics}
        score = np.array([one.score for one in found])
        return Evaluations(metrics, score, metrics["seconds"].copy(), np.array(until))

    def replicates(self, archs: Archs) -> None:
        """Return None: a training seed follows from any number."""
        self.space.check(archs)

    def truth(self, archs: Archs, metric: str | None = None) -> Floats:
        """Return NaN: what the mean over all seeds would be is not known."""
        rows = self.space.check(archs)
        if metric is not None and metric not in self.metrics:
            raise UnknownName("metric", metric, self.metrics, f" (of {self.name})")
        return np.full(len(rows), np.nan)

    def _no_epoch(self, epoch: object) -> BenchmarkError:
        return BenchmarkError(
            f"{self.name} trains for 1 to {self.epochs[-1]} epochs; asked for {epoch!r}"
        )


def _first(space: Space) -> Arch:
    return tuple(space.sample(1, np.random.default_rng(0))[0].tolist())


def _recipe(
    space: str,
    data: str,
    network: Mapping[str, Any],
    training: Mapping[str, Any] | None,
    options: Mapping[str, Any] | None,
) -> Recipe:
    from workbench.training.datasets import load

    try:
        return Recipe(named_space(space), load(data, **(options or {})), network, training or {})
    except ParameterError as error:
        raise ParameterError(f"data: {error}") from error


@lru_cache(maxsize=16)
def _opened(dataset: str, score: str | None, options: str) -> Live:
    """Return a benchmark by its options as JSON, the same object whenever asked again."""
    network, training, data, device = json.loads(options)
    return Live(dataset, score, network=network, training=training, data=data, device=device)
