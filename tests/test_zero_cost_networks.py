"""Zero-cost scores of any network: finite numbers, clear errors, nothing left behind."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from workbench.errors import ParameterError, UnknownName
from workbench.networks import build
from workbench.predictors.zero_cost._score import columns_of, parts_of
from workbench.proxies import ALL, CLASSICAL, score
from workbench.registry import names
from workbench.spaces import space
from workbench.testing.proxies import proxy_checks
from workbench.types import Arch

NB201 = space("nb201")
NONE, SKIP, CONVOLUTION, POOL = (0,) * 6, (1,) * 6, (3,) * 6, (4,) * 6
SMALL = {"channels": 8, "cells": 1, "stages": 1, "stem_stride": 2}


def _score(arch: Arch, proxies: Any = ALL, **settings: int) -> dict[str, float]:
    network = build(NB201, arch, (1, 14, 14), 10, **(SMALL | settings))
    x = torch.randn((20, 1, 14, 14), generator=torch.Generator().manual_seed(0))
    return score(network, x, torch.arange(20) % 10, proxies)


@pytest.mark.parametrize("check", proxy_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", names("proxies"))
def test_contract(name: str, check: Callable[[str], None]) -> None:
    check(name)


def test_all_is_all_there_is() -> None:
    assert len(CLASSICAL) == 13
    assert len(ALL) == 17
    assert set(names("proxies")) == set(ALL) | set(parts_of("az_nas"))


# Cells -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stages", [1, 3])
@pytest.mark.parametrize("arch", [NONE, SKIP, CONVOLUTION, POOL, (0, 0, 0, 0, 0, 3)])
def test_scores_are_finite(arch: Arch, stages: int) -> None:
    assert all(math.isfinite(value) for value in _score(arch, stages=stages).values())


def test_scores_of_a_sample_are_finite_and_differ() -> None:
    archs = NB201.sample(25, np.random.default_rng(0))
    scores = [_score(tuple(arch)) for arch in archs.tolist()]
    assert np.isfinite([list(row.values()) for row in scores]).all()
    for name in scores[0]:
        assert len({row[name] for row in scores}) > 3, name


def test_a_cell_that_carries_nothing_is_worst() -> None:
    """Everything that says how information gets through says that none does."""
    dead, live = _score(NONE), [_score(arch) for arch in (SKIP, CONVOLUTION, POOL)]
    see = ["snip", "grad_norm", "synflow", "jacov", "nwot", "zen", "epe_nas", "zico", "swap"]
    for name in [*see, "az_progressivity", "az_trainability", "az_expressivity"]:
        assert dead[name] < min(row[name] for row in live), name
    assert dead["snip"] == dead["synflow"] == dead["zico"] == 0
    assert dead["swap"] == 1


# Networks of users -------------------------------------------------------------------------------


def _images(channels: int = 3) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn((12, channels, 9, 9), generator=random), torch.arange(12) % 4


def _convolutional(inplace: bool = False) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3), nn.ReLU(inplace), nn.Flatten(), nn.Dropout(0.0), nn.Linear(32, 4),
    )  # fmt: skip


def _perceptron() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 4)
    )


@pytest.fixture(autouse=True)
def _seeded() -> Any:
    state = torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_rng_state(state)


def test_networks_without_names_are_scored() -> None:
    rows = torch.randn((12, 5), generator=torch.Generator().manual_seed(0))
    sequences = nn.Sequential(
        nn.Conv1d(2, 4, 3), nn.BatchNorm1d(4), nn.ReLU(), nn.Conv1d(4, 4, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(16, 4),
    )  # fmt: skip
    lines = torch.randn((12, 2, 8), generator=torch.Generator().manual_seed(0))
    for network, x in (
        (_convolutional(), _images()[0]),
        (_perceptron(), rows),
        (sequences, lines),
    ):
        found = score(network, x.numpy(), np.arange(12) % 4)
        assert list(found) == columns_of(ALL)
        assert all(math.isfinite(value) for value in found.values())
        assert all(type(value) is float for value in found.values())


def test_relu_in_place_gives_the_same() -> None:
    """What a convolution puts out must be there for Fisher's product when ReLU has run."""
    network, inplace = _convolutional(), _convolutional(inplace=True)
    inplace.load_state_dict(network.state_dict())
    assert score(inplace, *_images()) == score(network, *_images())


def test_frozen_and_eval_networks_give_the_same() -> None:
    network = _convolutional()
    frozen = copy.deepcopy(network).eval().requires_grad_(False)
    with torch.no_grad():
        assert score(frozen, *_images()) == score(network, *_images())


def test_the_network_is_left_as_it_was() -> None:
    network, (x, y) = _convolutional(inplace=True), _images()
    network[1].eval()
    network[0].weight.requires_grad_(False)
    network(x).sum().backward()
    network[4].register_forward_hook(lambda m, i, o: None)
    modes = [module.training for module in network.modules()]
    needs = [p.requires_grad for p in network.parameters()]
    grads = [None if p.grad is None else p.grad.clone() for p in network.parameters()]
    state = copy.deepcopy(network.state_dict())
    random, threads, given = torch.get_rng_state(), torch.get_num_threads(), x.clone()
    score(network, x, y)
    assert [module.training for module in network.modules()] == modes
    assert [p.requires_grad for p in network.parameters()] == needs
    for p, grad in zip(network.parameters(), grads, strict=True):
        assert (p.grad is None) == (grad is None)
        assert grad is None or torch.equal(p.grad, grad)  # type: ignore[arg-type]
    assert all(torch.equal(now, state[key]) for key, now in network.state_dict().items())
    assert [len(m._forward_hooks) for m in network] == [0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert network[2].inplace
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.get_num_threads() == threads
    assert torch.equal(x, given)
    assert not x.requires_grad


def test_threads_do_not_change_scores() -> None:
    network, batch = _convolutional(), _images()
    one = score(network, *batch)
    torch.set_num_threads(2)
    try:
        assert score(network, *batch) == one
    finally:
        torch.set_num_threads(1)


# Errors ------------------------------------------------------------------------------------------


class Functional(nn.Module):
    """ReLU as a function, which no hook sees."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(5, 6), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(relu(self.first(x)))
        return found


@pytest.mark.parametrize("name", ["nwot", "swap"])
def test_proxies_of_codes_need_relu_modules(name: str) -> None:
    with pytest.raises(ParameterError, match=rf"of {name} must hold .*nn\.ReLU.*torch\.relu"):
        score(Functional(), torch.ones(4, 5), torch.arange(4), [name])


@pytest.mark.parametrize("name", ["snip", "grasp", "fisher", "synflow", "zico", "l2_norm", "zen"])
def test_proxies_of_weights_need_layers(name: str) -> None:
    network = nn.Sequential(nn.BatchNorm1d(5), nn.ReLU())
    with pytest.raises(ParameterError, match=r"must hold .*nn\.Conv2d.*nn\.Linear"):
        score(network, torch.ones(4, 5), torch.arange(4), [name])


def test_az_nas_needs_a_chain() -> None:
    with pytest.raises(ParameterError, match=r"chain of two blocks.*Got 0 instead"):
        score(nn.Linear(5, 3), torch.ones(4, 5), torch.arange(4) % 3, ["az_nas"])


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (torch.ones(1, 5), torch.zeros(1), "two examples or more.*Got shape"),
        (torch.ones(5), torch.zeros(5), "two examples or more"),
        (torch.ones(4, 5), torch.zeros(3), "'y' parameter of Passes must be 4 labels"),
        (torch.ones(4, 5), torch.tensor([0, 1, 2, 4]), "classes below 4.*Got 0 to 4"),
        (torch.ones(4, 5), torch.tensor([0, 1, 2, -1]), "Got -1 to 2"),
        (torch.ones(4, 5), torch.zeros(4), "whole numbers"),
    ],
)
def test_batches_that_do_not_fit_are_refused(x: Tensor, y: Tensor, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        score(_perceptron(), x, y, ["snip"])


def test_numbers_that_are_not_finite_are_refused() -> None:
    network = _perceptron()
    with torch.no_grad():
        network[0].weight.fill_(torch.nan)  # type: ignore[operator]
    with pytest.raises(ParameterError, match=r"score of snip must be finite\. Got nan"):
        score(network, torch.ones(4, 5), torch.arange(4), ["snip"])


def test_unknown_names_get_a_hint() -> None:
    with pytest.raises(UnknownName, match="zero-cost proxy 'synflw'; did you mean 'synflow'"):
        score(_perceptron(), torch.ones(4, 5), torch.arange(4), ["synflw"])
