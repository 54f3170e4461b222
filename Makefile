# The commands of the project. Each makes the environment it needs, on a machine that has Python 3.11, pip
# and make. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := client devices broker gateway
PEERS := build/peers
CHECKED := $(PACKAGES) tests examples docs

.DEFAULT_GOAL := help
.PHONY: help demo test soak style format types coverage bench scale guard docs clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.demo ## a simulated plant, a batch, the rapid clicks, an unplugged PLC (ONCE=1: end after the tour)
	@$(BIN)/plcmq demo $(if $(ONCE),--once)

test: $(VENV)/.dev ## the whole test suite, two at a time (ARGS="-n 0 tests/client": one at a time, and a part)
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

soak: $(VENV)/.dev ## load under all faults and kills, and a verdict (DURATION=600 seconds, SEED=1)
	$(BIN)/python tests/soak/soak.py --duration $(or $(DURATION),600) --seed $(or $(SEED),1)

style: $(VENV)/.dev ## formatting and lint
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)

format: $(VENV)/.dev ## format and mend what can be mended
	$(BIN)/ruff format $(CHECKED)
	$(BIN)/ruff check --fix $(CHECKED)

types: $(VENV)/.dev build/types/plcmq ## strict type checks
	MYPYPATH=build/types $(BIN)/mypy $(PACKAGES:%=-p plcmq.%)

coverage: $(VENV)/.dev ## tests with a report of what they did not reach
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine
	$(BIN)/coverage report

bench: $(VENV)/.dev $(PEERS)/.ready ## plcmq beside its peers, in 5 minutes (ARGS="--quick", ARGS="--publish")
	$(BIN)/python tests/bench/bench.py --peers $(PEERS) $(ARGS)

scale: $(VENV)/.dev ## many devices, clients and values, and a command among polls (ARGS="sample --seconds 20")
	$(BIN)/python tests/bench/scale.py $(ARGS)

guard: $(VENV)/.dev ## fails when plcmq has become far slower than it was
	$(BIN)/python tests/bench/guard.py

docs: $(VENV)/.dev ## write what is made from the code: the schema of the site file, the pictures of house and page
	$(BIN)/python -m plcmq.devices.site.forms.json_schema > docs/site.schema.json
	$(BIN)/python docs/house.py
	$(BIN)/python docs/pictures.py

clean: ## remove environments and everything built
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*

# The folders under the name that they are installed by, for tools that read sources only.
build/types/plcmq:
	mkdir -p $@
	for package in $(PACKAGES); do ln -sfn ../../../$$package $@/$$package; done

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=23.2"

$(VENV)/.demo: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[broker,gateway]"
	@touch $@

$(VENV)/.dev: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@ $(VENV)/.demo

# What plcmq is measured beside has an environment of its own: nothing of it is a dependency of ours.
$(PEERS)/.ready: tests/bench/peers.txt
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --requirement tests/bench/peers.txt
	@touch $@
