"""How an architecture is trained when it is asked for, and what that depends on."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from workbench import registry
from workbench.data._live_results import Result, Results
from workbench.errors import ParameterError, StoreError
from workbench.seeds import entropy
from workbench.spaces import Space
from workbench.training.datasets import Dataset
from workbench.types import Arch

if TYPE_CHECKING:
    from workbench.training.batches import Split
    from workbench.training.fit import Curves
    from workbench.training.settings import Settings
    from workbench.training.trainer import Trainer

_log = logging.getLogger(__name__)

LAYOUT = 1
"""To be raised whenever the numbers of a training change, or how they are stored."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """A space, a data set, and the settings of networks and training as the user gave them."""

    space: Space
    data: Dataset
    network: Mapping[str, Any]
    training: Mapping[str, Any]
    device: str = "cpu"

    @cached_property
    def digest(self) -> str:
        """Hash of all that numbers depend on, but for the architecture, seeds and versions."""
        parts = [LAYOUT, self.space.name, self.data.sha256, self.network, self.training]
        parts += [] if self.device == "cpu" else [self.device]
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def settings(self, arch: Arch) -> Settings:
        """Return the trainer's settings: what the user says, and what the architecture decides.

        Raises
        ------
        ParameterError
            A value is wrong, or the user says what is for the architecture to decide.
        """
        from workbench.training.settings import Settings

        network = registry.load("networks", self.space.name)
        decided = network.settings(arch) if hasattr(network, "settings") else {}
        if twice := sorted(set(decided) & set(self.training)):
            raise ParameterError(
                f"the training setting {twice[0]!r} is decided by each architecture of the space"
                f" {self.space.name}; leave it out"
            )
        return Settings.of(**{**self.training, **decided})

    def key(self, arch: Arch, replicate: int) -> str:
        """Return the hash under which a training is stored."""
        settings = self.settings(arch).model_dump_json()
        parts = [self.digest, list(arch), replicate, settings, version("torch")]
        return sha256(json.dumps(parts).encode()).hexdigest()

    @cached_property
    def splits(self) -> tuple[Split, Split, Split]:
        """Training, validation and test part."""
        from workbench.training.batches import Split

        data = self.data
        return (
            Split.of(data.x_train, data.y_train),
            Split.of(data.x_valid, data.y_valid),
            Split.of(data.x_test, data.y_test),
        )

    def trainer(self, arch: Arch, seeds: Sequence[int]) -> Trainer:
        """Return a trainer of one network a seed, before its first epoch.

        Raises
        ------
        ParameterError
            There is no GPU here, and there should be.
        """
        from workbench.training.machine import gpus
        from workbench.training.trainer import Trainer

        if self.device != "cpu" and not gpus():
            raise ParameterError(
                "The 'device' parameter must be 'cpu' where torch finds no GPU. Got"
                f" {self.device!r} instead."
            )
        networks = [self.build(arch, seed) for seed in seeds]
        train, valid, _ = self.splits
        return Trainer(networks, train, valid, self.settings(arch), seeds, self.device)

    def seed(self, arch: Arch, replicate: int) -> int:
        """Return the seed of a training, by the number of its replicate."""
        return entropy("live", self.data.name, *arch, replicate) >> 65

    def build(self, arch: Arch, seed: int) -> Any:
        """Return the network of an architecture, untrained."""
        from workbench.networks import build

        return build(
            self.space, arch, self.data.shape, self.data.classes, seed=seed, **self.network
        )


def trained(recipe: Recipe, results: Results, arch: Arch, replicate: int, epochs: int) -> Result:
    """Return the result of a training up to an epoch at least, of which only the rest is trained.

    Raises
    ------
    TrainingFailed
        Not even one example at a time fits into memory.
    StoreError
        The cache cannot be written.
    """
    key = recipe.key(arch, replicate)
    found = results.read(key)
    if found is not None and found.epochs >= epochs:
        return found
    with results.alone(key):
        found = results.read(key)
        if found is not None and found.epochs >= epochs:
            return found
        checkpoint = results.checkpoint(key)
        try:
            return _continued(recipe, results, arch, replicate, epochs)
        except StoreError as error:
            _log.warning("%s; it is trained from the start", error)
            checkpoint.unlink(missing_ok=True)
            return _continued(recipe, results, arch, replicate, epochs)


def _continued(recipe: Recipe, results: Results, arch: Arch, replicate: int, epochs: int) -> Result:
    key = recipe.key(arch, replicate)
    checkpoint = results.checkpoint(key)
    trainer = recipe.trainer(arch, [recipe.seed(arch, replicate)])
    result = results.read(key)
    if result is None:
        result = Result(sum(p.numel() for p in trainer.network.parameters()))
    test = recipe.splits[2]
    for epoch in range(result.epochs + 1, epochs + 1):
        _one_more(trainer, result, test, epoch, checkpoint)
        results.write(key, result)
    if result.epochs == trainer.settings.epochs:
        checkpoint.unlink(missing_ok=True)
    return result


def _one_more(trainer: Trainer, result: Result, test: Any, epoch: int, checkpoint: Path) -> None:
    """Train up to an epoch and add it to the result.

    What the result holds stays as it was, also where epochs had to be trained again because their
    checkpoint was lost: an answer once given is given again.
    """
    from workbench.training.fit import fit

    curves = fit(trainer, epoch, checkpoint)
    if trainer.epochs_done != epoch:
        raise StoreError(f"the checkpoint {checkpoint} is ahead of its result")
    alive = bool(trainer.alive.all())
    result.valid.append(float(curves.score[0, -1]))
    result.test.append(float(trainer.score(test)[0]) if alive else float("nan"))
    result.train_loss.append(float(curves.train_loss[0, -1]))
    result.seconds.append(float(curves.seconds[-1]))


class Trained(NamedTuple):
    """What a whole training came to: accuracies in percent, and the weights and buffers by name."""

    valid: float
    test: float
    weights: dict[str, NDArray[Any]]


def trained_whole(recipe: Recipe, results: Results, arch: Arch, replicate: int) -> Trained:
    """Return a whole training with its weights, which are kept for the next time.

    Raises
    ------
    TrainingFailed, StoreError
        As ``trained``.
    """
    key = recipe.key(arch, replicate) + "-weights"
    with results.alone(key):
        try:
            trainer, curves = _whole(recipe, arch, replicate, results.checkpoint(key))
        except StoreError as error:
            _log.warning("%s; it is trained from the start", error)
            results.checkpoint(key).unlink(missing_ok=True)
            trainer, curves = _whole(recipe, arch, replicate, results.checkpoint(key))
    alive = bool(trainer.alive.all())
    test = float(trainer.score(recipe.splits[2])[0]) if alive else float("nan")
    state = trainer.network.state_dict()
    weights = {name: value.cpu().numpy().copy() for name, value in state.items()}
    return Trained(float(curves.score[0, -1]), test, weights)


def _whole(recipe: Recipe, arch: Arch, replicate: int, checkpoint: Path) -> tuple[Trainer, Curves]:
    from workbench.training.fit import fit

    trainer = recipe.trainer(arch, [recipe.seed(arch, replicate)])
    return trainer, fit(trainer, None, checkpoint)
