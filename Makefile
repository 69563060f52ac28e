# Everything here sets up what it needs by itself: a Python of 3.11 or newer with venv, and make, are enough.
#
#   make run ARGS='--duration 20'        more arguments for `feedfleet local`
#   make test ARGS='tests/unit -k plan'  more arguments for pytest
#   make run PYTHON=/opt/python/bin/python3.12

VENV := .venv
BIN := $(VENV)/bin
PYTHON := python3 python3.14 python3.13 python3.12 python3.11
ARGS :=

PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
BENCHMARKS := $(patsubst bench/%.py,bench-%,$(wildcard bench/*.py))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Benchmarks that ran side by side would measure each other.
.NOTPARALLEL:
.PHONY: help run test lint format api-docs chart-crds cluster-up cluster-down bench clean $(BENCHMARKS)

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.installed-run ## Run the quickstart fleet on simulated exchanges; Ctrl-C ends it
	@$(BIN)/feedfleet local examples/quickstart.yaml --simulate $(ARGS)

test: $(VENV)/.installed-test ## Run every test
	@$(BIN)/pytest $(ARGS)

lint: $(VENV)/.installed-test ## Check style, formatting, types and which part imports which
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.installed-test ## Format the code and fix what can be fixed by itself
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

api-docs: $(VENV)/.installed-run ## Make docs/api.md of the CRDs
	@$(BIN)/python -m feedfleet.api_reference > docs/api.md

chart-crds: ## Copy the CRDs into the chart, which cannot package files outside of it
	@cp crds/*.yaml helm/feedfleet/crd-files/

cluster-up: ## Start a Kubernetes on this machine, which cluster tests then use and leave running
	@tests/cluster/cluster up

cluster-down: ## Stop it
	@tests/cluster/cluster down

bench: $(BENCHMARKS) ## Run every benchmark; results also go to bench/results/

$(BENCHMARKS): bench-%: bench/%.py $(VENV)/.installed-test
	@mkdir -p bench/results
	@$(BIN)/python $< --json bench/results/$*.json $(ARGS)

clean: ## Remove everything that make made, the virtual environment too
	rm -rf $(VENV) build dist bench/results .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -type d -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.installed-run: $(VENV)/.created pyproject.toml
	@echo "Installing feedfleet and what it needs into $(VENV) …"
	@$(PIP_INSTALL) --editable '.[local,fast]'
	@touch $@

# Whatever runs can also be tested: the extra `test` contains `local`.
$(VENV)/.installed-test: $(VENV)/.created pyproject.toml
	@echo "Installing feedfleet, what it needs and what its tests need into $(VENV) …"
	@$(PIP_INSTALL) --editable '.[test,fast]'
	@touch $(VENV)/.installed-run $@

$(VENV)/.created:
	@for python in $(PYTHON); do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    recent="$$python"; \
	    "$$python" -c 'import ensurepip, venv' 2>/dev/null || continue; \
	    "$$python" -m venv $(VENV) && touch $@ && exit 0; \
	    exit 1; \
	done; \
	if [ -z "$$recent" ]; then \
	    echo "feedfleet needs Python 3.11 or newer; tried: $(PYTHON)." >&2; \
	    echo "Name another one like this: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
	else \
	    echo "$$recent lacks the modules venv and ensurepip." >&2; \
	    echo "On Debian and Ubuntu they come with: apt-get install python3-venv" >&2; \
	fi; \
	exit 1
