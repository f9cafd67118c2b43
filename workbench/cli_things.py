"""Commands that are not about studies: plug-ins, benchmarks, tables, results of one's own."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from workbench.errors import UnknownName
from workbench.executors import cores
from workbench.running import print_json
from workbench.terminal import going_on, progress
from workbench.types import Direction

things = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes (default: all cores).")]
CORES = cores()


@things.command("list")
def list_(
    family: Annotated[
        str, typer.Argument(help="spaces, predictors, extrapolators, ...; all if left out")
    ] = "",
    as_json: Json = False,
) -> None:
    """List what there is, also what an extra would bring."""
    from workbench import listing

    families = [f for f in listing.FAMILIES if family in ("", f)]
    if not families:
        raise UnknownName("kind of thing", family, listing.FAMILIES)
    rows = {name: listing.rows(name) for name in families}
    if as_json:
        print_json({f: [r._asdict() for r in found] for f, found in rows.items()})
    else:
        print(listing.text(rows))


@things.command()
def query(
    name: Annotated[str, typer.Argument(metavar="BENCHMARK", help="Such as nb201/cifar10.")],
    architecture: Annotated[str, typer.Argument(help="The field's official string.")],
    as_json: Json = False,
) -> None:
    """Show all that a benchmark knows of one architecture."""
    from workbench import listing

    found = listing.query(name, architecture)
    if as_json:
        print_json(found)
    else:
        print(listing.query_text(found))


@things.command()
def check(
    module: Annotated[str, typer.Argument(help="A plug-in file (x.py), or a plug-in's name.")],
    as_json: Json = False,
) -> None:
    """Run the contract suite on a plug-in."""
    from workbench.testing.run import check_plugin

    failed = 0
    outcomes = []
    found = check_plugin(module)
    while True:
        with redirect_stdout(sys.stderr):
            name, fault = next(found, ("", None))
        if not name:
            break
        failed += fault is not None
        outcomes.append({"check": name, "fault": fault})
        if not as_json:
            print(f"{'FAIL' if fault else 'ok  '} {name}{f': {fault}' if fault else ''}")
    if as_json:
        print_json(outcomes)
    else:
        print(f"{len(outcomes) - failed} of {len(outcomes)} checks hold")
    raise typer.Exit(1 if failed else 0)


@things.command()
def rank(
    table: Annotated[Path, typer.Argument(help="CSV or Parquet of your results so far.")],
    space: Annotated[str, typer.Option(help="What the architectures are.")],
    score: Annotated[str, typer.Option(help="Column of the score.")] = "score",
    architecture: Annotated[
        str | None, typer.Option(help="Column of strings; none: a column a decision.")
    ] = None,
    direction: Annotated[Direction, typer.Option(help="Which scores are good.")] = "max",
    predictor: Annotated[str, typer.Option(help="`workbench list predictors`")] = "auto",
    encoding: Annotated[str, typer.Option(help="`workbench list encodings`")] = "",
    top: Annotated[int, typer.Option(min=1, help="How many to print.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Of predictor and sample.")] = 0,
    as_json: Json = False,
) -> None:
    """Fit a predictor on your results so far and rank what you have not tried (CSV out)."""
    from workbench.harness.rank import Question, rank_untried

    ranking = rank_untried(
        Question(table, space, score, architecture, direction, predictor, encoding, seed)
    )
    print(ranking.summary, file=sys.stderr)
    best = ranking.frame.head(top)
    if as_json:
        print_json(best.to_dict("records"))
    else:
        best.to_csv(sys.stdout, index=False)


@things.command()
def measure(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where table.toml lies.")],
    count: Annotated[
        int | None, typer.Option("-n", min=1, help="Architectures in the table (default: all).")
    ] = None,
    workers: Workers = CORES,
    as_json: Json = False,
) -> None:
    """Train and score a whole space, or a sample, into a benchmark table; or go on with it."""
    from workbench.tables.measure import measure as measured
    from workbench.tables.score import score

    with going_on(), progress("measuring", "architectures") as shown:
        outcome = measured(folder, count, workers, shown)
    with going_on(), progress("scoring", "architectures") as shown:
        scored = score(folder, workers, shown)
    if as_json:
        print_json(outcome._asdict() | {"scored": scored})
    else:
        print(
            f"{outcome.measured} of {outcome.of} architectures are measured, {outcome.new} of them"
            f" now; zero-cost scores of {scored} were computed: {folder}"
        )


@things.command()
def verify(
    table: Annotated[str, typer.Argument(help="A measured table: its name, or its folder.")],
    count: Annotated[int, typer.Option("-n", min=1, help="Architectures to train again.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of which ones.")] = 0,
    workers: Workers = CORES,
    as_json: Json = False,
) -> None:
    """Train random entries of a measured table again and compare; exit 1 on a difference."""
    from workbench.data.measured import folder_of
    from workbench.tables.verify import verify as verified

    with progress("training again", "architectures") as shown:
        verdict = verified(folder_of(table), count, seed, workers, shown)
    if as_json:
        print_json(verdict.summary())
    else:
        print("\n".join(verdict.lines()))
    raise typer.Exit(0 if verdict.holds else 1)
