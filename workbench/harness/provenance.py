"""Where numbers come from: versions, hardware, threads, git, hashes of data."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info, threadpool_limits

import workbench
from workbench.installed import packages

_OWN = "nas-workbench"
_PATIENCE = 5.0
"""Seconds to wait for a GPU's driver to answer."""


def provenance() -> dict[str, Any]:
    """Return what is known of this installation and machine, ready for JSON."""
    return {
        "workbench": workbench.__version__,
        "git": _git(),
        "python": platform.python_version(),
        "os": platform.platform(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "gpus": _gpus(),
        "threads_per_process": 1,
        "libraries": _libraries(),
        "packages": packages(),
        "executable": Path(sys.executable).name,
    }


def versions(known: dict[str, Any]) -> dict[str, str]:
    """Return what numbers depend on: the versions of the workbench and of what it computes with."""
    return {"workbench": known["workbench"], **known["packages"]}


def installed() -> dict[str, str]:
    """Return the version of every distribution that is installed here, by name."""
    found: dict[str, str] = {}
    for one in distributions():
        found.setdefault(one.name, one.version)  # of two of a name, the first is imported
    return {name: found[name] for name in sorted(found, key=str.lower) if name != _OWN}


def _gpus() -> list[dict[str, str]]:
    """Return name, driver and memory of each GPU, as its driver says; none where there is none."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    fields = ("name", "driver_version", "memory.total")
    ask = [command, f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
    try:
        said = subprocess.run(ask, capture_output=True, check=True, timeout=_PATIENCE, text=True)
    except (OSError, subprocess.SubprocessError):
        return []
    cuda = getattr(getattr(sys.modules.get("torch"), "version", None), "cuda", None)
    known = {"cuda": cuda} if cuda else {}
    rows = [line.split(", ") for line in said.stdout.splitlines()]
    names = ("name", "driver", "memory")
    return [{**dict(zip(names, row, strict=True)), **known} for row in rows if len(row) == 3]


def _libraries() -> list[dict[str, Any]]:
    """Return what sums are done by, in runs of one thread: BLAS and OpenMP, as far as loaded."""
    with threadpool_limits(1):
        found = threadpool_info()
    keys = {"internal_api": "name", "version": "version", "architecture": "for"}
    rows = [{"threads": one["num_threads"]} | _renamed(one, keys) for one in found]
    return sorted(rows, key=repr)


def _renamed(one: dict[str, Any], keys: dict[str, str]) -> dict[str, Any]:
    return {new: one[old] for old, new in keys.items() if one.get(old)}


def _git() -> dict[str, Any] | None:
    """Return commit and cleanness of the checkout that the package runs from, if it is one."""
    folder = Path(workbench.__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None
    try:
        ask = ["git", "-C", str(folder)]
        commit = subprocess.run([*ask, "rev-parse", "HEAD"], capture_output=True, check=True)
        status = subprocess.run([*ask, "status", "--porcelain"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit.stdout.decode().strip(), "clean": not status.stdout.strip()}


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
