# The commands of the README. Each installs what it lacks (scripts/setup.sh) and does nothing twice.
BUILD := build/release
JOBS ?= $(shell nproc)

.DEFAULT_GOAL := help
.PHONY: help setup python configure build demo test unit bench clean

help: ## This list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 12

setup: ## Install missing Debian packages and LibTorch
	@scripts/setup.sh

python: setup ## Make .deps/python for the tests of python/ (PyTorch, diffusers)
	@scripts/python_env.sh

configure: setup
	@test -e $(BUILD)/build.ninja || cmake --preset release

program: configure
	@echo "building build/release/tessera (first time: 3 to 6 minutes on 2 cores)"
	@cmake --build $(BUILD) -j $(JOBS) --target program

build: configure ## Build the program, its modules, the tests and the benchmarks
	@echo "building everything (first time: 8 to 15 minutes on 2 cores)"
	@cmake --build $(BUILD) -j $(JOBS)

demo: program ## Make films dense and lite with the shipped model; open demo_out/index.html
	@$(BUILD)/tessera demo --force -o demo_out

test: build ## Build everything and run all tests
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

unit: build ## The tests that need less than a minute in all
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS) -L unit

bench: build ## Speed of attention_forward against Torch's
	@$(BUILD)/bench/attention_forward --quick

clean: ## Remove the build, keep what setup installed
	@rm -rf build
