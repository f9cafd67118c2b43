"""The command line: results on standard output, progress and errors on standard error.

Exit codes: 0 fine, 1 some runs failed or (merge) are missing, a check did not hold, or a number
came out otherwise (reproduce), 2 a bad study, archive or usage, 3 data missing, 130 interrupted,
143 ended by SIGTERM.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli_things import CORES, Json, Workers, things
from workbench.errors import StudyError, WorkbenchError
from workbench.executors import where
from workbench.running import (
    How,
    export_and_say,
    import_and_say,
    merge_and_report,
    print_json,
    processes_for,
    report_as,
    run_and_report,
)
from workbench.terminal import Interrupted, going_on, progress

app = typer.Typer(
    name="workbench",
    help="Compare neural architecture search strategies on real benchmark tables.",
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(things)

Out = Annotated[Path | None, typer.Option(help="Folder of the study (default: its name).")]


def main() -> None:
    """Run the command line; turn the workbench's own errors into messages and exit codes."""
    try:
        app()
    except Interrupted as stop:
        print(f"\n{stop}", file=sys.stderr)
        sys.exit(stop.exit_code)
    except WorkbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        print(
            f"error: {error.filename}: {error.strerror}; name another file or folder, or see who"
            " may read and write there",
            file=sys.stderr,
        )
        sys.exit(2)
    except SystemExit as end:
        if end.code == Interrupted.exit_code:
            print("\ninterrupted", file=sys.stderr)
        raise


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from workbench import __version__

        print(__version__)
        raise typer.Exit


@app.command()
def demo(
    out: Out = None,
    workers: Workers = CORES,
    predictors: Annotated[
        bool, typer.Option("--predictors", help="Compare predictors instead.")
    ] = False,
) -> None:
    """Compare six strategies on five benchmarks, under 90 seconds on two cores.

    With --predictors: eight predictors on four benchmarks, under two minutes.
    """
    from workbench.harness.study import load_study

    with going_on(), _package_file("predictors.toml" if predictors else "demo.toml") as path:
        run_and_report(load_study(path), "demo", out, How(workers))


@app.command()
def new(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("study.toml"),
    predictors: Annotated[
        bool, typer.Option("--predictors", help="One that compares predictors.")
    ] = False,
    proxies: Annotated[
        bool, typer.Option("--proxies", help="One that compares zero-cost proxies.")
    ] = False,
    curves: Annotated[
        bool, typer.Option("--curves", help="One that compares learning-curve extrapolators.")
    ] = False,
    search: Annotated[
        bool, typer.Option("--search", help="A search that trains real networks.")
    ] = False,
) -> None:
    """Write a commented study file to start from."""
    asked = {"predictors": predictors, "proxies": proxies, "curves": curves, "search": search}
    kinds = [kind for kind, wanted in asked.items() if wanted]
    if len(kinds) > 1:
        raise StudyError(
            "a study is of one kind: give --predictors, --proxies, --curves or --search"
        )
    if path.exists():
        raise StudyError(f"{path} is there already; choose another name")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).lstrip("._-") or "study"
    template = "-".join(["template", *kinds]) + ".toml"
    text = files("workbench.harness").joinpath(template).read_text(encoding="utf-8")
    path.write_text(text.replace("{name}", name), encoding="utf-8")
    print(path)


@app.command()
def run(
    study: Annotated[Path, typer.Argument(help="A study file (TOML or JSON).")],
    out: Out = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes here (default: all cores).")
    ] = None,
    executor: Annotated[
        str,
        typer.Option(
            help="Where runs are done: processes, processes:4, or dask://HOST:PORT, the workers of"
            " a Dask scheduler (extra dask)."
        ),
    ] = "processes",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override: budget.queries=50")
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Run a small version, to see that all of it runs.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(help="Run this part alone, such as 3/16, into a folder of its own."),
    ] = None,
    energy: Annotated[
        bool,
        typer.Option("--energy", help="Estimate what energy it takes, by codecarbon (an extra)."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a study, or go on with it, and write its results and report.

    With --shard 3/16 only every sixteenth run, from the third, into NAME-shard-3-of-16 or the
    folder that --out names, which must not be that of another shard; `workbench merge` joins them.

    With --executor dask://HOST:PORT on the workers of a Dask cluster, one thread each, as many as
    are connected (no --workers); results are stored here. Runs of workers that die are tried again.
    The numbers are the same in all these ways.
    """
    from workbench.harness.study import load_study

    with going_on():
        loaded = load_study(study, set_ or [])
        device = loaded.benchmarks[0].device if loaded.kind == "search" else "cpu"
        workers = workers or processes_for(executor, device)
        how = How(where(executor, workers), shard, as_json, energy)
        run_and_report(loaded.smoke() if smoke else loaded, str(study), out, how)


@app.command()
def search(
    space: Annotated[str, typer.Option(help="`workbench list spaces`; one that has networks.")],
    data: Annotated[
        str, typer.Option(help="A data set (`workbench list datasets`), a .npz file, or a folder.")
    ],
    budget: Annotated[str, typer.Option(help="How long: 90s, 10m, 1h30m.")] = "10m",
    out: Out = None,
    strategy: Annotated[str, typer.Option(help="`workbench list strategies`")] = "filtered",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of a whole training (default: 12).")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all random numbers.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes here (default: all cores, or GPUs).")
    ] = None,
    executor: Annotated[
        str, typer.Option(help="processes, processes:4, or dask://HOST:PORT (extra dask).")
    ] = "processes",
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is a GPU.")] = (
        "auto"
    ),
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="More of the study: final.seeds=5")
    ] = None,
    as_json: Json = False,
) -> None:
    """Search for an architecture by training real networks, for a given time.

    Ends with the best one trained again with other seeds, its test score beside that of a random
    one, best.py and best.pt, and a report. A search that was stopped, or killed, goes on by the
    same command; so does one that has ended, with a longer --budget.
    """
    from workbench.harness.quick_search import quick_search

    with going_on():
        study = quick_search(
            space, data, budget, strategy, device, epochs=epochs, seed=seed, overrides=set_ or []
        )
        on = study.benchmarks[0].device
        how = How(where(executor, workers or processes_for(executor, on)), None, as_json)
        run_and_report(study, "search", out, how)


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Study folders.")],
    form: Annotated[str, typer.Option("--format", help="html, pdf, latex, csv, or json.")] = "html",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write into (default: the study's; of several: comparison)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write results and report of what a study folder holds so far; of several, side by side.

    --format latex writes tables (booktabs), figures (PDF and SVG) and references.bib into latex/;
    csv all tables and the numbers of all figures into csv/; pdf needs Chromium or Chrome; json
    prints the summary.
    """
    report_as(folders, form, out, as_json)


@app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="Folders of one study.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to make, or to add to (default: the study's name).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Join the folders of one study, such as its shards, and write results and report.

    The numbers are those of the study run by one process. Folders of different studies or tables,
    and different numbers of one run, are refused; merging again does no harm. Exit code 1 where
    runs failed or are in none of the folders; `workbench run STUDY --out DIR` runs those.
    """
    merge_and_report(folders, out, as_json)


@app.command()
def reproduce(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study folder.")],
    share: Annotated[
        float, typer.Option(help="Of the finished runs of each entry; at least one of each.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Of which runs.")] = 0,
    workers: Workers = CORES,
    as_json: Json = False,
) -> None:
    """Do some runs of a study again, here, and compare every number to the bit.

    Nothing is written into the folder, and nothing looked up that was computed before. Of a search
    its trainings are done again. Exit code 1 on a difference, with where each run first differs and
    what is other here than it was there: versions, tables, threads, processor.
    """
    from workbench.harness.reproduce import reproduce as reproduced

    with redirect_stdout(sys.stderr):
        found = reproduced(folder, progress, share, seed, workers)
    if as_json:
        print_json(found.summary())
    else:
        print("\n".join(found.lines()))
    raise typer.Exit(0 if found.holds else 1)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study folder.")],
    path: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Archive to write (default: NAME.zip).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put a study into one file: study, results, report, provenance, versions of all installed.

    Plug-in files and tables that the study names come along. Results and report are written anew
    before. `workbench import` unpacks it and finds every byte that was changed meanwhile.
    """
    export_and_say(folder, path, as_json)


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="What `workbench export` wrote.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to make (default: the study's name).")
    ] = None,
    limit: Annotated[float, typer.Option(min=0, help="Gigabytes that it may come to.")] = 4.0,
    as_json: Json = False,
) -> None:
    """Unpack the archive of a study into a new folder, after everything in it was checked.

    A changed byte, and whatever could do harm (paths outside, links, bombs, pickles), is refused;
    nothing is left behind then. Code that it brings is named, and not run.
    """
    import_and_say(path, out, limit, as_json)


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study folder.")],
    as_json: Json = False,
) -> None:
    """Say how far a study is."""
    from workbench.harness.store import progress_of

    found = progress_of(folder)
    if as_json:
        print_json(found)
        return
    writer = f"; being written by {found['writer']}" if found["writer"] else ""
    shard = f", shard {found['shard']}" if found["shard"] else ""
    if "trainings" in found:
        ended = "has ended" if found["finished"] else "has not ended"
        print(f"{found['study']}: {found['trainings']} trainings; the search {ended}{writer}")
        return
    print(
        f"{found['study']}{shard}: {found['finished']} of {found['runs']} runs finished,"
        f" {found['failed']} failed{writer}"
    )
    for error, count in found["errors"].items():
        print(f"  {count} x {error.partition(chr(10))[0]}")


@contextmanager
def _package_file(name: str) -> Iterator[Path]:
    from importlib.resources import as_file

    with as_file(files("workbench.harness").joinpath(name)) as path:
        yield path
