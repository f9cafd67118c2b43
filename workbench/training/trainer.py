"""One trainer for all networks: an epoch at a time, several seeds of one network side by side."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from hashlib import sha256
from math import ceil, cos, pi
from time import perf_counter, process_time
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from workbench.errors import TrainingFailed
from workbench.networks import stack
from workbench.optimise import one_thread, side_by_side
from workbench.seeds import entropy
from workbench.training.augment import augment
from workbench.training.batches import Split
from workbench.training.settings import Settings

_log = logging.getLogger(__name__)

EVALUATED_AT_ONCE = 250


class Epoch(NamedTuple):
    """What one epoch of ``k`` networks came to.

    ``train_loss``, ``(k,)``: mean over the epoch's batches, as they were trained; ``score``,
    ``(k,)``: validation accuracy in percent; NaN from where a network has diverged. ``seconds``: of
    one network, training and validation: process CPU time on a CPU, elapsed time on a GPU.
    """

    train_loss: Tensor
    score: Tensor
    seconds: float


class Trainer:
    """Trains ``k`` networks of one architecture, each with a seed of its own.

    Parameters
    ----------
    networks : sequence of Module
        Of one architecture; they are copied.
    train, valid : Split
        Examples and labels.
    settings : Settings
    seeds : sequence of int
        One a network: of the order of examples and of how they are augmented.
    device : str, default="cpu"
        Where torch computes. On CUDA in bfloat16 where the GPU has it, channels last.

    Attributes
    ----------
    epochs_done : int
    alive : Tensor of bool, (k,)
        False where a loss was not finite. Such a network is trained no further, and is recorded as
        failed; the others are not touched by it.
    origin : str
        Hash of the weights before the first step.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        train: Split,
        valid: Split,
        settings: Settings,
        seeds: Sequence[int],
        device: str = "cpu",
    ) -> None:
        self.settings = settings
        self.seeds = tuple(seeds)
        self.device = torch.device(device)
        self.epochs_done = 0
        self.alive = torch.ones(len(self.seeds), dtype=torch.bool)
        self.network = stack(networks).to(self.device)
        if _are_images(train.x):
            self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.train, self.valid = train.to(self.device), valid.to(self.device)
        self._steps = ceil(len(train) / settings.batch_size)
        self._parts = 1
        weights = side_by_side(list(self.network.parameters()))
        self.origin = sha256(weights.detach().cpu().numpy().tobytes()).hexdigest()
        self._optimiser = _optimiser(weights, settings)

    def epoch(self) -> Epoch:
        """Train for one epoch and validate.

        Raises
        ------
        TrainingFailed
            A single example does not fit into memory.
        """
        with one_thread(), _algorithms(self.settings.deterministic, self.device):
            start = self._clock()
            losses = self._train_once()
            self.alive &= losses.isfinite()
            score = self.score(self.valid)
            self.alive &= score.isfinite()
            seconds = (self._clock() - start) / len(self.seeds)
        self.epochs_done += 1
        lost = ~self.alive
        return Epoch(
            losses.masked_fill(lost, torch.nan), score.masked_fill(lost, torch.nan), seconds
        )

    def score(self, split: Split) -> Tensor:
        """Return the accuracy of each network in percent, ``(k,)``, NaN where it has diverged."""
        split = split.to(self.device)
        self.network.eval()
        k = len(self.seeds)
        right = torch.zeros(k, device=self.device)
        with one_thread(), torch.inference_mode(), self._precision():
            for x, y in split.pieces(EVALUATED_AT_ONCE):
                logits = self.network(_beside(x.expand(k, *x.shape)))
                logits = logits.float().unflatten(1, (k, -1))
                hits = (logits.argmax(2) == y[:, None]).sum(0)
                right += torch.where(logits.isfinite().all(2).all(0), hits, torch.nan)
        return 100 * right.cpu().double() / len(split)

    # -- one epoch --------------------------------------------------------------------------------

    def _train_once(self) -> Tensor:
        self.network.train()
        x, y = self._seen()
        total = torch.zeros(len(self.seeds), device=self.device)
        pieces = zip(x.tensor_split(self._steps), y.tensor_split(self._steps), strict=True)
        for step, (inputs, labels) in enumerate(pieces):
            self._set_rate(self.epochs_done * self._steps + step)
            total += self._step(inputs, labels)
        return (total / self._steps).cpu().double()

    def _seen(self) -> tuple[Tensor, Tensor]:
        """Return the examples of the epoch in each network's own order, ``(n, k c, ...)``."""
        x, y = [], []
        for seed in self.seeds:
            random = torch.Generator().manual_seed(_seed("epoch", seed, self.epochs_done))
            order = torch.randperm(len(self.train), generator=random).to(self.device)
            examples = self.train.x[order]
            x.append(
                augment(examples, self.settings, random) if _are_images(examples) else examples
            )
            y.append(self.train.y[order])
        return _beside(torch.stack(x)), torch.stack(y, dim=1)

    def _step(self, x: Tensor, y: Tensor) -> Tensor:
        """Take one step; return the loss of each network, ``(k,)``."""
        while True:
            try:
                loss = self._gradients(x, y)
                break
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                self._halve(len(x))
        if self.settings.clip is not None:
            self._shorten(self.settings.clip)
        self._optimiser.step()
        return loss

    def _gradients(self, x: Tensor, y: Tensor) -> Tensor:
        self._optimiser.zero_grad(set_to_none=False)
        k = len(self.seeds)
        total = torch.zeros(k, device=self.device)
        pieces = zip(x.tensor_split(self._parts), y.tensor_split(self._parts), strict=True)
        for inputs, labels in pieces:
            with self._precision():
                logits = self.network(inputs).float().unflatten(1, (k, -1))
                each = cross_entropy(
                    logits.transpose(1, 2),
                    labels,
                    reduction="none",
                    label_smoothing=self.settings.label_smoothing,
                )
            loss = each.sum(0) / len(x)
            loss.sum().backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total

    def _halve(self, batch: int) -> None:
        self._parts *= 2
        if self._parts > batch:
            raise TrainingFailed(
                "not even one example at a time fits into memory; a smaller network, or smaller"
                " images, may"
            )
        _log.warning(
            "out of memory: batches of %d go through the network in %d parts from here on, so"
            " that batch norm sees fewer examples at once",
            batch,
            self._parts,
        )

    def _shorten(self, most: float) -> None:
        """Clip the gradient of each network by its own norm."""
        k = len(self.seeds)
        gradients = [p.grad.view(k, -1) for p in self.network.parameters() if p.grad is not None]
        norm = torch.stack([g.square().sum(1) for g in gradients]).sum(0).sqrt()
        factor = (most / norm.clamp_min(most))[:, None]
        for gradient in gradients:
            gradient.mul_(factor)

    def _set_rate(self, step: int) -> None:
        rate = self.settings.learning_rate
        if self.settings.schedule == "cosine":
            rate *= (1 + cos(pi * step / (self._steps * self.settings.epochs))) / 2
        self._optimiser.param_groups[0]["lr"] = rate

    # -- where it computes ------------------------------------------------------------------------

    def _precision(self) -> Any:
        if self.device.type == "cuda" and torch.cuda.is_bf16_supported():
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return nullcontext()

    def _clock(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            return perf_counter()
        return process_time()

    # -- checkpoints ------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on, tensors and plain values."""
        return {
            "epochs_done": self.epochs_done,
            "alive": self.alive,
            "parts": self._parts,
            "network": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` returned; the next epochs are those of a training in one go."""
        self.epochs_done = state["epochs_done"]
        self.alive = state["alive"]
        self._parts = state["parts"]
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])


def _are_images(x: Tensor) -> bool:
    """Return whether examples are ``(n, c, h, w)``."""
    return x.dim() == 4


def _beside(x: Tensor) -> Tensor:
    """Return ``(n, k c, ...)`` of the inputs of ``k`` networks, ``(k, n, c, ...)``."""
    joined = x.transpose(0, 1).flatten(1, 2)
    if joined.dim() == 4:
        return joined.contiguous(memory_format=torch.channels_last)
    return joined.contiguous()


def _seed(*key: str | int) -> int:
    return entropy("training", *key) >> 65


def _optimiser(weights: Tensor, settings: Settings) -> torch.optim.Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimiser == "adam":
        return torch.optim.Adam([weights], lr=rate, weight_decay=decay)
    if settings.optimiser == "adamw":
        return torch.optim.AdamW([weights], lr=rate, weight_decay=decay)
    nesterov = settings.nesterov and settings.momentum > 0
    return torch.optim.SGD(
        [weights], lr=rate, momentum=settings.momentum, nesterov=nesterov, weight_decay=decay
    )


def _out_of_memory(error: RuntimeError) -> bool:
    return (
        isinstance(error, torch.OutOfMemoryError)
        or "not enough memory" in str(error)
        or ("can't allocate memory" in str(error))
    )


@contextmanager
def _algorithms(deterministic: bool, device: torch.device) -> Iterator[None]:
    """Ask torch for sums in one order where that is not so anyway."""
    if not deterministic or device.type == "cpu":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
