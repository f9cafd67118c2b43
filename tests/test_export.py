"""A network written as a file computes what it computed: to the bit, in a process without us."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workbench import benchmark, space
from workbench.data._live_training import Trained
from workbench.errors import PluginError
from workbench.harness.network_file import write_network
from workbench.networks import _export, build
from workbench.networks._export import Standardised, export
from workbench.networks._latency import latency
from workbench.training.datasets.image_folder import ImageFolder

ROOT = Path(__file__).resolve().parent.parent
_PRINT = "\nprint(logits.tolist())"
SHAPES = {"nb201": (3, 9, 9), "mlp": (1, 8, 8), "fcnet": (20,)}


def _again(text: str, weights: dict[str, Tensor]) -> nn.Module:
    names: dict[str, Any] = {}
    exec(compile(text, "best.py", "exec"), names)
    made: nn.Module = names["Best"]()
    made.load_state_dict(weights)
    return made


@pytest.mark.parametrize("name", SHAPES)
def test_outputs_and_gradients_are_the_same(name: str) -> None:
    """The independent source is the network itself, in evaluation and in training."""
    where, shape = space(name), SHAPES[name]
    x = torch.randn((5, *shape), generator=torch.Generator().manual_seed(1))
    for i, arch in enumerate(where.sample(12, np.random.default_rng(0)).tolist()):
        small = {"channels": 4, "cells": 2} if name == "nb201" else {}
        network = build(where, tuple(arch), shape, 7, seed=i, **small)
        text, weights = export(network, "Best", "A network.")
        made = _again(text, weights)
        assert _count(made) == _count(network)
        assert torch.equal(made.eval()(x), network.eval()(x))
        if name == "nb201":  # the others have dropout, whose masks differ
            assert torch.equal(made.train()(x), network.train()(x))
        assert imported(text) == {"torch"}


def _count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def imported(text: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
    return found


def test_it_standardises_what_it_is_given() -> None:
    arch, where = (3, 1, 2, 3, 4, 3), space("nb201")
    network = build(where, arch, (2, 8, 8), 3, channels=4, cells=1)
    mean, deviation = torch.tensor([[[4.0]], [[1.0]]]), torch.tensor([[[2.0]], [[torch.inf]]])
    made = _again(*export(Standardised(network, mean, deviation), "Best", "A network.")).eval()
    x = torch.rand((4, 2, 8, 8), generator=torch.Generator().manual_seed(2)) * 16
    by_hand = torch.stack([(x[:, 0] - 4) / 2, torch.zeros_like(x[:, 1])], dim=1)
    assert torch.equal(made(x), network.eval()(by_hand))


class Weighted(nn.Module):
    """Uses a parameter and a buffer of its own, beside torch's layers."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([2.0, 3.0]))
        self.shift: Tensor
        self.register_buffer("shift", torch.tensor(1.0))
        self.inner = nn.ModuleDict({"a-b": nn.Linear(2, 2)})

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.inner["a-b"](x * self.scale + self.shift))


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Foreign(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return _ours(x)


@torch.fx.wrap
def _ours(x: Tensor) -> Tensor:
    return x


class OwnLeaf(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.LPPool2d(2, 3, ceil_mode=True)
        self.drop = nn.Dropout(0.25)
        self.flat = nn.Flatten()
        self.last = nn.Linear(8, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(self.flat(self.drop(self.pool(x))))
        return found


@pytest.mark.parametrize(
    ("network", "shape"), [(Weighted(), (4, 2)), (OwnLeaf(), (3, 2, 5, 5))], ids=["own", "leaves"]
)
def test_networks_of_others(network: nn.Module, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    text, weights = export(network.eval(), "Best", "A network.")
    assert torch.equal(_again(text, weights).eval()(x), network(x))


@pytest.mark.parametrize(
    ("network", "why"), [(Branching(), "cannot follow it"), (Foreign(), "it calls .*_ours")]
)
def test_what_cannot_be_written_says_why(network: nn.Module, why: str) -> None:
    with pytest.raises(PluginError, match=why):
        export(network, "Best", "A network.")


def test_a_network_that_cannot_be_written_is_built_by_the_workbench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``best.py`` says so, and with its weights computes what the trained network does."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    small = {"channels": 4, "cells": 1}
    made: dict[str, Any] = {
        "network": small,
        "training": {"epochs": 1},
        "data": {"train": 60, "valid": 40},
    }
    bench: Any = benchmark("live/nb201/digits", **made)
    arch = (3, 1, 2, 3, 4, 3)
    trained = bench.train(arch, 0)

    def refuse(*_: object) -> None:
        raise PluginError("it branches")

    monkeypatch.setattr(_export, "export", refuse)
    assert write_network(bench, arch, trained, tmp_path) == "it branches"
    text = (tmp_path / "best.py").read_text(encoding="utf-8")
    weights = torch.load(tmp_path / "best.pt", weights_only=True)
    monkeypatch.undo()
    raw = torch.rand((6, 1, 8, 8), generator=torch.Generator().manual_seed(4)) * 16
    whole = standardised_of(bench, arch, trained)
    assert torch.equal(_again(text, weights).eval()(raw), whole(raw))
    assert trained.valid == bench.query(arch, 1, 0).metrics["val_acc"]
    assert trained.test == bench.query(arch, 1, 0).metrics["test_acc"]


@pytest.mark.parametrize("channels", [3, 1])
def test_what_best_says_of_pictures_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    """Its lines, and those of docs/search.md, give the logits of what is read for trainings.

    The picture is half transparent, and higher and narrower than what it is stretched to.
    """
    images = pytest.importorskip("PIL.Image")
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / "data" / ("cat", "dog")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        images.fromarray(rng.integers(0, 256, (45, 31, 4), dtype=np.uint8)).save(path)
    data: dict[str, Any] = {"path": str(tmp_path / "data"), "channels": channels}
    small: dict[str, Any] = {"network": {"channels": 4, "cells": 1}, "training": {"epochs": 1}}
    bench: Any = benchmark("live/nb201/image_folder", data=data, **small)
    arch = (3, 1, 2, 3, 4, 3)
    trained = bench.train(arch, 0)
    assert write_network(bench, arch, trained, tmp_path) == ""
    doc = ast.get_docstring(ast.parse((tmp_path / "best.py").read_text(encoding="utf-8")))
    assert doc is not None
    assert ("in colour (RGB)" in doc, "made grey" in doc) == (channels == 3, channels == 1)
    assert "stretched to 32 x 32 pixels" in doc
    lines = [line.removeprefix("    ") for line in doc.splitlines() if line.startswith("    ")]
    page = (ROOT / "docs/search.md").read_text(encoding="utf-8")
    shown = "".join(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL))
    last = sorted((tmp_path / "data" / "dog").iterdir())[-1]
    read = ImageFolder(**data).read().x[-1:].astype(np.float64)
    seen = torch.from_numpy(((read - bench.data.mean) / bench.data.deviation).astype(np.float32))
    network = bench.network(arch)
    network.load_state_dict({k: torch.from_numpy(v) for k, v in trained.weights.items()})
    wanted = network.eval()(seen).detach().numpy()
    for code in ["\n".join(lines), *([shown] if channels == 3 else [])]:
        done = subprocess.run(
            [sys.executable, "-c", code.replace("picture.png", str(last)) + _PRINT],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        np.testing.assert_allclose(ast.literal_eval(done.stdout), wanted, rtol=1e-4, atol=1e-5)


def test_names_of_classes_stay_in_the_docstring(tmp_path: Path) -> None:
    names = ['end"""\nraise SystemExit("ran")\n"""', "back\\slash\\"]
    x = np.random.default_rng(0).normal(size=(60, 4))
    np.savez(tmp_path / "a.npz", X=x, y=np.array(names)[np.arange(60) % 2])
    bench: Any = benchmark("live/mlp/npz", data={"path": str(tmp_path / "a.npz")})
    arch = tuple(bench.space.sample(1, np.random.default_rng(0))[0].tolist())
    weights = {k: v.numpy() for k, v in bench.network(arch).state_dict().items()}
    write_network(bench, arch, Trained(50.0, 50.0, weights), tmp_path)
    tree = ast.parse((tmp_path / "best.py").read_text(encoding="utf-8"))
    assert ", ".join(sorted(names)) in (ast.get_docstring(tree, clean=False) or "")
    assert not any(isinstance(node, ast.Raise) for node in ast.walk(tree))


def standardised_of(bench: Any, arch: Any, trained: Any) -> nn.Module:
    moments = bench.data.mean, bench.data.deviation
    return _export.standardised(bench.network(arch), trained.weights, *moments).eval()


def test_latency_grows_with_the_network() -> None:
    """Twenty times the work takes at least twice as long, whatever else the machine does."""
    where, arch, shape = space("nb201"), (3,) * 6, (3, 32, 32)
    small = build(where, arch, shape, 10, channels=4, cells=1)
    large = build(where, arch, shape, 10, channels=32, cells=3)
    assert latency(large, shape) > 2 * latency(small, shape) > 0
