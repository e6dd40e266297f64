#!/bin/sh
# Every function of the public header has its prototype in the manual page, and no other is there.
set -eu
header=$MUSTER_SOURCE/lib/include/muster.h
page=$MUSTER_SOURCE/lib/libmuster.3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

tr '\n' ' ' <"$header" | grep -oE 'MUSTER_API [^;(]*\(' | grep -oE 'muster_[a-z0-9_]+\(' |
    sort -u >"$scratch/header"
grep '^\.BI "' "$page" | grep -oE 'muster_[a-z0-9_]+\(' | sort -u >"$scratch/page"
[ -s "$scratch/header" ]
diff "$scratch/header" "$scratch/page"
if command -v man >/dev/null && man --help 2>&1 | grep -q -- --warnings; then
    LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=100 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" \
        >/dev/null 2>"$scratch/warnings"
    [ ! -s "$scratch/warnings" ] || {
        cat "$scratch/warnings"
        exit 1
    }
fi
