"""Freeze-thaw: train a few epochs at a time, each time what may yet end above the best.

Swersky, Snoek and Adams, "Freeze-Thaw Bayesian Optimization", 2014, arXiv:1406.3896. The
acquisition ``pi_random`` is of Rakotoarison, Adriaensen, Mallik, Garibov, Bergman and Hutter,
"In-Context Freeze-Thaw Bayesian Optimization for Hyperparameter Optimization", 2024,
arXiv:2404.16795 (ifBO), whose curve model is the extrapolator ``ftpfn``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from workbench.predictors._pipeline import Given, encoding_of, seeded
from workbench.spaces import Space
from workbench.strategies._acquisition import ACQUISITIONS, Belief
from workbench.strategies._base import Strategy, check_choice, check_integer, check_number
from workbench.strategies._candidates import candidates_of
from workbench.strategies._distinct import DistinctDraws
from workbench.strategies._ends import Ends, Normals, evidence
from workbench.strategies._filters import extrapolator_of, try_curves
from workbench.strategies._rungs import check_epochs
from workbench.types import Arch, Archs, Floats, Observation, Status, Task, Trial

CHOICES = ("ei", "pi", "pi_random", "ucb")

_MORE = 1.25
_GAINS = (-4.0, -1.0)
_LEAST = 1e-6
_NOTHING = (0.0, np.inf)


@dataclass
class Training:
    """One training: how far it is, and what is thought of its end, each a mean and a variance.

    ``trial`` is the last one told of it; ``curve`` holds a score an epoch, NaN after the last one
    seen, None where it teaches nothing. ``by_others`` comes from the other trainings, ``by_curve``
    from its own curve, None until it is asked for.
    """

    arch: Arch
    by_others: tuple[float, float]
    trial: int | None = None
    seen: int = 0
    curve: Floats | None = None
    by_curve: tuple[float, float] | None = None
    paused: bool = False


class FreezeThaw(Strategy):
    """Go on with the training, or begin the one, whose end is most likely to be a gain.

    Parameters
    ----------
    extrapolator : str or mapping, default "curve_gp"
        What tells a training's end from its curve; any that reads scores.
    encoding : str, mapping, transformer, list of these or None, default None
        Of the architectures, for the process that joins all trainings; None takes
        ``graph_features``, or ``hyperparameters`` where there are no graphs.
    acquisition : {"ei", "pi", "pi_random", "ucb"}, default "ei"
        What decides: expected improvement over the best final score, its probability, the
        probability of a gain that is drawn anew each time, or the upper confidence bound.
    kappa : float >= 0, default .5
        Weight of the deviation in ``ucb``.
    step : int >= 1 or None, default None
        Epochs a training goes on for before it is paused; None takes an eighth of a whole one.
    initial : int >= 2, default 10
        Random architectures that are trained in full, from which curves are learned.
    batch : int >= 1, default 10
        Results told before the process joins all trainings again.
    candidates, random_part, elites
        As of ``predictor_guided``: which new ones are looked at.
    epochs : sequence of int or None, default None
        The epochs at which there are scores; a study takes them from the benchmark, by hand None
        stands for 1, 3, 9, 27, 81.

    Notes
    -----
    A training that goes on is charged its new epochs only. What its curve says of its end is joined
    with what a Gaussian process over architectures says (``_ends``), fitted to what all curves say;
    those who know nothing of their curve yet are told by the process alone. The extrapolator learns
    again when there are a quarter more whole trainings, the process its hyperparameters when there
    are a quarter more trainings.

    The paper chooses by the entropy of where the best is, over a basket that expected improvement
    fills; here, as in ifBO, the acquisition decides itself. ifBO draws a horizon beside the gain:
    here it is always the end, and gains are 1e-4 to 1e-1 of the range of final scores.

    Trainings on their way are passed over. One that fails, or is stopped by a study's rule, is not
    gone on with. Each isomorphism class is trained once, in canonical form. Trials never asked for
    teach, and their class is not asked for again. Where no whole curve is told, scores between
    those that are told are interpolated.
    """

    REPEATS: ClassVar[bool] = False

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        extrapolator: Given = "curve_gp",
        encoding: Given = None,
        acquisition: str = "ei",
        kappa: float = 0.5,
        step: int | None = None,
        initial: int = 10,
        batch: int = 10,
        candidates: int | None = None,
        random_part: float = 0.5,
        elites: int = 10,
        epochs: Sequence[int] | None = None,
    ) -> None:
        super().__init__(space, rng)
        self.epochs = check_epochs(self, epochs)
        self.acquisition = check_choice(self, "acquisition", acquisition, CHOICES)
        self.kappa = check_number(self, "kappa", kappa, 0)
        part = max(1, self.epochs[-1] // 8)
        self.step = part if step is None else check_integer(self, "step", step, 1)
        self.initial = check_integer(self, "initial", initial, 2)
        self.batch = check_integer(self, "batch", batch, 1)
        self.elites = check_integer(self, "elites", elites, 1)
        if candidates is not None:
            check_integer(self, "candidates", candidates, 2)
        share = check_number(self, "random_part", random_part, 0, 1)
        self._make = extrapolator_of(self, extrapolator, self.epochs)
        encoder = seeded(encoding_of(self, encoding, space), rng)
        self._candidates = candidates_of(space, encoder, rng, candidates, share)
        self._draws = DistinctDraws(space, rng, space.canonical)
        self._trainings: dict[Arch, Training] = {}
        self._whole: dict[Arch, float] = {}
        self._in_full = 0
        self._curves: Any = None
        self._ends: Ends | None = None
        self._learned_from = self._curves_learned_from = self._news = 0
        self._new: list[Arch] = []
        self._of_new = Normals(np.empty(0), np.empty(0))

    def try_out(self) -> None:
        """Fit the extrapolator once to made-up curves; what is wrong with it is raised."""
        try_curves(self, self._make, len(self.epochs))

    def ask(self) -> Trial | None:
        """Return a step of the training that promises most; None where all that is left is asked.

        At first these are random ones, in full.
        """
        if self._in_full < self.initial or len(self._whole) < 2:
            drawn = self._draws.draw()
            if drawn is not None:
                self._in_full += 1
                return self._begin(self._key(drawn), self.epochs[-1], _NOTHING)
        paused = [t for t in self._trainings.values() if t.paused]
        if len(self._whole) < 2:
            return self._go_on(paused[0]) if paused else None
        return self._most_promising(paused)

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Take in how far a training has come; it is paused there unless it is at its end."""
        asked = isinstance(trial, Trial) and self._pending.get(trial.id) == trial.arch
        arch, score = self._settle(trial, observation)
        assert isinstance(trial, Trial)
        key = self._key(arch)
        if not asked and key in self._trainings:
            return
        self._draws.see(key)
        training = self._trainings.setdefault(key, Training(key, _NOTHING))
        training.by_curve, training.trial = None, trial.id
        self._news += 1
        if score is None:
            training.curve = None
            return
        self._extend(training, observation.epochs or trial.epochs or self.epochs[-1], observation)
        ended = training.seen == len(self.epochs)
        training.paused = asked and observation.status is Status.OK and not ended
        if ended:
            self._whole[key] = score

    def _extend(self, training: Training, epoch: int, told: Observation) -> None:
        """Put what was told behind what was known of a curve."""
        assert told.score is not None
        known = training.curve
        seen = int(np.searchsorted(self.epochs, epoch, side="right"))
        training.seen = max(seen, 1)
        training.curve = np.full(len(self.epochs), np.nan)
        if told.status is Status.OK and len(told.curve) == seen and np.isfinite(told.curve).all():
            training.curve[:seen] = told.curve
            return
        before = [] if known is None else known[np.isfinite(known)][:seen].tolist()
        there = [*range(len(before)), training.seen - 1]
        scores = np.interp(range(training.seen), there, [*before, told.score])
        training.curve[: training.seen] = [*before, *scores[len(before) :]]

    def _begin(self, arch: Arch, epochs: int, by_others: tuple[float, float]) -> Trial:
        self._draws.see(arch)
        self._trainings[arch] = Training(arch, by_others)
        return self._trial(arch, epochs)

    def _go_on(self, training: Training) -> Trial:
        training.paused = False
        last = self.epochs[training.seen - 1]
        return self._trial(training.arch, self._after(last), training.trial)

    def _after(self, epoch: int) -> int:
        """Return the epoch at which a training that is at one is paused next."""
        wanted = epoch + self.step
        return next((e for e in self.epochs if e >= wanted), self.epochs[-1])

    def _most_promising(self, paused: list[Training]) -> Trial | None:
        if self._ends is None or self._news >= self.batch:
            self._join()
        begun = self._beliefs(paused)
        free = [i for i, arch in enumerate(self._new) if arch not in self._trainings]
        new = Normals(self._of_new.mean[free], self._of_new.variance[free])
        if not paused and not free:
            return self._last_draw()
        place = int(np.argmax(self._wanted(_joined(begun, new))))
        if place < len(paused):
            return self._go_on(paused[place])
        chosen = free[place - len(paused)]
        belief = (float(self._of_new.mean[chosen]), float(self._of_new.variance[chosen]))
        return self._begin(self._new[chosen], self._after(0), belief)

    def _last_draw(self) -> Trial | None:
        """Return a training of what no candidates were made of, if anything is left."""
        drawn = self._draws.draw()
        if drawn is None:
            return None
        assert self._ends is not None
        key = self._key(drawn)
        mean, variance = self._ends.of_new(self._candidates.encode([key]))
        return self._begin(key, self._after(0), (float(mean[0]), float(variance[0])))

    def _beliefs(self, trainings: list[Training]) -> Normals:
        """Return what is thought of the ends of trainings, by all that is known."""
        self._read([t for t in trainings if t.by_curve is None])
        by_curve = _normals([t.by_curve or _NOTHING for t in trainings])
        return _normals([t.by_others for t in trainings]).times(by_curve)

    def _wanted(self, ends: Normals) -> Floats:
        """Return how much each end is wanted, higher is better."""
        scores = self._whole.values()
        best, name = max(scores), self.acquisition
        if name == "pi_random":
            best += 10 ** self.rng.uniform(*_GAINS) * (best - min(scores))
            name = "pi"
        belief = Belief(ends.mean, np.sqrt(ends.variance), best, self.kappa)
        return ACQUISITIONS[name](belief, self.rng)

    def _join(self) -> None:
        """Ask all curves and the process over architectures again."""
        if len(self._whole) >= _MORE * self._curves_learned_from:
            whole = [self._trainings[arch].curve for arch in self._whole]
            self._curves = seeded(self._make(), self.rng).fit(np.array(whole))
            self._curves_learned_from = len(whole)
            for training in self._trainings.values():
                training.by_curve = None
        known = [t for t in self._trainings.values() if t.curve is not None]
        self._read([t for t in known if t.by_curve is None])
        again = self._ends is None or len(known) >= _MORE * self._learned_from
        logs = None if again or self._ends is None else self._ends.logs
        said = _normals([t.by_curve or _NOTHING for t in known])
        self._ends = Ends(self._candidates.encode([t.arch for t in known]), said, logs)
        self._learned_from = len(known) if again else self._learned_from
        others = self._ends.by_others()
        for training, mean, variance in zip(known, *map(np.ndarray.tolist, others), strict=True):
            training.by_others = (mean, variance)
        self._propose(known)
        self._news = 0

    def _propose(self, known: list[Training]) -> None:
        """Look for new architectures, and ask the process about them."""
        assert self._ends is not None
        order = np.argsort(-self._beliefs(known).mean, kind="stable")[: self.elites].tolist()
        found = self._candidates.propose([known[i].arch for i in order], {*self._trainings})
        places = self.rng.permutation(np.flatnonzero(found.open))
        self._new = _rows(found.archs[places])
        self._of_new = self._ends.of_new(found.features[places]) if len(places) else _joined()

    def _read(self, trainings: list[Training]) -> None:
        """Ask the extrapolator what curves say of their ends."""
        trainings = [t for t in trainings if t.curve is not None]
        if not trainings:
            return
        curves = np.array([t.curve for t in trainings])
        mean, std = self._curves.predict(curves, return_std=True)
        spread = max(self._curves.std_, _LEAST)
        said = evidence(mean, np.maximum(std, _LEAST * spread), self._curves.mean_, spread)
        for training, *found in zip(trainings, *map(np.ndarray.tolist, said), strict=True):
            end = self._whole.get(training.arch)
            known = None if end is None else (end, (_LEAST * spread) ** 2)
            training.by_curve = known or (found[0], found[1])

    def _key(self, arch: Arch) -> Arch:
        return _rows(self.space.canonical(np.array([arch], dtype=np.int16)))[0]


def _normals(pairs: Sequence[tuple[float, float]]) -> Normals:
    found = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return Normals(found[:, 0], found[:, 1])


def _joined(*parts: Normals) -> Normals:
    means, variances = ([getattr(p, n) for p in parts] for n in Normals._fields)
    return Normals(np.concatenate([np.empty(0), *means]), np.concatenate([np.empty(0), *variances]))


def _rows(archs: Archs) -> list[Arch]:
    return [tuple(row) for row in archs.tolist()]
