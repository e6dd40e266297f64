#!/bin/sh
# .clang-format decides how the code looks. Only the version of Debian 12 counts: others differ.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

formatter=$(command -v clang-format-14 || command -v clang-format || true)
[ -n "$formatter" ] || skip "there is no clang-format"
"$formatter" --version | grep -q 'version 14\.' || skip "clang-format is not version 14"

sources >"$scratch/sources"
while read -r file; do
    "$formatter" "$file" | cmp -s - "$file" ||
        echo "$file: is not formatted, see ./dev fmt" >>"$scratch/breaches"
done <"$scratch/sources"

finish "format of $(wc -l <"$scratch/sources") sources"
