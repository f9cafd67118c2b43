"""The contract suites that every plug-in passes, shipped so that a plug-in's author can run them."""
