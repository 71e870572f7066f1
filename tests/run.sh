#!/usr/bin/env bash
# Sets up what the tests need and runs them; closes with one line "N passed, N failed, N skipped".
#   tests/run.sh [KIND…]
#   unit contract schema integration fault fuzz web lint  run in preset dev (all warnings are errors)
#   asan    unit, contract and fault again with the address and undefined-behaviour sanitizers
#   tsan    the daemon's tests again with the thread sanitizer
#   arm64   the contract suite of the worker that is built for ARM, under an emulator
#   perf    budgets, in preset release, one at a time
#   all     every kind; without an argument: every kind but perf
# Missing system packages are installed when root; else the line to run is printed. What cannot run is skipped with
# its reason. Exit status 0 only when something passed and nothing failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=../deploy/lib.sh
. deploy/lib.sh

dev_kinds='unit contract schema integration fault fuzz web lint'
kinds='' results=$root/build/test-results passed=0 failed=0 skipped=0

parse() {
    local word
    for word in "$@"; do
        case $word in
            unit | contract | schema | integration | fault | fuzz | web | lint | asan | tsan | arm64 | perf) kinds+=" $word" ;;
            all) kinds+=" $dev_kinds asan tsan arm64 perf" ;;
            -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0" && exit 0 ;;
            *)
                # shellcheck disable=SC2086 # words
                die 64 "unknown kind $word$(did_you_mean "$word" $dev_kinds asan tsan arm64 perf all)"
                ;;
        esac
    done
    [ -n "$kinds" ] || kinds=" $dev_kinds asan tsan arm64"
}
wanted() { case "$kinds " in *" $1 "*) return 0 ;; esac; return 1; }
say() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }
bad() { # SENTENCE: something that is not a ctest entry failed
    failed=$((failed + 1))
    echo "FAIL $1"
}

# -- Set-up ----------------------------------------------------------------------------------------
get() { # GROUP…: packages when root, files always; a failure leaves the tests to skip themselves
    local flag=''
    [ "$(id -u)" = 0 ] && debian_like || flag=--no-system
    # shellcheck disable=SC2086 # empty or one word
    deploy/fetch $flag "$@" || echo "not fetched: $*; tests that need it will be skipped"
}
runtime_folder() { echo "${INFEROMETER_RUNTIME_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/inferometer/runtimes}"; }
set_up() {
    local missing
    mapfile -t missing < <(apt_missing build test)
    if debian_like && [ ${#missing[@]} != 0 ] && [ "$(id -u)" != 0 ]; then
        die 77 "the tests cannot be built; run: $(sudo_line "${missing[@]}")"
    fi
    say 'set-up'
    get build test
    get onnxruntime models
    get bundle
    get litert
    get openvino
    get executorch
    get onnxruntime@1.31.0
    get prepare
    # 0.6 GB to download: not unasked. .ci/run installs it.
    if compgen -G "$(runtime_folder)/libtorch/*/runtime.json" >/dev/null; then get libtorch export; fi
    get web
    ! wanted web || get webtest
    ! wanted lint || get lint
    ! wanted perf || get peers
    # Tests may point XDG folders elsewhere; the runtimes and node stay where they were installed.
    INFEROMETER_RUNTIME_DIR=$(runtime_folder)
    export INFEROMETER_RUNTIME_DIR
    export PATH=$deps/bin:$PATH
    local recipe
    for recipe in nmp fashion silero; do
        "$python" "agents/prepare/${recipe}_bundle.py" 2>"$results/bundle-$recipe.log" ||
            { tail -n 1 "$results/bundle-$recipe.log" && echo "no bundle $recipe: tests that need it will be skipped"; }
    done
    if [ -f web/build.mjs ] && has node; then
        node web/build.mjs >"$results/web-build.log" 2>&1 || { tail -n 20 "$results/web-build.log"; bad 'web/build.mjs'; }
    fi
}

# -- Building and running --------------------------------------------------------------------------
build() { # PRESET [CMAKE OPTION…]
    say "build $1"
    local log=$results/build-$1.log
    cmake --preset "$1" -DIFM_BUILD_TESTS=ON "${@:2}" >"$log" 2>&1 && cmake --build --preset "$1" >>"$log" 2>&1 && return 0
    grep -E 'error:|FAILED:|CMake Error' -A 3 "$log" | head -n 40 || tail -n 20 "$log"
    bad "build of preset $1 (log: build/test-results/build-$1.log)"
    return 1
}
count() { # JUNIT FILE
    local counts p f s
    counts=$(mktemp)
    if [ -s "$1" ]; then
        "$python" tests/report.py "$counts" "$1"
        read -r p f s <"$counts"
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
        echo "   $p passed, $f failed, $s skipped here"
    else
        bad "ctest left no result for $(basename "$1")"
    fi
    rm -f "$counts"
}
run() { # PRESET NAME CTEST OPTION…; $wrapper goes before ctest
    local file=$results/$1-$2.xml
    rm -f "$file"
    say "test $1: $2"
    ${wrapper:-} ctest --test-dir "build/$1" --output-junit "$file" --no-tests=ignore --test-output-size-passed 4096 \
        "${@:3}" >"$results/$1-$2.log" 2>&1 || true # failures are in the JUnit file
    count "$file"
}
arm64() {
    if deploy/cross >"$results/cross.log" 2>&1; then
        if build linux-arm64; then run linux-arm64 contract -j2 -L '^contract$'; fi
    else
        skipped=$((skipped + 1))
        echo "   SKIP arm64: $(tail -n 1 "$results/cross.log")"
    fi
}
labels() { # KIND…: a regular expression of the wanted ones
    local kind out=''
    for kind in "$@"; do ! wanted "$kind" || out+="|$kind"; done
    [ -z "$out" ] || echo "^(${out#|})\$"
}
main() {
    parse "$@"
    mkdir -p "$results"
    set_up
    local chosen
    # shellcheck disable=SC2086 # words
    chosen=$(labels $dev_kinds)
    if [ -n "$chosen" ] && build dev; then run dev tests -j2 -L "$chosen"; fi
    if wanted asan && build asan; then
        export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
        run asan sanitizers -j2 -L '^(unit|contract|fault|fuzz)$'
    fi
    if wanted tsan && build tsan; then
        # gcc 12's thread sanitizer does not start under full address randomisation
        wrapper='setarch -R' run tsan sanitizers -j2 -L '^(unit|integration)$' -R 'store_|http_|routes_|daemon_'
    fi
    ! wanted arm64 || arm64
    if wanted perf && build release; then run release perf -j1 -L '^perf$'; fi
    say 'done'
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ] && [ "$passed" != 0 ]
}
main "$@"
