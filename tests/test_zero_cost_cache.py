"""What is kept of zero-cost scores: nothing is computed twice, also after a kill or a failure."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.populations import ARCHS, FEW, FUSSY, NB201, NOISE, SMALL, Options, measured, transformer
from workbench.errors import ParameterError
from workbench.networks import build
from workbench.predictors.zero_cost import _job, _store
from workbench.predictors.zero_cost._score import scores_of
from workbench.predictors.zero_cost.snip import Snip
from workbench.proxies import measure
from workbench.testing.proxies import check_proxy

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def folder(cache: Path) -> Path:
    return cache / "proxies"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return the architectures whose networks are built in this process from now on."""
    seen = []

    def watched(where: Any, arch: Any, *rest: Any, **settings: Any) -> Any:
        seen.append(arch)
        return build(where, arch, *rest, **settings)

    monkeypatch.setattr(_job, "build", watched)
    return seen


def test_nothing_is_computed_twice(built: list[Any], folder: Path) -> None:
    twice = np.concatenate([ARCHS, ARCHS[::-1]])
    scores, _ = measured(twice)
    assert len(built) == len(set(built)) == 6
    assert (scores[:6] == scores[:5:-1]).all()
    again, _ = measured(ARCHS)
    assert len(built) == 6
    assert (again[:, :3] == scores[:6, :3]).all()
    measured(NB201.sample(8, np.random.default_rng(0)))
    assert len(built) == 8


def test_a_part_of_a_space_has_the_same_scores(built: list[Any]) -> None:
    """As of a table that is not complete: what was scored before it grew is not scored again."""
    whole, _ = measured()
    mask = np.zeros(NB201.cardinality, dtype=bool)
    mask[NB201.index(ARCHS)] = True
    part = NB201.restrict(mask)
    assert part.whole is part.restrict(np.ones_like(mask)).whole is NB201
    found, _ = measure(part, ARCHS, NOISE, FEW, network=SMALL, batch_size=8)
    np.testing.assert_array_equal(found, whole[:, : len(FEW)])
    assert len(built) == 6


def test_only_what_is_missing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    measured(proxies=["snip", "flops"])
    asked: list[Any] = []

    def watched(network: Any, x: Any, y: Any, names: Any, **rest: Any) -> Any:
        asked.append(tuple(names))
        return scores_of(network, x, y, names, **rest)

    monkeypatch.setattr(_job, "scores_of", watched)
    measured(proxies=["flops", "synflow", "snip"])
    assert set(asked) == {("synflow",)}


@pytest.mark.parametrize(
    "options", [{"seed": 1}, {"batch_size": 9}, {"network": SMALL | {"channels": 5}}]
)
def test_other_settings_are_other_scores(built: list[Any], options: Options) -> None:
    before, _ = measured(proxies=["snip"])
    after, _ = measured(proxies=["snip"], **options)
    assert len(built) == 12
    assert (before != after).any()


def test_another_version_is_computed_again(
    built: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(proxies=["snip", "synflow"])
    monkeypatch.setattr(Snip, "VERSION", 2)
    measured(proxies=["snip", "synflow"])
    assert len(built) == 12


def test_damaged_parts_are_computed_again(built: list[Any], folder: Path) -> None:
    before, _ = measured(proxies=["snip"])
    (part,) = folder.rglob("*.npz")
    part.write_bytes(part.read_bytes()[:100])
    after, _ = measured(proxies=["snip"])
    assert len(built) == 12
    assert (before == after).all()


KILLED = """
import os, signal, sys
import numpy as np
from workbench.predictors.zero_cost import _store
from workbench.predictors.zero_cost._batch import batch_of
from workbench.predictors.zero_cost._score import proxy_of, scores_of
from workbench.predictors.zero_cost._shared import Ledger
from workbench.predictors.zero_cost.snip import Snip
from workbench.proxies import Noise, measure
from workbench.spaces import space

_store._SECONDS = 0.0
def progress(finished, among, failed):
    if finished == 4:
        os.kill(os.getpid(), signal.SIGKILL)
NB201 = space("nb201")
archs = NB201.sample(6, np.random.default_rng(0))
small = {"channels": 4, "cells": 1, "stages": 1}
measure(NB201, archs, Noise((1, 8, 8), 3), ["snip"], network=small, batch_size=8, progress=progress)
"""


def test_a_killed_run_goes_on_where_it_was(built: list[Any], folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(folder.rglob("*.npz"))) == 4
    steps: list[Any] = []
    scores, _ = measured(proxies=["snip"], progress=lambda *numbers: steps.append(numbers))
    assert len(built) == 2
    assert steps == [(5, 6, 0), (6, 6, 0)]
    assert np.isfinite(scores).all()


def test_an_interrupted_run_keeps_what_it_has(built: list[Any]) -> None:
    def progress(finished: int, among: int, failed: int) -> None:
        if finished == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measured(proxies=["snip"], progress=progress)
    measured(proxies=["snip"])
    assert len(built) == 6


def test_a_folder_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "file"))
    assert np.isfinite(measured()[0]).all()


def test_parts_are_written_when_it_is_time(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(_store, "_SECONDS", 0.0)
    measured(proxies=["snip"])
    assert len(list(folder.rglob("*.npz"))) == 6


# Proxies in files, and what they cannot score ----------------------------------------------------


def test_a_proxy_in_a_file_works_by_its_path(tmp_path: Path, built: list[Any]) -> None:
    path = tmp_path / "fussy.py"
    path.write_text(FUSSY.format(least=0), encoding="utf-8")
    check_proxy(str(path))
    found = transformer(proxies=[str(path)]).transform(ARCHS)
    assert found.shape == (6, 1)
    measured(proxies=[str(path)])
    assert len(built) == 6


def test_rows_that_fail_are_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counts = measured(proxies=["params"])[0][:, 0]
    path = tmp_path / "fussy.py"
    path.write_text(FUSSY.format(least=int(np.median(counts)) - 80), encoding="utf-8")
    steps: list[Any] = []
    with caplog.at_level(logging.WARNING):
        scores, _ = measured(proxies=[str(path)], progress=lambda *n: steps.append(n))
    failed = int(np.isnan(scores).sum())
    assert 0 < failed < 6
    assert steps[-1] == (6, 6, failed)
    assert f"{failed} of 6 architectures do not have all scores" in caplog.text
    both, _ = measured(proxies=[str(path), "params"])
    np.testing.assert_array_equal(np.isnan(both[:, 0]), np.isnan(scores[:, 0]))
    np.testing.assert_array_equal(both[:, 1], counts)
    path = tmp_path / "never.py"
    path.write_text(FUSSY.format(least=10**9).replace("Fussy", "Never"), encoding="utf-8")
    with pytest.raises(ParameterError, match="too small"):
        measured(proxies=[str(path)])


def test_what_failed_is_not_tried_again(
    tmp_path: Path, built: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "fussy.py"
    path.write_text(FUSSY.format(least=10**9), encoding="utf-8")
    measured(proxies=["params", str(path)])
    caplog.clear()
    scores, _ = measured(proxies=["params", str(path)])
    assert len(built) == 6
    assert not caplog.text
    assert np.isnan(scores[:, 1]).all()
    with pytest.raises(ParameterError, match="too small"):
        measured(proxies=[str(path)])
