# Every command of the project. Each sets up what it needs: a virtual environment, from PyPI alone.

PYTHON ?= python3
VENV ?= .venv
# More arguments for pytest, as in `make test ARGS="-k mailbox"`.
ARGS ?=
# What `make fuzz` does: a name out of tests/fuzz/catalogue.py, and for how long.
TARGET ?= frames
SECONDS ?= 60
# How often `make kills` kills a server.
ROUNDS ?= 500

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Packages of npm: the official client, what runs it in a browser, and the official server.
INTEROP := tests/interop/node_modules/.installed
BROWSER := tests/browser/node_modules/.installed
ABROAD := tests/abroad/node_modules/.installed
SOURCES := $(wildcard trivet tests benchmarks examples)

# Tests find `node` and `npm` in the environment, not on the machine.
WITH_NODE := PATH="$(abspath $(BIN)):$$PATH"
PYTEST := $(WITH_NODE) $(BIN)/python -m pytest
# pyright would ask the network for a newer version of itself.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo serve test test-system engine-test check check-static format-check format lint pyright mypy \
	docs bench fuzz kills churn clean

help:
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "%s%s\n", (n++ ? "\n" : ""), substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Try it
demo: $(INSTALLED) ## a chat room between processes: talk, a kick, a lost network
	$(BIN)/python -m examples.demo

serve: $(INSTALLED) ## serve the chat room on http://127.0.0.1:6420
	@echo "Chat with it from another terminal (ann-token, bob-token, eve-token):"
	@echo "  $(BIN)/python -m examples.chat_client http://127.0.0.1:6420 ann-token"
	$(BIN)/trivet serve examples.chat_room:registry

##@ Change it
test: $(INSTALLED) $(INTEROP) ## all tests that need nothing but PyPI and npm; ARGS goes to pytest
	$(PYTEST) -m "not system and not campaign" $(ARGS)

test-system: $(INSTALLED) $(BROWSER) $(ABROAD) ## the tests that need Debian packages, a browser or the engine
	@$(PYTEST) -m system $(ARGS) || { status=$$?; \
		[ $$status -eq 5 ] || exit $$status; \
		echo "make test-system: no test is marked system, so nothing was tested"; }

engine-test: $(INSTALLED) $(ABROAD) ## trivet's client and RivetKit's own server behind its engine
	$(PYTEST) $(ARGS) tests/abroad

check: check-static test ## all that must pass before a change is taken

check-static: format-check lint pyright mypy docs ## the same without the tests

format: $(INSTALLED) ## format, and mend what the linter can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

format-check: $(INSTALLED) ## is everything formatted?
	$(BIN)/ruff format --check .

lint: $(INSTALLED) ## ruff and flake8-async
	$(BIN)/ruff check .
	$(BIN)/flake8 $(SOURCES)

pyright: $(INSTALLED) ## pyright, strict
	$(BIN)/python -m pyright --pythonpath $(BIN)/python

mypy: $(INSTALLED) ## mypy, strict
	$(BIN)/python -m mypy $(SOURCES)

##@ Read and measure it
docs: $(INSTALLED) ## build the documentation into docs/_build
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build
	@echo "open docs/_build/index.html"

bench: $(INSTALLED) ## the benchmarks, as ratios to floors measured in the same process
	$(BIN)/python -m benchmarks

fuzz: $(INSTALLED) ## look for inputs that break TARGET, for SECONDS; needs the extra `fuzz`
	$(BIN)/python -m tests.fuzz $(TARGET) $(SECONDS)

kills: $(INSTALLED) ## kill a server under load, ROUNDS times, and see that it remembers everything
	$(BIN)/python -m tests.kills.rounds --rounds $(ROUNDS)

churn: $(INSTALLED) ## 10,000 connections for each way to go, and nothing may be left of them
	$(BIN)/python -m pytest -s -m campaign -o faulthandler_timeout=0 tests/attacks/test_churn.py

##@ Tidy up
clean: ## remove the virtual environment, caches and built files
	rm -rf $(VENV) .fuzz .hypothesis .mypy_cache .pytest_cache .ruff_cache .coverage* dist docs/_build
	rm -rf $(dir $(INTEROP) $(BROWSER) $(ABROAD))
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"trivet needs Python 3.11 or newer; name one: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[cli,dev]"
	@touch $@

# `npm ci` wants the lock file to name the engine's binaries for every platform, which a registry
# that has only some of them never does; this takes the same versions from it.
$(ABROAD): HOW := install --no-save
%/node_modules/.installed: HOW ?= ci
%/node_modules/.installed: %/package.json %/package-lock.json %/.npmrc | $(INSTALLED)
	cd $* && $(WITH_NODE) npm $(HOW) --loglevel=error
	@touch $@
