"""A user's own table is a benchmark like any other, or is told all that is wrong with it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.data._own_table import from_table
from workbench.errors import (
    ArchitectureError,
    BenchmarkError,
    DataMissing,
    ParameterError,
    StudyError,
    TableError,
    WorkbenchError,
)
from workbench.harness.plan import prepare
from workbench.harness.strategy_study import StrategyStudy
from workbench.harness.study import parse_study
from workbench.spaces import Space, space
from workbench.testing.benchmarks import Check, benchmark_checks
from workbench.types import Decision, Metric

SMALL = Space("small", [Decision("op", ("a", "b", "c")), Decision("width", (8, 16), "log")])


def small(**columns: Any) -> pd.DataFrame:
    """Return the six architectures of SMALL in an order of their own, and columns."""
    ops, widths = ["c", "a", "b", "a", "b", "c"], [16, 8, 8, 16, 16, 8]
    return pd.DataFrame({"op": ops, "width": widths} | columns)


def curves() -> pd.DataFrame:
    """Return two seeds and three epochs of validation, test and cost for SMALL."""
    rng = np.random.default_rng(0)
    columns = {
        f"{what}_{seed}@{epoch}": rng.random(6)
        for what in ("val", "test")
        for seed in (7, 11)
        for epoch in (1, 5, 10)
    }
    return small(**columns, seconds=np.arange(1.0, 7.0), size=np.arange(6.0))


def full(frame: pd.DataFrame) -> Any:
    return from_table(
        frame,
        SMALL,
        "val_{seed}@{epoch}",
        test="test_{seed}@{epoch}",
        cost="seconds",
        metrics=[Metric("size", "M", "min", "none", "parameters")],
    )


TABLES: dict[str, Any] = {
    "plain": lambda: from_table(small(val=range(6)), SMALL, "val"),
    "minimised": lambda: from_table(small(loss=range(6)), SMALL, "loss", direction="min"),
    "curves": lambda: full(curves()),
    "restricted": lambda: from_table(
        small(val=range(6)).iloc[:4], SMALL, "val", allow_missing=True
    ),
    "seeds": lambda: from_table(
        small(s1=range(6), s2=range(1, 7)), SMALL, ["s1", "s2"], direction="min"
    ),
}


@pytest.mark.parametrize("check", benchmark_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("table", TABLES)
def test_contract(table: str, check: Check) -> None:
    check(TABLES[table]())


def test_decisions_as_columns() -> None:
    bench = from_table(small(val=range(6)), SMALL, "val", name="mine")
    assert bench.name == "mine"
    assert bench.query((2, 1), 1, 0).score == 0.0
    assert bench.query((0, 0), 1, 0).score == 1.0
    assert bench.epochs == (1,)
    assert (bench.optimum, bench.random_mean) == (5.0, 2.5)
    assert not bench.has_cost
    assert bench.test is None


def test_curves_seeds_cost_and_test() -> None:
    frame = curves()
    bench = full(frame)
    assert bench.epochs == (1, 5, 10)
    assert (bench.score, bench.test) == ("val", "test")
    one = bench.query((0, 0), 5, 1)
    row = frame.loc[1]
    assert one.curve == (row["val_11@1"], row["val_11@5"])
    assert one.metrics["test"] == row["test_11@5"]
    assert one.cost == pytest.approx(row["seconds"] * 5 / 10)
    assert one.metrics["size"] == row["size"]
    assert bench.metrics["size"].unit == "M"
    with pytest.raises(BenchmarkError):
        bench.query((0, 0), 2, 0)
    with pytest.raises(BenchmarkError):
        bench.query((0, 0), 5, 2)


def test_a_test_known_once_is_unknown_before() -> None:
    frame = curves().assign(held_out=1.0)
    bench = from_table(frame, SMALL, "val_7@{epoch}", test="held_out")
    assert np.isnan(bench.query((0, 0), 5, 0).metrics["held_out"])
    assert bench.query((0, 0), 10, 0).metrics["held_out"] == 1.0


def test_a_list_is_one_column_a_seed() -> None:
    bench = from_table(
        small(acc_a=range(6), acc_b=range(10, 16)), SMALL, ["acc_a", "acc_b"], direction="min"
    )
    assert bench.score == "acc"
    assert bench.query((2, 1), 1, 1).score == -10.0
    assert bench.truth(np.array([(2, 1)], dtype=np.int16))[0] == -5.0


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["nb201", "nbgraph", "fcnet"])
def test_official_strings_from_files(tmp_path: Path, name: str, ending: str) -> None:
    where = space(name)
    archs = where.all()[::97]
    frame = pd.DataFrame(
        {"architecture": [where.format(tuple(a)) for a in archs.tolist()], "v": range(len(archs))}
    )
    path = tmp_path / f"mine.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    bench = from_table(path, name, "v", allow_missing=True)
    assert bench.name == "mine"
    assert len(bench.sha256 or "") == 64
    assert np.array_equal(bench.truth(archs), np.arange(len(archs), dtype=float))
    assert np.array_equal(bench.space.all(), archs)
    absent = tuple(where.all()[1].tolist())
    with pytest.raises(ArchitectureError):
        bench.query(absent, 1, 0)


@pytest.mark.parametrize("name", ["nbgraph", "mlp"])
def test_decisions_from_a_csv_keep_their_text(tmp_path: Path, name: str) -> None:
    where = space(name)
    archs = where.all()[::211]
    frame = pd.DataFrame(
        {
            decision.name: [decision[1][i] for i in archs[:, d].tolist()]
            for d, decision in enumerate(where.decisions)
        }
    ).assign(v=np.arange(len(archs)))
    frame.to_csv(tmp_path / "mine.csv", index=False)
    bench = from_table(tmp_path / "mine.csv", where, "v", allow_missing=True)
    assert np.array_equal(bench.truth(archs), np.arange(len(archs), dtype=float))


def test_a_complete_table_equals_the_benchmark_it_was_written_from(tmp_path: Path) -> None:
    from workbench.data._open import benchmark

    theirs = benchmark("nb201/cifar10")
    every = theirs.space.all()
    strings = [theirs.space.format(tuple(a)) for a in every.tolist()]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"cell": strings, "v": theirs.truth(every)})
    frame = frame.iloc[rng.permutation(len(frame))]
    frame.to_parquet(tmp_path / "t.parquet")
    ours = from_table(tmp_path / "t.parquet", "nb201", "v", architecture="cell")
    assert ours.space is theirs.space
    assert ours.optimum == theirs.optimum
    assert np.array_equal(ours.truth(every), theirs.truth(every))


def test_everything_wrong_is_said_at_once() -> None:
    frame = small(val=[1.0, np.nan, 3.0, 4.0, np.inf, 6.0], cost=["1", "2", "x", "4", "5", "6"])
    frame["op"] = ["c", "a", "b", "z", "b", "b"]
    with pytest.raises(TableError) as caught:
        from_table(frame, SMALL, "val", cost="cost", test="tset", metrics=["vall"])
    message = str(caught.value)
    for part in (
        "rows count from 1, the header not counted",
        "no column 'tset'",
        "no column 'vall'; did you mean 'val'",
        "1 without an architecture of small: row 4: z,16",
        "rows 3, 6 hold the same architecture, op=b,width=8",
        "2 of the 6 architectures of small are missing",
        "column 'val': no finite number in rows 2, 5",
        "column 'cost': no finite number in row 3 ('x')",
    ):
        assert part in message, part


def test_unknown_columns_do_not_hide_faulty_numbers() -> None:
    frame = small(acc=["1", "", "x", "4", "5", "6"], loss=[1.0, np.nan, 3.0, 4.0, 5.0, 6.0])
    with pytest.raises(TableError) as caught:
        from_table(frame, SMALL, ["acc", "nope"], metrics=["loss"])
    for part in (
        "no column 'nope'",
        "column 'acc': no finite number in rows 2, 3 (empty)",
        "column 'loss': no finite number in row 2 (nan)",
    ):
        assert part in str(caught.value), part


def test_the_way_out_is_worded_for_studies_and_calls() -> None:
    with pytest.raises(TableError, match="allow_missing = true restricts"):
        from_table(small(val=range(6)).iloc[:4], SMALL, "val")


def test_costs_are_not_negative() -> None:
    frame = small(val=range(6), seconds=[0.0, -1.0, 2.0, 3.0, -4.0, 5.0])
    with pytest.raises(TableError, match=r"'seconds': negative cost in rows 2, 5 \(-1.0\)"):
        from_table(frame, SMALL, "val", cost="seconds")
    assert from_table(frame, SMALL, "val", metrics=["seconds"]).query((2, 1), 1, 0).score == 0.0


def test_costs_do_not_decrease_along_epochs() -> None:
    costs: dict[str, Any] = {"s@1": 1.0, "s@5": 5.0, "s@10": [5.0, 9.0, 4.0, 9.0, 9.0, 9.0]}
    frame = curves().assign(**costs)
    with pytest.raises(TableError, match="'s@10': less cost than in 's@5' in row 3"):
        from_table(frame, SMALL, "val_7@{epoch}", cost="s@{epoch}")
    frame.loc[2, "s@10"] = 5.0
    assert from_table(frame, SMALL, "val_7@{epoch}", cost="s@{epoch}").has_cost


def test_repeated_columns_of_a_frame_are_refused() -> None:
    frame = small(a=range(6), b=range(6)).rename(columns={"b": "a"})
    with pytest.raises(TableError, match="more than one column 'a'"):
        from_table(frame, SMALL, "a")


@pytest.mark.parametrize("header", ["op,width,a,a", 'op,width,a,"a "', "op,width,a,a,,"])
def test_repeated_columns_of_a_csv_are_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"{header}\na,8,1,2\n", encoding="utf-8")
    with pytest.raises(TableError, match=r"mine\.csv: more than one column"):
        from_table(path, SMALL, "a", allow_missing=True)


@pytest.mark.parametrize(
    ("columns", "score", "says"),
    [
        ({"val@1": 0.0}, "val@{epochs}", "no column"),
        ({"val_1@1": 0.0, "val_2@5": 0.0}, "val_{seed}@{epoch}", "every seed needs every epoch"),
        ({"a": 0.0}, ["a", "b"], "no column 'b'"),
        ({"a_1": 0.0}, ["a_{seed}"], "without {seed}"),
        ({"a": 0.0}, [], "must be columns"),
        ({"a": 0.0}, ["a", "a"], "holds 'a' more than once"),
        ({"a": 0.0}, ["a", "a", "b"], "no column 'b'"),
        ({"a@1": 0.0, "a@2": 0.0}, ["a@{epoch}", "a@1"], "holds 'a@1' more than once"),
        ({"a": 0.0}, "x_{seed}", "no column like 'x_{seed}'"),
    ],
)
def test_wrong_columns_are_explained(columns: Any, score: Any, says: str) -> None:
    with pytest.raises(TableError) as caught:
        from_table(small(**columns), SMALL, score)
    assert says in str(caught.value)


def test_seeds_and_epochs_must_agree() -> None:
    with pytest.raises(TableError, match="'val_7' has epochs 1, 5, 10; the score has none"):
        from_table(curves(), SMALL, "size", test="val_7@{epoch}")
    with pytest.raises(TableError, match="names two metrics"):
        from_table(curves(), SMALL, "size", test="size")


def test_missing_decision_columns_are_named() -> None:
    with pytest.raises(TableError, match="these are absent: width"):
        from_table(small(v=range(6)).drop(columns="width"), SMALL, "v")


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(TableError, match="no rows"):
        from_table(small(v=range(6)).iloc[:0], SMALL, "v", allow_missing=True)


@pytest.mark.parametrize("name", ["absent.csv", "absent.parquet", "table.xlsx", "broken.parquet"])
def test_unreadable_files_are_explained(tmp_path: Path, name: str) -> None:
    (tmp_path / "table.xlsx").write_bytes(b"")
    (tmp_path / "broken.parquet").write_bytes(b"nonsense")
    expected = DataMissing if name.startswith("absent") else TableError
    with pytest.raises(expected, match=name):
        from_table(tmp_path / name, SMALL, "v")


def test_directions_are_max_and_min() -> None:
    wrong: Any = "up"
    with pytest.raises(ParameterError, match="'max' or 'min'"):
        from_table(small(v=range(6)), SMALL, "v", direction=wrong)


def test_shorter_trainings_are_judged_by_whole_ones() -> None:
    whole = full(curves())
    for short in (whole.up_to(5), pickle.loads(pickle.dumps(whole.up_to(5)))):
        archs = short.space.all()
        assert short.epochs == (1, 5)
        assert short.query((0, 1), 5, 1) == whole.query((0, 1), 5, 1)
        np.testing.assert_array_equal(short.truth(archs), whole.truth(archs))
        assert short.optimum == whole.truth(archs).max()
        with pytest.raises(BenchmarkError, match="holds no epoch 10; it holds 1, 5"):
            short.query((0, 1), 10, 0)
        with pytest.raises(BenchmarkError, match="holds no epoch 10"):
            short.query_many(archs, 10, 0)
    assert whole.epochs == (1, 5, 10)
    with pytest.raises(BenchmarkError, match="holds no epoch 7; it holds 1, 5, 10"):
        whole.up_to(7)


def test_what_a_benchmark_says_of_its_searches() -> None:
    """Its own budget, also in a smoke test; epochs that are not stored, or not of a table."""
    small = {"name": "nb201/cifar10", "budget": {"seconds": 9.0}}
    study = {
        "name": "s",
        "budget": {"queries": 30},
        "strategies": ["random_search"],
        "benchmarks": ["measured/nb201-mnist", small],
    }
    made = parse_study(study)
    assert isinstance(made, StrategyStudy)
    assert made.budget_on(0).queries == 30
    assert (made.budget_on(1).queries, made.budget_on(1).seconds) == (None, 9.0)
    assert made.smoke().budget_on(1).queries == made.smoke().budget_on(0).queries == 12
    for name, words in (
        ("nb201/cifar10", r"benchmarks\[0\]: nb201/cifar10 holds no epoch 12; it holds 200"),
        ("live/nb201/digits", r"is no table, .* say training = \{ epochs = 12 \}"),
    ):
        with pytest.raises(WorkbenchError, match=words):
            prepare(parse_study(study | {"benchmarks": [{"name": name, "epochs": 12}]}))
    for own, words in (
        ({"hour": 1}, r"benchmarks\[0\]\.budget\.hour: unknown key; known: queries, seconds"),
        ({"seconds": 1.0}, r"benchmarks\[0\]\.budget\.seconds: .* knows no training cost"),
    ):
        entry = {"name": "nbgraph/cora", "budget": own}
        with pytest.raises(StudyError, match=words):
            prepare(parse_study(study | {"benchmarks": [entry]}))
    with pytest.raises(StudyError, match="epochs"):
        parse_study(
            {
                "name": "p",
                "kind": "predictors",
                "benchmarks": [{"name": "nb201/cifar10", "epochs": 200}],
                "predictors": ["ridge"],
            }
        )
