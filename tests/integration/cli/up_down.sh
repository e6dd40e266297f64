#!/bin/sh
# up and down: two programs in the background, found again, started again when killed, ended by pid.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

status 0 muster down
err 'nothing'

status 0 muster up --slots 3 --host nas1 --label role=db
out_is "broker  ready   ipc://$top/run/muster/broker
worker  nas1    3 slots"
no_err
true_that test "$(stat -c %a "$top/run/muster")" = 700
true_that test "$(stat -c %a "$top/state/muster")" = 700
broker=$(broker_pid)
worker=$(worker_pid)
true_that kill -0 "$broker"
true_that kill -0 "$worker"
# In sessions of their own: closing a terminal ends neither.
true_that test "$(session_of "$broker")" = "$broker"
true_that test "$(session_of "$worker")" = "$worker"

status 0 muster run -- hostname
status 0 muster hosts --jsonl
out '"host":"nas1"'
out '"role=db"'

status 0 muster up
err 'running already'
out "ipc://$top/run/muster/broker"
out '3 slots'
true_that test "$(broker_pid)" = "$broker"
true_that test "$(worker_pid)" = "$worker"
status 0 muster up --store "$top/other"
err 'change nothing of what runs already'

# A pid in a file that nobody holds locked is nobody.
kill -9 "$worker"
eventually sh -c "muster hosts --jsonl | grep -q '\"present\":false'"
status 0 muster up
err 'it is now'
out 'nas1'
true_that test "$(worker_pid)" != "$worker"
true_that test "$(broker_pid)" = "$broker"
status 0 muster run -- echo again
out_is again

status 0 muster submit -- true
id=$(cat "$top/out")
status 0 muster wait "$id"
kill -9 "$broker"
eventually gone "$broker"
status 125 muster ps
err 'no longer running'
status 0 muster up
true_that test "$(broker_pid)" != "$broker"
status 0 muster show "$id" --json
out '"state":"ok"'
eventually muster run -- true

# A stranger's process is safe from a stale pid file.
worker=$(worker_pid)
broker=$(broker_pid)
status 0 muster down --json
out "\"worker_pid\":$worker"
out "\"broker_pid\":$broker"
eventually gone "$broker"
eventually gone "$worker"
sleep 600 &
extra_pids="$extra_pids $!"
echo "$!" >"$top/run/muster/broker.pid"
status 0 muster down
err 'nothing'
true_that kill -0 "$!"
status 125 muster ps
err 'no broker: muster up'

# Running commands: said, given the drain time, recorded; queued ones go on after the next up.
status 0 muster up --slots 1 --host nas1
status 0 muster submit -- sleep 600
first=$(cat "$top/out")
status 0 muster submit -- echo later
second=$(cat "$top/out")
eventually sh -c "muster show $first --json | grep -q '\"state\":\"running\"'"
status 0 muster down
err '1 command runs'
out 'worker  ended   nas1'
out 'broker  ended'
status 0 muster up --slots 1
status 0 muster wait "$second"
eventually sh -c "muster show $first --json | grep -q '\"schema\":\"muster.record/1\"'"
true_that sh -c "! muster show $first --json | grep -q '\"state\":\"ok\"'"
status 0 muster down

# The broker alone.
status 0 muster up --no-worker
true_that test "$(wc -l <"$top/out")" -eq 1
status 0 muster hosts
status 0 muster down
status 0 muster up --no-worker --json
out '"host":null'
status 0 muster down

# A broker that cannot start: said with the end of its log, and nothing is left.
mkdir -p "$top/locked"
echo text >"$top/locked/file"
status 125 muster up --store "$top/locked/file/store"
err 'broker.log'
status 125 muster ping
err 'no broker: muster up'

# Without XDG_RUNTIME_DIR: a private directory under TMPDIR, never one of somebody else's making.
mkdir "$top/tmp"
unset XDG_RUNTIME_DIR
export TMPDIR="$top/tmp"
status 0 muster up --host nas1
true_that test "$(stat -c %a "$top/tmp/muster-$(id -u)")" = 700
status 0 muster run -- echo here
out_is here
status 0 muster down
chmod 755 "$top/tmp/muster-$(id -u)"
status 125 muster up
err 'chmod 700'
rm -rf "$top/tmp/muster-$(id -u)"
ln -s "$top/home" "$top/tmp/muster-$(id -u)"
status 125 muster up
rm "$top/tmp/muster-$(id -u)"
export XDG_RUNTIME_DIR="$top/run"
unset TMPDIR
