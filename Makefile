# `make` alone lists what there is to do. Whatever a target needs is set up first, once.

# The first port (others follow from it) and the folder of all local state: `make run PORT=4666 STATE=.local-2`.
PORT = 4566
STATE = .local

# The broker that the demo's user trades at: `make demo BROKER=upstox`.
BROKER = zebu

PYTHON = .venv/bin/python
UV = .tools/bin/uv
UV_VERSION := $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.txt)
UV_READY = .tools/.uv-$(UV_VERSION)

MAKEFLAGS += --no-print-directory

# jsii names Node 20 outdated in a banner of ten lines at every start.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION = 20

.PHONY: help setup environments run demo key bench test lint coverage reference transcript style types quick-tests sdk-tests client-tests journey-tests sdks clients lock clean stale
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo "  run and demo take PORT=$(PORT) and STATE=$(STATE), demo BROKER=$(BROKER) (the defaults)"

run: setup ## start the local platform; Ctrl-C ends it
	@exec $(PYTHON) -m sandbox run --port $(PORT) --state "$(STATE)"

demo: setup ## play a trading day's journey on the running platform
	@exec $(PYTHON) -m sandbox demo --port $(PORT) --state "$(STATE)" --broker "$(BROKER)"

key: setup ## print a test key of the running platform: `make key ASK='--per-minute 5'`
	@$(PYTHON) -m sandbox key --state "$(STATE)" $(ASK)

bench: setup sdks ## measure side by side with peers, write docs/benchmarks.md
	@$(PYTHON) -m bench --state "$(STATE)"

test: setup ## check style and types, pass every test
	@$(MAKE) style
	@$(MAKE) -j2 types quick-tests
	@$(MAKE) sdk-tests
	@$(MAKE) client-tests
	@$(MAKE) journey-tests

lint: setup ## check style and types
	@$(MAKE) style types

style:
	@echo "style: ruff"
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types:
	@echo "types: mypy (about a minute the first time)"
	@.venv/bin/mypy

quick-tests:
	@echo "tests: unit, integration, infrastructure"
	@.venv/bin/pytest -m "not e2e and not sdk and not clients" -n auto --maxprocesses 4 --dist loadfile

sdk-tests: setup sdks
	@echo "tests: our orders beside those of the brokers' own clients"
	@.venv/bin/pytest -m sdk

client-tests: setup clients
	@echo "tests: clients that generators make of the API's description"
	@.venv/bin/pytest -m clients

journey-tests:
	@echo "tests: end to end, on a local platform of their own"
	@.venv/bin/pytest -m e2e

coverage: setup ## show that the quick tests take every branch of domain and services
	@.venv/bin/pytest -m "not e2e and not sdk and not clients" -n auto --maxprocesses 4 --dist loadfile --cov --cov-report=
	@.venv/bin/coverage report --include="*/domain/*,*/services/*" --fail-under=100 --show-missing --skip-covered

reference: setup ## write the documents that are made from the code
	@PYTHONPATH=.:lambda_functions $(PYTHON) -m tests.integration.recording
	@PYTHONPATH=.:lambda_functions $(PYTHON) -m sandbox.reference
	@PYTHONPATH=.:lambda_functions $(PYTHON) -m sandbox.transcript tables

transcript: setup ## play the partners' documents on the running platform, and write what it answers into them
	@PYTHONPATH=.:lambda_functions $(PYTHON) -m sandbox.transcript "$(STATE)"

# Set-up. Two of them at once (`make run` here, `make demo` there) take turns by a lock on this file.
TAKE_TURNS = python3 -S -c 'import fcntl, os, sys; lock = os.open("Makefile", os.O_RDONLY); \
	os.set_inheritable(lock, True); fcntl.flock(lock, fcntl.LOCK_EX); os.execvp(sys.argv[1], sys.argv[1:])'

setup: ## install what is missing; done by the others too
	@$(MAKE) -q environments || { \
	python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || \
		{ echo "python3 is missing, older than 3.8 or without venv (Debian: apt install python3-venv)" >&2; exit 1; }; \
	node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null || \
		{ echo "node is missing or older than 20: install Node.js 20 or later" >&2; exit 1; }; \
	[ "$$(npm --version 2>/dev/null | cut -d. -f1)" -ge 8 ] 2>/dev/null || \
		{ echo "npm is missing or older than 8: install the npm that comes with Node.js" >&2; exit 1; }; \
	$(TAKE_TURNS) $(MAKE) -s environments; }

sdks: # the brokers' own clients; only what compares us with them needs these
	@$(MAKE) -q .sdks/.ready || $(TAKE_TURNS) $(MAKE) -s .sdks/.ready

clients: # what partners make their clients with; only the tests of the API's description need it
	@$(MAKE) -q .clients/.ready || $(TAKE_TURNS) $(MAKE) -s .clients/.ready

environments: .venv/.ready .emulator/.ready node_modules/.ready

$(UV_READY):
	@echo "set-up: uv $(UV_VERSION)"
	@rm -rf .tools
	@python3 -m venv .tools
	@.tools/bin/pip install -qq --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

# An environment that was not finished, or whose Python is gone, is made anew; any other is brought up to date.
# uv finds a Python 3.13 on the PATH, pyenv's versions are shown to it too, and without one it downloads one.
define environment
	@[ -e $@ ] && [ -x $(@D)/bin/python ] || \
		PATH="$$PATH$$(printf ':%s' "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13.*/bin)" \
		$(UV) venv --quiet --clear --python 3.13 $(@D) || \
		{ echo "Python 3.13 was neither found nor downloaded: install it and run again" >&2; exit 1; }
	@rm -f $@
	@$(UV) pip sync --quiet --python $(@D) $<
	@touch $@
endef

.venv/.ready: requirements.txt $(shell [ -x .venv/bin/python ] || echo stale) | $(UV_READY)
	@echo "set-up: Python packages (.venv)"
	$(environment)

.emulator/.ready: sandbox/emulator-requirements.txt $(shell [ -x .emulator/bin/python ] || echo stale) | $(UV_READY)
	@echo "set-up: AWS emulator (.emulator)"
	$(environment)

.sdks/.ready: tests/sdk/requirements.txt $(shell [ -x .sdks/bin/python ] || echo stale) | $(UV_READY)
	@echo "set-up: the brokers' own clients (.sdks)"
	$(environment)

CLIENTS = tests/clients
.clients/.ready: $(CLIENTS)/requirements.txt $(CLIENTS)/package-lock.json $(CLIENTS)/package.json \
		$(shell [ -x .clients/bin/python ] || echo stale) | $(UV_READY)
	@echo "set-up: generators of clients (.clients)"
	$(environment)
	@rm -f $@
	@cp $(CLIENTS)/package.json $(CLIENTS)/package-lock.json $(@D)
	@npm ci --prefix $(@D) --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

node_modules/.ready: package-lock.json package.json
	@echo "set-up: CDK command line (node_modules)"
	@npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

stale:

# The emulator pins botocore itself, so its list comes first and the others agree with it.
LOCK = $(UV) pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-annotate
BY = --custom-compile-command "make lock

lock: $(UV_READY) ## write the lists of exact versions from pyproject.toml
	@$(LOCK) $(BY)" --group emulator -o sandbox/emulator-requirements.txt
	@$(LOCK) $(BY)" pyproject.toml --group runtime --group stack --group sandbox --group dev \
		-c sandbox/emulator-requirements.txt -o requirements.txt
	@$(LOCK) $(BY) (boto3 is not in the layer: the Lambda runtime has it)" pyproject.toml \
		-c requirements.txt -o lambda_functions/requirements.txt
	@$(LOCK) $(BY)" --group sdks -o tests/sdk/requirements.txt
	@$(LOCK) $(BY)" --group clients -o tests/clients/requirements.txt

clean: ## remove all that was installed or made here, local data too
	@rm -rf .venv .emulator .sdks .clients .tools node_modules .local cdk.out .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
