# labkit: every target sets up what it needs in .venv and does nothing twice.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints.txt

.DEFAULT_GOAL := help
.PHONY: help tour lab test check notebooks refresh datasets bench soak browser screenshots programs clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */  make \1	/' | expand -t 20

.venv/labkit.stamp: pyproject.toml .ci/constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -e .
	@touch $@

.venv/test.stamp: .venv/labkit.stamp
	$(PIP) -e '.[test]'
	@touch $@

tour: .venv/labkit.stamp  ## one message through four devices, every exchange as a table
	@$(BIN)/labkit tour

lab: .venv/test.stamp  ## the notebooks in JupyterLab
	@$(BIN)/labkit lab

test: check  ## everything: check, the tests, the notebooks
	$(BIN)/python -m pytest -n auto -m "not browser"
	@$(MAKE) --no-print-directory notebooks

check: .venv/test.stamp  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

notebooks: .venv/test.stamp  ## every notebook runs and gives the outputs that are committed
	$(BIN)/labkit notebooks check notebooks --checks unsolved
	$(BIN)/python -m pytest -q --nbval -n auto --dist loadfile notebooks

refresh: .venv/test.stamp  ## run every notebook and make every dataset again, and keep what comes out
	$(BIN)/python -c 'from labkit.course import places; places.write()'
	@for file in datasets/make_*.py; do $(BIN)/python $$file || exit 1; done
	$(BIN)/python datasets/describe.py
	$(BIN)/labkit notebooks refresh notebooks --yes

datasets: .venv/test.stamp  ## the captured sessions anew: simulated, and recorded where the programs are
	@for file in datasets/make_*.py; do $(BIN)/python $$file || exit 1; done
	$(BIN)/python datasets/record_sessions.py
	$(BIN)/python datasets/describe.py

bench: .venv/test.stamp  ## how fast, as ratios against a peer measured in the same run
	@for file in tests/benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

soak: .venv/test.stamp  ## kill the servers 200 times, damage messages and captures in any way, and miss nothing
	LABKIT_KILLS=200 $(BIN)/python -m pytest -q -s tests/world/test_killed.py
	LABKIT_SOAK=1 $(BIN)/python -m pytest -q -n auto tests/message/test_bad_input.py tests/tables/test_fuzz.py

browser: .venv/test.stamp  ## the widgets and notebooks in a real JupyterLab and a real Chromium
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && $(MAKE) --no-print-directory programs; } || true
	$(BIN)/python -m pytest -n auto -m browser tests/browser

screenshots: .venv/test.stamp  ## a picture of each widget and notebook, in both themes, in .pictures/
	LABKIT_PICTURES=.pictures $(BIN)/python -m pytest -q tests/browser/test_pictures.py

programs:  ## the system programs that some tests drive (Debian; needs root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	  chromium curl fetchmail getmail6 libio-socket-ssl-perl libnet-ssleay-perl mpop msmtp poppler-utils s-nail swaks tcpdump tshark
	echo postfix postfix/main_mailer_type select No configuration | debconf-set-selections
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	  dovecot-imapd dovecot-pop3d iproute2 isync neomutt offlineimap3 postfix

clean:  ## remove .venv and what tools left behind
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
