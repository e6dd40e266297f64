#!/bin/sh
# The pure cores reach nothing but memory: what their libraries leave undefined must be in the
# allow-list, or in the base library outside its readers of clocks, files and the like.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

base=$build/lib/libmuster_base.a
[ -f "$base" ] || skip "there is no $base"

# Names defined, or left undefined, by a library.
names() {
    nm "$1" "$2" 2>/dev/null | awk 'NF >= 2 { print $NF }' | sort -u
}

# Of the base library: all but these files.
mkdir "$scratch/objects"
(cd "$scratch/objects" && ar x "$(cd "$OLDPWD" && realpath "$base")")
for file in clock os fs fstree log opt opthelp; do
    rm -f "$scratch/objects/$file.c.o"
done
for object in "$scratch"/objects/*.o; do
    names --defined-only "$object"
done >"$scratch/allowed"

# The C library's harmless part, with the names that hardening gives to it. Memory is for making and
# freeing a core as a whole: nothing that can fail later.
for name in memcpy memmove memset memcmp memchr strlen strcmp strncmp abort bcmp calloc free; do
    printf '%s\n__%s_chk\n' "$name" "$name"
done >>"$scratch/allowed"

# What compilers add by themselves.
compiler='^(__stack_chk_fail|__popcountdi2|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|sanitizer|gcov|llvm)_.*)$'

checked=
for library in muster_broker_core muster_agent_core muster_call; do
    archive=$build/lib/lib$library.a
    [ -f "$archive" ] || continue
    checked="$checked $library"
    names --defined-only "$archive" >"$scratch/own"
    sort -u "$scratch/allowed" "$scratch/own" >"$scratch/may"
    names --undefined-only "$archive" | comm -23 - "$scratch/may" |
        grep -vE "$compiler" | sed "s/^/lib$library.a: needs /" >>"$scratch/breaches" || true
done
[ -n "$checked" ] || skip "no pure core has been built in $build"

finish "purity of$checked"
