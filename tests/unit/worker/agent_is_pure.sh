#!/bin/sh
# The worker session needs nothing but memory from the system: nm -u against a list.
set -eu
library="$MUSTER_BUILD/lib/libmuster_agent_core.a"
[ -f "$library" ] || { echo "there is no $library"; exit 77; }
allowed='^(calloc|free|memset|memcpy|memmove|must_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_'
allowed="$allowed|__(asan|ubsan|gcov|llvm|sanitizer)_.*"
allowed="$allowed|(map|rand|slab|list)_.*|time_add|(agent|attempt|attempts|drain|machine|session|work)_.*)\$"
foreign=$(nm -u "$library" | awk '$1 == "U" { print $2 }' | sort -u | grep -Ev "$allowed" || true)
if [ -n "$foreign" ]; then
    echo "worker/core must stay pure, but it uses:"
    echo "$foreign"
    exit 1
fi
