"""Networks by name: their weights, what they refuse, and several of them stacked into one.

What NAS-Bench-201's cell computes is compared with sums written out here; its sizes with the
published table in ``test_networks_counts.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.errors import ArchitectureError, ParameterError, UnknownName
from workbench.networks import build, initialise, stack
from workbench.networks.nb201 import NB201, Cell, ResidualBlock
from workbench.spaces import space
from workbench.types import Arch

WHOLE = space("nb201")
SMALL = {"channels": 4, "cells": 1, "stages": 2}


def _small(arch: Arch, seed: int = 0, **changes: Any) -> nn.Module:
    return build(WHOLE, arch, (3, 8, 8), 5, seed=seed, **{**SMALL, **changes})


def _state(network: nn.Module) -> dict[str, Tensor]:
    return dict(network.state_dict())


# -- build -----------------------------------------------------------------------------------------


def test_weights_come_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a, again, other = _small((3, 2, 1, 4, 3, 2)), _small((3, 2, 1, 4, 3, 2)), _small((3,) * 6, 1)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(value, _state(again)[name]) for name, value in _state(a).items())
    assert not torch.equal(_state(a)["stem.0.weight"], _state(other)["stem.0.weight"])


def test_weights_are_those_that_torch_draws() -> None:
    """Layer by layer, from torch's own ``reset_parameters`` with its generator set alike."""
    make: list[Callable[[], nn.Module]] = [
        lambda: nn.Linear(7, 5),
        lambda: nn.Linear(7, 5, bias=False),
        lambda: nn.Conv2d(3, 4, 3),
        lambda: nn.Conv2d(4, 6, 3, groups=2, bias=False),
    ]
    for layer in make:
        torch.manual_seed(5)
        theirs = _state(layer())
        ours = _state(initialise(layer(), 5))
        assert all(torch.equal(theirs[name], ours[name]) for name in theirs)


def test_built_networks_have_no_empty_memory_left() -> None:
    """They are made without memory first: every weight and statistic must be set after."""
    network = _small((3, 2, 1, 4, 3, 2))
    for name, value in _state(network).items():
        assert value.device.type == "cpu"
        assert value.float().abs().max() < 10, name
        if name.endswith(("running_var", "1.weight", "2.weight")) and value.dim() == 1:
            assert (value == 1).all(), name


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((8,), {}, "'shape' parameter of NB201 must be"),
        ((3, 0, 8), {}, "'shape' parameter of NB201 must be"),
        ((3, 8, 8), {"channels": 0}, "'channels' parameter of NB201 must be .* Got 0 instead"),
        ((3, 8, 8), {"cells": 1.0}, "'cells' parameter of NB201 must be .* Got 1.0 instead"),
        ((3, 8, 8), {"stages": True}, "'stages' parameter of NB201"),
        ((3, 8, 8), {"stem_stride": 3}, "'stem_stride' parameter of NB201 must be 1 or 2"),
        ((3, 8, 8), {"width": 3}, "network of nb201 has no setting .width"),
    ],
)
def test_what_cannot_be_built(shape: Any, settings: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        build(WHOLE, (0,) * 6, shape, 5, **settings)


def test_unknown_networks_and_architectures() -> None:
    with pytest.raises(ArchitectureError):
        build(WHOLE, (9,) * 6, (3, 8, 8), 5)
    graph = space("nbgraph")
    arch = tuple(graph.sample(1, np.random.default_rng(0))[0].tolist())
    with pytest.raises(UnknownName, match="network of the space 'nbgraph'"):
        build(graph, arch, (3,), 5)


# -- what a cell computes --------------------------------------------------------------------------


def _convolved(x: Tensor, edge: Any) -> Tensor:
    weight = edge[1].weight
    seen = functional.conv2d(x.relu(), weight, padding=weight.shape[-1] // 2)
    mean, spread = seen.mean((0, 2, 3), keepdim=True), seen.var((0, 2, 3), False, keepdim=True)
    return (seen - mean) / torch.sqrt(spread + edge[2].eps)


def test_a_cell_is_the_sum_of_its_paths() -> None:
    """Edges 01 02 12 03 13 23: conv 3x3, skip, conv 1x1, pool, none, skip."""
    cell = initialise(Cell((3, 1, 2, 4, 0, 1), 6), 0)
    x = torch.randn(5, 6, 7, 7, generator=torch.Generator().manual_seed(0))
    first = _convolved(x, cell.edges["01"])
    second = x + _convolved(first, cell.edges["12"])
    ones = functional.avg_pool2d(torch.ones_like(x), 3, 1, 1)
    pooled = functional.avg_pool2d(x, 3, 1, 1) / ones
    torch.testing.assert_close(cell(x), pooled + second, rtol=1e-4, atol=1e-5)


def test_a_cell_that_carries_nothing_is_zero() -> None:
    for arch in ((0,) * 6, (3, 3, 3, 0, 0, 0), (0, 0, 3, 0, 3, 3)):
        x = torch.ones(2, 4, 5, 5)
        found = initialise(Cell(arch, 4), 0)(x)
        assert found.shape == x.shape
        assert not found.any()
    logits = _small((0,) * 6)(torch.randn(4, 3, 8, 8))
    assert torch.equal(logits, logits[:1].expand_as(logits))


@pytest.mark.parametrize(("side", "halved"), [(8, 4), (7, 4), (1, 1)])
def test_a_residual_block_halves(side: int, halved: int) -> None:
    block = initialise(ResidualBlock(4, 8), 0).eval()
    assert block(torch.ones(2, 4, side, side)).shape == (2, 8, halved, halved)


def test_stages_double_the_channels() -> None:
    network = NB201((1,) * 6, (3, 32, 32), 10)
    assert network.classifier.in_features == 64
    assert len(network.body) == 17
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


# -- stack -----------------------------------------------------------------------------------------


def _beside(x: Tensor) -> Tensor:
    """Return ``(n, k * channels, ...)`` of ``(k, n, channels, ...)``."""
    return x.transpose(0, 1).flatten(1, 2)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("arch", [(3, 2, 1, 4, 3, 2), (0, 0, 0, 0, 0, 0), (1, 4, 4, 2, 1, 3)])
def test_stacked_networks_equal_separate_ones(arch: Arch, training: bool) -> None:
    networks = [_small(arch, seed).train(training) for seed in range(3)]
    x = torch.randn(3, 6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    together = stack(networks)(_beside(x)).unflatten(1, (3, -1))
    for i, network in enumerate(networks):
        torch.testing.assert_close(together[:, i], network(x[i]), rtol=1e-4, atol=1e-5)


def test_gradients_and_statistics_stay_apart() -> None:
    networks = [_small((3, 2, 1, 4, 3, 2), seed) for seed in range(2)]
    stacked = stack(networks)
    x = torch.randn(2, 6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    stacked(_beside(x)).square().sum().backward()
    for i, network in enumerate(networks):
        network(x[i]).square().sum().backward()
        joined = dict(stacked.named_parameters())
        for name, weight in network.named_parameters():
            assert weight.grad is not None
            mine = joined[name].grad.view(2, *weight.shape)[i]  # type: ignore[union-attr]
            torch.testing.assert_close(mine, weight.grad, rtol=1e-3, atol=1e-4)
        for name, value in network.named_buffers():
            there = stacked.get_buffer(name)
            if value.dim():
                there = there.view(2, *value.shape)[i]
            torch.testing.assert_close(there, value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["mlp", "fcnet"])
def test_rows_stack_too(name: str) -> None:
    whole = space(name)
    archs = whole.sample(8, np.random.default_rng(0)).tolist()
    for arch in archs:
        networks = [build(whole, tuple(arch), (5,), 3, seed=seed).eval() for seed in range(3)]
        x = torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(0))
        together = stack(networks).eval()(_beside(x)).unflatten(1, (3, -1))
        for i, network in enumerate(networks):
            torch.testing.assert_close(together[:, i], network(x[i]), rtol=1e-4, atol=1e-5)


def test_images_that_are_flattened_stack_too() -> None:
    networks = [build(space("mlp"), (0, 0, 1, 0, 0), (2, 4, 4), 3, seed=s) for s in range(2)]
    x = torch.randn(2, 6, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    together = stack(networks)(_beside(x)).unflatten(1, (2, -1))
    torch.testing.assert_close(together[:, 1], networks[1](x[1]), rtol=1e-4, atol=1e-5)


def test_stacking_copies() -> None:
    networks = [_small((3,) * 6, seed) for seed in range(2)]
    before = [{k: v.clone() for k, v in _state(n).items()} for n in networks]
    for stacked in (stack(networks), stack(networks[:1])):
        with torch.no_grad():
            for weight in stacked.parameters():
                weight.zero_()
    for network, state in zip(networks, before, strict=True):
        assert all(torch.equal(v, state[k]) for k, v in _state(network).items())


def test_what_cannot_be_stacked_is_named() -> None:
    parts = [nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3)) for _ in range(2)]
    with pytest.raises(ParameterError, match=r"LayerNorm \('1'\) cannot be stacked"):
        stack(parts)
