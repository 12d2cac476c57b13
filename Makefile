# Needs python3 (3.11 or newer), make and a package index. Nothing of AWS is ever contacted.
PYTHON ?= python3
ARCHITECTURE ?= x86_64
BIN := .venv/bin
READY := .venv/.ready

.PHONY: run test conformance-moto cost sweep accuracy guard compare guard-trial mutants ways screen pictures bench lint format lock package sample clean

run: $(READY)
	$(BIN)/harness run --sample --thumbnails npi --out runs/latest

# What 8 million files cost and how long they take, by the sample's calibration.
cost: $(READY)
	$(BIN)/harness project --out runs/projection

# The best batch size and memory, on files as archives have them.
sweep: $(READY)
	$(BIN)/harness sweep --batch-pages 1,5,10,15,30 --memory 1024,1769,3008 --out runs/sweep

# What is found of the NPI on the sample, on drawn office forms, and in labelled lines; or what a review says of your own files:
# make accuracy REVIEW=.harness/review.json
accuracy: $(READY)
	$(BIN)/harness accuracy $(if $(REVIEW),"$(REVIEW)") --out runs/accuracy

# Whether reading a page became slower since a revision: make guard BASE=main
guard: $(READY)
	$(if $(BASE),,$(error BASE=<revision> is missing: what to compare the working tree with))
	$(BIN)/harness guard --base "$(BASE)" --out runs/guard

# What a change does to the bill for 8 million files, and to all else that is counted: make compare BASE=main
compare: $(READY)
	$(if $(BASE),,$(error BASE=<revision> is missing: what to compare the working tree with))
	$(BIN)/harness compare "$(BASE)" . --fail-above 3% --out runs/compare

# Forty comparisons beside a busy process: of the same code, and of code slowed by a tenth. Up to an hour; goes on where it ended.
guard-trial: $(READY)
	$(BIN)/python -m benchmarks.guard_trial

# How many small changes of the pipeline exploration finds; hours for all of them: make mutants COUNT=40 draws some. Goes on where it ended.
mutants: $(READY)
	$(BIN)/python -m tests.mutants.scoring $(if $(COUNT),--count $(COUNT)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(MOST),--most $(MOST)) $(if $(JOBS),--jobs $(JOBS)) --out runs/mutants

test: $(READY) lint
	$(BIN)/pytest -n auto --dist worksteal

# moto's own tests of SQS and DynamoDB against the patched moto. MOTO_TESTS: a folder with moto's sources, of the version in use.
conformance-moto: $(READY)
	@if test -d "$(MOTO_TESTS)/tests/test_sqs"; then \
	  cd "$(MOTO_TESTS)" && PYTHONPATH="$(MOTO_TESTS):$(CURDIR)" $(CURDIR)/$(BIN)/pytest -c /dev/null --rootdir=. -q -p no:cacheprovider -p benchmarks.moto_suites tests/test_sqs tests/test_dynamodb; \
	else echo "skipped: MOTO_TESTS names no folder with moto's tests (its source distribution has them)"; fi

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint template.yaml

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What each way to read a page finds and takes, side by side.
ways: $(READY)
	$(BIN)/python -m benchmarks.ways

# The pictures of README and docs/, from real runs; PICTURES names some of them. Needs a browser, and some minutes.
pictures: $(READY)
	$(BIN)/python docs/pictures.py $(PICTURES)

# Trains anew what tells digits from letters before a page is read; some ten minutes.
screen: $(READY)
	$(BIN)/python -m benchmarks.screen

# Every benchmark, compared with the last saved run, and saved itself; pictures lie in runs/bench. SUITE names a file of them.
bench: $(READY)
	mkdir -p runs/bench
	$(BIN)/pytest benchmarks/$(SUITE) --benchmark-enable --benchmark-only --benchmark-autosave --benchmark-histogram=runs/bench/histogram $(if $(wildcard .benchmarks/*/*.json),--benchmark-compare)

# The lock file lists every version with its hashes, for all platforms; uv installs exactly that. The pipeline's own
# lists the same for Lambda's Python.
lock:
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --no-header --quiet --upgrade -o requirements.lock
	$(BIN)/uv pip compile pipeline/requirements.txt -c requirements.lock --python-version 3.13 --python-platform x86_64-manylinux_2_28 --generate-hashes --no-emit-index-url --no-header --quiet -o pipeline/requirements.lock

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $(READY)

# The packages of the functions for AWS, as folders and zip files, and a template for them: make package ARCHITECTURE=arm64
# BYTECODE=python3.13 compiles them as well: half as long a cold start, and a tenth more bytes.
PACKAGES = $(PYTHON) deploy/packages.py --architecture $(ARCHITECTURE) $(if $(BYTECODE),--bytecode $(BYTECODE))
package:
	$(PACKAGES) --out build/$(ARCHITECTURE)

# `sam build` calls these for each function (template.yaml: BuildMethod makefile).
build-%:
	$(PACKAGES) --function $* --out "$(ARTIFACTS_DIR)"

clean:
	rm -rf .venv .harness runs build .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
