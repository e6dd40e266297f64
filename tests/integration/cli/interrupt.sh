#!/bin/sh
# Ctrl-C in run: once cancels, twice leaves and the work goes on.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

muster up -q --slots 2 --host nas1 >"$top/out" 2>"$top/err" || fail 'up'

# A background process of sh ignores SIGINT; env gives it back as a terminal would have it.
start_run() {
    env --default-signal=INT muster run "$@" >"$top/run.out" 2>"$top/run.err" &
    runner=$!
    extra_pids="$extra_pids $runner"
}
ended_with() {
    checks=$((checks + 1))
    got=0
    wait "$runner" || got=$?
    [ "$got" -eq "$1" ] || fail "status $got instead of $1: $(cat "$top/run.err")"
}
is_running() {
    muster show "$1" --json | grep -q '"state":"running"'
}

start_run -- sleep 600
eventually is_running last
kill -INT "$runner"
ended_with 130
true_that grep -q 'cancelling 1 unfinished command' "$top/run.err"
status 0 muster show last --json
out '"state":"cancelled"'
out 'interrupted'

# A command that ignores TERM for a while: the second Ctrl-C does not wait for it.
start_run --grace 8s -- sh -c 'trap "" TERM; i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done'
eventually is_running last
kill -INT "$runner"
eventually grep -q cancelling "$top/run.err"
kill -INT "$runner"
ended_with 130
true_that grep -q 'goes on' "$top/run.err"

# Waiting is not owning: Ctrl-C ends the waiting alone.
status 0 muster submit -- sleep 600
id=$(cat "$top/out")
eventually is_running "$id"
env --default-signal=INT muster wait "$id" >"$top/run.out" 2>"$top/run.err" &
runner=$!
extra_pids="$extra_pids $runner"
# Until env has put the signal back nothing hears it.
interrupted() {
    kill -INT "$runner" 2>/dev/null
    gone "$runner"
}
eventually interrupted
ended_with 130
true_that is_running "$id"
status 0 muster cancel --all --running
status 0 muster shutdown --wait --timeout 60s
