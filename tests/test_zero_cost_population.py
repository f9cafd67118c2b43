"""Scores of populations: a transformer, parallel, kept on disk, resumed after a kill."""

from __future__ import annotations

import logging
import os
import pickle
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline, make_union

from workbench.encodings.one_hot import OneHot
from workbench.errors import ArchitectureError, ParameterError, UnknownName
from workbench.networks import build
from workbench.predictors._pipeline import pipeline
from workbench.predictors.zero_cost import _job, _store
from workbench.predictors.zero_cost._batch import batch_of
from workbench.predictors.zero_cost._score import proxy_of, scores_of
from workbench.predictors.zero_cost._shared import Ledger
from workbench.predictors.zero_cost.snip import Snip
from workbench.proxies import ALL, Noise, ZeroCost, measure, score
from workbench.spaces import space
from workbench.testing.proxies import check_proxy, proxy_checks
from workbench.testing.run import _families, check_plugin
from workbench.training.datasets import load

NB201 = space("nb201")
ARCHS = NB201.sample(6, np.random.default_rng(0))
NOISE = Noise((1, 8, 8), 3)
SMALL = {"channels": 4, "cells": 1, "stages": 1}
FEW = ("snip", "synflow", "swap", "az_nas")
Options = dict[str, Any]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "proxies"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return the architectures whose networks are built in this process from now on."""
    seen = []

    def watched(where: Any, arch: Any, *rest: Any, **settings: Any) -> Any:
        seen.append(arch)
        return build(where, arch, *rest, **settings)

    monkeypatch.setattr(_job, "build", watched)
    return seen


def _made(**options: Any) -> ZeroCost:
    given: Options = {"proxies": FEW, "network": SMALL, "batch_size": 8, "dataset": NOISE} | options
    return ZeroCost(NB201, **given)


def _measure(archs: Any = ARCHS, proxies: Any = FEW, **options: Any) -> Any:
    given: Options = {"network": SMALL, "batch_size": 8} | options
    return measure(NB201, archs, NOISE, proxies, **given)


# Transformer -------------------------------------------------------------------------------------


def test_columns_are_scores_and_the_parts_of_aggregates() -> None:
    columns = ["snip", "synflow", "swap"]
    columns += ["az_expressivity", "az_progressivity", "az_trainability", "flops"]
    encoding = _made()
    assert encoding.get_feature_names_out().tolist() == columns
    found = encoding.transform(ARCHS)
    assert found.shape == (6, 7)
    assert np.isfinite(found).all()
    network = build(NB201, tuple(ARCHS[2].tolist()), (1, 8, 8), 3, **SMALL)
    batch = batch_of(NOISE, 8, 0)
    direct = score(network, batch.x, batch.y, columns)
    assert found[2].tolist() == list(direct.values())


def test_rows_do_not_depend_on_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = _made().transform(ARCHS)
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "another"))
    alone = [_made().transform(ARCHS[i : i + 1])[0] for i in reversed(range(6))]
    assert (together == alone[::-1]).all()
    assert _made().transform(ARCHS[:0]).shape == (0, 7)


def test_processes_do_not_change_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = _made().transform(ARCHS)
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "another"))
    assert (_made(workers=2).transform(ARCHS) == one).all()


def test_it_clones_pickles_and_joins() -> None:
    encoding = _made()
    found = encoding.transform(ARCHS)
    for copy in (clone(encoding), pickle.loads(pickle.dumps(encoding))):
        assert (copy.fit(ARCHS).transform(ARCHS) == found).all()
    both = make_union(_made(), OneHot(NB201))
    assert both.fit_transform(ARCHS).shape == (6, 7 + 30)
    model = make_pipeline(both, Ridge()).fit(ARCHS, np.arange(6.0))
    assert model.predict(ARCHS).shape == (6,)
    with pytest.raises(ArchitectureError):
        encoding.transform(np.full((1, 6), 9, dtype=np.int16))


# Data sets ---------------------------------------------------------------------------------------


def test_data_sets_come_by_name_and_as_arrays() -> None:
    digits = load("digits")
    named, loaded, arrays = (
        ZeroCost(NB201, data, ["snip"], SMALL, 16).transform(ARCHS[:2])
        for data in ("digits", digits, (digits.x_train, digits.y_train))
    )
    assert (named == loaded).all()
    assert (named == arrays).all()
    options = {"name": "digits", "train": 90}
    some = ZeroCost(NB201, options, ["snip"], SMALL, 16).transform(ARCHS[:2])
    same = ZeroCost(NB201, load("digits", train=90), ["snip"], SMALL, 16).transform(ARCHS[:2])
    assert (some == same).all()
    assert (some != named).any()
    written = {"name": "noise", "shape": [1, 8, 8], "classes": 3}
    assert batch_of(written, 8, 0).digest() == batch_of(NOISE, 8, 0).digest()


def test_batches_are_drawn_from_a_seed_without_replacement() -> None:
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20)
    first, again, other = (batch_of((X, y), 20, seed) for seed in (0, 0, 1))
    assert (first.x == again.x).all()
    assert (first.x != other.x).any()
    assert sorted(first.y.tolist()) == list(range(20))
    assert (first.x[:, 0] == 2 * first.y).all()
    noise = batch_of(Noise((3, 4, 4), 5), 1000, 0)
    assert np.bincount(noise.y).tolist() == [200] * 5
    assert abs(noise.x.mean()) < 0.02
    assert noise.x.std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((np.zeros((5, 2)), np.zeros(5, dtype=int)), "8 examples.*Got 5 and 5"),
        ((np.zeros((9, 2)), np.zeros(9)), "classes from 0. Got tuple"),
        (3, "Got int"),
        ({"shape": [1]}, r"Got a mapping without a name \(shape\)"),
        ({"name": "noise", "shape": [1, 8, 8]}, "it takes shape and classes"),
        (
            {"name": "noise", "shape": [1, 0], "classes": 2},
            r"noise of shape \[1, 0\] and 2 classes",
        ),
        ({"name": "digits", "sise": 3}, "no option 'sise'"),
    ],
)
def test_what_is_no_data_set_is_refused(data: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        measure(NB201, ARCHS, data, ["snip"], batch_size=8)


def test_scores_join_encodings_by_name() -> None:
    given = {"name": "zero_cost", "dataset": "digits", "proxies": ["nwot", "snip"]}
    scores = given | {"network": SMALL, "batch_size": 8}
    model = pipeline("nb201", "ridge", ["one_hot", scores]).fit(ARCHS, np.arange(6.0))
    features = model.named_steps["encoding"].transform(ARCHS)
    expected = ZeroCost(NB201, "digits", ["nwot", "snip"], SMALL, 8).transform(ARCHS)
    np.testing.assert_array_equal(features[:, 30:], expected)
    with pytest.raises(ParameterError, match="unknown parameter 'netwrok'"):
        pipeline("nb201", "ridge", scores | {"netwrok": SMALL})


def test_a_part_of_a_space_has_the_same_scores(built: list[Any]) -> None:
    """As of a table that is not complete: what was scored before it grew is not scored again."""
    whole, _ = _measure()
    mask = np.zeros(NB201.cardinality, dtype=bool)
    mask[NB201.index(ARCHS)] = True
    part = NB201.restrict(mask)
    assert part.whole is part.restrict(np.ones_like(mask)).whole is NB201
    found, _ = measure(part, ARCHS, NOISE, FEW, network=SMALL, batch_size=8)
    np.testing.assert_array_equal(found, whole[:, : len(FEW)])
    assert len(built) == 6


# Cache -------------------------------------------------------------------------------------------


def test_nothing_is_computed_twice(built: list[Any], folder: Path) -> None:
    twice = np.concatenate([ARCHS, ARCHS[::-1]])
    scores, _ = _measure(twice)
    assert len(built) == len(set(built)) == 6
    assert (scores[:6] == scores[:5:-1]).all()
    again, _ = _measure(ARCHS)
    assert len(built) == 6
    assert (again[:, :3] == scores[:6, :3]).all()
    _measure(NB201.sample(8, np.random.default_rng(0)))
    assert len(built) == 8


def test_only_what_is_missing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    _measure(proxies=["snip", "flops"])
    asked: list[Any] = []

    def watched(network: Any, x: Any, y: Any, names: Any, **rest: Any) -> Any:
        asked.append(tuple(names))
        return scores_of(network, x, y, names, **rest)

    monkeypatch.setattr(_job, "scores_of", watched)
    _measure(proxies=["flops", "synflow", "snip"])
    assert set(asked) == {("synflow",)}


@pytest.mark.parametrize(
    "options", [{"seed": 1}, {"batch_size": 9}, {"network": SMALL | {"channels": 5}}]
)
def test_other_settings_are_other_scores(built: list[Any], options: Options) -> None:
    before, _ = _measure(proxies=["snip"])
    after, _ = _measure(proxies=["snip"], **options)
    assert len(built) == 12
    assert (before != after).any()


def test_another_version_is_computed_again(
    built: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _measure(proxies=["snip", "synflow"])
    monkeypatch.setattr(Snip, "VERSION", 2)
    _measure(proxies=["snip", "synflow"])
    assert len(built) == 12


def test_damaged_parts_are_computed_again(built: list[Any], folder: Path) -> None:
    before, _ = _measure(proxies=["snip"])
    (part,) = folder.rglob("*.npz")
    part.write_bytes(part.read_bytes()[:100])
    after, _ = _measure(proxies=["snip"])
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
    scores, _ = _measure(proxies=["snip"], progress=lambda *numbers: steps.append(numbers))
    assert len(built) == 2
    assert steps == [(5, 6, 0), (6, 6, 0)]
    assert np.isfinite(scores).all()


def test_an_interrupted_run_keeps_what_it_has(built: list[Any]) -> None:
    def progress(finished: int, among: int, failed: int) -> None:
        if finished == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _measure(proxies=["snip"], progress=progress)
    _measure(proxies=["snip"])
    assert len(built) == 6


def test_a_folder_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "file"))
    assert np.isfinite(_measure()[0]).all()


def test_parts_are_written_when_it_is_time(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(_store, "_SECONDS", 0.0)
    _measure(proxies=["snip"])
    assert len(list(folder.rglob("*.npz"))) == 6


# Studies -----------------------------------------------------------------------------------------


def test_aggregates_rank_the_population_given() -> None:
    scores, seconds = _measure()
    parts, _ = _measure(proxies=["az_expressivity", "az_progressivity", "az_trainability", "flops"])
    expected = np.log(rankdata(parts, axis=0) / 6).sum(axis=1)
    assert scores[:, 3] == pytest.approx(expected)
    assert scores.shape == seconds.shape == (6, 4)
    assert (seconds > 0).all()


def test_seconds_hold_the_passes_that_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that ticks once a look: what is shared counts for each reader, once."""
    ticks = iter(range(1000))
    monkeypatch.setattr("time.process_time", lambda: float(next(ticks)))
    ledger = Ledger()

    def reader(name: str, *passes: str) -> None:
        with ledger.computing(name):
            for each in passes:
                ledger.once(each, lambda: None)

    reader("a", "forward")
    reader("b", "forward", "noise")
    reader("c")
    # ``computing`` looks twice: 1 for itself; what is read inside adds a look on each side.
    assert ledger.alone("c") == 1
    assert ledger.alone("a") == 3
    assert ledger.alone("b") == 4
    assert ledger.alone("a", "b") == 6


FUSSY = """
from workbench.errors import ParameterError
from workbench.predictors.zero_cost._base import Proxy

class Fussy(Proxy):
    '''The number of weights, of networks with more than {least}.'''

    higher_is_better = False

    def score(self, passes):
        count = sum(weight.numel() for weight in passes.weights)
        if count <= {least}:
            raise ParameterError("too small")
        return float(count)
"""


def test_a_proxy_in_a_file_works_by_its_path(tmp_path: Path, built: list[Any]) -> None:
    path = tmp_path / "fussy.py"
    path.write_text(FUSSY.format(least=0), encoding="utf-8")
    check_proxy(str(path))
    found = _made(proxies=[str(path)]).transform(ARCHS)
    assert found.shape == (6, 1)
    _measure(proxies=[str(path)])
    assert len(built) == 6


def test_rows_that_fail_are_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counts = _measure(proxies=["params"])[0][:, 0]
    path = tmp_path / "fussy.py"
    path.write_text(FUSSY.format(least=int(np.median(counts)) - 80), encoding="utf-8")
    steps: list[Any] = []
    with caplog.at_level(logging.WARNING):
        scores, _ = _measure(proxies=[str(path)], progress=lambda *n: steps.append(n))
    failed = int(np.isnan(scores).sum())
    assert 0 < failed < 6
    assert steps[-1] == (6, 6, failed)
    assert f"{failed} of 6 architectures do not have all scores" in caplog.text
    both, _ = _measure(proxies=[str(path), "params"])
    np.testing.assert_array_equal(np.isnan(both[:, 0]), np.isnan(scores[:, 0]))
    np.testing.assert_array_equal(both[:, 1], counts)
    path = tmp_path / "never.py"
    path.write_text(FUSSY.format(least=10**9).replace("Fussy", "Never"), encoding="utf-8")
    with pytest.raises(ParameterError, match="too small"):
        _measure(proxies=[str(path)])


def test_what_failed_is_not_tried_again(
    tmp_path: Path, built: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "fussy.py"
    path.write_text(FUSSY.format(least=10**9), encoding="utf-8")
    _measure(proxies=["params", str(path)])
    caplog.clear()
    scores, _ = _measure(proxies=["params", str(path)])
    assert len(built) == 6
    assert not caplog.text
    assert np.isnan(scores[:, 1]).all()
    with pytest.raises(ParameterError, match="too small"):
        _measure(proxies=[str(path)])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": -5}, "'batch_size'.*2 or more.*Got -5"),
        ({"batch_size": 2.5}, "'batch_size'"),
        ({"random_state": None}, "'random_state'.*0 or more.*Got None"),
        ({"workers": 0}, "'workers'.*1 or more"),
        ({"proxies": "nwot"}, "'proxies'.*list of one name or more.*Got 'nwot'"),
        ({"proxies": []}, "'proxies'"),
        ({"network": {"seed": 3}}, "network of nb201 has no setting 'seed'; known: cells"),
        ({"network": {"chanels": 3}}, "no setting 'chanels'; did you mean 'channels'"),
    ],
)
def test_wrong_values_are_refused(options: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        _made(**options).fit_transform(ARCHS)


def test_the_encoding_by_name_says_what_it_needs() -> None:
    with pytest.raises(ParameterError, match="given with dataset, which it needs"):
        pipeline("nb201", "ridge", "zero_cost")


def test_wrong_settings_and_names_are_refused() -> None:
    with pytest.raises(ParameterError, match="depth"):
        _measure(network={"depth": 3})
    with pytest.raises(UnknownName, match="zero-cost proxy"):
        _measure(proxies=["snipp"])


# Contract ----------------------------------------------------------------------------------------

BODIES = {
    "a score is nan": "return float('nan')",
    "a score is int": "return 3",
    "changes the network": "passes.network.zero_grad(); passes.network.eval(); return 1.0",
    "torch's own generator": "import torch; return float(torch.rand(1))",
    "what it shares": "passes.weights[0].data.zero_(); return 1.0",
}


@pytest.mark.parametrize("words", BODIES)
def test_the_suite_finds_faults(words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(
        "from workbench.predictors.zero_cost._base import Proxy\n"
        "class Bad(Proxy):\n    '''Bad.'''\n    def score(self, passes):\n"
        f"        {BODIES[words]}\n",
        encoding="utf-8",
    )
    state = torch.get_rng_state()
    with pytest.raises(AssertionError, match=words):
        _without_repetition(str(path))
    torch.set_rng_state(state)


def _without_repetition(path: str) -> None:
    """Run the suite but for ``same_again``, which finds most faults first."""
    for check in proxy_checks():
        if check.__name__ != "same_again":
            check(path)


def test_workbench_check_knows_proxies(tmp_path: Path) -> None:
    """Also one in a file; a space's name is that of its network, which has no suite."""
    path = tmp_path / "fussy.py"
    path.write_text(FUSSY.format(least=0), encoding="utf-8")
    for name in ("snip", "az_nas", str(path)):
        assert [fault for _, fault in check_plugin(name) if fault is not None] == []
    assert _families("nb201") == ["spaces", "benchmarks"]


# Documentation -----------------------------------------------------------------------------------

PAGE = (Path(__file__).parent.parent / "docs" / "proxies.md").read_text(encoding="utf-8")


def test_code_of_the_page_works(tmp_path: Path) -> None:
    first, second, own = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    seen: dict[str, Any] = {}
    state = torch.get_rng_state()
    exec(first + second, seen)
    torch.set_rng_state(state)
    assert seen["X"].shape == (4, 3)
    assert seen["scores"].shape == seen["seconds"].shape == (4, 2)
    path = tmp_path / "spread.py"
    path.write_text(own, encoding="utf-8")
    check_proxy(str(path))


def test_the_page_lists_every_proxy_in_its_direction() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert rows == list(ALL)
    assert "Higher is better in all of them" in PAGE
    assert all(proxy_of(name).higher_is_better for name in ALL)
