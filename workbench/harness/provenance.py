"""Where numbers come from: versions, hardware, threads, git, hashes of data."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import workbench
from workbench.installed import packages


def provenance() -> dict[str, Any]:
    """Return what is known of this installation and machine, ready for JSON."""
    return {
        "workbench": workbench.__version__,
        "git": _git(),
        "python": platform.python_version(),
        "os": platform.platform(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads_per_process": 1,
        "packages": packages(),
        "executable": Path(sys.executable).name,
    }


def versions(known: dict[str, Any]) -> dict[str, str]:
    """Return what numbers depend on: the versions of the workbench and of what it computes with."""
    return {"workbench": known["workbench"], **known["packages"]}


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
