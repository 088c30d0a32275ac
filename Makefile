# Two commands: `make course` to study, `make test` to check everything. `make help` lists the others.
# Each sets up what it needs in .venv the first time; the stamps there say what is done, so nothing is done twice.

BIN := .venv/bin
# The first chapter there is; the number in a chapter's name gives the order.
FIRST := $(notdir $(firstword $(sort $(wildcard course/[0-9]*))))
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)
# Two workers: a lab or a browser test wants a core for itself. `make test PYTEST="-k ip -x"` passes its words to pytest.
WORKERS ?= 2
PYTEST ?=

.DEFAULT_GOAL := help
.PHONY: help course test packages engine labs instructor lint notebooks zoo bench lock check-lock clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name what; \
	  do printf '  make %-12s %s\n' "$$name" "$$what"; done

course: .venv/course.stamp  ## set up and open JupyterLab on the first chapter (ARGS=--no-browser: only the server)
	@$(BIN)/jupyter lab --ServerApp.root_dir=course --LabApp.default_url=/lab/tree/$(FIRST)/$(FIRST).ipynb $(ROOT_FLAG) $(ARGS)

test: packages engine lint  ## set up and run every test (PYTEST="-k checksum" chooses)
	@$(BIN)/python -m pytest -rs -n $(WORKERS) --dist loadscope $(PYTEST) tests $(wildcard solutions) --nbval \
	  --nbval-current-env --nbval-sanitize-with tests/notebooks/sanitize.cfg

packages: .venv/dev.stamp
	@scripts/packages

engine: packages
	@scripts/engine

labs:  ## build the image that labs run in where they are containers (needs Docker; labs as such need no image)
	@scripts/engine image

instructor: .venv/instructor.stamp  ## add what an instructor needs (nbgrader) to .venv
	@echo "Ready. docs/instructors.md says what comes next."

lint: .venv/dev.stamp  ## ruff, mypy and the layers of netlib
	@$(BIN)/ruff check --quiet . && $(BIN)/mypy --no-error-summary
	@report=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$report"; exit 1; }

notebooks: .venv/instructor.stamp  ## write the solved and the students' notebooks (CHECK=1: only compare; FORCE=1: execute all; CHAPTER=05)
	@$(BIN)/netlib notebooks $(if $(CHECK),--check) $(if $(FORCE),--force) $(CHAPTER)

zoo: .venv/instructor.stamp  ## run the wrong and right solutions of each exercise (CHAPTER=05)
	@$(BIN)/netlib zoo $(CHAPTER)

bench: .venv/dev.stamp .venv/peers.stamp  ## netlib beside dpkt, scapy, PyTCP, ns.py, ns-3 and nbgrader, as ratios from one run (fifteen minutes)
	@$(BIN)/python -m tests.benchmarks

lock: .venv/dev.stamp  ## write constraints.txt anew from pyproject.toml
	@scripts/lock constraints.txt && echo "constraints.txt is up to date"

check-lock: .venv/dev.stamp  ## do pyproject.toml, environment.yml and constraints.txt agree?
	@$(BIN)/python -m pytest -q -rs tests/test_project.py

clean:  ## remove what was set up and built, but no work of yours
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks

# beside the environment, not in it: netlib must run without them; without an index `make bench` leaves them out
.venv/peers.stamp: tests/benchmarks/peers.txt .venv/dev.stamp
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install --no-deps --require-hashes --upgrade \
	  --target .venv/peers -r $< && touch $@ || echo "make: PyTCP and ns.py could not be had: left out" >&2

.venv/%.stamp: pyproject.toml constraints.txt scripts/setup
	@scripts/setup $*
