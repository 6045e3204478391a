# Trifolium: `make run` opens the suite, `make test` checks it. Both set themselves up and are quick the second time.

PYTHON ?= python3
PIP_ARGS ?=
ARGS ?=
TESTS ?= tests
VENV := .venv
PY := $(VENV)/bin/python
PINS := requirements/constraints.txt
INSTALL = $(PY) -m pip install -qq --disable-pip-version-check -c $(PINS) $(PIP_ARGS)
TIMED = date '+%H:%M:%S'

.DEFAULT_GOAL := help
.PHONY: help run test lint bench pins clean

help:  ## say what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */  make \1	/'

run: $(VENV)/.installed  ## set up if needed, start the suite, open the browser
	@echo "Starting Trifolium; Ctrl-C stops it."
	@$(PY) -m apps run $(ARGS)

test: $(VENV)/.installed-dev lint  ## set up if needed, then lint, types, import rules and all tests
	@echo "Tests (the slow ones start real processes and a browser)"
	@$(PY) -m pytest $(TESTS) $(ARGS)

lint: $(VENV)/.installed-dev  ## ruff, mypy and import-linter
	@echo "Lint: ruff"
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check --quiet . || (echo "Some files are not formatted: $(PY) -m ruff format ." && exit 1)
	@echo "Types: mypy"
	@$(PY) -m mypy
	@echo "Import rules: import-linter"
	@$(VENV)/bin/lint-imports --no-logo

bench: $(VENV)/.installed-dev  ## run every benchmark and write benchmarks/results/
	@for script in benchmarks/[a-z]*.py; do \
	    name=$$(basename $$script .py); echo "Benchmark: $$name"; \
	    $(PY) $$script --json benchmarks/results/$$name.json || exit 1; \
	done

pins: $(VENV)/.installed-dev  ## write requirements/constraints.txt from what is installed in .venv
	@head -2 $(PINS) > $(PINS).new
	@$(PY) -m pip freeze --exclude-editable | sed -E 's/^(torch==[0-9.]+)[+].*/\1/' | grep -v -i '^setuptools=' | sort -f >> $(PINS).new
	@mv $(PINS).new $(PINS) && echo "$(PINS): $$(grep -c == $(PINS)) pins"

clean:  ## remove .venv and every cache; your data, models and settings stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Trifolium needs Python 3.11 or newer, and '$(PYTHON)' was not found: install it, or name one with make PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Trifolium needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) -c 'import platform; print(platform.python_version())'): name another with make PYTHON=python3.12."; exit 1; }
	@echo "Setting up: a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing: on Debian and Ubuntu, apt-get install python3-venv."; rm -rf $(VENV); exit 1; }

$(VENV)/.installed: pyproject.toml $(PINS) | $(VENV)/bin/python
	@echo "Setting up: installing the pinned packages into $(VENV) (PyTorch and the bundled models are large; only the first time takes minutes)"
	@$(INSTALL) -e .
	@touch $@ && echo "Setting up: done"

$(VENV)/.installed-dev: pyproject.toml $(PINS) | $(VENV)/bin/python
	@echo "Setting up: installing the pinned packages and the test tools into $(VENV) (only the first time takes minutes)"
	@$(INSTALL) -e ".[dev]"
	@touch $(VENV)/.installed $@ && echo "Setting up: done"
