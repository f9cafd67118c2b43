"""What one process does of a population: build an architecture, and score it."""

from __future__ import annotations

import inspect
import json
from functools import partial
from hashlib import sha256
from math import nan
from typing import Any, NamedTuple

import torch

from workbench import registry
from workbench.errors import PluginError, WorkbenchError, describe_fault
from workbench.networks import build
from workbench.predictors.zero_cost._batch import Batch
from workbench.predictors.zero_cost._score import Score, scores_of
from workbench.predictors.zero_cost._store import Scores
from workbench.spaces import Space
from workbench.types import Arch

LAYOUT = 1
"""To be raised whenever the numbers of all proxies change."""


class Job(NamedTuple):
    """What the scores of an architecture depend on besides the proxies."""

    space: Space
    batch: Batch
    settings: dict[str, Any]
    seed: int

    def key(self) -> str:
        """Return a hash of all of it, the network's source and torch's version too."""
        network = inspect.getfile(registry.load("networks", self.space.name))
        decisions = [list(decision) for decision in self.space.decisions]
        parts = [LAYOUT, self.space.name, decisions, self.settings, self.seed]
        parts += [self.batch.digest(), registry.file_hash(network), str(torch.__version__)]
        return sha256(json.dumps(parts, sort_keys=True, default=repr).encode()).hexdigest()


class Task(NamedTuple):
    """One architecture, and the names of what is not known of it yet."""

    arch: Arch
    names: tuple[str, ...]


class Outcome(NamedTuple):
    """Scores, and why there are not all."""

    arch: Arch
    scores: Scores
    fault: WorkbenchError | None


def scored(job: Job, task: Task) -> Outcome:
    """Return the scores of one architecture; where a proxy fails, NaN is what it gives."""
    shape = job.batch.x.shape[1:]
    built = build(job.space, task.arch, shape, job.batch.classes, seed=job.seed, **job.settings)
    of = partial(scores_of, built, job.batch.x, job.batch.y, seed=job.seed)
    try:
        return Outcome(task.arch, of(task.names), None)
    except (Exception, SystemExit) as error:  # a proxy may be anybody's code
        _, fault = _why(error)
    found: Scores = {}
    for name in task.names:
        try:
            found |= of([name])
        except (Exception, SystemExit) as error:
            again, fault = _why(error)
            if again:
                found[name] = Score(nan, nan)
    return Outcome(task.arch, found, fault)


def _why(error: BaseException) -> tuple[bool, WorkbenchError]:
    """Return whether the same would happen again, and an error that crosses processes."""
    if isinstance(error, WorkbenchError):
        return True, error
    fault = PluginError(f"a proxy failed: {describe_fault(error)}")
    return not isinstance(error, MemoryError | RuntimeError), fault
