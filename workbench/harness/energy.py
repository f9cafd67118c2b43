"""How much energy a study took, estimated by codecarbon; nothing is sent or asked for anywhere.

Where the machine lets a program read its meters (RAPL, NVML), they are read; elsewhere the power of
the processor is guessed from its name and load, and that of the memory from its size. All that the
machine does meanwhile is counted, also for others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from workbench.errors import MissingExtra, WorkbenchError
from workbench.harness.store import FILE, note_in, read_meta, read_runs

ENERGY = "energy"
"""Under which key a folder says what it took."""

_SECONDS = 5
_log = logging.getLogger(__name__)


@contextmanager
def metered(folder: Path, wanted: bool) -> Iterator[None]:
    """Estimate, where it is wanted, what is spent meanwhile on the study of a folder, and note it.

    What earlier calls spent is added; a call that is killed, ends in an error, or in which no run
    ended, notes nothing: what it took is not what the study takes.

    Raises
    ------
    MissingExtra
        codecarbon is not installed.
    """
    if not wanted:
        yield
        return
    before = _finished(folder)
    tracker = _tracker()
    tracker.start()
    mine = True
    try:
        yield
    except WorkbenchError:
        mine = False  # it may be the folder of another study
        raise
    finally:
        tracker.stop()
        if mine and (ended := _finished(folder) - before):
            _note(folder, tracker, len(ended))


def _finished(folder: Path) -> set[tuple[int, float]]:
    """Return the runs of a folder that ended, with their times: a search may end once more."""
    if not (folder / FILE).is_file():
        return set()
    runs = read_runs(folder)
    return {*runs.loc[runs["error"].isna(), ["run", "wall"]].itertuples(index=False, name=None)}


def _tracker() -> Any:
    """Return a tracker of the whole machine that writes nothing and asks nobody."""
    try:
        codecarbon = import_module("codecarbon")
    except ModuleNotFoundError as error:
        raise MissingExtra("--energy", "energy") from error
    logging.getLogger("codecarbon").addFilter(lambda _: False)
    return codecarbon.OfflineEmissionsTracker(
        # Of a country it wants to know for emissions, which are not kept.
        country_iso_code="USA",
        tracking_mode="machine",
        measure_power_secs=_SECONDS,
        output_methods=[],
        allow_multiple_runs=True,
        log_level="critical",
    )


def _note(folder: Path, tracker: Any, runs: int) -> None:
    found = getattr(tracker, "final_emissions_data", None)
    if found is None:  # it keeps its own faults to itself
        _log.warning("codecarbon could not estimate what energy this took")
        return
    now = {"kwh": found.energy_consumed, "seconds": found.duration, "runs": runs}
    before = read_meta(folder).get(ENERGY, {})
    total = {key: before.get(key, 0) + value for key, value in now.items()}
    note_in(folder, ENERGY, total | {"by": _method(found, tracker)})


def _method(found: Any, tracker: Any) -> str:
    """Return how the power of the processor was found, and that of GPUs if there are any."""
    modes = [getattr(one, "_mode", None) for one in getattr(tracker, "_hardware", ())]
    guessed = any(mode in _GUESSES for mode in modes)
    processor = "guessed from its name and load" if guessed else "read from its meters"
    gpus = "; GPUs read from theirs" if found.gpu_energy else ""
    return f"codecarbon {found.codecarbon_version}, whole machine; processor {processor}{gpus}"


_GUESSES = ("cpu_load", "constant")
