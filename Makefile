# These do everything: `make demo`, `make simulate`, `make check`, `make test` and `make test-real`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
SERVE ?= 1
# The demo's draft has a price, so that the money path can be seen.
demo: export DRAFT_PRICE_PER_SECOND ?= 0.01
demo simulate: export STATIC_ROOT ?= $(CURDIR)/var/static
PORT ?= 8000
SPEED ?= 20
BIN := .venv/bin
export PYTHONUNBUFFERED=1
# Lint and types at once.
MAKEFLAGS += --jobs=2
# Where it is set, each of the many processes would compile every library again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo simulate check test test-real lint types lock audit clean

DEMO := manage.py demo --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve)
ifdef REAL
demo: .venv/.dev-ready var/static/staticfiles.json
	VAR_DIR=$(CURDIR)/var/real $(BIN)/python -m tests.support.real --run $(DEMO)
else
demo: .venv/.run-ready var/static/staticfiles.json  ## set up, render one video, then serve the dashboard (SERVE=0 ends after the render; REAL=1: on PostgreSQL, Valkey and a bucket)
	$(BIN)/python $(DEMO)
endif

simulate: .venv/.dev-ready var/static/staticfiles.json  ## the same against stand-ins of the providers, so that every offer works without a key
	$(BIN)/python manage.py simulate --port $(PORT) --speed $(SPEED) $(if $(filter 0,$(SERVE)),--no-serve)

check: .venv/.dev-ready lint types  ## lint, type-check, and the tests that are quick and touch no process, browser or server
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not process and not browser and not server and not slow"

test: .venv/.dev-ready lint types  ## set up, lint, type-check, run every test, and again on real parts what the engine decides
	$(BIN)/python -m tests.support.machine
	$(BIN)/python -m pytest -n 3 --dist loadgroup
	$(BIN)/python -m tests.support.real

test-real: export LONG_PLANS ?= 500
test-real: export BATCH_ROWS ?= 1000
test-real: .venv/.dev-ready  ## every test on PostgreSQL, Valkey and a bucket
	$(BIN)/python -m tests.support.machine
	$(BIN)/python -m tests.support.real tests

lint: .venv/.dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit -q -ll -r avatarsite billing studio manage.py -x '*/migrations/*'
	$(BIN)/lint-imports
	find templates -name '*.html' -not -path 'templates/admin/*' | xargs $(BIN)/djhtml --check --tabwidth 2

types: .venv/.dev-ready
	$(BIN)/mypy

lock: .venv/bin/uv  ## pin what pyproject.toml asks for; the files name no registry
	$(BIN)/uv pip compile -q --universal --no-header --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock
	cp requirements.lock requirements-speech.lock
	$(BIN)/uv pip compile -q --universal --no-header --no-emit-index-url --no-emit-find-links pyproject.toml --extra speech -o requirements-speech.lock
	$(BIN)/uv pip compile -q --universal --no-header --no-emit-index-url --no-emit-find-links pyproject.toml --group dev --extra speech -o requirements-dev.lock

.venv/bin/uv:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q uv

.venv/.run-ready: requirements-speech.lock .venv/bin/uv
	@test -e .venv/.dev-ready || $(BIN)/uv pip install -q -r requirements-speech.lock
	@touch $@

.venv/.dev-ready: requirements-dev.lock .venv/bin/uv
	$(BIN)/uv pip install -q -r requirements-dev.lock
	@touch $@

var/static/staticfiles.json: requirements.lock $(shell find static -type f) | .venv/.run-ready
	$(BIN)/python manage.py collectstatic --noinput -v 0

audit: .venv/.dev-ready  ## ask PyPI's advisories about every pinned dependency; needs the internet
	$(BIN)/uv tool run pip-audit -r requirements-speech.lock --no-deps --disable-pip

clean:  ## forget the demo's data and the environment
	rm -rf var .venv
