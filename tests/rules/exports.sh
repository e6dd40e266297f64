#!/bin/sh
# libmuster.so: every exported name begins with muster_, and nothing in it takes a signal, starts a
# thread, runs at exit, or brings czmq into a program of somebody else.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

library=$build/lib/libmuster.so
[ -f "$library" ] || skip "there is no $library"

# Versions of symbols are absolute names ("A").
nm -D --defined-only "$library" | awk '$(NF - 1) != "A" { print $NF }' | sed 's/@.*//' |
    sort -u >"$scratch/exports"
grep -v '^muster_' "$scratch/exports" | sed 's/^/libmuster.so: exports /' >"$scratch/breaches" || true

nm -D --undefined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' |
    grep -xE 'atexit|__cxa_atexit|on_exit|signal|bsd_signal|sysv_signal|sigaction|pthread_create|exit|printf|puts|system' |
    sed 's/^/libmuster.so: calls /' >>"$scratch/breaches" || true

readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' |
    grep -E '^lib(czmq|sqlite3)' | sed 's/^/libmuster.so: needs /' >>"$scratch/breaches" || true

[ -s "$scratch/exports" ] || echo "libmuster.so: exports nothing" >>"$scratch/breaches"
finish "$(wc -l <"$scratch/exports") exported names of libmuster.so"
