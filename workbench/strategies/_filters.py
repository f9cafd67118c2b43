"""By what the stages of a funnel rank: proxies, a predictor, and a short training's expected end.

A filter gives candidates scores, higher is better, or None where it knows too little to rank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from workbench import registry
from workbench.errors import ParameterError
from workbench.predictors._pipeline import Given, encoding_of, gives_std, predictor_of, seeded
from workbench.spaces import Space
from workbench.strategies._acquisition import ACQUISITIONS, NEED_STD, Belief
from workbench.strategies._base import check_choice, check_integer, parameter_error
from workbench.strategies._funnel import Candidate
from workbench.types import Arch, Archs, Floats

PROXY_SETTINGS = ("names", "dataset", "network", "batch_size")

_TRIED = 20
_WHOLE_CURVES = 10


class ProxyScores:
    """Zero-cost scores that were told, each architecture's asked for once; ranked by rank sum."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)
        self._known: dict[Arch, list[float]] = {}

    def unknown(self, candidates: Sequence[Candidate]) -> list[Arch]:
        """Return the architectures that have no scores yet."""
        return [c.arch for c in candidates if c.arch not in self._known]

    def learn(self, archs: Sequence[Arch], scores: Any) -> None:
        """Keep scores ``(n, p)``, higher is better; None teaches nothing."""
        if scores is not None:
            self._known.update(zip(archs, np.asarray(scores).tolist(), strict=True))

    def rank(self, candidates: Sequence[Candidate]) -> Floats | None:
        """Return the sum of ranks over the proxies; a score that is missing ranks last."""
        if len(self.unknown(candidates)) == len(candidates):
            return None
        missing = [np.nan] * len(self.settings["names"])
        known = [self._known.get(c.arch, missing) for c in candidates]
        scores = np.array(known, dtype=np.float64)
        ranks = rankdata(np.where(np.isfinite(scores), scores, -np.inf), axis=0)
        return np.asarray(ranks.sum(axis=1))


class Predicted:
    """A predictor with its encoding, refitted for every ranking, and an acquisition.

    Parameters are those of ``predictor_guided``.
    """

    def __init__(
        self, owner: object, space: Space, predictor: Given, encoding: Given, acquisition: str
    ) -> None:
        self._owner = owner
        self._space = space
        self.acquisition = check_choice(owner, "acquisition", acquisition, tuple(ACQUISITIONS))
        self._model = predictor_of(owner, predictor, space, encoding)
        if acquisition in NEED_STD and not gives_std(self._model):
            must_be = f"'mean' with a predictor that gives no deviation, such as {self._model!r}"
            raise parameter_error(owner, "acquisition", must_be, acquisition)
        self.encoder = encoding_of(owner, encoding, space, self._model)

    def rank(
        self,
        candidates: Sequence[Candidate],
        known: Sequence[tuple[Arch, float]],
        best: float,
        kappa: float,
        rng: np.random.Generator,
    ) -> Floats:
        """Return the acquisition of candidates, of a fit to what is known."""
        archs, scores = _rows([arch for arch, _ in known]), np.array([s for _, s in known])
        model = seeded(self._model, rng).fit(self._features(archs), scores)
        features = self._features(_rows([c.arch for c in candidates]))
        if self.acquisition in NEED_STD:
            mean, std = model.predict(features, return_std=True)
        else:
            mean, std = model.predict(features), np.zeros(len(features))
        belief = Belief(np.asarray(mean), np.asarray(std), best, kappa)
        return ACQUISITIONS[self.acquisition](belief, rng)

    def try_out(self) -> None:
        """Fit once to a few encoded draws; what cannot work is raised as a ParameterError."""
        rng = np.random.default_rng(0)
        few = self._space.canonical(self._space.sample(_TRIED, rng))
        try:
            features = self.encoder.fit(few).transform(few)
            seeded(self._model, rng).fit(features, np.arange(_TRIED, dtype=np.float64))
        except (ValueError, TypeError) as error:
            must_be = f"one that can be fitted ({error})"
            raise parameter_error(self._owner, "predictor", must_be, self._model) from error

    def _features(self, archs: Archs) -> Any:
        return np.asarray(self.encoder.transform(archs))


class ExpectedEnd:
    """What partly trained candidates are expected to end at, from curves of whole trainings."""

    def __init__(self, make: Callable[[], Any], epochs: tuple[int, ...]) -> None:
        self._make = make
        self._epochs = len(epochs)
        self._whole: list[tuple[float, ...]] = []
        self._fitted: Any = None

    def learn(self, curve: tuple[float, ...]) -> None:
        """Keep the curve of a whole training."""
        if len(curve) == self._epochs and np.isfinite(curve).all():
            self._whole.append(curve)
            self._fitted = None

    def rank(self, candidates: Sequence[Candidate], rng: np.random.Generator) -> Floats:
        """Return expected final scores; with too few whole curves, the last scores."""
        expected = self.expect(candidates, rng)
        return np.array([c.score for c in candidates]) if expected is None else expected

    def expect(self, candidates: Sequence[Candidate], rng: np.random.Generator) -> Floats | None:
        """Return expected final scores; None with too few whole curves, or where some have none."""
        seen = [len(c.curve) for c in candidates]
        if len(self._whole) < _WHOLE_CURVES or not candidates or not min(seen):
            return None
        curves = np.full((len(candidates), self._epochs), np.nan)
        for row, candidate in zip(curves, candidates, strict=True):
            row[: len(candidate.curve)] = candidate.curve
        if self._fitted is None:
            self._fitted = seeded(self._make(), rng).fit(np.array(self._whole))
        return np.asarray(self._fitted.predict(curves))


def expected_end(owner: object, given: Given, epochs: tuple[int, ...]) -> ExpectedEnd:
    """Return what extrapolates by an extrapolator; errors as of ``extrapolator_of``."""
    return ExpectedEnd(extrapolator_of(owner, given, epochs), epochs)


def extrapolator_of(owner: object, given: Given, epochs: tuple[int, ...]) -> Callable[[], Any]:
    """Return what makes an extrapolator of a name or a mapping with ``name``, for such epochs.

    Raises
    ------
    ParameterError, UnknownName
        It is neither, has other parameters, or reads more than scores.
    """
    must_be = "the name of an extrapolator that reads scores, or a mapping with its 'name'"
    parameters = {"name": given} if isinstance(given, str) else given
    if not isinstance(parameters, Mapping) or not isinstance(parameters.get("name"), str):
        raise parameter_error(owner, "extrapolator", must_be, given)
    parameters = dict(parameters)
    cls = registry.load("extrapolators", parameters.pop("name"))
    if cls.READS != "score":
        raise parameter_error(owner, "extrapolator", must_be, given)
    try:
        cls(**parameters)
    except TypeError as error:
        raise parameter_error(
            owner, "extrapolator", f"one that can be made ({error})", given
        ) from None
    settings = {"epochs": epochs, **parameters}
    return lambda: cls(**settings)


def try_curves(owner: object, make: Callable[[], Any], epochs: int) -> None:
    """Fit an extrapolator to a few made-up curves; a ParameterError says what it cannot do."""
    rng = np.random.default_rng(0)
    curves = np.cumsum(rng.uniform(size=(_WHOLE_CURVES, epochs)), axis=1)
    try:
        seeded(make(), rng).fit(curves).predict(curves, return_std=True)
    except (ValueError, TypeError) as error:
        must_be = f"one that can be fitted ({error})"
        raise parameter_error(owner, "extrapolator", must_be, make()) from error


def proxy_settings(owner: object, given: object) -> dict[str, Any]:
    """Return the settings of proxies: a list of names alone, or a mapping that holds them.

    Raises
    ------
    ParameterError, UnknownName
        Neither, no names, unknown keys, or a name that no proxy has.
    """
    settings = {"names": given} if isinstance(given, (list, tuple)) else given
    must_be = (
        "a list of names, or a mapping with 'names' and perhaps 'dataset', 'network' and"
        " 'batch_size' as of the encoding zero_cost"
    )
    if not isinstance(settings, Mapping) or not {"names"} <= {*settings} <= {*PROXY_SETTINGS}:
        raise parameter_error(owner, "proxies", must_be, given)
    names = settings["names"]
    if not isinstance(names, (list, tuple)) or not names or not all(map(_is_text, names)):
        raise parameter_error(owner, "proxies", must_be, given)
    registered = registry.names("proxies")
    for name in names:
        if not name.endswith(".py") and name not in registered:
            raise ParameterError(
                f"The 'proxies' parameter of {type(owner).__name__} must name proxies, such as"
                f" {', '.join(registered)}. Got {name!r} instead."
            )
    return {**settings, "names": list(names)}


def check_stages(owner: object, given: object, all_of_them: tuple[str, ...]) -> tuple[str, ...]:
    """Return the stages, each at most once, in their order."""
    good = isinstance(given, (list, tuple)) and all(map(_is_text, given))
    if not good or not {*given} <= {*all_of_them} or len({*given}) < len(given):  # type: ignore[misc,arg-type]
        must_be = f"a list of some of {', '.join(map(repr, all_of_them))}, each once"
        raise parameter_error(owner, "stages", must_be, given)
    return tuple(given)  # type: ignore[arg-type]


def check_short(owner: object, epochs: tuple[int, ...], wanted: int | None) -> int:
    """Return the epochs of the short training: those wanted, or the nearest to a third in full."""
    if len(epochs) == 1:
        return epochs[0]
    if wanted is None:
        return min(epochs[:-1], key=lambda epoch: abs(np.log(3 * epoch / epochs[-1])))
    check_integer(owner, "short_epochs", wanted, 1)
    if wanted not in epochs[:-1]:
        must_be = f"one of the epochs below the full training ({epochs[-1]}): {list(epochs[:-1])}"
        raise parameter_error(owner, "short_epochs", must_be, wanted)
    return wanted


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _rows(archs: Sequence[Arch]) -> Archs:
    return np.array(archs, dtype=np.int16)
