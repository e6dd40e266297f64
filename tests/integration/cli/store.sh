#!/bin/sh
# put, get, list, delete, query: on this host by default, relative paths included.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

muster up -q --slots 2 --host nas1 --label role=db >"$top/out" 2>"$top/err" || fail 'up'
mkdir "$top/store" "$top/work"
cd "$top/work"
url="file://$top/store"

printf 'one' >one
printf 'two and more' >two
sum=$(sha256sum one | cut -d ' ' -f 1)
status 0 muster put one --url "$url"
out 'STATE'
out "$sum"
true_that cmp one "$top/store/one"
status 0 muster put one --url "$url"
out 'was there already'
printf 'other' >"$top/other"
status 1 muster put "$top/other" --name one --url "$url"
err 'one'
true_that cmp one "$top/store/one"
status 0 muster put "$top/other" --name one --overwrite --url "$url" --json
out '"schema":"muster.record/1"'
out '"bytes":5'
true_that cmp "$top/other" "$top/store/one"
status 1 muster put missing --url "$url"
err 'missing'
status 1 muster put one --url "file://$top/nowhere"
status 0 muster put one two --mkdir --url "file://$top/nowhere"
true_that test "$(ls "$top/nowhere" | tr '\n' ' ')" = 'one two '
status 1 muster put one --url 'nonsense://x/y'

# Several: one that fails does not stop the others, and the status says so.
status 1 muster put two missing --url "$url"
true_that cmp two "$top/store/two"
err '2 commands'
err 'ok 1  failed 1'

# Throttled: many, all there.
i=0
while [ "$i" -lt 12 ]; do
    printf 'volume %d' "$i" >"vol-$i"
    i=$((i + 1))
done
status 0 muster put vol-* --throttled --buffer 1 --url "$url" --jsonl
true_that test "$(wc -l <"$top/out")" -eq 12
true_that test "$(ls "$top/store" | grep -c vol-)" -eq 12
status 0 muster stats --json
out '"peak_in_queue"'

# A name per host and day, filled in where it runs.
status 0 muster put --each --on role=db "$top/work/one" --name 'one-{host}' --url "$url"
true_that cmp one "$top/store/one-nas1"
status 4 muster put one --on nobody --url "$url"
status 0 muster put one --on nas1 -n --url "$url"
out_is nas1

# Odd names.
odd='grüße -- "and" $more'
printf 'odd' >"$odd"
status 0 muster put "./$odd" --url "$url"
true_that cmp "$odd" "$top/store/$odd"
status 1 muster put one --name 'a/b' --url "$url"
status 1 muster put one --name '.hidden' --url "$url"

# get.
mkdir into
cd into
status 0 muster get two --url "$url"
true_that cmp two ../two
status 0 muster get two copy --url "$url" --json
out '"schema":"muster.record/1"'
true_that cmp copy ../two
status 1 muster get nothing --url "$url"
err 'no object'
true_that test ! -e nothing
status 1 muster get two wrong --sha256 "$sum" --url "$url"
true_that test ! -e wrong
status 0 muster get two right --sha256 "$(sha256sum ../two | cut -d ' ' -f 1)" --url "$url"
true_that cmp right ../two
cd ..

# list, query, delete.
status 0 muster list --url "$url"
out 'NAME'
out 'two'
status 0 muster list vol- --url "$url"
true_that test "$(grep -c '^vol-' "$top/out")" -eq 12
status 0 muster list vol- --limit 2 --after vol-1 --url "$url"
true_that test "$(grep -c '^vol-' "$top/out")" -eq 2
status 0 muster list nothing --url "$url"
err 'holds nothing'
status 0 muster query two nothing --url "$url"
out '12'
out 'absent'
status 0 muster query two --url "$url" --json
out '"size":12'
status 0 muster delete two nothing --url "$url"
true_that test ! -e "$top/store/two"
status 0 muster query two --url "$url"
out 'absent'

# From inside a command the host is its own.
status 0 muster run --cwd "$top/work" -c "muster put one --name inside --url '$url' && muster get inside got --url '$url'"
true_that cmp "$top/work/got" "$top/work/one"
