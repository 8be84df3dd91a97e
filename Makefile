# Needs Python 3.11 or newer and make; everything else is installed into .venv from the hash-locked lists of requirements/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
LOCKER := .cache/uv
UV := UV_PYTHON_DOWNLOADS=never $(LOCKER)/bin/uv

# Three or four test processes: many tests wait (for a killed server, a silent line), so one more than there are cores; and no
# more PostgreSQL servers than a small machine can carry.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(4, max(2, os.cpu_count() or 2) + 1))')
ARGS ?=

# The desk's tools: what runs there, and for whom their single file carries compiled modules.
DESK = $(wildcard sip2d/*.py $(addprefix sip2d/,wire client batch offline sim cli) pyz)
DESK_PYTHONS := 3.11 3.12 3.13
PYZ_PYTHONS := $(DESK_PYTHONS) 3.14
PYZ_PLATFORMS := windows x86_64-manylinux_2_17 aarch64-apple-darwin
PARTS := .cache/pyz
DIST ?= dist

SOURCES = $(wildcard sip2d tests fuzz migrations pyz)

.DEFAULT_GOAL := help
.PHONY: help venv demo test check rules bench fuzz pyz lock clean
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(VENV)/.dev ## .venv with everything, locked and hashed

# The demo needs the runtime only; a full .venv serves as well.
demo: $(if $(wildcard $(VENV)/.dev),$(VENV)/.dev,$(VENV)/.run) ## a seeded library in ./.demo, served in the foreground
	$(PY) -m sip2d demo $(ARGS)

# Hundreds of processes are started: without compiled modules each of them compiles 250 (0.25 s).
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.dev $(PARTS)/.laid ## the whole suite, on both databases and both event loops
	$(PY) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

check: $(VENV)/.dev .cache/.windows ## format, lint, types, rooms, Windows desks, Dockerfile, unit file
	$(PY) -m ruff format --check $(SOURCES)
	$(PY) -m ruff check $(SOURCES)
	$(PY) -m mypy --strict $(SOURCES)
	$(PY) -m mypy --strict --platform win32 --follow-imports silent --cache-dir .mypy_cache/windows $(DESK)
	$(BIN)/lint-imports
	$(BIN)/hadolint --failure-threshold style Dockerfile
	$(PY) -m tests.house.unit_check

rules: $(VENV)/.dev ## docs/rules.md: every rule with its code and tests; fails on a gap
	$(PY) -m tests.house.rule_map

bench: $(VENV)/.dev ## ratios against bare loops and another server; also .bench/results.json
	$(PY) -m tests.bench $(ARGS)

fuzz: $(VENV)/.fuzz ## coverage-guided fuzzing of frame, codec, session, PROXY header
	$(PY) -m fuzz $(ARGS)

pyz: $(PARTS)/.laid ## dist/sip2d-tools.pyz: bulk-renew, offline capture, client in one file
	$(PY) -m pyz.build $(PARTS) $(DIST)/sip2d-tools.pyz

lock: $(LOCKER)/bin/uv ## write requirements/*.txt anew from pyproject.toml (UPGRADE=1: newest versions)
	$(call compile,dev,pyproject.toml --group test --group lint --group build)
	$(call compile,run,pyproject.toml)
	$(call compile,build,--group build)
	$(call compile,fuzz,--group fuzz)
	$(call compile,pyz,--group pyz)
	$(call compile,lock,--group lock)

clean: ## remove what the other targets made, .demo and .bench included
	rm -rf $(VENV) .cache .demo .bench dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- how ------------------------------------------------------------------------------------------

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "sip2d needs Python 3.11 or newer, and '$(PYTHON)' is not one: try 'make PYTHON=python3.12 ...'." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp is a set that is installed; it is older than the list it was made from when that list has changed.
$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(PY)
	$(PIP) --require-hashes -r requirements/dev.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $(VENV)/.run $@

$(VENV)/.run: requirements/run.txt requirements/build.txt pyproject.toml | $(PY)
	$(PIP) --require-hashes -r requirements/run.txt -r requirements/build.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.fuzz: requirements/fuzz.txt $(VENV)/.dev
	$(PIP) --require-hashes -r requirements/fuzz.txt
	touch $@

# Every locked distribution has a wheel for Windows, and all of them together are one another's dependencies.
.cache/.windows: requirements/run.txt | $(LOCKER)/bin/uv
	for python in $(DESK_PYTHONS); do $(call foreign,windows,$$python) --dry-run --target .cache/none -r $< || exit; done
	touch $@

# What the single file is packed from: the locked tools as they would be installed on each of the machines.
$(PARTS)/.laid: requirements/pyz.txt | $(LOCKER)/bin/uv $(PY)
	rm -rf $(PARTS)
	for platform in $(PYZ_PLATFORMS); do for python in $(PYZ_PYTHONS); do \
	  $(call foreign,$$platform,$$python) --target $(PARTS)/$$python-$$platform -r $< || exit; done; done
	touch $@

$(LOCKER)/bin/uv:
	$(PYTHON) -m venv $(LOCKER)
	$(LOCKER)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt

# One list for every supported Python. dev.txt is made first and binds the others, so a version is the same in all of them.
define compile
	$(UV) pip compile $(2) --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet \
	  $(if $(UPGRADE),--upgrade) $(if $(filter-out dev,$(1)),--constraints requirements/dev.txt) \
	  --output-file requirements/$(1).txt
endef

# An installation for another machine: wheels only, and each as it was locked.
foreign = $(UV) pip install --quiet --python $(LOCKER)/bin/python --python-platform $(1) --python-version $(2) \
  --only-binary :all: --require-hashes --link-mode copy
