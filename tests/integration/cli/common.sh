# Shared by the scripts of this folder: real programs in directories of their own, nothing of this
# user's touched, everything ended by pid and removed at the end.
# shellcheck shell=sh
set -eu

source=${MUSTER_SOURCE:-$(cd "$(dirname "$0")/../../.." && pwd)}
build=${MUSTER_BUILD:-$source/build}
for program in muster muster-broker muster-worker; do
    [ -x "$build/bin/$program" ] || {
        echo "there is no $build/bin/$program"
        exit 77
    }
done

top=$(mktemp -d "${TMPDIR:-/tmp}/muster-cli-XXXXXX")
mkdir -m 700 "$top/home" "$top/run" "$top/state"
export HOME="$top/home" XDG_RUNTIME_DIR="$top/run" XDG_STATE_HOME="$top/state"
export PATH="$build/bin:$PATH" LC_ALL=C.UTF-8 NO_COLOR=1
# Sockets have short paths; a long build path is none of them.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:abort_on_error=0"
unset MUSTER_BROKER MUSTER_POOL MUSTER_HOST TMPDIR
cd "$top/home"

failed=0
checks=0
extra_pids=

finish() {
    status=$?
    trap - EXIT
    for pid in $extra_pids; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    muster down -q --timeout 60s >"$top/down.log" 2>&1 || {
        cat "$top/down.log"
        status=1
    }
    if [ "$failed" -ne 0 ] || [ "$status" -ne 0 ]; then
        for log in "$top"/state/muster/*.log; do
            [ ! -s "$log" ] || {
                echo "--- ${log##*/}"
                tail -n 30 "$log"
            }
        done
        echo "$failed of $checks checks failed, status $status"
        [ "$status" -ne 0 ] || status=1
    else
        echo "$checks checks passed"
    fi
    chmod -R u+rwx "$top" 2>/dev/null || true
    rm -rf "$top"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    failed=$((failed + 1))
    echo "FAILED: $*"
    echo "--- stdout"
    cat "$top/out" 2>/dev/null || true
    echo "--- stderr"
    cat "$top/err" 2>/dev/null || true
    echo "---"
}

# status WANTED COMMAND…: runs it, its output in $top/out and $top/err.
status() {
    wanted=$1
    shift
    checks=$((checks + 1))
    got=0
    "$@" >"$top/out" 2>"$top/err" </dev/null || got=$?
    [ "$got" -eq "$wanted" ] || fail "status $got instead of $wanted: $*"
}

# out TEXT, err TEXT: the last command's output contains it. out_is: it is exactly that.
out() {
    checks=$((checks + 1))
    grep -qF -e "$1" "$top/out" || fail "stdout has no \"$1\""
}
err() {
    checks=$((checks + 1))
    grep -qF -e "$1" "$top/err" || fail "stderr has no \"$1\""
}
out_is() {
    checks=$((checks + 1))
    [ "$(cat "$top/out")" = "$1" ] || fail "stdout is not \"$1\""
}
no_err() {
    checks=$((checks + 1))
    [ ! -s "$top/err" ] || fail "stderr is not empty"
}

# true_that COMMAND…: a condition of its own; the last command's output stays where it is.
true_that() {
    checks=$((checks + 1))
    "$@" >"$top/condition" 2>&1 </dev/null || {
        cat "$top/condition"
        fail "not so: $*"
    }
}

# eventually COMMAND…: within a minute. For what happens at its own time and says nothing.
eventually() {
    checks=$((checks + 1))
    tries=0
    until "$@" >"$top/condition" 2>&1 </dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || {
            cat "$top/condition"
            fail "did not become so: $*"
            return 0
        }
        sleep 0.1
    done
}

# Pids of the programs that `up` started.
broker_pid() {
    cat "$top/run/muster/broker.pid"
}
worker_pid() {
    cat "$top/run/muster/worker.pid"
}

# The session that a process is in.
session_of() {
    awk '{ print $6 }' "/proc/$1/stat"
}

# gone PID: it has ended, whether or not somebody has asked for its status.
gone() {
    [ -e "/proc/$1/stat" ] || return 0
    # The first thread is a zombie while others may still end, and hold what the process holds.
    [ "$(ls "/proc/$1/task" 2>/dev/null | wc -l)" -le 1 ] &&
        [ "$(awk '{ print $3 }' "/proc/$1/stat" 2>/dev/null || echo Z)" = Z ]
}

# some_runs WORD…: a process with exactly these arguments is there.
some_runs() {
    for cmdline in /proc/[0-9]*/cmdline; do
        [ "$(tr '\0' ' ' <"$cmdline" 2>/dev/null)" != "$* " ] || return 0
    done
    return 1
}
none_runs() {
    ! some_runs "$@"
}
