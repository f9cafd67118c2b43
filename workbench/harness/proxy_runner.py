"""One run of a proxy study: how the scores of one proxy order architectures, from one batch.

All scores of a benchmark and a replicate are computed together, ahead of the runs that look at
them, and kept in the cache: killed at any time, a study goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

from workbench import registry, seeds
from workbench.data._base import Benchmark
from workbench.errors import BenchmarkError, Fault, WorkbenchError, at
from workbench.executors import Where
from workbench.harness.opening import open_benchmark
from workbench.harness.proxy_study import COUNTS, FEWEST, ProxyBenchmark, ProxyEntry, ProxyStudy
from workbench.harness.result import Measure, RunResult, measured
from workbench.harness.sections import RunSpec
from workbench.harness.splits import known_entries
from workbench.spaces import Space
from workbench.statistics.ranking import kendall, spearman
from workbench.types import Archs, Floats, Mask, Progress

ALL, TOP = "all", "top"
"""The sets of architectures that order is measured in: all scored ones, and the truly best."""
SECONDS = "seconds"
"""The measure that differs from call to call: CPU seconds an architecture."""

_RESAMPLES = 1000
_LEAST = 3


class Scored(NamedTuple):
    """Architectures of a benchmark, their truth ``(n,)``, and how their networks are scored."""

    space: Space
    archs: Archs
    truth: Floats
    dataset: dict[str, Any]
    build: dict[str, Any]
    batch_size: int

    def key(self) -> str:
        """Return what the scores depend on, beside the replicate."""
        said = [self.space.whole.name, self.dataset, self.build, self.batch_size]
        return json.dumps([*said, self.archs.tolist()], sort_keys=True)


def execute(spec: RunSpec) -> RunResult:
    """Run one spec from its seeds alone; a fault of the proxy is recorded, not raised."""
    return measured(spec.number, _measures(spec))


def ahead(study: ProxyStudy, numbers: Sequence[int], workers: Where, progress: Progress) -> None:
    """Compute the scores that the numbered runs look at, in parallel over architectures."""
    wanted = {(spec.benchmark, spec.replicate) for spec in map(study.spec, numbers)}
    settings = [(_scored(study, bench), replicate) for bench, replicate in sorted(wanted)]
    work = {(one.key(), replicate): one for one, replicate in settings}
    of = sum(len(scored.archs) for scored in work.values())
    before = failed = 0

    def shown(done: int, _: int, wrong: int) -> None:
        progress(before + done, of, failed + wrong)

    for (_, replicate), scored in work.items():
        # Where nothing can be scored, each run that needs it says what is wrong.
        with suppress(WorkbenchError):
            scores, _ = _scores(study, scored, replicate, workers, shown)
            failed += int(np.isnan(scores).any(axis=1).sum())
        before += len(scored.archs)
        progress(before, of, failed)


def faults(study: ProxyStudy, benchmarks: Sequence[Benchmark]) -> Iterator[Fault]:
    """Yield the benchmarks that know no truth, or whose networks cannot be built and scored."""
    for i, (given, bench) in enumerate(zip(study.benchmarks, benchmarks, strict=True)):
        place = f"benchmarks[{i}]"
        if bench.optimum is None:
            yield f"{place}: {bench.name} knows no true scores to compare with: name a table"
        elif given.dataset is None and bench.networks is None:
            yield (
                f"{place}.dataset: {bench.name} does not say on what its networks are scored; add"
                ' dataset = { name = "noise", shape = [3, 32, 32], classes = 10 } or a data set'
            )
        else:
            try:
                scored = _scored(study, i)
                yield from _too_few(scored, given, place)
                _score_one(scored)
            except WorkbenchError as error:
                yield at(place, error)


def _too_few(scored: Scored, given: ProxyBenchmark, place: str) -> Iterator[str]:
    held = len(scored.archs)
    if given.sample is not None and held < given.sample:
        yield f"{place}.sample: {given.sample} are asked for, and {given.label} holds {held}"
    elif held < FEWEST:
        yield f"{place}: {given.label} holds {held} architectures; a comparison needs {FEWEST}"
    elif scored.truth.min() == scored.truth.max():
        yield f"{place}: the scores of {given.label} are all the same: there is no order to find"


def _score_one(scored: Scored) -> None:
    """Build and count the first network; what is wrong with its settings or data is raised."""
    from workbench.proxies import measure

    measure(
        scored.space, scored.archs[:1], scored.dataset, ["params"],
        network=scored.build, batch_size=scored.batch_size,
    )  # fmt: skip


def try_out(entry: ProxyEntry, bench: Benchmark) -> None:  # noqa: ARG001
    """Score nothing: what can be wrong with a proxy is found by its name."""
    registry.load("proxies", entry.name)


def facts(bench: Benchmark) -> dict[str, Any]:  # noqa: ARG001
    """Return nothing: reports need no more than the usual."""
    return {}


def _measures(spec: RunSpec) -> Iterator[Measure]:
    study: ProxyStudy = spec.study
    scored = _scored(study, spec.benchmark)
    scores, seconds = _stored(study.canonical(), spec.benchmark, spec.replicate)
    columns = [_oriented(name, scores[:, i]) for i, name in enumerate(study.names)]
    mine, some = columns[spec.entry], [c for c in columns if np.isfinite(c).any()]
    known: Mask = np.asarray(np.isfinite(np.stack(some)).all(axis=0))
    missing = int((~np.isfinite(mine)).sum())
    if missing == len(mine) or known.sum() < FEWEST:
        raise BenchmarkError(
            f"{study.proxies[spec.entry].name} has no score of {missing} of {len(mine)}"
            f" architectures, and all proxies have one of {known.sum()}: what was logged when they"
            " were scored says why"
        )
    truth, mine = scored.truth[known], mine[known]
    counts = [columns[study.names.index(name)][known] for name in COUNTS]
    size, top = len(truth), max(_LEAST, round(study.top * len(truth)))
    best = np.argsort(-truth, kind="stable")[:top]
    chosen = np.argsort(-mine, kind="stable")[:top]
    yield Measure(size, ALL, "missing", float(missing))
    yield Measure(size, TOP, "architectures", float(top))
    yield Measure(size, ALL, SECONDS, float(np.nanmean(seconds[:, spec.entry])))
    yield Measure(size, ALL, "constant", float(mine.min() == mine.max()))
    yield Measure(size, ALL, "precision", len(np.intersect1d(best, chosen)) / top)
    for name, rows in ((ALL, np.arange(size)), (TOP, best)):
        yield Measure(size, name, "spearman", spearman(truth[rows], mine[rows]))
        yield Measure(size, name, "tau", kendall(truth[rows], mine[rows]))
        key = (study.seed, study.benchmarks[spec.benchmark].label, spec.replicate, name)
        rng = seeds.generator(*key, "resample")
        for metric, value in _lead(truth[rows], mine[rows], [c[rows] for c in counts], rng).items():
            yield Measure(size, name, metric, value)


def _lead(
    truth: Floats, mine: Floats, counts: Sequence[Floats], rng: np.random.Generator
) -> dict[str, float]:
    """Return by how much a Spearman correlation is above that of the better of the counts.

    With its 95 % interval: percentiles of 1,000 bootstrap samples of the architectures, the same
    ones for every proxy. Ranks are those within all.
    """
    rho = [spearman(truth, count) for count in counts]
    columns = [truth, mine, counts[int(np.argmax(rho))]]
    n = len(truth)
    often = rng.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES).astype(np.float64)
    drawn = _correlations(np.stack([rankdata(c) - (n + 1) / 2 for c in columns]), often)
    low, high = np.percentile(drawn[0] - drawn[1], [2.5, 97.5])
    lead = spearman(truth, mine) - max(rho)
    return {"lead": lead, "lead_low": float(low), "lead_high": float(high)}


def _correlations(columns: Floats, often: Floats) -> Floats:
    """Return the correlations of the first column with the others, ``(others, samples)``.

    ``often[s, i]`` says how often row i is in sample s. They are 0 where a column is constant.
    """
    weights = often / often.sum(axis=1, keepdims=True)
    means = weights @ columns.T
    products = weights @ (columns * columns[:1]).T - means[:, :1] * means
    spread = weights @ (columns**2).T - means**2
    scale = np.sqrt(np.maximum(spread[:, :1] * spread[:, 1:], 0.0)).T
    found: Floats = products[:, 1:].T
    found[scale > 1e-9] /= scale[scale > 1e-9]
    return found


def _oriented(name: str, scores: Floats) -> Floats:
    sign = 1.0 if registry.load("proxies", name).higher_is_better else -1.0
    return np.asarray(sign * scores)


@lru_cache(maxsize=16)
def _of(study_json: str, bench: int) -> Scored:
    study = ProxyStudy.model_validate_json(study_json)
    given = study.benchmarks[bench]
    opened = open_benchmark(given)
    archs, truth = _architectures(study, given, opened)
    known = opened.networks
    dataset = given.dataset if given.dataset is not None else known and known.dataset
    build = given.build if given.build is not None else (known.settings if known else {})
    return Scored(opened.space, archs, truth, dict(dataset or {}), dict(build), given.batch_size)


def _scored(study: ProxyStudy, bench: int) -> Scored:
    return _of(study.canonical(), bench)


@lru_cache(maxsize=4)
def _stored(study_json: str, bench: int, replicate: int) -> tuple[Floats, Floats]:
    """Return the scores that were computed ahead; all proxies of a batch look at the same ones."""
    return _scores(ProxyStudy.model_validate_json(study_json), _of(study_json, bench), replicate)


def _architectures(
    study: ProxyStudy, given: ProxyBenchmark, bench: Benchmark
) -> tuple[Archs, Floats]:
    """Return architectures of known truth, the same on all benchmarks of a space that hold them."""
    rng = seeds.generator(study.seed, bench.space.whole.name, "architectures")
    held = known_entries(bench, rng)
    order = rng.permutation(len(held.archs))[: given.sample]
    rows = np.sort(order)
    return held.archs[rows], held.truth[rows]


def _scores(
    study: ProxyStudy,
    scored: Scored,
    replicate: int,
    workers: Where = 1,
    progress: Progress | None = None,
) -> tuple[Floats, Floats]:
    """Return scores and seconds ``(n, p)`` of all proxies of a study, from the cache if there."""
    from workbench.proxies import measure

    return measure(
        scored.space,
        scored.archs,
        scored.dataset,
        study.names,
        network=scored.build,
        batch_size=scored.batch_size,
        seed=seeds.entropy(study.seed, "proxies", replicate) >> 97,
        workers=workers,
        progress=progress,
    )
