"""What commands that run, join or show studies do, and print."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from workbench.errors import StudyError
from workbench.terminal import busy, progress, search_view

if TYPE_CHECKING:
    from workbench.harness.merge import Merged
    from workbench.harness.plan import Plan

_LISTED = 20


class How(NamedTuple):
    """How a study is run: where, all of it or a shard; what is printed, and what is estimated."""

    workers: int | str
    shard: str | None = None
    as_json: bool = False
    energy: bool = False


def processes_for(executor: str, device: str) -> int | None:
    """Return how many processes to take where nothing is said: of GPUs one each; None: as usual."""
    if executor != "processes" or device == "cpu":
        return None
    from workbench.training.machine import gpus

    return gpus() or None


def run_and_report(study: Any, source: str, out: Path | None, how: How) -> None:
    """Run what a study folder lacks, write results and report, and exit with 1 on failures."""
    from workbench.harness.shard import WHOLE, Shard

    if study.kind == "search":
        search_and_report(study, source, out, how)
        return
    shard = WHOLE if how.shard is None else Shard.parse(how.shard)
    folder = out or Path(shard.folder(study))
    failed = _run(study, source, folder, how, shard)
    report_on(folder, how.as_json)
    if failed:
        print(f"error: {failed} runs failed; `workbench status {folder}`", file=sys.stderr)
        raise typer.Exit(1)


def search_and_report(study: Any, source: str, out: Path | None, how: How) -> None:
    """Search, or go on with it, conclude, and write the report."""
    from workbench.harness.energy import metered
    from workbench.harness.plan import prepare
    from workbench.harness.search import run_search

    if how.shard is not None:
        raise StudyError(f"--shard {how.shard}: a search is one run; leave it out")
    folder = out or Path(study.name)
    with redirect_stdout(sys.stderr):
        with progress("trying what is searched", study.COMPARED) as tried:
            plan: Plan = prepare(study, source, tried)
        with metered(folder, how.energy), search_view(study.name) as view:
            done = run_search(plan, folder, how.workers, progress, view)
    if not done.new:
        words = "the search had ended; a longer budget goes on with it"
        print(f"{words}: {folder}", file=sys.stderr)
    report_on(folder, how.as_json)


def _run(study: Any, source: str, folder: Path, how: How, shard: Any) -> int:
    from workbench.harness.drive import run_plan
    from workbench.harness.energy import metered
    from workbench.harness.plan import prepare

    # What plug-ins print must not stand among the results.
    with redirect_stdout(sys.stderr):
        with progress("trying what is compared", study.COMPARED) as tried:
            plan: Plan = prepare(study, source, tried)
        with metered(folder, how.energy):
            outcome = run_plan(plan, folder, how.workers, progress, shard)
    if not outcome.ran:
        count = len(shard.numbers(study))
        print(f"all {count} runs were stored in {folder} already", file=sys.stderr)
    return outcome.failed


def merge_and_report(folders: Sequence[Path], out: Path | None, as_json: bool) -> None:
    """Join study folders, write results and report, and exit with 1 where runs are not there."""
    from workbench.harness.merge import merge

    merged = merge(folders, out)
    report_on(merged.folder, as_json)
    print("\n".join(_merged_words(merged)), file=sys.stderr)
    if merged.failed or merged.missing:
        raise typer.Exit(1)


def _merged_words(merged: Merged) -> list[str]:
    from workbench.report.numbers import and_list

    words = [
        f"{merged.finished} of {merged.runs} runs are in {merged.folder}, {merged.new} of them new"
    ]
    words += [f"warning: {mixed}; numbers may differ" for mixed in merged.mixed]
    if merged.failed:
        words.append(f"error: {merged.failed} runs failed; `workbench status {merged.folder}`")
    if merged.missing:
        count = sum(map(len, merged.missing.values()))
        of = f", of shards {and_list([*map(str, merged.shards)])}" if merged.shards else ""
        words.append(
            f"error: {count} runs are missing{of}; merge their folders too, or run them:"
            f" `workbench run STUDY --out {merged.folder}`"
        )
        lines = [
            f"  {entry} on {bench}: replicates {and_list([*map(str, replicates)])}"
            for (bench, entry), replicates in merged.missing.items()
        ]
        words += lines[:_LISTED]
        if len(lines) > _LISTED:
            words.append(f"  and of {len(lines) - _LISTED} more")
    return words


def export_and_say(folder: Path, path: Path | None, as_json: bool) -> None:
    """Write results and report anew, put the folder into an archive, and say what it came to."""
    from workbench.harness.archive import export_study

    _reported([folder])
    with busy("writing the archive"):
        found = export_study(folder, path)
    if as_json:
        print_json(found._asdict())
        return
    for one in found.left_out:
        print(f"warning: a folder of data is not in the archive: {one}", file=sys.stderr)
    print(f"{found.path}: {found.files} files in {found.size:,} bytes")


def import_and_say(path: Path, folder: Path | None, limit: float, as_json: bool) -> None:
    """Unpack an archive into a new folder, and say which of it is code."""
    from workbench.harness.unpack import import_study

    with busy("checking the archive"):
        found = import_study(path, folder, limit)
    if as_json:
        print_json(found._asdict())
        return
    for one in found.left_out:
        print(f"warning: a folder of data was not in the archive: {one}", file=sys.stderr)
    if found.code:
        print(
            f"warning: this archive brings code, {', '.join(found.code)}: look at it before"
            " anything runs it (`workbench run`, `reproduce`; a space or benchmark, `report`)",
            file=sys.stderr,
        )
    print(f"{found.folder}: {found.files} files, each as it was exported")


def report_on(folder: Path, as_json: bool) -> None:
    """Write results and report of a study folder, and print what they say."""
    report_as([folder], "html", None, as_json)


def report_as(folders: Sequence[Path], form: str, out: Path | None, as_json: bool) -> None:
    """Write results and report, of several folders side by side, and print what they say."""
    paths, verdict, summary = _reported(folders, form, out)
    where = paths[0] if len(paths) == 1 else paths[0].parent
    if as_json or form == "json":
        print_json(summary | {"report": str(where)})
    else:
        print("\n".join([*verdict, "", str(where.resolve())]))


def _reported(folders: Sequence[Path], form: str = "html", out: Path | None = None) -> _Report:
    """Write results and report in a process of its own.

    So the memory of search libraries here and of pictures there never add up, and nothing that
    only a report needs is loaded here.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    from workbench.processes import deaf_children

    context = multiprocessing.get_context("spawn")
    with busy("writing results and report"), ProcessPoolExecutor(1, context) as pool:
        with deaf_children():
            future = pool.submit(_report, folders, form, out)
        return future.result()


_Report = tuple[list[Path], list[str], dict[str, Any]]
"""What was written, the verdict, and the summary."""


def _report(folders: Sequence[Path], form: str, out: Path | None) -> _Report:
    from workbench.report.formats import report

    written = report(folders, form, out)
    return written.paths, written.verdict, written.summary


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    print(json.dumps(value, indent=1, default=str))
