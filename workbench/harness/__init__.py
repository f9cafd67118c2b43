"""The comparison harness: study file in, stored runs out; knows strategies and tables by name."""
