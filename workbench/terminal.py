"""What is shown on a terminal while something takes its time: on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from workbench.types import Progress as Show


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
