# Everything happens in .venv at the root; each target does its own set-up.
PYTHON ?= python3
BIN := .venv/bin
LOCK := requirements.lock

.PHONY: up test soak check speed install format lock proto clean
.DEFAULT_GOAL := up

up: .venv/ready-run ## a small Pocket network with a real model, on this machine
	@$(BIN)/joey up

test: .venv/ready-dev ## all tests; the model is fetched once
	@$(BIN)/joey models pull smollm2-135m-instruct
	@$(BIN)/python -m pytest

soak: .venv/ready-dev ## the same with a million claims and a million broken inputs; long
	@JOEY_SOAK=1 $(BIN)/python -m pytest -m soak --timeout 1800

check: .venv/ready-dev ## format, lint, types, import contracts, docs links
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python docs/check_links.py

speed: .venv/ready-dev ## every measurement of docs/performance.md, one JSON object each
	@$(BIN)/joey models pull smollm2-135m-instruct
	@$(BIN)/python -m speed

install: .venv/ready-run ## prepare .venv, start nothing

format: .venv/ready-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: .venv/bin/python ## resolve the dependencies anew
	@$(BIN)/pip install --quiet uv
	@printf 'setuptools>=77\n' > .venv/build.in
	@{ echo "# All of Joey's dependencies, pinned with their digests. Made by \`make lock\`."; \
	   $(BIN)/uv pip compile --quiet pyproject.toml .venv/build.in --all-extras --universal --python-version 3.11 \
	     --no-emit-index-url --generate-hashes --no-header; } > $(LOCK).new && mv $(LOCK).new $(LOCK)

proto: .venv/ready-dev ## compile joey/core/wire/proto/*.proto
	@$(BIN)/python -m joey.core.wire.proto

clean:
	rm -rf .venv

# --- set-up -----------------------------------------------------------------

.venv/ready-run: pyproject.toml $(LOCK) | .venv/bin/python
	@echo "installing Joey into .venv"
	@$(BIN)/python install.py llamacpp shannon
	@touch $@

.venv/ready-dev: pyproject.toml $(LOCK) | .venv/bin/python
	@echo "installing Joey and what its tests need into .venv"
	@$(BIN)/python install.py llamacpp shannon dev
	@touch $@ .venv/ready-run

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Joey needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "this Python has no venv module: installing python3-venv"; \
	  S=; [ "$$(id -u)" = 0 ] || S=sudo; \
	  $$S apt-get update -qq && $$S apt-get install -y -qq python3-venv >/dev/null \
	  || { echo "could not; install it yourself: apt-get install python3-venv" >&2; exit 2; }; }
	@$(PYTHON) -m venv .venv
