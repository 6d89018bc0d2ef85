# The daily commands. They need only Python 3.11 or newer and make.

PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
# The inputs of each lock. The first is resolved freely; the others take its versions.
dev.txt := dev.in
embedded.txt := base.in embedded.in build.in
base.txt := base.in
build.txt := build.in
LOCKS := dev.txt embedded.txt base.txt build.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-fast test-postgresql check workflows measure way bench chaos interleave fuzz containers postman messages numbering screenshots vendor lock .venv

help: ## this list
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## PostgreSQL, Valkey, web, workers, all together, until Ctrl-C
	@exec $(BIN)/vestnik up $(ARGS)

# Python keeps what it compiled (of each test module, by pytest, too), so that each process of the
# tests need not compile it anew, where the environment would forbid it.
test test-fast: export PYTHONDONTWRITEBYTECODE =
# One more than there are processors: tests that start a stack wait for most of their time.
WORKERS := $(shell n=$$(($$(getconf _NPROCESSORS_ONLN) + 1)); echo $$((n < 4 ? n : 4)))
TESTED = -m pytest --dist loadfile --no-loadscope-reorder
TOOK = echo "make $@ took $$(($$(date +%s) - began)) s"

test: $(VENV)/.dev ## every test, on servers of its own, and how much they cover
	@began=$$(date +%s); trap '$(TOOK)' EXIT; set -ex; \
	rm -f .coverage.json; \
	$(BIN)/slipcover --json --out .coverage.json $(TESTED) --part most -n $(WORKERS) $(ARGS); \
	$(BIN)/python $(TESTED) --part browser -n $(WORKERS) $(ARGS); \
	$(BIN)/python $(TESTED) --part alone $(ARGS); \
	$(BIN)/slipcover --merge .coverage.json --out .coverage.json --fail-under 90

test-fast: $(VENV)/.dev ## tests without a stack, a browser, generated inputs or long tables
	@began=$$(date +%s); trap '$(TOOK)' EXIT; \
	$(BIN)/python -m pytest --part fast -q -n $(WORKERS) --dist loadfile $(ARGS)

# Tests that start their own stack still use the embedded PostgreSQL.
test-postgresql: $(VENV)/.dev ## the tests of a database, on a PostgreSQL of TEST_DATABASE_URL
	@test -n "$(TEST_DATABASE_URL)" || { echo "set TEST_DATABASE_URL to a PostgreSQL whose role" \
		"may create databases: postgresql://user:password@host:5432/database" >&2; exit 1; }
	$(BIN)/python -m pytest --part most -n $(WORKERS) \
		--dist loadfile $(or $(ARGS),$(addprefix tests/,access api audience dashboard db \
		dispatch mailings providers reports))

check: $(VENV)/.dev ## format, lint, types, import contracts, CI files, migrations, retired words
	$(BIN)/black --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile tests/containers/standins/*/Containerfile
	@$(MAKE) --no-print-directory workflows
	$(BIN)/vestnik manage makemigrations --check --dry-run
	$(BIN)/python -m pytest -q tests/architecture/test_vocabulary.py

# The schemas come with the package: no network.
workflows: $(VENV)/.dev ## CI, issue forms and compose.yaml against their schemas
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci .gitlab-ci.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config \
		.github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms \
		$(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml

measure: ## how large functions, files and folders are, and the share of comments
	@$(PYTHON) -m tests.architecture.measure_house

way: $(VENV)/.dev ## the files that one message passes; writes them into docs/architecture.md
	$(BIN)/python -m tests.architecture.message_way --write

bench: $(VENV)/.dev ## the measurements, side by side; writes docs/benchmarks.md
	$(BIN)/python -m bench $(ARGS)

chaos: $(VENV)/.dev ## kill -9 at random moments, over and over; prints the table
	$(BIN)/python -m tests.pipeline.chaos $(ARGS)

interleave: $(VENV)/.dev ## every two operations of the pipeline, in every order of statements
	$(BIN)/python -m tests.interleaving $(ARGS)

containers: $(VENV)/.dev ## the image and the compose file, run for real by Podman
	tests/containers/run $(ARGS)

fuzz: $(VENV)/.dev ## 20,000 hostile requests; N="…" for more or fewer
	FUZZ_EXAMPLES=$(or $(N),20000) $(BIN)/python -m pytest tests/fuzz -rP $(ARGS)

postman: $(VENV)/.dev ## the Postman collection against a stack of its own (needs npm)
	$(BIN)/python -m pytest tests/postman -rP $(ARGS)

messages: $(VENV)/.dev ## collect the pages' texts, and compile their translations (needs gettext)
	cd vestnik && ../$(BIN)/vestnik manage makemessages --locale ru --no-wrap --no-location \
		--ignore vendor --ignore admin
	cd vestnik && ../$(BIN)/vestnik manage compilemessages --locale ru

numbering: $(VENV)/.dev ## the shipped number ranges, by REGISTER=DEF-9xx.csv of PUBLISHED=2026-04-20
	DJANGO_SETTINGS_MODULE=vestnik.settings $(BIN)/python -m vestnik.audience.numbering.register_table \
		$(REGISTER) $(PUBLISHED)

screenshots: $(VENV)/.dev ## the main pages as pictures, into docs/screenshots (needs Chromium)
	$(BIN)/python -m tests.browser.screenshots

vendor: ## copy the pages' libraries from npm (needs npm)
	vestnik/dashboard/vendor/copy

.venv: $(VENV)/.run ## the environment alone; .venv/bin/vestnik is the command

# `run` needs fewer packages than the rest, so a newcomer waits less.
$(VENV)/.run: requirements/embedded.txt
$(VENV)/.dev: requirements/dev.txt
$(VENV)/.run $(VENV)/.dev: pyproject.toml requirements/base.in requirements/embedded.in | $(BIN)/pip
	@echo "installing $(filter %.txt,$^) into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement $(filter %.txt,$^)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable .
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Vestnik needs Python 3.11 or newer, and '$(PYTHON)' is not: name one," \
			"for example: make run PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# One resolution for all locks: the tested versions are those that run. A lock must not contain the
# address of an index.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"

lock: ## resolve requirements/*.in anew, with hashes (needs uv)
	@cd requirements && $(foreach lock,$(LOCKS),$(COMPILE) $($(lock)) --output-file $(lock) \
		$(if $(filter dev.txt,$(lock)),,--constraint dev.txt) &&) true
	@cd requirements && ! grep --line-number --extended-regexp \
		'://|^ *--(index|extra|find|trusted)' $(LOCKS) \
		|| { echo "there is an address in a lock: see above" >&2; exit 1; }
