# Two commands do all the set-up: `make demo` and `make test`. Both make their own .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test check format lint types imports tests docs bench clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

# A failed install leaves no stamp behind, so the next run starts it again.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "SpotRunner needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/local.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what the local platform needs into $(VENV) (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[local]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what the checks need into $(VENV) (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/local.stamp

demo: $(VENV)/local.stamp ## Run the example workflows on the embedded cloud (WORKFLOW=file JSON=1)
	@$(BIN)/python -m controller.local.demo $(if $(WORKFLOW),--workflow $(WORKFLOW)) $(if $(JSON),--json)

test: check ## Everything that CI checks

check: lint types imports tests docs

format: $(VENV)/dev.stamp ## Put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types: $(VENV)/dev.stamp
	$(BIN)/mypy
	$(BIN)/mypy --cache-dir .mypy_cache/infra -p infra

imports: $(VENV)/dev.stamp
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

tests: $(VENV)/dev.stamp
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

docs: $(VENV)/dev.stamp
	$(BIN)/python docs/check.py

bench: $(VENV)/dev.stamp ## Measure; prints tables with the machine named
	$(BIN)/python benchmarks/control_plane.py

clean: ## Remove everything that was made
	rm -rf $(VENV) .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
