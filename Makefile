# Set-up and the everyday commands. Needs make and Python >= 3.11; everything else goes into .venv.
# A CPU build of torch that you already have is used if it lies in a folder named by UV_FIND_LINKS (or PIP_FIND_LINKS).

VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# many small matrices: one thread per process is faster than two that wait for each other
export OMP_NUM_THREADS ?= 1

.PHONY: help install demo test lint bench lock clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(VENV)/installed  ## create .venv and install szilard with the locked versions

$(VENV)/installed: pyproject.toml requirements.lock
	@python=; for p in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$p; break; fi; done; \
	if [ -z "$$python" ]; then echo "szilard needs Python >= 3.11; set PYTHON=/path/to/python" >&2; exit 1; fi; \
	[ -x $(BIN)/python ] || $$python -m venv $(VENV)
	@if command -v uv >/dev/null 2>&1; then uv=uv; else \
	  [ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); uv=$(BIN)/uv; fi; \
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $$uv pip install --quiet --compile-bytecode --constraint requirements.lock --editable '.[dev]'
	@# the repository is the package: this link lets type checkers follow "import szilard" too
	@mkdir -p $(VENV)/typing && ln -sfn ../.. $(VENV)/typing/szilard
	@touch $@
	@echo "szilard is installed in $(VENV); try: $(BIN)/szilard doctor"

demo: install  ## train an agent, compare it with the certified optimum (about a minute); ARGS="--also ppo dqn" for more
	@$(BIN)/szilard demo $(ARGS)

test: install  ## run the tests
	$(BIN)/python -m pytest -n auto

lint: install  ## ruff and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: install  ## speed as ratios to the QuTiP way
	$(BIN)/python benchmarks/step_speed.py

lock: install  ## renew requirements.lock (versions only)
	uv=$$(command -v uv || echo $(BIN)/uv); $$uv pip compile --upgrade --universal --python-version 3.11 \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra dev --output-file requirements.lock pyproject.toml

clean:  ## remove what the commands made, except runs/
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
