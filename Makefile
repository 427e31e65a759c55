# Everything from a fresh clone: `make demo` serves the app, `make test` runs the tests, `make check` lints and types.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check browser clean

demo: .venv/app
	$(BIN)/python app.py

test: .venv/dev browser
	$(BIN)/python -m pytest

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/app: requirements.txt constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(PIP) torch
	$(PIP) --requirement requirements.txt
	touch $@

.venv/dev: .venv/app requirements-dev.txt
	$(PIP) --requirement requirements-dev.txt
	touch $@

browser: .venv/dev
	$(BIN)/python -m tests.browser

clean:
	rm -rf .venv
