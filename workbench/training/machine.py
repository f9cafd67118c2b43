"""What of a machine decides where trainings are done, and the last bit of them."""

from __future__ import annotations

from pathlib import Path

from torch import cuda
from torch.backends import cpu


def cpu_type() -> str:
    """Return what decides which code paths numerical libraries take: CPU model, instructions."""
    wanted = ("vendor_id", "cpu family", "model", "stepping")
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        first = ""
    facts = dict(line.replace("\t", "").split(":", 1) for line in first.splitlines() if ":" in line)
    found = [facts[key].strip() for key in wanted if key in facts]
    return " ".join([*found, cpu.get_cpu_capability()])


def gpus() -> int:
    """Return how many GPUs torch finds here."""
    return cuda.device_count() if cuda.is_available() else 0
