"""What is shown on a terminal while something takes its time: on standard error."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from workbench.errors import WorkbenchError
from workbench.types import Progress as Show


class Interrupted(WorkbenchError):
    """Ctrl-C, with how to go on."""

    exit_code = 130


class Terminated(Interrupted):
    """SIGTERM, with how to go on."""

    exit_code = 143


class _Terminate(KeyboardInterrupt):
    """SIGTERM as it is raised, so that whatever Ctrl-C undoes is undone by it too."""


@contextmanager
def going_on() -> Iterator[None]:
    """Say on Ctrl-C, and on SIGTERM, which command goes on from there."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except KeyboardInterrupt as stop:
        again = shlex.join(["workbench", *sys.argv[1:]])
        ended = Terminated if isinstance(stop, _Terminate) else Interrupted
        raise ended(f"interrupted; what is finished is kept. Go on with: {again}") from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(*_: object) -> None:
    raise _Terminate


@contextmanager
def busy(words: str) -> Iterator[None]:
    """Show on a terminal that something of a few seconds goes on."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(words):
            yield
    else:
        yield


@contextmanager
def progress(title: str, what: str) -> Iterator[Show]:
    """Show a bar with remaining time on a terminal, a line every ten seconds elsewhere."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *(TextColumn(c) if isinstance(c, str) else c for c in columns),
        console=console,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(title, total=None)
        plain = _plain_progress(title, what, console)

        def show(done: int, total: int, failed: int) -> None:
            words = f"{title}: {failed} failed" if failed else title
            bar.update(task, completed=done, total=total, description=words)
            if not console.is_terminal:
                plain(done, total, failed)

        yield show


@contextmanager
def search_view(title: str) -> Iterator[Callable[[Any], None]]:
    """Show how far a search is: a table on a terminal, a line every ten seconds elsewhere."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain_view(title, console)
        return
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        yield lambda state: live.update(_panel(title, state))


def _panel(title: str, state: Any) -> Any:
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    rows = Table.grid(padding=(0, 2))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    rows.add_row("time", _clock(state))
    done, of = (state.seconds, state.of) if state.of else (state.asked, state.queries)
    rows.add_row("", ProgressBar(total=of, completed=min(done, of), width=40))
    rows.add_row("best so far", _best(state))
    failed = f", {state.failed} failed" if state.failed else ""
    rows.add_row("trainings", f"{state.asked} begun, {state.whole} to the last epoch{failed}")
    rows.add_row("under way", f"{state.running} pieces of work; {state.tasks} tasks are done")
    for name, came, went in state.stages:
        rows.add_row(name, f"{came} in, {went} out")
    return Panel(rows, title=title, title_align="left", width=min(100, _width(state)))


def _width(state: Any) -> int:
    return max(70, len(_best(state)) + 20)


def _clock(state: Any) -> str:
    if state.of is None:
        return f"{_minutes(state.seconds)}, {state.asked} of {state.queries} trainings asked for"
    left = max(state.of - state.seconds, 0)
    return f"{_minutes(state.seconds)} of {_minutes(state.of)}, {_minutes(left)} left"


def _best(state: Any) -> str:
    return "none yet" if state.best is None else f"{state.best[0]:.2f}  {state.best[1]}"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def _plain_view(title: str, console: Any) -> Callable[[Any], None]:
    import time

    last = time.monotonic()

    def show(state: Any) -> None:
        nonlocal last
        if time.monotonic() - last < 10:
            return
        last = time.monotonic()
        failed = f", {state.failed} failed" if state.failed else ""
        stages = [f"{name} {came} in {went} out" for name, came, went in state.stages]
        passed = f"; {', '.join(stages)}" if stages else ""
        console.print(
            f"{title}: {_clock(state)}; {state.asked} trainings, {state.whole} to the last epoch"
            f"{failed}{passed}; best {_best(state)}",
            highlight=False,
            soft_wrap=True,
        )

    return show


def _plain_progress(title: str, what: str, console: Any) -> Show:
    import time

    started = last = time.monotonic()
    first: int | None = None

    def show(done: int, total: int, failed: int) -> None:
        nonlocal last, first
        now = time.monotonic()
        first = done if first is None else first
        if now - last >= 10 and done > first:
            last = now
            left = (now - started) / (done - first) * (total - done)
            words = f", {failed} failed" if failed else ""
            console.print(f"{title}: {done} of {total} {what}{words}, {left:.0f} s left")

    return show
