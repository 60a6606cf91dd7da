# make run and make test are all it takes on a fresh Debian 12; `make` alone lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
TOOLS := Tests/Tools

# make run ARGS=--once   make bench BENCH_ARGS=renewals   make mutants MUTANTS='fence-dropped'   make test TEST_ARGS='--filter Money'
ARGS ?=
BENCH_ARGS ?=
MUTANTS ?=
TEST_ARGS ?=
FUZZ ?= webhooks 60

.PHONY: help run build release test real soak mutants fuzz lint format bench clean dependencies test-dependencies real-dependencies test-build

help:
	@echo 'make run [ARGS=--once]   a private PostgreSQL, a demo portfolio, the renewals, and the daemon until interrupted'
	@echo 'make test                the tests, on a private PostgreSQL of their own; the slowest ten are shown'
	@echo 'make real                the tests that need big real parts, such as Prometheus'
	@echo 'make soak                the long fault tests'
	@echo 'make mutants             breaks the code on purpose, and wants a named test to turn red for each'
	@echo 'make fuzz                libFuzzer on the readers of signatures, FUZZ="webhooks SECONDS"'
	@echo 'make lint                formatting, the order of the rooms, file sizes, tests that never run'
	@echo 'make format              puts the sources into the format that lint wants'
	@echo 'make bench               the release build beside bare SQL of the same run'
	@echo 'make build | release     the debug build | the executable to deploy, .build-release/release/bursar'
	@echo 'make clean               stops the private PostgreSQL, removes it and everything built'
	@echo 'make dependencies        the Debian packages that are missing'

dependencies:
	@$(TOOLS)/install-dependencies build

test-dependencies:
	@$(TOOLS)/install-dependencies test

real-dependencies:
	@$(TOOLS)/install-dependencies real

build: dependencies
	@$(TOOLS)/build bursar --product bursar

run: build
	@exec .build/debug/bursar dev run $(ARGS)

# A scratch path of its own: taking turns in one would build everything anew each time.
release: dependencies
	@$(TOOLS)/build 'the release' -c release --product bursar --static-swift-stdlib --scratch-path .build-release
	@echo '.build-release/release/bursar'

test-build: test-dependencies
	@$(TOOLS)/build 'the tests' --build-tests

# Tests that judge how long something takes come after the rest, one after another: beside others they would judge those.
test: test-build
ifeq ($(TEST_ARGS),)
	@env -u BURSAR_REAL -u BURSAR_SOAK -u BURSAR_TIMED $(TOOLS)/run-tests
	@env -u BURSAR_REAL -u BURSAR_SOAK BURSAR_TIMED=1 $(TOOLS)/run-tests --filter 'TimedTests' --no-parallel
else
	@env -u BURSAR_REAL -u BURSAR_SOAK BURSAR_TIMED=1 $(TOOLS)/run-tests $(TEST_ARGS)
endif

real: real-dependencies
	@$(TOOLS)/build 'the tests' --build-tests
	@env -u BURSAR_SOAK BURSAR_REAL=1 $(TOOLS)/run-tests --filter 'RealTests' --limit 40 $(TEST_ARGS)

# One after another: some of them measure how long something takes.
soak: test-build
	@env -u BURSAR_REAL BURSAR_SOAK=1 $(TOOLS)/run-tests --filter 'SoakTests' --limit 240 --no-parallel $(TEST_ARGS)

mutants: test-dependencies
	@$(TOOLS)/mutants.py $(MUTANTS)

fuzz: test-dependencies
	@$(TOOLS)/fuzz $(FUZZ)

lint:
	@swift format lint --strict --parallel --recursive Sources Jobs Tests Package.swift
	@$(TOOLS)/selftest
	@$(TOOLS)/lint

format:
	@swift format --in-place --parallel --recursive Sources Jobs Tests Package.swift

bench: release
	@.build-release/release/bursar bench $(BENCH_ARGS)

clean:
	@$(TOOLS)/stop-private-cluster
	@rm -rf .build .build-release .build-mutants .bursar
	@echo 'clean'
