"""A study made ready to run: benchmarks opened, everything that is compared tried once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from workbench import registry
from workbench.data._base import Benchmark
from workbench.errors import Fault, ParameterError, WorkbenchError, at, reworded, together
from workbench.harness.kinds import kind_of
from workbench.harness.opening import open_benchmark
from workbench.harness.sections import Entry, Study
from workbench.types import Progress


class Plan(NamedTuple):
    """A study that can run, and what was found out on the way."""

    study: Study
    benchmarks: list[Benchmark]

    @property
    def fingerprint(self) -> dict[str, str | None]:
        """Return the hashes of what the numbers depend on beside the study: tables and plug-ins."""
        labels = [entry.label for entry in self.study.benchmarks]
        tables = {n: b.sha256 for n, b in zip(labels, self.benchmarks, strict=True)}
        files = self.study.plugin_files()
        return tables | {Path(path).name: registry.file_hash(path) for path in files}


def prepare(study: Study, source: str = "study", progress: Progress | None = None) -> Plan:
    """Open the benchmarks and try everything that is compared on every space and its epochs.

    ``progress`` is called with the number of entries tried, of all, and of faults.

    Raises
    ------
    StudyError
        Everything that does not fit together, each with its place.
    DataMissing, MissingExtra
        A package or file that is needed is not there, and nothing else is wrong.
    """
    benchmarks: list[Benchmark] = []
    errors: dict[int, WorkbenchError] = {}
    for i, entry in enumerate(study.benchmarks):
        try:
            benchmarks.append(open_benchmark(entry))
        except WorkbenchError as error:
            errors[i] = error
    if errors:
        # The kind of error decides the exit code, so it stays what it is.
        placed = [at(f"{source}: benchmarks[{i}]", error) for i, error in errors.items()]
        raise together(placed, type(min(errors.values(), key=lambda error: error.exit_code)))
    faults = list(kind_of(study).faults(study, benchmarks))
    for i in range(len(study.entries)):
        faults += _entry_faults(study, i, benchmarks)
        if progress is not None:
            progress(i + 1, len(study.entries), len(faults))
    if faults:
        raise together([at(source, fault) for fault in faults])
    return Plan(study, benchmarks)


def _entry_faults(study: Study, i: int, benchmarks: Sequence[Benchmark]) -> Iterator[Fault]:
    """Yield what is wrong with an entry: what the first space says that it cannot be tried on.

    Benchmarks of one space and the same epochs are tried once.
    """
    firsts: dict[tuple[str, tuple[int, ...]], int] = {}
    for j, bench in enumerate(benchmarks):
        if study.compares(j, i):
            firsts.setdefault((bench.space.name, bench.epochs), j)
    for j in firsts.values():
        try:
            kind_of(study).try_out(study.entries[i], benchmarks[j])
        except (WorkbenchError, ValueError, TypeError) as error:
            first, *more = str(error).split("\n")
            of_any = isinstance(error, ParameterError)
            on = "" if of_any else f" (on {study.benchmarks[j].label})"
            text = "\n".join([first + on, *more])
            fault = reworded(error, text) if isinstance(error, WorkbenchError) else text
            yield at(f"{study.COMPARED}[{i}]{_key(first, study.entries[i])}", fault)
            return


def _key(message: str, entry: Entry) -> str:
    """Return the key of an entry that a message is about, with a dot before it; or nothing."""
    keys = {**entry.parameters, **entry.model_dump()}
    if found := re.search(r"unknown (encoding|predictor) '", message):
        return f".{found[1]}" if found[1] in keys else ".name"
    found = re.search(r"'(\w+)' parameter|unknown parameter '(\w+)'", message)
    name = found and (found[1] or found[2])
    if name in keys:
        return f".{name}"
    inside = (k for k, value in keys.items() if isinstance(value, dict) and name in value)
    return next((f".{key}.{name}" for key in inside), "")
