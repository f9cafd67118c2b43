"""Shared set-up: under CI a skipped test is a failure, for everything it needs is installable."""

from __future__ import annotations

import os

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
