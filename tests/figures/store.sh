#!/usr/bin/env bash
# The store's figures beside pgbench: keyed creations and searches at 1, 8 and 32 clients, on one private PostgreSQL, in
# one run of about four minutes. A quiet machine, please: clients, store and PostgreSQL share its processors.
#
#   tests/figures/store.sh [SECONDS]     each of the 24 runs takes so many seconds, 8 unless said otherwise
set -euo pipefail
cd "$(dirname "$0")/../.."
exec cargo run --release --locked --quiet --example store_bench -- "$@"
