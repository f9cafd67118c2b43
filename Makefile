# `make demo` and `make test` need Python 3.11 or newer, nothing else.
PYTHON ?= python3
RUN := .venv/bin/python
INSTALL := $(RUN) -m pip install --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint speed clean
.DELETE_ON_ERROR:

demo: .venv/installed
	$(RUN) -m workbench demo

test: .venv/installed-dev
	$(RUN) -m pytest -n auto --dist loadfile

lint: .venv/installed-dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

speed: .venv/installed-dev
	$(RUN) -m speed

clean:
	rm -rf .venv build dist *.egg-info

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) -e .
	touch $@

.venv/installed-dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) -e '.[dev]'
	touch .venv/installed $@
