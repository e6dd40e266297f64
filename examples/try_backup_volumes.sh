#!/bin/sh
# The backup on the embedded default: every byte arrives, nothing is left behind, failures are told.
set -eu
program=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/store" "$dir/spool"
head -c 1000000 /dev/urandom > "$dir/stream"

"$program" --help | grep -q -- --volume-size

"$program" --store "file://$dir/store" --prefix etc --volume-size 64k --spool "$dir/spool" \
    --manifest "$dir/etc.manifest" --slots 2 < "$dir/stream" > "$dir/out"
cat "$dir/out"
grep -q '^16 of 16 volumes, 1000000 bytes stored' "$dir/out"
[ -z "$(ls "$dir/spool")" ]
cat "$dir"/store/etc.vol* | cmp - "$dir/stream"
[ "$(wc -l < "$dir/etc.manifest")" -eq 16 ]
while read -r name size sha256; do
    [ "$(wc -c < "$dir/store/$name")" -eq "$size" ]
    echo "$sha256  $dir/store/$name" | sha256sum -c --quiet
done < "$dir/etc.manifest"

# The same names with other content are refused: status 1, local volumes kept, no manifest.
status=0
head -c 200000 /dev/urandom | "$program" --store "file://$dir/store" --prefix etc \
    --volume-size 64k --spool "$dir/spool" --manifest "$dir/other.manifest" --slots 2 || status=$?
[ "$status" -eq 1 ]
[ ! -e "$dir/other.manifest" ]
[ -n "$(ls "$dir/spool")" ]

# Broker and worker are killed in the middle: the library starts them again, nothing is lost or
# stored twice, and the program does not even notice.
mkdir "$dir/store2" "$dir/spool2"
for i in $(seq 0 19); do
    tail -c +$((i * 50000 + 1)) "$dir/stream" | head -c 50000
    sleep 0.1
done | {
    exec 3<&0 # a program in the background would read from /dev/null
    "$program" <&3 --store "file://$dir/store2" --prefix etc --volume-size 50000 \
        --spool "$dir/spool2" --manifest "$dir/killed.manifest" --slots 2 > "$dir/out" &
    pid=$!
    for victim in muster-broker muster-worker muster-broker; do
        sleep 0.6
        for process in /proc/[0-9]*; do
            read -r child name _ parent _ 2> /dev/null < "$process/stat" || continue
            [ "$parent" != "$pid" ] || [ "$name" != "($victim)" ] || kill -KILL "$child"
        done
    done
    wait "$pid"
}
cat "$dir/out"
grep -q '^20 of 20 volumes, 1000000 bytes stored' "$dir/out"
cat "$dir"/store2/etc.vol* | cmp - "$dir/stream"
[ "$(wc -l < "$dir/killed.manifest")" -eq 20 ]
[ -z "$(ls "$dir/spool2")" ]

# An empty stream is no backup; wrong usage is told.
status=0
"$program" --store "file://$dir/store" < /dev/null || status=$?
[ "$status" -eq 1 ]
status=0
"$program" < /dev/null 2> /dev/null || status=$?
[ "$status" -eq 2 ]
