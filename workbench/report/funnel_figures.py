"""The figures of a funnel: what each stage lets through, and what leaving it out changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.report import funnel
from workbench.report.numbers import unit_of_differences
from workbench.report.results import Results
from workbench.report.style import Look, figure, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.statistics.bootstrap import Interval


def passing(results: Results) -> Figure | None:
    """Return candidates in and out of every stage, one panel a funnel; None where there is none."""
    shown = [(b, s) for b in results.benchmarks for s in funnel.funnels(results, b)]
    if not shown:
        return None
    many = max(len(funnel.stages_of(results, *one)) for one in shown)
    fig = figure(9.6, (0.5 * many + 0.9) * len(shown))
    style = looks(results.strategies)
    for i, (bench, strategy) in enumerate(shown):
        ax = fig.add_subplot(len(shown), 1, i + 1)
        bars(ax, funnel.stages_of(results, bench, strategy), style[strategy])
        ax.set_title(f"{strategy} on {bench}, a round")
    return fig


def ablation(results: Results) -> Figure | None:
    """Return mean final regret with all stages and without each; None without an ablation."""
    shown = [
        (bench, [label, *less])
        for bench in results.benchmarks
        for label, less in funnel.ablations(results, bench).items()
    ]
    if not shown:
        return None
    fig = figure(9.6, sum(0.38 * len(labels) + 0.9 for _, labels in shown))
    style = looks(results.strategies)
    for i, (bench, labels) in enumerate(shown):
        ax = fig.add_subplot(len(shown), 1, i + 1)
        _dots(ax, funnel.mean_regrets(results, bench, labels), style)
        unit = unit_of_differences(results.meta["benchmarks"][bench]["metric"]["unit"])
        ax.set(title=bench, xlabel=f"mean regret of the final incumbent ({unit or 'score'})")
    return fig


def bars(ax: Axes, stages: list[funnel.Stage], look: Look, seconds: str = "s a run") -> None:
    """Draw each stage as a bar of what came in, and inside it what was let through."""
    widest = max(s.arrived / max(s.rounds, 1) for s in stages)
    for i, stage in enumerate(stages):
        came, went = (n / max(stage.rounds, 1) for n in (stage.arrived, stage.kept))
        ax.barh(i, came, left=-came / 2, height=0.72, color=look.colour, alpha=0.3, lw=0)
        ax.barh(i, went, left=-went / 2, height=0.72, color=look.colour, lw=0)
        ax.text(widest * 0.54, i, _words(stage, came, went, seconds), va="center", fontsize=8.5)
    ax.set_yticks(range(len(stages)), [s.name for s in stages])
    ax.set_xlim(-widest * 0.52, widest * 1.6)
    ax.set_ylim(len(stages) - 0.5, -0.5)
    ax.set_xticks([])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _words(stage: funnel.Stage, came: float, went: float, seconds: str) -> str:
    words = [f"{came:.3g} in, {went:.3g} out, {stage.seconds:.3g} {seconds}"]
    if stage.recall is not None:
        words.append(f"keeps {stage.recall:.0%} of the top 1 %")
    if stage.regret is not None:
        words.append(f"loses {'< 0.01' if 0 < stage.regret < 0.01 else f'{stage.regret:.2g}'}")
    return ", ".join(words)


def _dots(ax: Axes, means: dict[str, Interval], style: dict[str, Look]) -> None:
    for i, (label, value) in enumerate(means.items()):
        look = style[label]
        ax.plot([value.low, value.high], [i, i], color=look.colour, lw=2.2)
        ax.plot(value.estimate, i, look.marker, color=look.colour, ms=7)
        ax.annotate(
            f"{value.estimate:.3f}", (value.estimate, i), xytext=(0, 6),
            textcoords="offset points", ha="center", fontsize=8,
        )  # fmt: skip
    ax.set_yticks(range(len(means)), list(means))
    ax.set_ylim(len(means) - 0.5, -0.7)
    ax.grid(axis="x", color="#888888", alpha=0.25)
