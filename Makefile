# Builds and checks the book; each target is a line that a person could type.
PYTHON ?= python3
BIN := .venv/bin
HTML := _build/html
NB ?= $(wildcard chapters/*.ipynb pages/*.ipynb)
TESTS := tests/library tests/parity tests/test_benchmarks.py tests/exercises tests/widgets tests/chapters chapters pages tests/site
BOOK_SOURCES = _config.yml _toc.yml index.md $(wildcard chapters/*.ipynb pages/*.ipynb pages/*.md pages/*.bib results/*) \
	$(wildcard nnlib/*.py nnlib/widgets/* site/*.py site/*.js site/*.css) $(shell find site/templates -type f)

.SUFFIXES:
.DELETE_ON_ERROR:
.PHONY: help book test lab execute results serve bench mutants lock versions clean

help:  ## list the targets
	@echo "make TARGET, where TARGET is one of"
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 11 | sed 's/^/  /'

book: $(HTML)/.built  ## the book as HTML, in _build/html
	@echo "The book is in $(HTML)/index.html; it needs no server."

# One thread multiplies matrices: on a busy machine two of them mostly wait for each other.
test: $(HTML)/.built .venv/.browser  ## style, spelling, every test of the library, the notebooks and the site
	@echo "Checking style and spelling"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/codespell
	@echo "Running the tests"
	@PYTHONUNBUFFERED=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --nbval --nbval-current-env --nbval-sanitize-with tests/chapters/sanitize.cfg $(TESTS)

lab: .venv/.stamp  ## the chapters in JupyterLab
	@$(BIN)/jupyter lab chapters

execute: .venv/.stamp  ## run notebooks again and store their outputs (NB=chapters/02_perceptron.ipynb for one)
	@$(BIN)/python site/notebooks.py execute $(NB)

results: .venv/.stamp  ## compute the long figures of the page of published results again (NAME=symmetry for one)
	@$(BIN)/python results/reproduce.py $(NAME)

serve: book  ## the book on http://localhost:8000
	@$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory $(HTML)

bench: $(HTML)/.built .venv/.browser  ## measure the pages, the widgets, and the library beside its rivals
	@$(BIN)/python benchmarks/page.py
	@$(BIN)/python benchmarks/library.py

# Always from nothing: mutmut would keep what older tests failed to notice.
mutants: .venv/.stamp  ## change nnlib's mathematics in thousands of small ways, and count what its tests notice (hours)
	@$(BIN)/python -m pip install --quiet mutmut==3.8.1
	@rm -rf mutants
	@OPENBLAS_NUM_THREADS=1 $(BIN)/mutmut run
	@$(BIN)/python tests/mutants.py

lock: .venv/.stamp  ## pin the newest versions of everything in requirements.txt
	@echo "Resolving requirements.txt"
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra book --extra test --universal --python-version 3.11 \
		--no-header --no-annotate --quiet --upgrade --output-file requirements.txt
	@echo "-e ." >> requirements.txt

versions: .venv/.stamp  ## test nnlib with the oldest and the newest versions that it allows
	@$(BIN)/python -m pip install --quiet uv
	$(call test_with,oldest,lowest-direct,ipywidgets==7.7.1,-W ignore::DeprecationWarning)
	$(call test_with,newest,highest,ipywidgets)

# ipywidgets 7.7.1 is Colab's; its own code warns of deprecations.
define test_with
	@echo "Testing with the $(1) versions"
	@$(BIN)/uv venv --quiet --clear _build/versions/$(1)
	@$(BIN)/uv pip install --quiet --python _build/versions/$(1) --resolution $(2) -e . "$(3)" \
		"hypothesis>=6.100" "playwright>=1.45" "pytest>=8"
	@_build/versions/$(1)/bin/python -m pytest --quiet -p no:cacheprovider $(4) \
		tests/library tests/parity tests/widgets/test_explorer.py tests/widgets/test_grid.py
endef

clean:  ## remove what was built and the environment
	rm -rf _build .venv mutants site/node_modules pages/practice

.venv/.stamp: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; \
		sys.exit(sys.version_info < (3, 11) and f"Python 3.11 or newer is needed; $(PYTHON) is {v}. Try make PYTHON=python3.12")'
	@echo "Making the environment in .venv (minutes, the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

site/node_modules/.stamp: .venv/.stamp site/package-lock.json
	@echo "Fetching KaTeX for the formulas and axe for the tests"
	@cd site && ../$(BIN)/npm ci --silent --no-audit --no-fund
	@touch $@

_build/extra/.stamp: .venv/.stamp $(wildcard exercises/*.md grading/*.py)
	@echo "Writing the practice pages and the students' notebooks"
	@$(BIN)/python -m grading.release
	@touch $@

# Always from nothing: no page that left the book stays, and no warning hides behind a cached page.
$(HTML)/.built: site/node_modules/.stamp _build/extra/.stamp $(BOOK_SOURCES)
	@echo "Building the book"
	@rm -rf $(HTML) _build/.doctrees _build/jupyter_execute
	@$(BIN)/jupyter-book build . -n -W --keep-going --quiet > /dev/null
	@! grep -q 'url: .*/OWNER/' _config.yml || \
		echo "The address of the repository, in _config.yml, is still the placeholder: launch buttons lead nowhere."
	@touch $@

.venv/.browser: .venv/.stamp
	@$(BIN)/python site/browser.py
	@touch $@
