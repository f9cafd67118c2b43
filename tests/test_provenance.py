"""What a folder says of where its numbers come from; GPUs by a driver's answer, energy offline."""

from __future__ import annotations

import json
import os
import platform
import re
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import MissingExtra, StoreError
from workbench.harness import energy
from workbench.harness.drive import run_study
from workbench.harness.energy import metered
from workbench.harness.merge import merge
from workbench.harness.provenance import installed, provenance, versions
from workbench.harness.store import note_in, read_meta, read_runs
from workbench.harness.study import parse_study
from workbench.report.render import number
from workbench.report.write import write_all

STUDY: dict[str, Any] = {
    "name": "small",
    "replicates": 2,
    "budget": {"queries": 8},
    "benchmarks": ["nb201/cifar10"],
    "strategies": ["random_search"],
}


def _driver(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an ``nvidia-smi`` first on the path; there is no GPU where the tests run."""
    command = folder / "nvidia-smi"
    command.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_gpus_are_named_by_their_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "NVIDIA H100 80GB HBM3, 570.86.15, 81559 MiB"
    answer = f'test "$1" = "--query-gpu=name,driver_version,memory.total" && echo "{said}"'
    _driver(tmp_path, f"{answer} && echo '{said}'", monkeypatch)
    found = provenance()["gpus"]
    assert [g["name"] for g in found] == ["NVIDIA H100 80GB HBM3"] * 2
    assert (found[0]["driver"], found[0]["memory"]) == ("570.86.15", "81559 MiB")
    folder = tmp_path / "study"
    run_study(parse_study(STUDY), folder)
    write_all(folder)
    assert "NVIDIA H100 80GB HBM3, 81559 MiB, driver 570.86.15" in (
        folder / "report.html"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize("script", ["exit 9", "echo 'no devices were found'", "sleep 60"])
def test_a_driver_that_does_not_answer_does_no_harm(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.harness.provenance._PATIENCE", 0.3)
    _driver(tmp_path, script, monkeypatch)
    assert provenance()["gpus"] == []


def test_blas_is_that_of_numpy_on_one_thread() -> None:
    found = provenance()["libraries"]
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    assert any(blas["version"].startswith(one["version"][:6]) for one in found)
    assert {one["threads"] for one in found} == {1}


def test_the_report_shows_times_seed_and_libraries(tmp_path: Path) -> None:
    """A library of threads may have no version; what is not known leaves no blank."""
    run_study(parse_study(STUDY | {"seed": 31}), tmp_path)
    libraries = [{"name": "openmp", "threads": 1}]
    note_in(tmp_path, "provenance", read_meta(tmp_path)["provenance"] | {"libraries": libraries})
    write_all(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    rows = dict(re.findall(r"<tr><td>(.*?)</td><td class=\"text\">(.*?)</td></tr>", page))
    assert rows["numerical library"] == "openmp, 1 thread"
    assert rows["seed"].startswith("31;")
    runs = read_runs(tmp_path)
    for time, what in ((runs["wall"], "wall"), (runs["cpu"], "CPU")):
        assert f"{number(float(time.sum()), 3)} s of {what} time" in rows["time"]
    assert platform.node() in rows["time"]
    assert "requirements.lock" in rows["packages"]


def test_versions_of_all_that_is_installed_are_kept_beside_what_is_compared(tmp_path: Path) -> None:
    run_study(parse_study(STUDY), tmp_path)
    meta = read_meta(tmp_path)
    assert meta["installed"] == installed()
    for name in ("numpy", "pytest", "pyarrow"):
        assert meta["installed"][name] == version(name)
    assert "pyarrow" not in versions(meta["provenance"])
    assert meta["provenance"]["python"] == platform.python_version()


# -- energy ----------------------------------------------------------------------------------------


class _Tracker:
    """A tracker that has measured so much in 2 s."""

    class final_emissions_data:  # noqa: N801
        energy_consumed, duration, gpu_energy, codecarbon_version = 0.25, 2.0, 0.0, "0"

    _hardware = ()

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


def test_energy_of_several_calls_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "_tracker", _Tracker)
    study = parse_study(STUDY | {"replicates": 4})

    def stopped(done: int, of: int, failed: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), metered(tmp_path / "1", True):
        run_study(study, tmp_path / "1", shard="1/2", progress=stopped)
    for shard in ("1/2", "2/2"):
        with metered(tmp_path / shard[0], True):
            run_study(study, tmp_path / shard[0], shard=shard)
    found = read_meta(tmp_path / "1")["energy"]
    assert (found["kwh"], found["seconds"], found["runs"]) == (0.5, 4.0, 2)
    write_all(tmp_path / "1")
    timing = json.loads((tmp_path / "1" / "timing.json").read_text(encoding="utf-8"))
    assert timing["energy"] == found
    page = (tmp_path / "1" / "report.html").read_text(encoding="utf-8")
    assert "about 0.50 kWh in 4 s, in which 2 runs ended: an estimate" in page
    # What parts took is not what the whole took, where one of them was not measured.
    merge([tmp_path / "1", tmp_path / "2"], tmp_path / "merged")
    assert "energy" not in read_meta(tmp_path / "merged")


def test_a_call_in_which_no_run_ends_notes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy, "_tracker", _Tracker)
    run_study(parse_study(STUDY), tmp_path)
    with metered(tmp_path, True):
        run_study(parse_study(STUDY), tmp_path)
    assert "energy" not in read_meta(tmp_path)
    # A folder may hold such an estimate from before.
    note_in(tmp_path, "energy", {"kwh": 1.4e-06, "seconds": 0.25, "runs": 0, "by": "guess"})
    write_all(tmp_path)
    assert "kWh" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_run_that_went_on_and_ended_again_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a search does with a longer budget: it is stored in place of what it was."""
    monkeypatch.setattr(energy, "_tracker", _Tracker)
    run_study(parse_study(STUDY), tmp_path)
    with metered(tmp_path, True), closing(sqlite3.connect(tmp_path / "study.sqlite")) as db, db:
        db.execute("UPDATE runs SET wall = wall + 60 WHERE run = 1")
    assert read_meta(tmp_path)["energy"]["runs"] == 1


def test_what_was_spent_is_noted_also_where_a_study_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy, "_tracker", _Tracker)

    def stopped(done: int, of: int, failed: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), metered(tmp_path, True):
        run_study(parse_study(STUDY), tmp_path, progress=stopped)
    assert read_meta(tmp_path)["energy"]["runs"] == 1


def test_nothing_is_noted_in_the_folder_of_another_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy, "_tracker", _Tracker)
    run_study(parse_study(STUDY), tmp_path)
    with pytest.raises(StoreError, match="another study"), metered(tmp_path, True):
        run_study(parse_study(STUDY | {"seed": 7}), tmp_path)
    assert "energy" not in read_meta(tmp_path)


def test_nothing_is_measured_where_nobody_asks(tmp_path: Path) -> None:
    with metered(tmp_path, False):
        run_study(parse_study(STUDY), tmp_path)
    assert "energy" not in read_meta(tmp_path)
    note_in(tmp_path, "energy", {"kwh": 1.0})
    assert run_study(parse_study(STUDY), tmp_path).ran == 0


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    with pytest.raises(MissingExtra, match=r"nas-workbench\[energy\]"), metered(tmp_path, True):
        pass


def test_codecarbon_itself_asks_nobody(tmp_path: Path) -> None:
    """With every way to the network closed, and settings of the user that would open one."""
    pytest.importorskip("codecarbon")
    settings = "[codecarbon]\nsave_to_api = true\noutput_methods = api,csv\n"
    (tmp_path / ".codecarbon.config").write_text(settings, encoding="utf-8")
    code = """
    import socket, sys, time
    def closed(*_): print("network!"); raise OSError
    socket.socket.connect = closed
    socket.getaddrinfo = closed
    from pathlib import Path
    from workbench.harness.drive import run_study
    from workbench.harness.energy import metered
    folder = Path("out")
    with metered(folder, True):
        run_study("study.json", folder)
        time.sleep(1)
    """
    (tmp_path / "study.json").write_text(json.dumps(STUDY), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path, env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = read_meta(tmp_path / "out")["energy"]
    assert found["runs"] == 2
    # Between nothing and what 1000 W would take.
    assert 0 < found["kwh"] < found["seconds"] / 3600
    found_here = {p.name for p in tmp_path.iterdir()} - {".cache"}  # of fonts, by the report
    assert found_here == {".codecarbon.config", "study.json", "out"}
