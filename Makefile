# The front door. `make` alone lists what there is.

# Where rustup puts cargo; a shell that was open before rustup ran does not look there.
export PATH := $(PATH):$(HOME)/.cargo/bin

MATCHDAY := target/release/matchday

# The fuzz targets compile on stable, too. Nothing is linked, so libFuzzer itself is not built: any name stands for it.
CHECK_FUZZ := CUSTOM_LIBFUZZER_PATH=none/libfuzzer.a RUSTFLAGS="-D warnings" cargo check --locked --target-dir target/fuzz

# The services with bugs in them, and nothing else.
PLANTED := --workspace --features ingestion/planted,processors/planted,distribution/planted \
	--bin ingestion --bin processors --bin distribution

.DEFAULT_GOAL := help
.PHONY: help doctor setup build planted demo verify capacity soak up scenario top down status logs test test-api test-containers test-mysql test-compose bench bench-counts bench-peers lint doc

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s%s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Before the first build the script alone can answer: what it would install.
doctor: ## say what this machine lacks, and how to install it
	@if [ -x $(MATCHDAY) ]; then $(MATCHDAY) doctor; else \
		echo "matchday is not built yet. What building it and a stack need:"; \
		command -v cargo >/dev/null && echo "ok	rust" || echo "missing	rust	https://rustup.rs"; \
		harness/services/install-debian.sh --check; fi

# Where stores run in containers (a Docker engine answers, or MATCHDAY_STORES says so) no Java, no database and no Redis.
setup: ## install what is missing on this machine; says what and why before it does
	@harness/services/install-debian.sh
	@command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs, then run make again." >&2; exit 1; }

build: setup ## build everything in release mode
	cargo build --release --workspace --bins

# Into a folder of their own, from the same intermediate files: only our own crates are compiled once more.
planted: setup ## build the services with the bugs in them that the judge has to find
	CARGO_BUILD_BUILD_DIR=target CARGO_TARGET_DIR=target/planted cargo build --release $(PLANTED)

demo: build ## play games through the whole pipeline, verify every store and socket, take all down
	$(MATCHDAY) demo

verify: build ## drive a scenario through a stack of its own and judge it: make verify S=all-faults
	$(MATCHDAY) verify $(or $(S),steady-hockey)

capacity: build ## search for the highest rate that holds all gates: make capacity S=steady-hockey
	$(MATCHDAY) capacity $(S)

# Half an hour of everything that can go wrong in a feed and in a stack; SEED=7 repeats one, SECONDS=3600 makes it longer. Of an hour
# the recordings take about 600 MiB: all of it, so that what fails can be cut down.
soak: build ## the same for long: every fault of the feed and of the stack, from a seed that is printed
	$(MATCHDAY) verify $(or $(S),soak) --seconds $(or $(SECONDS),1800) --seed $(or $(SEED),$(shell date +%s)) --recording-mib 1024

up: build ## start everything and leave it running, every address printed
	$(MATCHDAY) up

top: build ## what the stack does, live, in this terminal; ? shows the keys, q ends it
	@$(MATCHDAY) top

# Into the stack that is up, wherever that is, or to the address that TO or MATCHDAY_INGESTION names; each time as other games.
# The stack of `make up` asks for what it lacks where the documentation has the simulator: four ports after ingestion's.
scenario: build ## play a scenario: make scenario S=goal-rush; without S, say which there are
	@to="$(or $(TO),$(MATCHDAY_INGESTION))"; at=; listen=; \
	[ -n "$$to" ] || { to=$$($(MATCHDAY) status | awk '/^[^ ]/ { up = / up$$/ } up && $$1 == "ingestion" && $$2 ~ /^http/ { print $$2; exit }'); \
		[ -z "$$to" ] || at="127.0.0.1:$$(($${to##*:} + 4))"; }; \
	[ -z "$$at" ] || $(MATCHDAY) healthcheck "http://$$at" >/dev/null 2>&1 || listen="--listen $$at"; \
	if [ -n "$(S)" ]; then target/release/simulator run $(S) --fresh --to "$${to:-http://127.0.0.1:4000}" $$listen; \
	else target/release/simulator scenarios; fi

# Without a build: what runs can be looked at and ended while the code does not compile, or where it never was compiled here.
# Takes the command of matchday and that of Compose.
define matchday-or-compose
	@if [ -x $(MATCHDAY) ]; then $(MATCHDAY) $(1); \
	elif command -v docker >/dev/null && [ -n "$$(docker compose --profile '*' ps --all --quiet)" ]; then \
		docker compose --profile '*' $(2); \
	elif [ -d .matchday ]; then echo "A stack of an earlier build is in .matchday: make build, then make $(1)." >&2; exit 1; \
	else echo "Nothing is built here, and Docker tells of no Compose project of this folder."; fi
endef

down: ## end what `make up` or `docker compose up` started; nothing stays but Compose's volumes
	$(call matchday-or-compose,down,down --remove-orphans)

status: ## which stacks are there, how each part of them is, every address
	$(call matchday-or-compose,status,ps --all)

logs: ## what each part of the stack wrote last
	$(call matchday-or-compose,logs,logs --tail 50)

# One after another: each test of the pipeline has a stack of its own, and two of them fill a small machine.
# Stores run in containers where a Docker engine answers, else as processes; MATCHDAY_STORES=native or containers chooses.
test: build planted ## all tests, on a real stack
	@harness/services/install-debian.sh --python --tmux
	cargo test --release --workspace -- --test-threads=1

# Installs schemathesis from PyPI under target/, where it is not there yet.
test-api: build ## REST against its OpenAPI document, by schemathesis
	@harness/services/install-debian.sh --python
	cargo test --release -p harness --test it -- api:: --nocapture

# With TESTS as below.
test-containers: build planted ## the tests that need a stack, on Kafka, MySQL 8.4 and Redis in containers
	@harness/services/install-debian.sh --python --tmux
	MATCHDAY_STORES=containers cargo test --release --workspace --test it -- --test-threads=1 $(TESTS)

# On the MySQL that is installed, else on the one that Maven Central has. TESTS="faults:: verdict::" runs these alone.
test-mysql: build planted ## the tests that need a stack, on MySQL 8
	@harness/services/install-debian.sh --mysql --python --tmux
	MATCHDAY_DATABASE=mysql cargo test --release --workspace --test it -- --test-threads=1 $(TESTS)

# Builds an image, with CARGO_PROFILE=release as people run it; MATCHDAY_TAG=local takes the one of that tag instead.
test-compose: setup ## docker-compose.yml, its image and its alert rules, on the Docker engine of this machine
	REVISION=$$(git rev-parse HEAD) cargo test --release --workspace --test it -- --ignored --test-threads=1 --nocapture compose::

# Criterion says what has changed since the run before, which must have had as quiet a machine.
bench: setup ## how long the hot functions take: read, cut, apply, write, merge, send
	cargo bench --workspace --bench hot

# Installs gungraun-runner from crates.io under target/, where it is not there yet. BLESS=1 keeps the new counts.
bench-counts: setup ## how many instructions they take, against those in harness/counts/kept
	@harness/services/install-debian.sh --valgrind
	@harness/counts/run.sh

# What is compared, and with which settings: docs/peers.md. PEERS="--only ingestion" is one comparison.
bench-peers: build ## the same work by other people's programs, in turn, and how the figures compare
	@harness/peers/build.sh
	$(MATCHDAY) bench-peers $(PEERS)

lint: setup ## format, clippy, fuzz targets, shell scripts; warnings are errors
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	cargo clippy --release $(PLANTED) -- -D warnings
	@for crate in domain ingestion; do $(CHECK_FUZZ) --manifest-path $$crate/fuzz/Cargo.toml || exit 1; done
	@if command -v shellcheck >/dev/null; then shellcheck harness/services/*.sh harness/api/*.sh harness/counts/*.sh harness/peers/*.sh; else echo "shellcheck is not installed: shell scripts are not checked"; fi

doc: setup ## the documentation of all crates; warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps
