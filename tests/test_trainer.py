"""The trainer, against torch's own optimisers, schedules and clipping in loops written here."""

from __future__ import annotations

import logging
import re
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from workbench.errors import ParameterError, StoreError, TrainingFailed
from workbench.networks import build, initialise
from workbench.spaces import space
from workbench.training import trainer as trainer_module
from workbench.training.augment import augment
from workbench.training.batches import Split
from workbench.training.fit import fit
from workbench.training.settings import Settings
from workbench.training.trainer import Trainer

CELL = (3, 1, 2, 4, 3, 2)


def _data(n: int = 96, seed: int = 0) -> tuple[Split, Split]:
    """Images whose class is the brightest quarter."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1, 8, 8))
    y = rng.integers(0, 4, n)
    for i, label in enumerate(y):
        x[i, 0, 4 * (label // 2) :, 4 * (label % 2) :][:4, :4] += 1.5
    half = n // 2
    return Split.of(x[:half], y[:half]), Split.of(x[half:], y[half:])


def _cell(seed: int) -> nn.Module:
    return build(space("nb201"), CELL, (1, 8, 8), 4, seed=seed, channels=4, cells=1, stages=2)


def _mlp(seed: int, inputs: int = 5) -> nn.Module:
    layers = nn.Sequential(nn.Flatten(), nn.Linear(inputs, 6), nn.ReLU(), nn.Linear(6, 3))
    return initialise(layers, seed)


def _rows(n: int = 40) -> Split:
    rng = np.random.default_rng(1)
    return Split.of(rng.normal(size=(n, 5)), rng.integers(0, 3, n))


def _trainer(settings: Settings, seeds: tuple[int, ...] = (7,), make: Any = _cell) -> Trainer:
    train, valid = _data()
    return Trainer([make(seed) for seed in seeds], train, valid, settings, seeds)


def _weights(network: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


# -- steps against torch ---------------------------------------------------------------------------


def _by_hand(network: nn.Module, split: Split, settings: Settings, seed: int) -> list[float]:
    """Train as a plain loop of torch does; only the order of examples is the trainer's."""
    rate, decay = settings.learning_rate, settings.weight_decay
    kinds: dict[str, Any] = {
        "sgd": lambda w: torch.optim.SGD(
            w, rate, settings.momentum, weight_decay=decay, nesterov=settings.nesterov
        ),
        "adam": lambda w: torch.optim.Adam(w, rate, weight_decay=decay),
        "adamw": lambda w: torch.optim.AdamW(w, rate, weight_decay=decay),
    }
    optimiser = kinds[settings.optimiser](network.parameters())
    steps = -(-len(split) // settings.batch_size)
    losses, step = [], 0
    for epoch in range(settings.epochs):
        random = torch.Generator().manual_seed(trainer_module._seed("epoch", seed, epoch))
        order = torch.randperm(len(split), generator=random)
        each = []
        for rows in order.tensor_split(steps):
            for group in optimiser.param_groups:
                share = (1 + cos(pi * step / (steps * settings.epochs))) / 2
                group["lr"] = rate * (share if settings.schedule == "cosine" else 1)
            optimiser.zero_grad()
            loss = cross_entropy(
                network(split.x[rows]), split.y[rows], label_smoothing=settings.label_smoothing
            )
            loss.backward()  # type: ignore[no-untyped-call]
            if settings.clip is not None:
                torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
            optimiser.step()
            each.append(loss.item())
            step += 1
        losses.append(float(np.mean(each)))
    return losses


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"nesterov": False, "weight_decay": 0.1},
        {"momentum": 0.0},
        {"schedule": "constant"},
        {"label_smoothing": 0.2},
        {"clip": 0.1},
        {"optimiser": "adam", "learning_rate": 0.01, "weight_decay": 0.01},
        {"optimiser": "adamw", "learning_rate": 0.01, "weight_decay": 0.1, "clip": 0.5},
    ],
)
def test_steps_are_those_of_a_plain_loop(changes: dict[str, Any]) -> None:
    if changes.get("momentum") == 0.0:
        plain = Settings.of(epochs=3, batch_size=16, momentum=0.0, nesterov=False)
    else:
        plain = Settings.of(epochs=3, batch_size=16, **changes)
    split, network = _rows(), _mlp(3)
    trainer = Trainer([network], split, split, Settings.of(epochs=3, batch_size=16, **changes), [9])
    curves = fit(trainer)
    losses = _by_hand(network, split, plain, 9)
    np.testing.assert_allclose(curves.train_loss[0], losses, rtol=2e-5)
    torch.testing.assert_close(_weights(trainer.network), _weights(network), rtol=1e-4, atol=1e-6)


def test_scores_are_accuracies() -> None:
    trainer = _trainer(Settings.of(epochs=1))
    trainer.epoch()
    valid = _data()[1]
    trainer.network.eval()
    with torch.no_grad():
        right = (trainer.network(valid.x).argmax(1) == valid.y).float().mean()
    assert trainer.score(valid)[0] == pytest.approx(100 * float(right))


def test_it_learns() -> None:
    curves = fit(_trainer(Settings.of(epochs=8, batch_size=12)))
    assert curves.train_loss[0, -1] < curves.train_loss[0, 0] / 2
    assert curves.score[0, -1] > 60
    assert (curves.seconds > 0).all()


def test_training_leaves_torch_and_the_given_network_alone() -> None:
    network = _mlp(0)
    before, state = _weights(network).clone(), torch.get_rng_state()
    fit(Trainer([network], _rows(), _rows(), Settings.of(epochs=1), [0]))
    assert torch.equal(before, _weights(network))
    assert torch.equal(state, torch.get_rng_state())


# -- several seeds side by side --------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"clip": 0.3, "crop": 1, "flip": True, "cutout": 2}])
def test_stacked_seeds_equal_separate_trainings(changes: dict[str, Any]) -> None:
    """Within rounding, which grows with every step: two epochs."""
    settings = Settings.of(epochs=2, batch_size=16, learning_rate=0.02, **changes)
    together = fit(_trainer(settings, (1, 2, 3)))
    for i, seed in enumerate((1, 2, 3)):
        alone = fit(_trainer(settings, (seed,)))
        np.testing.assert_allclose(together.train_loss[i], alone.train_loss[0], rtol=1e-3)
        np.testing.assert_allclose(together.score[i], alone.score[0], atol=100 * 1.01 / 48)


def test_the_same_seed_gives_the_same_training() -> None:
    settings = Settings.of(epochs=2, crop=1)
    a, b, other = (fit(_trainer(settings, (seed,))) for seed in (4, 4, 5))
    assert np.array_equal(a.train_loss, b.train_loss)
    assert not np.array_equal(a.train_loss, other.train_loss)


def test_a_seed_that_diverges_leaves_the_others_alone() -> None:
    """One of three networks begins with weights that overflow."""
    settings = Settings.of(epochs=3, batch_size=16)
    train, valid = _data()
    networks = [_cell(seed) for seed in (1, 2, 3)]
    with torch.no_grad():
        networks[1].classifier.weight.fill_(1e38)  # type: ignore[union-attr, operator]
    trainer = Trainer(networks, train, valid, settings, (1, 2, 3))
    curves = fit(trainer)
    assert trainer.alive.tolist() == [True, False, True]
    assert np.isnan(curves.train_loss[1]).all()
    assert np.isnan(curves.score[1]).all()
    alone = fit(_trainer(settings, (1,)))
    np.testing.assert_allclose(curves.train_loss[0], alone.train_loss[0], rtol=1e-2)
    assert np.isfinite(curves.score[[0, 2]]).all()


def test_divergence_is_a_result() -> None:
    """The learning rate is far too high for a network without normalisation."""
    split = _rows()
    trainer = Trainer([_mlp(0)], split, split, Settings.of(epochs=5, learning_rate=1e6), [0])
    curves = fit(trainer)
    assert np.isnan(curves.score[0, -1])
    first = int(np.isnan(curves.score[0]).argmax())
    assert np.isnan(curves.train_loss[0, first:]).all()
    assert trainer.epochs_done == 5
    assert curves.seconds[-1] == 0.0


# -- checkpoints -----------------------------------------------------------------------------------


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_a_training_resumes_after_each_epoch_to_the_bit(tmp_path: Path, optimiser: str) -> None:
    settings = Settings.of(epochs=4, optimiser=optimiser, learning_rate=0.01, crop=1, flip=True)
    whole_trainer = _trainer(settings, (1, 2))
    whole = fit(whole_trainer)
    for epoch in range(1, 5):
        path = tmp_path / f"{epoch}.pt"
        fit(_trainer(settings, (1, 2)), epoch, path)
        again = _trainer(settings, (1, 2))
        rest = fit(again, None, path)
        assert np.array_equal(whole.train_loss, rest.train_loss)
        assert np.array_equal(whole.score, rest.score)
        assert torch.equal(_weights(whole_trainer.network), _weights(again.network))


def test_every_epoch_leaves_a_checkpoint(tmp_path: Path) -> None:
    path, settings = tmp_path / "deep" / "a.pt", Settings.of(epochs=3)
    first = fit(_trainer(settings), 1, path)
    second = fit(_trainer(settings), 2, path)
    assert second.train_loss.shape == (1, 2)
    assert second.seconds[0] == first.seconds[0]
    assert fit(_trainer(settings), 1, path).train_loss.shape == (1, 1)
    assert [p.name for p in path.parent.iterdir()] == ["a.pt"]


def test_a_diverged_training_resumes_as_diverged(tmp_path: Path) -> None:
    split, settings = _rows(), Settings.of(epochs=5, learning_rate=1e6)
    fit(Trainer([_mlp(0)], split, split, settings, [0]), 4, tmp_path / "a.pt")
    again = Trainer([_mlp(0)], split, split, settings, [0])
    assert np.isnan(fit(again, None, tmp_path / "a.pt").score[0, -1])
    assert not again.alive.any()


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, keep: float) -> None:
    path, settings = tmp_path / "a.pt", Settings.of(epochs=2)
    fit(_trainer(settings), 1, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    with pytest.raises(StoreError, match=r"(?s)a\.pt is damaged.*delete it"):
        fit(_trainer(settings), 2, path)


def test_a_checkpoint_that_is_a_program_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"of": _Evil()}, path)
    with pytest.raises(StoreError, match=r"a\.pt is damaged"):
        fit(_trainer(Settings.of(epochs=1)), None, path)
    assert not (tmp_path / "ran").exists()


class _Evil:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path, settings = tmp_path / "a.pt", Settings.of(epochs=2)
    fit(_trainer(settings), 1, path)
    others = [
        _trainer(Settings.of(epochs=2, learning_rate=0.2)),
        _trainer(settings, (8,)),
        _trainer(settings, (7, 8)),
        Trainer([_cell(7)], *_data(seed=1), settings, (7,)),
        Trainer([_cell(8)], *_data(), settings, (7,)),
    ]
    for other in others:
        with pytest.raises(StoreError, match="of another network, data or settings"):
            fit(other, None, path)


# -- memory ----------------------------------------------------------------------------------------


class _Hungry(nn.Module):
    """Fits as many examples as it is told, and no more, while it trains."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.inner = _mlp(0)
        self.most = most

    def forward(self, x: Tensor) -> Tensor:
        if self.training and len(x) > self.most:
            raise torch.OutOfMemoryError(f"{len(x)} examples")
        logits: Tensor = self.inner(x)
        return logits


def test_out_of_memory_goes_on_in_parts(caplog: pytest.LogCaptureFixture) -> None:
    """Without batch norm, parts of a batch add up to its gradient."""
    settings, split = Settings.of(epochs=3, batch_size=20), _rows()
    with caplog.at_level(logging.WARNING):
        curves = fit(Trainer([_Hungry(6)], split, split, settings, [0]))
    assert [r.getMessage().count("in 2 parts") for r in caplog.records] == [1, 0]
    assert "in 4 parts" in caplog.text
    whole = fit(Trainer([_Hungry(99)], split, split, settings, [0]))
    np.testing.assert_allclose(curves.train_loss, whole.train_loss, rtol=1e-5)


def test_one_example_too_many_fails() -> None:
    split = _rows()
    with pytest.raises(TrainingFailed, match="not even one example"):
        fit(Trainer([_Hungry(0)], split, split, Settings.of(epochs=1), [0]))


def test_other_errors_are_not_taken_for_memory() -> None:
    class Broken(_Hungry):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("something else")

    split = _rows()
    with pytest.raises(RuntimeError, match="something else"):
        fit(Trainer([Broken(9)], split, split, Settings.of(epochs=1), [0]))


# -- augmentation ----------------------------------------------------------------------------------


def _random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_crops_are_shifts() -> None:
    """Each image is one of the 25 shifts by up to two pixels, and all of them occur."""
    image = torch.arange(1.0, 31.0).view(1, 1, 5, 6)
    seen = augment(image.expand(1000, 2, 5, 6), Settings.of(crop=2), _random())
    padded = torch.nn.functional.pad(image[0, 0], (2, 2, 2, 2))
    shifts = {(i, j): padded[i : i + 5, j : j + 6] for i in range(5) for j in range(5)}
    counts = dict.fromkeys(shifts, 0)
    for shown in seen:
        assert torch.equal(shown[0], shown[1])
        matching = [at for at, shift in shifts.items() if torch.equal(shift, shown[0])]
        assert len(matching) == 1
        counts[matching[0]] += 1
    assert min(counts.values()) > 15
    assert max(counts.values()) < 75


def test_flips_mirror_every_other_image() -> None:
    images = torch.randn(2000, 2, 3, 4, generator=_random())
    seen = augment(images, Settings.of(flip=True), _random(1))
    same = (seen == images).flatten(1).all(1)
    mirrored = (seen == images.flip(3)).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert mirrored.float().mean() == pytest.approx(0.5, abs=4 * (0.25 / 2000) ** 0.5)


@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_cutout_blacks_out_a_square(side: int) -> None:
    """A rectangle of zeros, a whole square unless it reaches over the edge; all centres occur."""
    seen = augment(torch.ones(1500, 3, 6, 5), Settings.of(cutout=side), _random())
    assert torch.equal(seen[:, :1].expand_as(seen), seen)
    holes = seen[:, 0] == 0
    heights, widths = holes.any(2).sum(1), holes.any(1).sum(1)
    assert torch.equal(holes.flatten(1).sum(1), heights * widths)
    assert heights.max() == widths.max() == side
    assert heights.min() >= (side + 1) // 2
    assert holes.any(0).all()
    whole = (6 - side + 1) / 6 * (5 - side + 1) / 5
    inside = ((heights == side) & (widths == side)).float().mean()
    assert inside == pytest.approx(whole, abs=0.06)


def test_rows_are_not_augmented() -> None:
    split = _rows()
    plain, augmented = (
        fit(Trainer([_mlp(0)], split, split, Settings.of(epochs=1, **changes), [0]))
        for changes in ({}, {"crop": 2, "flip": True, "cutout": 3})
    )
    assert np.array_equal(plain.train_loss, augmented.train_loss)


# -- settings --------------------------------------------------------------------------------------


def test_wrong_settings_are_all_named() -> None:
    with pytest.raises(ParameterError) as raised:
        Settings.of(epochs=0, learning_rate=-1, optimizer="adam", clip=0)
    for name in ("epochs", "learning_rate", "optimizer", "clip"):
        assert f"training setting {name!r}" in str(raised.value)


def test_the_page_on_training_works_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parent.parent / "docs" / "training.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    seen: dict[str, Any] = {}
    exec(code.replace("epochs=12", "epochs=1"), seen)
    assert seen["curves"].score.shape == (3, 1)
    assert seen["data"].x_train.shape == (600, 1, 14, 14)
