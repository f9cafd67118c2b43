"""SemiNAS: an encoder-decoder over decisions that also learns from unlabelled architectures.

Luo, Tan, Wang, Qin, Chen and Liu, "Semi-Supervised Neural Architecture Search", 2020,
arXiv:2002.10389. Without unlabelled architectures it is the predictor of Luo, Tian, Qin, Chen and
Liu, "Neural Architecture Optimization", 2018, arXiv:1808.07233 (NAO).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import ArrayLike
from scipy.stats import loguniform
from torch import Tensor

from workbench.encodings._graph_batch import distinct
from workbench.encodings._parameters import check_bools, check_integers, check_numbers
from workbench.optimise import initialised, minibatches, minimise, one_thread, steps_of
from workbench.predictors._base import OnArchitectures
from workbench.predictors._losses import LOSSES, RANKING, Loss, calibration, check_training
from workbench.predictors._sequence import EncoderDecoder
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace
from workbench.spaces import Space
from workbench.types import Archs, Floats, Ints

EXTRA = "torch"
_AT_ONCE = 1024


class SemiNAS(OnArchitectures):
    """An LSTM encodes the decisions, another restores them, a perceptron predicts.

    It is trained on labelled architectures first; its predictions for unlabelled ones, sampled
    from the space, are then targets like any, and it is trained on with both.

    Parameters
    ----------
    space : Space
        Any space: decisions are read in their order.
    unlabelled : int, default 400
        Unlabelled architectures; 0 is NAO.
    canonical : bool, default True
        Take the representative of each isomorphism class.
    width : int, default 48
        Units of each layer.
    trade_off : float, default .9
        Weight of the prediction's loss; the rest is that of the reconstruction.
    epochs : int, default 40
        Passes over the labelled rows with the pseudo-labels, and half as many before: at least 200
        steps and at most 10,000.
    batch_size : int, default 32
        Labelled rows of a step, and as many unlabelled ones.
    learning_rate : float, default .01
        Of Adam; it falls to 0 along a cosine.
    weight_decay : float, default .5
        Decoupled from the gradient.
    loss : {"mae", "mse", "hinge", "listmle"}, default "mae"
        Absolute or squared error, pairwise hinge, or likelihood of the ranking. The outputs of the
        last two are mapped to the targets by a rising line.
    target_transform : {None, "rank", "quantile"}, default "quantile"
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed; the state of torch is neither read nor changed.
    """

    READS_GRAPHS = False

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "unlabelled": [0, 400],
        "width": [32, 48, 96],
        "trade_off": [0.5, 0.8, 0.9, 1.0],
        "learning_rate": loguniform(1e-3, 3e-2),
    }

    def __init__(
        self,
        space: Space | None = None,
        unlabelled: int = 400,
        canonical: bool = True,
        width: int = 48,
        trade_off: float = 0.9,
        epochs: int = 40,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        weight_decay: float = 0.5,
        loss: Loss = "mae",
        target_transform: Transform | None = "quantile",
        random_state: int | RandomState | None = None,
    ) -> None:
        self.space = space
        self.unlabelled = unlabelled
        self.canonical = canonical
        self.width = width
        self.trade_off = trade_off
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss = loss
        self.target_transform = target_transform
        self.random_state = random_state

    def reconstruct(self, X: ArrayLike) -> Archs:
        """Return what the decoder makes of the encodings, ``(n, d)``, one decision at a time.

        With ``canonical`` that is the representative of the isomorphism class.
        """
        unique, place = self._distinct(self._features(X))
        with one_thread(), torch.no_grad():
            tokens = self._loaded().reconstruct(self._tokens(unique)).numpy()
        rows: Archs = (tokens - self._starts()[:-1]).astype(np.int16)
        return rows[place]

    def _fit(self, X: Any, y: Floats) -> None:
        self._check_parameters()
        seed = self._seed()
        random = torch.Generator().manual_seed(seed)
        tokens, targets = self._tokens(self._normal(X)), torch.from_numpy(y).float()
        with one_thread():
            network = initialised(self._network, random)
            steps = steps_of(self.epochs, len(y), self.batch_size)
            first = steps // 2 if self.unlabelled else steps
            self._train(network, tokens, targets, first, random)
            line = self._line(network, tokens, targets)
            if self.unlabelled:
                more = self._more(seed)
                guessed = _along(line, _values(network, more))
                tokens, all_targets = torch.cat([tokens, more]), torch.cat([targets, guessed])
                self._train(network, tokens, all_targets, steps, random, len(y))
                line = self._line(network, tokens[: len(y)], targets)
        self.line_ = line
        self.weights_ = {k: v.numpy().copy() for k, v in network.state_dict().items()}

    def _train(
        self,
        network: EncoderDecoder,
        tokens: Tensor,
        targets: Tensor,
        steps: int,
        random: torch.Generator,
        labelled: int | None = None,
    ) -> None:
        """Train on rows of which the first ones are labelled, as many of either in a step."""
        labelled = len(tokens) if labelled is None else labelled
        batches = minibatches(labelled, self.batch_size, random)
        others = len(tokens) - labelled
        more = minibatches(others, self.batch_size, random) if others else None

        def loss() -> Tensor:
            rows = next(batches)
            if more is not None:
                rows = torch.cat([rows, labelled + next(more)])
            return self._loss_of(network, tokens[rows], targets[rows])

        weights = list(network.parameters())
        minimise(loss, weights, steps, self.learning_rate, self.weight_decay)

    def _loss_of(self, network: EncoderDecoder, tokens: Tensor, targets: Tensor) -> Tensor:
        states, encoding = network.encode(tokens)
        likely = network.decode(tokens, states, encoding).gather(2, tokens[..., None])
        error = LOSSES[self.loss](network.value(encoding), targets)
        return self.trade_off * error - (1 - self.trade_off) * likely.mean()

    def _line(
        self, network: EncoderDecoder, tokens: Tensor, targets: Tensor
    ) -> tuple[float, float]:
        """Return slope and shift from outputs to targets."""
        if self.loss not in RANKING:
            return 1.0, 0.0
        slope, shift = calibration(_values(network, tokens).double(), targets.double())
        return float(slope), float(shift)

    def _predict(self, X: Any) -> Floats:
        unique, place = self._distinct(X)
        with one_thread():
            values = _along(self.line_, _values(self._loaded(), self._tokens(unique)).double())
        found: Floats = values.numpy()
        return found[place]

    def _more(self, seed: int) -> Tensor:
        rng = np.random.default_rng(seed)
        return self._tokens(self._normal(self._where().sample(self.unlabelled, rng)))

    def _normal(self, archs: Archs) -> Archs:
        unique, place = self._distinct(archs)
        return unique[place]

    def _distinct(self, archs: Archs) -> tuple[Archs, Ints]:
        return distinct(self._where(), archs, self.canonical)

    def _tokens(self, archs: Archs) -> Tensor:
        return torch.from_numpy(archs + self._starts()[:-1])

    def _starts(self) -> Any:
        return np.cumsum([0, *self._where().radices])

    def _network(self) -> EncoderDecoder:
        return EncoderDecoder(self._starts().tolist(), self.width)

    def _loaded(self) -> EncoderDecoder:
        with torch.device("meta"):
            network = self._network()
        # In single precision a row's prediction would depend on the rows beside it.
        weights = {k: torch.from_numpy(v).double() for k, v in self.weights_.items()}
        network.load_state_dict(weights, assign=True)
        return network

    def _where(self) -> Any:
        return self.space

    def _check_parameters(self) -> None:
        check_integers(self, 0, "unlabelled")
        check_integers(self, 1, "width", "epochs", "batch_size")
        check_numbers(self, 0, 1, "trade_off", open_high=False)
        check_training(self)
        check_bools(self, "canonical")


def _values(network: EncoderDecoder, tokens: Tensor) -> Tensor:
    with torch.no_grad():
        parts = [network.value(network.encode(p)[1]) for p in torch.split(tokens, _AT_ONCE)]
    return torch.cat(parts)


def _along(line: tuple[float, float], outputs: Tensor) -> Tensor:
    return line[1] + line[0] * outputs
