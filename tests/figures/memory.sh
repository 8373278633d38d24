#!/usr/bin/env bash
# Resident memory of the voice server alone: idle, and with calls going on. Prints one table.
#
#   tests/figures/memory.sh [CALLS]      after `cargo build --release`; default 10 calls
set -euo pipefail
cd "$(dirname "$0")/../.."
calls=${1:-10}
binary=target/release/orderline
folder=$(mktemp -d)
server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"; }
trap finish EXIT

# No store and no database: what is measured is the server, and a call that cannot order costs the same.
cat > "$folder/orderline.toml" <<EOF
[server]
listen = "127.0.0.1:19092"
drain_s = 1
[http]
listen = "127.0.0.1:19090"
[audit]
journal = "$folder/journal"
[log]
filter = "error"
EOF
"$binary" --config "$folder/orderline.toml" serve > "$folder/log" 2>&1 &
server=$!
for _ in $(seq 100); do grep -q AudioSocket "$folder/log" && break; sleep 0.1; done
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$server/status"; }

idle=$(resident)
telephones=()
for _ in $(seq "$calls"); do
    "$binary" call 127.0.0.1:19092 samples/calls/ru-where-is-my-order > /dev/null 2>&1 &
    telephones+=($!)
done
peak=$idle
for _ in $(seq 60); do
    now=$(resident)
    [ "$now" -gt "$peak" ] && peak=$now
    sleep 0.25
done
kill "${telephones[@]}" 2>/dev/null || true
echo "idle                       $((idle / 1024)) MiB"
echo "with $calls calls going on      $((peak / 1024)) MiB"
echo "per call                   $(((peak - idle) / calls)) KiB"
