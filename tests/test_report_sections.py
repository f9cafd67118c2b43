"""What the sections of a report say of strategies, against brute force over the same runs."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import scikit_posthocs

from workbench.harness.drive import run_study
from workbench.harness.study import parse_study
from workbench.report import overfitting
from workbench.report.checklist import NO, YES, practices
from workbench.report.numbers import difference
from workbench.report.over_benchmarks import (
    complete,
    leading,
    matrices,
    needed,
    pairs,
    ranked,
    stabilities,
    task_means,
    too_few,
)
from workbench.report.page import content
from workbench.report.results import Results, pooled, read_results
from workbench.report.run_length import TARGETS, areas, distributions, expected, lengths_of
from workbench.statistics.aggregates import mean as pooled_mean

NAMES = ["random_search", "regularized_evolution", "local_search"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("sections")
    run_study(
        parse_study(
            {
                "name": "sections",
                "replicates": 7,
                "budget": {"queries": 40},
                "benchmarks": ["nb201/cifar10", "nb201/cifar100", "nbgraph/cora"],
                "strategies": NAMES,
            }
        ),
        folder,
    )
    return read_results(folder)


def _runs(results: Results, bench: str, strategy: str) -> list[list[float]]:
    """Return what is left of the way to the optimum after each query of each run."""
    of = results.trials
    of = of[(of["benchmark"] == bench) & (of["strategy"] == strategy)]
    return [(1 - run["normalised"]).tolist() for _, run in of.groupby("run")]


def test_expected_running_time_is_spent_over_successes(results: Results) -> None:
    found = expected(results)
    for bench, strategy in itertools.product(results.benchmarks, NAMES):
        runs = _runs(results, bench, strategy)
        for target, cell in zip(TARGETS, found[bench][strategy], strict=True):
            first = [next((i for i, v in enumerate(r, 1) if v <= target), None) for r in runs]
            spent = sum(len(r) if f is None else f for r, f in zip(runs, first, strict=True))
            reached = sum(f is not None for f in first)
            assert (cell.successes, cell.runs) == (reached, 7)
            assert cell.expected == pytest.approx(spent / reached if reached else np.inf)
            assert cell.low <= cell.expected <= cell.high


def test_area_is_the_mean_logarithm_of_what_is_left(results: Results) -> None:
    """From the first incumbents to the end of 40 queries; below .5 % counts as .5 %."""
    found = areas(results)
    for bench, strategy in itertools.product(results.benchmarks, NAMES):
        runs = _runs(results, bench, strategy)
        cell = found[bench][strategy]
        each = [np.mean([np.log10(max(left, 0.005)) for left in run]) for run in runs]
        assert cell.estimate == pytest.approx(np.mean(each))
        assert cell.low < cell.estimate < cell.high


def test_area_over_seconds_weighs_a_score_by_how_long_it_held(results: Results) -> None:
    """As if seconds alone were limited, to one more than the last training took to end."""
    trials = results.trials[results.trials["benchmark"] == "nb201/cifar10"]
    until = trials["ended"].max() + 1
    budget = {"queries": None, "seconds": until}
    meta = results.meta | {"study": results.meta["study"] | {"budget": budget}}
    found = areas(results._replace(meta=meta))["nb201/cifar10"]
    assert "nbgraph/cora" not in found
    start = trials.groupby("run")["ended"].min().max()
    for strategy, mine in trials.groupby("strategy"):
        each = []
        for _, run in mine.groupby("run"):
            ends = np.append(run["ended"].to_numpy()[1:], until)
            held = np.maximum(ends, start) - np.maximum(run["ended"], start)
            left = np.log10(np.maximum(1 - run["normalised"], 0.005))
            each.append((held * left).sum() / (until - start))
        assert found[str(strategy)].estimate == pytest.approx(np.mean(each))


def test_benchmarks_on_which_all_are_near_the_optimum_are_named(results: Results) -> None:
    final = results.final.copy()
    final.loc[final["benchmark"] == "nbgraph/cora", "normalised"] = 0.995
    assert content(results)["saturated"] == []
    assert content(results._replace(final=final))["saturated"] == ["nbgraph/cora"]


def test_scores_are_pooled_in_other_ways_too(results: Results) -> None:
    for strategy, (mean, median, gap) in content(results)["aggregates"]:
        means = [of[strategy].mean() for of in complete(results).values()]
        assert mean.estimate == pytest.approx(np.mean(means))
        assert median.estimate == pytest.approx(np.median(means))
        assert gap.estimate == pytest.approx(1 - np.mean(means))


def test_benchmarks_weigh_the_same_where_runs_failed(results: Results) -> None:
    """Of three benchmarks one has a single run left: its score is a third of the mean."""
    final = results.final
    left = final[(final["benchmark"] != "nbgraph/cora") | (final["run_replicate"] == 0)]
    found = pooled(results._replace(final=left), pooled_mean)["random_search"]
    scores = [of["random_search"].mean() for of in results.scores("normalised").values()]
    assert found.estimate != pytest.approx(np.mean(scores))
    scores[-1] = results.scores("normalised")["nbgraph/cora"]["random_search"][0]
    assert found.estimate == pytest.approx(np.mean(scores))


def test_seconds_to_a_target_are_when_the_incumbent_was_told(results: Results) -> None:
    """Benchmarks without seconds are left out."""
    found = lengths_of(results, "ended")
    assert list(found) == ["nb201/cifar10", "nb201/cifar100"]
    runs = found["nb201/cifar10"]["random_search"]
    of = results.trials
    of = of[(of["benchmark"] == "nb201/cifar10") & (of["strategy"] == "random_search")]
    wanted = []
    for _, run in of.groupby("run"):
        good = run[1 - run["normalised"] <= 0.2]
        wanted.append(good["ended"].min() if len(good) else np.inf)
    assert runs.to(np.array([0.2]))[:, 0].tolist() == wanted


def test_run_length_distribution_ends_at_the_share_reached(results: Results) -> None:
    frame = distributions(results, "query")
    for strategy, mine in frame.groupby("strategy"):
        shares = []
        for bench in results.benchmarks:
            best = np.array([min(run) for run in _runs(results, bench, str(strategy))])
            shares.append(np.mean(best[:, None] <= np.geomspace(0.5, 0.005, 21)))
        assert mine["reached"].iloc[-1] == pytest.approx(np.mean(shares))
        assert mine["reached"].is_monotonic_increasing


def test_overfitting_is_what_the_best_tested_training_would_have_brought(results: Results) -> None:
    bench = "nbgraph/cora"
    trials = results.trials[results.trials["benchmark"] == bench]
    known = overfitting.best_known(results, bench)
    assert known == trials["test"].max()
    for cost in overfitting.costs(results, bench):
        mine = trials[trials["strategy"] == cost.strategy]
        chosen, best = [], []
        for _, run in mine.groupby("run"):
            chosen.append(run["test"].iloc[int(run["score"].argmax())])
            best.append(run["test"].max())
        assert cost.test == pytest.approx(np.mean(chosen))
        assert cost.own == pytest.approx(np.mean(best) - np.mean(chosen))
        assert cost.known == pytest.approx(known - np.mean(chosen))
        assert cost.right == pytest.approx(np.mean(np.array(chosen) == np.array(best)))
    assert overfitting.costs(results, "nb201/cifar10") == []


def test_percentages_differ_by_percentage_points(results: Results) -> None:
    """As if the accuracies of cora were percentages; it has fractions."""
    bench = "nbgraph/cora"
    own = np.mean([cost.own for cost in overfitting.costs(results, bench)])
    facts = results.meta["benchmarks"]
    other = facts[bench] | {"test": facts[bench]["test"] | {"unit": "%"}}
    changed = results._replace(meta=results.meta | {"benchmarks": facts | {bench: other}})
    assert f"ended {own:.2g} better on average;" in overfitting.words(results)[0]
    assert f"ended {own:.2g} percentage points better" in overfitting.words(changed)[0]
    assert [difference(1.0, "%"), difference(0.5, "s")] == ["1 percentage point", "0.5 s"]


def test_chance_of_improvement_counts_pairs_of_runs(results: Results) -> None:
    order = ["regularized_evolution", "random_search", "local_search"]
    for lead in leading(results, order):
        wins = []
        for scores in complete(results).values():
            a, b = scores["regularized_evolution"], scores[lead.other]
            wins.append(np.mean([(x > y) + (x == y) / 2 for x in a for y in b]))
        assert lead.chance.estimate == pytest.approx(np.mean(wins))
        assert lead.chance.low <= lead.chance.estimate <= lead.chance.high


def test_replicates_of_all_strategies_stand_in_one_row(results: Results) -> None:
    final = results.final.set_index(["strategy", "benchmark", "run_replicate"])["normalised"]
    for strategy, scores in matrices(results).items():
        for (i, j), score in np.ndenumerate(scores):
            assert score == final[strategy, results.benchmarks[j], i]


def test_little_is_said_of_few_benchmarks(results: Results) -> None:
    assert pairs(results) == []
    assert any("No test over benchmarks: with 3 benchmarks" in said for said in too_few(results))
    found = ranked(results)
    assert found is not None
    names = {drawing.name for drawing in content(results)["drawings"]}
    assert "critical-differences" not in names
    assert {"run-lengths", "profile", "improvement", "scores-seconds"} <= names
    assert {part: len(s.tau) for part, s in stabilities(results).items()} == {
        "benchmark": 3,
        "seed": 7,
    }


def test_runs_needed_grow_as_the_effect_shrinks(results: Results) -> None:
    """The interval's end nearer to no effect needs more, without bound where it holds none."""
    for by_bench in needed(results, NAMES[::-1], 9).values():
        for n in by_bench.values():
            assert n.least is not None
            if n.observed is not None:
                assert n.least <= n.observed
                assert n.most is None or n.observed <= n.most


def test_many_benchmarks_bring_ranks_and_pairs(tmp_path: Path) -> None:
    tasks = ["nb201/cifar10", "nb201/cifar100", "nb201/imagenet16-120"]
    tasks += [f"nbgraph/{d}" for d in ("cora", "citeseer", "pubmed", "cs", "physics", "photo")]
    data = {"name": "many", "replicates": 3, "budget": {"queries": 8}}
    run_study(
        parse_study(data | {"benchmarks": [*tasks, "mlp/car"], "strategies": NAMES}), tmp_path
    )
    many = read_results(tmp_path)
    assert len(pairs(many)) == 3
    other = scikit_posthocs.posthoc_nemenyi_friedman(
        np.array(list(task_means(matrices(many)).values())).T
    ).to_numpy()
    for pair in pairs(many):
        assert sum(pair.posterior) == pytest.approx(1)
        place = NAMES.index(pair.test.best), NAMES.index(pair.test.other)
        assert pair.nemenyi == pytest.approx(other[place], abs=1e-6)
    assert too_few(many) == []
    # 2**-5 is what the test can reach with 6 pairs, and three pairs of strategies are tested.
    six = many._replace(
        meta=many.meta | {"benchmarks": dict([*many.meta["benchmarks"].items()][:6])}
    )
    assert any("cannot reach 5 % after correction for 3 pairs" in said for said in too_few(six))
    shown = content(many)
    (drawn,) = [f for f in shown["drawings"] if f.name == "critical-differences"]
    assert all(name in drawn.shown().picture for name in NAMES)


def test_the_checklist_knows_what_the_study_does(results: Results) -> None:
    found = {p.practice: p for p in practices(results.meta)}
    assert len(found) == 14
    baseline = "Compare with random sampling and random search"
    assert found[baseline].state == YES
    assert found["Run ablation studies"].state == NO
    seeds = found["Repeat with several seeds, and list them"]
    assert (seeds.state, seeds.why.partition(",")[0]) == (YES, "7 runs each")
    study = results.meta["study"]
    less = study | {"strategies": study["strategies"][1:], "replicates": 2}
    other = {p.practice: p for p in practices(results.meta | {"study": less})}
    assert other[baseline].state == NO
    assert other["Repeat with several seeds, and list them"].state == NO
    twice = [*study["strategies"], study["strategies"][1] | {"label": "again"}]
    again = {
        p.practice: p for p in practices(results.meta | {"study": study | {"strategies": twice}})
    }
    assert again["Run ablation studies"].state == YES
