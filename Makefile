# Every target sets itself up. `make run` needs Python 3.11 or newer with venv, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links --upgrade

.DEFAULT_GOAL := help
.PHONY: help run test check lint fmt bench bench-full soak lock clean dev product

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1	/' | expand -t 20

# A plain command line, so that a SIGTERM to make reaches the supervisor and not a shell.
run: product ## everything: database, demo city, web, worker, simulators (PORT, SIM_PORT, VAR_DIR, DATABASE_URL)
	@$(BIN)/python -m tools.run

test: dev lint ## lint, types, import contracts, tests
	@$(BIN)/python tools/find_browser.py
	@$(BIN)/python -m pytest -n 4 --dist worksteal

check: dev lint ## the fast half: lint, types, import contracts, architecture tests
	@$(BIN)/python -m pytest tests/architecture

fmt: dev ## format and sort, mend what can be mended
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: dev ## benchmarks beside their limits, at most ten minutes
	@$(BIN)/python -m bench

bench-full: dev ## the same at one to ten million rows
	@$(BIN)/python -m bench --full

soak: dev ## the tests at the doses of a long run; the loads alone, for they are measured
	@$(BIN)/python tools/find_browser.py
	@DOSE=soak $(BIN)/python -m pytest -n 0 tests/load
	@DOSE=soak $(BIN)/python -m pytest -n 2 --ignore=tests/load

lock: dev ## compute the lock files anew (npm: change package.json, then this)
	@$(COMPILE) pyproject.toml -o requirements.lock
	@$(COMPILE) --group build -o requirements-build.lock
	@$(COMPILE) pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm install --package-lock-only

clean: ## remove caches and the environment; var/ with its data stays
	rm -rf .venv node_modules build app/web/static .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	find app simulators bench tools tests migrations -name __pycache__ -type d -prune -exec rm -rf {} +

lint: dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/yamllint --strict -d '{extends: default, rules: {line-length: {max: 120}}}' compose.yaml

dev:
	@$(PYTHON) tools/bootstrap.py --dev
	@$(BIN)/python tools/build_assets.py

product:
	@$(PYTHON) tools/bootstrap.py
	@$(BIN)/python tools/build_assets.py
