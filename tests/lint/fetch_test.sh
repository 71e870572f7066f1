#!/usr/bin/env bash
# deploy/fetch against a small lock file of its own, with stand-ins for npm and node: no network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/deploy" "$tmp/bin" "$tmp/package"
cp deploy/fetch deploy/lib.sh "$tmp/deploy/"
export XDG_CACHE_HOME=$tmp/cache XDG_DATA_HOME=$tmp/data HOME=$tmp/home PATH=$tmp/bin:$PATH

echo 'module.exports = 1' >"$tmp/package/index.js"
tar -czf "$tmp/thing-1.0.0.tgz" -C "$tmp" package
sha=$(sha256sum "$tmp/thing-1.0.0.tgz" | cut -d' ' -f1)
printf '#!/bin/sh\necho v18.20.4\n' >"$tmp/bin/node"
printf '#!/bin/sh\nsleep 0.2; echo x >>%s/downloads; cp %s/served.tgz thing-1.0.0.tgz\n' "$tmp" "$tmp" >"$tmp/bin/npm"
chmod +x "$tmp/bin/node" "$tmp/bin/npm"
cp "$tmp/thing-1.0.0.tgz" "$tmp/served.tgz"
printf 'web|npm|thing|1.0.0|any|%s|thing-1.0.0.tgz|nothing|MIT|0.1\n' "$sha" >"$tmp/deploy/deps.lock"

fail() {
    echo "FAIL: $1"
    sed 's/^/    /' "$tmp/out"
    exit 1
}
expect() { # STATUS TEXT COMMAND…: exit status and a part of what is said
    local status=0
    "${@:3}" >"$tmp/out" 2>&1 || status=$?
    [ "$status" = "$1" ] || fail "${*:3}: exit status $status, expected $1"
    [ -z "$2" ] || grep -qF -- "$2" "$tmp/out" || fail "${*:3}: does not say '$2'"
}
fetch=$tmp/deploy/fetch
cached=$tmp/cache/inferometer/deps/$sha/thing-1.0.0.tgz
installed=$tmp/build/deps/node_modules/thing/index.js

expect 64 'did you mean web?' "$fetch" wbe
expect 64 'did you mean --offline?' "$fetch" --ofline web
expect 64 'name one or more groups' "$fetch"
expect 0 'missing' "$fetch" --list
expect 69 'thing 1.0.0 0.1 MB' "$fetch" --offline web
[ ! -e "$tmp/downloads" ] || fail '--offline called npm'

expect 0 'will download 0.1 MB: thing 1.0.0' "$fetch" web
[ -f "$installed" ] && [ -f "$cached" ] || fail 'nothing was installed'
expect 0 '' "$fetch" --offline web
[ ! -s "$tmp/out" ] || fail 'says something although everything is there'

# A fresh clone reuses the cache.
rm -rf "$tmp/build"
expect 0 '' "$fetch" --offline web
[ -f "$installed" ] || fail 'a fresh clone did not reuse the cache'
[ "$(wc -l <"$tmp/downloads")" = 1 ] || fail 'downloaded more than once'

# What was unpacked is checked too: a changed file is put right.
echo 'changed' >"$installed"
expect 0 '' "$fetch" --offline web
grep -q 'module.exports = 1' "$installed" || fail 'a changed file was left as it was'

# A damaged file in the cache is never used.
rm -rf "$tmp/build"
echo x >>"$cached"
expect 65 'where deps.lock says' "$fetch" web
[ ! -e "$cached" ] && [ ! -e "$installed" ] || fail 'the damaged file was kept or used'
[ "$(wc -l <"$tmp/out")" = 1 ] || fail 'more than one sentence'

# Nor is a download that is not what the lock file says.
echo x >>"$tmp/served.tgz"
expect 65 'not used' "$fetch" web
[ ! -e "$cached" ] && [ ! -e "$installed" ] || fail 'a wrong download was kept'
[ -z "$(find "$tmp/cache" -name 'tmp.*')" ] || fail 'a scratch folder was left'

# Two at once: one downloads, both succeed.
cp "$tmp/thing-1.0.0.tgz" "$tmp/served.tgz"
rm -f "$tmp/downloads"
"$fetch" web 2>/dev/null & first=$!
"$fetch" web 2>/dev/null & second=$!
wait "$first" && wait "$second" || fail 'one of two concurrent fetches failed'
[ "$(wc -l <"$tmp/downloads")" = 1 ] || fail 'two concurrent fetches downloaded twice'

# A download that fails is one sentence that says what to do.
rm -rf "$tmp/build" "$tmp/cache"
printf '#!/bin/sh\nexit 1\n' >"$tmp/bin/npm"
expect 69 'check the network' "$fetch" web
echo 'passed'
