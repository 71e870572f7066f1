#!/usr/bin/env bash
# From a clean clone to a measured, verified, stored and shown model; asks nothing and may be run again at any time.
#   deploy/quickstart.sh [--once] [--port N] [--data DIR] [--open]
#   deploy/quickstart.sh --stop
#   --once      stop the daemon at the end
#   --stop      stop the daemon that an earlier quickstart left running
#   --port N    port of the dashboard (8417)
#   --data DIR  where the daemon keeps its database (${XDG_DATA_HOME:-~/.local/share}/inferometer/data)
#   --open      open the dashboard in the browser at the end
# Exit status: 0 done; 64 unknown option; 69 something is unavailable; 77 packages are missing and this is not root.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

port=8417 once=0 stop=0 open=0
data=${XDG_DATA_HOME:-$HOME/.local/share}/inferometer/data
bin=$root/build/release/bin
log=$root/build/quickstart.log
model=$root/build/bundles/nmp

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --once) once=1 ;;
            --stop) stop=1 ;;
            --open) open=1 ;;
            --port=*) port=${1#*=} ;;
            --data=*) data=${1#*=} ;;
            --port | --data)
                [ $# -ge 2 ] || die 64 "$1 needs a value"
                printf -v "${1#--}" %s "$2"
                shift
                ;;
            -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0" && exit 0 ;;
            *) die 64 "unknown option $1$(did_you_mean "$1" --once --stop --port --data --open --help)" ;;
        esac
        shift
    done
    case $port in '' | *[!0-9]*) die 64 "--port takes a number between 1 and 65535, not '$port'" ;; esac
    [ ${#port} -le 5 ] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] || die 64 "--port takes a number between 1 and 65535, not $port"
    [ -n "$data" ] || die 64 '--data needs a folder'
    case $data in /*) ;; *) data=$PWD/$data ;; esac
    url=http://127.0.0.1:$port
}

# -- Steps -----------------------------------------------------------------------------------------
step() { printf '[%3d s] %s\n' "$SECONDS" "$1" >&2; }
quietly() { # SENTENCE COMMAND…: output to the log; when it fails, the end of its output and one sentence
    local from
    from=$(wc -c <"$log")
    printf '\n## %s\n' "${*:2}" >>"$log"
    "${@:2}" >>"$log" 2>&1 && return 0
    tail -c +"$((from + 1))" "$log" | tail -n 15 | sed 's/^/    /' >&2
    die 69 "$1 (whole log: $log)"
}
check_system() {
    debian_like || die 69 'this needs Debian 12 or a system like it (apt-get and dpkg are missing): see CONTRIBUTING.md for what to install by hand'
    case $machine in x86_64 | aarch64) ;; *) die 69 "this needs an x86_64 or aarch64 machine, and this one is $machine" ;; esac
    local missing
    mapfile -t missing < <(apt_missing build)
    [ ${#missing[@]} = 0 ] || [ "$(id -u)" = 0 ] || {
        echo "quickstart.sh: packages are missing; run this line, then the quickstart again:" >&2
        sudo_line "${missing[@]}" >&2
        exit 77
    }
}
# deploy/fetch says on stderr what it downloads; these lines are for the user.
fetch() { "$root/deploy/fetch" "$@" || exit $?; }

build_release() { # TARGET…
    quietly 'the build could not be configured' cmake -S "$root" --preset release -DIFM_BUILD_TESTS=OFF
    quietly 'the build failed' cmake --build "$root/build/release" --target "$@"
}
make_bundle() { quietly 'the model, its input and its reference could not be made ready' "$python" "$root/agents/prepare/nmp_bundle.py"; }
make_web() { quietly 'the dashboard could not be built' "$deps/bin/node" "$root/web/build.mjs"; }

# -- The daemon ------------------------------------------------------------------------------------
# One file says which daemon a quickstart of this user left running: its process and its data folder.
running=${XDG_STATE_HOME:-$HOME/.local/state}/inferometer/quickstart.daemon
# Prints the process when it is an inferometerd that serves the folder of that file; else fails.
our_daemon() {
    local pid folder exe
    { read -r pid && read -r folder; } 2>/dev/null <"$running" || return 1
    case $pid in '' | *[!0-9]*) return 1 ;; esac
    exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || return 1
    case ${exe% (deleted)} in */inferometerd) ;; *) return 1 ;; esac
    { tr "\0" "\n" <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qxF -- "$folder" || return 1
    echo "$pid"
}
stop_daemon() {
    local pid tries
    pid=$(our_daemon) || { rm -f "$running"; return 1; }
    kill "$pid" 2>/dev/null || true
    for tries in $(seq 150); do # it drains for at most 10 s
        our_daemon >/dev/null || break
        [ "$tries" != 150 ] || die 69 "the daemon (process $pid) does not stop"
        sleep 0.1
    done
    rm -f "$running"
}
answers() { # PATH: what the daemon answers on this port; fails when it does not answer 200
    "$python" - "$url$1" <<'PY' 2>/dev/null
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(opener.open(sys.argv[1], timeout=3).read().decode())
PY
}
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
start_daemon() {
    local pid
    if pid=$(our_daemon); then
        if [ "$(readlink "/proc/$pid/exe")" = "$bin/inferometerd" ] && [ "$(sed -n 2p "$running")" = "$data" ] && answers /readyz >/dev/null; then
            step "the daemon already runs (process $pid)"
            return 0
        fi
        stop_daemon || true # an older build, another port or another folder
    fi
    if port_taken; then
        answers /version | grep -q inferometer || die 69 "port $port is in use by another program: stop it, or choose another with --port N"
        step "a daemon that was started by hand already runs on port $port: using it, and not stopping it later"
        return 0
    fi
    mkdir -p "$data" "$(dirname "$running")" 2>/dev/null || die 74 "cannot make $data: choose another folder with --data DIR"
    nohup setsid "$bin/inferometerd" --data "$data" --port "$port" </dev/null >>"$data/inferometerd.log" 2>&1 &
    pid=$!
    printf '%s\n%s\n' "$pid" "$data" >"$running"
    local tries
    for tries in $(seq 100); do
        ! answers /readyz >/dev/null || return 0
        [ -d "/proc/$pid" ] && [ "$tries" != 100 ] || break
        sleep 0.1
    done
    tail -n 5 "$data/inferometerd.log" | sed 's/^/    /' >&2
    rm -f "$running"
    die 69 "the daemon did not start (log: $data/inferometerd.log)"
}
# The command line finds the daemon through the user's configuration; other keys there are kept.
configure() {
    local file=${XDG_CONFIG_HOME:-$HOME/.config}/inferometer/config.json
    "$python" - "$file" "$url" <<'PY' 2>>"$log" || die 78 "cannot write the daemon's address to $file: mend or remove that file"
import json, os, sys
path, url = sys.argv[1:]
config = {}
if os.path.exists(path):
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
if config.get("daemon") != url:
    config["daemon"] = url
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    os.replace(path + ".new", path)
PY
}

# -- Measuring -------------------------------------------------------------------------------------
measure() { # NAME ARGUMENT…: prints the result, keeps the run's id in build/quickstart/NAME.id
    local file=$root/build/quickstart/$1.json status=0 began=$EPOCHREALTIME waited
    waited=$(cpu_waits)
    mkdir -p "$root/build/quickstart"
    "$bin/inferometer" run "$model" --runtime onnxruntime --threads 1 --json -o "$file" "${@:2}" 2>>"$log" || status=$?
    if [ $status != 0 ]; then
        tail -n 5 "$log" | sed 's/^/    /' >&2
        echo "quickstart.sh: the measurement '$1' failed" >&2
        exit $status
    fi
    "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["run"]["id"])' "$file" >"$root/build/quickstart/$1.id"
    "$bin/inferometer" show "$(run_id "$1")"
    say_if_busy "$waited" "${began/[.,]/}"
}
# Microseconds that any process has waited for a CPU so far, as the kernel counts them; nothing where it does not.
cpu_waits() { sed -n 's/^some.*total=//p' /proc/pressure/cpu 2>/dev/null || true; }
say_if_busy() { # WAITS_BEFORE MICROSECONDS_BEFORE
    local now=${EPOCHREALTIME/[.,]/} waits share
    waits=$(cpu_waits)
    [ -n "$1" ] && [ -n "$waits" ] || return 0
    share=$(((waits - $1) * 100 / (now - $2 + 1)))
    [ "$share" -lt 10 ] || step "note: processes waited for a CPU during $share % of this measurement; on a quiet machine it is faster and steadier"
}
# Both levels of graph optimisation, interleaved: the machine's moods hit both. Keeps the ids of the two runs.
measure_pair() {
    local status=0 table=$root/build/quickstart/pair.txt
    "$bin/inferometer" run "$model" --runtime onnxruntime --threads 1 --vary graph-optimization=disable,all \
        --invocations 7 --duration 2s --warmup-max 3s >"$table" 2>>"$log" || status=$?
    if [ $status != 0 ]; then
        tail -n 5 "$log" | sed 's/^/    /' >&2
        echo "quickstart.sh: the measurement of both levels failed" >&2
        exit $status
    fi
    cat "$table"
    sed -n 's/^  run \([0-9a-f-]\{36\}\) .*disable.*$/\1/p' "$table" >"$root/build/quickstart/off.id"
    sed -n 's/^  run \([0-9a-f-]\{36\}\) .*all.*$/\1/p' "$table" >"$root/build/quickstart/all.id"
}
run_id() { cat "$root/build/quickstart/$1.id"; }

main() {
    parse "$@"
    if [ $stop = 1 ]; then
        local folder
        folder=$(sed -n 2p "$running" 2>/dev/null || true)
        stop_daemon || { echo 'no daemon that a quickstart started is running'; exit 0; }
        echo "stopped; the results stay in $folder"
        exit 0
    fi
    check_system
    mkdir -p "$root/build"
    : >"$log"
    step 'compiler and libraries'
    fetch build
    step 'ONNX Runtime, and a real model with recorded sound as its input'
    fetch onnxruntime bundle
    step 'building the command line and the worker'
    build_release inferometer inferometer-worker ifm_rt_onnxruntime ifm_rt_null
    make_bundle
    step 'measuring: the first result, in a fresh process each time, outputs checked against another implementation'
    measure first --quick --daemon none # it is pushed with the others, when there is a daemon
    step 'building the dashboard and the daemon'
    fetch web
    make_web
    build_release all
    start_daemon
    configure
    export INFEROMETER_DAEMON=$url # whatever else the user has configured
    step 'measuring: graph optimisation off and on, interleaved in fresh processes (one to two minutes)'
    measure_pair
    quietly 'the runs could not be pushed to the daemon' "$bin/inferometer" push
    "$bin/inferometer" compare "$(run_id off)" "$(run_id all)" || true # a difference is no failure
    finish
}
finish() {
    echo
    echo "dashboard   $url/runs/$(run_id all)"
    echo "comparison  $url/compare?a=$(run_id off)&b=$(run_id all)"
    echo "data        $data"
    [ $open = 0 ] || { has xdg-open && xdg-open "$url/runs/$(run_id all)" >/dev/null 2>&1; } || echo 'no browser could be opened here: open the address above'
    if [ $once = 1 ]; then
        stop_daemon || true
        echo 'stopped     (--once); deploy/quickstart.sh starts it again'
    else
        echo "stop        deploy/quickstart.sh --stop"
    fi
    echo "try         $bin/inferometer run $model   (it appears in the open page)"
    step 'done'
}
main "$@"
