# Chores list themselves: `make help`. CI calls the same targets.
PYTHON ?= python3
PORT ?= 8080
DATA ?= demo-data
CONFIG ?= deploy/aws/config.toml
TEST_PROCESSES ?= 2
export UV_NO_PROGRESS = 1

.PHONY: help demo install dev test bench lint fmt lock aws-synth aws-templates aws-bundle
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

demo: install ## Start Imagemill with sample photos on http://127.0.0.1:8080 (PORT=, DATA= override)
	@.venv/bin/imagemill demo --port $(PORT) --data $(DATA)

install: .venv/.installed ## Create .venv from the lock file; the program is .venv/bin/imagemill
.venv/.installed: requirements.lock pyproject.toml
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv || { echo "Imagemill needs Python 3.11 or newer with venv; set PYTHON=/path/to/python3.11"; exit 1; }
	@.venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Imagemill needs Python 3.11 or newer; .venv has " + sys.version.split()[0] + " (set PYTHON=…, remove .venv)")'
# pyvips has no wheel. Where it finds the headers of a system's libvips it builds itself against that one, however old,
# and would hide the newer one of pyvips-binary; pip would even keep such a wheel for later.
	@sed -n '/^pyvips==/,/# via/p' requirements.lock > .venv/pyvips.lock
	@PKG_CONFIG_LIBDIR=/nonexistent PKG_CONFIG_PATH= .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --require-hashes -r .venv/pyvips.lock
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

dev: .venv/.dev
.venv/.dev: requirements-dev.lock .venv/.installed
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Two processes, as many as CI has cores; conftest.py says which tests stay together.
test: dev ## Install what the tests need and run all of them
	.venv/bin/python -m pytest --numprocesses=$(TEST_PROCESSES) --dist=loadgroup

lint: dev ## ruff and mypy --strict
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

fmt: dev ## Format the code
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: dev ## Run the benchmarks; writes benchmarks/results/latest.json
	.venv/bin/python -m benchmarks

aws-synth: dev ## Write the AWS templates of deploy/aws/config.toml (CONFIG= overrides) to build/aws/templates
	@.venv/bin/python -m deploy.aws --config $(CONFIG)

aws-templates: dev ## Write the released templates, deploy/aws/templates, again
	@.venv/bin/python -m deploy.aws --out deploy/aws/templates

aws-bundle: dev ## Make the zips that Lambda runs, in build/aws (PYTHON313= compiles them)
	@.venv/bin/python -m deploy.aws.bundle

lock: ## Resolve the dependencies again and write the lock files
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra heic --group pyproject.toml:build -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra functions --extra heic --extra jxl --group pyproject.toml:build --group pyproject.toml:dev -o requirements-dev.lock
	for kind in delivery control; do uv pip compile --quiet --python-version 3.13 --python-platform aarch64-manylinux_2_28 --generate-hashes --no-emit-index-url --no-header --constraint requirements-dev.lock deploy/aws/requirements-$$kind.in -o deploy/aws/requirements-$$kind.lock; done
