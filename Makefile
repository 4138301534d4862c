# Everything a developer runs. `make help` lists it. Needs Go, Python >= 3.10 and a C compiler, and for the tests Java and Maven;
# the rest comes from the package registries into $(VENV), build/ and, for servers, a cache in the home directory.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON   ?= python3
VENV     ?= .venv
FUZZTIME ?= 10s
PKG      ?= ./...

PY  := $(VENV)/bin/python
GO  := $(PY) tools/gotool.py
export PATH := $(abspath $(VENV)/bin):$(PATH)
# The real servers that tests talk to, for the time of a command.
SERVERS := $(PY) tools/servers.py run versitygw minio elasticmq moto lambda-emulator --
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# What the wheel is made of.
SOURCES := pyproject.toml setup.py MANIFEST.in go.mod go.sum \
	$(shell find capi core worker python tools -type f -not -name '*_test.go' -not -path '*/testdata/*' \
		-not -path '*/__pycache__/*' -not -path 'python/*.so*' -not -path 'python/*/numpywren-worker' -not -path '*.egg-info/*')
GOFILES  = $(shell find capi core worker benchmarks -name '*.go' -not -path '*/testdata/*')
PYFILES := $(wildcard setup.py tools python tests examples benchmarks)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build/installed.stamp $(VENV)/demo.stamp ## build, install and run both examples
	$(PY) examples/nearest_neighbor.py
	$(PY) examples/solve.py

test: lint go-test py-test ## everything below that says whether the tree is right

lint: openblas $(VENV)/lint.stamp ## gofmt, go vet, staticcheck, ruff, mypy --strict
	@unformatted="$$(gofmt -l $(GOFILES))"; [[ -z $$unformatted ]] || { echo "gofmt (make fmt mends it): $$unformatted"; exit 1; }
	$(GO) vet ./...
	CGO_ENABLED=0 GOARCH=arm64 go vet -tags purego $$(go list ./core/... ./worker/...) # what is of x86 alone is guarded
	$(GO) run $(STATICCHECK) ./...
	$(VENV)/bin/ruff check $(PYFILES)
	$(VENV)/bin/ruff format --check $(PYFILES)
	$(VENV)/bin/mypy --strict

fmt: $(VENV)/lint.stamp ## format Go and Python
	gofmt -w $(GOFILES)
	$(VENV)/bin/ruff check --fix $(PYFILES)
	$(VENV)/bin/ruff format $(PYFILES)

go-test: openblas servers ## Go's tests, without and with the race detector (PKG=./core/tile/... narrows)
	$(SERVERS) $(GO) test $(PKG)
	$(SERVERS) $(GO) test -race -short $(PKG)

py-test: build/installed.stamp servers ## pytest on the installed wheel, and the examples in the documentation
	$(SERVERS) $(PY) -m pytest

wheel: build/wheel.stamp ## build dist/numpywren-*.whl
	@ls -l dist/*.whl

worker-arm64: $(VENV)/cross.stamp ## build dist/numpywren-worker-arm64.zip, for functions on arm64
	$(PY) tools/armworker.py dist/numpywren-worker-arm64.zip

servers: build/servers.stamp ## install the S3, SQS and AWS servers of the tests into a cache outside the checkout

openblas: build/openblas.stamp ## make build/openblas, which core/kernel links

bench: build/installed.stamp $(VENV)/bench.stamp servers ## all benchmarks: against NumPy, SciPy, Dask, and workers elsewhere (BENCH=--quick)
	$(PY) benchmarks/run.py $(BENCH)
	$(if $(findstring --only,$(BENCH)),,$(GO) run ./benchmarks/solver -output benchmarks/results $(filter --quick,$(BENCH)))
	$(if $(findstring --only,$(BENCH)),,$(PY) benchmarks/cloud.py $(filter --quick,$(BENCH)))

fuzz: openblas ## each fuzz test for FUZZTIME
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

soak: openblas build/installed.stamp servers ## the randomised tests again and again, with new seeds (an hour or so)
	NUMPYWREN_SOAK=1 $(SERVERS) $(GO) test -race -count 20 -shuffle on -timeout 2h ./core/...
	NUMPYWREN_SOAK=1 $(SERVERS) $(PY) -m pytest tests

clean: ## remove what make made
	rm -rf build dist $(VENV) python/*.egg-info python/numpywren/*.so*

# ---- What the targets stand on ----------------------------------------------------------------------------------------

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python >= 3.10 is needed: make PYTHON=/path/to/it"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q --upgrade 'pip>=25.1'

# One stamp for each dependency group of pyproject.toml.
$(VENV)/%.stamp: pyproject.toml | $(PY)
	$(PY) -m pip install -q --group $*
	@touch $@

build/openblas.stamp: tools/openblas.py $(VENV)/engine.stamp
	@mkdir -p build
	$(PY) tools/openblas.py build/openblas
	@touch $@

build/servers.stamp: tools/servers.py $(VENV)/test.stamp
	@mkdir -p build
	$(PY) tools/servers.py install
	@touch $@

build/wheel.stamp: $(SOURCES) | $(PY)
	@mkdir -p build && rm -rf dist/*.whl build/lib* build/bdist* # what setuptools would take over from the last time
	$(PY) -m pip wheel -q --no-deps -w dist .
	@touch $@

build/installed.stamp: build/wheel.stamp
	$(PY) -m pip install -q dist/*.whl
	$(PY) -m pip install -q --force-reinstall --no-deps dist/*.whl
	@touch $@

.PHONY: help demo test lint fmt go-test py-test wheel worker-arm64 servers openblas bench fuzz soak clean
