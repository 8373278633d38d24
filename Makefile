# Two commands are all that is needed on a fresh Debian or Ubuntu machine with Rust: make demo, make test.

.PHONY: demo test prepare prepare-test

# Installs what is missing, builds in release mode, and lets sample callers phone in.
demo: prepare
	cargo build --release --locked
	target/release/orderline demo $(DEMO)

# The same preparation, then every test, the linter, the formatter and the documentation.
test: prepare-test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --document-private-items

prepare:
	.ci/prepare build

prepare-test:
	.ci/prepare test
