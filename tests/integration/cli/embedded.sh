#!/bin/sh
# Without a broker: a private one serves the call and is gone with it.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

mkdir "$top/tmp" "$top/store"
export TMPDIR="$top/tmp"

# Programs of ours that run under this directory; sanitizers and shells have other names.
leftovers() {
    for exe in /proc/[0-9]*/exe; do
        target=$(readlink "$exe" 2>/dev/null) || continue
        case $target in
        */muster-broker | */muster-worker)
            grep -qsF "$top" "${exe%/exe}/environ" 2>/dev/null && echo "${exe%/exe}"
            ;;
        esac
    done
}
nothing_left() {
    [ -z "$(leftovers)" ]
}

status 0 muster run -- echo private
out_is private
status 3 muster run -- sh -c 'exit 3'
status 0 muster call echo hello
out_is hello
printf 'data' >"$top/home/file"
status 0 muster put file --url "file://$top/store"
true_that cmp "$top/home/file" "$top/store/file"
status 0 muster get file back --url "file://$top/store"
true_that cmp "$top/home/file" "$top/home/back"
status 0 muster --broker local:1 run --each -- pwd
out "$top/home"
eventually nothing_left
checks=$((checks + 1))
[ -z "$(ls -A "$top/tmp")" ] || fail "left behind: $(ls -A "$top/tmp")"

# Killed in the middle: nothing that it started goes on.
muster run -- sleep 4711 &
runner=$!
extra_pids="$extra_pids $runner"
eventually some_runs sleep 4711
kill -9 "$runner"
eventually nothing_left
eventually none_runs sleep 4711
