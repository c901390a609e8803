# Three commands do all the set-up: `make run` fits the sample, `make check` looks at a change in under three minutes,
# `make test` runs the whole suite.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SAMPLE := sample_data/si_c_step.gwy
OUT := build/si_c_step_D

# What the tests use of the system: Gwyddion with its libraries, a compiler, a virtual screen.
SYSTEM_PACKAGES := gwyddion libgwyddion20-dev libgtk2.0-dev libgtkglext1-dev libfftw3-dev \
	gcc pkg-config locales valgrind xvfb xauth xdotool openbox imagemagick \
	libegl1 libgl1 libgl1-mesa-dri libglx-mesa0 libdbus-1-3 libfontconfig1 libglib2.0-0 libxkbcommon-x11-0 \
	libx11-xcb1 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 \
	libxcb-shape0 libxcb-xfixes0 libxcb-xkb1 fonts-dejavu-core
# Windows are opened on a screen of their own, so that nobody's desktop flickers.
SCREEN := xvfb-run -a -s "-screen 0 1600x1200x24"
# Two processes; the tests of one file stay together, as they share what is costly to make.
PYTEST_OPTIONS ?= -n 2 --dist loadfile
# Each process has a core; linear algebra that took both in each would have four threads push each other aside.
ONE_THREAD := env OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
# What takes no more than a second and needs neither a window, nor Qt, nor Gwyddion, nor anything of the system.
QUICK := -m "not display and not gwyddion and not slow" -p no:pytest-qt

.PHONY: run test check docs lint fuzz kill-points benchmark wheels release clean system-packages

run: $(VENV)/installed
	@mkdir -p build
	@$(BIN)/tesm fit $(SAMPLE) -o $(OUT).gwy --figure $(OUT).png --json $(OUT).json --overwrite

test: system-packages $(VENV)/installed-for-tests lint
	$(ONE_THREAD) $(SCREEN) $(BIN)/python -m pytest $(PYTEST_OPTIONS)

check: lint
	$(ONE_THREAD) $(BIN)/python -m pytest $(PYTEST_OPTIONS) $(QUICK)

lint: $(VENV)/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Files with mistakes in them through each reader; INPUTS="gwy --count 1000000 --seed 7" takes days.
fuzz: $(VENV)/installed-for-tests
	$(BIN)/python tests/fuzzing.py $(INPUTS)

# Every moment at which a process can be stopped while it writes; STOPS="--every 10" tries fewer.
kill-points: $(VENV)/installed-for-tests
	$(BIN)/python tests/kill_points.py $(STOPS)

benchmark: $(VENV)/installed-for-tests
	$(BIN)/python benchmarks/engine.py

# Wheels in build/wheels: for all platforms, and for Linux with the Gwyddion module built in, which then needs no compiler.
wheels: $(VENV)/installed
	$(BIN)/python gwyddion_plugin/make_wheels.py build/wheels

# The site, in build/site; every warning is an error, and the tutorials run.
docs: $(VENV)/installed-for-tests
	$(ONE_THREAD) $(BIN)/python -m sphinx -W --keep-going -q -d build/site-doctrees docs build/site
	@echo "Open build/site/index.html"

# A version that is written, built, tried in fresh environments, committed and tagged: make release VERSION=1.0.0rc1
release: $(VENV)/installed
	$(BIN)/python -m pip install --quiet 'build>=1.2'
	$(BIN)/python .ci/release.py $(VERSION)

clean:
	rm -rf build $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

system-packages:
	@sh .ci/system_packages.sh $(SYSTEM_PACKAGES)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or later is needed; $(PYTHON) is `$(PYTHON) --version`." \
		     "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "This Python cannot make virtual environments. On Debian and Ubuntu install what it lacks:" >&2; \
		echo "    sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/installed-for-tests: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[gui,test]'
	@touch $@ $(VENV)/installed
