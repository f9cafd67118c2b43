"""Live searches, end to end: real trainings, processes that are killed, files that are used."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from tests.searches import SMALL, funnel, small
from workbench.cli import app
from workbench.errors import ParameterError, StoreError, StudyError, UnknownName
from workbench.harness.conclude import best_of_each, in_full
from workbench.harness.drive import run_study
from workbench.harness.live_run import Told
from workbench.harness.plan import prepare
from workbench.harness.quick_search import quick_search
from workbench.harness.search import State
from workbench.harness.search_study import seconds_of
from workbench.harness.store import progress_of, read_log
from workbench.harness.study import parse_study
from workbench.harness.tasks import proxies
from workbench.proxies import measure
from workbench.report.search import read_search
from workbench.report.write import write_all
from workbench.terminal import search_view
from workbench.types import Observation, Status, Trial


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep trainings of these tests for themselves, but for all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a funnel that was searched by two processes, with its report."""
    folder = tmp_path_factory.mktemp("searched") / "s"
    run_study(funnel(budget={"queries": 8}), folder, workers=2)
    write_all(folder)
    return folder


def test_the_best_file_runs_where_the_workbench_is_not(searched: Path) -> None:
    """In a process that cannot import it: the stated test accuracy comes out, of raw digits.

    The reference is scikit-learn's own copy of the data; which digits are tested is asked of us.
    """
    from workbench.training.datasets import load

    data = load("digits", train=150, valid=80)
    digits = load_digits()
    raw = data.x_test * data.deviation + data.mean
    assert np.isin(raw.round().reshape(len(raw), -1).sum(1), digits.data.sum(1)).all()
    np.savez(searched / "raw.npz", x=raw.astype(np.float32), y=data.y_test)
    code = (
        "import sys; sys.modules['workbench'] = None\n"
        "import numpy as np, torch\nfrom best import Best\n"
        "model = Best()\n"
        "model.load_state_dict(torch.load('best.pt', weights_only=True))\nmodel.eval()\n"
        "raw = np.load('raw.npz')\n"
        "found = model(torch.from_numpy(raw['x'])).argmax(1).numpy()\n"
        "print(100 * (found == raw['y']).mean())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=searched, capture_output=True, text=True, check=True
    )
    conclusion = read_search(searched).conclusion
    assert conclusion is not None
    best = int(np.argmax(conclusion["best"]["valid"]))
    assert float(done.stdout) == pytest.approx(conclusion["best"]["test"][best], abs=100 / len(raw))


def test_what_is_concluded_is_what_the_trainings_say(searched: Path) -> None:
    """The best is the best that was told, the random one the median, by trainings done again."""
    found = read_search(searched)
    end = found.conclusion
    assert end is not None
    whole = found.trainings[found.trainings["epochs"] == 3]
    ranked = whole.sort_values("score", ascending=False, kind="stable")["architecture"]
    looked = [*dict.fromkeys(ranked)][:2]
    assert [one["text"] for one in end["finalists"]] == looked
    by_mean = max(end["finalists"], key=lambda one: sum(one["valid"]))
    assert end["best"] == by_mean
    assert len(end["best"]["test"]) == len(end["random"]["test"]) == 2
    by_score = sorted(end["drawn"], key=lambda one: one["valid"])
    assert end["random"]["text"] == by_score[1]["text"]
    assert end["random"]["valid"][0] == by_score[1]["valid"]
    assert {*map(int, end["latency"])} <= {*whole["trial"]}
    assert min(end["latency"].values()) > 0


def test_the_summary_and_the_page_are_written(searched: Path) -> None:
    summary = json.loads((searched / "summary.json").read_text())
    page = (searched / "report.html").read_text()
    assert summary["trainings"] == 8
    assert summary["verdict"][0] in page.replace("&#39;", "'")
    assert page.count("<figure>") == 4
    took = re.search(r"<td>time</td><td[^>]*>(.*?)</td>", page)
    assert took is not None
    assert "for what the strategy itself computes" in took[1]
    assert '<a href="#what-it-cost">' in took[1]
    stages = {name: n for name, n, _ in summary["costs"]}
    assert stages["task: proxies"] >= 1
    progress = progress_of(searched)
    assert (progress["finished"], progress["trainings"]) == (1, 8)
    said = CliRunner().invoke(app, ["status", str(searched)]).stdout
    assert said == "small: 8 trainings; the search has ended\n"


def test_a_finished_search_is_not_done_again(searched: Path) -> None:
    before = read_log(searched)
    assert run_study(funnel(budget={"queries": 8}), searched).ran == 0
    assert read_log(searched) == before


def test_a_search_whose_time_was_up_is_not_done_again(tmp_path: Path) -> None:
    """Also what was under way when it was up, although the last entry of the log is earlier."""
    run_study(small(), tmp_path / "first")  # what it trains is looked up, however busy the machine
    study = small(budget={"seconds": 5.0})
    assert run_study(study, tmp_path / "s").ran == 1
    before = read_log(tmp_path / "s")
    assert run_study(study, tmp_path / "s").ran == 0
    assert read_log(tmp_path / "s") == before


def test_the_best_are_ranked_by_their_best_trainings() -> None:
    """Cells a and b, of which a was trained best, and worst too."""
    told = [
        Told(Trial(i, arch, 3), Observation(Status.OK, score, 3), {}, i, 0.0)
        for i, (arch, score) in enumerate([((0,), 97.6), ((0,), 97.9), ((1,), 96.6), ((0,), 96.0)])
    ]
    found = best_of_each(in_full(told, 3))
    assert [one.trial.id for one in found] == [1, 2]


def test_a_longer_budget_goes_on_and_concludes_anew(tmp_path: Path) -> None:
    assert run_study(small(), tmp_path / "s").ran == 1
    first = read_log(tmp_path / "s")
    run_study(small(budget={"queries": 9}), tmp_path / "s")
    assert read_log(tmp_path / "s")[: len(first)] == first
    found = read_search(tmp_path / "s")
    assert len(found.trainings) == 9
    assert found.conclusion is not None
    assert found.conclusion["told"] == 9
    assert found.meta["study"]["budget"]["queries"] == 9


def test_another_end_is_made_without_another_search(tmp_path: Path) -> None:
    run_study(small(), tmp_path / "s")
    before = read_log(tmp_path / "s")
    run_study(small(final={"top": 1, "seeds": 1, "random": 1}), tmp_path / "s")
    assert read_log(tmp_path / "s") == before
    end = read_search(tmp_path / "s").conclusion
    assert end is not None
    assert len(end["finalists"]) == len(end["best"]["test"]) == len(end["drawn"]) == 1


def test_another_search_is_refused_in_its_folder(searched: Path) -> None:
    with pytest.raises(StoreError, match="holds another study"):
        run_study(funnel(seed=1), searched)


def test_one_process_and_two_ask_for_the_same_where_nothing_is_learned(tmp_path: Path) -> None:
    asked = []
    for workers in (1, 2):
        run_study(small(), tmp_path / str(workers), workers=workers)
        entries = map(json.loads, read_log(tmp_path / str(workers)))
        asked.append([e["arch"] for e in entries if "ask" in e])
    assert asked[0] == asked[1]


def test_nothing_trained_in_full_is_said_and_kept(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no training of 3 epochs has ended within the budget"):
        run_study(small(budget={"seconds": 1e-9}), tmp_path / "s")
    run_study(small(), tmp_path / "s")
    assert len(read_search(tmp_path / "s").trainings) == 5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("2 h 5 s", 7205), ("1d", 86400)],
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "10x", "-5m", "10m!", "0s", "m10", "1e3s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="budget"):
        seconds_of(text)
    with pytest.raises(StudyError, match="budget"):
        small(budget=text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategies": ["random_search", "asha"]}, "a search has one strategy"),
        ({"benchmarks": ["nb201/cifar10"]}, "live/<space>/<data set>"),
        ({"benchmarks": ["live/nb201/digits", "live/mlp/digits"]}, "at most 1"),
        ({"strategies": ["randm_search"]}, "did you mean 'random_search'"),
        ({"final": {"seeds": 0}}, "final.seeds"),
        ({"replicates": 2}, "replicates"),
    ],
)
def test_what_is_wrong_with_a_search_is_said(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(StudyError, match=words):
        small(**changes)


def test_a_search_without_a_strategy_is_the_funnel() -> None:
    given = {k: v for k, v in SMALL.items() if k != "strategies"}
    assert parse_study(given).entries[0].name == "filtered"


def test_the_command_is_thesmall(tmp_path: Path) -> None:
    np.savez(tmp_path / "my.npz", X=np.zeros((9, 4, 4)), y=np.arange(9) % 3)
    (tmp_path / "pictures").mkdir()
    for data, name, stem in (
        ("digits", "digits", "digits"),
        (str(tmp_path / "my.npz"), "npz", "my"),
        (str(tmp_path / "pictures"), "image_folder", "pictures"),
    ):
        study = quick_search("nb201", data, "2m", epochs=5, seed=3, overrides=["final.seeds=7"])
        bench = study.benchmarks[0]
        assert (bench.name, study.name) == (f"live/nb201/{name}", f"nb201-{stem}")
        assert bench.data == ({} if name == "digits" else {"path": data})
        assert bench.training == {"epochs": 5}
        assert (study.seed, study.budget.seconds, study.final.seeds) == (3, 120, 7)


def test_lines_of_a_search_count_what_its_stages_let_through(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = [("proxies", 250, 12), ("short", 12, 3)]
    state = State(61.0, 90.0, 14, None, 1, 2, 3, 0, (97.5, "|a|"), stages)
    seconds = itertools.count(0.0, 6.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    with search_view("mine") as view:
        for now in (state, state, state._replace(stages=[]), state._replace(stages=[])):
            view(now)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "mine: 1:01 of 1:30, 0:29 left; 14 trainings, 3 to the last epoch;"
        " proxies 250 in 12 out, short 12 in 3 out; best 97.50  |a|",
        "mine: 1:01 of 1:30, 0:29 left; 14 trainings, 3 to the last epoch; best 97.50  |a|",
    ]


def test_data_that_are_none_say_what_would_be(tmp_path: Path) -> None:
    np.save(tmp_path / "arr.npy", np.zeros((9, 4)))
    with pytest.raises(ParameterError, match=r"arr\.npy instead: .* np\.savez\('arr\.npz', X="):
        quick_search("nb201", str(tmp_path / "arr.npy"), "2m")
    with pytest.raises(UnknownName, match=r"'nodata'(.|\n)*--data x\.npz, --data \./pictures$"):
        prepare(quick_search("nb201", "nodata", "2m", device="cpu"), "search")


def test_proxies_of_few_examples_see_them_all(tmp_path: Path) -> None:
    """Nothing is asked of who brings fewer than one batch: what the stages need can be had."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "few.npz", X=rng.normal(size=(9, 8, 8)), y=np.arange(9) % 2)
    plan = prepare(quick_search("nb201", str(tmp_path / "few.npz"), "2m", device="cpu"))
    bench: Any = plan.benchmarks[0]
    archs = bench.space.sample(3, rng)
    few = bench.data.x_train, bench.data.y_train
    settings = {"network": bench.networks.settings, "batch_size": len(few[0])}
    found, _ = proxies((archs.tolist(), {"names": ["meco"]}), bench)
    np.testing.assert_array_equal(found, measure(bench.space, archs, few, ["meco"], **settings)[0])


def test_a_search_of_which_nothing_has_ended_has_a_report(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no training"):
        run_study(small(budget={"seconds": 1e-9}), tmp_path / "s")
    written = write_all(tmp_path / "s")
    assert "has not come to its end: 0 trainings so far" in written.verdict[0]
    assert written.verdict[0] in written.report.read_text(encoding="utf-8")


def test_time_that_no_entry_of_the_log_tells_of_is_counted(tmp_path: Path) -> None:
    """The clock is kept beside the log: a search whose time it says is up asks for nothing more."""
    run_study(small(), tmp_path / "s")
    with closing(sqlite3.connect(tmp_path / "s" / "study.sqlite")) as db, db:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('clock', '1000.0')")
    for shorter, words in (
        ({"queries": 9, "seconds": 500.0}, "has used 1000 seconds, more than 500"),
        ({"queries": 4}, "has used 5 queries, more than 4"),
    ):
        with pytest.raises(StudyError, match=words):
            run_study(small(budget=shorter), tmp_path / "s")
    found = read_search(tmp_path / "s")
    assert len(found.trainings) == 5
    assert found.meta["study"]["budget"]["queries"] == 5
    run_study(small(budget={"queries": 9, "seconds": 1600.0}), tmp_path / "s")
    assert len(read_search(tmp_path / "s").trainings) == 9
