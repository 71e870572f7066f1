# shellcheck shell=bash
# Shared by the scripts of this folder; sourced, never run. Sets root, cache, python and a few one-purpose functions.
# Exit codes are those of the programs: 64 usage, 65 bad data, 69 unavailable, 74 input/output, 77 permission.
# shellcheck disable=SC2034 # the variables are for the scripts that source this
HOME=${HOME:-$(cd ~ && pwd)}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034
cache=${XDG_CACHE_HOME:-$HOME/.cache}/inferometer/deps
deps=$root/build/deps
machine=${INFEROMETER_MACHINE:-$(uname -m)} # another one: what deploy/cross fetches for it
[ "$machine" = arm64 ] && machine=aarch64
lock=${INFEROMETER_DEPS_LOCK:-$root/deploy/deps.lock}
# The system's own interpreter first: wheels in deps.lock are for it, not for a user's pyenv.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3 || echo python3)

die() { # STATUS SENTENCE
    doing='' # fetch reports unexpected failures by it; this one is explained
    echo "${0##*/}: $2" >&2
    exit "$1"
}
has() { command -v "$1" >/dev/null 2>&1; }
debian_like() { has apt-get && has dpkg-query; }

# nearest WORD CANDIDATE…: prints the candidate with the least edit distance when it is 3 or less
nearest() {
    local word=$1
    shift
    printf '%s\n' "$@" | awk -v a="$word" '
        function min3(x, y, z) { return x < y ? (x < z ? x : z) : (y < z ? y : z) }
        { n = length(a); m = length($0)
          for (j = 0; j <= m; j++) d[0, j] = j
          for (i = 1; i <= n; i++) { d[i, 0] = i
            for (j = 1; j <= m; j++)
              d[i, j] = min3(d[i-1, j] + 1, d[i, j-1] + 1, d[i-1, j-1] + (substr(a, i, 1) != substr($0, j, 1))) }
          if (best == "" || d[n, m] < least) { best = $0; least = d[n, m] } }
        END { if (best != "" && least <= 3) print best }'
}
did_you_mean() { # WORD CANDIDATE…: " (did you mean X?)" or nothing
    local near
    near=$(nearest "$@")
    [ -z "$near" ] || printf ' (did you mean %s?)' "$near"
}

# apt_missing GROUP…: names of the apt rows of these groups that are absent or too old
apt_missing() {
    local group kind name version rest
    while IFS='|' read -r group kind name version rest; do
        [ "$kind" = apt ] && in_groups "$group" "$@" || continue
        apt_has "$name" "${version#*>=}" || printf '%s\n' "$name"
    done <"$lock"
}
apt_has() { # NAME LEAST_VERSION
    local state
    # shellcheck disable=SC2016 # ${…} is dpkg's own format
    state=$(dpkg-query -W -f='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | grep '^installed ' | head -n 1) || return 1
    dpkg --compare-versions "${state#installed }" ge "$2"
}
in_groups() { # "a,b" GROUP…: true when one of the row's groups is asked for
    local wanted
    for wanted in "${@:2}"; do
        case ,$1, in *,"$wanted",*) return 0 ;; esac
    done
    return 1
}
sudo_line() { echo "sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"; }
