"""What a live search came to, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from workbench.report.search import SearchFolder

_LEVEL = 0.05
_FEWEST = round(1 / _LEVEL) - 1
_ENOUGH = 30
"""So many show a correlation of .5 in four searches of five; of fewer, seeing none says little."""
_SAME = 1e-6


def sentences(found: SearchFolder) -> list[str]:
    """Return the verdict: what was found, and whether it is better than what chance gives."""
    if found.conclusion is None:
        return [*_unfinished(found)]
    return [*_verdict(found, found.conclusion)]


def _unfinished(found: SearchFolder) -> Iterator[str]:
    whole = found.whole
    yield (
        f"The search has not come to its end: {len(found.trainings)} trainings so far,"
        f" {len(whole)} of them to the last epoch. The same command goes on from here."
    )
    if len(whole):
        best = whole.iloc[0]
        yield f"Best so far: {best['architecture']}, validation {best['val_acc']:.2f} %."


def _verdict(found: SearchFolder, end: Mapping[str, Any]) -> Iterator[str]:
    best, random, drawn = end["best"], end["random"], len(end["drawn"])
    other = f"the median of {drawn} random ones" if drawn > 1 else "a random one"
    yield (
        f"The best architecture found reaches {spread(best['test'])} % on the test set, {other},"
        f" trained the same way, {spread(random['test'])} %."
    )
    yield _difference(best["test"], random["test"])
    if words := by_chance(best["test"], [one["test"] for one in end["drawn"]]):
        yield words
    yield (
        f"It is {best['text']}, chosen from {len(found.whole)} that were trained to the last epoch"
        f" within {duration(float(found.trainings['at'].max()))}{_of_finalists(end)}. With new"
        f" seeds ({len(best['valid'])}) it validates at {_mean(best['valid']):.2f} % on average;"
        f" the search had seen {best['observed']:.2f} %."
    )
    if words := indistinct(found.whole):
        yield words
    if failed := int((found.trainings["fault"] != "").sum()):
        yield f"{failed} trainings failed; they are listed below."


def indistinct(whole: pd.DataFrame) -> str | None:
    """Return that scores do not tell architectures apart, None where they do or too few are known.

    They do not where validation and test accuracy of the same trainings show no correlation.
    """
    from scipy.stats import spearmanr

    known = whole[["val_acc", "test_acc"]].dropna()
    if len(known) < _ENOUGH or (known.max() == known.min()).any():
        return None
    found = spearmanr(known["val_acc"], known["test_acc"], alternative="greater")
    if found.pvalue < _LEVEL:
        return None
    return (
        f"Of these {len(known)}, what validated better did not test better (Spearman"
        f" {found.statistic:.2f}, p = {found.pvalue:.2g}): scores on this data hardly tell them"
        " apart. Where that matters, take more examples or a harder task."
    )


def _of_finalists(end: Mapping[str, Any]) -> str:
    count = len(end["finalists"])
    return f": of the {count} that looked best, the best when trained again" if count > 1 else ""


def _difference(best: list[float], random: list[float]) -> str:
    lead = round(_mean(best) - _mean(random), 2) + 0.0
    words = f"A difference of {lead:+.2f} points" if lead else "No difference"
    p = welch(best, random)
    if p is None:
        return f"{words}; with so few seeds nobody can say what chance has to do with it."
    test = f"Welch's t test over {len(best)} seeds each, p = {p:.2g}"
    if not lead:
        return f"{words} ({test})."
    if p >= _LEVEL:
        return f"{words}, which the seeds of the trainings alone may explain ({test})."
    return (
        f"{words}, more than the seeds of the trainings explain ({test}): of these two, the"
        f" one that was found is really {'better' if lead > 0 else 'worse'}."
    )


def by_chance(best: list[float], drawn: list[float]) -> str | None:
    """Return how likely one random architecture is to come out as well; None where none is known.

    A permutation test: of ``n`` random architectures and one more, each is as likely as the others
    to be so good that no more than ``k`` of the others reach it. The one found is taken at its mean
    over seeds, which is luckily high less often than one training: the test errs on the safe side.
    """
    known, mean = np.array(drawn)[np.isfinite(drawn)], _mean(best)
    if not len(known) or not np.isfinite(mean):
        return None
    as_well, n = int((known >= mean).sum()), len(known)
    p = (1 + as_well) / (n + 1)
    test = "test" if as_well > 1 else "tests"
    words = (
        f"{as_well or 'None'} of {n} random architectures, trained once each, {test} as well; one"
        f" that is drawn at random comes out so with a probability of {p:.2g}:"
    )
    if p <= _LEVEL:
        return f"{words} the search has found something better than chance gives."
    words += " that the search has found more than chance gives is not shown"
    if n < _FEWEST:
        words += f", nor could it be with fewer than {_FEWEST} random ones (final.random)"
    return f"{words}."


def welch(a: list[float], b: list[float]) -> float | None:
    """Return the p value of Welch's two-sided t test; None where it is not defined."""
    from scipy.stats import ttest_ind_from_stats

    known = [np.array(x)[np.isfinite(x)] for x in (a, b)]
    if min(map(len, known)) < 2 or max(np.ptp(x) for x in known) < _SAME:
        return None
    # From moments, because of equal scores scipy's test of samples warns.
    (m1, s1, n1), (m2, s2, n2) = ((x.mean(), x.std(ddof=1), len(x)) for x in known)
    return float(ttest_ind_from_stats(m1, s1, n1, m2, s2, n2, equal_var=False).pvalue)


def spread(values: list[float]) -> str:
    """Return mean and standard deviation as text; of one value, that."""
    known = np.array(values)[np.isfinite(values)]
    if not len(known):
        return "nan"
    if len(known) == 1:
        return f"{known[0]:.2f}"
    return f"{known.mean():.2f} ± {known.std(ddof=1):.2f}"


def duration(seconds: float) -> str:
    """Return seconds as words, such as ``10 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"


def _mean(values: list[float]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
