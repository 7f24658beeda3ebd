# Two commands do all the set-up: `make demo` and `make test`. Both make their own .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
LIVE_WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo scenarios seeds chaos flood test check format lint types imports tests live still checked docs bench bench-agent agent-mutations reliability simulate watching fuzz agent-wheel aws-smoke checkov clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

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

DEMO = $(BIN)/python -m controller.local.demo $(if $(WORKFLOW),--workflow '$(WORKFLOW)') $(if $(JSON),--json) $(if $(KEEP),--keep)

demo: $(VENV)/local.stamp ## Run workflows with bad luck on the embedded cloud (WORKFLOW=file SCENARIO=name|file|none SEED=n JSON=1 KEEP=1)
	@$(DEMO) $(if $(SCENARIO),--scenario '$(SCENARIO)') $(if $(SEED),--seed $(SEED))

scenarios: $(VENV)/local.stamp ## Say what can go wrong in a demo
	@$(DEMO) --list-scenarios

N ?= 20
seeds: $(VENV)/local.stamp ## Run the demo with N random scenarios (N=20 FROM=1)
	@$(BIN)/python -m controller.local.seeds --count $(N) $(if $(FROM),--first $(FROM))

chaos: $(VENV)/local.stamp ## Kill agents, machines, functions and GitHub while jobs come (SEED=n MINUTES=5 JOBS=200 JSON=1)
	@$(BIN)/python -m controller.local.chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),5) --jobs $(or $(JOBS),200) $(if $(JSON),--json)

flood: $(VENV)/local.stamp ## A thousand mixed jobs at once into a crowded region and a busy GitHub (JOBS=1000 JSON=1)
	@$(BIN)/python -m controller.local.flood --jobs $(or $(JOBS),1000) $(if $(JSON),--json)

test: check ## Everything that CI checks

# What fails in seconds comes first; then what only waits beside what only computes, each with its words in one piece;
# then what computes and is punctual too.
BESIDE = $(MAKE) --no-print-directory $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

check: lint
	@echo "Types, contracts and pages beside the tests with real processes; each shows what it printed when it ends ..."
	@failed=0; \
	$(BESIDE) --jobs=2 --keep-going live checked || failed=1; \
	$(MAKE) --no-print-directory still || failed=1; \
	exit $$failed

# Tests with real processes wait most of the time, and are punctual: whatever only computes gives way to them.
LIVE := tests/controller/local tests/controller/cli tests/watching
GIVE_WAY := nice -n 5

checked: $(VENV)/dev.stamp
	@$(GIVE_WAY) $(MAKE) --no-print-directory types imports docs

format: $(VENV)/dev.stamp ## Put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types: $(VENV)/dev.stamp
	$(BIN)/mypy
	$(BIN)/mypy --cache-dir .mypy_cache/infra -p infra
	$(BIN)/mypy --cache-dir .mypy_cache/win32 --platform win32 --no-warn-unreachable -p runner_agent

imports: $(VENV)/dev.stamp
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

tests: live still

live: $(VENV)/dev.stamp
	$(BIN)/pytest -n $(LIVE_WORKERS) --dist worksteal -m local_cloud $(LIVE)

still: $(VENV)/dev.stamp
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m 'not local_cloud'

fuzz: $(VENV)/dev.stamp ## Send the webhook door a hundred thousand bodies
	SPOTRUNNER_FUZZ_BODIES=$(or $(BODIES),100000) $(BIN)/pytest -n 0 -q -p no:cacheprovider tests/controller/test_webhook_fuzz.py

watching: $(VENV)/dev.stamp ## Let every fault happen and time its alarm; writes the table of docs/watching.md
	$(BIN)/python -m tests.watching.detection --write

reliability: $(VENV)/dev.stamp ## Fail every outside call in every way; writes the table of docs/reliability.md
	$(BIN)/python -m tests.reliability.table --write

simulate: $(VENV)/dev.stamp ## Play random days in virtual time (SEEDS=1000 FROM=1, or SEED=n for one, with its story)
	$(BIN)/python -m tests.reliability.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000) --first $(or $(FROM),1))

agent-mutations: $(VENV)/dev.stamp ## Take away each defence of the agent and see its test turn red
	$(BIN)/python tests/runner_agent/mutations.py --write

docs: $(VENV)/dev.stamp
	$(BIN)/python docs/check.py

bench: $(VENV)/dev.stamp ## Measure; prints tables with the machine named (JOBS='1 10 100 1000 mix')
	$(BIN)/python -m benchmarks.control_plane $(JOBS)
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.webhook
	$(BIN)/python -m benchmarks.burst_bound

bench-agent: $(VENV)/dev.stamp ## Measure the agent: start, memory, latency, throughput
	$(BIN)/python benchmarks/agent.py

CHECKOV := build/checkov
$(CHECKOV)/bin/checkov:
	@$(PYTHON) -m venv $(CHECKOV)
	@$(CHECKOV)/bin/pip install --quiet --disable-pip-version-check checkov==3.3.30

checkov: $(VENV)/dev.stamp $(CHECKOV)/bin/checkov ## Lint every example stack with checkov; all that it finds is explained
	$(BIN)/python -m tests.infra.checkov $(CHECKOV)/bin/checkov

agent-wheel: $(VENV)/dev.stamp ## Build the agent alone into build/wheel: a wheel and one executable file
	@rm -rf build/wheel
	@$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir build/wheel ./runner_agent
	@$(BIN)/python -m runner_agent.packing build/wheel
	@ls build/wheel

aws-smoke: ## Deploy a real stack, run one job, destroy it; asks first (STACK= REPOSITORY= WORKFLOW=)
	@STACK='$(STACK)' REPOSITORY='$(REPOSITORY)' WORKFLOW='$(WORKFLOW)' infra/aws_smoke.sh

clean: ## Remove everything that was made
	rm -rf $(VENV) .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
