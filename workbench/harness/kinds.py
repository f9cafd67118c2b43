"""What a kind of study brings: how one of its runs is executed, and what cannot be run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from workbench.data._base import Benchmark
from workbench.errors import Fault
from workbench.executors import Where
from workbench.harness.result import RunResult
from workbench.harness.sections import RunSpec, Study
from workbench.types import Progress


class Kind(NamedTuple):
    """``execute`` runs one spec; ``faults`` takes study and benchmarks and yields what is wrong.

    ``try_out`` tries one entry on one benchmark and raises what is wrong with it; ``facts`` is what
    the report wants to know of a benchmark beside the usual. ``ahead``, where there is one, does
    what several of the numbered runs need, in parallel, and keeps it in the cache.
    """

    execute: Callable[[RunSpec], RunResult] | None
    faults: Callable[[Any, Any], Iterable[Fault]]
    try_out: Callable[[Any, Benchmark], None]
    facts: Callable[[Benchmark], dict[str, Any]]
    ahead: Callable[[Any, Sequence[int], Where, Progress], None] | None = None
    times: tuple[str, ...] = ()


def kind_of(study: Study) -> Kind:
    """Return what the kind of a study brings."""
    return _KINDS[study.kind]()


# Each loads its own: commands that ask a folder how far it is need no scikit-learn.


def _strategies() -> Kind:
    from workbench.harness.runner import execute, faults, try_out

    return Kind(execute, faults, try_out, lambda _: {})


def _predictors() -> Kind:
    from workbench.harness.predictor_runner import TIMES, execute, facts, faults, try_out

    return Kind(execute, faults, try_out, facts, times=TIMES)


def _proxies() -> Kind:
    from workbench.harness.proxy_runner import SECONDS, ahead, execute, facts, faults, try_out

    return Kind(execute, faults, try_out, facts, ahead, (SECONDS,))


def _curves() -> Kind:
    from workbench.harness.curve_runner import SECONDS, execute, facts, faults, try_out

    return Kind(execute, faults, try_out, facts, times=SECONDS)


def _search() -> Kind:
    from workbench.harness.runner import try_out
    from workbench.harness.search_study import facts, faults

    return Kind(None, faults, try_out, facts)


_KINDS = {
    "strategies": _strategies,
    "predictors": _predictors,
    "proxies": _proxies,
    "curves": _curves,
    "search": _search,
}
