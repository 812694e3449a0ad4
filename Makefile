# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
export PYTHON
BIN := .venv/bin

.PHONY: help environment demo test lint bench-local

help:
	@echo "make demo         run a real search on this machine (about 2 minutes after the first download)"
	@echo "make test         lint, types, import rules and every test"
	@echo "make bench-local  Corebound against bare processes and Optuna workers, side by side"

environment:
	@.ci/environment

demo: environment
	$(BIN)/corebound run --fresh -f examples/pole-balancing.yaml

lint: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest

bench-local: environment
	$(BIN)/python bench/local.py
