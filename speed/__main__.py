"""``make speed``: measure everything once and print it beside its bar and the peers.

The peers' figures were measured on a two-core machine like this one with one thread; they no longer
install on a current Python, so that they cannot run beside. A share of the bar below 1 is good.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from speed import curves, predictors, proxies
from speed.measures import MEASURES, demo_measures


def main() -> None:
    """Print the table; exit 1 where a bar is missed."""
    table = Table("what", "measured", "unit", "bar", "share of the bar", "peers")
    missed = 0
    console = Console(width=150)
    for measure in [
        *MEASURES,
        *predictors.MEASURES,
        *proxies.MEASURES,
        *curves.MEASURES,
        *demo_measures(),
    ]:
        value = measure.run()
        share = measure.bar / value if measure.more_is_better else value / measure.bar
        missed += share > 1
        print(f"{measure.what}: {value:,.4g} {measure.unit}", file=sys.stderr)
        table.add_row(
            measure.what, f"{value:,.4g}", measure.unit, f"{measure.bar:,.4g}",
            f"{share:.2f}", measure.peers,
        )  # fmt: skip
    console.print(table)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
