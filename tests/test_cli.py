"""The command line: what it prints where, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BEST = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
)


def _workbench(
    *words: str | Path, cwd: Path | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "workbench", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the study that ``workbench new`` writes, run small."""
    folder = tmp_path_factory.mktemp("cli")
    _workbench("new", "mine.toml", cwd=folder)
    sets = ["--set", "replicates=2", "--set", "budget.queries=15", "--workers", "1"]
    done = _workbench("run", "mine.toml", *sets, cwd=folder)
    assert done.stdout.strip().endswith("report.html")
    return folder


def test_new_never_overwrites(folder: Path) -> None:
    assert "there already" in _workbench("new", "mine.toml", cwd=folder, code=2).stderr


def test_report_and_status(folder: Path) -> None:
    assert "12 of 12 runs finished" in _workbench("status", "mine", cwd=folder).stdout
    found = json.loads(_workbench("status", "mine", "--json", cwd=folder).stdout)
    assert (found["finished"], found["failed"], found["writer"]) == (12, 0, None)
    again = _workbench("report", "mine", "--json", cwd=folder)
    summary = json.loads(again.stdout)
    stored = json.loads((folder / "mine" / "summary.json").read_text(encoding="utf-8"))
    assert summary == stored | {"report": "mine/report.html"}


def test_list_shows_every_family_and_what_extras_bring() -> None:
    found = json.loads(_workbench("list", "--json").stdout)
    assert {r["name"] for r in found["strategies"]} >= {"random_search", "tpe", "predictor_guided"}
    assert "nb201/cifar10" in {r["name"] for r in found["benchmarks"]}
    presets = {r["name"]: r["presets"] for r in found["strategies"]}
    assert "bananas" in presets["predictor_guided"]
    assert all(r["summary"] for rows in found.values() for r in rows)
    assert "random_search" in _workbench("list", "strategies").stdout
    assert "did you mean 'strategies'" in _workbench("list", "strategy", code=2).stderr


def test_query_shows_every_replicate() -> None:
    """The best cell of facts published with the table: 333132, 91.6067 % over its seeds."""
    found = json.loads(_workbench("query", "nb201/cifar10", BEST, "--json").stdout)
    assert found["decisions"] == [3, 3, 3, 1, 3, 2]
    assert found["metrics"]["val_acc"]["mean"] == pytest.approx(91.6067, abs=5e-5)
    assert "91.6067" in _workbench("query", "nb201/cifar10", BEST).stdout
    assert "one looks like" in _workbench("query", "nb201/cifar10", "x", code=2).stderr
    assert "did you mean" in _workbench("query", "nb201/cifar1", BEST, code=2).stderr


def test_exit_codes(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "x"\n', encoding="utf-8")
    assert "missing" in _workbench("run", bad, code=2).stderr
    assert "No such file" in _workbench("run", tmp_path / "none.toml", code=2).stderr
    _workbench("run", code=2)
    _workbench("nonsense", code=2)
    assert "holds no study" in _workbench("status", tmp_path, code=2).stderr
    table = tmp_path / "table.toml"
    table.write_text(
        'name = "t"\nstrategies = ["random_search"]\nbudget = {queries = 5}\n'
        '[[benchmarks]]\nname = "t"\ntable = "none.csv"\nspace = "nb201"\ncolumns = "acc"\n',
        encoding="utf-8",
    )
    assert "none.csv" in _workbench("run", table, code=3).stderr
    failing = tmp_path / "failing.py"
    failing.write_text(
        "from workbench.strategies.random_search import RandomSearch\n"
        "class Failing(RandomSearch):\n    def ask(self):\n        raise ValueError('no')\n",
        encoding="utf-8",
    )
    study = tmp_path / "fails.toml"
    study.write_text(
        'name = "fails"\nreplicates = 1\nbenchmarks = ["nb201/cifar10"]\nbudget = {queries = 5}\n'
        'strategies = ["random_search", "failing.py"]\n',
        encoding="utf-8",
    )
    done = _workbench("run", study, "--workers", "1", cwd=tmp_path, code=1)
    assert "1 runs failed" in done.stderr
    assert "ValueError: no" in _workbench("status", "fails", cwd=tmp_path).stdout
    assert "ValueError: no" in (tmp_path / "fails/report.html").read_text(encoding="utf-8")


def test_check_passes_a_good_plugin_and_fails_a_bad_one(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    head = "from workbench.strategies.random_search import RandomSearch\n"
    good.write_text(head + "class Good(RandomSearch):\n    pass\n", encoding="utf-8")
    bad.write_text(
        head + "import random\nclass Bad(RandomSearch):\n    def ask(self):\n"
        "        return self._trial(tuple(random.randrange(r) for r in self.space.radices))\n",
        encoding="utf-8",
    )
    assert "FAIL" not in _workbench("check", good).stdout
    assert "FAIL same_seed" in _workbench("check", bad, code=1).stdout
    (tmp_path / "other.py").write_text("class Thing:\n    pass\n", encoding="utf-8")
    assert "named like the file" in _workbench("check", tmp_path / "other.py", code=2).stderr
    assert "no plug-in file" in _workbench("check", tmp_path / "none.py", code=3).stderr


def test_rank_finds_good_untried_cells(tmp_path: Path) -> None:
    """Fitted on 60 cells, its first 20 have a mean true score far above that of random cells.

    Random cells have a mean of 83.7 % (facts of the table itself).
    """
    import numpy as np
    import pandas as pd

    from workbench.data._open import benchmark

    bench = benchmark("nb201/cifar10")
    tried = bench.space.canonical(bench.space.sample(60, np.random.default_rng(0)))
    tried = np.unique(tried, axis=0)
    cells = [bench.space.format(tuple(a)) for a in tried.tolist()]
    table = tmp_path / "mine.csv"
    pd.DataFrame({"cell": cells, "acc": bench.truth(tried)}).to_csv(table, index=False)
    options = ["--space", "nb201", "--score", "acc", "--architecture", "cell", "--top", "20"]
    done = _workbench("rank", table, *options)
    assert "Kendall tau" in done.stderr
    rows = [line.split(",") for line in done.stdout.splitlines()]
    assert rows[0][:3] == ["rank", "architecture", "predicted"]
    assert len(rows) == 21
    top = np.array([bench.space.parse(r[1]) for r in rows[1:]], dtype=np.int16)
    assert not {tuple(a) for a in top.tolist()} & {tuple(a) for a in tried.tolist()}
    assert bench.truth(top).mean() > 90
    wrong = _workbench("rank", table, "--space", "nb201", "--architecture", "cell", code=2)
    assert "score" in wrong.stderr
