# The face for people: each target is one line that calls a room's door. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PY      := .venv/bin/python
READY   := .venv/.ready
PROJECT ?= visits
TARGET  ?= local
PORT    ?= 8080
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := 1

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml tools/bootstrap
	@tools/bootstrap

.PHONY: setup
setup: $(READY) ## make .venv from the lock (every other verb does so by itself)

##@ The loop

.PHONY: pipeline-run
pipeline-run: $(READY) ## data -> gated, registered, deployed model [PROJECT=visits] [TARGET=local|kfp] [ARGS=-v]
	@$(PY) -m pipelines run $(PROJECT) --target $(TARGET) $(ARGS)

.PHONY: new-project
new-project: $(READY) ## conf/NAME.yaml from your own data: NAME=churn DATA=some.csv TARGET=left [ARGS=--force]
	@$(PY) -m components.new_project --name "$(NAME)" --data "$(DATA)" --target "$(if $(filter file,$(origin TARGET)),,$(TARGET))" $(ARGS)

.PHONY: serve
serve: $(READY) ## serve the released model, following new releases [PROJECT=visits] [PORT=8080]
	@$(PY) -m serving --follow .evenkeel/releases/$(PROJECT)/release.json --port $(PORT) $(ARGS)

##@ Data

.PHONY: data
data: $(READY) ## make and verify the bundled data
	@$(PY) -m components data materialise

.PHONY: data-add
data-add: $(READY) ## a new data version of a file or folder below data/: DATA=data/churn.csv
	@$(PY) -m components data add $(DATA)

.PHONY: data-push data-pull
data-push: $(READY) ## upload data versions to the DVC remote
	@$(PY) -m components data push $(DATA)
data-pull: $(READY) ## fetch the pointers' data versions from the DVC remote
	@$(PY) -m components data pull $(DATA)

##@ The pipeline on Kubeflow

.PHONY: compile
compile: $(READY) ## write pipelines/compiled/ from the source
	@$(PY) -m pipelines compile

.PHONY: pipeline-schedule pipeline-upload
pipeline-schedule: $(READY) ## create or replace the recurring run [PROJECT=visits] [ARGS='--cron "0 0 3 * * *"']
	@$(PY) -m pipelines schedule $(PROJECT) $(ARGS)
pipeline-upload: $(READY) ## upload the pipeline, or a new version of it
	@$(PY) -m pipelines upload $(ARGS)

##@ Development

.PHONY: test
test: $(READY) ## all tests but the cluster's
	@$(PY) -m pytest -q -n 2 --dist worksteal $(ARGS)

.PHONY: lint
lint: $(READY) ## ruff lint and format, mypy strict, import-linter
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports --no-logo

.PHONY: check
check: ## everything CI checks
	@.ci/run

.PHONY: schema
schema: $(READY) ## write conf/schema.json from the project model
	@$(PY) -m evenkeel.config.schema

.PHONY: lock
lock: ## renew requirements.lock from pyproject.toml
	@tools/lock

.PHONY: clean
clean: ## delete local state, after telling what and a yes
	@tools/clean
