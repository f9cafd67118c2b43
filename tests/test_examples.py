"""Every example, every committed study and every code block of README and docs works as written."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer

import workbench as wb
from workbench.cli import app
from workbench.harness.drive import run_study
from workbench.harness.plan import prepare
from workbench.harness.quick_search import quick_search
from workbench.harness.study import load_study, parse_study
from workbench.report.results import read_results
from workbench.testing.run import check_plugin

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ("ask_and_tell.py", "greedy.py", "searched_on_test.py", "until_the_best.py")
OWN_TABLES = "nats-bench.toml"
OF_A_STUDY = ("at_queries.py", "picture.py", "study_pictures.py")
PICTURES = Path(__file__).resolve().parent.parent / "examples" / OF_A_STUDY[2]
STUDIES = [
    path
    for folder in ("examples", "docs/studies")
    for path in (ROOT / folder).glob("*.toml")
    if path.name != OWN_TABLES
]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_every_script_is_known() -> None:
    assert {p.name for p in ROOT.glob("examples/*.py")} == {*SCRIPTS, *OF_A_STUDY}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_run(name: str) -> None:
    command = [sys.executable, str(ROOT / "examples" / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_picture_of_a_study_is_saved(tmp_path: Path) -> None:
    study = load_study(ROOT / "examples/greedy.toml", ["replicates=2", "budget.queries=5"])
    run_study(study, tmp_path / "study")
    command = [str(ROOT / "examples" / OF_A_STUDY[1]), str(tmp_path / "study")]
    drawn = []
    for axis in ([], ["--seconds"]):
        picture = tmp_path / "out.png"
        subprocess.run([sys.executable, *command, str(picture), *axis], check=True)
        drawn.append(picture.read_bytes())
    assert all(one.startswith(b"\x89PNG") for one in drawn)
    assert drawn[0] != drawn[1]


def test_random_search_is_as_in_closed_form(tmp_path: Path) -> None:
    """400 runs on a table with two or three trainings of each architecture, and with five."""
    study = {"name": "closed", "replicates": 400, "budget": {"queries": 20}}
    study |= {"benchmarks": ["nb201/cifar100", "mlp/car"]}
    run_study(parse_study(study | {"strategies": ["random_search"]}), tmp_path)
    command = [sys.executable, str(ROOT / "examples" / OF_A_STUDY[0]), str(tmp_path), "5", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    tables = [part.splitlines() for part in done.stdout.strip().split("\n\n")]
    assert len(tables) == 2
    for table in tables:
        exact, found, best = (row.strip("| ").split(" | ")[1:] for row in table[2:])
        for value, cell, top in zip(exact, found, best, strict=True):
            mean, error = map(float, cell.split(" ± "))
            assert abs(mean - float(value)) < 4 * error < abs(mean) / 2
            assert mean < float(top)


def test_pictures_of_a_predictor_study_are_saved(tmp_path: Path) -> None:
    study = parse_study(
        {
            "name": "small",
            "kind": "predictors",
            "replicates": 2,
            "sizes": [25, 50],
            "benchmarks": ["nb201/cifar10"],
            "predictors": ["ridge", {"name": "extra_trees", "n_estimators": 10}],
        }
    )
    run_study(study, tmp_path / "study")
    command = [
        str(ROOT / "examples" / OF_A_STUDY[2]),
        str(tmp_path / "study"),
        str(tmp_path / "out"),
    ]
    subprocess.run([sys.executable, *command], check=True)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    shown = ("by_size", "benchmarks", "time", "map", "coverage")
    assert names == {"tables.md", *(f"predictors-{name}.png" for name in shown)}
    table = (tmp_path / "out" / "tables.md").read_text(encoding="utf-8")
    assert "| extra_trees | ." in table.replace("0.", ".")


def test_pictures_of_a_proxy_study_are_saved(tmp_path: Path) -> None:
    bench = {"name": "measured/nb201-mnist", "sample": 10, "batch_size": 4}
    study = {"name": "small", "kind": "proxies", "replicates": 1, "benchmarks": [bench]}
    run_study(parse_study(study | {"proxies": ["nwot"]}), tmp_path / "study")
    command = [
        str(ROOT / "examples" / OF_A_STUDY[2]),
        str(tmp_path / "study"),
        str(tmp_path / "out"),
    ]
    subprocess.run([sys.executable, *command], check=True)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"tables.md", *(f"proxies-{name}.png" for name in ("map", "lead", "time"))}
    assert "| nwot | " in (tmp_path / "out" / "tables.md").read_text(encoding="utf-8")


def test_pictures_of_a_curve_study_are_saved(tmp_path: Path) -> None:
    study = {"name": "small", "kind": "curves", "replicates": 1, "train": 30, "test": 30}
    study |= {"benchmarks": ["measured/nb201-mnist"], "extrapolators": ["last_value", "sotl"]}
    run_study(parse_study(study), tmp_path / "study")
    command = [
        str(ROOT / "examples" / OF_A_STUDY[2]),
        str(tmp_path / "study"),
        str(tmp_path / "out"),
    ]
    subprocess.run([sys.executable, *command], check=True)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"tables.md", "curves-by_epoch.png", "curves-savings.png"}
    assert "| sotl | " in (tmp_path / "out" / "tables.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.name)
def test_studies_run_small(path: Path, tmp_path: Path) -> None:
    outcome = run_study(load_study(path).smoke(), tmp_path)
    assert outcome.failed == 0


def test_time_budgets_of_nats_bench_run_with_tables_of_ones_own(tmp_path: Path) -> None:
    """Scores after 200 epochs are those that come with a package; those after 12 are made up."""
    for dataset in ("cifar10", "cifar100", "imagenet16-120"):
        bench = wb.benchmark(f"nb201/{dataset}")
        archs = bench.space.all()
        last = bench.query_many(archs, 200, 0).metrics
        table: dict[str, Any] = {"cell": [bench.space.format(tuple(a)) for a in archs.tolist()]}
        table |= {"valid_777@12": 0.6 * last["val_acc"], "valid_777@200": last["val_acc"]}
        table |= {"test_777@12": 0.5 * last["val_acc"], "test_777@200": last["val_acc"] - 1}
        table |= {"seconds@12": last["train_time"] * 12 / 200, "seconds@200": last["train_time"]}
        pd.DataFrame(table).to_csv(tmp_path / f"nats-bench-{dataset}.csv", index=False)
    (tmp_path / OWN_TABLES).write_text((ROOT / "docs/studies" / OWN_TABLES).read_text())
    study = load_study(tmp_path / OWN_TABLES, ["replicates=2"])
    assert run_study(study, tmp_path / "s").failed == 0
    found = read_results(tmp_path / "s")
    assert {*found.trials["epochs"]} == {12}
    for (label, budget), row in zip(
        (("cifar10", 20_000), ("cifar100", 40_000), ("imagenet16-120", 120_000)),
        study.benchmarks,
        strict=True,
    ):
        assert row.label == f"nats-bench/{label}"
        mine = found.trials[found.trials["benchmark"] == row.label]
        assert 0.9 * budget < mine["ended"].max() <= budget
        assert (mine["truth"] > 1.6 * mine["score"]).all()
        np.testing.assert_allclose(mine["test"], mine["truth"] - 1)


def test_readme_python_runs(tmp_path: Path) -> None:
    api, strategy = _blocks(README, "python")
    assert 8 <= len([line for line in api.splitlines() if line]) <= 12
    (tmp_path / "api.py").write_text(api, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "api.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 0.5 < float(done.stdout) < 1
    (tmp_path / "greedy.py").write_text(strategy, encoding="utf-8")
    faults = dict(check_plugin(str(tmp_path / "greedy.py")))
    assert {name: fault for name, fault in faults.items() if fault} == {}
    assert len(faults) > 10


def test_documented_settings_of_searches_fit() -> None:
    """Every code span of docs/search.md with ``--set`` is one of a search that could start."""
    page = (ROOT / "docs/search.md").read_text(encoding="utf-8")
    spans = [shlex.split(span) for span in re.findall(r"`([^`\n]*--set [^`\n]+)`", page)]
    assert len(spans) >= 8
    command: Any = typer.main.get_group(app).commands["search"]
    common = ["--space", "nb201", "--data", "mnist5k", "--device", "cpu"]
    for span in spans:
        given = command.make_context("search", [*common, *span]).params
        asked = {key: given[key] for key in ("space", "data", "budget", "strategy", "device")}
        assert given["set_"]
        prepare(quick_search(**asked, overrides=given["set_"]))


def test_readme_study_is_one() -> None:
    import tomllib

    (text,) = _blocks(README, "toml")
    assert parse_study(tomllib.loads(text)).runs == 120


def test_documented_commands_exist() -> None:
    """Every `workbench word` of README and docs is a command."""
    commands = {*typer.main.get_group(app).commands}
    pages = [README, *(p.read_text(encoding="utf-8") for p in ROOT.glob("docs/*.md"))]
    named = {w for page in pages for w in re.findall(r"workbench ([a-z]+)\b", page)}
    words = {"as", "import", "is", "itself", "measured", "measures"}
    assert named - words <= commands
