#!/bin/sh
set -eu
out=$("$1" -- echo hello)
echo "$out"
echo "$out" | grep -q 'ok .*hello'
echo "$out" | grep -q '^1 of 1 hosts ok$'
status=0
"$1" -- false || status=$?
[ "$status" -eq 1 ]
status=0
"$1" nowhere -- true || status=$?
[ "$status" -eq 2 ]
status=0
"$1" 2> /dev/null || status=$?
[ "$status" -eq 2 ]
