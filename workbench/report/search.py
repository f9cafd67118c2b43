"""A live search as a frame of its trainings, in numbers and in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.harness.store import read_log, read_measures, read_meta, read_runs
from workbench.report.render import write_text
from workbench.spaces import space


class SearchFolder(NamedTuple):
    """The folder of a search.

    ``trainings`` has one row a training that has ended, in the order of tells: trial, architecture
    as text, epochs, status, score, ``val_acc`` and ``test_acc`` in percent, params, cost (CPU
    seconds, of GPUs elapsed ones), ``at`` (seconds of the search), fault, and ``whole``: trained to
    the last epoch. ``tasks`` has name, cost and ``at``. ``conclusion`` is None until there is one.
    """

    folder: Path
    meta: dict[str, Any]
    runs: pd.DataFrame
    measures: pd.DataFrame
    trainings: pd.DataFrame
    tasks: pd.DataFrame
    conclusion: dict[str, Any] | None

    @property
    def data(self) -> str:
        """What was trained on."""
        return str(self.meta["study"]["benchmarks"][0]["label"])

    @property
    def whole(self) -> pd.DataFrame:
        """Trainings to the last epoch, best first; of equal ones, the earliest first."""
        ended = self.trainings[self.trainings["whole"]]
        return ended.sort_values("score", ascending=False, kind="stable")


def read_search(folder: Path | str) -> SearchFolder:
    """Return what the folder of a search holds so far.

    Raises
    ------
    StoreError
        It holds no study.
    """
    folder = Path(folder)
    meta = read_meta(folder)
    trainings, tasks = _ended(read_log(folder), meta)
    found = meta.get("conclusion")
    measures = read_measures(folder)
    return SearchFolder(folder, meta, read_runs(folder), measures, trainings, tasks, found)


def _ended(log: list[str], meta: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    facts = next(iter(meta["benchmarks"].values()))
    where, last = space(facts["space"]), facts["epochs"]
    asked: dict[int, dict[str, Any]] = {}
    trainings, tasks = [], []
    for entry in map(json.loads, log):
        if "ask" in entry:
            asked[entry["ask"]] = entry
        elif "done" in entry:
            name = asked[entry["done"]]["task"]
            tasks.append({"name": name, "cost": entry["cost"], "at": entry["at"]})
        elif entry["status"] != "part":
            trainings.append(_training(entry, asked[entry["came"]], where, last))
    return (
        pd.DataFrame(trainings, columns=_COLUMNS).astype({"whole": bool}),
        pd.DataFrame(tasks, columns=["name", "cost", "at"]),
    )


_COLUMNS = [
    "trial", "architecture", "epochs", "continues", "status", "score", "val_acc", "test_acc",
    "params", "cost", "at", "fault", "whole",
]  # fmt: skip


def _training(
    entry: Mapping[str, Any], asked: Mapping[str, Any], where: Any, last: int
) -> dict[str, Any]:
    metrics, epochs = entry["metrics"], entry["epochs"] or 0
    return {
        "trial": entry["came"],
        "architecture": where.format(tuple(asked["arch"])),
        "epochs": epochs,
        "continues": asked["continues"],
        "status": entry["status"],
        "score": np.nan if entry["told"] is None else entry["told"],
        **{name: metrics.get(name, np.nan) for name in ("val_acc", "test_acc", "params")},
        "cost": np.nan if entry["cost"] is None else entry["cost"],
        "at": entry["at"],
        "fault": entry["fault"],
        "whole": entry["status"] == "ok" and epochs >= last,
    }


def costs(found: SearchFolder) -> list[tuple[str, int, float]]:
    """Return what the time went to: name, how often, seconds on all workers together.

    A training that goes on is charged its new epochs.
    """
    rows = [
        (f"task: {name}", len(mine), float(mine["cost"].sum()))
        for name, mine in found.tasks.groupby("name", sort=False)
    ]
    trainings = found.trainings
    spent = _new_cost(trainings)
    for words, chosen in (
        ("trainings that ended early", ~trainings["whole"]),
        ("trainings to the last epoch, or their rest", trainings["whole"]),
    ):
        rows.append((words, int(chosen.sum()), float(spent[chosen].sum())))
    return rows


def _new_cost(trainings: pd.DataFrame) -> pd.Series:
    """Return the seconds of each training, without those of the one that it continues."""
    total = trainings.set_index("trial")["cost"]
    before = trainings["continues"].map(total).fillna(0.0)
    return trainings["cost"].fillna(0.0) - before.astype("float64")


def sentences(found: SearchFolder) -> list[str]:
    """Return the verdict: what was found, and how much better it is than what chance gives."""
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
    yield (
        f"It is {best['text']}, chosen from {len(found.whole)} that were trained to the last epoch"
        f" within {duration(float(found.trainings['at'].max()))}{_of_finalists(end)}. With new"
        f" seeds ({len(best['valid'])}) it validates at {_mean(best['valid']):.2f} % on average;"
        f" the search had seen {best['observed']:.2f} %."
    )
    if (words := indistinct(found.whole)) is not None:
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
    if p >= _LEVEL:
        return (
            f"{words} that the seeds of the trainings could not explain ({test}): by this test"
            " the search has found nothing better than chance gives."
            if not lead
            else f"{words}, which the seeds of the trainings alone may explain ({test}): by this"
            " test the search has found nothing better than chance gives."
        )
    verdict = "better" if lead > 0 else "worse"
    return (
        f"{words}, more than the seeds of the trainings explain ({test}): the search has found"
        f" something {verdict} than chance gives."
    )


_LEVEL = 0.05
_ENOUGH = 30
"""So many show a correlation of .5 in four searches of five; of fewer, seeing none says little."""
_SAME = 1e-6


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


def summary(found: SearchFolder) -> dict[str, Any]:
    """Return what ``summary.json`` holds."""
    study = found.meta["study"]
    return {
        "study": study["name"],
        "benchmark": found.data,
        "strategy": study["strategies"][0]["label"],
        "seconds": float(found.trainings["at"].max()) if len(found.trainings) else 0.0,
        "trainings": len(found.trainings),
        "whole": len(found.whole),
        "failed": int((found.trainings["fault"] != "").sum()),
        "costs": [list(row) for row in costs(found)],
        "conclusion": found.conclusion,
        "verdict": sentences(found),
    }


def write_search(found: SearchFolder) -> list[Path]:
    """Write ``results.parquet`` and ``summary.json`` and return their paths."""
    paths = [found.folder / name for name in ("results.parquet", "summary.json")]
    partial = found.folder / "results.parquet.partial"
    found.trainings.to_parquet(partial, index=False)
    partial.replace(paths[0])
    write_text(paths[1], json.dumps(summary(found), indent=1, sort_keys=True) + "\n")
    return paths


def _mean(values: list[float]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
