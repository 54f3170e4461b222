# The commands of the project. Each makes the environment it needs, on a machine that has Python 3.11, pip
# and make. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := client devices broker gateway
PEERS := build/peers
UV := build/uv/bin/uv
LOCKED := broker gateway browser
CHECKED := $(PACKAGES) tests examples docs

.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-latest test-oldest soak style format types coverage bench scale guard \
  docs clean browser lock

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.demo ## a simulated plant, a batch, the rapid clicks, an unplugged PLC (ONCE=1: end after the tour)
	@$(BIN)/plcmq demo $(if $(ONCE),--once)

test: $(VENV)/.dev ## the whole test suite, two at a time (ARGS="-n 0 tests/client": one at a time, and a part)
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

test-long: $(VENV)/.dev ## the suite in its long form: more kills, wider searches (TEST_SEED=1: other moments)
	TEST_LONG=1 $(BIN)/python -m pytest --timeout 3600 -n 2 --dist worksteal $(ARGS)

test-latest: build/latest/.ready ## the suite with the newest versions that setup.cfg allows
	build/latest/bin/python -m pytest -n 2 --dist worksteal -p no:cacheprovider $(ARGS)

test-oldest: build/oldest/.ready ## the suite with the lowest versions that setup.cfg allows
	build/oldest/bin/python -m pytest -n 2 --dist worksteal -p no:cacheprovider $(ARGS)

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

# Environments are made from the lock files, so that they are the same in a year; `plcmq` itself is then only
# linked. With --quiet pip still tells its warnings and errors.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP := $(BIN)/python -m pip install --quiet
# The demo's first line is the first that one sees: what pip says before goes to a file, and is shown on failure.
quietly = mkdir -p build; ($(1)) >> build/pip.log 2>&1 || { cat build/pip.log; exit 1; }
OURSELVES := $(PIP) --no-deps --no-build-isolation --editable .

$(VENV)/.made: requirements-build.txt
	@$(PYTHON) -m venv $(VENV)
	@$(call quietly,$(PIP) --requirement requirements-build.txt)
	@touch $@

$(VENV)/.demo: $(VENV)/.made setup.cfg pyproject.toml requirements-broker.txt requirements-gateway.txt
	@$(call quietly,$(PIP) --requirement requirements-broker.txt --requirement requirements-gateway.txt)
	@$(call quietly,$(OURSELVES))
	@touch $@

$(VENV)/.dev: $(VENV)/.made setup.cfg pyproject.toml requirements-dev.txt
	$(PIP) --requirement requirements-dev.txt
	$(OURSELVES)
	@touch $@ $(VENV)/.demo

browser: $(VENV)/.dev ## what the tests of the page need besides the system's Chromium
	$(PIP) --requirement requirements-browser.txt

# After a change of what setup.cfg asks for. What need not change stays as it is, but for UPGRADE=1.
lock: $(UV) ## lock files anew from setup.cfg (UPGRADE=1: with the newest versions)
	@mkdir -p build; sed -n 's/^requires = \[\(.*\)\]/\1/p' pyproject.toml | tr -d '"' | tr ',' '\n' > build/build.in
	$(LOCK) build/build.in --output-file requirements-build.txt
	$(LOCK) setup.cfg --extra dev --output-file requirements-dev.txt
	for extra in $(LOCKED); do \
	  $(LOCK) setup.cfg --extra $$extra --constraints requirements-dev.txt \
	    --output-file requirements-$$extra.txt || exit; done

LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

$(UV):
	$(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip install --quiet "uv>=0.9,<1"

build/latest/.ready: RESOLUTION := highest
build/oldest/.ready: RESOLUTION := lowest-direct
build/latest/.ready build/oldest/.ready: $(UV) setup.cfg pyproject.toml
	$(PYTHON) -m venv --clear $(@D)
	$(UV) pip install --quiet --python $(@D)/bin/python --resolution $(RESOLUTION) --editable ".[dev,browser]"
	@touch $@

# What plcmq is measured beside has an environment of its own: nothing of it is a dependency of ours.
$(PEERS)/.ready: tests/bench/peers.txt
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --requirement tests/bench/peers.txt
	@touch $@
