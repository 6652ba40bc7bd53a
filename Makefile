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
# Containers for development often set it; then each of the hundreds of processes of `make test` compiles all it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {split($$1, names, " "); printf "  make %-18s %s\n", names[1], $$2}' $(MAKEFILE_LIST)

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

.PHONY: score
score: $(READY) ## answer a whole file with the released model: PROJECT=visits IN=rows.csv OUT=answers.parquet
	@$(PY) -m components.score --project $(PROJECT) --in "$(IN)" --out "$(OUT)" $(ARGS)

# where models are served, only where TARGET was given: else the project says it
ON = $(if $(filter file,$(origin TARGET)),,--target $(TARGET))
AT_VERSION = $(if $(VERSION),--version $(VERSION))

.PHONY: status history plan rollout hold rollback
plan: ## what a rollout would change, and what stands against it [PROJECT=visits] [TARGET=kserve] [VERSION=4]
rollout: ## bring a version to where it is served, by its steps; goes on with one under way [TARGET=local|kubernetes|kserve|ecs]
hold: ## stop a rollout at its step, until promote or rollback [PROJECT=visits] [TARGET=kserve]
rollback: ## drop what is being rolled out; else serve again what was served before [ARGS='--reason "..."']
plan rollout hold rollback: $(READY)
	@$(PY) -m evenkeel.targets $@ $(PROJECT) $(ON) $(AT_VERSION) $(ARGS)
status: $(READY) ## what is served, and what is under way [PROJECT=visits] [FROM=production]
	@$(if $(FROM),$(PY) -m evenkeel.promotion $@ $(PROJECT) --to $(FROM),$(PY) -m evenkeel.targets $@ $(PROJECT) $(ON)) $(ARGS)
history: $(READY) ## what was served, why and who said so [PROJECT=visits] [FROM=production] [AT=2026-05-03T14:00]
	@$(if $(FROM)$(AT),$(PY) -m evenkeel.promotion $@ $(PROJECT) $(if $(FROM),--to $(FROM)) $(if $(AT),--at $(AT)),$(PY) -m evenkeel.targets $@ $(PROJECT) $(ON)) $(ARGS)

##@ From one environment to the next

.PHONY: promote approve approvals
promote: $(READY) ## serve the same bundle in an environment: TO=production [VERSION=4]; without TO: skip a rollout's steps
	@$(if $(TO),$(PY) -m evenkeel.promotion $@ $(PROJECT) --to $(TO) $(AT_VERSION) $(if $(DIGEST),--digest $(DIGEST)),$(PY) -m evenkeel.targets $@ $(PROJECT) $(ON)) $(ARGS)
approve: $(READY) ## say yes to exactly this bundle: TO=production ROLE=owner REASON="..." [VERSION=4]
	@$(PY) -m evenkeel.promotion $@ $(PROJECT) --to "$(TO)" --role "$(ROLE)" --reason "$(REASON)" $(AT_VERSION) $(ARGS)
approvals: $(READY) ## every yes that was given [PROJECT=visits]
	@$(PY) -m evenkeel.promotion $@ $(PROJECT) $(ARGS)

.PHONY: why reproduce compare
why: $(READY) ## where it comes from, what came of it: MODEL=visits@champion | PREDICTION=<id> | DATA=<version> [ARGS=--json]
	@$(PY) -m evenkeel.lineage $(if $(PREDICTION),--prediction "$(PREDICTION)",$(if $(DATA),--data "$(DATA)",$(or $(MODEL),$(PROJECT)@champion))) $(ARGS)
reproduce: $(READY) ## make a version again from its recorded inputs, compare digests: MODEL=visits@3 [ARGS="--out FOLDER"]
	@$(PY) -m pipelines reproduce $(or $(MODEL),$(PROJECT)@champion) $(ARGS)
compare: $(READY) ## train what a branch changes, judge it against production: BASE=origin/main [PROJECT="visits wine"|all]
	@$(PY) -m pipelines compare $(if $(filter file,$(origin PROJECT)),,$(PROJECT)) --base "$(or $(BASE),origin/main)" --default "$(DEFAULT)" $(ARGS)

##@ Watching

.PHONY: monitor report
monitor: $(READY) ## check the released models' newest windows once [ARGS="visits ..."]
	@$(PY) -m monitoring check $(ARGS)
report: $(READY) ## write the Evidently report of the newest window [PROJECT=visits]
	@$(PY) -m monitoring report $(PROJECT) $(ARGS)

.PHONY: retrain-log
retrain-log: $(READY) ## every decision on retraining, with its reason
	@$(PY) -m monitoring retrain-log $(ARGS)

.PHONY: demo drill
demo: $(READY) ## the whole loop in two minutes: drift, alarm, retraining, recovery
	@$(PY) -m monitoring demo $(ARGS)
drill: $(READY) ## the loop under faults, each with its outcome
	@$(PY) -m monitoring drill $(ARGS)

.PHONY: observe
observe: $(READY) ## Prometheus, Alertmanager and Grafana in Docker Compose, and the retraining webhook
	@tools/observe

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
compile: $(READY) ## write everything that is generated and committed from its source
	@$(PY) -m pipelines compile && $(PY) -m monitoring.dashboards && $(PY) -m monitoring.rules
	@$(PY) -m pipelines.delivery && $(PY) -m evenkeel.doctor.errors && $(PY) tools/chart-readme && $(PY) tools/example-model

.PHONY: pipeline-schedule pipeline-upload
pipeline-schedule: $(READY) ## create or replace the recurring run [PROJECT=visits] [ARGS='--cron "0 0 3 * * *"']
	@$(PY) -m pipelines schedule $(PROJECT) $(ARGS)
pipeline-upload: $(READY) ## upload the pipeline, or a new version of it
	@$(PY) -m pipelines upload $(ARGS)

.PHONY: images
images: ## build the images with Docker [ROOMS="serving components monitoring governor"]
	@tools/images $(ROOMS)

.PHONY: kind-up kind-down
kind-up: ## a whole cluster on this machine: Kubeflow, KServe, MLflow, Prometheus (docs/kind.md)
	@tools/kind-up
kind-down: ## delete it
	@tools/kind-down

.PHONY: ecs-acceptance
ecs-acceptance: $(READY) ## roll out in a real AWS account and take it away again (about 0.10 USD): PROJECT=visits BUCKET=...
	@tools/ecs-acceptance "$(PROJECT)" "$(BUCKET)" $(ARGS)

.PHONY: publish
publish: ## build the images for both architectures, push and sign them: REGISTRY=ghcr.io/team
	@tools/publish "$(REGISTRY)" $(ROOMS)

##@ Development

.PHONY: test
test: $(READY) ## all tests but the whole loop's and the cluster's
	@$(PY) -m pytest -q -n 2 --dist worksteal -m 'not loop and not cluster' $(ARGS)

.PHONY: test-loop
test-loop: $(READY) ## the whole loop end to end: demo, drill, pipelines to their last box (minutes)
	@$(PY) -m pytest -q -m loop $(ARGS)

.PHONY: test-engines
test-engines: $(READY) ## Great Expectations, Feast and Weights & Biases in a place of their own (docs/engines.md)
	@tools/engines && .evenkeel/engines/bin/python -m pytest -q -n 2 --dist loadfile tests/engines $(ARGS)

.PHONY: test-cluster
test-cluster: $(READY) ## tests on a real Kubernetes API server; its first build takes minutes
	@tools/cluster-tools >/dev/null && $(PY) -m pytest -q -m cluster tests/cluster $(ARGS)

.PHONY: lint
lint: $(READY) ## ruff lint and format, mypy strict, import-linter
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports --no-logo

.PHONY: check
check: ## everything CI checks
	@.ci/run

.PHONY: doctor
doctor: $(READY) ## check this machine and every configured endpoint, each fault with its fix
	@$(PY) -m evenkeel.doctor $(ARGS)

.PHONY: licences audit
licences: $(READY) ## packages whose licence asks for a look [ARGS=--all]
	@$(PY) tools/licences $(ARGS)
audit: $(READY) ## known vulnerabilities of the locked packages; needs the network
	@tools/audit

.PHONY: schema
schema: $(READY) ## write conf/schema.json from the project model
	@$(PY) -m evenkeel.config.schema

.PHONY: lock
lock: ## renew requirements.lock from pyproject.toml
	@tools/lock

.PHONY: clean
clean: ## delete local state, after telling what and a yes
	@tools/clean
