#!/usr/bin/env bash
# Prepares the real peers of tests/asterisk.rs: an Asterisk 22 and a SIP phone (baresip).
#
# Where the system has an `asterisk` of major version 20 or later, that one is used and only the phone is installed.
# Elsewhere (Debian 12 and 13 ship none) Asterisk is unpacked from Debian testing into a folder of its own, from the
# mirror that apt already uses; nothing of it touches the system. About 20 s and 410 MB, once.
#
#   tests/asterisk/prepare.sh [FOLDER]      default: $ORDERLINE_ASTERISK_ROOT, else target/asterisk-root
#
# Needs root where something is missing. Prints the folder, or the word `system`, on its last line.
set -euo pipefail
# What is installed and unpacked must be readable to everybody, whatever the user's own files are.
umask 022

here=$(cd "$(dirname "$0")/../.." && pwd)
root=${1:-${ORDERLINE_ASTERISK_ROOT:-$here/target/asterisk-root}}
suite=${ORDERLINE_ASTERISK_SUITE:-forky}

say() { printf 'asterisk/prepare: %s\n' "$*" >&2; }

need=()
if ! command -v baresip >/dev/null || ! compgen -G '/usr/lib/*/baresip/modules/sndfile.so' >/dev/null &&
    [ ! -e /usr/lib/baresip/modules/sndfile.so ]; then
    need+=(baresip-core)
fi
system=no
if command -v asterisk >/dev/null; then
    major=$(asterisk -V | sed -n 's/^Asterisk \([0-9]*\).*/\1/p')
    if [ "${major:-0}" -ge 20 ]; then system=yes; fi
fi
unpacked=no
if [ -x "$root/usr/sbin/asterisk" ] && [ -e "$root/.complete" ]; then unpacked=yes; fi
if [ "$system$unpacked" = nono ] && ! command -v mmdebstrap >/dev/null; then need+=(mmdebstrap); fi

if [ "$(id -u)" -ne 0 ] && { [ "$system" = no ] || [ ${#need[@]} -gt 0 ]; }; then
    say "needs root: installs packages and unpacks a system folder; run: sudo $0"
    exit 77
fi
if [ ${#need[@]} -gt 0 ]; then
    if ! command -v apt-get >/dev/null; then
        say "knows only Debian and Ubuntu (apt-get is missing); install Asterisk 22 and baresip by hand"
        exit 77
    fi
    say "installing ${need[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # The lists may be fresh already; refreshing them costs seconds and only a failed install asks for it.
    apt-get install -y --no-install-recommends "${need[@]}" >/dev/null 2>&1 || {
        apt-get update -qq
        apt-get install -y --no-install-recommends "${need[@]}" >/dev/null
    }
fi
if [ "$system" = yes ]; then
    say "using the system's $(asterisk -V)"
    echo system
    exit 0
fi
if [ "$unpacked" = yes ]; then
    say "$root is ready ($(chroot "$root" asterisk -V))"
    echo "$root"
    exit 0
fi

# The first Debian repository that apt knows, as apt spells it; security and updates live elsewhere.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(COMPONENT)' 'Created-By: Packages' |
    awk '!found && $2 == "Debian" && $1 !~ /security/ { print $1; found = 1 }')
if [ -z "$mirror" ]; then
    say "apt names no Debian repository to take Asterisk from; install Asterisk 22 as the system's own"
    exit 77
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
say "unpacking Asterisk from Debian $suite into $root"
rm -rf "$root"
mkdir -p "$(dirname "$root")"
# In namespaces of its own, so that nothing stays mounted or running when this is killed.
apart=(setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL --mount-proc --)
"${apart[@]}" true 2>/dev/null || apart=()
# A mirror may be a frozen copy whose release file has run out; its signature is still checked.
"${apart[@]}" mmdebstrap --quiet --variant=minbase --mode=root --aptopt='Acquire::Check-Valid-Until "false"' \
    --keyring="$keyring" \
    --include=ca-certificates,asterisk,asterisk-modules,asterisk-core-sounds-en-wav,asterisk-core-sounds-ru-wav \
    "$suite" "$root" "$mirror" >&2
touch "$root/.complete"
say "ready: $(chroot "$root" asterisk -V)"
echo "$root"
