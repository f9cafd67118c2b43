"""Where the user keeps data sets that are not to be had from a package."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_dir


def data_folder(path: str | None) -> Path:
    """Return a folder as named, else by ``WORKBENCH_DATA``, else the platform's place for data."""
    named = path or os.environ.get("WORKBENCH_DATA") or user_data_dir("nas-workbench", False)
    return Path(named).expanduser()
