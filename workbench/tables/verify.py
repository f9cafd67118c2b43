"""Train some of a table again, and say whether it still comes out."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.data._parts import Row, Rows, percent, provenance, read
from workbench.data._plan import FILE, TablePlan, load_plan
from workbench.errors import TableError
from workbench.executors import each
from workbench.seeds import generator
from workbench.tables.measure import origin, tell, unchanged
from workbench.tables.train import row_of, try_out
from workbench.types import Progress

NEAR = 200
"""Architectures of the most similar score that say how much seeds differ there."""

MOST_SDS, MOST_SES = 3.0, 2.0


class Checked(NamedTuple):
    """One architecture trained again.

    ``stored`` and ``again`` are final validation accuracies in percent, one a seed; ``noise`` is
    the standard deviation between two seeds of architectures of such a score. ``same_machine``:
    measured with these versions on this type of CPU, so that ``same_bits`` is to be expected.
    """

    number: int
    arch: str
    stored: tuple[float, ...]
    again: tuple[float, ...]
    noise: float
    same_machine: bool
    same_bits: bool

    @property
    def largest(self) -> float:
        """The largest difference, in standard deviations of the difference of two trainings."""
        differences = np.abs(np.subtract(self.again, self.stored))
        return float(differences.max() / (sqrt(2) * self.noise))

    @property
    def holds(self) -> bool:
        """Whether it came out: to the bit where that is expected, else within the noise."""
        return self.same_bits or (not self.same_machine and self.largest <= MOST_SDS)


class Verdict(NamedTuple):
    """What a verification found.

    ``mean`` is the mean difference in percent and ``se`` its standard error, over all that were
    not measured on a machine like this one; both are 0 if there are none.
    """

    checked: tuple[Checked, ...]
    mean: float
    se: float

    @property
    def holds(self) -> bool:
        """Whether every one came out, and no drift shows in their mean."""
        return all(c.holds for c in self.checked) and not self.drifts

    @property
    def drifts(self) -> bool:
        """Whether the mean difference is more than chance makes it."""
        return abs(self.mean) > MOST_SES * self.se

    def summary(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        checked = [c._asdict() | {"largest": c.largest, "holds": c.holds} for c in self.checked]
        return {"holds": self.holds, "mean": self.mean, "se": self.se, "checked": checked}

    def lines(self) -> list[str]:
        """Return what was found in words, a line for each architecture and a last one for all."""
        found = [_line(c) for c in self.checked]
        others = sum(not c.same_machine for c in self.checked)
        if others:
            found.append(
                f"{others} were measured with other versions or on another type of CPU; their mean"
                f" difference is {self.mean:+.3f} % (standard error {self.se:.3f})"
            )
        wrong = sum(not c.holds for c in self.checked)
        if wrong:
            found.append(f"{wrong} of {len(self.checked)} did NOT come out again")
        elif self.drifts:
            found.append("each is within the noise, but their mean differs: it did NOT come out")
        else:
            found.append(f"all {len(self.checked)} came out again")
        return found


def _line(c: Checked) -> str:
    if c.same_bits:
        return f"ok    {c.arch}: equal to the bit, all epochs of {len(c.stored)} seeds"
    word = "ok  " if c.holds else "FAIL"
    pairs = ", ".join(f"{s:.2f} then, {a:.2f} now" for s, a in zip(c.stored, c.again, strict=True))
    why = "; to the bit was expected here" if c.same_machine else ""
    return f"{word}  {c.arch}: {pairs} (% right; largest {c.largest:.1f} sd{why})"


def verify(
    folder: Path, count: int = 20, seed: int = 0, workers: int = 1, progress: Progress | None = None
) -> Verdict:
    """Train random entries of a table again and compare.

    With the versions and the type of CPU of the measurement every epoch must be equal to the bit.
    Otherwise rounding makes each a new training: the difference of two trainings has sqrt(2) times
    the standard deviation that the table shows between seeds; no final score may be more than 3 of
    those away, and the mean difference no more than 2 standard errors.

    Parameters
    ----------
    folder : Path
        Of the table.
    count : int
        Architectures, of which all seeds are trained; all that are measured if there are fewer.
    seed : int
        Of which ones.

    Raises
    ------
    TableError, DataMissing
        What is stored cannot be read, or its data are not here; or it was measured on another
        machine with one seed, so that nothing says how much trainings differ.
    StudyError
        The plan is another than when it was measured.
    """
    plan, rows = load_plan(folder), read(folder)
    unchanged(plan, folder)
    if not np.array_equal(rows.archs, plan.archs[: len(rows.archs)]):
        raise TableError(f"{folder} holds other architectures than its {FILE} names")
    here = origin() | {"data": try_out(plan)}
    chosen = generator("verify", seed).permutation(len(rows.archs))[:count]
    alike = {n: _alike(provenance(folder, n), here) for n in chosen.tolist()}
    if rows.valid_right.shape[1] == 1 and not all(alike.values()):
        raise TableError(
            "this table has one training seed and was measured with other versions or on another"
            " type of CPU: nothing says how far apart two trainings may be"
        )
    tell(progress, 0, len(chosen))
    checked: list[Checked] = []
    for row in each(row_of(plan), chosen.tolist(), min(workers, len(chosen))):
        checked.append(_compared(plan, rows, row, alike[row.number]))
        tell(progress, len(checked), len(chosen))
    checked.sort()
    return Verdict(tuple(checked), *_drift([c for c in checked if not c.same_machine]))


def _compared(plan: TablePlan, rows: Rows, row: Row, same_machine: bool) -> Checked:
    n, valid = row.number, rows.data["valid"]
    final = np.array(row.valid_right)[:, -1]
    same = (
        np.array_equal(rows.valid_right[n], row.valid_right)
        and np.array_equal(
            rows.train_loss[n], np.array(row.train_loss, dtype=np.float32), equal_nan=True
        )
        and np.array_equal(rows.test_right[n], row.test_right)
    )
    return Checked(
        n,
        plan.whole.format(tuple(rows.archs[n].tolist())),
        tuple(percent(rows.valid_right[n, :, -1], valid).tolist()),
        tuple(percent(final, valid).tolist()),
        noise(rows, n),
        same_machine,
        same,
    )


def noise(rows: Rows, number: int) -> float:
    """Return the standard deviation between seeds at the score of an architecture, percent.

    Pooled over the 200 architectures of the nearest mean, without itself: poor cells vary more.
    It is at least what one right answer makes, and just that of a table of one seed.
    """
    if rows.valid_right.shape[1] == 1:
        return 100 / int(rows.data["valid"])
    final = percent(rows.valid_right[:, :, -1], rows.data["valid"])
    means, variances = final.mean(axis=1), final.var(axis=1, ddof=1)
    distance = np.abs(means - np.median(final[number]))
    distance[number] = np.inf
    near = np.argsort(distance, kind="stable")[: max(min(NEAR, len(means) - 1), 1)]
    return float(max(sqrt(variances[near].mean()), 100 / rows.data["valid"]))


def _drift(others: list[Checked]) -> tuple[float, float]:
    if not others:
        return 0.0, 0.0
    differences = np.concatenate([np.subtract(c.again, c.stored) for c in others])
    variances = np.concatenate([np.full(len(c.again), 2 * c.noise**2) for c in others])
    return float(differences.mean()), float(sqrt(variances.sum()) / len(differences))


def _alike(then: dict[str, Any], now: dict[str, Any]) -> bool:
    """Return whether the same bits are to be expected."""
    versions = all(
        then["packages"].get(name) == now["packages"].get(name) for name in ("torch", "numpy")
    )
    return versions and all(then.get(key) == now.get(key) for key in ("cpu_type", "data"))
