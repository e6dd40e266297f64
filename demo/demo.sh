#!/bin/sh
# A backup of three hosts, on this machine, with nothing to configure: real data, real volumes, a
# worker and the broker killed in the middle, and everything restored and compared at the end.
# Run it by ./dev demo, or by itself after a build. Exit status 0 only if all of it is right.
set -eu
exec </dev/null

here=$(cd "$(dirname "$0")" && pwd)
bin=${MUSTER_BIN:-$here/../build/bin}
for program in muster muster-broker muster-worker examples/backup_volumes; do
    [ -x "$bin/$program" ] || {
        echo "demo: there is no $bin/$program: run ./dev build first" >&2
        exit 1
    }
done
bin=$(cd "$bin" && pwd)
PATH=$bin:$bin/examples:$PATH
# shellcheck source=SCRIPTDIR/data.sh
. "$here/data.sh"

hosts='db1 web1 web2'
bytes=320000000
files=12000
volume=2M
pack='gzip -1'
unpack='gzip -d'
if command -v zstd >/dev/null 2>&1; then
    pack='zstd -q -1'
    unpack='zstd -q -d'
fi

# ---- processes and files: all that this script starts or makes is ended and removed by it --------

top=$(mktemp -d "${TMPDIR:-/tmp}/muster-demo-XXXXXX")
broker_pid=
pid_db1=
pid_web1=
pid_web2=
backup_pids=

# Ends processes that this script started: TERM, and KILL for what is still there after 20 s.
end_pids() {
    [ $# -gt 0 ] || return 0
    kill -TERM "$@" 2>/dev/null || true
    (
        trap 'kill "$sleeper" 2>/dev/null; exit 0' TERM
        sleep 20 &
        sleeper=$!
        wait "$sleeper"
        kill -KILL "$@" 2>/dev/null || true
    ) &
    watchdog=$!
    for pid in "$@"; do
        wait "$pid" 2>/dev/null || true
    done
    kill -TERM "$watchdog" 2>/dev/null || true
    wait "$watchdog" 2>/dev/null || true
}

clean_up() {
    status=$?
    trap - EXIT
    trap '' INT TERM HUP
    # shellcheck disable=SC2086
    end_pids $backup_pids $pid_db1 $pid_web1 $pid_web2 $broker_pid
    chmod -R u+rwx "$top" 2>/dev/null || true
    rm -rf "$top"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

die() {
    echo "demo: $*" >&2
    for log in "$top"/*.log; do
        [ ! -s "$log" ] || {
            echo "--- ${log##*/}" >&2
            tail -n 20 "$log" >&2
        }
    done
    exit 1
}

title() {
    printf '\n== %s\n' "$*"
}

# Shows a command as a user would type it.
show() {
    printf '$ %s\n' "$*"
}

run() {
    show "$@"
    "$@"
}

# ---- the broker and the workers ------------------------------------------------------------------

mkdir -m 700 "$top/run"
mkdir "$top/store" "$top/lists" "$top/restored"
for host in $hosts; do
    mkdir -p "$top/$host/volumes"
    mkdir -m 700 "$top/$host/spool"
done

export MUSTER_BROKER="ipc://$top/run/clients" NO_COLOR=1
workers="ipc://$top/run/workers"
store="file://$top/store"

start_broker() {
    show "muster-broker --store $top/broker --clients $MUSTER_BROKER --workers $workers &"
    muster-broker --store "$top/broker" --clients "$MUSTER_BROKER" --workers "$workers" \
        2>>"$top/broker.log" &
    broker_pid=$!
    muster --connect-timeout 30s ping >/dev/null || die "the broker does not answer"
}

# start_worker HOST ROLE
start_worker() {
    show "cd $top/$1 && muster-worker --broker $workers --host $1 --label role=$2 --slots 2 --spool spool &"
    (
        cd "$top/$1"
        exec muster-worker --broker "$workers" --host "$1" --label "role=$2" --slots 2 \
            --spool "$top/$1/spool" 2>>"$top/$1.log"
    ) &
    eval "pid_$1=\$!"
}

wait_for_hosts() {
    tries=0
    until [ "$(muster hosts --jsonl | grep -c '"present":true')" -eq 3 ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 150 ] || die "the workers do not come"
        sleep 0.2
    done
}

title 'three hosts and a broker'
show "export MUSTER_BROKER=$MUSTER_BROKER"
start_broker
start_worker db1 db
start_worker web1 web
start_worker web2 web
wait_for_hosts
run muster hosts

# ---- the data ------------------------------------------------------------------------------------

title 'what each host backs up'
# shellcheck disable=SC2086
choose_data "$top/lists" "$bytes" "$files" $hosts
# shellcheck disable=SC2154
make_odd_tree "$top/web2/odd" "$missing_bytes" "$missing_files"
for host in $hosts; do
    printf '%-5s %s trees of this machine, as %s%s\n' "$host" \
        "$(tr -cd '\0' <"$top/lists/$host.list" | wc -c)" \
        "/$(tr '\0' '\n' <"$top/lists/$host.list" | head -n 3 | tr '\n' ' ' | sed 's/ $//; s# # /#g')" \
        "$([ "$host" = web2 ] && echo ', and a made one with odd names' || true)"
done
# shellcheck disable=SC2154
awk -v bytes=$((chosen_bytes + missing_bytes)) -v files=$((chosen_files + missing_files)) \
    'BEGIN { printf "in all %d MB in %d files\n", bytes / 1e6, files }'

# archive HOST: its data as one stream on stdout.
archive() {
    if [ "$1" = web2 ]; then
        tar -S --null -C / -T "$top/lists/$1.list" -C "$top/web2" -cf - odd
    else
        tar --null -C / -T "$top/lists/$1.list" -cf -
    fi
}

# Both ends of a host's backup are processes of this shell, so that their ends can be told apart: a tar
# that breaks must not look like a small backup.
backup() {
    mkfifo "$top/$1/stream"
    {
        { archive "$1" || echo "tar failed on $1" >>"$top/failures"; } |
            $pack || echo "compression failed on $1" >>"$top/failures"
    } >"$top/$1/stream" 2>>"$top/$1-tar.log" &
    backup_pids="$backup_pids $!"
    backup_volumes --pool "$1" --host "$1" --store "$store" --prefix "$1" \
        --volume-size "$volume" --manifest "$top/$1/manifest" --spool "$top/$1/volumes" \
        <"$top/$1/stream" >"$top/$1-backup.log" 2>&1 &
    backup_pids="$backup_pids $!"
}

title 'the backup: tar, compress, cut into volumes, put through a throttled pool per host'
: >"$top/failures"
began=$(date +%s)
for host in $hosts; do
    show "tar … | $pack | backup_volumes --pool $host --host $host --store $store --prefix $host --volume-size $volume --manifest $host/manifest &"
    backup "$host"
done

# ---- the faults ----------------------------------------------------------------------------------

# wait_for_volumes HOST N: until its result log has N records. Volumes decide when a fault comes, not
# time.
wait_for_volumes() {
    timeout 120 muster --pool "$1" results --from 0 --follow --max "$2" --jsonl >"$top/seen" ||
        die "$1 has no $2 volumes after two minutes"
    echo "  $1 has stored $(wc -l <"$top/seen") volumes"
}

title 'in the middle: kill -9 of a worker, then of the broker'
wait_for_volumes web1 3
run kill -9 "$pid_web1"
wait "$pid_web1" 2>/dev/null || true
start_worker web1 web
wait_for_volumes web1 6
run kill -9 "$broker_pid"
wait "$broker_pid" 2>/dev/null || true
start_broker

for pid in $backup_pids; do
    wait "$pid" || echo "process $pid of a backup failed" >>"$top/failures"
done
backup_pids=
[ ! -s "$top/failures" ] || die "$(cat "$top/failures")"
echo "backed up in $(($(date +%s) - began)) s:"
for host in $hosts; do
    printf '  %-5s %s\n' "$host" "$(tail -n 1 "$top/$host-backup.log")"
done

# ---- one final record per volume -----------------------------------------------------------------

title 'the result logs: every volume has exactly one final record'
: >"$top/results"
for host in $hosts; do
    show "muster --pool $host results --from 0 --jsonl"
    muster --pool "$host" results --from 0 --jsonl >>"$top/results" ||
        die "the results of $host cannot be read"
done
cat "$top"/*/manifest >"$top/manifests"
for host in $hosts; do
    [ "$(wc -l <"$top/$host/manifest")" -gt 6 ] ||
        die "$host has too few volumes: the faults came too late to prove anything"
done
awk -v manifests="$top/manifests" -v hosts="$hosts" -v again="$top/again" -f "$here/report.awk" "$top/manifests" \
    "$top/results" || die 'the result log is not what the manifests say'

title 'the figures of a pool'
run muster --pool web1 stats

# ---- everything back -----------------------------------------------------------------------------

title 'restore everything, and compare it byte for byte and mode for mode'
restore() {
    mkdir "$top/restored/$1" "$top/fetched"
    while read -r name size sha256; do
        muster get -q --on "$1" --url "$store" --sha256 "$sha256" "$name" "$top/fetched/$name" \
            >/dev/null || die "$name does not come back as it was"
        [ "$(wc -c <"$top/fetched/$name")" -eq "$size" ] || die "$name has another size"
        printf '%s\0' "$top/fetched/$name" >>"$top/fetched.list"
    done <"$top/$1/manifest"
    xargs -0 cat <"$top/fetched.list" | $unpack | tar -C "$top/restored/$1" -xpf - ||
        die "the archive of $1 is damaged"
    rm -rf "$top/fetched" "$top/fetched.list"
}

# facts ROOT NAME…: type, mode, size, time, target and name of everything, in one order.
facts() {
    (
        cd "$1"
        shift
        # The size of a directory is the file system's business.
        find "$@" \( -type d -printf '%y %m %T@ %p\0' \) -o -printf '%y %m %s %T@ %l %p\0'
    ) | sed -z 's/\.[0-9]* / /' | sort -z
}

compare() {
    tr '\0' '\n' <"$top/lists/$1.list" >"$top/trees"
    while read -r tree; do
        diff -r --no-dereference "/$tree" "$top/restored/$1/$tree" >>"$top/differences" 2>&1 || true
        facts / "$tree" >"$top/facts.1"
        facts "$top/restored/$1" "$tree" >"$top/facts.2"
        cmp -s "$top/facts.1" "$top/facts.2" ||
            echo "/$tree: names, types, modes or times differ" >>"$top/differences"
        cat "$top/facts.2" >>"$top/compared"
    done <"$top/trees"
}

: >"$top/differences"
: >"$top/compared"
show "while read name size sha256; do muster get --on HOST --url $store --sha256 \$sha256 \$name …; done <HOST/manifest"
for host in $hosts; do
    restore "$host"
    compare "$host"
    echo "  $host is back"
done
diff -r --no-dereference "$top/web2/odd" "$top/restored/web2/odd" >>"$top/differences" 2>&1 || true
facts "$top/web2" odd >"$top/facts.1"
facts "$top/restored/web2" odd >"$top/facts.2"
cmp -s "$top/facts.1" "$top/facts.2" || echo 'the odd tree differs' >>"$top/differences"
cat "$top/facts.2" >>"$top/compared"
[ "$top/restored/web2/odd/plain" -ef "$top/restored/web2/odd/hard link of plain" ] ||
    echo 'a hard link became two files' >>"$top/differences"
[ ! -s "$top/differences" ] || {
    head -n 20 "$top/differences" >&2
    die 'what came back is not what went in'
}

compared=$(tr -cd '\0' <"$top/compared" | wc -c)
volumes=$(wc -l <"$top/manifests")
title 'what this has shown'
echo "1. Three hosts backed up $compared files and directories in $volumes volumes, with no configuration."
echo "2. A worker was killed in the middle: attempts repeated: $(cat "$top/again"), nothing is in the log twice."
echo '3. The broker was killed in the middle: clients and workers went on, nothing acknowledged was lost.'
echo '4. Every volume has exactly one final record, at positions without a gap, each of them ok.'
echo '5. Everything was restored from the store and is equal: bytes, names, types, modes, times, links.'
