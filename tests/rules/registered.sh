#!/bin/sh
# Every test file is a test that runs: test_*.c and the rules are known to ctest by their names.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

[ -f "$build/CTestTestfile.cmake" ] || skip "$build is not configured"

ctest --test-dir "$build" -N | sed -n 's/^ *Test *#[0-9]*: //p' | sort -u >"$scratch/known"
{
    find tests -name 'test_*.c' -type f | sed 's/\.c$//'
    find tests/rules -name '*.sh' -type f ! -name common.sh | sed 's/\.sh$//; s#/\([^/]*\)$#/rule_\1#'
} | sort >"$scratch/files"

while read -r file; do
    grep -qxF "$(basename "$file")" "$scratch/known" ||
        echo "$file: ctest does not know it" >>"$scratch/breaches"
done <"$scratch/files"

finish "$(wc -l <"$scratch/files") test files are registered"
