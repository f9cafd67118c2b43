"""Pretrained extrapolators: against their own packages, and files that are not what they say.

``pretrained/record.py`` made small networks by the packages lcpfn 0.1.3 and ifbo 0.4.1 and wrote
down what those say of some curves.
"""

from __future__ import annotations

import gzip
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.data._unpickle import Record
from workbench.errors import DataMissing, ParameterError, UnsafePickle
from workbench.predictors.curves._torch_file import _Admitted, read_module
from workbench.predictors.curves.ftpfn import FTPFN
from workbench.predictors.curves.lcpfn import LCPFN
from workbench.spaces import Space
from workbench.testing.extrapolators import extrapolator_checks
from workbench.types import Decision, Floats

HERE = Path(__file__).parent / "pretrained"
RECORDED = json.loads((HERE / "recorded.json").read_text())
BOTH: list[tuple[Any, str]] = [(LCPFN, "lcpfn"), (FTPFN, "ftpfn")]
THREE = Space("three", [Decision(f"d{i}", (1, 2, 3)) for i in range(3)])


@pytest.fixture(autouse=True)
def _weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the environment name the small networks."""
    for cls, name in BOTH:
        monkeypatch.setenv(cls.VARIABLE, str(HERE / f"{name}.pt"))


def _rows(told: dict[str, Any], width: int = 20) -> Floats:
    row = np.full(width, np.nan)
    row[: len(told["curve"])] = told["curve"]
    return row[None]


def _asked(name: str, told: dict[str, Any]) -> tuple[Any, Floats]:
    """Return a fitted extrapolator and the rows of what was recorded."""
    if name == "lcpfn":
        whole = np.random.default_rng(0).uniform(size=(5, 20))
        return LCPFN(limits=(0, 1), corrected=False).fit(whole), _rows(told)
    settings = 2 * np.array(told["settings"])
    model = FTPFN(THREE, limits=(0, 1), corrected=False)
    model.fit(np.hstack([settings[:2], np.array(told["whole"])]))
    return model, np.hstack([settings[2:] / 2, _rows(told)])


@pytest.mark.parametrize("name", ["lcpfn", "ftpfn"])
@pytest.mark.parametrize("place", range(3))
def test_means_and_quantiles_are_those_of_the_package(
    name: str, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Single precision there and double here; deviations by numerical integration there."""
    told = RECORDED[name][place]
    model, row = _asked(name, told)
    mean, std = model._extrapolate(row, np.array([len(told["curve"])]))
    assert mean[0] == pytest.approx(told["mean"], abs=2e-6)
    assert [mean[0], std[0]] == pytest.approx(told["moments"], abs=2e-5)
    asked: list[Floats] = []

    def keep(logits: Floats) -> tuple[Floats, Floats]:
        asked.append(logits)
        return np.ones(1), np.ones(1)

    network = model.network_
    monkeypatch.setattr(network.bars, "moments", keep)
    model._extrapolate(row, np.array([len(told["curve"])]))
    weights = np.exp(asked[0][0]) / np.exp(asked[0][0]).sum()
    below = np.interp(told["quantiles"], network.bars.borders, [0, *np.cumsum(weights)])
    assert below == pytest.approx(RECORDED["quantiles"], abs=2e-6)


@pytest.mark.parametrize("check", extrapolator_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["lcpfn", "ftpfn"])
def test_they_keep_the_contract_with_untrained_weights(name: str, check: Any) -> None:
    check(name)


@pytest.mark.parametrize(("cls", "name"), BOTH)
def test_without_weights_it_is_said_where_they_are(
    cls: Any, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    X = np.random.default_rng(0).uniform(size=(5, 20))
    said = rf"{cls.__name__} needs its pretrained .* no file {tmp_path}/x.pt: fetch .* {cls.SOURCE}"
    with pytest.raises(DataMissing, match=said) as caught:
        cls(weights=f"{tmp_path}/x.pt").fit(X)
    assert cls.VARIABLE in str(caught.value)
    assert cls.FILE in str(caught.value)
    monkeypatch.delenv(cls.VARIABLE)
    with pytest.raises(DataMissing, match="no file of weights is named"):
        cls().fit(X)
    with pytest.raises(ParameterError, match="'weights' parameter"):
        cls(weights=3).fit(X)
    packed = tmp_path / "packed.pt.gz"
    packed.write_bytes(gzip.compress((HERE / f"{name}.pt").read_bytes()))
    assert cls(weights=str(packed)).fit(X).predict(X).shape == (5,)


def test_an_architecture_that_was_not_begun_is_told_of() -> None:
    rng = np.random.default_rng(0)
    archs = THREE.all()[rng.permutation(27)[:20]].astype(np.float64)
    X = np.hstack([archs, rng.uniform(size=(20, 12))])
    unseen = np.hstack([archs, np.full((20, 12), np.nan)])
    assert len({*FTPFN(THREE, corrected=False).fit(X).predict(unseen).round(9)}) > 5
    faults: list[dict[str, Any]] = [{"context": 0}, {"space": "nb201"}, {"limits": (1, 0)}]
    for wrong in faults:
        with pytest.raises(ParameterError, match=f"'{next(iter(wrong))}' parameter of FTPFN"):
            FTPFN(**wrong).fit(X[:, 3:])
    many = Space("many", [Decision(f"d{i}", (1, 2)) for i in range(11)])
    with pytest.raises(ParameterError, match="of at most 10 decisions"):
        FTPFN(many).fit(np.zeros((4, 15)))


# -- files ----------------------------------------------------------------------------------------


class Hostile:
    """Pickled as a call of ``os.system`` that would leave a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


def _with_pickle(path: Path, pickled: bytes) -> Path:
    """Write the small LC-PFN with another pickle in it."""
    with zipfile.ZipFile(HERE / "lcpfn.pt") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, pickled if name.endswith("data.pkl") else old.read(name))
    return path


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_hostile_weights_are_refused_unrun(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "ran"
    path = _with_pickle(tmp_path / "evil.pt", pickle.dumps({"a": Hostile(mark)}, protocol))
    with pytest.raises(UnsafePickle, match=r"evil\.pt asks for posix\.system"):
        LCPFN(weights=str(path)).fit(np.zeros((4, 5)) + np.arange(5))
    assert not mark.exists()


def test_a_hostile_file_of_torch_itself_is_refused_unrun(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    mark = tmp_path / "ran"
    torch.save({"a": torch.zeros(3), "b": Hostile(mark)}, tmp_path / "evil.pt")
    with pytest.raises(UnsafePickle, match=r"posix\.system"):
        read_module(tmp_path / "evil.pt")
    assert not mark.exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"ctorch.hub\nload\n.",
        b"ctorch._utils\n_rebuild_tensor\n.",
        b"ctorch.serialization\nload\n.",
        b"cbuiltins\neval\n.",
        b"cbuiltins\nset.add\n.",
        b"clcpfnx\nx\n.",
        b"ctransformerx\nx\n.",
    ],
)
def test_other_names_are_refused(tmp_path: Path, pickled: bytes) -> None:
    with pytest.raises(UnsafePickle):
        read_module(_with_pickle(tmp_path / "x.pt", pickled))


def test_names_of_modules_reach_nothing(tmp_path: Path) -> None:
    """What lies in modules with effects, ``torch.nn`` among them, is a record here and no more."""
    admitted = _Admitted()
    for name in ("torch.nn.functional.gelu", "lcpfn.os.system", "transformer.x.eval"):
        assert issubclass(admitted[name], Record)
    call = b"clcpfn.os\nsystem\n(S'true'\ntR."
    with pytest.raises(DataMissing, match=r"x\.pt is damaged"):
        read_module(_with_pickle(tmp_path / "x.pt", call))


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02]q\x00.",
        b"",
        b"I1\nQ.",
        b"ctorch._utils\n_rebuild_tensor_v2\n(I1\nI0\n(I3\nt(I1\nttR.",
        b"ctorch\nFloatStorage\n(tR.",
        b"ccollections\nOrderedDict\n(dS'x'\nI1\nsb.",
    ],
    ids=["list", "empty", "reference", "tensor of nothing", "storage", "state on a class"],
)
def test_what_is_no_module_is_said(tmp_path: Path, pickled: bytes) -> None:
    with pytest.raises(DataMissing, match=r"x\.pt is"):
        read_module(_with_pickle(tmp_path / "x.pt", pickled))


def test_tensors_stay_within_their_bytes(tmp_path: Path) -> None:
    """A tensor that claims more numbers than its storage holds is refused."""
    with zipfile.ZipFile(HERE / "lcpfn.pt") as old:
        name = next(n for n in old.namelist() if n.endswith("data.pkl"))
        pickled = old.read(name)
    # The weight of a layer, 24 x 16, becomes 25 x 16.
    shape = b"K\x18K\x10\x86"
    assert shape in pickled
    wrong = pickled.replace(shape, b"K\x19K\x10\x86")
    with pytest.raises(DataMissing, match="beyond its storage"):
        read_module(_with_pickle(tmp_path / "x.pt", wrong))


def test_files_of_other_kinds_and_networks_are_said(tmp_path: Path) -> None:
    curves = np.random.default_rng(0).uniform(size=(5, 6))
    other = tmp_path / "other.pt"
    other.write_bytes(b"no archive")
    with pytest.raises(DataMissing, match=r"other\.pt is not a zip archive"):
        LCPFN(weights=str(other)).fit(curves)
    torch = pytest.importorskip("torch")
    torch.save(torch.nn.Linear(2, 3), other)
    assert read_module(other).tensors["weight"].shape == (3, 2)
    with pytest.raises(DataMissing, match=r"weights are of another network \(no 'encoder'\)"):
        LCPFN(weights=str(other)).fit(curves)


def test_tensors_are_those_that_torch_reads(tmp_path: Path) -> None:
    """Numbers of every kind that is admitted, to the bit."""
    torch = pytest.importorskip("torch")
    module = torch.nn.Module()
    numbers = torch.arange(12).reshape(3, 4)
    for name in ("float32", "float64", "int64", "int32", "bool"):
        module.register_buffer(name, numbers.to(getattr(torch, name)))
    module.register_buffer("part", torch.arange(20.0)[5:11].reshape(2, 3))
    torch.save(module, tmp_path / "all.pt")
    found = read_module(tmp_path / "all.pt").tensors
    for name, buffer in module.named_buffers():
        np.testing.assert_array_equal(found[name], buffer.double().numpy())
