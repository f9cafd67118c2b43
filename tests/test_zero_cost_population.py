"""Scores of populations: a transformer, parallel, by name and from files of one's own."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline, make_union

from tests.populations import ARCHS, FUSSY, NB201, NOISE, SMALL, measured, transformer
from workbench.encodings.one_hot import OneHot
from workbench.errors import ArchitectureError, ParameterError, UnknownName
from workbench.networks import build
from workbench.predictors._pipeline import pipeline
from workbench.predictors.zero_cost._batch import batch_of
from workbench.predictors.zero_cost._score import proxy_of
from workbench.predictors.zero_cost._shared import Ledger
from workbench.proxies import ALL, Noise, ZeroCost, measure, score
from workbench.testing.proxies import check_proxy, proxy_checks
from workbench.testing.run import _families, check_plugin
from workbench.training.datasets import load

pytestmark = pytest.mark.usefixtures("cache")


# Transformer -------------------------------------------------------------------------------------


def test_columns_are_scores_and_the_parts_of_aggregates() -> None:
    columns = ["snip", "synflow", "swap"]
    columns += ["az_expressivity", "az_progressivity", "az_trainability", "flops"]
    encoding = transformer()
    assert encoding.get_feature_names_out().tolist() == columns
    found = encoding.transform(ARCHS)
    assert found.shape == (6, 7)
    assert np.isfinite(found).all()
    network = build(NB201, tuple(ARCHS[2].tolist()), (1, 8, 8), 3, **SMALL)
    batch = batch_of(NOISE, 8, 0)
    direct = score(network, batch.x, batch.y, columns)
    assert found[2].tolist() == list(direct.values())


def test_rows_do_not_depend_on_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = transformer().transform(ARCHS)
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "another"))
    alone = [transformer().transform(ARCHS[i : i + 1])[0] for i in reversed(range(6))]
    assert (together == alone[::-1]).all()
    assert transformer().transform(ARCHS[:0]).shape == (0, 7)


def test_processes_do_not_change_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = transformer().transform(ARCHS)
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "another"))
    assert (transformer(workers=2).transform(ARCHS) == one).all()


def test_it_clones_pickles_and_joins() -> None:
    encoding = transformer()
    found = encoding.transform(ARCHS)
    for copy in (clone(encoding), pickle.loads(pickle.dumps(encoding))):
        assert (copy.fit(ARCHS).transform(ARCHS) == found).all()
    both = make_union(transformer(), OneHot(NB201))
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
    assert batch_of((X, y), None, 0).digest() == first.digest()
    assert batch_of((np.arange(130.0)[:, None], np.arange(130)), None, 0).x.shape == (64, 1)
    assert batch_of(NOISE, None, 0).digest() == batch_of(NOISE, 64, 0).digest()
    for size, rows in ((64, 20), (None, 1)):
        with pytest.raises(ParameterError, match=f"must have {size or 2} examples, one batch"):
            batch_of((X[:rows], y[:rows]), size, 0)
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


# Studies -----------------------------------------------------------------------------------------


def test_aggregates_rank_the_population_given() -> None:
    scores, seconds = measured()
    parts, _ = measured(proxies=["az_expressivity", "az_progressivity", "az_trainability", "flops"])
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
        transformer(**options).fit_transform(ARCHS)


def test_the_encoding_by_name_says_what_it_needs() -> None:
    with pytest.raises(ParameterError, match="given with dataset, which it needs"):
        pipeline("nb201", "ridge", "zero_cost")


def test_wrong_settings_and_names_are_refused() -> None:
    with pytest.raises(ParameterError, match="depth"):
        measured(network={"depth": 3})
    with pytest.raises(UnknownName, match="zero-cost proxy"):
        measured(proxies=["snipp"])


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
