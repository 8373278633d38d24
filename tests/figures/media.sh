#!/usr/bin/env bash
# The media plane's figures: a bare epoll echo, the echo agent and the agent with an ear, all in one run on this machine.
#
#   tests/figures/media.sh               everything, about 10 minutes
#   tests/figures/media.sh floor         the echo agent beside the floor at 400 calls, in turn, medians of 3
#   tests/figures/media.sh ear           the agent with an ear at 400 calls, medians of 3
#   tests/figures/media.sh spacing       the spacing of frames at 500 calls
#   tests/figures/media.sh growth        50 to 2,000 calls, as a table
#   tests/figures/media.sh hostile       the spacing of 50 calls beside 39 hostile peers of every kind; fails at a gap over 40 ms
#   tests/figures/media.sh cycles        10,000 calls one after the other, twice: what the second time left
#
# Needs `cargo build --release --bin orderline --example epoll_echo`, which it runs. A quiet machine, please: the telephones
# share its processors with the server. HOLD=5 holds each load for 5 seconds instead of 15.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --locked --quiet --bin orderline --example epoll_echo
binary=target/release/orderline
folder=$(mktemp -d)
hold=${HOLD:-15}
server=
stop() {
    [ -z "$server" ] && return
    # The second signal ends calls that still go on.
    kill "$server" 2>/dev/null && kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}
trap 'stop; rm -rf "$folder"' EXIT

cat > "$folder/orderline.toml" <<EOF2
[server]
listen = "127.0.0.1:19092"
max_calls = 10000
max_half_open = 1000
drain_s = 0
[http]
listen = "127.0.0.1:19090"
[log]
filter = "error"
EOF2

# start floor|echo|vad
start() {
    if [ "$1" = floor ]; then
        target/release/examples/epoll_echo 127.0.0.1:19092 > "$folder/log" 2>&1 &
    else
        "$binary" --config "$folder/orderline.toml" serve --engine "$1" > "$folder/log" 2>&1 &
    fi
    server=$!
    for _ in $(seq 100); do grep -q 127.0.0.1:19092 "$folder/log" && return; sleep 0.1; done
    echo "the server did not start:" >&2; cat "$folder/log" >&2; exit 1
}

# run NAME ARGUMENTS…: one run; the report is kept as NAME.json. It fails where a call was refused or lost, or a gap too long.
run() {
    local name=$1; shift
    "$binary" load 127.0.0.1:19092 --json "$@" > "$folder/$name.json" 2> "$folder/$name.progress"
}

# load NAME ARGUMENTS…: the same, whatever came of it.
load() { run "$@" || true; }

# value FILE KEY [KEY]: a figure of a report.
value() {
    awk -v outer="${3:+$2}" -v key="${3:-$2}" '
        outer != "" && $0 ~ "\"" outer "\": \\{" { inside = 1 }
        (outer == "" || inside) && $0 ~ "\"" key "\":" { gsub(/[",]/, "", $2); print $2; exit }' "$folder/$1.json"
}

median() { printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

cpu() { value "$1" server_cpu_ms_per_call_second; }

floor() {
    local bare=() echo=()
    for n in 1 2 3; do
        start floor; load "floor$n" --calls 400 --seconds "$hold"; stop
        start echo; load "echo$n" --calls 400 --seconds "$hold"; stop
        bare+=("$(cpu "floor$n")"); echo+=("$(cpu "echo$n")")
        echo "  $n: floor ${bare[-1]}, echo ${echo[-1]} ms a call-second; echo's memory $(value "echo$n" server_kib_per_call) KiB a call"
    done
    local a b; a=$(median "${bare[@]}"); b=$(median "${echo[@]}")
    awk -v a="$a" -v b="$b" 'BEGIN { printf "echo agent at 400 calls: %.3f ms a call-second, floor %.3f: %.2f times\n", b, a, b / a }'
}

ear() {
    local all=()
    for n in 1 2 3; do
        start vad; load "ear$n" --calls 400 --seconds "$hold" --say samples/lines/en_where_is_my_order.wav; stop
        all+=("$(cpu "ear$n")")
        echo "  $n: ${all[-1]} ms a call-second, $(value "ear$n" server_kib_per_call) KiB a call, answer p50 $(value "ear$n" answer p50_ms) ms of $(value "ear$n" answer count)"
    done
    echo "ear and mouth at 400 calls: $(median "${all[@]}") ms a call-second"
}

spacing() {
    start echo; load spacing --calls 500 --seconds "$hold"; stop
    echo "500 calls of the echo agent: p50 $(value spacing spacing p50_ms) ms, p99 $(value spacing spacing p99_ms), p99.9 $(value spacing spacing p999_ms), worst $(value spacing spacing worst_ms), $(value spacing spacing gaps_over_40_ms) gaps over 40 ms of $(value spacing frames_heard) frames"
}

growth() {
    echo "| calls | echo: ms a call-second | p99.9 spacing, ms | gaps over 40 ms | KiB a call | ear: ms a call-second | p99.9 spacing, ms | gaps over 40 ms | KiB a call |"
    echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for calls in 50 200 500 1000 2000; do
        local row="| $calls |"
        for agent in echo vad; do
            local say=(); [ $agent = vad ] && say=(--say samples/lines/en_where_is_my_order.wav)
            start $agent; load "growth-$agent-$calls" --calls $calls --seconds "$hold" "${say[@]}"; stop
            local of=growth-$agent-$calls
            row+=$(printf ' %.3f | %.2f | %s | %.1f |' "$(cpu $of)" "$(value $of spacing p999_ms)" "$(value $of spacing gaps_over_40_ms)" "$(value $of server_kib_per_call)")
        done
        echo "$row"
    done
}

hostile() {
    start echo
    load alone --calls 50 --seconds "$hold"
    local felt=; run hostile --calls 50 --seconds "$hold" --hostile 39 --max-gap-ms 40 || felt=yes
    stop
    for of in alone hostile; do
        echo "50 calls, $of: p99.9 $(value $of spacing p999_ms) ms, worst $(value $of spacing worst_ms), $(value $of spacing gaps_over_40_ms) gaps over 40 ms, $(value $of refused) refused, $(value $of lost) lost"
    done
    [ -z "$felt" ] || { echo "the 50 calls felt the hostile peers" >&2; exit 1; }
}

cycles() {
    start echo
    # The first 10,000 fill what the server remembers of calls that are over (src/call/registry.rs).
    load warm --calls 50 --hang-up-after 0.2 --begin-per-s 500 --placed 10000
    load cycles --calls 50 --hang-up-after 0.2 --begin-per-s 500 --placed 10000
    stop
    local at; at() { echo "$(value cycles "$1" resident_kib) KiB and $(value cycles "$1" descriptors) descriptors"; }
    echo "10,000 calls, $(value cycles refused) refused, $(value cycles lost) lost: $(at server_before) before, $(at server_after) after"
}

case ${1:-all} in
    all) floor; ear; spacing; growth; hostile; cycles ;;
    floor | ear | spacing | growth | hostile | cycles) "$1" ;;
    *) sed -n '2,12p' "$0" | cut -c3-; exit 2 ;;
esac
