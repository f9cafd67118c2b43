"""Run a whole study into a folder, from wherever an earlier process left it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from workbench.harness.executor import execute_all
from workbench.harness.kinds import kind_of
from workbench.harness.plan import Plan, Progress, prepare
from workbench.harness.sections import Study
from workbench.harness.store import finished_runs, open_store
from workbench.harness.study import load_study


class Outcome(NamedTuple):
    """What a call of ``run_study`` did."""

    folder: Path
    ran: int
    failed: int


def run_study(
    study: Study | Path | str,
    folder: Path | str | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Outcome:
    """Run what is not yet stored of a study; the same numbers for any number of workers.

    Parameters
    ----------
    study : Study or path of a study file
    folder : path, default the study's name in the current folder
        Where ``study.sqlite`` is made or gone on with.
    workers : int
        Processes; 1 runs in this one.
    progress : callable, optional
        Called after every run with (finished, all, failed).

    Raises
    ------
    StudyError, DataMissing, StoreError
        Before anything is run.
    """
    source = "study"
    if not isinstance(study, Study):
        source = str(study)
        study = load_study(Path(study))
    plan = prepare(study, source)
    run_ahead(plan, Path(folder or study.name), workers)
    return run_plan(plan, Path(folder or study.name), workers, progress)


def run_ahead(plan: Plan, folder: Path, workers: int, progress: Progress | None = None) -> None:
    """Do what several of a study's missing runs need, in parallel, where its kind has such."""
    ahead = kind_of(plan.study).ahead
    if ahead is None:
        return
    finished = finished_runs(folder)
    missing = [n for n in range(plan.study.runs) if n not in finished]
    if missing:
        ahead(plan.study, missing, workers, progress or _silent)


def _silent(done: int, of: int, failed: int) -> None:
    """Show nothing."""


def run_plan(plan: Plan, folder: Path, workers: int, progress: Progress | None = None) -> Outcome:
    """Run what is not yet stored of a prepared study."""
    study = plan.study
    with open_store(folder, plan) as store:
        store.forget_failed()
        finished = store.finished()
        missing = [n for n in range(study.runs) if n not in finished]
        done, failed = len(finished), 0
        if progress is not None:
            progress(done, study.runs, failed)
        for result in execute_all(study, missing, min(workers, max(1, len(missing)))):
            store.add(study, result)
            done += 1
            failed += result.error is not None
            if progress is not None:
                progress(done, study.runs, failed)
    return Outcome(folder, len(missing), failed)
