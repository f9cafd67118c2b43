"""What every strategy promises, as functions that take it and raise AssertionError.

Use them from pytest with ``parametrize("check", strategy_checks())``, or through
``workbench check``. A strategy is given by name, by the path of its file, or as a class.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.errors import MissingExtra, ParameterError
from workbench.spaces import Space, space
from workbench.strategies import Strategy
from workbench.testing._plugins import (
    Layered,
    Plugin,
    plugin_class,
    plugin_name,
    trial_spaces,
    untouched_random_state,
)
from workbench.types import Arch, Decision, Observation, Status, Task, Trial

Check = Callable[[Plugin], None]
Asked = tuple[Arch, int | None]
Answer = Callable[[Trial], Observation]
_TRIALS = 40
_FAILED = Observation(Status.FAILED, None)


def strategy_checks() -> list[Check]:
    """Return all checks of a strategy; each is named by what it checks."""
    return [
        same_seed_same_trials,
        another_seed_other_trials,
        fresh_processes_agree,
        trials_are_valid,
        many_asks_before_tells,
        tells_come_in_any_order,
        failures_do_not_block,
        strangers_are_taken_in,
        small_spaces_end_cleanly,
        global_random_state_is_left_alone,
        unknown_parameters_are_refused,
        wrong_values_are_refused,
        presets_fit,
    ]


def check_strategy(plugin: Plugin) -> None:
    """Run all checks; the first that does not hold raises AssertionError."""
    for check in strategy_checks():
        check(plugin)


def same_seed_same_trials(plugin: Plugin) -> None:
    """Two searches with equal seeds ask for the same, on every space."""
    for where in trial_spaces():
        first, again = (search(_made(plugin, where, 3)) for _ in range(2))
        assert first == again, f"equal seeds differ on {where.name}"


def another_seed_other_trials(plugin: Plugin) -> None:
    """Searches with different seeds do not ask for the same."""
    where = space("nb201")
    first, other = (search(_made(plugin, where, seed)) for seed in (1, 2))
    assert first != other, "the seed has no effect"


def fresh_processes_agree(plugin: Plugin) -> None:
    """New processes, with other hash seeds, ask for the same as this one."""
    here = search(_made(plugin, Layered(), 5)) + search(_made(plugin, space("nb201"), 5))
    command = [sys.executable, "-m", "workbench.testing.strategies", plugin_name(plugin)]
    path = os.pathsep.join(filter(None, sys.path))
    processes = [
        subprocess.Popen(
            command,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    # All are read before any is judged: one that is left alone complains of a broken pipe.
    outputs = [process.communicate()[0] for process in processes]
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, "a fresh process cannot run the search"
        there = [(tuple(arch), epochs) for arch, epochs in json.loads(output.splitlines()[-1])]
        assert there == here, "a fresh process asks for something else"


def trials_are_valid(plugin: Plugin) -> None:
    """Every trial is a member of the space, has an id of its own, and continues an earlier one."""
    for where in trial_spaces():
        strategy, ids = _made(plugin, where, 0), set[int]()
        for _ in range(_TRIALS):
            asked = strategy.ask()
            if asked is None:
                break
            assert asked.id not in ids, f"id {asked.id} twice"
            if isinstance(asked, Trial):
                _check_trial(asked, where, ids)
            ids.add(asked.id)
            _tell(strategy, asked, answer)
        assert ids, f"asks for nothing at all on {where.name}"


def many_asks_before_tells(plugin: Plugin) -> None:
    """Several trials may be pending; the search goes on when they are told."""
    for where in trial_spaces():
        strategy = _made(plugin, where, 0)
        assert strategy.ask() is not None, f"the first ask on {where.name} gives nothing"
        assert len(search(strategy, workers=8)) >= _least(strategy, where)


def tells_come_in_any_order(plugin: Plugin) -> None:
    """Trials are told last asked first, or at random."""
    for where in trial_spaces():
        for order in ("last", "random"):
            strategy = _made(plugin, where, 0)
            asked = search(strategy, workers=6, order=order)
            assert len(asked) >= _least(strategy, where), f"stops early on {where.name}"


def failures_do_not_block(plugin: Plugin) -> None:
    """Failed trials, some or all, are no reason to stop."""
    for where in (space("nb201"), Layered()):
        for failing in (lambda trial: trial.id >= 0, lambda trial: trial.id % 2 == 0):
            strategy = _made(plugin, where, 0)

            def told(trial: Trial, failing: Callable[[Trial], bool] = failing) -> Observation:
                return _FAILED if failing(trial) else answer(trial)

            assert len(search(strategy, told)) >= _least(strategy, where), "failures stop it"


def strangers_are_taken_in(plugin: Plugin) -> None:
    """Trials that were never asked for may be told, at any time, under any id."""
    where = space("nb201")
    strategy = _made(plugin, where, 0)
    rows = [tuple(row) for row in where.sample(12, np.random.default_rng(8)).tolist()]
    strategy.tell(Trial(10**6, rows[0]), _FAILED)
    for i, arch in enumerate(rows[1:]):
        strategy.tell(Trial(i, arch), answer(Trial(i, arch)))
    pending = strategy.ask()
    assert pending is not None
    strategy.tell(Trial(10**6 + 1, rows[0]), answer(Trial(0, rows[0])))
    _tell(strategy, pending, answer)
    assert len(search(strategy)) >= _TRIALS


def small_spaces_end_cleanly(plugin: Plugin) -> None:
    """A search that does not repeat ends, for good, after asking for nothing twice."""
    where = Space("tiny", [Decision("a", (1, 2, 3), "ordered"), Decision("b", tuple("wxyz"))])
    strategy = _made(plugin, where, 0)
    asked = search(strategy, trials=100)
    if strategy.REPEATS:
        assert len(asked) == 100, f"ends after {len(asked)}; set REPEATS = False if it shall"
        return
    assert len(set(asked)) == len(asked), "asks twice; set REPEATS = True if it may"
    assert strategy.ask() is None is strategy.ask()


def global_random_state_is_left_alone(plugin: Plugin) -> None:
    """The generator handed in is the only source of randomness."""
    with untouched_random_state():
        search(_made(plugin, space("nb201"), 0))


def unknown_parameters_are_refused(plugin: Plugin) -> None:
    """Parameters are keyword only, have defaults, and unknown ones raise TypeError."""
    for name, parameter in _parameters(plugin).items():
        assert parameter.kind is parameter.KEYWORD_ONLY, f"{name} is not keyword-only"
        assert parameter.default is not parameter.empty, f"{name} has no default"
    try:
        _made(plugin, space("nb201"), 0, no_such_parameter=1)
    except TypeError:
        return
    raise AssertionError("takes a parameter that it does not have")


def wrong_values_are_refused(plugin: Plugin) -> None:
    """Each parameter is checked when the strategy is made, and named in the ParameterError."""
    for name in _parameters(plugin):
        try:
            _made(plugin, space("nb201"), 0, **{name: object()})
        except ParameterError as error:
            assert name in str(error), f"the error about {name} does not name it: {error}"
        else:
            raise AssertionError(f"{name}=object() is accepted")


def presets_fit(plugin: Plugin) -> None:
    """Every preset makes a strategy, where what it needs is installed."""
    cls = plugin_class("strategies", plugin)
    for name, parameters in cls.PRESETS.items():
        unknown = parameters.keys() - _parameters(plugin).keys()
        assert not unknown, f"preset {name} has unknown parameters {sorted(unknown)}"
        try:
            _made(plugin, space("nb201"), 0, **parameters)
        except MissingExtra:
            continue


def search(
    strategy: Strategy,
    told: Answer | None = None,
    workers: int = 1,
    order: str = "first",
    trials: int = _TRIALS,
) -> list[Asked]:
    """Return what a strategy asks for, in order, with so many trials pending at a time."""
    asked: list[Asked] = []
    pending: list[Trial | Task] = []
    choice = np.random.default_rng(0)
    while len(asked) < trials or pending:
        one = strategy.ask() if len(asked) < trials and len(pending) < workers else None
        if one is not None:
            pending.append(one)
            asked.extend([(one.arch, one.epochs)] if isinstance(one, Trial) else [])
        elif pending:
            last = len(pending) - 1
            place = {"first": 0, "last": last, "random": int(choice.integers(last + 1))}[order]
            _tell(strategy, pending.pop(place), told or answer)
        else:
            break
    return asked


def answer(trial: Trial) -> Observation:
    """Return a made-up outcome: any function of the architecture that is not flat."""
    score = sum((i + 1) * value for i, value in enumerate(trial.arch)) % 17
    return Observation(Status.OK, 60 + score / 2, epochs=trial.epochs)


def _tell(strategy: Strategy, asked: Trial | Task, told: Answer) -> None:
    task = Observation(Status.OK, None)
    strategy.tell(asked, told(asked) if isinstance(asked, Trial) else task)


def _check_trial(trial: Trial, where: Space, ids: set[int]) -> None:
    assert type(trial.arch) is tuple, f"an architecture is a tuple, not {type(trial.arch)}"
    assert all(type(value) is int for value in trial.arch), f"no plain integers: {trial.arch}"
    valid = where.valid(np.array([trial.arch], dtype=np.int16))[0]
    assert valid, f"{trial.arch} is no architecture of {where.name}"
    assert trial.epochs is None or trial.epochs >= 1
    assert trial.continues is None or trial.continues in ids, "continues a trial never asked for"


def _least(strategy: Strategy, where: Space) -> int:
    """Return how many trials a search over a space must come to, of ``_TRIALS``."""
    if strategy.REPEATS or where.cardinality > _TRIALS:
        return _TRIALS - 1
    return len(where.all()) - 1


def _made(plugin: Plugin, where: Space, seed: int, **parameters: Any) -> Strategy:
    cls = plugin_class("strategies", plugin)
    made: Strategy = cls(where, np.random.default_rng(seed), **parameters)
    return made


def _parameters(plugin: Plugin) -> dict[str, inspect.Parameter]:
    signature = inspect.signature(plugin_class("strategies", plugin).__init__)
    return {k: p for k, p in signature.parameters.items() if k not in ("self", "space", "rng")}


if __name__ == "__main__":
    name = sys.argv[1]
    both = [search(_made(name, where, 5)) for where in (Layered(), space("nb201"))]
    sys.stdout.write(json.dumps([*both[0], *both[1]]) + "\n")
