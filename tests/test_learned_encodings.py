"""arch2vec and CATE: what they learn, that it is kept, and that it depends on nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.exceptions import NotFittedError

from workbench.encodings import _learned
from workbench.encodings._graph_batch import graph_batch
from workbench.encodings.arch2vec import Arch2Vec
from workbench.encodings.cate import Cate
from workbench.errors import NoGraph, ParameterError
from workbench.spaces import Space, space

NB201 = space("nb201")
BOTH = pytest.mark.parametrize("cls", [Arch2Vec, Cate])


@pytest.fixture
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    _learned._embeddings.cache_clear()
    yield
    _learned._embeddings.cache_clear()


def _part(rows: int = 800) -> Space:
    mask = np.zeros(NB201.cardinality, dtype=np.bool_)
    mask[np.random.default_rng(0).permutation(len(mask))[:rows]] = True
    mask |= mask[NB201.index(NB201.canonical(NB201.all()))]
    return NB201.restrict(_closed(mask))


def _closed(mask: Any) -> Any:
    """Return the mask with the representative of every row in it."""
    rows = NB201.all()[mask]
    mask = mask.copy()
    mask[NB201.index(NB201.canonical(rows))] = True
    return mask


@BOTH
@pytest.mark.usefixtures("_own_cache")
def test_learned_once_and_kept(cls: Any, tmp_path: Path) -> None:
    """Another process, with another hash seed, reads the same numbers; parameters make others."""
    where = _part()
    rows = where.all()
    first = cls(where, epochs=2).fit(rows[:5]).transform(rows)
    files = sorted(p.name for p in (tmp_path / "cache").glob("*.npz"))
    assert len(files) == 1
    stamp = (tmp_path / "cache" / files[0]).stat().st_mtime_ns
    _learned._embeddings.cache_clear()
    again = cls(where, epochs=2).fit(rows[5:9]).transform(rows)
    assert (again == first).all()
    assert (tmp_path / "cache" / files[0]).stat().st_mtime_ns == stamp
    other = cls(where, epochs=2, random_state=1).fit(rows).transform(rows)
    assert not np.allclose(other, first)
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 2


@BOTH
def test_training_again_gives_the_same_bits(
    cls: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import sys, numpy as np; from tests.test_learned_encodings import _part;"
        f"from workbench.encodings.{cls.__name__.lower()} import {cls.__name__} as C;"
        "s = _part(); f = C(s, epochs=1).fit(None).transform(s.all());"
        "print(f.astype(np.float64).tobytes().hex()[:4000])"
    )
    found = set()
    for seed in ("1", "2"):
        environment = {"PATH": "/usr/bin", "PYTHONHASHSEED": seed}
        environment["WORKBENCH_CACHE"] = str(tmp_path / seed)
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1


@BOTH
@pytest.mark.usefixtures("_own_cache")
def test_isomorphic_architectures_get_the_same_row(cls: Any) -> None:
    rows = NB201.all()[::3]
    encoding = cls(NB201, epochs=1).fit(rows)
    assert (encoding.transform(rows) == encoding.transform(NB201.canonical(rows))).all()


@pytest.mark.usefixtures("_own_cache")
def test_arch2vec_gives_back_operations_and_edges() -> None:
    """Its decoder, from codes alone: guessing the commonest operation is right in a third."""
    where = _part()
    encoding = Arch2Vec(where, epochs=60)
    batch, _ = graph_batch(where, where.all())
    names = where.graphs(where.all()[:1]).names
    weights = encoding._train(batch, names)
    network = encoding._network(len(names))
    network.load_state_dict({k: torch.from_numpy(np.asarray(v)) for k, v in weights.items()})
    nodes, edges = batch.one_hot(len(names)), batch.edges()
    with torch.no_grad():
        mean, _ = network.posterior(nodes, edges)
        guessed = network.operations(mean).argmax(-1).numpy()
        linked = (mean @ mean.transpose(1, 2)).numpy() > 0
    there = batch.operations >= 0
    assert (guessed == batch.operations)[there].mean() > 0.9
    pairs = there[:, :, None] & there[:, None, :] & ~np.eye(8, dtype=np.bool_)
    true = batch.adjacency | batch.adjacency.transpose(0, 2, 1)
    chance = max(true[pairs].mean(), 1 - true[pairs].mean())
    assert (linked == true)[pairs].mean() > chance + 0.1


@pytest.mark.usefixtures("_own_cache")
def test_cate_guesses_hidden_operations_better_than_their_frequencies_do() -> None:
    """The loss without a model is the entropy of the operations; with one it is lower."""
    where = _part()
    encoding = Cate(where, epochs=20)
    batch, _ = graph_batch(where, where.all())
    names = where.graphs(where.all()[:1]).names
    weights = encoding._train(batch, names)
    network = encoding._network(len(names), batch.operations.shape[1])
    network.load_state_dict({k: torch.from_numpy(np.asarray(v)) for k, v in weights.items()})
    from workbench.encodings.cate import _cost, _masks, _tokens

    order = np.argsort(_cost(batch, names), kind="stable")
    tokens, masks = _tokens(batch), _masks(batch)
    one, other = torch.from_numpy(order[:-1].copy()), torch.from_numpy(order[1:].copy())
    with torch.no_grad():
        loss = network.loss(
            tokens[one], masks[one], tokens[other], masks[other], torch.Generator().manual_seed(0)
        )
    inner = batch.operations[(batch.operations >= 0) & (batch.operations < len(names) - 2)]
    part = np.bincount(inner) / len(inner)
    entropy = -(part[part > 0] * np.log(part[part > 0])).sum()
    assert float(loss) < entropy - 0.05


@BOTH
@pytest.mark.usefixtures("_own_cache")
def test_near_architectures_have_near_embeddings(cls: Any) -> None:
    """Edit distance of canonical cells and that of embeddings: five errors above no relation."""
    where = _part(2000)
    rows = where.canonical(where.all())
    found = cls(where, epochs=8).fit(rows).transform(rows)
    rng = np.random.default_rng(0)
    a, b = rng.integers(len(rows), size=(2, 3000))
    edits = (rows[a] != rows[b]).sum(1)
    apart = np.linalg.norm(found[a] - found[b], axis=1)
    assert spearmanr(edits, apart).statistic > 5 / 3000**0.5


@BOTH
def test_large_spaces_are_learned_from_what_is_given(
    cls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_learned, "LISTABLE", 10)
    rows = NB201.all()[::20]
    encoding = cls(NB201, epochs=2)
    with pytest.raises(NotFittedError, match="too large to list"):
        encoding.transform(rows)
    batch = encoding.fit(rows).transform(rows)
    alone = np.concatenate([encoding.transform(rows[i : i + 1]) for i in range(40)])
    assert (alone == batch[:40]).all()
    assert (encoding.transform(rows[::-1]) == batch[::-1]).all()


@BOTH
def test_bad_parameters_and_spaces_are_refused(cls: Any) -> None:
    for name, value in (("dimension", 0), ("epochs", 1.5), ("random_state", -1), ("depth", 0)):
        with pytest.raises(ParameterError, match=f"The '{name}' parameter of {cls.__name__}"):
            cls(NB201, **{name: value}).fit(NB201.all()[:5])
    with pytest.raises(NoGraph, match="fcnet"):
        cls(space("fcnet")).fit(space("fcnet").sample(3, np.random.default_rng(0)))
    with pytest.raises(ParameterError, match="multiple of 4"):
        Cate(NB201, dimension=6).fit(NB201.all()[:5])


@BOTH
def test_learning_goes_on_where_nothing_can_be_stored(
    cls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", "/proc/nowhere")
    _learned._embeddings.cache_clear()
    where = _part(100)
    assert cls(where, epochs=1).fit(where.all()).transform(where.all()).shape[0] == len(where.all())
    _learned._embeddings.cache_clear()
