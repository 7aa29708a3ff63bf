# Two commands do everything on a machine with Python 3.11 and make: `make demo` and `make test`.
# On Linux pip's default torch is the large CUDA build. For a CPU build give pip's arguments yourself:
#   make test TORCH="torch==2.13.0 --index-url URL-OF-THE-CPU-WHEELS"

PYTHON ?= $(shell command -v python3.11 || command -v python3)
TORCH ?= torch==2.13.0
BIN := .venv/bin
READY := .venv/.ready
MINUTES ?= 10
START ?= $(shell date +%s)
DEMO := samples/digits/build
export OMP_NUM_THREADS ?= 1

.PHONY: help setup demo test lint format types imports quick packaging slow fuzz coverage bench wheel clean

help:
	@echo "make demo    train an early-exit CNN on scans of digits, compile it, run it without torch"
	@echo "make test    lint, types, import contracts and tests, as CI does"
	@echo "make lint    lint and format check;  make format  apply both"
	@echo "make quick   the quick tests alone;  make slow    the slow ones"
	@echo "make fuzz    random programs against PyTorch (MINUTES=10): failures, shrunk, into tests/cases/fuzz"
	@echo "make coverage  what compiles and what is refused, construct by construct: docs/coverage.md"
	@echo "make bench   time the samples against eager, torch.compile, ...: docs/benchmarks.md (an hour)"
	@echo "make wheel   build the wheel into dist/;  make clean   remove what was made"

setup: $(READY)

$(READY): requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python found: install Python 3.11 or give PYTHON=/path/to/python" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq $(TORCH)
	$(BIN)/python -m pip install -qq --requirement requirements-dev.txt
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	$(BIN)/python samples/digits/train.py --output $(DEMO)
	$(BIN)/dyncc samples/digits/model.py --weights $(DEMO)/digits.safetensors --output $(DEMO)/digits.dyncc
	$(BIN)/python samples/digits/eager.py $(DEMO)
	$(BIN)/python samples/digits/evaluate.py $(DEMO)

test: lint types imports quick packaging

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup
	$(BIN)/pyright

imports: setup
	$(BIN)/lint-imports --no-logo

quick: setup
	$(BIN)/python -m pytest -n 2 -m "not slow and not tvm and not gpu"

packaging: setup
	$(BIN)/python -m pytest tests/packaging

slow: setup
	$(BIN)/python -m pytest -n 2 -m "slow"

fuzz: setup
	$(BIN)/python -m tests.fuzz.run --start $(START) --count 1000000 --seconds $$(($(MINUTES) * 60)) --jobs 2 \
		--save tests/cases/fuzz

coverage: setup
	$(BIN)/python -m tests.coverage

bench: setup
	$(BIN)/python -m samples.benchmarks run --threads 1
	$(BIN)/python -m samples.benchmarks run --threads 2
	$(BIN)/python -m samples.benchmarks write

wheel: setup
	$(BIN)/python -m build --no-isolation --wheel

clean:
	rm -rf dist $(DEMO) .pytest_cache .ruff_cache .hypothesis
