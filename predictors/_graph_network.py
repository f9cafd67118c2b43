"""What predictors that are networks on graphs share: batches, training, order, pickling."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workbench.encodings._graph_batch import GraphBatch, graph_batch
from workbench.encodings._parameters import check_bools, check_integers
from workbench.optimise import initialised, minibatches, minimise, one_thread, steps_of
from workbench.predictors._base import OnArchitectures
from workbench.predictors._losses import LOSSES, RANKING, Loss, calibration, check_training
from workbench.types import Floats

_AT_ONCE = 2048


class GraphNetwork(OnArchitectures):
    """A network that takes a batch of graphs to one number each.

    A predictor overrides ``_inputs``, the tensors of a batch with the graphs on their first axis,
    and ``_network``, the module that takes them to outputs ``(n,)``.
    """

    canonical: bool
    depth: int
    width: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    loss: Loss

    def _fit(self, X: Any, y: Floats) -> None:
        self._check_parameters()
        batch, place = graph_batch(self._where(), X, self.canonical)
        random = torch.Generator().manual_seed(self._seed())
        with one_thread():
            network = initialised(self._network, random)
            tensors, where = self._inputs(batch), torch.from_numpy(place)
            targets = torch.from_numpy(y).float()
            self._train(network, tensors, where, targets, random)
            with torch.no_grad():
                self.weights_ = {k: v.numpy().copy() for k, v in network.state_dict().items()}
                outputs = network(*tensors)[where]
        self.line_ = (1.0, 0.0)
        if self._ranks():
            slope, shift = calibration(outputs.double(), torch.from_numpy(y))
            self.line_ = (float(slope), float(shift))

    def _train(
        self,
        network: nn.Module,
        tensors: tuple[Tensor, ...],
        where: Tensor,
        targets: Tensor,
        random: torch.Generator,
    ) -> None:
        batches = minibatches(len(targets), self.batch_size, random)

        def loss() -> Tensor:
            rows = next(batches)
            return self._loss_of(network, [t[where[rows]] for t in tensors], targets[rows])

        steps = steps_of(self.epochs, len(targets), self.batch_size)
        weights = list(network.parameters())
        minimise(loss, weights, steps, self.learning_rate, self.weight_decay)

    def _loss_of(self, network: Any, inputs: list[Tensor], targets: Tensor) -> Tensor:
        return LOSSES[self.loss](network(*inputs), targets)

    def _ranks(self) -> bool:
        """Return whether outputs have no unit."""
        return self.loss in RANKING

    def _predict(self, X: Any) -> Floats:
        batch, place = graph_batch(self._where(), X, self.canonical)
        with torch.device("meta"):
            network = self._network()
        # In single precision a row's prediction would depend on the rows beside it.
        weights = {k: torch.from_numpy(v).double() for k, v in self.weights_.items()}
        network.load_state_dict(weights, assign=True)
        with one_thread(), torch.no_grad():
            inputs = (t.double() if t.is_floating_point() else t for t in self._inputs(batch))
            parts = [torch.split(t, _AT_ONCE) for t in inputs]
            outputs = torch.cat([network(*part) for part in zip(*parts, strict=True)])
        slope, shift = self.line_
        return np.asarray(shift + slope * outputs.double().numpy())[place]

    def _where(self) -> Any:
        return self.space

    def _operations(self) -> int:
        """Return the number of operations of the space, input and output among them."""
        row = self._where().sample(1, np.random.default_rng(0))
        return len(self._where().graphs(row).names)

    def _check_parameters(self) -> None:
        check_integers(self, 1, "depth", "width", "epochs", "batch_size")
        check_training(self)
        check_bools(self, "canonical")

    @abstractmethod
    def _inputs(self, batch: GraphBatch) -> tuple[Tensor, ...]: ...

    @abstractmethod
    def _network(self) -> nn.Module: ...
