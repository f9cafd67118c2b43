"""Proxies of Jacobians, codes and features against slow versions written from their formulas.

The sources are in the files of the proxies.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_unshuffle

from tests.proxy_cases import (
    CELL,
    NB201,
    Array,
    Case,
    cell_network,
    images,
    one_score,
    perceptron,
    vectors,
)
from workbench.networks import build
from workbench.predictors.zero_cost._blocks import ends_of, features_of
from workbench.predictors.zero_cost._layers import kaiming, redrawn
from workbench.predictors.zero_cost._passes import Passes
from workbench.proxies import score

# Jacobians and codes -----------------------------------------------------------------------------


def _jacobian(case: Case) -> Array:
    """Return the explicit Jacobian, summed over examples and outputs, one row an input."""
    network, x, _ = case
    network.train()
    whole = torch.autograd.functional.jacobian(network, x)  # type: ignore[no-untyped-call]
    rows: Array = whole.sum(dim=(0, 1)).flatten(1).numpy()
    return rows


def test_jacov_is_that_of_explicit_jacobians(case: Case) -> None:
    values = np.linalg.eigvals(np.corrcoef(_jacobian(case))).real
    expected = -np.sum(np.log(values + 1e-5) + 1 / (values + 1e-5))
    assert one_score("jacov", case) == pytest.approx(expected, rel=1e-6)


def test_epe_nas_is_that_of_explicit_jacobians(case: Case) -> None:
    rows, labels = _jacobian(case), case[2].numpy()
    total = 0.0
    for label in set(labels.tolist()):
        r = np.corrcoef(rows[labels == label])
        total += abs(sum(np.log(abs(r[i, j]) + 1e-5) for i, j in np.ndindex(*r.shape)))
    assert one_score("epe_nas", case) == pytest.approx(total)


def test_epe_nas_of_many_classes_compares_them() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 101)).double()
    x, _ = vectors(9)
    y = torch.tensor([0, 0, 0, 7, 7, 7, 7, 100, 100])
    rows = _jacobian((network, x, y))
    inner = []
    for label in (0, 7, 100):
        r = np.corrcoef(rows[y.numpy() == label])
        inner.append(np.log(np.abs(r) + 1e-5).sum() / len(r))
    expected = 2 * sum(abs(a - b) for a, b in combinations(inner, 2)) / 3
    assert one_score("epe_nas", (network, x, y)) == pytest.approx(expected)


def _codes(case: Case) -> Array:
    """Return whether each ReLU's output is positive, ``(n, units)``."""
    network, x, _ = case
    found: list[Tensor] = []
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda m, i, output: found.append(output.flatten(1) > 0))
    with torch.no_grad():
        network.train()(x)
    for module in network.modules():
        module._forward_hooks.clear()
    return torch.cat(found, dim=1).numpy().astype(np.float64)


def test_nwot_is_that_of_counted_agreements(case: Case) -> None:
    codes = _codes(case)
    kernel = [[float(sum(a == b)) for b in codes] for a in codes]
    sign, expected = np.linalg.slogdet(np.array(kernel))
    assert sign == 1
    assert one_score("nwot", case) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [8, 70])
def test_swap_counts_distinct_patterns(n: int) -> None:
    """More examples than a word has bits too."""
    for case in ((cell_network(), *images(n)), (perceptron(), *vectors(n))):
        assert one_score("swap", case) == len({tuple(column) for column in _codes(case).T.tolist()})


def test_swap_tells_patterns_that_differ_in_one_word() -> None:
    """Units that are on for one example each: as many patterns as units."""
    network = nn.Sequential(nn.Linear(130, 130, bias=False), nn.ReLU(), nn.Linear(130, 2))
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(130))  # type: ignore[operator]
    x = torch.eye(130)
    assert score(network, x, torch.arange(130) % 2, ["swap"])["swap"] == 130


# Features ----------------------------------------------------------------------------------------


def test_meco_is_that_of_naive_eigenvalues(case: Case) -> None:
    """Layer by layer; noise that is the proxy's own. Constant channels correlate with none."""
    network, passes = case[0], Passes(*case)
    noise = passes.noise(8, passes.generator("meco"))
    found: list[Array] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        found.append(output.detach().transpose(0, 1).flatten(1).numpy())

    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(keep)
    network.train()(noise)
    total = 0.0
    for rows in found:
        with np.errstate(invalid="ignore", divide="ignore"):
            r = np.nan_to_num(np.corrcoef(rows))
        total += np.linalg.eigvals(r).real.min()
    for module in network.modules():
        module._forward_hooks.clear()
    assert one_score("meco", case) == pytest.approx(total, abs=1e-6)


def test_zen_is_that_of_the_formula() -> None:
    """Two passes by hand; variances from what each batch norm takes in."""
    network, x, y = cell_network(), *images()
    passes = Passes(network, x, y)
    random, twin = passes.generator("zen"), cell_network()
    twin.load_state_dict(redrawn(twin, lambda weight: 1.0, random), strict=False)
    first, step = passes.noise(8, random), passes.noise(8, random)
    variances: list[float] = []
    features: list[Array] = []
    for module in twin.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(
                lambda m, i, o: variances.append(i[0].var(dim=(0, 2, 3)).mean().item() + 1e-5)
            )
    twin.get_submodule("last").register_forward_hook(lambda m, i, o: features.append(o.numpy()))
    with torch.no_grad():
        twin.train()(first)
        half = len(variances)
        twin(first + 0.01 * step)
    distance = np.abs(features[0] - features[1]).sum(axis=(1, 2, 3)).mean()
    expected = np.log(distance) + np.log(np.sqrt(variances[:half])).sum()
    assert one_score("zen", (network, x, y)) == pytest.approx(expected, rel=1e-9)


def test_redrawn_weights_have_their_spread() -> None:
    network = build(NB201, (3,) * 6, (3, 8, 8), 10, channels=32, cells=1, stages=1)
    weights = redrawn(network, kaiming, torch.Generator().manual_seed(0))
    assert set(weights) == {name for name, _ in network.named_parameters()}
    spread = weights["body.0.edges.01.1.weight"].detach().std().item()
    assert spread == pytest.approx((2 / (32 * 9)) ** 0.5, rel=0.03)


def test_blocks_are_the_stem_the_cells_and_the_reductions() -> None:
    network = build(NB201, CELL, (3, 8, 8), 10, channels=4)
    kinds = [type(module).__name__ for module in ends_of(network)]
    assert kinds == ["BatchNorm2d", *["Cell"] * 5, *(["ResidualBlock", *["Cell"] * 5] * 2)]
    first = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2))
    chain = nn.Sequential(
        first, nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(8, 3)
    )  # fmt: skip
    assert ends_of(chain) == [first[2], chain[1]]


def test_az_entropies_are_those_of_principal_components(case: Case) -> None:
    passes = Passes(*case)
    entropies = []
    for features in features_of(passes).blocks:
        rows = features.detach().permute(0, 2, 3, 1).flatten(0, 2).numpy()
        values = np.linalg.eigvalsh(np.cov(rows.T, bias=True)).clip(0)
        p = values / values.sum()
        entropies.append(-(p * np.log(p + 1e-8)).sum())
    found = score(*case, ["az_expressivity", "az_progressivity"])
    assert found["az_expressivity"] == pytest.approx(sum(entropies))
    assert found["az_progressivity"] == pytest.approx(min(np.diff(entropies)))


def test_az_trainability_is_that_of_outer_products() -> None:
    """Position by position, and torch's own ``pixel_unshuffle`` where the image is halved."""
    passes = Passes(cell_network(), *images())
    blocks, random = features_of(passes)
    terms = []
    for before, after in pairwise(blocks):
        signs = torch.randint(0, 2, after.shape, generator=random).double() * 2 - 1
        (back,) = torch.autograd.grad(after, before, signs, retain_graph=True)
        back = pixel_unshuffle(back, before.shape[2] // after.shape[2])
        matrix = np.zeros((back.shape[1], signs.shape[1]))
        for n, h, w in np.ndindex(len(signs), *signs.shape[2:]):
            matrix += np.outer(back[n, :, h, w], signs[n, :, h, w])
        size = np.linalg.svd(matrix / (signs.numel() / signs.shape[1]), compute_uv=False).max()
        terms.append(-size - 1 / (size + 1e-6) + 2)
    found = score(cell_network(), *images(), ["az_trainability"])
    assert found["az_trainability"] == pytest.approx(np.mean(terms))
