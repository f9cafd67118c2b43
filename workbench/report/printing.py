"""Pages as PDF, printed by a browser that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from workbench.errors import DataMissing

_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_SECONDS = 180


def browser() -> str | None:
    """Return the command of a Chromium or Chrome that is here; None where there is none."""
    there = (found for name in _NAMES if (found := shutil.which(name)))
    return next(there, next((place for place in _PLACES if Path(place).exists()), None))


def print_page(page: Path, path: Path) -> None:
    """Print a page to a PDF, with all that is folded on it open.

    Raises
    ------
    DataMissing
        No browser is here, or it printed nothing.
    """
    command = browser()
    if command is None:
        raise DataMissing(
            f"printing {page} needs Chromium or Chrome, and none of {', '.join(_NAMES)} is on the"
            " PATH: install one, or open the page in any browser and print it from there"
        )
    with tempfile.TemporaryDirectory() as folder:
        copy, printed = Path(folder, "page.html"), Path(folder, "page.pdf")
        text = page.read_text(encoding="utf-8")
        copy.write_text(text.replace("<details>", "<details open>"), encoding="utf-8")
        root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        done = subprocess.run(
            [command, "--headless", "--disable-gpu", *root, f"--user-data-dir={folder}/profile",
             "--no-pdf-header-footer", f"--print-to-pdf={printed}", copy.as_uri()],
            capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
        if not printed.exists():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise DataMissing(
                f"{command} printed nothing of {page} (exit {done.returncode}): {last}"
            )
        shutil.move(printed, path)
