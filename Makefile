# A thin face over tools/. On Windows, without make: see README.md.
.DEFAULT_GOAL := help
.PHONY: help setup lab test test-slow check unit lessons notebooks assignments \
        test-assignments weights lock onnx studio studio-file

# The newest suitable Python that really runs (a pyenv shim may be on the path and not run).
SUITABLE = import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON = $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c '$(SUITABLE)' >/dev/null 2>&1 && echo $$p && exit; done; echo python3)
RUN = .venv/bin/python

# Waiting threads sleep instead of spinning; tests run in two processes of one thread each.
export OMP_WAIT_POLICY = PASSIVE
test test-slow test-assignments check unit lessons: export OMP_NUM_THREADS = 1
PARALLEL = -n 2 --dist loadscope
# Seconds that one cell may hang; how long it takes is reported and never judged.
HANG = 1200

help:
	@echo "make lab         open the course in JupyterLab  (ARGS=\"--no-browser --port 8899\")"
	@echo "make test        run every check, every test and every lesson"
	@echo "make site        build the course as web pages, in build/site  (OUT=another folder)"
	@echo "make address     write the address in pyproject.toml into every lesson's first cell"
	@echo "make test-slow   run the tests that take minutes: overfitting, kill -9 and resume"
	@echo "make check       style, types, layers, doctests; lessons agree with masters"
	@echo "make notebooks   run the lessons whose master has changed  (LESSONS=\"00 01\", or all)"
	@echo "make assignments  write the assignments for a class from the lessons' masters"
	@echo "make test-assignments  grade a made class, and try every wrong solution on every check"
	@echo "make weights     train the networks in data/weights that are missing  (NAMES=\"unet-drawn\")"
	@echo "make onnx        every network that fills holes as ONNX, into build/onnx"
	@echo "make studio      the studio as a page for any file server, into build/studio"
	@echo "make studio-file  the studio as one file, for a lecture without a network"
	@echo "make lock        renew requirements.lock from pyproject.toml  (ARGS=--upgrade: newest versions)"

setup:
	@python="$(PYTHON)"; command -v "$$python" >/dev/null || { \
	  echo "set-up: no Python found; install 3.11, 3.12 or 3.13 from python.org" >&2; exit 1; }; \
	"$$python" tools/bootstrap.py

lab: setup
	@$(RUN) tools/lab.py $(ARGS)

test: check unit lessons

check: setup
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m ty check
	$(RUN) -m pytest -q tests/test_imports.py
	$(RUN) -m pytest -q --doctest-modules inpaintlib
	$(RUN) tools/lessons.py check
	$(RUN) -m classroom.assignments check

unit: setup
	$(RUN) -m pytest -q $(PARALLEL) --durations=5 tests

test-slow: setup
	$(RUN) -m pytest -q $(PARALLEL) --durations=5 -m slow tests

lessons: export INPAINTLIB_PROFILE = ci
lessons: export INPAINTLIB_DATA = drawn
lessons: setup
	$(RUN) -m pytest -q $(PARALLEL) -p tools.lesson_guard \
	  --nbval-lax --nbval-current-env --nbval-cell-timeout=$(HANG) notebooks

.PHONY: site address
site: setup
	$(RUN) tools/make_site.py $(OUT)

address: setup
	$(RUN) tools/lessons.py address

notebooks: setup
	$(RUN) tools/lessons.py render $(LESSONS)

assignments: setup
	$(RUN) -m classroom.assignments build

test-assignments: setup
	$(RUN) -m classroom.mutants
	$(RUN) -m pytest -q -m slow --durations=5 tests/classroom/test_classroom.py

weights: setup
	$(RUN) tools/make_weights.py $(NAMES)
	$(RUN) tools/weight_cards.py $(NAMES)
	$(RUN) tools/weight_list.py

onnx: setup
	$(RUN) -m web.export build/onnx $(NAMES)

studio: setup
	$(RUN) -m web.build build/studio

studio-file: setup
	$(RUN) -m web.build --file build/inpainting-studio.html

lock: setup
	$(RUN) -m uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --all-extras --group dev $(ARGS) \
	  pyproject.toml -o requirements.lock
