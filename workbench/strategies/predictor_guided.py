"""Predictor-guided search: fit a regressor to what is known, evaluate what it ranks highest.

Presets: ``bananas`` is of White, Neiswanger and Savani, "BANANAS: Bayesian Optimization with Neural
Architectures for Neural Architecture Search", 2019, arXiv:1910.11858; ``nasbowl`` of Ru, Wan, Dong
and Osborne, "Interpretable Neural Architecture Search via Bayesian Optimisation with
Weisfeiler-Lehman Kernels", 2020, arXiv:2006.07556; ``npenas`` of Wei et al., "NPENAS: Neural
Predictor Guided Evolution for Neural Architecture Search", 2020, arXiv:2003.12857;
``weaknas`` of Wu et al., "Stronger NAS with Weaker Predictors", 2021, arXiv:2102.10490;
``brp_nas`` of Dudziak et al., "BRP-NAS: Prediction-based NAS using GCNs", 2020, arXiv:2007.08668.
The default model follows Kadlecova et al., "Surprisingly Strong Performance Prediction with Neural
Graph Features", 2024, arXiv:2404.16551.
"""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar

import numpy as np

from workbench.predictors._pipeline import Given, encoding_of, gives_std, predictor_of, seeded
from workbench.spaces import Space
from workbench.strategies._acquisition import ACQUISITIONS, NEED_STD, Belief
from workbench.strategies._base import (
    Strategy,
    check_choice,
    check_integer,
    check_number,
    parameter_error,
)
from workbench.strategies._candidates import Features, candidates_of
from workbench.strategies._distinct import DistinctDraws
from workbench.types import Arch, Observation, Task, Trial

_TRIED = 20


class PredictorGuided(Strategy):
    """Model-based search over isomorphism classes, each asked for once.

    Parameters
    ----------
    predictor : str, mapping or regressor, default "xgboost"
        Name of a predictor, ``{"name": ..., parameter: ...}``, or any scikit-learn regressor.
    encoding : str, mapping, transformer or None, default None
        Likewise; None takes ``graph_features``, or ``hyperparameters`` where there are no graphs.
    acquisition : {"mean", "ucb", "ei", "pi", "its"}, default "mean"
        What ranks the candidates; all but the first need a predictor with ``return_std``.
    kappa : float >= 0, default .5
        Weight of the deviation in ``ucb``.
    initial : int >= 1, default 20
        Distinct random architectures before the first fit.
    batch : int >= 1, default 10
        Asks from one ranking before the next fit.
    candidates : int >= 2 or None, default None
        How many candidates to make for each fit; None ranks the whole space where it has at most
        131,072 rows (and 1 GiB of features), and makes 1,000 otherwise.
    random_part : float in [0, 1], default .5
        Of made candidates, the part that is random; the others are mutations of the best.
    elites : int >= 1, default 10
        How many of the best evaluated are mutated.
    repeats : bool, default False
        Whether what is evaluated, pending or isomorphic to it may be asked for again.

    Notes
    -----
    Architectures are asked for in canonical form, but for the initial draws. A failed trial counts
    as evaluated and is left out of the fit, as is a pending one. With fewer than two known scores,
    random draws go on. When a ranking is used up before its trials were told, the next fit uses
    what has been told. Candidates of equal rank come in random order.
    """

    REPEATS: ClassVar[bool] = False
    PRESETS: ClassVar[dict[str, dict[str, Any]]] = {
        "bananas": {
            "predictor": "mlp_ensemble",
            "encoding": "path",
            "acquisition": "its",
            "initial": 10,
            "batch": 10,
            "candidates": 100,
            "random_part": 0.0,
            "elites": 5,
        },
        "nasbowl": {
            # In the unit of the scores, quantiles would widen the upper side as much as the lower.
            "predictor": {"name": "nasbowl", "target_transform": "none"},
            "acquisition": "ei",
            "initial": 10,
            "batch": 5,
            "candidates": 200,
        },
        "npenas": {
            "predictor": "gcn",
            "candidates": 200,
            "random_part": 0.0,
        },
        "weaknas": {"predictor": "weaknas"},
        "brp_nas": {
            "predictor": {"name": "gcn", "relation": True},
            "batch": 20,
        },
    }

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        predictor: Given = "xgboost",
        encoding: Given = None,
        acquisition: str = "mean",
        kappa: float = 0.5,
        initial: int = 20,
        batch: int = 10,
        candidates: int | None = None,
        random_part: float = 0.5,
        elites: int = 10,
        repeats: bool = False,
    ) -> None:
        super().__init__(space, rng)
        self.acquisition = check_choice(self, "acquisition", acquisition, tuple(ACQUISITIONS))
        self.kappa = check_number(self, "kappa", kappa, 0)
        self.initial = check_integer(self, "initial", initial, 1)
        self.batch = check_integer(self, "batch", batch, 1)
        self.elites = check_integer(self, "elites", elites, 1)
        if not isinstance(repeats, bool):
            raise parameter_error(self, "repeats", "a bool", repeats)
        self.repeats = repeats
        self._model = predictor_of(self, predictor, space, encoding)
        if acquisition in NEED_STD and not gives_std(self._model):
            must_be = f"'mean' with a predictor that gives no deviation, such as {self._model!r}"
            raise parameter_error(self, "acquisition", must_be, acquisition)
        if candidates is not None:
            check_integer(self, "candidates", candidates, 2)
        part = check_number(self, "random_part", random_part, 0, 1)
        self._encoder = seeded(encoding_of(self, encoding, space, self._model), rng)
        self._candidates = candidates_of(space, self._encoder, rng, candidates, part)
        self._draws = DistinctDraws(space, rng, space.canonical)
        self._seen: set[Arch] = set()
        self._known: list[tuple[float, Arch]] = []
        self._queue: deque[Arch] = deque()

    def try_out(self) -> None:
        """Fit the predictor once to a few encoded draws, so that its faults show before a study.

        Raises
        ------
        ParameterError
            The predictor or the encoding cannot work with its parameters.
        """
        rng = np.random.default_rng(0)
        few = self.space.canonical(self.space.sample(_TRIED, rng))
        try:
            features = self._encoder.fit(few).transform(few)
            seeded(self._model, rng).fit(features, np.arange(_TRIED, dtype=np.float64))
        except (ValueError, TypeError) as error:
            must_be = f"one that can be fitted ({error})"
            raise parameter_error(self, "predictor", must_be, self._model) from error

    def ask(self) -> Trial | None:
        """Return an initial draw, or the highest ranked candidate that is left; None: no more."""
        if len(self._seen) < self.initial or len(self._known) < 2:
            trial = self._draw()
            if trial is not None or not self.repeats or len(self._known) < 2:
                return trial
        while True:
            if not self._queue:
                self._queue.extend(self._rank())
            if not self._queue:
                return self._draw()
            arch = self._queue.popleft()
            if self.repeats or arch not in self._seen:
                self._see(arch)
                return self._trial(arch)

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Remember the score, for the next fit."""
        arch, score = self._settle(trial, observation)
        key = self._see(self._canonical(arch))
        if score is not None:
            self._known.append((score, key))

    def _draw(self) -> Trial | None:
        arch = self._draws.draw()
        if arch is None:
            return None
        self._seen.add(self._canonical(arch))
        return self._trial(arch)

    def _see(self, key: Arch) -> Arch:
        if key not in self._seen:
            self._seen.add(key)
            self._draws.see(key)
        return key

    def _canonical(self, arch: Arch) -> Arch:
        return tuple(self.space.canonical(np.array([arch], dtype=np.int16))[0].tolist())

    def _rank(self) -> list[Arch]:
        """Return the next batch, best first."""
        found = self._candidates.propose(self._best(), set() if self.repeats else self._seen)
        if not found.open.any():
            return []
        belief = self._believe(found.features)
        wanted = np.where(found.open, ACQUISITIONS[self.acquisition](belief, self.rng), -np.inf)
        order = np.lexsort((self.rng.permutation(len(wanted)), -wanted))
        order = order[: min(self.batch, np.count_nonzero(found.open))]
        return [tuple(row) for row in found.archs[order].tolist()]

    def _best(self) -> list[Arch]:
        """Return the distinct architectures of highest mean score, best first."""
        scores: dict[Arch, list[float]] = {}
        for score, arch in self._known:
            scores.setdefault(arch, []).append(score)
        ranked = sorted(scores, key=lambda arch: -float(np.mean(scores[arch])))
        return ranked[: self.elites]

    def _believe(self, features: Features) -> Belief:
        scores = np.array([score for score, _ in self._known])
        model = seeded(self._model, self.rng)
        model.fit(self._candidates.encode([arch for _, arch in self._known]), scores)
        if self.acquisition in NEED_STD:
            mean, std = model.predict(features, return_std=True)
        else:
            mean = model.predict(features)
            std = np.zeros(len(features))
        return Belief(np.asarray(mean), np.asarray(std), float(scores.max()), self.kappa)
