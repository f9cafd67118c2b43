"""What a study folder says of itself, and whether two of them say the same."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from workbench.errors import StoreError
from workbench.harness.kinds import kind_of
from workbench.harness.plan import Plan
from workbench.harness.provenance import installed, provenance, versions
from workbench.harness.shard import WHOLE, Shard
from workbench.harness.study import stored_study

Meta: TypeAlias = dict[str, Any]
"""Frozen study, hashes of tables and plug-ins, facts of benchmarks, provenance; ready for JSON."""

_FORMAT = "3"
_LISTED = 10


def frozen(plan: Plan, shard: Shard = WHOLE) -> Meta:
    """Return what the folder of a study, or of a shard of it, says of itself."""
    facts = {
        entry.label: {
            "space": b.space.name,
            "score": b.score,
            "metric": b.metrics[b.score]._asdict(),
            "test": None if b.test is None else b.metrics[b.test]._asdict(),
            "has_cost": b.has_cost,
            "optimum": b.optimum,
            "random_mean": b.random_mean,
            **kind_of(plan.study).facts(b),
        }
        for entry, b in zip(plan.study.benchmarks, plan.benchmarks, strict=True)
    }
    return {
        "format": _FORMAT,
        "study": json.loads(plan.study.canonical()),
        "fingerprint": plan.fingerprint,
        "benchmarks": facts,
        "parameters": plan.study.effective_parameters(),
        "provenance": provenance(),
        "installed": installed(),
    } | ({} if shard == WHOLE else {"shard": list(shard)})


def shard_of(meta: Mapping[str, Any]) -> Shard:
    """Return the shard that a folder holds; of the whole study, 1/1."""
    return Shard(*meta["shard"]) if "shard" in meta else WHOLE


def check_same(there: Meta, here: Meta, folder: Path) -> None:
    """Refuse to go on in a folder with anything but what it was made with.

    Raises
    ------
    StoreError
        It was made by another format, for another study, shard or table, or with other versions.
    """
    check_format(there, folder)
    if difference := study_difference(there, here):
        raise StoreError(
            f"{folder} holds another study; choose another folder (--out).\n{difference}"
        )
    if changed := changed_contents(there, here):
        raise StoreError(
            f"{folder} was made with another content of {', '.join(changed)};"
            " choose another folder (--out)"
        )
    if shard_of(there) != shard_of(here):
        raise StoreError(_other_shard(shard_of(there), shard_of(here), folder))
    if other := other_versions(there, here):
        words = ", ".join(f"{name} {then} (now {now})" for name, then, now in other)
        raise StoreError(
            f"{folder} was made with other versions: {words}. Numbers must not mix:"
            " install those, or choose another folder (--out)"
        )


def check_format(meta: Meta, folder: Path) -> None:
    """Refuse what another version of the workbench wrote in another form."""
    if meta["format"] != _FORMAT:
        raise StoreError(f"{folder} was written by another version of the workbench")


def study_difference(
    there: Meta, here: Meta, names: tuple[str, str] = ("stored", "asked for")
) -> str:
    """Return how two studies differ, as a diff; empty where they are the same."""
    one, other = (stored_study(meta["study"]).identity().splitlines() for meta in (there, here))
    return "\n".join(difflib.unified_diff(one, other, *names, lineterm="", n=1))


def changed_contents(there: Meta, here: Meta) -> list[str]:
    """Return the tables and plug-in files whose contents differ."""
    hashes = there["fingerprint"]
    return [name for name, now in here["fingerprint"].items() if hashes.get(name) != now]


def other_versions(there: Meta, here: Meta) -> list[tuple[str, str | None, str]]:
    """Return what computes in other versions: its name, the version there, and the one here."""
    then, now = (versions(meta["provenance"]) for meta in (there, here))
    return [(name, then.get(name), v) for name, v in now.items() if then.get(name) != v]


def unlike(there: Meta, here: Meta) -> list[str]:
    """Return in words what is other here than it was there, likeliest first to change numbers."""
    then, now = there["provenance"], here["provenance"]
    found = [f"another content of {name}" for name in changed_contents(there, here)]
    found += [f"{name} {_then(was, is_)}" for name, was, is_ in other_versions(there, here)]
    found += [f"{name}, which is not here" for name in {*versions(then)} - {*versions(now)}]
    found += [f"runs of other versions among those stored: {one}" for one in then.get("mixed", ())]
    found += [
        f"{words} {_then(tell(then[key]), tell(now[key]))}"
        for key, words, tell in _PLACES
        if key in then and tell(then[key]) != tell(now[key])
    ]
    return found + _installed(there, here)


def _installed(there: Meta, here: Meta) -> list[str]:
    """Return in one line what else is installed in other versions, as far as both say so."""
    then, now = (meta.get("installed", {}) for meta in (there, here))
    known = {*versions(here["provenance"])}
    words = [
        f"{name} {_then(then.get(name), now.get(name))}"
        for name in sorted({*then, *now} - known)
        if then.get(name) != now.get(name)
    ]
    if not words or not then:
        return []
    more = f"; and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return [f"other packages: {'; '.join(words[:_LISTED])}{more}"]


def _then(was: object, now: object) -> str:
    return f"{was or 'none'} then, {now or 'none'} now"


def _commit(git: Any) -> str:
    dirty = "" if not git or git["clean"] else " with uncommitted changes"
    return f"{git['commit'][:12]}{dirty}" if git else "of no checkout"


def _sums(libraries: Any) -> str:
    found = (
        " ".join(str(one[k]) for k in ("name", "version", "for") if k in one) for one in libraries
    )
    return ", ".join(sorted({*found}))


def _threads(libraries: Any) -> str:
    return "; ".join(sorted({f"{one['name']} on {one['threads']}" for one in libraries}))


def _gpus(gpus: Any) -> str:
    return ", ".join(f"{one['name']} (driver {one['driver']})" for one in gpus)


_PLACES: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("git", "commit", _commit),
    ("python", "Python", str),
    ("libraries", "numerical libraries", _sums),
    ("libraries", "threads of", _threads),
    ("threads_per_process", "threads a process", str),
    ("cpu", "processor", str),
    ("gpus", "GPU", _gpus),
    ("os", "system", str),
)


def _other_shard(there: Shard, here: Shard, folder: Path) -> str:
    if there == WHOLE:
        return f"{folder} holds the whole study; choose another folder (--out) for shard {here}"
    asked = "the whole study" if here == WHOLE else f"shard {here}"
    return (
        f"{folder} holds shard {there} of this study; go on with it by --shard {there}, or choose"
        f" another folder (--out) for {asked}; `workbench merge` joins shards"
    )
