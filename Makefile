# SPDX-License-Identifier: Apache-2.0
# The commands of the house. Each installs the packages that it needs, if they are missing.

PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60
packages = tools/install-packages.sh
# The one whose modules come from packages.txt; another may stand before it on PATH.
python = /usr/bin/python3 -B

.PHONY: help build demo test bench check fuzz reference install clean

help:
	@echo 'make demo       build, run real programs in slices, measure them; build/demo/report.html'
	@echo 'make build      the binaries and libmelon.so, in build/release'
	@echo 'make test       build and run all tests, in build/dev'
	@echo 'make bench      figures against their budgets, in build/bench'
	@echo 'make check      format, clang-tidy, layers, duplicate facts'
	@echo 'make fuzz       all fuzzers; FUZZ_SECONDS=$(FUZZ_SECONDS) together'
	@echo 'make reference  write the generated pages of docs/reference'
	@echo 'make install    PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'make clean      remove build/'

build:
	$(packages) build
	cmake --preset release
	cmake --build build/release

demo:
	@echo "Melon demo. The device is this machine's CPU through OpenCL (PoCL), not a GPU. First: what it needs."
	$(packages) build demo
	cmake --preset release
	cmake --build build/release
	$(python) demo/demo.py

test:
	$(packages) build demo test
	cmake --preset dev
	cmake --build build/dev
	ctest --preset dev

bench:
	$(packages) build demo test bench
	cmake --preset bench
	cmake --build build/bench
	$(python) -m bench.run --no-build

check:
	$(packages) build demo test check
	tools/check_format.sh
	$(python) tools/layers.py
	$(python) tools/check_facts.py
	$(python) tools/check_files.py
	cmake --preset dev
	tools/check_tidy.sh build/dev

fuzz:
	$(packages) build demo test check
	cmake --fresh --preset fuzz
	cmake --build build/asan --target fuzzers
	tools/run_fuzzers.sh build/asan $(FUZZ_SECONDS)

reference:
	$(packages) build demo test
	cmake --preset dev
	cmake --build build/dev --target reference

install:
	$(packages) build
	cmake --preset release -DCMAKE_INSTALL_PREFIX=$(PREFIX)
	cmake --build build/release
	DESTDIR=$(DESTDIR) cmake --install build/release

clean:
	rm -rf build
