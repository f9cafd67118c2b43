"""How well does a predictor rank architectures it has not seen? Kendall's tau by training size.

Train and test sets share no isomorphism class; the target is the mean validation accuracy over
training seeds. `python examples/predictor_quality.py --replicates 20` takes a minute.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import kendalltau
from threadpoolctl import threadpool_limits

import workbench as wb
from workbench.types import Floats

MODELS = [
    ("one_hot", "xgboost"),
    ("path", "xgboost"),
    ("graph_features", "xgboost"),
    ("graph_features", "extra_trees"),
]
SIZES = (25, 100, 400)
TEST = 1000


def quality(
    bench: wb.Benchmark, encoding: str, predictor: str, size: int, replicates: int
) -> Floats:
    """Return Kendall's tau on 1,000 test architectures for each replicate, ``(replicates,)``."""
    space = bench.space
    archs = space.all()
    classes = space.index(space.canonical(archs))
    features = wb.load("encodings", encoding)(space).transform(archs)
    truth = bench.truth(archs)
    found = []
    for replicate in range(replicates):
        rng = np.random.default_rng(replicate)
        order = rng.permutation(len(archs))
        train, rest = order[:size], order[size:]
        test = rest[~np.isin(classes[rest], classes[train])][:TEST]
        model = wb.load("predictors", predictor)(random_state=replicate)
        model.fit(features[train], truth[train])
        found.append(kendalltau(truth[test], model.predict(features[test])).statistic)
    return np.array(found)


def main() -> None:
    """Print mean and standard error of tau for each model and training size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=5)
    parser.add_argument("--benchmark", default="nb201/cifar10")
    options = parser.parse_args()
    bench = wb.benchmark(options.benchmark)
    print(f"{'':32}" + "".join(f"{f'n = {size}':>16}" for size in SIZES))
    for encoding, predictor in MODELS:
        cells = []
        for size in SIZES:
            with threadpool_limits(1):
                tau = quality(bench, encoding, predictor, size, options.replicates)
            error = tau.std(ddof=1) / len(tau) ** 0.5 if len(tau) > 1 else float("nan")
            cells.append(f"{tau.mean():.3f} +- {error:.3f}")
        print(f"{f'{encoding}, {predictor}':32}" + "".join(f"{c:>16}" for c in cells))


if __name__ == "__main__":
    main()
