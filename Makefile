# Every target does its own set-up: a fresh clone needs nothing but `make run` or `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
COVERAGE_FLOOR ?= 90
# With hashes and without addresses: they hold whatever index the machine uses.
PIN := $(VENV)/pins/bin/pip-compile --quiet --upgrade --generate-hashes --no-header --strip-extras \
  --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.DEFAULT_GOAL := help
.PHONY: help run test demo check lint types imports screenshots bench install pins clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(STAMP) ## Set up and start the daemon on examples/
	@cd examples && exec ../$(BIN)/triphammer serve

test: $(DEV_STAMP) ## Set up (Kafka and Chromium too) and run the whole suite with coverage
	@bash tests/setup/parts.sh
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --fail-under=$(COVERAGE_FLOOR)

demo: $(DEV_STAMP) ## Play the main job end to end, with a real Kafka, and check it
	@bash tests/setup/parts.sh kafka
	$(BIN)/python examples/demo.py

check: lint imports types ## Lint, types and import rules (`make -k check` tells all of it)

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint --failure-threshold style Dockerfile

imports: $(DEV_STAMP)
	$(BIN)/lint-imports --no-logo

types: $(DEV_STAMP)
	$(BIN)/mypy
	$(BIN)/pyright

screenshots: $(DEV_STAMP) ## Leave a picture of every page of the console in screenshots/
	TRIPHAMMER_SCREENSHOTS=screenshots $(BIN)/python -m pytest -q tests/acceptance/test_pages.py -k whole

bench: $(DEV_STAMP) ## Measure triphammer, each figure beside its limit
	$(BIN)/python -m benchmarks

install: $(STAMP) ## Set up only what running needs

pins: $(VENV)/bin/python ## Pin the newest versions that pyproject.toml and requirements/*.in allow
	$(PYTHON) -m venv $(VENV)/pins
	$(VENV)/pins/bin/pip install --quiet pip-tools
	$(PIN) --output-file requirements/run.txt pyproject.toml
	$(PIN) --output-file requirements/build.txt requirements/build.in
	$(PIN) --output-file requirements/dev.txt requirements/dev.in
	$(PIN) --output-file requirements/fuzz.txt requirements/fuzz.in

clean: ## Remove what the targets made
	rm -rf $(VENV) dist build .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis \
	  .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "triphammer needs Python >= 3.11")'
	$(PYTHON) -m venv $(VENV)

$(STAMP): $(VENV)/bin/python requirements/run.txt pyproject.toml
	@echo "installing triphammer into $(VENV) ..."
	$(BIN)/pip install --quiet --require-hashes -r requirements/run.txt
	$(BIN)/pip install --quiet --require-hashes -r requirements/build.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q config flows sensors service triphammer
	@touch $@

$(DEV_STAMP): $(STAMP) requirements/dev.txt
	@echo "installing what the tests need ..."
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@
