"""Each proxy against a slow version written from its formula; the sources are in its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pixel_unshuffle

from workbench.errors import ParameterError
from workbench.networks import build
from workbench.predictors.zero_cost._base import Aggregate
from workbench.predictors.zero_cost._blocks import ends_of, features_of
from workbench.predictors.zero_cost._layers import kaiming, redrawn
from workbench.predictors.zero_cost._passes import Passes
from workbench.predictors.zero_cost._score import ALL, columns_of, proxy_of
from workbench.proxies import log_ranks, rank_sum, score, vote
from workbench.spaces import space

NB201 = space("nb201")
CELL = (3, 2, 3, 1, 3, 4)
Array = NDArray[np.float64]


def _network(arch: tuple[int, ...] = CELL, **settings: int) -> nn.Module:
    sizes = {"channels": 4, "cells": 1, "stages": 2} | settings
    return build(NB201, arch, (2, 8, 8), 3, **sizes).double()


def _batch(n: int = 8) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    x = torch.randn((n, 2, 8, 8), generator=random, dtype=torch.float64)
    return x, torch.arange(n) % 3


def _perceptron() -> nn.Module:
    torch.manual_seed(3)
    layers = [nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3)]
    return nn.Sequential(*layers).double()


def _rows(n: int = 8) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(2)
    return torch.randn((n, 5), generator=random, dtype=torch.float64), torch.arange(n) % 3


Case = tuple[nn.Module, Tensor, Tensor]
CASES: dict[str, Callable[[], Case]] = {
    "cell": lambda: (_network(), *_batch()),
    "perceptron": lambda: (_perceptron(), *_rows()),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """Double precision, so that what is compared differs by rounding alone."""
    state = torch.get_rng_state()
    yield CASES[request.param]()
    torch.set_rng_state(state)


def _one(name: str, case: Case) -> float:
    return score(*case, [name])[name]


def _weighted(network: nn.Module) -> list[Any]:
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def _gradients(case: Case) -> list[tuple[Array, Array]]:
    """Return (gradient, weight) of each layer, by torch's own backward."""
    network, x, y = case
    network.zero_grad()
    cross_entropy(network.train()(x), y).backward()  # type: ignore[no-untyped-call]
    return [(m.weight.grad.numpy(), m.weight.detach().numpy()) for m in _weighted(network)]


# Weights and gradients ---------------------------------------------------------------------------


def test_gradient_sums_are_those_of_backward(case: Case) -> None:
    found = score(*case, ["snip", "plain", "grad_norm", "l2_norm"])
    pairs = _gradients(case)
    assert found["snip"] == pytest.approx(sum(np.abs(g * w).sum() for g, w in pairs))
    assert found["plain"] == pytest.approx(sum((g * w).sum() for g, w in pairs))
    assert found["grad_norm"] == pytest.approx(sum(np.linalg.norm(g) for g, _ in pairs))
    assert found["l2_norm"] == pytest.approx(sum(np.linalg.norm(w) for _, w in pairs))


def test_fisher_is_the_sum_over_channels(case: Case) -> None:
    """Channel by channel and example by example, from activations that keep their gradients."""
    found = _one("fisher", case)
    network, x, y = case
    kept: list[Any] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        output.retain_grad()
        kept.append(output)

    for module in _weighted(network):
        module.register_forward_hook(keep)
    cross_entropy(network.train()(x), y).backward()  # type: ignore[no-untyped-call]
    total = 0.0
    for output in kept:
        product = (output * output.grad).detach().numpy()
        for channel in range(product.shape[1]):
            sums = [example[channel].sum() for example in product]
            total += float(np.mean(np.square(sums))) / 2
    assert found == pytest.approx(total)


def test_grasp_is_that_of_finite_differences(case: Case) -> None:
    """``H g`` as the change of the gradient along itself, central differences."""
    network = case[0]
    layers = _weighted(network)
    start = [(g.copy(), w.copy()) for g, w in _gradients(case)]
    step = 1e-6

    def moved(sign: int) -> list[Array]:
        with torch.no_grad():
            for layer, (g, w) in zip(layers, start, strict=True):
                layer.weight.copy_(torch.from_numpy(w + sign * step * g))
        return [g.copy() for g, _ in _gradients(case)]

    ahead, behind = moved(1), moved(-1)
    moved(0)
    product = [(a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    expected = -sum((w * h).sum() for (_, w), h in zip(start, product, strict=True))
    assert _one("grasp", case) == pytest.approx(expected, rel=1e-5)


def test_zico_is_that_of_loops(case: Case) -> None:
    """Weight by weight, as the paper's formula: over batches, here the two halves."""
    network, x, y = case
    halves = [_gradients((network, x[part], y[part])) for part in (slice(4), slice(4, 8))]
    copies = [[g.copy().ravel() for g, _ in half] for half in halves]
    total = 0.0
    for layer in range(len(copies[0])):
        ratios = 0.0
        for a, b in zip(copies[0][layer], copies[1][layer], strict=True):
            mean, deviation = (abs(a) + abs(b)) / 2, abs(a - b) / 2
            ratios += mean / deviation if deviation > 0 else 0.0
        total += np.log(ratios) if ratios > 0 else 0.0
    assert _one("zico", case) == pytest.approx(total, rel=1e-6)


def test_synflow_of_a_chain_is_its_flow_once_a_layer() -> None:
    """The flow grows with each layer's weights, so that ``sum of w dR/dw`` of a layer is ``R``."""
    torch.manual_seed(0)
    sizes = [5, 7, 6, 3]
    layers = [nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)]
    network = nn.Sequential(layers[0], nn.BatchNorm1d(7), nn.ReLU(), layers[1], layers[2])
    flow = np.ones(5)
    for layer in layers:
        flow = np.abs(layer.weight.detach().double().numpy()) @ flow
    x, y = _rows()
    assert score(network, x, y, ["synflow"])["synflow"] == pytest.approx(3 * flow.sum())


def test_synflow_sees_no_data() -> None:
    network, (x, y) = _network(), _batch()
    assert _one("synflow", (network, x, y)) == _one("synflow", (network, 100 * x + 3, y.flip(0)))


# Size --------------------------------------------------------------------------------------------


def test_flops_are_half_of_those_torch_counts(case: Case) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    network, x, _ = case
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(x[:1])
    assert _one("flops", case) == counter.get_total_flops() / 2


def test_params_of_a_perceptron() -> None:
    expected = (5 + 1) * 7 + (7 + 1) * 6 + (6 + 1) * 3
    assert _one("params", CASES["perceptron"]()) == expected


def test_size_of_the_published_network_of_convolutions() -> None:
    """NAS-Bench-201 stores 1.531546 M weights and 220.11969 M multiply-adds of six 3x3."""
    network = build(NB201, (3,) * 6, (3, 32, 32), 10)
    found = score(network, torch.zeros(2, 3, 32, 32), torch.tensor([0, 1]), ["params", "flops"])
    assert found["params"] / 1e6 == pytest.approx(1.531546, abs=1e-6)
    assert found["flops"] / 1e6 == pytest.approx(220.11969, abs=1e-4)


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
    assert _one("jacov", case) == pytest.approx(expected, rel=1e-6)


def test_epe_nas_is_that_of_explicit_jacobians(case: Case) -> None:
    rows, labels = _jacobian(case), case[2].numpy()
    total = 0.0
    for label in set(labels.tolist()):
        r = np.corrcoef(rows[labels == label])
        total += abs(sum(np.log(abs(r[i, j]) + 1e-5) for i, j in np.ndindex(*r.shape)))
    assert _one("epe_nas", case) == pytest.approx(total)


def test_epe_nas_of_many_classes_compares_them() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 101)).double()
    x, _ = _rows(9)
    y = torch.tensor([0, 0, 0, 7, 7, 7, 7, 100, 100])
    rows = _jacobian((network, x, y))
    inner = []
    for label in (0, 7, 100):
        r = np.corrcoef(rows[y.numpy() == label])
        inner.append(np.log(np.abs(r) + 1e-5).sum() / len(r))
    expected = 2 * sum(abs(a - b) for a, b in combinations(inner, 2)) / 3
    assert _one("epe_nas", (network, x, y)) == pytest.approx(expected)


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
    assert _one("nwot", case) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [8, 70])
def test_swap_counts_distinct_patterns(n: int) -> None:
    """More examples than a word has bits too."""
    for case in ((_network(), *_batch(n)), (_perceptron(), *_rows(n))):
        assert _one("swap", case) == len({tuple(column) for column in _codes(case).T.tolist()})


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
    assert _one("meco", case) == pytest.approx(total, abs=1e-6)


def test_zen_is_that_of_the_formula() -> None:
    """Two passes by hand; variances from what each batch norm takes in."""
    network, x, y = _network(), *_batch()
    passes = Passes(network, x, y)
    random, twin = passes.generator("zen"), _network()
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
    assert _one("zen", (network, x, y)) == pytest.approx(expected, rel=1e-9)


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
    passes = Passes(_network(), *_batch())
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
    found = score(_network(), *_batch(), ["az_trainability"])
    assert found["az_trainability"] == pytest.approx(np.mean(terms))


# Promises ----------------------------------------------------------------------------------------


def test_order_of_the_batch_does_not_matter(case: Case) -> None:
    """Zico compares the first half with the second; noise is drawn and not taken from the batch."""
    network, x, y = case
    names = [name for name in columns_of(ALL) if name != "zico"]
    order = torch.tensor([5, 2, 7, 0, 1, 6, 3, 4])
    before, after = score(network, x, y, names), score(network, x[order], y[order], names)
    assert after == pytest.approx(before, rel=1e-6, abs=1e-12)


def test_seed_is_that_of_what_is_drawn() -> None:
    case = _network(), *_batch()
    one, again, other = (score(*case, ALL, seed=seed) for seed in (1, 1, 2))
    assert one == again
    differ = {name for name in one if one[name] != other[name]}
    assert differ == {"zen", "meco", "az_expressivity", "az_progressivity", "az_trainability"}


def test_scores_do_not_depend_on_what_else_is_asked() -> None:
    case = _network(), *_batch()
    together = score(*case, ALL)
    for name in columns_of(reversed(ALL)):
        assert score(*case, [name]) == {name: together[name]}


def test_a_loss_of_ones_own_is_taken() -> None:
    network, x, _ = _network(), *_batch()
    y = torch.linspace(0, 1, 8, dtype=torch.float64)

    def squares(outputs: Tensor, y: Tensor) -> Tensor:
        return (outputs[:, 0] - y).square().mean()

    squares(network(x), y).backward()  # type: ignore[no-untyped-call]
    expected = sum((m.weight.grad * m.weight).abs().sum().item() for m in _weighted(network))
    assert score(network, x, y, ["snip"], loss=squares)["snip"] == pytest.approx(expected)


# Aggregates --------------------------------------------------------------------------------------

SCORES = np.array([[1.0, 5, 2], [2, 4, 2], [3, 3, 2], [0, 0, 9]])


def test_rank_sum_adds_ranks_in_their_direction() -> None:
    expected = rankdata(SCORES[:, 0]) + rankdata(-SCORES[:, 1]) + rankdata(SCORES[:, 2])
    assert rank_sum(SCORES, [True, False, True]).tolist() == expected.tolist()


def test_vote_counts_who_is_preferred_by_most() -> None:
    up = np.random.default_rng(0).integers(0, 4, (12, 3)).astype(float)
    wins = []
    for a in up:
        margins = [sum(np.sign(a - b)) for b in up]
        wins.append(sum(m > 0 for m in margins) + (sum(m == 0 for m in margins) - 1) / 2)
    assert vote(up).tolist() == wins
    assert (vote(-up, [False] * 3) == wins).all()


def test_az_nas_multiplies_ranks() -> None:
    """Lee and Ham 2024: a rank of 1 in 4 costs log 4 once, whatever the others are."""
    cls = proxy_of("az_nas")
    assert issubclass(cls, Aggregate)
    assert cls.parts[-1] == "flops"
    scores = np.array([[4.0, 4, 4, 4], [3, 3, 3, 3], [2, 2, 2, 2], [1, 1, 1, 1]])
    expected = [0, 4 * np.log(3 / 4), 4 * np.log(2 / 4), 4 * np.log(1 / 4)]
    assert cls().combine(scores) == pytest.approx(expected)
    assert log_ranks(np.array([[1.0, 2], [2, 1]])) == pytest.approx([np.log(0.5)] * 2)


@pytest.mark.parametrize("bad", [np.zeros(3), np.array([[np.nan, 1.0]])])
def test_ranks_of_what_is_no_matrix_are_refused(bad: Array) -> None:
    with pytest.raises(ParameterError, match="'scores' parameter"):
        rank_sum(bad)
    with pytest.raises(ParameterError, match="3 directions"):
        vote(SCORES, [True])
