"""Proxies of weights and gradients against slow versions written from their formulas; what all
keep, and aggregates. The sources are in the files of the proxies.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tests.proxy_cases import CASES, NB201, Array, Case, cell_network, images, one_score, vectors
from workbench.errors import ParameterError
from workbench.networks import build
from workbench.predictors.zero_cost._base import Aggregate
from workbench.predictors.zero_cost._score import ALL, columns_of, proxy_of
from workbench.proxies import log_ranks, rank_sum, score, vote


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
    found = one_score("fisher", case)
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
    assert one_score("grasp", case) == pytest.approx(expected, rel=1e-5)


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
    assert one_score("zico", case) == pytest.approx(total, rel=1e-6)


def test_synflow_of_a_chain_is_its_flow_once_a_layer() -> None:
    """The flow grows with each layer's weights, so that ``sum of w dR/dw`` of a layer is ``R``."""
    torch.manual_seed(0)
    sizes = [5, 7, 6, 3]
    layers = [nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)]
    network = nn.Sequential(layers[0], nn.BatchNorm1d(7), nn.ReLU(), layers[1], layers[2])
    flow = np.ones(5)
    for layer in layers:
        flow = np.abs(layer.weight.detach().double().numpy()) @ flow
    x, y = vectors()
    assert score(network, x, y, ["synflow"])["synflow"] == pytest.approx(3 * flow.sum())


def test_synflow_sees_no_data() -> None:
    network, (x, y) = cell_network(), images()
    assert one_score("synflow", (network, x, y)) == one_score(
        "synflow", (network, 100 * x + 3, y.flip(0))
    )


# Size --------------------------------------------------------------------------------------------


def test_flops_are_half_of_those_torch_counts(case: Case) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    network, x, _ = case
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(x[:1])
    assert one_score("flops", case) == counter.get_total_flops() / 2


def test_params_of_a_perceptron() -> None:
    expected = (5 + 1) * 7 + (7 + 1) * 6 + (6 + 1) * 3
    assert one_score("params", CASES["perceptron"]()) == expected


def test_size_of_the_published_network_of_convolutions() -> None:
    """NAS-Bench-201 stores 1.531546 M weights and 220.11969 M multiply-adds of six 3x3."""
    network = build(NB201, (3,) * 6, (3, 32, 32), 10)
    found = score(network, torch.zeros(2, 3, 32, 32), torch.tensor([0, 1]), ["params", "flops"])
    assert found["params"] / 1e6 == pytest.approx(1.531546, abs=1e-6)
    assert found["flops"] / 1e6 == pytest.approx(220.11969, abs=1e-4)


# Promises ----------------------------------------------------------------------------------------


def test_order_of_the_batch_does_not_matter(case: Case) -> None:
    """Zico compares the first half with the second; noise is drawn and not taken from the batch."""
    network, x, y = case
    names = [name for name in columns_of(ALL) if name != "zico"]
    order = torch.tensor([5, 2, 7, 0, 1, 6, 3, 4])
    before, after = score(network, x, y, names), score(network, x[order], y[order], names)
    assert after == pytest.approx(before, rel=1e-6, abs=1e-12)


def test_seed_is_that_of_what_is_drawn() -> None:
    case = cell_network(), *images()
    one, again, other = (score(*case, ALL, seed=seed) for seed in (1, 1, 2))
    assert one == again
    differ = {name for name in one if one[name] != other[name]}
    assert differ == {"zen", "meco", "az_expressivity", "az_progressivity", "az_trainability"}


def test_scores_do_not_depend_on_what_else_is_asked() -> None:
    case = cell_network(), *images()
    together = score(*case, ALL)
    for name in columns_of(reversed(ALL)):
        assert score(*case, [name]) == {name: together[name]}


def test_a_loss_of_ones_own_is_taken() -> None:
    network, x, _ = cell_network(), *images()
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
