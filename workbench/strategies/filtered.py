"""The funnel: many candidates, each filter dearer than the one before, and few trained in full.

Proxies come first, ranked by rank sum (Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for
Network Architecture Search", 2024, arXiv:2403.19232), then a predictor as in ``predictor_guided``,
then a short training whose end is extrapolated (Domhan, Springenberg and Hutter, "Speeding up
Automatic Hyperparameter Optimization of Deep Neural Networks by Extrapolation of Learning Curves",
IJCAI 2015). Proxies before a predictor: Abdelfattah et al., "Zero-Cost Proxies for Lightweight
NAS", 2021, arXiv:2101.08134.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from workbench.predictors._pipeline import Given, seeded
from workbench.spaces import Space
from workbench.strategies._base import Strategy, check_integer, check_number, parameter_error
from workbench.strategies._candidates import around
from workbench.strategies._distinct import DistinctDraws
from workbench.strategies._filters import (
    Predicted,
    ProxyScores,
    check_short,
    check_stages,
    expected_end,
    proxy_settings,
)
from workbench.strategies._funnel import FULL, Candidate, Passage, Round, best, check_keep
from workbench.strategies._proposer import proposer_of
from workbench.strategies._rungs import check_epochs
from workbench.types import Arch, Floats, Observation, Task, Trial

STAGES = ("proxies", "predictor", "short")

_KEEP = {"proxies": 0.2, "predictor": 6, "short": 2}
_FITTED_ON = 500
_PASS = 40
"""Architectures that are scored by one task, so that several workers share a round's."""


class Filtered(Strategy):
    """Rounds of candidates through proxies, a predictor and short training to full training.

    Parameters
    ----------
    stages : list of {"proxies", "predictor", "short"}, default all
        What candidates go through, in this order; what is left out filters nothing.
    keep : mapping of a stage to int or float, default ``{proxies = .2, predictor = 6, short = 2}``
        How many each stage keeps; below 1, which share of what came in.
    candidates : int >= 1, default 300
        How many are proposed in a round.
    proposer : str, mapping or None, default None
        A strategy by name, or a mapping with its ``name`` and parameters, whose asks are the
        candidates. It is told the scores of those trained in full, and that the others were
        stopped. None: a mixture of random ones and mutations.
    random_part : float in [0, 1], default .5
        The part of the mixture that is random; the others are mutations of the best.
    elites : int >= 1, default 10
        How many of the best trained in full are mutated.
    proxies : list of str or mapping, default ``["synflow", "meco"]``
        Ranked by the sum of their ranks. ``{names, dataset, network, batch_size}``, as of the
        encoding ``zero_cost``, where a benchmark neither stores scores nor knows its networks.
    predictor, encoding, acquisition, kappa
        As of ``predictor_guided``; "gaussian_process" and "ucb" by default.
    initial : int >= 2, default 10
        With so many trained in full, the predictor learns from those, before from as many short
        trainings; with fewer of either, it keeps what the proxies rank first.
    short_epochs : int or None, default None
        Length of the short training; None takes the epoch nearest to a third of the full one.
    extrapolator : str or mapping, default "last_value"
        What the short training is expected to end at decides; with fewer than 10 whole curves, its
        last score.
    epochs : sequence of int or None, default None
        The epochs at which there are scores; a study takes them from the benchmark, by hand None
        stands for 1, 3, 9, 27, 81.

    Attributes
    ----------
    ledger : list of Passage
        What every stage of every round took in and let through.

    Notes
    -----
    The predictor is fitted to all that was trained: to the scores of full trainings, and to what
    short ones are expected to end at; until there are enough, to all scores after short training.
    Full training goes on where the short one stopped: only new epochs are charged. While a round
    waits, the next one is opened; what an older round has to ask for comes first. An architecture
    is trained
    once; what a filter dropped may be proposed again, and its zero-cost scores are not paid for
    twice. Architectures are asked for in canonical form.
    """

    REPEATS: ClassVar[bool] = False
    ONE_EPOCH: ClassVar[bool] = True

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        stages: Sequence[str] = STAGES,
        keep: Mapping[str, int | float] | None = None,
        candidates: int = 300,
        proposer: Given = None,
        random_part: float = 0.5,
        elites: int = 10,
        proxies: Sequence[str] | Mapping[str, Any] = ("synflow", "meco"),
        predictor: Given = "gaussian_process",
        encoding: Given = None,
        acquisition: str = "ucb",
        kappa: float = 0.5,
        initial: int = 10,
        short_epochs: int | None = None,
        extrapolator: Given = "last_value",
        epochs: Sequence[int] | None = None,
    ) -> None:
        super().__init__(space, rng)
        self.stages = check_stages(self, stages, STAGES)
        self.keep = _KEEP | ({} if keep is None else check_keep(self, keep, STAGES))
        self.candidates = check_integer(self, "candidates", candidates, 1)
        self.random_part = check_number(self, "random_part", random_part, 0, 1)
        self.elites = check_integer(self, "elites", elites, 1)
        self.kappa = check_number(self, "kappa", kappa, 0)
        self.initial = check_integer(self, "initial", initial, 2)
        self.epochs = self._several(epochs)
        self.short_epochs = check_short(self, self.epochs, short_epochs)
        self.ledger: list[Passage] = []
        self._scores = ProxyScores(proxy_settings(self, proxies))
        self._model = Predicted(self, space, predictor, encoding, acquisition)
        self._end = expected_end(self, extrapolator, self.epochs)
        if "predictor" in self.stages:
            encoder = seeded(self._model.encoder, rng)
            self._model.encoder = encoder.fit(space.sample(_FITTED_ON, rng))
        self._draws = DistinctDraws(space, rng, space.canonical)
        self._proposer = None if proposer is None else proposer_of(self, proposer, space, rng)
        self._rounds: list[Round] = []
        self._open: dict[int, tuple[Round, Passage]] = {}
        self._known: list[tuple[Arch, float]] = []
        self._begun: dict[Arch, Candidate] = {}
        self._after_short: dict[Arch, float] = {}
        self._trained: set[Arch] = set()

    def try_out(self) -> None:
        """Fit the predictor once, if there is one; what is wrong with it is raised."""
        if "predictor" in self.stages:
            self._model.try_out()

    def tasks(self) -> list[Task]:
        """Return a pass of the proxies over one architecture, if there are any."""
        rng = np.random.default_rng(0)
        few = [tuple(row) for row in self.space.canonical(self.space.sample(1, rng)).tolist()]
        return [self._pass(0, few)] if "proxies" in self.stages else []

    def ask(self) -> Trial | Task | None:
        """Return what the oldest round has to ask for; open another where all wait."""
        for going in tuple(self._rounds):
            if (asked := self._next(going)) is not None:
                return asked
        if proposed := self._propose():
            self._rounds.append(Round([Candidate(arch) for arch in proposed]))
            return self._next(self._rounds[-1])
        return None

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Learn from the outcome, and let its round go on, if it was asked for."""
        if isinstance(trial, Task):
            if trial.id in self._open:
                going, _ = self._open.pop(trial.id)
                self._scores.learn(trial.payload[0], observation.result)
                going.waiting -= 1
            return
        asked = self._pending.get(trial.id) == trial.arch
        arch, score = self._settle(trial, observation)
        told = Candidate(arch, trial.id if asked else None, observation.curve, score)
        self._learn(told, observation.epochs or trial.epochs or self.epochs[-1])
        if asked:
            going, _ = self._open.pop(trial.id)
            going.waiting -= 1
            if score is not None:
                going.told.append(told)
            else:
                self._drop([arch])

    def _several(self, epochs: Sequence[int] | None) -> tuple[int, ...]:
        """Return the epochs; a single one will do where there is no short training."""
        if not isinstance(epochs, (list, tuple)) or len(epochs) != 1:
            return check_epochs(self, epochs)
        if "short" in self.stages:
            must_be = f"without 'short' where there are scores of one epoch only ({epochs[0]})"
            raise parameter_error(self, "stages", must_be, list(self.stages))
        return tuple(epochs)

    def _next(self, going: Round) -> Trial | Task | None:
        """Return what a round has to ask for; None while it waits, and when it is over."""
        self._skip(going)
        while going.complete:
            self._leave(going)
            if not self._enter(going):
                self._rounds.remove(going)
                return None
            self._skip(going)
        if not going.todo:
            return None
        asked = self._asked(going, going.todo.popleft())
        going.waiting += 1
        self._open[asked.id] = going, going.passage
        going.passage.asked.append(asked.id)
        return asked

    def _skip(self, going: Round) -> None:
        """Leave out candidates whose training another round has begun."""
        going.todo = deque(
            work
            for work in going.todo
            if isinstance(work, list) or work.trial is not None or work.arch not in self._trained
        )

    def _asked(self, going: Round, work: Any) -> Trial | Task:
        if isinstance(work, list):
            self._next_id += 1
            return self._pass(self._next_id - 1, work)
        self._trained.add(work.arch)
        self._draws.see(work.arch)
        if going.passage.stage == FULL:
            return self._trial(work.arch, None, work.trial)
        return self._trial(work.arch, self.short_epochs)

    def _pass(self, number: int, archs: list[Arch]) -> Task:
        return Task(number, "proxies", (archs, self._scores.settings))

    def _leave(self, going: Round) -> None:
        """Keep the best of a stage that has all it asked for."""
        if going.place < 0:
            return
        stage = going.passage.stage
        if stage in (FULL, "short"):
            told = {candidate.arch: candidate for candidate in going.told}
            going.candidates = [told[c.arch] for c in going.candidates if c.arch in told]
        if stage != FULL:
            scores = self._rank(stage, going.candidates) if going.candidates else None
            going.passage.ranked = scores is not None
            before = going.candidates
            going.candidates = best(before, scores, self.keep[stage])
            kept = {c.arch for c in going.candidates}
            self._drop([c.arch for c in before if c.arch not in kept])
        going.passage.kept = tuple(c.arch for c in going.candidates)

    def _enter(self, going: Round) -> bool:
        """Begin the next stage of a round; False where it has none, or nothing is left for it."""
        path = [*self.stages, FULL]
        if going.place == len(path) - 1 or not going.candidates:
            return False
        going.place += 1
        stage = path[going.place]
        going.passage = Passage(stage, tuple(c.arch for c in going.candidates))
        self.ledger.append(going.passage)
        going.told = []
        if stage in (FULL, "short"):
            going.todo.extend(going.candidates)
        elif stage == "proxies":
            unknown = self._scores.unknown(going.candidates)
            going.todo.extend(unknown[i : i + _PASS] for i in range(0, len(unknown), _PASS))
        return True

    def _rank(self, stage: str, candidates: list[Candidate]) -> Floats | None:
        if stage == "proxies":
            return self._scores.rank(candidates)
        if stage == "short":
            return self._end.rank(candidates, self.rng)
        scored = self._known if len(self._known) >= self.initial else [*self._after_short.items()]
        if len(scored) < self.initial:
            return None
        top = max(score for _, score in scored)
        expected = self._expected() if scored is self._known else []
        return self._model.rank(candidates, [*scored, *expected], top, self.kappa, self.rng)

    def _expected(self) -> list[tuple[Arch, float]]:
        """Return what trainings that were only begun are expected to end at, if anything."""
        begun = list(self._begun.values())
        ends = self._end.expect(begun, self.rng)
        if ends is None:
            return []
        return [(c.arch, end) for c, end in zip(begun, ends.tolist(), strict=True)]

    def _learn(self, told: Candidate, epochs: int) -> None:
        """Take in a training, a whole one or one that was only begun."""
        key = self._canonical(told.arch)
        self._trained.add(key)
        self._draws.see(key)
        if told.score is None:
            self._begun.pop(key, None)
        elif epochs >= self.epochs[-1]:
            self._begun.pop(key, None)
            self._known.append((key, told.score))
            if self._proposer is not None:
                self._proposer.settle(key, told.score)
            self._end.learn(told.curve)
        else:
            self._begun[key] = told._replace(arch=key)
            if epochs == self.short_epochs:
                self._after_short[key] = told.score

    def _propose(self) -> list[Arch]:
        """Return candidates in random order, or, where no new one is made, a last draw."""
        if self._proposer is not None:
            asked = self._proposer.draw(self.candidates, dict(self._known))
            self._drop([arch for arch in asked if arch in self._trained])
            return [arch for arch in asked if arch not in self._trained]
        ranked = sorted(self._known, key=lambda known: -known[1])
        elites = list(dict.fromkeys(arch for arch, _ in ranked))[: self.elites]
        part = self.random_part if elites else 1.0
        made = around(self.space, self.rng, elites, self.candidates, part)
        new = [arch for arch in made if arch not in self._trained]
        going = {c.arch for r in self._rounds for c in r.candidates}
        new = [arch for arch in new if arch not in going] or new
        if new:
            return [new[i] for i in self.rng.permutation(len(new)).tolist()]
        drawn = self._draws.draw()
        return [] if drawn is None else [self._canonical(drawn)]

    def _drop(self, archs: Sequence[Arch]) -> None:
        """Let the proposer know that these are not trained in full."""
        if self._proposer is not None:
            for arch in archs:
                self._proposer.settle(self._canonical(arch), None)

    def _canonical(self, arch: Arch) -> Arch:
        return tuple(self.space.canonical(np.array([arch], dtype=np.int16))[0].tolist())
