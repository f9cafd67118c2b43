"""The zero-cost scores of a table's architectures, stored beside what training came to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.data._parts import load_archive, parts
from workbench.data._plan import load_plan
from workbench.data._scores import ProxyScores, is_complete, write_scores
from workbench.tables.measure import origin, tell
from workbench.tables.train import try_out
from workbench.types import Progress

BATCH = 64
"""Training images in the batch; all where there are fewer."""

SEED = 0
"""Of the batch, of the weights, and of what proxies draw."""


def score(folder: Path, workers: int = 1, progress: Progress | None = None) -> int:
    """Score the architectures of every part whose scores are not there; return how many those are.

    All proxies but aggregates, which rank whatever population they are given, on the networks and
    the training data of the table. Killed at any time, it goes on from there: scores are kept in
    the cache until those of a part are complete.

    Raises
    ------
    StudyError, DataMissing, ParameterError, TableError
        As ``measure`` does.
    """
    from workbench.proxies import ALL, columns_of, measure

    missing = [part for part in parts(folder) if not is_complete(part)]
    if not missing:
        return 0
    plan = load_plan(folder)
    data = try_out(plan)
    batch = min(BATCH, data["train"])
    made = origin() | {"data": data, "plan": plan.determines(), "batch_size": batch, "seed": SEED}
    names = columns_of(ALL)
    of, before = sum(len(load_archive(part)["number"]) for part in missing), 0

    def shown(done: int, _: int, failed: int) -> None:
        if progress is not None:
            progress(before + done, of, failed)

    for part in missing:
        archs = load_archive(part)["arch"].astype(np.int16)
        scores, seconds = measure(
            plan.whole,
            archs,
            {"name": plan.data, **plan.options},
            names,
            network=plan.network,
            batch_size=batch,
            seed=SEED,
            workers=workers,
            progress=shown,
        )
        write_scores(part, archs, ProxyScores(tuple(names), scores, seconds), made)
        before += len(archs)
        tell(progress, before, of)
    return of
