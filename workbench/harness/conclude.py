"""How a search ends: the best architecture trained again, beside a random one, and written out.

The score of the best one of many flatters it: it was chosen for that score, which is partly luck.
So the best few are trained anew with other seeds, and the one that is best then is tested; and so
is an architecture that is the median of a few random ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from workbench import seeds
from workbench.errors import StudyError, WorkerDied
from workbench.executors import Workers, as_finished
from workbench.harness.live_run import Told
from workbench.harness.network_file import write_network
from workbench.harness.search_study import SearchStudy
from workbench.types import Arch, Evaluation, Progress, Shows, Status

MOST_TIMED = 200


class Conclusion(NamedTuple):
    """What a search came to, ready for JSON.

    ``told`` is after how many trials, ``final`` what was asked for. ``best`` and ``random`` hold
    ``text``, ``arch``, ``params``, and ``valid`` and ``test`` of each seed; so does each of
    ``finalists``, in the order of what the search saw of them, ``observed``. ``drawn`` are the
    random architectures, ``latency`` milliseconds by trial. ``written`` says why ``best.py`` needs
    the workbench, if it does.
    """

    told: int
    final: dict[str, int]
    best: dict[str, Any]
    finalists: list[dict[str, Any]]
    random: dict[str, Any]
    drawn: list[dict[str, Any]]
    latency: dict[str, float]
    written: str


def in_full(told: Sequence[Told], last: int) -> list[Told]:
    """Return the trials that were trained in full and have a score, best first, then by order."""
    whole = [
        t for t in told if t.observation.status is Status.OK and (t.observation.epochs or 0) >= last
    ]
    return sorted(whole, key=lambda t: -(t.observation.score or -math.inf))


def best_of_each(ranked: Sequence[Told]) -> list[Told]:
    """Return, of trials that are best first, the first of each architecture, in that order."""
    found: dict[Arch, Told] = {}
    for one in ranked:
        found.setdefault(one.trial.arch, one)
    return [*found.values()]


def conclude(
    study: SearchStudy,
    bench: Any,
    told: Sequence[Told],
    folder: Path,
    workers: Callable[[], Workers],
    shows: Shows,
) -> Conclusion:
    """Train the best few and a random one again, measure latency, and write the best one.

    Raises
    ------
    StudyError
        Nothing was trained in full.
    """
    ranked = in_full(told, bench.epochs[-1])
    if not ranked:
        raise StudyError(
            f"{study.name}: no training of {bench.epochs[-1]} epochs has ended within the budget."
            " What was done is kept: the same command with a longer budget goes on. Fewer epochs"
            " (--epochs), smaller networks or less data take less time, and so do fewer candidates"
            " of the funnel (funnel.candidates)"
        )
    top = best_of_each(ranked)[: study.final.top]
    drawn = _drawn(study, bench)
    replicates = [_replicate(study, i) for i in range(study.final.seeds)]
    with workers() as pool, shows("training again", "trainings") as shown:
        every = (len(top) + 1) * len(replicates) + len(drawn)
        shown(0, every, 0)
        do = partial(_do, pool, bench, shown, every)
        again = do(_whole, [(one.trial.arch, r) for one in top for r in replicates], 0)
        tried = do(_query, [(arch, replicates[0]) for arch in drawn], len(again))
        middle = _median(drawn, tried)
        others = do(_query, [(middle, r) for r in replicates], len(again) + len(tried))
    count = len(replicates)
    grouped = [again[i : i + count] for i in range(0, len(again), count)]
    finalists = [
        {"observed": one.observation.score, "trial": one.trial.id}
        | _summary(bench, one.trial.arch, one.metrics["params"], [(t.valid, t.test) for t in mine])
        for one, mine in zip(top, grouped, strict=True)
    ]
    best = max(range(len(top)), key=lambda i: _mean(finalists[i]["valid"]))
    weights = max(grouped[best], key=lambda t: _known(t.valid))
    return Conclusion(
        len(told),
        study.final.model_dump(),
        finalists[best],
        finalists,
        _summary(bench, middle, others[0].metrics["params"], [*map(_scores, others)]),
        [
            {"text": bench.space.format(arch), "valid": scores[0], "test": scores[1]}
            for arch, scores in zip(drawn, map(_scores, tried), strict=True)
        ],
        _latencies(bench, ranked, shows),
        write_network(bench, top[best].trial.arch, weights, folder),
    )


def _do(
    pool: Workers,
    bench: Any,
    shown: Progress,
    every: int,
    job: Callable[[Any, Arch, int], Any],
    items: Sequence[tuple[Arch, int]],
    before: int,
) -> list[Any]:
    """Return what a job comes to for each architecture and replicate, in their order.

    Where a process is killed, its job is done once more.
    """
    found: dict[int, Any] = {}
    died: list[int] = []
    run_one = partial(_numbered, bench, job, [*items])
    for place, future in as_finished(pool, run_one, range(len(items))):
        try:
            found[place] = future.result()
        except WorkerDied:
            died.append(place)
        shown(before + len(found), every, 0)
    for place, future in as_finished(pool, run_one, died):
        found[place] = future.result()
        shown(before + len(found), every, 0)
    return [found[place] for place in range(len(items))]


def _numbered(bench: Any, job: Any, items: Sequence[tuple[Arch, int]], place: int) -> Any:
    return job(bench, *items[place])


def _whole(bench: Any, arch: Arch, replicate: int) -> Any:
    return bench.train(arch, replicate)


def _query(bench: Any, arch: Arch, replicate: int) -> Evaluation:
    found: Evaluation = bench.query(arch, bench.epochs[-1], replicate)
    return found


def _replicate(study: SearchStudy, seed: int) -> int:
    """Return the number of a training of the end: none that the search has seen."""
    return seeds.entropy(study.seed, "final", seed) >> 65


def _drawn(study: SearchStudy, bench: Any) -> list[Arch]:
    rng = seeds.generator(study.seed, "final", "random")
    return [tuple(row) for row in bench.space.sample(study.final.random, rng).tolist()]


def _median(drawn: Sequence[Arch], tried: Sequence[Evaluation]) -> Arch:
    """Return the architecture in the middle by score; of two, the better."""
    ranked = sorted(range(len(drawn)), key=lambda i: _known(tried[i].score))
    return drawn[ranked[len(ranked) // 2]]


def _known(score: float) -> float:
    """Return a score; one that is not known is below all others."""
    return score if math.isfinite(score) else -math.inf


def _mean(scores: Sequence[float]) -> float:
    return sum(map(_known, scores)) / len(scores)


def _scores(found: Evaluation) -> tuple[float, float]:
    return found.metrics["val_acc"], found.metrics["test_acc"]


def _summary(
    bench: Any, arch: Arch, params: float, scores: Sequence[tuple[float, float]]
) -> dict[str, Any]:
    return {
        "text": bench.space.format(arch),
        "arch": [*arch],
        "params": params,
        "valid": [valid for valid, _ in scores],
        "test": [test for _, test in scores],
    }


def _latencies(bench: Any, ranked: Sequence[Told], shows: Shows) -> dict[str, float]:
    """Return milliseconds of one example through each network, by trial, one after another."""
    from workbench.networks._latency import latency

    found: dict[Arch, float] = {}
    timed = ranked[:MOST_TIMED]
    some = [told.trial.arch for told in best_of_each(timed)]
    with shows("measuring latency", "networks") as shown:
        for i, arch in enumerate(some):
            found[arch] = latency(bench.network(arch), bench.data.shape)
            shown(i + 1, len(some), 0)
    return {str(told.trial.id): found[told.trial.arch] for told in timed}
