# Sourced by the rules: where things are, and how they report.
#
# A rule prints one line per breach and exits 1; it exits 77 when what it checks does not exist.
# shellcheck shell=sh

set -eu
export LC_ALL=C
cd "${MUSTER_SOURCE:-$(dirname "$0")/../..}"
build=${MUSTER_BUILD:-build}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/muster-rule-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM

skip() {
    printf 'skipped: %s\n' "$*"
    exit 77
}

# Names of all C sources of ours, of the given folders (default: all).
sources() {
    [ $# -gt 0 ] || set -- broker worker proto lib cli examples tests demo
    for folder in "$@"; do
        [ ! -d "$folder" ] || find "$folder" -name '*.[ch]' -type f
    done | sort
}

# finish WHAT: ends the rule by what is in $scratch/breaches.
finish() {
    if [ -s "$scratch/breaches" ]; then
        cat "$scratch/breaches"
        printf '%d breaches: %s\n' "$(wc -l <"$scratch/breaches")" "$1"
        exit 1
    fi
    printf 'kept: %s\n' "$1"
}
