# Everything from a fresh clone: `make demo` serves the app, `make test` runs all tests, `make fast` those that take
# seconds and no browser, `make check` lints and checks types.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

unexport PYTHONDONTWRITEBYTECODE # or each program that a test starts would compile all that it imports

.PHONY: demo test fast check browser clean

demo: .venv/app
	$(BIN)/python app.py

test: .venv/dev browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical -m "not browser"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 -m browser tests/ui/page tests/ui/modules

fast: .venv/dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n logical -m "not browser and not slow"

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/app: requirements.txt constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15) and "Python 3.10 to 3.14 is needed")'
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
