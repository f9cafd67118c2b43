"""One row of a table: all seeds of an architecture, trained side by side."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.data._live_training import Recipe
from workbench.data._parts import DIVERGED, Row
from workbench.data._plan import FILE, TablePlan
from workbench.errors import WorkbenchError
from workbench.seeds import entropy
from workbench.types import Arch, Floats

if TYPE_CHECKING:
    from workbench.training.trainer import Trainer


def row_of(plan: TablePlan, made: int = 0) -> Callable[[int], Row]:
    """Return what trains the architecture of a number in the plan's order, in any process.

    ``made`` is the number of the provenance that the rows name.
    """
    return partial(_trained, plan.model_dump_json(), made)


def try_out(plan: TablePlan) -> dict[str, Any]:
    """Load the data and build a network, so that what is wrong shows before work begins.

    Returns what the numbers are of: hash, shape, classes, and examples in each part of the data.

    Raises
    ------
    WorkbenchError
        Whatever the plan says that cannot be had, with the name of its file.
    """
    try:
        work = _Work(plan)
        work.trainer(tuple(plan.archs[0].tolist()))
    except WorkbenchError as error:
        error.args = (f"{FILE}: {error}",)
        raise
    data = work.recipe.data
    parts = zip(("train", "valid", "test"), work.recipe.splits, strict=True)
    sizes = {name: len(part) for name, part in parts}
    return {"sha256": data.sha256, "shape": list(data.shape), "classes": data.classes} | sizes


def _trained(plan_json: str, made: int, number: int) -> Row:
    return _work(plan_json).row(number)._replace(made=made)


@lru_cache(maxsize=1)
def _work(plan_json: str) -> _Work:
    return _Work(TablePlan.model_validate_json(plan_json))


class _Work:
    """A plan with its data in memory."""

    def __init__(self, plan: TablePlan) -> None:
        from workbench.training.datasets import load

        self.plan = plan
        self.recipe = Recipe(
            plan.whole, load(plan.data, **plan.options), plan.network, plan.training
        )

    def trainer(self, arch: Arch) -> Trainer:
        seeds = [entropy("table", self.plan.space, *arch, s) >> 65 for s in range(self.plan.seeds)]
        return self.recipe.trainer(arch, seeds)

    def row(self, number: int) -> Row:
        from workbench.training.fit import fit

        arch = self.plan.archs[number].tolist()
        trainer = self.trainer(tuple(arch))
        curves = fit(trainer)
        _, valid, test = self.recipe.splits
        tested = np.where(trainer.alive, trainer.score(test), np.nan)
        return Row(
            number,
            0,
            arch,
            _right(curves.score, len(valid)),
            _single(curves.train_loss),
            _right(tested, len(test)),
            curves.seconds.tolist(),
        )


def _single(values: Floats) -> Any:
    return values.astype(np.float32).astype(np.float64).tolist()


def _right(percent: Any, of: int) -> Any:
    """Return numbers of right answers, nested lists of the shape of the percentages."""
    counts = np.rint(np.nan_to_num(np.asarray(percent), nan=0.0) * of / 100).astype(int)
    return np.where(np.isnan(percent), DIVERGED, counts).tolist()
