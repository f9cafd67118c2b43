"""Shared set-up: under CI a skipped test is a failure, for everything it needs is installable.

Fixtures that several files need are here; what they load, they load when they are asked for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Before any library loads: a worker of the tests has one core, and sums come in one order.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput") or not os.environ.get("CI"):
        return
    if skipped := reporter.stats.get("skipped", []):
        for report in skipped:
            reporter.write_line(f"skipped under CI: {report.nodeid}: {report.longrepr}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cache that is the test's own; nothing is in it.

    Benchmarks that were opened before, with another one, are opened anew.
    """
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    if opening := sys.modules.get("workbench.harness.opening"):
        opening._open.cache_clear()
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of ``tests.archives``, which no test may change."""
    from tests.archives import make_folder

    return make_folder(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def archive(folder: Path) -> Path:
    """The same, exported."""
    from workbench.harness.archive import export_study

    return export_study(folder, folder.parent / "small.zip").path


@pytest.fixture(params=["cell", "perceptron"])
def case(request: pytest.FixtureRequest) -> Iterator[Any]:
    """One of ``tests.proxy_cases``.

    Double precision, so that what is compared differs by rounding alone.
    """
    import torch

    from tests.proxy_cases import CASES

    state = torch.get_rng_state()
    yield CASES[request.param]()
    torch.set_rng_state(state)
