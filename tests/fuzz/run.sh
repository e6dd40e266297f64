#!/bin/sh
# Runs every fuzz target of build/fuzz one after the other: run.sh [SECONDS] (default 60 each).
#
# New inputs are kept in build/fuzz/corpus/NAME; an input that fails is left in build/fuzz as
# crash-…, to be copied to tests/fuzz/regress/NAME once it is understood.
set -eu

seconds=${1:-60}
case $seconds in
'' | *[!0-9]*)
    echo "usage: fuzz [SECONDS]" >&2
    exit 2
    ;;
esac
cd "$(dirname "$0")/../.."
build=build/fuzz
found=0
for target in "$build"/tests/fuzz_*; do
    [ -x "$target" ] || continue
    found=1
    name=${target##*/fuzz_}
    corpus=$build/corpus/$name
    mkdir -p "$corpus"
    "$build/tests/corpus_$name" "$corpus"
    regress=tests/fuzz/regress/$name
    [ -d "$regress" ] || regress=
    echo "== $name: $seconds s =="
    # shellcheck disable=SC2086
    "$target" -max_total_time="$seconds" -max_len=65536 -timeout=20 -rss_limit_mb=2048 \
        -artifact_prefix="$build/" -print_final_stats=1 "$corpus" $regress
done
if [ "$found" -eq 0 ]; then
    echo "there is no fuzz target in $build: cmake --preset fuzz && cmake --build --preset fuzz" >&2
    exit 1
fi
