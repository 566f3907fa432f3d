# Everything runs in .venv, which `make venv` builds with nothing but a Python 3.11 or newer and the package registry.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
UV     := UV_PROJECT_ENVIRONMENT=$(VENV) VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv
# A lock is made of the public index alone: no setting of the machine may get into it.
COMPILE := $(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links
COMMA  := ,
ARGS   ?=
# A bundle for a package index behind a private certificate authority, handed to the image's build as a secret.
CA_BUNDLE ?= $(SSL_CERT_FILE)

.PHONY: help venv lock upgrade scan test cover lint format judges bench image clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

venv: $(STAMP)  ## the development environment, from the locks

$(STAMP): requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: say which to use, e.g. make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	$(UV) pip install --quiet --require-hashes -r requirements/dev.txt
	$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock:  ## bring the locks in line with pyproject.toml, keeping the versions
	$(COMPILE) $(ARGS) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) $(ARGS) pyproject.toml --extra local -c requirements/runtime.txt -o requirements/local.txt
	$(COMPILE) $(ARGS) pyproject.toml --extra local --group dev -c requirements/local.txt -o requirements/dev.txt
	$(COMPILE) $(ARGS) requirements/bootstrap.in -c requirements/runtime.txt -o requirements/bootstrap.txt
	$(COMPILE) $(ARGS) requirements/build.in -c requirements/dev.txt -o requirements/build.txt

upgrade:  ## the newest versions into the locks
	$(MAKE) lock ARGS=--upgrade

scan: venv  ## scan the fixture project article-bad on the local engine: a full report, and "blocks" is the right verdict
	@code=0; result=$$(mktemp); trap 'rm -f "$$result"' EXIT; \
	$(BIN)/seatrial scan fixtures/projects/article-bad --engine local --json "$$result" $(ARGS) || code=$$?; \
	if [ "$$code" -eq 1 ] && [ -s "$$result" ]; then echo "make scan: exit code 1 is the expected verdict: article-bad must be blocked."; \
	else echo "make scan: expected a report and exit code 1 (blocked), got exit code $$code" >&2; exit 1; fi

test: venv  ## the tests; those that need an engine are skipped, loudly, where there is none
	$(BIN)/python -m pytest $(ARGS)

cover: venv  ## the tests with branch coverage; the engine tests count only where the engines are
	$(BIN)/python -m pytest --cov --cov-report=term $(ARGS)

lint: venv  ## style, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: venv  ## put the formatting and what can be put automatically right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

judges: venv  ## other people's readers of our outputs, as many as can be had here
	$(BIN)/python benchmarks/judges.py --outside $(VENV)/judges $(ARGS)

bench: venv  ## the time of each layer beside the bare commands
	$(BIN)/python benchmarks/layers.py

image:  ## the scanner's own image, as seatrial:dev
	docker build $(if $(CA_BUNDLE),--secret id=ca$(COMMA)src=$(CA_BUNDLE)) $(ARGS) --tag seatrial:dev .

clean:  ## everything that these targets made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov build dist
