"""Folders of one study, of its shards or of parts of it, joined into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from workbench.errors import StoreError
from workbench.harness.frozen import (
    Meta,
    changed_contents,
    check_format,
    other_versions,
    shard_of,
    study_difference,
)
from workbench.harness.kinds import kind_of
from workbench.harness.sections import Study
from workbench.harness.shard import WHOLE, Shard
from workbench.harness.store import FILE, check_rows, open_store, read_digests, read_meta, writer_of
from workbench.harness.study import stored_study

Names = tuple[str, str]
"""Labels of a benchmark and of what is compared."""


class Merged(NamedTuple):
    """What a merge came to.

    ``missing`` are the replicates of the study that no folder held, ``shards`` those that they
    belong to, where shards of one kind were joined; ``mixed`` says in sentences which folders were
    made with other versions.
    """

    folder: Path
    runs: int
    finished: int
    failed: int
    new: int
    missing: dict[Names, list[int]]
    shards: list[Shard]
    mixed: list[str]


class Part(NamedTuple):
    """A folder to be joined: what it says of itself, and a digest of every run (None: failed)."""

    folder: Path
    meta: Meta
    digests: Mapping[int, str | None]


def merge(folders: Iterable[Path | str], out: Path | str | None = None) -> Merged:
    """Join folders of one study; numbers are those of a study run by one process, to the bit.

    A run that several folders hold must have the same numbers in all of them, times aside; where
    it failed in one and not in another, it did not fail. Nothing is written before all is checked,
    and merging again changes nothing.

    Parameters
    ----------
    folders : paths of study folders
    out : path, default the study's name in the current folder
        Made, or added to where it holds the same study already.

    Raises
    ------
    StoreError
        A folder holds no study, another one, other tables, or other numbers of the same run; is
        being written; or ``out`` is itself a shard.
    """
    given = list(dict.fromkeys(Path(folder) for folder in folders))
    if not given:
        raise StoreError("there is nothing to merge: name the folders of a study")
    study = stored_study(read_meta(given[0])["study"])
    target = Path(study.name if out is None else out)
    there = [target] if (target / FILE).is_file() else []
    others = [folder for folder in given if folder.resolve() != target.resolve()]
    parts = [_read(folder) for folder in (*there, *others)]
    if there and shard_of(parts[0].meta) != WHOLE:
        raise StoreError(
            f"{target} holds shard {shard_of(parts[0].meta)} alone; choose another folder (--out)"
        )
    mixed = [word for part in parts[1:] for word in _check_alike(parts[0], part)]
    chosen = _chosen(parts, study)
    new = _write(target, parts, chosen, mixed)
    failed = sum(part.digests[number] is None for number, part in chosen.items())
    missing = [number for number in range(study.runs) if number not in chosen]
    shards = _shards(study, parts, missing)
    by_names = _by_names(study, missing)
    return Merged(target, study.runs, len(chosen) - failed, failed, new, by_names, shards, mixed)


def _read(folder: Path) -> Part:
    check_rows(folder)
    meta = read_meta(folder)
    check_format(meta, folder)
    if writer := writer_of(folder):
        raise StoreError(f"{folder} is being written by {writer}; wait for it or stop it")
    return Part(folder, meta, read_digests(folder, kind_of(stored_study(meta["study"])).times))


def _check_alike(first: Part, other: Part) -> list[str]:
    """Refuse two folders of different studies or tables; say where only versions differ."""
    folders = str(first.folder), str(other.folder)
    if difference := study_difference(first.meta, other.meta, folders):
        raise StoreError(f"{first.folder} and {other.folder} hold two studies:\n{difference}")
    if changed := changed_contents(first.meta, other.meta):
        raise StoreError(
            f"{first.folder} and {other.folder} were made with two contents of {', '.join(changed)}"
        )
    differ = other_versions(first.meta, other.meta)
    words = ", ".join(f"{name} {here} instead of {there}" for name, there, here in differ)
    return [f"{other.folder} was made with other versions: {words}"] if words else []


def _chosen(parts: Sequence[Part], study: Study) -> dict[int, Part]:
    """Return which folder each run is taken from: the first where it did not fail."""
    chosen: dict[int, Part] = {}
    for part in parts:
        for number, digest in part.digests.items():
            held = chosen.setdefault(number, part)
            before = held.digests[number]
            if before is None and digest is not None:
                chosen[number] = part
            elif digest is not None and digest != before:
                raise StoreError(_conflict(held, part, study, number))
    return chosen


def _conflict(one: Part, other: Part, study: Study, number: int) -> str:
    (bench, entry), replicate = _names(study, number)
    return (
        f"{one.folder} and {other.folder} hold different numbers of one run ({entry} on {bench},"
        f" replicate {replicate}), which the same versions on the same kind of processor would not"
        " give; leave one of them out"
    )


def _write(
    target: Path, parts: Sequence[Part], chosen: Mapping[int, Part], mixed: Sequence[str]
) -> int:
    of_a_part = ("shard", "energy")
    meta = {key: value for key, value in parts[0].meta.items() if key not in of_a_part}
    new = 0
    with open_store(target, meta) as store:
        for part in parts:
            numbers = [number for number, origin in chosen.items() if origin is part]
            if part.folder != target:
                store.take(part.folder, numbers)
                new += len(numbers)
        if mixed:
            store.note_mixed(mixed)
    return new


def _by_names(study: Study, numbers: Iterable[int]) -> dict[Names, list[int]]:
    found: dict[Names, list[int]] = {}
    for number in numbers:
        names, replicate = _names(study, number)
        found.setdefault(names, []).append(replicate)
    return found


def _shards(study: Study, parts: Sequence[Part], missing: Sequence[int]) -> list[Shard]:
    """Return the shards that runs belong to, where all that were joined are of one number."""
    of = {shard_of(part.meta).of for part in parts} - {WHOLE.of}
    if len(of) != 1:
        return []
    every = [Shard(number + 1, *of) for number in range(*of)]
    return [shard for shard in every if not {*missing}.isdisjoint(shard.numbers(study))]


def _names(study: Study, number: int) -> tuple[Names, int]:
    spec = study.spec(number)
    names = study.benchmarks[spec.benchmark].label, study.entries[spec.entry].label
    return names, spec.replicate
