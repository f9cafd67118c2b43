"""The contract suites that every plug-in passes, shipped for the authors of plug-ins."""
