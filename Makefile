# Every target sets up what it needs by itself. `make` alone lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check bench backtest soak postgres calc odata-clients contract-linters browser-tools openapi clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'

demo: $(READY) ## start the demo company, print its answer and serve it (ARGS=--once: print and stop)
	@$(BIN)/sightline demo $(ARGS)

# A worker that dies ends the run: pytest-xdist 3.8 would wait for its successor for ever.
test: $(READY) postgres calc odata-clients contract-linters browser-tools ## everything that must hold: style, types, import rules, docs, tests (SQLite and PostgreSQL), smoke run
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadgroup --max-worker-restart 0 $(ARGS)
	@[ ! -f api/cli.py ] || $(MAKE) --no-print-directory smoke

.PHONY: smoke
smoke: $(READY) ## the installed command without any development dependency, from a wheel, in an environment of its own
	@sh tests/smoke.sh $(PYTHON)

bench: $(READY) ## count requests to the trackers, measure judging, reading, tables as files, and syncs beside the raw floor of the same run (ARGS="--issues 1000,10000")
	$(BIN)/python -m tests.economy
	$(BIN)/python -m tests.judging
	$(BIN)/python -m tests.exporting
	$(BIN)/python -m tests.reading
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: reading
reading: $(READY) ## measure reading alone, beside the raw floor, datasette, SQLModel and roapi on the same database (ARGS="--items 10000 --seconds 1")
	$(BIN)/python -m tests.reading $(ARGS)

backtest: $(READY) ## companies with known truth: how well the signals foresee what will miss, beside two baselines (ARGS="--seeds 50")
	$(BIN)/python -m tests.backtest $(ARGS)

soak: $(READY) postgres ## the slow proofs: kill -9 loops and long fault matrices (about 10 minutes)
	SIGHTLINE_TEST_KILLS=300 $(BIN)/pytest -n 2 -k "kill or soak" $(ARGS)

postgres: ## install PostgreSQL for the tests where that is possible and it is missing
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null; } \
	|| echo "PostgreSQL is not installed and cannot be installed from here: its tests will be skipped and say so."

calc: ## install LibreOffice Calc, which opens what we serve in the tests, where that is possible and it is missing
	@command -v soffice >/dev/null 2>&1 \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libreoffice-calc-nogui >/dev/null; } \
	|| echo "LibreOffice Calc is not installed and cannot be installed from here: its tests will be skipped and say so."

CLIENTS := $(VENV)/odata-clients
odata-clients: $(READY) ## install the OData clients that the tests ask with, npm packages and Chromium, where that is possible and they are missing
	@cmp -s tests/api/odata/clients/package.json $(CLIENTS)/.installed \
	|| { command -v npm >/dev/null && mkdir -p $(CLIENTS) && cp tests/api/odata/clients/package.json $(CLIENTS)/ \
	&& npm --prefix $(CLIENTS) install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error >/dev/null \
	&& cp $(CLIENTS)/package.json $(CLIENTS)/.installed; } \
	|| echo "npm is not here, or did not answer: the tests that ask with OData clients of others will be skipped and say so."
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	|| echo "Chromium is not installed and cannot be installed from here: its test will be skipped and say so."

LINTERS := $(VENV)/contract-linters
contract-linters: $(READY) ## install what judges the HTTP contract, Redocly's and Spectral's rules from npm, where that is possible and they are missing
	@cmp -s tests/api/contract/package.json $(LINTERS)/.installed \
	|| { command -v npm >/dev/null && mkdir -p $(LINTERS) && cp tests/api/contract/package.json $(LINTERS)/ \
	&& npm --prefix $(LINTERS) install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error >/dev/null \
	&& cp $(LINTERS)/package.json $(LINTERS)/.installed; } \
	|| echo "npm is not here, or did not answer: the test that lints the contract will be skipped and say so."

TOOLS := $(VENV)/browser-tools
browser-tools: $(READY) ## install what judges the pages in a browser, axe from npm, where that is possible and it is missing
	@cmp -s tests/api/browser/package.json $(TOOLS)/.installed \
	|| { command -v npm >/dev/null && mkdir -p $(TOOLS) && cp tests/api/browser/package.json $(TOOLS)/ \
	&& npm --prefix $(TOOLS) install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error >/dev/null \
	&& cp $(TOOLS)/package.json $(TOOLS)/.installed; } \
	|| echo "npm is not here, or did not answer: the tests that look at the pages with axe will be skipped and say so."

openapi: $(READY) ## write openapi.json, the HTTP contract, anew
	@$(BIN)/python -m tests.contract

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && $(PYTHON) -m venv $(VENV); } \
	|| { echo "Python's venv module is missing: apt-get install python3-venv, then again."; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable . --group dev
	@$(BIN)/python -m compileall -q -j 2 $(VENV)/lib >/dev/null 2>&1 || true
	@touch $@

clean: ## remove what the other targets made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
