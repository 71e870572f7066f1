#!/usr/bin/env bash
# deploy/quickstart.sh where it has to refuse: options, systems, packages, processes that are not its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tmp=$(mktemp -d)
sleeper=''
trap '[ -z "$sleeper" ] || kill "$sleeper" 2>/dev/null; rm -rf "$tmp"' EXIT
mkdir -p "$tmp/project" "$tmp/bin" "$tmp/bare" "$tmp/home"
cp -r deploy "$tmp/project/"
chmod -R a+rX "$tmp" && chmod 777 "$tmp/home" "$tmp/project"
export HOME=$tmp/home XDG_STATE_HOME=$tmp/home/state XDG_DATA_HOME=$tmp/home/data XDG_CONFIG_HOME=$tmp/home/config
quickstart=$tmp/project/deploy/quickstart.sh

expect() { # STATUS TEXT COMMAND…
    local status=0
    "${@:3}" >"$tmp/out" 2>&1 || status=$?
    [ "$status" = "$1" ] && grep -qF -- "$2" "$tmp/out" && return 0
    echo "FAIL: ${*:3}: exit status $status, expected $1 and '$2'"
    sed 's/^/    /' "$tmp/out"
    exit 1
}
expect 64 'did you mean --once?' "$quickstart" --onec
expect 64 'number between 1 and 65535' "$quickstart" --port 99999
expect 64 'number between 1 and 65535' "$quickstart" --port x
expect 64 'needs a value' "$quickstart" --data
expect 0 '--once' "$quickstart" --help

# A system without apt-get: one sentence.
for tool in bash sed grep awk cut seq tr cat head dirname uname env; do ln -s "$(command -v $tool)" "$tmp/bare/$tool"; done
expect 69 'Debian' env PATH="$tmp/bare" bash "$quickstart"
[ "$(wc -l <"$tmp/out")" = 1 ] || { echo 'FAIL: more than one sentence'; exit 1; }

# Not root, and packages are missing: the one line to run. A stand-in for dpkg-query knows of no package.
printf '#!/bin/sh\nexit 1\n' >"$tmp/bin/dpkg-query"
printf '#!/bin/sh\nexit 1\n' >"$tmp/bin/apt-get"
chmod a+rx "$tmp/bin" "$tmp/bin"/*
user=()
if [ "$(id -u)" = 0 ]; then user=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
expect 77 'sudo apt-get update && sudo apt-get install -y --no-install-recommends' "${user[@]}" env PATH="$tmp/bin:$PATH" bash "$quickstart"
grep -q libmicrohttpd-dev "$tmp/out" || { echo 'FAIL: the line does not name the packages'; exit 1; }

# --stop ends no process but the daemon that a quickstart started.
expect 0 'no daemon' "$quickstart" --stop
sleep 60 & sleeper=$!
mkdir -p "$XDG_STATE_HOME/inferometer"
printf '%s\n%s\n' "$sleeper" "$tmp/home/data" >"$XDG_STATE_HOME/inferometer/quickstart.daemon"
expect 0 'no daemon' "$quickstart" --stop
kill -0 "$sleeper" || { echo 'FAIL: --stop ended a process that is not ours'; exit 1; }
echo 'passed'
