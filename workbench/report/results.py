"""From a study folder to ``results.parquet``, ``summary.json`` and ``timing.json``.

Incumbents are chosen on observed scores; what is reported of them is the stored mean (the truth),
so that a lucky training seed is no success. Numbers here are in the metric's own unit, regret is
the distance of the incumbent's truth from the best truth in the benchmark.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench import registry, seeds
from workbench.harness.energy import ENERGY
from workbench.harness.store import read_measures, read_meta, read_runs, read_tasks, read_told
from workbench.report.numbers import part_of
from workbench.report.render import write_text
from workbench.spaces import Space
from workbench.statistics.aggregates import iqm, stacked
from workbench.statistics.bootstrap import Interval, interval
from workbench.statistics.regret import simple_regret
from workbench.types import Floats


class Results(NamedTuple):
    """A study folder as frames.

    ``trials`` has one row a told trial in the order of tells, ``final`` one row a finished run;
    ``meta`` is the frozen study with what is known of its benchmarks. ``tasks`` has one row a told
    task, ``measures`` one row a number of a strategy's stages; both are empty but for funnels.
    """

    folder: Path
    meta: dict[str, Any]
    runs: pd.DataFrame
    trials: pd.DataFrame
    final: pd.DataFrame
    tasks: pd.DataFrame
    measures: pd.DataFrame

    @property
    def benchmarks(self) -> list[str]:
        """Names in the order of the study."""
        return list(self.meta["benchmarks"])

    @property
    def strategies(self) -> list[str]:
        """Labels in the order of the study."""
        return [s["label"] for s in self.meta["study"]["strategies"]]

    def scores(self, column: str) -> dict[str, dict[str, Floats]]:
        """Return a column of ``final`` as ``[benchmark][strategy]`` arrays of what is known."""
        found: dict[str, dict[str, Floats]] = {}
        for bench in self.benchmarks:
            mine = self.final[self.final["benchmark"] == bench]
            found[bench] = {}
            for strategy in self.strategies:
                values = mine.loc[mine["strategy"] == strategy, column].to_numpy(dtype=np.float64)
                found[bench][strategy] = values[np.isfinite(values)]
        return found


def read_results(folder: Path | str) -> Results:
    """Return what a study folder holds so far, incumbents, truth and regret worked out.

    Raises
    ------
    StoreError
        The folder holds no study.
    """
    folder = Path(folder)
    named = {"entry": "strategy"}
    meta, runs = read_meta(folder), read_runs(folder).rename(columns=named)
    told = _incumbents(read_told(folder).rename(columns=named))
    optimum = _spread(_facts(meta, "optimum"), told)
    random_mean = _spread(_facts(meta, "random_mean"), told)
    told["regret"] = simple_regret(told["incumbent_truth"].to_numpy(), optimum)
    told["normalised"] = (told["incumbent_truth"] - random_mean) / (optimum - random_mean)
    final = told.groupby("run", sort=True).tail(1)
    final = final.merge(runs[["run", "error", "asked", "failed_trials"]], on="run")
    final = final[final["error"].isna()].reset_index(drop=True)
    final["incumbent_truth_own"] = final["incumbent_truth"] * _signs(meta, final)
    # Where nobody knows the truth, as of live training, there is only what was observed.
    known = np.isfinite(_spread(_facts(meta, "optimum"), final))
    shown = final["incumbent_truth"].where(known, final["incumbent_score"])
    final["score_own"] = shown * _signs(meta, final)
    tasks = read_tasks(folder).rename(columns=named)
    return Results(folder, meta, runs, told, final, tasks, read_measures(folder))


def write_results(results: Results, found: dict[str, Any]) -> list[Path]:
    """Write ``results.parquet``, ``summary.json`` and ``timing.json`` into the study folder.

    ``found`` is what ``summary`` returns.
    """
    folder = results.folder
    paths = [folder / name for name in ("results.parquet", "summary.json", "timing.json")]
    partial = folder / "results.parquet.partial"
    table(results).to_parquet(partial, index=False)
    partial.replace(paths[0])
    write_text(paths[1], json.dumps(found, indent=1, sort_keys=True) + "\n")
    write_text(paths[2], json.dumps(timing(results), indent=1, sort_keys=True) + "\n")
    return paths


def table(results: Results) -> pd.DataFrame:
    """Return one row a told trial, in the metric's own unit, as ``results.parquet`` holds it."""
    trials = results.trials
    sign = _signs(results.meta, trials)
    return pd.DataFrame(
        {
            "benchmark": trials["benchmark"],
            "strategy": trials["strategy"],
            "replicate": trials["run_replicate"],
            "query": trials["query"],
            "seconds": trials["ended"],
            "architecture": _official_strings(results),
            "epochs": trials["epochs"],
            "training_seed": trials["replicate"],
            "status": trials["status"],
            "score": trials["score"] * sign,
            "cost": trials["cost"],
            "truth": trials["truth"] * sign,
            "test": trials["test"],
            "incumbent_score": trials["incumbent_score"] * sign,
            "incumbent_truth": trials["incumbent_truth"] * sign,
            "incumbent_test": trials["incumbent_test"],
            "regret": trials["regret"],
        }
    )


def _official_strings(results: Results) -> pd.Series:
    found = []
    for bench, archs in results.trials.groupby("benchmark", observed=True)["arch"]:
        where = space_of(str(bench), results.meta)
        codes, unique = pd.factorize(archs)
        names = [where.format(tuple(map(int, a.split(",")))) for a in unique]
        found.append(pd.Series(np.array(names, dtype=object)[codes], index=archs.index))
    return pd.concat(found) if found else pd.Series(dtype=object)


def summary(results: Results) -> dict[str, Any]:
    """Return what ``summary.json`` holds: per benchmark and strategy, over its finished runs."""
    study = results.meta["study"]
    own = {
        b["label"]: {key: b[key] for key in ("epochs", "budget") if b.get(key)}
        for b in study["benchmarks"]
    }
    found: dict[str, Any] = {}
    for bench in results.benchmarks:
        facts = results.meta["benchmarks"][bench]
        found[bench] = {
            "metric": facts["metric"],
            "test_metric": facts["test"],
            "optimum": _own(facts, "optimum"),
            "random_mean": _own(facts, "random_mean"),
            "strategies": {
                strategy: _summary_of(results, bench, strategy) for strategy in results.strategies
            },
        } | own.get(bench, {})
    return {
        "study": study["name"],
        "seed": study["seed"],
        "budget": study["budget"],
        "replicates": study["replicates"],
        "benchmarks": found,
    } | part_of(results.meta)


def timing(results: Results) -> dict[str, Any]:
    """Return what ``timing.json`` holds: seconds and hosts, which differ from call to call."""
    return timing_of(results.runs, "strategy", results.meta)


def timing_of(runs: pd.DataFrame, what: str, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the times of runs, in all and by the column ``what``, and where they ran.

    The energy is there where it was estimated.
    """
    by = runs.groupby(what, sort=True)[["wall", "cpu"]]
    return {
        "hosts": sorted(runs["host"].unique()),
        "runs": len(runs),
        "cpu_seconds": float(runs["cpu"].sum()),
        "seconds_per_run": {
            s: {"wall": float(v["wall"]), "cpu": float(v["cpu"])}
            for s, v in by.mean().to_dict("index").items()
        },
        "provenance": meta["provenance"],
    } | ({ENERGY: meta[ENERGY]} if ENERGY in meta else {})


def _summary_of(results: Results, bench: str, strategy: str) -> dict[str, Any]:
    from workbench.report.funnel import ledger

    final, runs = results.final, results.runs
    rows = final[(final["benchmark"] == bench) & (final["strategy"] == strategy)]
    mine = runs[(runs["benchmark"] == bench) & (runs["strategy"] == strategy)]
    seed = results.meta["study"]["seed"]
    described = {
        name: _describe(rows[column], (seed, bench, strategy, name, "bootstrap"))
        for name, column in (
            ("score", "score_own"),
            ("regret", "regret"),
            ("normalised_score", "normalised"),
            ("test", "incumbent_test"),
        )
    }
    stages = ledger(results, bench, strategy)
    described |= {"stages": stages} if stages else {}
    return described | {
        "runs": len(rows),
        "failed_runs": int(mine["error"].notna().sum()),
        "failed_trials": int(rows["failed_trials"].sum()),
        "queries": _mean(rows["asked"]),
        "seconds": _mean(rows["ended"]) if results.meta["benchmarks"][bench]["has_cost"] else None,
    }


def _describe(column: pd.Series, key: tuple[str | int, ...]) -> dict[str, Any] | None:
    """Return mean, standard deviation, IQM and its interval; None where nothing is known."""
    values = column.to_numpy(dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    middle = interval(values, iqm, seeds.generator(*key))
    return {
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
        "iqm": middle.estimate,
        "iqm_ci95": None if np.isnan(middle.low) else [middle.low, middle.high],
    }


def pooled(results: Results, statistic: Callable[[Floats], Floats] = iqm) -> dict[str, Interval]:
    """Return an aggregate of the normalised score over runs and benchmarks, with its interval.

    Only benchmarks whose optimum is known count; they weigh the same, however many runs failed.
    """
    scores = results.scores("normalised")
    found = {}
    for strategy in results.strategies:
        tasks = {b: of[strategy] for b, of in scores.items() if len(of.get(strategy, ()))}
        if tasks:
            key = (results.meta["study"]["seed"], "pooled", strategy, "bootstrap")
            found[strategy] = interval(stacked(tasks), statistic, seeds.generator(*key))
    return found


def space_of(bench: str, meta: Mapping[str, Any]) -> Space:
    """Return a space that writes the strings of a benchmark's architectures."""
    from workbench.harness.opening import open_benchmark
    from workbench.harness.study import stored_study
    from workbench.spaces import space

    entries = stored_study(dict(meta["study"])).benchmarks
    entry = next(e for e in entries if e.label == bench)
    if entry.space is not None:
        return space(entry.space)
    name = meta["benchmarks"][bench]["space"].partition("[")[0]
    return space(name) if name in registry.names("spaces") else open_benchmark(entry).space


def _incumbents(told: pd.DataFrame) -> pd.DataFrame:
    """Add the query number and, at each tell, score, truth and test of the best observed so far."""
    by = told.groupby("run", sort=False)
    told["query"] = by.cumcount() + 1
    observed = told["score"].fillna(-np.inf)
    best = observed.groupby(told["run"], sort=False).cummax()
    before = best.groupby(told["run"], sort=False).shift(fill_value=-np.inf)
    new = best > before
    for column in ("score", "truth", "test"):
        held = told[column].where(new)
        # A new incumbent whose truth is unknown must not inherit that of the one before.
        place = pd.Series(np.where(new, told.index, np.nan), index=told.index)
        place = place.groupby(told["run"], sort=False).ffill()
        found = held.to_numpy(dtype=np.float64)[place.fillna(0).astype(int)]
        told[f"incumbent_{column}"] = np.where(place.isna(), np.nan, found)
    return told


def _spread(by_benchmark: Mapping[str, float], trials: pd.DataFrame) -> Floats:
    """Return what each trial's benchmark is given, one number a row."""
    names = trials["benchmark"].cat
    of_code = np.array([by_benchmark[name] for name in names.categories] or [np.nan])
    return np.asarray(of_code[names.codes])


def _signs(meta: Mapping[str, Any], trials: pd.DataFrame) -> Floats:
    """Return what turns a score of each trial back into its metric's own unit."""
    return _spread({b: _sign(f) for b, f in meta["benchmarks"].items()}, trials)


def _sign(facts: Mapping[str, Any]) -> float:
    return -1.0 if facts["metric"]["direction"] == "min" else 1.0


def _facts(meta: Mapping[str, Any], key: str) -> dict[str, float]:
    return {b: np.nan if f[key] is None else f[key] for b, f in meta["benchmarks"].items()}


def _own(facts: Mapping[str, Any], key: str) -> float | None:
    return None if facts[key] is None else _sign(facts) * facts[key]


def _mean(column: pd.Series) -> float | None:
    return float(column.mean()) if len(column) else None
