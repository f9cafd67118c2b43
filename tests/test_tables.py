"""Tables measured here: nothing lost, the same numbers again, and what is wrong is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from tests.tiny_tables import PLAN, change_part, planned
from workbench import proxies
from workbench.cli import app
from workbench.data import _parts
from workbench.data._open import benchmark
from workbench.data._plan import load_plan
from workbench.data.measured import Measured
from workbench.errors import DataMissing, StoreError, StudyError, TableError, UnknownName
from workbench.tables import verify as verifying
from workbench.tables.measure import measure
from workbench.tables.score import score
from workbench.tables.verify import verify
from workbench.testing.benchmarks import Check, benchmark_checks


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = planned(tmp_path_factory.mktemp("tables") / "tiny")
    assert measure(folder, 6).measured == 6
    return folder


def _copy(table: Path, folder: Path) -> Path:
    folder.mkdir()
    for path in table.iterdir():
        if path.suffix != ".lock":
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


def _same(a: Path, b: Path) -> bool:
    first, second = _parts.read(a), _parts.read(b)
    names = ("archs", "valid_right", "train_loss", "test_right")
    return all(np.array_equal(getattr(first, n), getattr(second, n)) for n in names)


def test_the_order_is_a_permutation_of_the_classes(table: Path) -> None:
    """One member a class, 6,466 in all (NATS-Bench's ``to_unique_str``), in an order of no kind."""
    archs = load_plan(table).archs
    assert len(archs) == 6466
    space = load_plan(table).whole
    np.testing.assert_array_equal(np.sort(space.index(archs)), np.unique(space.index(archs)))
    np.testing.assert_array_equal(space.canonical(archs), archs)
    # Of the first 1,000, as many begin with each operation as in the whole, within 4 sd.
    share = np.bincount(archs[:, 0], minlength=5) / 6466
    seen = np.bincount(archs[:1000, 0], minlength=5) / 1000
    assert (np.abs(seen - share) < 4 * np.sqrt(share * (1 - share) / 1000)).all()


def test_a_plan_that_was_changed_is_refused(table: Path, tmp_path: Path) -> None:
    """Its old and new rows would be mixed in one table."""
    folder = _copy(table, tmp_path / "changed")
    for old, new in (("channels = 4", "channels = 8"), ("seeds = 2", "seeds = 3")):
        text = PLAN.replace(old, new)
        (folder / "table.toml").write_text(text, encoding="utf-8")
        for again in (measure, verify):
            with pytest.raises(StudyError, match=rf"{old.split()[0]}.*then.*Put it back"):
                again(folder, 7)
    other = PLAN + '\nsummary = "words are free"\n'
    (folder / "table.toml").write_text(other, encoding="utf-8")
    assert measure(folder, 6).new == 0


def test_what_is_begun_can_be_read_and_goes_on(table: Path, tmp_path: Path) -> None:
    """A shorter last part, also where only that was kept: the same numbers as in one go."""
    folder = planned(tmp_path / "begun")
    assert measure(folder, 2).measured == 2
    assert len(Measured(str(folder)).rows.archs) == 2
    assert score(folder) == 2
    (folder / _parts.LOG).unlink()
    assert measure(folder, 1).measured == 2
    assert measure(folder, 6).new == 4
    assert _same(table, folder)
    assert score(folder) == 6
    assert verify(folder, 6).holds


def test_a_part_that_is_missing_is_not_measured_over(table: Path, tmp_path: Path) -> None:
    folder = _copy(table, tmp_path / "hole")
    (folder / "part-0000.npz").unlink()
    before = (folder / "part-0001.npz").read_bytes()
    with pytest.raises(TableError, match=r"part-0000\.npz is missing"):
        measure(folder, 6)
    assert (folder / "part-0001.npz").read_bytes() == before


def test_scores_are_stored_beside_each_part(table: Path, tmp_path: Path) -> None:
    """Those of ``workbench.proxies.measure``; a part that has them is not scored again."""
    folder = _copy(table, tmp_path / "scored")
    steps: list[tuple[int, int, int]] = []
    assert score(folder, progress=lambda *n: steps.append(n)) == 6
    assert steps[-1] == (6, 6, 0)
    assert score(folder) == 0
    plan, bench = load_plan(folder), Measured(str(folder))
    data = {"name": "digits", "train": 60, "valid": 40}
    network = {"channels": 4, "cells": 1, "stages": 1}
    names = ["synflow", "az_trainability", "params"]
    expected, _ = proxies.measure(
        plan.whole, plan.archs[:6], data, names, network=network, batch_size=60
    )
    np.testing.assert_array_equal(bench.proxy_scores(plan.archs[:6], names), expected)
    assert set(bench.proxies.names) == set(proxies.columns_of(proxies.ALL))
    assert np.isfinite(bench.proxies.scores).all()
    counted = bench.query(tuple(plan.archs[0].tolist()), 2, 0).metrics["params"]
    assert bench.proxy_scores(plan.archs[:1], ["params"])[0, 0] == counted
    with pytest.raises(UnknownName, match="stored zero-cost score 'synflo'"):
        bench.proxy_scores(plan.archs[:1], ["synflo"])


def test_scores_of_other_architectures_are_refused(table: Path, tmp_path: Path) -> None:
    folder = _copy(table, tmp_path / "mixed")
    score(folder)
    assert np.isnan(Measured(str(_copy(table, tmp_path / "none"))).proxies.scores).size == 0
    (folder / "proxies-0001.npz").unlink()
    scores = Measured(str(folder)).proxies.scores
    assert np.isfinite(scores[:3]).all()
    assert np.isnan(scores[3:]).all()
    path = folder / "proxies-0000.npz"
    with np.load(path) as stored:
        content = dict(stored)
    np.savez_compressed(path, **content | {"arch": content["arch"][:, ::-1]})
    with pytest.raises(TableError, match=r"not those of its parts.*computes them again"):
        _ = Measured(str(folder)).proxies
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(TableError, match=r"damaged.*computes them again"):
        _ = Measured(str(folder)).proxies
    assert score(folder) == 6
    assert np.isfinite(Measured(str(folder)).proxies.scores).all()
    with pytest.raises(TableError, match="has no zero-cost scores yet: `workbench measure"):
        Measured(str(tmp_path / "none")).proxy_scores(load_plan(folder).archs[:1], ["nwot"])


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(table: Path, tmp_path: Path) -> None:
    folder = planned(tmp_path / "two")
    measure(folder, 6, workers=2)
    assert _same(table, folder)


def test_a_killed_measurement_goes_on(table: Path, tmp_path: Path) -> None:
    """Killed after two and in the middle of writing the third: those two are not measured again."""
    folder = planned(tmp_path / "killed")

    def kill(done: int, of: int, failed: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(folder, 6, progress=kill)
    log = folder / _parts.LOG
    kept = log.read_text(encoding="utf-8")
    log.write_text(kept + '{"number": 2, "made": 0, "ar', encoding="utf-8")
    assert measure(folder, 6).new == 4
    assert _same(table, folder)
    assert measure(folder, 6).new == 0


def test_what_is_begun_stays_in_the_log(table: Path, tmp_path: Path) -> None:
    folder = _copy(table, tmp_path / "more")
    assert measure(folder, 7).new == 1
    assert [len(_parts.load_archive(p)["number"]) for p in _parts.parts(folder)] == [3, 3, 1]
    assert len(_parts.read(folder).archs) == 7
    lines = (folder / _parts.LOG).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line).get("number") for line in lines] == [None, 6]


def test_one_process_measures_at_a_time(table: Path, tmp_path: Path) -> None:
    folder = _copy(table, tmp_path / "locked")
    with (
        FileLock(folder / "measure.lock"),
        pytest.raises(StoreError, match="being measured by another"),
    ):
        measure(folder, 7)


@pytest.mark.parametrize("check", benchmark_checks(), ids=lambda c: c.__name__)
def test_a_measured_table_is_a_benchmark(table: Path, check: Check) -> None:
    check(Measured(str(table)))


def test_the_members_of_a_class_share_their_numbers(table: Path) -> None:
    bench = Measured(str(table))
    archs = bench.space.all()
    assert len(np.unique(bench.entries(archs))) == 6
    canonical = load_plan(table).whole.canonical(archs)
    np.testing.assert_array_equal(bench.truth(archs), bench.truth(canonical))


def test_numbers_are_what_training_gives(table: Path) -> None:
    """Percentages are of the 40 validation images; costs add up over epochs; sizes are counted."""
    from workbench.networks import build

    bench = Measured(str(table))
    arch = tuple(load_plan(table).archs[0].tolist())
    first, last = bench.query(arch, 1, 1), bench.query(arch, 2, 1)
    assert (last.score * 40 / 100) == pytest.approx(round(last.score * 40 / 100))
    assert last.curve == (first.score, last.score)
    assert last.cost is not None
    assert first.cost is not None
    assert last.cost > first.cost > 0
    assert np.isnan(first.metrics["test_acc"])
    network = build(load_plan(table).whole, arch, (1, 8, 8), 10, channels=4, cells=1, stages=1)
    assert last.metrics["params"] == sum(p.numel() for p in network.parameters())


def test_an_honest_table_verifies_to_the_bit(table: Path) -> None:
    verdict = verify(table, 4, seed=1)
    assert verdict.holds
    assert all(c.same_machine and c.same_bits for c in verdict.checked)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("valid_right", lambda v: v + (np.arange(v.shape[-1]) == 0)),
        ("train_loss", lambda v: np.nextafter(v, np.float32(9))),
        ("test_right", lambda v: v + 1),
    ],
)
def test_a_tampered_table_does_not(
    table: Path, tmp_path: Path, name: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    """One right answer more in the first epoch, or one bit of a loss, is found."""
    folder = _copy(table, tmp_path / "tampered")
    change_part(folder, 0, **{name: change})
    verdict = verify(folder, 6)
    assert not verdict.holds
    assert {c.number for c in verdict.checked if not c.holds} == {0, 1, 2}
    done = CliRunner().invoke(app, ["verify", str(folder), "-n", "6", "--workers", "1"])
    assert done.exit_code == 1
    assert "3 of 6 did NOT come out again" in done.output


def _elsewhere(text: np.ndarray) -> np.ndarray:
    made = json.loads(str(text))
    return np.array(json.dumps([entry | {"cpu_type": "another"} for entry in made]))


def _constant_noise(monkeypatch: pytest.MonkeyPatch, sd: float) -> None:
    monkeypatch.setattr(verifying, "noise", lambda rows, number: sd)


def test_elsewhere_the_noise_between_seeds_is_the_measure(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores of another CPU: 5 points off hold where seeds differ by 5, and not by 1; drift shows.

    A difference of two trainings has a deviation of 1.41 x 5 = 7.07, and the mean of 12 one of
    2.04: a shift of 5 in every one is 2.4 standard errors.
    """
    folder = _copy(table, tmp_path / "elsewhere")
    for part in (0, 1):
        change_part(folder, part, provenance=_elsewhere)
    _constant_noise(monkeypatch, 5.0)
    assert verify(folder, 6).holds
    change_part(folder, 0, valid_right=lambda v: v + 2)  # of 40: 5 points
    halves = verify(folder, 6)
    assert halves.holds
    assert halves.mean == pytest.approx(-2.5)
    assert halves.se == pytest.approx(5 * np.sqrt(2 / 12))
    change_part(folder, 1, valid_right=lambda v: v + 2)
    drifted = verify(folder, 6)
    assert all(c.holds for c in drifted.checked)
    assert drifted.drifts
    assert not drifted.holds
    _constant_noise(monkeypatch, 1.0)
    assert not any(c.holds for c in verify(folder, 6).checked)


def test_noise_is_the_pooled_deviation_between_seeds(table: Path) -> None:
    """Against numpy's own variance over the other five, where all are near."""
    rows = _parts.read(table)
    final = 100 * rows.valid_right[:, :, -1] / 40
    others = np.delete(final, 2, axis=0)
    assert verifying.noise(rows, 2) == pytest.approx(np.sqrt(others.var(axis=1, ddof=1).mean()))


def test_what_is_wrong_has_one_clear_error(table: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=r"no .*table\.toml"):
        measure(tmp_path)
    bad = planned(tmp_path / "bad")
    (bad / "table.toml").write_text(PLAN + "sedes = 3\n", encoding="utf-8")
    with pytest.raises(StudyError, match="sedes"):
        measure(bad)
    (bad / "table.toml").write_text(PLAN.replace('"digits"', '"digit"'), encoding="utf-8")
    with pytest.raises(UnknownName, match="did you mean 'digits'"):
        measure(bad)
    with pytest.raises(UnknownName, match="measured table"):
        benchmark("measured/nothing-of-the-kind")
    gap = _copy(table, tmp_path / "gap")
    (gap / "part-0000.npz").unlink()
    with pytest.raises(TableError, match=r"part-0000\.npz is missing, and part-0001\.npz is there"):
        Measured(str(gap))
    cut = _copy(table, tmp_path / "cut")
    content = (cut / "part-0001.npz").read_bytes()
    (cut / "part-0001.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(TableError, match=r"part-0001\.npz is damaged"):
        Measured(str(cut))


def test_the_command_measures_and_says_so(table: Path, tmp_path: Path) -> None:
    folder = _copy(table, tmp_path / "command")
    done = CliRunner().invoke(app, ["measure", str(folder), "-n", "7", "--workers", "1"])
    assert done.exit_code == 0
    assert "7 of 6466 architectures are measured, 1 of them now" in done.output
