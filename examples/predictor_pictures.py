"""Save figures and table of a predictor study: `python examples/predictor_pictures.py mine out`.

One PNG a figure, and `tables.md`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from workbench.report.quality import Quality, read_quality
from workbench.report.quality_page import drawings
from workbench.report.quality_words import mean_table


def table(quality: Quality, bench: str) -> str:
    """Return tau by training size, mean and standard error, as Markdown, best first."""
    sizes = quality.sizes(bench)
    lines = [f"| {bench} | " + " | ".join(f"n = {n:,}" for n in sizes) + " | coverage | fit, s |"]
    lines.append("| --- |" + " --- |" * (len(sizes) + 2))
    for label, taus, others in mean_table(quality, bench):
        coverage, fit = others["coverage"], others["fit_seconds"]
        known = "" if coverage is None else f"{coverage:.2f}"
        seconds = "" if fit is None else f"{fit:.3f}"
        lines.append(f"| {label} | {' | '.join(taus)} | {known} | {seconds} |")
    return "\n".join(lines)


def main() -> None:
    """Read a study folder and write PNG files and `tables.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    quality = read_quality(options.folder)
    options.out.mkdir(parents=True, exist_ok=True)
    for drawing in drawings(quality):
        path = options.out / f"predictors-{drawing.name}.png"
        drawing.figure.savefig(path, dpi=100, facecolor="white")
    tables = [table(quality, bench) for bench in quality.benchmarks if quality.sizes(bench)]
    (options.out / "tables.md").write_text("\n\n".join(tables) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
