# Two commands are enough: `make run` to see it, `make test` to trust it. All of them are thin names for dev.py.
PYTHON ?= python3
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run stack tour chart test check bench lock secrets

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install into .venv
	@$(PYTHON) dev.py setup

run: ## Start with demo data (ARGS="--help" for options)
	@$(PYTHON) dev.py run $(ARGS)

stack: ## Start the demo with a real Prometheus and Alertmanager around it (ARGS="--help" for options)
	@$(PYTHON) dev.py stack $(ARGS)

tour: ## Show that the stack works: scrapes, rules, a budget's breach and its end in every channel
	@$(PYTHON) dev.py tour $(ARGS)

test: ## Run all tests (ARGS="-k budget" for some)
	@$(PYTHON) dev.py test $(ARGS)

check: ## Run everything CI runs: format, lint, types, security, rules, dashboards, tests, coverage
	@$(PYTHON) dev.py check $(ARGS)

bench: ## Run the benchmarks
	@$(PYTHON) dev.py bench $(ARGS)

# No index and no URL gets into the lock files: they install from wherever the machine installs from.
COMPILE = uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	--custom-compile-command "make lock" pyproject.toml requirements-build.in

lock: ## Rebuild the lock files (ARGS="--upgrade" for newer versions); needs uv
	$(COMPILE) $(ARGS) -o requirements-image.lock
	$(COMPILE) $(ARGS) --extra embedded -o requirements.lock
	$(COMPILE) $(ARGS) --extra embedded --group dev -o requirements-dev.lock

chart: ## Copy rules and dashboards into the Helm chart
	@$(PYTHON) dev.py chart

secrets: ## Make .env and the passwords and keys that compose.yaml mounts, once
	@sh tools/make-secrets.sh
