# make book · make test · make serve · make lint: each works from a bare clone. `make help` lists all.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
COLAB := .venv-colab
PORT ?= 8000
# torch first, and exactly this: whatever asks for torch later must find it there.
TORCH := $(shell sed -n 's/^\(torch==[^ ]*\).*/\1/p' constraints.txt)

# Two threads were seen 50 times slower than one on small networks; figures are drawn without sliders'
# live kernels.
export OMP_NUM_THREADS := 1
export GANCOURSE_STATIC := 1
export PYTHONHASHSEED := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup book serve pdf epub test budget lint format bench bench-steps bench-metrics record mutants clean test-claims test-colab repository
.DEFAULT_GOAL := help

help:
	@sed -n 's/^\([a-z-]*\):.*## /make \1 · /p' Makefile

setup: $(STAMP) ## the environment, in .venv

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Python {v[0]}.{v[1]} is $(PYTHON); constraints.txt needs 3.11 to 3.13: make PYTHON=/path/to/python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt $(TORCH)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[book,test]'
	@touch $@

book: $(STAMP) ## the book, in _build/html
	$(BIN)/python scripts/build.py

serve: book ## the book, at http://127.0.0.1:$(PORT)
	@echo "http://127.0.0.1:$(PORT)/  (Ctrl-C ends it)"
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

pdf: book ## the whole book as one file, _build/gancourse.pdf
	$(BIN)/python scripts/pdf.py

epub: book ## the whole book for a reading device, _build/gancourse.epub
	$(BIN)/python scripts/epub.py

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(STAMP) ## what ruff can put right by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The build comes first and its failure is not the end: tests/test_book.py builds again and says why,
# and the last line is pytest's in any case. Each chapter runs twice: there, and under nbval.
test: $(STAMP) ## lint, types, unit tests, chapters, the built book in a browser
	-$(BIN)/python scripts/build.py
	$(BIN)/python -m pytest -n 2 --dist loadfile --nbval-lax --nbval-cell-timeout=600 \
	    tests $(wildcard book/*.ipynb) $(ARGS)

budget: $(STAMP) ## how long each page is: words, code in view, exercises (ARGS=--screens: heights, too)
	$(BIN)/python scripts/budget.py $(ARGS)

bench: bench-steps bench-metrics ## times a training step and the metrics (8 minutes)

bench-steps: $(STAMP)
	$(BIN)/python scripts/bench.py $(ARGS)

bench-metrics: $(STAMP)
	$(BIN)/python scripts/bench_metrics.py $(ARGS)

record: $(STAMP) ## NAME=...: runs a longer experiment and writes book/recorded/NAME.json
	$(BIN)/python scripts/record.py $(or $(NAME),--list) $(if $(DIRTY),--allow-dirty) $(if $(DEVICE),--device $(DEVICE))

# Never part of `make test`: 1500 mutants and more for metrics and training. tests/mutants.md keeps what was found.
MUTANTS := $(VENV)/.mutants
$(MUTANTS): $(STAMP)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[mutants]'
	@touch $@

mutants: $(MUTANTS) ## MODULE=losses: breaks it in every small way, says what its tests miss (SAMPLE=60)
	$(BIN)/python scripts/mutants.py $(or $(MODULE),losses penalties) $(if $(SAMPLE),--sample $(SAMPLE)) $(ARGS)

repository: $(STAMP) ## URL=https://github.com/OWNER/NAME: says where your copy is published
	$(BIN)/python scripts/repository.py $(if $(CLEAR),--clear,$(or $(URL),--check))

# Colab's own Python (COLAB_PYTHON, python3.13, pyenv's) and torch, 5 GB on Linux; else it says what stands in.
test-colab: ## the chapters with Colab's Python and versions, in .venv-colab (ARGS="03 12": these)
	$(PYTHON) scripts/colab.py setup
	$(COLAB)/bin/python tests/colab.py $(ARGS)

# Never part of `make test`: hours. It goes on where it was stopped; tests/claims.md keeps what was found.
test-claims: $(STAMP) ## every claim on other kernels, versions, seeds, weights (ARGS="--only avx2 --chapters 3")
	$(BIN)/python scripts/claims_matrix.py --write $(ARGS)

clean: ## removes what was built, but not .venv
	rm -rf _build book/exercises.md book/checks.md book/teaching.md book/_static/*.whl .pytest_cache .mypy_cache .ruff_cache *.egg-info
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
