# Two commands are all that is needed on a fresh Debian or Ubuntu machine with Rust: make demo, make test.

.PHONY: demo test scenarios fuzz prepare

# Installs what is missing, builds in release mode, and lets sample callers phone in.
demo: prepare
	cargo build --release --locked
	target/release/orderline demo $(DEMO)

# The same preparation, then every test, the linter, the formatter and the documentation, and how long each took.
test:
	.ci/test

# Plays every call of samples/scenarios in virtual time: a table, and how many come out as a clerk would have had them. Fails
# when one fails that is not in known-failures.txt, and when one passes that is.
scenarios:
	cargo run --quiet --locked -- talk --table --known samples/scenarios/known-failures.txt samples/scenarios

# Feeds the decoder and the call driver what a fuzzer invents, guided by coverage, for so many seconds each
# (tests/fuzz/README.md): make fuzz SECONDS=3600. An input that breaks something ends it, and is in target/fuzz.
SECONDS = 60
fuzz: prepare
	RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/tests/fuzz/instrumented.sh \
		cargo build --release --locked -p orderline-fuzz --features libfuzzer
	for target in decode call; do \
		mkdir -p target/fuzz/$$target && \
		target/release/fuzz-$$target -max_total_time=$(SECONDS) -max_len=20000 -timeout=20 -print_final_stats=1 \
			-artifact_prefix=target/fuzz/$$target- target/fuzz/$$target tests/fuzz/corpus/$$target || exit 1; \
	done

prepare:
	.ci/prepare build
