"""Rank untried architectures by a predictor fitted on a user's results so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from workbench import seeds
from workbench.data._own_table import from_table
from workbench.errors import TableError
from workbench.predictors._pipeline import encoding_of, gives_std, predictor_of, seeded
from workbench.spaces import Space, space
from workbench.types import Archs, Direction, Floats

_WHOLE = 1 << 18
_SAMPLE = 20_000
_FEWEST = 10
_FOLDS = 5


class Question(NamedTuple):
    """What is known, and how the rest is to be ranked."""

    table: Path
    space: str
    score: str = "score"
    architecture: str | None = None
    direction: Direction = "max"
    predictor: Any = "auto"
    encoding: Any = None
    seed: int = 0


class Ranking(NamedTuple):
    """``frame``: rank, architecture, predicted, and std where the predictor gives one.

    ``tau`` is Kendall's tau between scores and their 5-fold cross-validated predictions.
    """

    frame: pd.DataFrame
    tau: float
    summary: str


def rank_untried(question: Question) -> Ranking:
    """Return every class of architectures not in the table (or of a sample), best first.

    Predictions are in the unit of the table's score. Classes that hold an evaluated architecture
    are left out. A space of more than 2**18 rows is sampled.

    Raises
    ------
    TableError
        The table cannot be used, or holds fewer than 10 scores.
    ParameterError, UnknownName
        The predictor or the encoding is no such thing.
    """
    where = space(question.space)
    tried, scores = _known(question, where)
    model = predictor_of(question, question.predictor, where, question.encoding or None)
    encoder = encoding_of(question, question.encoding or None, where, model)
    with threadpool_limits(1):
        rng = seeds.generator(question.seed, "rank")
        encoder, model = seeded(encoder, rng), seeded(model, rng)
        rest, whole = _untried(where, tried, rng)
        encoder.fit(np.concatenate([tried, rest]))
        features = encoder.transform(tried)
        classes = np.unique(where.canonical(tried), axis=0, return_inverse=True)[1].ravel()
        tau = _cross_validated_tau(model, features, scores, classes)
        predicted, std = _predict(model.fit(features, scores), encoder.transform(rest))
    sign = -1.0 if question.direction == "min" else 1.0
    order = np.argsort(-predicted, kind="stable")
    frame = pd.DataFrame(
        {
            "rank": np.arange(1, len(order) + 1),
            "architecture": [where.format(tuple(a)) for a in rest[order].tolist()],
            "predicted": sign * predicted[order],
        }
    )
    if std is not None:
        frame["std"] = std[order]
    part = "all" if whole else f"a sample of {len(rest):,}"
    quality = f"{tau:.2f}" if np.isfinite(tau) else "unknown"
    summary = (
        f"fitted on {len(tried)} architectures; ranked {part} of the untried ones"
        f" ({len(rest):,} classes); Kendall tau in {_FOLDS}-fold cross-validation: {quality}"
    )
    return Ranking(frame, tau, summary)


def _known(question: Question, where: Space) -> tuple[Archs, Floats]:
    bench = from_table(
        question.table,
        where,
        question.score,
        direction=question.direction,
        architecture=question.architecture,
        allow_missing=True,
    )
    tried = bench.space.all()
    if len(tried) < _FEWEST:
        raise TableError(
            f"{question.table} holds {len(tried)} scores; a predictor needs at least {_FEWEST}"
        )
    return tried, bench.truth(tried)


def _untried(where: Space, tried: Archs, rng: np.random.Generator) -> tuple[Archs, bool]:
    whole = where.cardinality <= _WHOLE
    rows = where.canonical(where.all() if whole else where.sample(_SAMPLE, rng))
    classes, first = np.unique(rows, axis=0, return_index=True)
    known = {tuple(a) for a in where.canonical(tried).tolist()}
    keep = [tuple(a) not in known for a in classes.tolist()]
    if not any(keep):
        raise TableError("the table holds every architecture of the space: nothing is left to rank")
    return rows[np.sort(first[keep])], whole


def _cross_validated_tau(model: Any, features: Floats, scores: Floats, classes: Any) -> float:
    """Return tau of predictions across folds that share no isomorphism class."""
    from scipy.stats import kendalltau
    from sklearn.model_selection import GroupKFold, cross_val_predict

    if len(np.unique(classes)) < _FOLDS:
        return float("nan")
    folds = GroupKFold(_FOLDS, shuffle=True, random_state=0)
    predicted = cross_val_predict(model, features, scores, groups=classes, cv=folds)
    return float(kendalltau(scores, predicted).statistic)


def _predict(model: Any, features: Floats) -> tuple[Floats, Floats | None]:
    if gives_std(model):
        mean, std = model.predict(features, return_std=True)
        return mean, std
    return model.predict(features), None
