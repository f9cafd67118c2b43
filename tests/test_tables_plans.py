"""Tables of other plans than the tiny one: that which is shipped, of one seed, of a joint space."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from tests.tiny_tables import PLAN, change_part, planned
from workbench import registry
from workbench.data._plan import load_plan
from workbench.data.measured import SHIPPED, Measured
from workbench.errors import TableError
from workbench.tables.measure import measure
from workbench.tables.train import _Work
from workbench.tables.verify import verify
from workbench.testing.benchmarks import benchmark_checks


def test_a_table_of_one_seed_or_one_architecture(tmp_path: Path) -> None:
    """Equal bits can be seen; on another machine nothing says how much trainings differ."""
    folder = planned(tmp_path / "one")
    text = PLAN.replace("seeds = 2", "seeds = 1")
    (folder / "table.toml").write_text(text, encoding="utf-8")
    measure(folder, 1)
    assert verify(folder, 1).holds

    def elsewhere(text: np.ndarray) -> np.ndarray:
        made = [one | {"cpu_type": "another"} for one in json.loads(str(text))]
        return np.array(json.dumps(made))

    change_part(folder, 0, provenance=elsewhere)
    with pytest.raises(TableError, match="one training seed"):
        verify(folder, 1)
    both = planned(tmp_path / "both")
    measure(both, 1)
    change_part(both, 0, provenance=elsewhere)
    assert verify(both, 1).holds


@pytest.mark.slow
def test_the_shipped_table_comes_out_again() -> None:
    """Five entries of ``nb201-mnist``, all seeds and epochs: what a user is promised."""
    verdict = verify(SHIPPED / "nb201-mnist", 5, workers=1)
    assert verdict.holds, "\n".join(verdict.lines())


def test_the_shipped_table_is_signal() -> None:
    """Two seeds agree in the order of cells: Spearman .85 over all, .5 within the better half."""
    bench = Measured("nb201-mnist")
    final = bench.rows.valid_right[:, :, -1]
    better = final.mean(axis=1) >= np.median(final.mean(axis=1))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert spearmanr(final[:, a], final[:, b]).statistic >= 0.85
        assert spearmanr(final[better, a], final[better, b]).statistic > 0.5
    assert bench.rows.seconds.sum(axis=1).mean() < 2
    for check in benchmark_checks():
        check(bench)


def test_joint_spaces_are_trained_as_their_architectures_say(tmp_path: Path) -> None:
    """Batch size and learning rate of ``mlp`` are decisions: no two rows are trained alike."""
    folder = tmp_path / "mlp"
    folder.mkdir()
    (folder / "table.toml").write_text(
        'space = "mlp"\ndata = "digits"\nseeds = 1\noptions = {train = 40, valid = 40}\n'
        "training = {epochs = 1}\n",
        encoding="utf-8",
    )
    plan = load_plan(folder)
    network = registry.load("networks", "mlp")
    for number in (0, 1):
        arch = tuple(plan.archs[number].tolist())
        used = _Work(plan).trainer(arch).settings.model_dump()
        decided = network.settings(arch)
        assert {"batch_size", "learning_rate"} <= set(decided)
        assert {key: used[key] for key in decided} == decided
