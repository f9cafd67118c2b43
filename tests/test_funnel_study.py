"""A funnel in a study: its ledger by hand, what the report shows of it, faults."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from tests.funnels import BENCH, STAGES
from workbench.data._base import Benchmark
from workbench.errors import PluginError, StudyError
from workbench.harness.drive import run_study
from workbench.harness.funnel import measures_of, top_score
from workbench.harness.plan import prepare
from workbench.harness.store import read_measures, read_tasks
from workbench.harness.study import parse_study
from workbench.harness.tasks import perform
from workbench.report.funnel import stages_of
from workbench.report.page import content
from workbench.report.results import read_results, summary, write_results
from workbench.report.write import write_all
from workbench.strategies._funnel import Passage
from workbench.types import Task


def _study(*strategies: Any, **more: Any) -> Any:
    study = {"name": "small", "benchmarks": [BENCH], "replicates": 2, "workers": 4}
    listed = {"strategies": list(strategies)} if strategies else {}
    return parse_study(study | listed | {"budget": {"seconds": 8.0}} | more)


class Small(Benchmark):
    """Four architectures of known truth: 10, 20, 30 and 40."""

    name, epochs, optimum, has_cost = "small", (1, 2), 40.0, True

    def __init__(self) -> None:
        from workbench.spaces import Space
        from workbench.types import Decision

        self.space = Space("four", [Decision("a", (1, 2, 3, 4), "ordered")])

    def query(self, arch: Any, epoch: int, replicate: int) -> Any:
        raise NotImplementedError

    def query_many(self, archs: Any, epochs: Any, replicates: Any) -> Any:
        raise NotImplementedError

    def replicates(self, archs: Any) -> Any:
        return None

    def truth(self, archs: Any, metric: str | None = None) -> Any:
        return 10.0 * (np.asarray(archs)[:, 0] + 1)


def _passage(stage: str, arrived: Sequence[int], let: Sequence[int] | None, *asked: int) -> Passage:
    archs = [tuple((i,) for i in some) if some is not None else None for some in (arrived, let)]
    assert archs[0] is not None
    return Passage(stage, archs[0], list(asked), archs[1])


def test_the_ledger_by_hand() -> None:
    """Two rounds and one that the budget ended; the top 1 % of four is the one of truth 40."""
    bench = Small()
    assert top_score(bench) == 40
    ledger = [
        _passage("proxies", [0, 1, 3], [1, 3], 0),  # keeps the best
        _passage("full", [1, 3], [1, 3], 1, 2),
        _passage("proxies", [0, 2, 3], [0, 2], 3),  # loses it: 40 - 30
        _passage("full", [0, 2], None, 4, 5),  # is cut off: one of its trainings was told
    ]
    seconds = {0: 0.5, 1: 2.0, 2: 3.0, 3: 0.25, 4: 1.5}
    found: dict[str, dict[str, float]] = {}
    for measure in measures_of(ledger, seconds, bench):
        assert measure.size == ("proxies", "full").index(measure.test_set)
        found.setdefault(measure.test_set, {})[measure.metric] = measure.value
    assert found == {
        "proxies": {
            "rounds": 2, "ranked": 2, "in": 6, "out": 4, "seconds": 0.75,
            "hits_in": 2, "hits_out": 1, "regret": 5,
        },
        "full": {
            "rounds": 1, "ranked": 1, "in": 2, "out": 2, "seconds": 6.5,
            "hits_in": 1, "hits_out": 1, "regret": 0,
        },
    }  # fmt: skip


def test_ledger_and_records_agree_and_the_report_shows_them(tmp_path: Path) -> None:
    """Seconds of the stages add up to those of told trials and tasks, and to the cost table."""
    study = _study({"name": "filtered", "ablate": True})
    run_study(study, tmp_path)
    measures, tasks = read_measures(tmp_path), read_tasks(tmp_path)
    results = read_results(tmp_path)
    for run_number, mine in measures.groupby("run"):
        stages = mine[mine["metric"] == "seconds"]["value"].sum()
        trials = results.trials.loc[results.trials["run"] == run_number, "cost"].sum()
        told = trials + tasks.loc[tasks["run"] == run_number, "cost"].sum()
        assert stages == pytest.approx(told, rel=1e-12)
        assert told <= 8 * 4
    shown = content(results)
    spent = {row.strategy: row.training for row in shown["cost"]}
    assert shown["cost_unit"] == "seconds"
    for label in results.strategies:
        stages_seconds = sum(s.seconds for s in stages_of(results, BENCH, label))
        assert spent[label] == pytest.approx(stages_seconds)
    titles = [drawing.title for drawing in shown["drawings"]]
    assert {"What the funnel lets through", "What each stage is worth"} <= {*titles}
    assert len(shown["ablation"]) == 3
    page = write_all(tmp_path).report.read_text(encoding="utf-8")
    assert "its seconds are also those of rounds that the budget cut off" in page
    write_results(results, summary(results))
    told_of = json.loads((tmp_path / "summary.json").read_text())["benchmarks"][BENCH]["strategies"]
    assert {*told_of} == {"filtered", *(f"filtered without {stage}" for stage in STAGES)}
    whole = told_of["filtered"]["stages"]
    assert sorted(whole, key=lambda name: whole[name]["position"]) == [*STAGES, "full"]
    assert 0 < whole["proxies"]["seconds"] < whole["short"]["seconds"]
    assert "proxies" not in told_of["filtered without proxies"]["stages"]


def test_processes_do_not_change_a_bit_and_a_killed_study_goes_on(tmp_path: Path) -> None:
    study = _study({"name": "filtered", "ablate": True}, budget={"seconds": 5.0})
    run_study(study, tmp_path / "one", workers=1)
    run_study(study, tmp_path / "two", workers=2)
    with closing(sqlite3.connect(tmp_path / "two" / "study.sqlite")) as db:
        for table in ("trials", "tasks", "measures", "runs"):
            db.execute(f"DELETE FROM {table} WHERE run IN (1, 2, 6)")
        db.commit()
    outcome = run_study(study, tmp_path / "two", workers=1)
    assert outcome.ran == 3
    one, two = (read_results(tmp_path / name) for name in ("one", "two"))
    for frame in ("trials", "tasks", "measures"):
        pd.testing.assert_frame_equal(getattr(one, frame), getattr(two, frame), check_exact=True)
    assert len(one.tasks) > 10


def test_a_funnel_section_is_an_entry_of_filtered() -> None:
    section = _study(funnel={"ablate": True, "candidates": 50, "stages": ["proxies", "short"]})
    written = _study(
        {"name": "filtered", "candidates": 50, "stages": ["proxies", "short"], "ablate": True}
    )
    assert section == written
    assert [(e.label, e.parameters["stages"]) for e in section.strategies] == [
        ("filtered", ["proxies", "short"]),
        ("filtered without proxies", ["short"]),
        ("filtered without short", ["proxies"]),
    ]
    beside = _study("random_search", funnel={"label": "mine"})
    assert [e.label for e in beside.strategies] == ["random_search", "mine"]


@pytest.mark.parametrize(
    ("funnel", "said"),
    [
        ({"ablate": 1}, "ablate must be true or false; got 1"),
        ({"name": "asha"}, "holds parameters of filtered, and no name"),
        ({"stages": ["proxies", "cheap"]}, r"\[0\].stages: .* Got \['proxies', 'cheap'\]"),
        ({"keep": {"proxies": 1.5}}, r"strategies\[0\].keep: .* Got \{'proxies': 1.5\}"),
        ({"keep": {"full": 2}}, r"strategies\[0\].keep: .*'full': 2"),
        ({"proxies": ["synflo"]}, r"strategies\[0\].proxies: .* Got 'synflo'"),
        ({"proxies": ["az_nas"]}, r"strategies\[0\].*unknown stored zero-cost score 'az_nas'"),
        ({"short_epochs": 24}, r"strategies\[0\].short_epochs: .* Got 24"),
        ({"extrapolator": "sotl"}, r"strategies\[0\].extrapolator: .* reads scores.* Got 'sotl'"),
        ({"proposer": "asha"}, r"strategies\[0\].proposer: .*whole trainings.* Got 'asha'"),
        ({"proposer": "randm"}, "unknown strategy 'randm'"),
        ({"proposer": {"name": "reinforce", "rate": 1}}, r"proposer: .*and no 'rate'"),
        ({"proposer": 3}, r"strategies\[0\].proposer: .* Got 3"),
        ({"acquisition": "ucb", "predictor": "ridge"}, r"strategies\[0\].acquisition: .* 'mean'"),
        ({"predictor": {"name": "ridge", "alpha": "a"}, "acquisition": "mean"}, "predictor"),
    ],
)  # fmt: skip
def test_faults_say_what_to_do_before_anything_runs(funnel: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        prepare(_study(funnel=funnel))


def test_what_a_table_cannot_give_is_refused_with_its_remedy() -> None:
    with pytest.raises(StudyError, match=r"\[0\]: .* without 'short' .*\(200\)"):
        prepare(_study("filtered", benchmarks=["nb201/cifar10"]))
    two = {"name": "filtered", "stages": ["proxies", "predictor"]}
    with pytest.raises(StudyError, match=r"\[0\]: .* data set for nb201/cifar10.* leave"):
        prepare(_study(two, benchmarks=["nb201/cifar10"]))
    prepare(_study({**two, "stages": ["predictor"]}, benchmarks=["nb201/cifar10"]))
    with pytest.raises(StudyError, match="asha has no stages"):
        _study({"name": "asha", "ablate": True})
    with pytest.raises(PluginError, match="there is no task 'supernet'; tasks are proxies"):
        perform(Task(0, "supernet"), wb.benchmark(BENCH))
