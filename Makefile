# Every target stands alone on a clean clone: it installs what it needs (scripts/setup.sh) and builds what it runs.

.PHONY: help demo sandbox test lint bench soak torture fuzz

help:
	@echo "make demo     an agent, a proxy, a database and an auditor, from nothing, in two minutes"
	@echo "make sandbox  the same, yours to play with; prints connection strings as one line of JSON"
	@echo "make test     every test"
	@echo "make lint     rustfmt and clippy"
	@echo "make bench    direct, PgBouncer and pgwarrant side by side"
	@echo "make soak     the long form of the two-worlds tests"
	@echo "make torture  a thousand kills of proxy, backends and database under writes; KILLS=100 for fewer"
	@echo "make fuzz     every fuzz target for five minutes; SECONDS_EACH=60 for one"

demo:
	@scripts/setup.sh demo
	@cargo build --release --bin pgwarrant --example demo
	@cargo run --quiet --release --example demo

sandbox:
	@scripts/setup.sh sandbox
	@cargo build --quiet --release --bin pgwarrant --example sandbox
	@exec cargo run --quiet --release --example sandbox

test:
	scripts/setup.sh test
	scripts/test.sh

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

bench:
	@scripts/setup.sh bench
	@cargo build --release --bin pgwarrant --example bench
	@cargo run --quiet --release --example bench

soak:
	scripts/setup.sh test
	PGWARRANT_TWO_WORLDS=100000 cargo test --release --test two_worlds -- --nocapture
	PGWARRANT_TWO_WORLDS_WRITES=20000 cargo test --release --test writes_in_scope -- --nocapture
	PGWARRANT_WRITES=20000 cargo test --release --test two_worlds_writes -- --nocapture

torture:
	scripts/setup.sh test
	cargo build --release --bin pgwarrant --features kill-points
	PGWARRANT_TORTURE_KILLS=$(or $(KILLS),1000) cargo test --release --features kill-points --test crash whatever_is_killed -- --nocapture

fuzz:
	scripts/fuzz.sh $(SECONDS_EACH)
