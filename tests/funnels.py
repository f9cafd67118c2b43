"""Where tests run a funnel, and its stages before whole trainings, in their order."""

from __future__ import annotations

BENCH = "measured/nb201-mnist"
STAGES = ("proxies", "predictor", "short")
