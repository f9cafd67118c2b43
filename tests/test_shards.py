"""Shards of a study and their merge: the numbers of one process, and what is refused."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.small_studies import summary_of
from workbench.errors import StoreError, StudyError
from workbench.harness.drive import run_study
from workbench.harness.frozen import frozen
from workbench.harness.merge import merge
from workbench.harness.plan import prepare
from workbench.harness.sections import Study
from workbench.harness.shard import WHOLE, Shard
from workbench.harness.store import open_store, progress_of, read_meta
from workbench.harness.study import parse_study
from workbench.report.results import read_results
from workbench.report.write import write_all

STRATEGIES: dict[str, Any] = {
    "name": "small",
    "replicates": 5,
    "budget": {"queries": 12},
    "benchmarks": ["nb201/cifar10", "nbgraph/cora"],
    "strategies": ["random_search", "local_search"],
}
PREDICTORS: dict[str, Any] = {
    "name": "fits",
    "kind": "predictors",
    "replicates": 3,
    "sizes": [20, 40],
    "test": 50,
    "benchmarks": ["nb201/cifar10"],
    "predictors": ["ridge", "random_forest"],
}
PROXIES: dict[str, Any] = {
    "name": "scores",
    "kind": "proxies",
    "replicates": 3,
    "benchmarks": [{"name": "measured/nb201-mnist", "sample": 20, "batch_size": 4}],
    "proxies": ["l2_norm"],
}
KINDS = [STRATEGIES, PREDICTORS, PROXIES]


def _study(**changes: object) -> Study:
    return parse_study(STRATEGIES | changes)


def _shards(study: Study, of: int, folder: Path, which: Sequence[int] = ()) -> list[Path]:
    folders = []
    for number in which or range(1, of + 1):
        folders.append(folder / f"shard {number}")
        run_study(study, folders[-1], shard=f"{number}/{of}")
    return folders


@pytest.mark.parametrize("data", KINDS, ids=lambda d: d["name"])
@pytest.mark.parametrize("of", [1, 3, 16, 100])
def test_shards_partition_the_runs(data: dict[str, Any], of: int) -> None:
    study = parse_study(data)
    numbers = [n for i in range(of) for n in Shard(i + 1, of).numbers(study)]
    assert sorted(numbers) == list(range(study.runs))
    assert Shard(1, 1).numbers(study) == list(range(study.runs))


@pytest.mark.parametrize("of", [2, 3, 7])
def test_every_shard_has_its_share_of_each_benchmark(of: int) -> None:
    study = _study(replicates=8)
    for number in range(1, of + 1):
        benchmarks = [study.run_list[n][0] for n in Shard(number, of).numbers(study)]
        counts = Counter(benchmarks)
        assert all(16 // of <= counts[b] <= -(-16 // of) for b in (0, 1))


def test_proxies_of_one_batch_stay_together() -> None:
    """All look at the same scores, so that no two shards compute the same ones."""
    study = parse_study(PROXIES)
    shards = [Shard(n, 2).numbers(study) for n in (1, 2)]
    batches = [{study.run_list[n][::2] for n in shard} for shard in shards]
    assert batches == [{(0, 0), (0, 2)}, {(0, 1)}]


@pytest.mark.parametrize("text", ["0/4", "5/4", "x", "", "1", "1/0", "-1/4", "1/4/4", "1.0/2"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(StudyError, match="from 1/16 to 16/16"):
        Shard.parse(text)


def test_shards_read_as_they_are_written() -> None:
    assert str(Shard.parse("3/16")) == "3/16"
    assert Shard(3, 16).folder(_study()) == "small-shard-3-of-16"
    assert WHOLE.folder(_study()) == "small"


@pytest.mark.parametrize("data", KINDS, ids=lambda d: d["name"])
def test_merged_shards_are_one_process_to_the_byte(data: dict[str, Any], tmp_path: Path) -> None:
    study = parse_study(data)
    run_study(study, tmp_path / "whole")
    folders = _shards(study, 4, tmp_path)
    merged = merge(reversed(folders), tmp_path / "merged")
    assert (merged.finished, merged.new, merged.failed) == (study.runs, study.runs, 0)
    assert not merged.missing
    assert not merged.shards
    assert not merged.mixed
    assert summary_of(tmp_path / "merged") == summary_of(tmp_path / "whole")
    if data is STRATEGIES:
        trials = [read_results(tmp_path / f).trials for f in ("whole", "merged")]
        assert trials[0].equals(trials[1])


def test_merging_again_changes_nothing(tmp_path: Path) -> None:
    folders = _shards(_study(), 3, tmp_path)
    out = tmp_path / "merged"
    first = merge(folders[:2], out)
    assert first.new == first.finished == 14
    assert sum(map(len, first.missing.values())) == 6
    assert first.missing["nb201/cifar10", "random_search"] == [2]
    assert first.shards == [Shard(3, 3)]
    again = merge([*folders[:2], folders[0], out], out)
    assert (again.new, again.finished, again.missing) == (0, 14, first.missing)
    assert merge(folders, out).new == 6
    assert run_study(_study(), out).ran == 0
    # The whole study counts as one of the folders, too.
    assert merge([out, *folders], tmp_path / "second").finished == 20
    assert summary_of(out) == summary_of(tmp_path / "second")


def test_missing_runs_are_run_by_the_study_itself(tmp_path: Path) -> None:
    folders = _shards(_study(), 4, tmp_path, [1, 3])
    merge(folders, tmp_path / "merged")
    assert run_study(_study(), tmp_path / "merged").ran == 10
    run_study(_study(), tmp_path / "whole")
    assert summary_of(tmp_path / "merged") == summary_of(tmp_path / "whole")


def test_a_shard_is_resumed_and_counts_its_part(tmp_path: Path) -> None:
    study = _study()
    folder = _shards(study, 3, tmp_path, [2])[0]
    _forget(folder, "run = 4")
    found = progress_of(folder)
    assert (found["shard"], found["runs"], found["finished"]) == ("2/3", 7, 6)
    assert run_study(study, folder, shard="2/3").ran == 1
    assert run_study(study, folder, shard="2/3").ran == 0
    assert progress_of(folder)["finished"] == 7
    verdict = write_all(folder).verdict
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8"))["shard"] == "2/3"
    assert verdict[0].startswith("This is shard 2/3 of the study: 7 of 7 runs are finished")
    assert "workbench merge" in verdict[0]
    assert "workbench merge" in (folder / "report.html").read_text(encoding="utf-8")


def test_shards_that_hold_no_run_do_no_harm(tmp_path: Path) -> None:
    study = _study(replicates=1)
    folders = _shards(study, 6, tmp_path, [6, 5, 4, 3, 2, 1])
    assert progress_of(folders[0])["runs"] == 0
    assert "0 of 0 runs" in write_all(folders[0]).verdict[0]
    assert merge(folders, tmp_path / "merged").finished == 4


def _forget(folder: Path, where: str) -> None:
    with closing(sqlite3.connect(folder / "study.sqlite")) as db, db:
        db.execute(f"DELETE FROM trials WHERE {where}")
        db.execute(f"DELETE FROM runs WHERE {where}")


def test_a_folder_is_of_one_shard(tmp_path: Path) -> None:
    study = _study()
    shard = _shards(study, 3, tmp_path, [2])[0]
    run_study(study, tmp_path / "whole")
    with pytest.raises(StoreError, match=r"holds shard 2/3.* for shard 1/3"):
        run_study(study, shard, shard="1/3")
    with pytest.raises(StoreError, match=r"holds shard 2/3.* for the whole study"):
        run_study(study, shard)
    with pytest.raises(StoreError, match="holds the whole study"):
        run_study(study, tmp_path / "whole", shard="1/3")
    with pytest.raises(StoreError, match="holds shard 2/3 alone"):
        merge([tmp_path / "whole"], shard)


def test_other_studies_and_tables_are_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    run_study(_study(replicates=1), one)
    run_study(_study(replicates=1, budget={"queries": 13}), other)
    with pytest.raises(StoreError, match="hold two studies") as caught:
        merge([one, other], tmp_path / "merged")
    assert f"--- {one}" in str(caught.value)
    assert '+  "queries": 13' in str(caught.value)
    copy = _copy(one, tmp_path / "copy")
    _change_meta(copy, "fingerprint", {"nb201/cifar10": "of another table"})
    with pytest.raises(StoreError, match=r"two contents of .*nb201/cifar10"):
        merge([copy, one], tmp_path / "merged")
    with pytest.raises(StoreError, match="holds no study"):
        merge([one, tmp_path], tmp_path / "merged")
    with pytest.raises(StoreError, match="nothing to merge"):
        merge([])
    assert not (tmp_path / "merged").exists()


def _copy(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def _change_meta(folder: Path, key: str, changes: dict[str, Any]) -> None:
    value = json.dumps(read_meta(folder)[key] | changes)
    with closing(sqlite3.connect(folder / "study.sqlite")) as db, db:
        db.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))


def test_other_versions_are_named_and_kept(tmp_path: Path) -> None:
    one, other = _shards(_study(replicates=1), 2, tmp_path)
    packages = read_meta(other)["provenance"]["packages"] | {"numpy": "1.0"}
    _change_meta(other, "provenance", {"packages": packages})
    merged = merge([one, other], tmp_path / "merged")
    assert len(merged.mixed) == 1
    assert "numpy 1.0 instead of 2" in merged.mixed[0]
    assert merge([other], tmp_path / "merged").mixed == merged.mixed
    assert read_meta(tmp_path / "merged")["provenance"]["mixed"] == merged.mixed
    write_all(tmp_path / "merged")
    page = (tmp_path / "merged" / "report.html").read_text(encoding="utf-8")
    assert "numpy 1.0 instead of" in page


def test_different_numbers_of_one_run_name_both_folders(tmp_path: Path) -> None:
    one = tmp_path / "one"
    run_study(_study(replicates=1), one)
    other = _copy(one, tmp_path / "other")
    with closing(sqlite3.connect(other / "study.sqlite")) as db, db:
        db.execute("UPDATE trials SET score = score + 1e-13 WHERE run = 3 AND step_asked = 4")
        db.execute("UPDATE runs SET wall = wall + 1, cpu = cpu + 1, host = 'elsewhere'")
    with pytest.raises(StoreError) as caught:
        merge([one, other], tmp_path / "merged")
    for word in (str(one), str(other), "local_search on nbgraph/cora, replicate 0"):
        assert word in str(caught.value)
    assert not (tmp_path / "merged").exists()
    merge([one], tmp_path / "merged")
    with pytest.raises(StoreError, match="different numbers"):
        merge([other], tmp_path / "merged")


def test_what_failed_in_one_folder_is_taken_from_another(tmp_path: Path) -> None:
    one = tmp_path / "one"
    run_study(_study(replicates=1), one)
    failed = _copy(one, tmp_path / "failed")
    with closing(sqlite3.connect(failed / "study.sqlite")) as db, db:
        db.execute("UPDATE runs SET error = 'out of memory' WHERE run = 2")
        db.execute("DELETE FROM trials WHERE run = 2 AND step_asked > 4")
    out = tmp_path / "merged"
    assert merge([failed], out).failed == 1
    healed = merge([failed, one], out)
    assert (healed.failed, healed.new) == (0, 1)
    assert summary_of(out) == summary_of(one)
    # A failure that comes later does not take its place.
    assert merge([failed], out).failed == 0


def test_times_of_fits_are_no_difference(tmp_path: Path) -> None:
    study = parse_study(PREDICTORS)
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        run_study(study, folder)
    assert merge(folders, tmp_path / "merged").finished == study.runs
    with closing(sqlite3.connect(folders[1] / "study.sqlite")) as db, db:
        db.execute("UPDATE measures SET value = 0.5 WHERE metric = 'tau'")
    with pytest.raises(StoreError, match="different numbers"):
        merge(folders, tmp_path / "merged")


@pytest.mark.parametrize("written", ["a part", "the target"])
def test_folders_that_are_written_are_refused(tmp_path: Path, written: str) -> None:
    study = _study(replicates=1)
    one, other = _shards(study, 2, tmp_path)
    merge([one], tmp_path / "merged")
    held = one if written == "a part" else tmp_path / "merged"
    meta = frozen(prepare(study), Shard(1, 2) if held is one else WHOLE)
    with open_store(held, meta), pytest.raises(StoreError, match=f"{held} is being written by"):
        merge([one, other], tmp_path / "merged")


def _workbench(*words: str | Path, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workbench", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_the_command_line_from_shards_to_a_report(tmp_path: Path) -> None:
    study = tmp_path / "study.json"
    study.write_text(json.dumps(STRATEGIES | {"replicates": 2}), encoding="utf-8")
    for number in (1, 2):
        _workbench("run", study, "--shard", f"{number}/3", "--workers", "1", cwd=tmp_path)
    shards = [f"small-shard-{n}-of-3" for n in (1, 2)]
    status = _workbench("status", shards[0], cwd=tmp_path).stdout
    assert status == "small, shard 1/3: 3 of 3 runs finished, 0 failed\n"
    part = _workbench("merge", *shards, cwd=tmp_path, code=1)
    assert "2 runs are missing, of shards 3/3; merge their folders too" in part.stderr
    assert "local_search on nb201/cifar10: replicates 0" in part.stderr
    assert part.stdout.strip().endswith("small/report.html")
    _workbench("run", study, "--shard", "3/3", "--workers", "1", "--out", "third", cwd=tmp_path)
    whole = _workbench("merge", *shards, "third", "--json", cwd=tmp_path)
    assert json.loads(whole.stdout)["study"] == "small"
    assert "8 of 8 runs are in small, 2 of them new" in whole.stderr
    for text in ("0/4", "5/4", "x"):
        bad = _workbench("run", study, "--shard", text, cwd=tmp_path, code=2)
        assert f"--shard {text}:" in bad.stderr
    assert "holds no study" in _workbench("merge", tmp_path, cwd=tmp_path, code=2).stderr
