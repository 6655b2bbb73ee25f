# The same recipes at home and in CI. `make check` needs Python 3.11 or later and nothing else: it makes its own
# virtual environment. `make check VENV=path` uses that one.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.instructuie-ready

.PHONY: help install check format-check lint types imports test fix wheel clean

help:
	@echo "make install  development environment in $(VENV)"
	@echo "make check    everything that must pass: ruff, mypy, import rules, tests"
	@echo "make fix      let ruff format the code and mend what it can"
	@echo "make test     the tests alone"
	@echo "make wheel    build the wheel into dist/"

install: $(READY)

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,dev]'
	touch $@

check: lint format-check types imports test

lint: $(READY)
	$(BIN)/ruff check .

format-check: $(READY)
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

# Last, so that the output ends with the summary of the tests.
test: $(READY)
	$(BIN)/python -m pytest -q

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel:
	$(PYTHON) -m pip wheel --no-deps --wheel-dir dist .

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .grimp_cache .hypothesis
