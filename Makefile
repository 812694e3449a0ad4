# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
export PYTHON
BIN := .venv/bin
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/corebound-tests

.PHONY: help environment demo lint crds test system-packages cluster cluster-programs \
	node-images node bench-local bench-compare bench-neuroevolution bench-operator bench-node

help:
	@echo "make demo                 run a real search on this machine (about 2 minutes after the first download)"
	@echo "make test                 lint, types, import rules and every test; status 3 when some could not run here;"
	@echo "                          on a cluster that is there already: tests/node/README.md;"
	@echo "                          KUBERNETES=1.36: on that version (else the API server is of the newest, the node of the oldest)"
	@echo "make crds                 write crds/searchcampaigns.yaml anew, after a change of the models"
	@echo "make cluster              a Kubernetes control plane on this machine, until Ctrl-C"
	@echo "make node                 the same with a real node and the images of the Dockerfile (root on Debian)"
	@echo "make bench-local          what Corebound costs, beside bare processes and Optuna's own (20 minutes)"
	@echo "make bench-compare        beside Optuna's n_jobs, joblib, Pool, Ray and a search tuned by hand (an hour and more)"
	@echo "make bench-neuroevolution networks evaluated and bred, beside neat-python and published counts (half an hour)"
	@echo "make bench-node           installation, first trial and first generation on a real node (5 minutes)"
	@echo "make bench-operator       the operator with many campaigns on a real API server, held to limits (15 minutes)"

environment:
	@.ci/environment test

demo:
	@.ci/environment demo
	$(BIN)/corebound run --fresh -f examples/pole-balancing.yaml
	@echo
	@$(BIN)/corebound report pole-balancing -o reports/pole-balancing.html

lint: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --cache-dir $(CACHE)/mypy
	$(BIN)/lint-imports

crds: environment
	$(BIN)/python crds/write.py

system-packages:
	@.ci/system-packages test

# Not built here (no Go, no module proxy): the tests that need them are listed as not run. Status 2: KUBERNETES is unknown.
cluster-programs:
	@$(PYTHON) tests/cluster/build.py $(USES) || { [ $$? != 2 ] && echo "the programs of a cluster could not be built"; }
	@$(PYTHON) -m tests.cluster.definitions || echo "the kinds of other projects could not be fetched"

# Likewise: buildah, debootstrap and root make them.
node-images:
	@$(PYTHON) -m tests.cluster.images || echo "the images could not be built"

cluster bench-operator: USES := control-plane
node bench-node: USES := node helm

cluster: environment cluster-programs
	@$(BIN)/python -m tests.cluster

node: environment cluster-programs node-images
	@$(BIN)/python -m tests.cluster --node

# make itself ends with 2 whatever a recipe's status was; its last line names it: "Error 3".
# The set-up does two things at once: compilers take both cores, while what is downloaded and unpacked waits for neither.
test: system-packages
	@$(MAKE) --no-print-directory --jobs=2 cluster-programs node-images lint
	@.ci/tests

bench-node: environment cluster-programs node-images
	PYTHONPATH=. $(BIN)/python bench/node.py

bench-operator: environment cluster-programs
	PYTHONPATH=. $(BIN)/python bench/reconcile.py

bench-local: environment
	$(BIN)/python bench/local.py
	$(BIN)/python bench/ledger.py
	$(BIN)/python bench/running_trials.py
	$(BIN)/python bench/growth.py
	$(BIN)/python bench/report.py

bench-neuroevolution: environment
	$(BIN)/uv pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/python bench/neuroevolution.py
	$(BIN)/python bench/solved.py

# Ray is wanted here only; without it the others are compared. OPTIONS="--trials 8 --rounds 1" makes it shorter.
bench-compare: environment
	@UV_SYSTEM_CERTS=1 $(BIN)/uv pip install --quiet --constraint constraints.txt --editable ".[bench]" || \
		echo "Ray could not be installed, see above: the rest is compared"
	$(BIN)/python bench/compare.py $(OPTIONS) --write README.md
