"""Networks of the joint spaces: sizes against scikit-learn and arithmetic, dropout that repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier

import workbench
from workbench import registry
from workbench.networks import build
from workbench.networks._dropout import Dropout
from workbench.training.batches import Split
from workbench.training.fit import fit
from workbench.training.settings import Settings
from workbench.training.trainer import Trainer
from workbench.types import Arch

SPACES = {name: workbench.space(name) for name in ("mlp", "fcnet")}


def _archs(name: str, n: int = 20) -> list[Arch]:
    rows = SPACES[name].sample(n, np.random.default_rng(0))
    return [tuple(row) for row in rows.tolist()]


def _chosen(name: str, arch: Arch) -> dict[str, Any]:
    decisions = SPACES[name].decisions
    return {d.name: d.values[i] for d, i in zip(decisions, arch, strict=True)}


def _size(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_mlps_are_as_large_as_those_of_scikit_learn() -> None:
    x, y = np.random.default_rng(0).normal(size=(40, 7)), np.arange(40) % 4
    for arch in _archs("mlp"):
        chosen = _chosen("mlp", arch)
        hidden = [chosen["width"]] * chosen["depth"]
        other = MLPClassifier(hidden, max_iter=1, solver="sgd", learning_rate_init=1e-9)
        with pytest.warns(match="converge"):
            other.fit(x, y)
        weights = sum(w.size for w in (*other.coefs_, *other.intercepts_))
        assert _size(build(SPACES["mlp"], arch, (7,), 4)) == weights


def test_fcnets_are_as_large_as_arithmetic_says() -> None:
    for arch in _archs("fcnet"):
        chosen = _chosen("fcnet", arch)
        a, b = chosen["n_units_1"], chosen["n_units_2"]
        network = build(SPACES["fcnet"], arch, (1, 8, 8), 10)
        assert _size(network) == 65 * a + (a + 1) * b + (b + 1) * 10
        assert network(torch.zeros(3, 1, 8, 8)).shape == (3, 10)


@pytest.mark.parametrize("name", SPACES)
def test_what_belongs_to_training_is_given_to_the_trainer(name: str) -> None:
    network = registry.load("networks", name)
    for arch in _archs(name):
        chosen, settings = _chosen(name, arch), Settings.of(**network.settings(arch))
        rate = chosen["learning_rate_init" if name == "mlp" else "init_lr"]
        assert (settings.batch_size, settings.learning_rate) == (chosen["batch_size"], rate)
        assert settings.optimiser == "adam"
        if name == "mlp":
            assert settings.weight_decay * chosen["batch_size"] == pytest.approx(chosen["alpha"])
        else:
            assert (settings.schedule == "cosine") == (chosen["lr_schedule"] == "cosine")


def test_a_decay_is_that_of_scikit_learn() -> None:
    """One step from a gradient of the penalty alone: ``alpha W / n``, as its source has it."""
    arch = (9, 1, 0, 0, 0)
    settings = registry.load("networks", "mlp").settings(arch)
    assert settings["weight_decay"] == pytest.approx(1.0 / 6)


def test_dropout_keeps_the_mean_and_leaves_torch_alone() -> None:
    layer = Dropout(0.3)
    layer.draw_anew(torch.Generator().manual_seed(1))
    before = torch.get_rng_state()
    first, second = (layer(torch.ones(200, 200)) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(first, second)
    assert first.mean() == pytest.approx(1.0, abs=0.01)
    assert (first == 0).float().mean() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(layer.eval()(first), first)


def _trainer() -> Trainer:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5)), rng.integers(3, size=60)
    arch = (0, 1, 1, 2, 1, 2, 0, 1, 1)
    network = build(SPACES["fcnet"], arch, (5,), 3, seed=4)
    settings = Settings.of(epochs=4, **registry.load("networks", "fcnet").settings(arch))
    return Trainer([network], Split.of(x, y), Split.of(x, y), settings, [1])


def test_a_training_with_dropout_resumes_to_the_bit(tmp_path: Path) -> None:
    whole = fit(_trainer())
    fit(_trainer(), 2, tmp_path / "half")
    rest = fit(_trainer(), None, tmp_path / "half")
    assert np.array_equal(whole.train_loss, rest.train_loss)
    assert np.array_equal(whole.score, rest.score)
