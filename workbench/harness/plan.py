"""A study made ready to run: benchmarks opened, everything that is compared tried once."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from workbench import registry
from workbench.data._base import Benchmark
from workbench.errors import StudyError, WorkbenchError
from workbench.harness.kinds import kind_of
from workbench.harness.opening import open_benchmark
from workbench.harness.sections import Study


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


def prepare(study: Study, source: str = "study") -> Plan:
    """Open the benchmarks and try everything that is compared on every space.

    Raises
    ------
    StudyError
        Everything that does not fit together, each with its place.
    DataMissing
        A package or file that holds a benchmark is not there.
    """
    benchmarks, errors = [], []
    for i, entry in enumerate(study.benchmarks):
        try:
            benchmarks.append(open_benchmark(entry))
        except WorkbenchError as error:
            error.args = (f"{source}: benchmarks[{i}]: {error}",)
            errors.append(error)
    if errors:
        # The kind of error decides the exit code, so it stays what it is.
        errors[0].args = ("\n".join(map(str, errors)),)
        raise errors[0]
    if faults := list(kind_of(study).faults(study, benchmarks)):
        raise StudyError("\n".join(f"{source}: {fault}" for fault in faults))
    return Plan(study, benchmarks)
