"""Save figures and tables of a study of measures: `study_pictures.py mine out`.

One PNG a figure, and `tables.md`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from workbench.harness.store import read_meta
from workbench.report import (
    agreement,
    agreement_page,
    extrapolation,
    extrapolation_page,
    quality,
    quality_page,
)
from workbench.report.quality_words import mean_table


def predictor_table(found: quality.Quality, bench: str) -> str:
    """Return tau by training size, mean and standard error, as Markdown, best first."""
    sizes = found.sizes(bench)
    lines = [f"| {bench} | " + " | ".join(f"n = {n:,}" for n in sizes) + " | coverage | fit, s |"]
    lines.append("| --- |" + " --- |" * (len(sizes) + 2))
    for label, taus, others in mean_table(found, bench):
        coverage, fit = others["coverage"], others["fit_seconds"]
        known = "" if coverage is None else f"{coverage:.2f}"
        seconds = "" if fit is None else f"{fit:.3f}"
        lines.append(f"| {label} | {' | '.join(taus)} | {known} | {seconds} |")
    return "\n".join(lines)


def proxy_table(found: agreement.Agreement, bench: str) -> str:
    """Return correlations of a benchmark, of all and of the best architectures, as Markdown."""
    lines = [
        f"| {bench} | Spearman | Kendall | above counting | Spearman, best | seconds |",
        "| --- |" + " --- |" * 5,
    ]
    for label, _, within, means in agreement.table(found, bench):
        lead = "{lead:+.3f} ({lead_low:+.3f} to {lead_high:+.3f})".format(**means)
        numbers = "{tau:.3f} | " + lead + " | {top_spearman:.3f} | {seconds:.4f}"
        lines.append(
            f"| {label} | {means['spearman']:.3f} ± {within:.3f} | {numbers.format(**means)} |"
        )
    return "\n".join(lines)


def curve_table(found: extrapolation.Extrapolation, bench: str) -> str:
    """Return tau by epochs seen, mean and standard error, as Markdown, the least error first."""
    epochs = found.epochs(bench)
    names = [f"after {epoch}" for epoch in epochs]
    lines = [f"| {bench} | {' | '.join(names)} |", "| --- |" + " --- |" * len(epochs)]
    lines += [
        f"| {row.label} | {' | '.join(row.taus)} |" for row in extrapolation.table(found, bench)
    ]
    return "\n".join(lines)


def main() -> None:
    """Read a study folder and write PNG files and `tables.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    kind = read_meta(options.folder)["study"]["kind"]
    if kind == "proxies":
        scored = agreement.read_agreement(options.folder)
        drawn = agreement_page.drawings(scored)
        tables = [proxy_table(scored, bench) for bench in scored.benchmarks]
    elif kind == "curves":
        told = extrapolation.read_extrapolation(options.folder)
        drawn = extrapolation_page.drawings(told)
        tables = [curve_table(told, bench) for bench in told.benchmarks]
    else:
        fitted = quality.read_quality(options.folder)
        drawn = quality_page.drawings(fitted)
        tables = [predictor_table(fitted, b) for b in fitted.benchmarks if fitted.sizes(b)]
    options.out.mkdir(parents=True, exist_ok=True)
    for drawing in drawn:
        path = options.out / f"{kind}-{drawing.name}.png"
        drawing.figure.savefig(path, dpi=100, facecolor="white")
    (options.out / "tables.md").write_text("\n\n".join(tables) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
