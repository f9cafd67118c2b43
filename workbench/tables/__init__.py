"""Benchmark tables that the workbench measures itself, and measures again to verify them."""
