"""What is measured: each function returns a number in the unit that its entry names."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from workbench.data._open import benchmark
from workbench.harness.drive import run_study
from workbench.harness.runner import execute
from workbench.harness.sections import Study
from workbench.harness.study import parse_study


class Measure(NamedTuple):
    """A measurement, the bar it should not exceed (or reach, for rates), and the peers' figures."""

    what: str
    unit: str
    bar: float
    run: Callable[[], float]
    peers: str = ""
    more_is_better: bool = False


def best_of(repeats: int, call: Callable[[], object]) -> float:
    """Return the shortest of several timings in seconds: noise only ever adds."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def _study(strategy: dict[str, Any], queries: int, replicates: int = 1) -> Study:
    return parse_study(
        {
            "name": "speed",
            "replicates": replicates,
            "budget": {"queries": queries},
            "benchmarks": ["nb201/cifar10"],
            "strategies": [strategy],
        }
    )


EVOLUTION = {"name": "regularized_evolution", "preset": "nats_bench"}


def evolution_run() -> float:
    study = _study(EVOLUTION, 300, 30)
    with threadpool_limits(1):
        execute(study.spec(0))
        return min(best_of(1, partial(execute, study.spec(i))) for i in range(30)) * 1e3


def thousand_runs() -> float:
    study = _study(EVOLUTION, 300, 1000)
    with tempfile.TemporaryDirectory() as folder:
        return best_of(1, lambda: run_study(study, Path(folder), workers=2))


def guided_run() -> float:
    guided = {"name": "predictor_guided", "predictor": "xgboost", "encoding": "graph_features"}
    study = _study(guided, 100, 4)
    with threadpool_limits(1):
        execute(study.spec(0))
        return min(best_of(1, partial(execute, study.spec(i))) for i in range(1, 4))


def single_queries() -> float:
    bench = benchmark("nb201/cifar10")
    archs = [tuple(a) for a in bench.space.all().tolist()] * 8

    def ask() -> None:
        query = bench.query
        for arch in archs:
            query(arch, 200, 0)

    return best_of(3, ask) / len(archs) * 1e6


def many_queries() -> float:
    bench = benchmark("nb201/cifar10")
    archs = bench.space.sample(1_000_000, np.random.default_rng(0))
    return best_of(3, lambda: bench.query_many(archs, 200, 0)) * 1e3


def slowest_load() -> float:
    """Return the slowest load, in ms, over one data set of each family, each in a new process."""
    code = (
        "import sys, time, workbench.data._open as o; from workbench import registry\n"
        "family, name = sys.argv[1].split('/'); registry.load('benchmarks', family)\n"
        "t = time.perf_counter(); o.benchmark(sys.argv[1]); print(time.perf_counter() - t)"
    )
    names = ["nb201/cifar10", "nbgraph/cora", "fcnet/naval_propulsion", "mlp/car"]

    def load(name: str) -> float:
        command = [sys.executable, "-c", code, name]
        return min(float(subprocess.check_output(command)) for _ in range(3))

    return max(map(load, names)) * 1e3


def start(*words: str) -> Callable[[], float]:
    """Return a measure of seconds that a command takes in a new process, compiled files warm."""

    def run() -> float:
        command = [sys.executable, *words]
        return best_of(3, lambda: subprocess.run(command, check=True, capture_output=True))

    return run


class Demo(NamedTuple):
    """What one run of the demo took."""

    seconds: float
    peak_mb: float


def demo() -> Demo:
    """Return seconds of ``workbench demo`` and the peak memory of its largest process."""
    peak = 0.0
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "workbench", "demo", "--out", folder, "--workers", "2"]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            time.sleep(0.05)
            peak = max([peak, *map(_peak_mb, _family(process.pid))])
        return Demo(time.perf_counter() - started, peak)


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [pid, *(int(c) for c in children.read_text().split())]
    except OSError:
        return [pid]


def _peak_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def demo_measures() -> list[Measure]:
    """Return the two measures that one run of the demo gives; none where /proc is missing."""
    if not Path("/proc/self").is_dir():
        return []
    found = demo()
    return [
        Measure("workbench demo, two processes", "s", 90, lambda: found.seconds),
        Measure("peak memory of its largest process", "MB", 300, lambda: found.peak_mb),
    ]


MEASURES = [
    Measure(
        "regularized evolution, 300 queries, harness included", "ms", 20, evolution_run,
        "naszilla's bare loop 42 ms, NASLib 65 s",
    ),
    Measure("1,000 such runs, stored, two processes", "s", 20, thousand_runs),
    Measure(
        "predictor-guided, 100 queries in batches of 10", "s", 0.6, guided_run,
        "NASLib's BANANAS 49 s for 12 queries",
    ),
    Measure(
        "one query of nb201/cifar10", "us", 5, single_queries,
        "NATS-Bench API 500 to 2,000 warm",
    ),
    Measure("1,000,000 queries in one call", "ms", 100, many_queries),
    Measure("slowest load of a benchmark, cache there", "ms", 100, slowest_load),
    Measure("import workbench", "s", 0.4, start("-c", "import workbench")),
    Measure("workbench --help", "s", 0.6, start("-m", "workbench", "--help")),
]  # fmt: skip
