#!/bin/sh
# Compiles this workspace's crates, and they alone, so that libFuzzer sees which branches an input takes: what
# cargo-fuzz does with `--sanitizer none`, on the stable toolchain. Overflow and debug assertions are findings too. Little
# optimised, which is quicker to compile by more than it is slower to run.
exec "$@" \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cdebug-assertions=on \
    -Coverflow-checks=on \
    -Copt-level=1
