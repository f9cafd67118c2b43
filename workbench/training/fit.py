"""A whole training: epoch after epoch, with a checkpoint after each."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np
import torch

from workbench.errors import StoreError
from workbench.training.trainer import Trainer
from workbench.types import Floats


class Curves(NamedTuple):
    """What ``k`` networks went through in ``e`` epochs.

    ``train_loss`` and ``score`` (validation accuracy, percent) are ``(k, e)``, NaN from the epoch
    in which a network diverged; ``seconds`` ``(e,)`` are those of one network.
    """

    train_loss: Floats
    score: Floats
    seconds: Floats


def fit(trainer: Trainer, epochs: int | None = None, checkpoint: Path | None = None) -> Curves:
    """Train up to an epoch, and return the curves from the first epoch on.

    Parameters
    ----------
    trainer : Trainer
        As it was made, before its first epoch.
    epochs : int, optional
        Where to stop; the whole training if not given.
    checkpoint : Path, optional
        Read if it is there and written after each epoch: a training that was killed, or stopped
        earlier, goes on to the same numbers (on a CPU, to the bit).

    Raises
    ------
    StoreError
        The checkpoint is of another training, or damaged.
    """
    end = trainer.settings.epochs if epochs is None else epochs
    none = np.empty((len(trainer.seeds), 0))
    curves = Curves(none, none, np.empty(0))
    if checkpoint is not None and checkpoint.exists():
        curves = _resumed(trainer, checkpoint)
    while trainer.epochs_done < end:
        curves = _with(curves, trainer)
        if checkpoint is not None:
            _save(trainer, curves, checkpoint)
    return Curves(curves.train_loss[:, :end], curves.score[:, :end], curves.seconds[:end])


def _with(curves: Curves, trainer: Trainer) -> Curves:
    if not trainer.alive.any():
        trainer.epochs_done += 1
        lost = np.full((len(trainer.seeds), 1), np.nan)
        return Curves(
            np.hstack([curves.train_loss, lost]),
            np.hstack([curves.score, lost]),
            np.append(curves.seconds, 0.0),
        )
    loss, score, seconds = trainer.epoch()
    return Curves(
        np.column_stack([curves.train_loss, loss.numpy()]),
        np.column_stack([curves.score, score.numpy()]),
        np.append(curves.seconds, seconds),
    )


def _save(trainer: Trainer, curves: Curves, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{uuid4().hex}.tmp")
    curve = {name: torch.from_numpy(values) for name, values in curves._asdict().items()}
    try:
        torch.save({"of": fingerprint(trainer), "curves": curve, **trainer.state()}, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _resumed(trainer: Trainer, path: Path) -> Curves:
    try:
        state: dict[str, Any] = torch.load(path, map_location=trainer.device, weights_only=True)
    except (RuntimeError, OSError, EOFError, UnpicklingError, BadZipFile) as error:
        raise StoreError(
            f"the checkpoint {path} is damaged ({type(error).__name__}); delete it to train from"
            " the start"
        ) from error
    if state.get("of") != fingerprint(trainer):
        raise StoreError(
            f"the checkpoint {path} is of another network, data or settings; delete it, or name"
            " another file"
        )
    trainer.restore(state)
    return Curves(**{name: values.cpu().numpy() for name, values in state["curves"].items()})


def fingerprint(trainer: Trainer) -> str:
    """Return a hash of all that decides what comes out, but for versions and hardware."""
    seen = sha256(repr((trainer.settings, trainer.seeds, trainer.origin)).encode())
    seen.update(str(trainer.network).encode())
    for split in (trainer.train, trainer.valid):
        seen.update(split.digest())
    return seen.hexdigest()
