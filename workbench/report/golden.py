"""The summary of a study as it is committed: rounded, so that all processors give the same bytes.

Where the numbers of a study were changed on purpose, this writes what is committed anew::

    workbench run docs/studies/golden.toml --out DIR
    python -m workbench.report.golden DIR > docs/studies/results/golden.json
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

DIGITS = 10


def golden(folder: Path) -> str:
    """Return the text of the ``summary.json`` of a folder with floats of ten significant digits.

    The order of a sum changes the last of its sixteen, and no more than those.
    """
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return json.dumps(rounded(summary), indent=1, sort_keys=True) + "\n"


def rounded(value: Any, digits: int = DIGITS) -> Any:
    """Return nested data with every float rounded to so many significant digits."""
    if isinstance(value, dict):
        return {key: rounded(one, digits) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one, digits) for one in value]
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.{digits}g}")
    return value


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("say of which study folder: python -m workbench.report.golden DIR")
    sys.stdout.write(golden(Path(sys.argv[1])))
