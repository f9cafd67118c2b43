"""Save the regret figure of a study folder for a paper: `python examples/picture.py demo out.pdf`.

The ending of the file name chooses the format. README's picture was made this way from the demo;
`--seconds` draws regret against simulated seconds instead of queries.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import workbench as wb
from workbench.report.figures import anytime, regret_numbers


def main() -> None:
    """Read a study folder and save regret against queries or seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--seconds", action="store_true")
    options = parser.parse_args()
    results, axis = wb.read_results(options.folder), "ended" if options.seconds else "query"
    figure = anytime(results, axis, regret_numbers(results, axis))
    if figure is None:
        raise SystemExit("no benchmark of this study knows its optimum, or its training cost")
    figure.savefig(options.picture, dpi=110, facecolor="white")


if __name__ == "__main__":
    main()
