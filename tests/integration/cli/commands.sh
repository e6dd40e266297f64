#!/bin/sh
# Commands through a running broker: every verb, every exit status, people's text and JSON.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

muster up -q --slots 2 --host nas1 --label role=db >"$top/out" 2>"$top/err" || fail 'up'

# run: its output, its status.
status 0 muster run -- echo hello
out_is hello
no_err
status 0 muster run -- printf 'a\nb'
true_that test "$(muster run -- printf 'a\nb' | od -An -c | tr -d ' \n')" = 'a\nb'
status 7 muster run -- sh -c 'echo out; echo problem >&2; exit 7'
out_is out
err problem
err 'failed'
err 'exit 7'
status 123 muster run -q -- sh -c 'exit 123'
no_err
status 127 muster run -- /no/such/program
status 126 muster run -- /etc/passwd
status 137 muster run -- sh -c 'kill -9 $$'
err 'signal 9'
status 124 muster run --timeout 300ms -- sleep 600
err 'timeout'
status 4 muster run --on nobody -- true
err 'ENOMATCH'
status 4 muster run --each --on role=nobody -- true
status 0 muster run --on nas1 -- true
status 0 muster run --on role=db -- true

# What is behind -- is no shell; -c is one that fails with its parts.
status 0 muster run -- echo '$HOME' '*' 'a  b' --help -n
out_is '$HOME * a  b --help -n'
status 3 muster run -c 'exit 3 | cat'
status 1 muster run -c 'false; echo not reached'
out_is ''
status 0 muster run -c 'echo "$0 $1 $#"' -- 'first one' second
out_is 'bash first one 2'

# Surroundings.
HERE='of mine' status 0 muster run --env A=1 --env HERE --env EMPTY= -c 'echo "$A|$HERE|${EMPTY-unset}"'
out_is '1|of mine|'
status 0 muster run --cwd /usr -- pwd
out_is /usr
printf 'line 1\nline 2' >"$top/input"
status 0 muster run --stdin "$top/input" -- cat
out_is "$(cat "$top/input")"
checks=$((checks + 1))
[ "$(printf 'through a pipe' | muster run --stdin - -- cat)" = 'through a pipe' ] || fail '--stdin -'
status 0 muster run -- cat
out_is ''

# Large output: head and tail are kept, what is missing is said.
status 0 muster run -c 'seq 1 100000'
true_that test "$(head -n 1 "$top/out")" = 1
true_that test "$(tail -n 1 "$top/out")" = 100000
err 'were not kept'

# run --each: each line has its host, a batch has a summary.
status 0 muster run --each --on all -- printf 'one\ntwo'
out 'nas1: one'
out 'nas1: two'
err 'B1  1 host'
status 1 muster run --each -- sh -c 'exit 9'
err 'exit 9'
status 0 muster run --each -n -- true
out_is nas1
status 4 muster run --each -n --on nobody -- true
err 'no host matches'
for selector in 'nas[1-3]' 'role=d*' 'not web1' '(nas1 or web1) and role=db' 'web1,nas1' all; do
    status 0 muster run -n --on "$selector" -- true
    out_is nas1
done
status 0 muster run -n --on 'role=db' --json -- true
out '"host":"nas1"'
status 4 muster run -n --on 'not nas1' -- true
status 125 muster run -n --on 'nas[1-' -- true
err 'character 4'

# submit, wait, show, ps.
status 0 muster submit -- true
id=$(cat "$top/out")
true_that test "$id" -gt 0
status 0 muster wait "$id"
status 0 muster wait last
status 0 muster submit --each -- true
batch=$(cat "$top/out")
true_that expr "$batch" : 'B[0-9]'
status 0 muster wait "$batch"
status 0 muster submit --json -- true
out '"schema":"muster.submitted/1"'
out '"batch":null'
status 0 muster submit -- sh -c 'exit 5'
id=$(cat "$top/out")
status 5 muster wait "$id"
status 1 muster wait "$((id - 1))-$id"
status 1 muster wait "$id" --jsonl "$((id - 1))"
true_that test "$(wc -l <"$top/out")" -eq 2
status 125 muster wait 999999
err 'UNKNOWNCOMMAND'
status 125 muster wait B999999
err 'no batch'
status 125 muster show 999999
status 0 muster show "$id"
out 'state       failed'
out 'exit        5'
status 0 muster show "$id" --json
out '"schema":"muster.record/1"'
out '"argv":["sh","-c","exit 5"]'
out '"exit":5'
status 0 muster run -d --label nightly -- sleep 600
long=$(cat "$top/out")
eventually sh -c "muster ps --json | grep -q '\"state\":\"running\"'"
status 0 muster ps
out 'sleep 600'
out nightly
out running
status 0 muster show "$long" --json
out '"schema":"muster.command/1"'
status 124 muster wait "$long" --timeout 300ms
err 'goes on'
status 0 muster ps -a
out failed

# cancel: running ones only when asked.
status 0 muster cancel "$long"
err 'go on'
status 0 muster cancel "$long" --running --reason 'enough of it'
status 125 muster wait "$long"
status 0 muster show "$long" --json
out '"state":"cancelled"'
status 0 muster submit --delay 1h -- echo late
late=$(cat "$top/out")
status 0 muster ps "$late"
out held
status 0 muster cancel "$late" --json
out '"cancelled":1'
status 3 muster wait "$late-last"
status 125 muster cancel 999999
status 0 muster submit --start-by +300ms --delay 1h -- true
status 125 muster wait last
status 0 muster show last --json
out '"state":"expired"'

# The same request id gives the same command.
status 0 muster submit --request-id morning -- true
one=$(cat "$top/out")
status 0 muster submit --request-id morning -- true
out_is "$one"
status 125 muster submit --request-id morning -- false
err 'REQUESTREUSED'

# call.
status 0 muster call echo hello
out hello
status 0 muster call sleep 0.01
status 125 muster call no_such_function
err 'UNKNOWNFUNCTION'

# results: by position, the same again, a durable cursor.
status 0 muster results --from 0 --jsonl
cp "$top/out" "$top/first"
status 0 muster results --from 0 --jsonl
true_that cmp "$top/out" "$top/first"
true_that sh -c "awk -F '\"pos\":' '{ split(\$2, p, \",\"); if (p[1] != NR) exit 1 }' '$top/first'"
status 0 muster results --from 0 --max 2
true_that test "$(wc -l <"$top/out")" -eq 2
status 0 muster results --from 0 --json --max 2
out '['
head=$(wc -l <"$top/first")
status 125 muster results --from 999999
err 'LOGMISMATCH'
# A new consumer begins behind the newest record, and goes on where it stopped.
status 0 muster results --consumer report --jsonl
out_is ''
for i in 1 2 3 4; do
    muster run -q --label "report-$i" -- true || fail "run $i"
done
status 0 muster results --consumer report --max 3 --jsonl
true_that test "$(wc -l <"$top/out")" -eq 3
out "\"pos\":$((head + 1)),"
status 0 muster results --consumer report --jsonl
true_that test "$(wc -l <"$top/out")" -eq 1
out "\"pos\":$((head + 4)),"
status 0 muster results --consumer report
out_is ''
head=$((head + 4))
muster results --from "$head" --follow --max 1 --jsonl >"$top/followed" &
follower=$!
extra_pids="$extra_pids $follower"
status 0 muster run --label followed -- true
checks=$((checks + 1))
wait "$follower" || fail 'results --follow'
true_that grep -q '"label":"followed"' "$top/followed"

# stats, hosts, ping.
status 0 muster stats
out 'submitted ='
out 'watermarks'
status 0 muster stats --json
out '"schema":"muster.stats/1"'
true_that sh -c "sed 's/.*\"submitted\":\([0-9]*\),\"held\":\([0-9]*\),\"queued\":\([0-9]*\),\"running\":\([0-9]*\),.*\"head\":\([0-9]*\).*/\1 \2 \3 \4 \5/' '$top/out' |
    awk '{ exit !(\$1 > 0 && \$1 == \$2 + \$3 + \$4 + \$5) }'"
status 0 muster stats --first 1 --json
out '"count":1'
status 0 muster hosts
out nas1
out role=db
status 0 muster hosts --json
out '"schema":"muster.host/1"'
out '"put"'
status 0 muster ping
out "$top/run/muster/broker"
status 0 muster ping --json
out '"round_trip_ms"'

# Pools are apart.
status 0 muster --pool other submit -- true
out_is 1
status 0 muster --pool other wait 1
MUSTER_POOL=other status 0 muster results --from 0 --jsonl
true_that test "$(wc -l <"$top/out")" -eq 1
out '"pool":"other"'

# shutdown of a pool: what is queued is cancelled, the pool stays.
status 0 muster --pool other submit --delay 1h -- true
status 0 muster --pool other submit -- sleep 600
eventually sh -c "muster --pool other ps --json | grep -q '\"state\":\"running\"'"
status 124 muster --pool other shutdown --wait --timeout 300ms
status 0 muster --pool other shutdown --cancel-running --wait --timeout 60s
err '0 unfinished'
status 3 muster --pool other wait 2-3
status 0 muster --pool other run -- echo open
out_is open

# Several commands at once, in order of their ids within a priority; nothing is lost.
status 0 sh -c 'for i in 1 2 3 4 5 6 7 8; do muster --pool many submit -- echo $i || exit 1; done'
status 0 muster --pool many wait --all
status 0 muster --pool many wait 1-8 --jsonl
true_that test "$(wc -l <"$top/out")" -eq 8

# The end of the broker.
broker=$(broker_pid)
worker=$(worker_pid)
status 0 muster shutdown broker
eventually gone "$broker"
eventually gone "$worker"
status 125 muster ps
