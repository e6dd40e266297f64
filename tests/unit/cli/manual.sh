#!/bin/sh
# The manual page and the tables agree: every verb has a section, every option that a verb takes is in
# that section or in one of the shared ones, and the page names no option that does not exist.
set -eu

source=${MUSTER_SOURCE:-$(cd "$(dirname "$0")/../../.." && pwd)}
build=${MUSTER_BUILD:-$source/build}
muster=$build/bin/muster
page=$source/cli/muster.1

[ -x "$muster" ] || {
    echo "there is no $muster"
    exit 77
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

complain() {
    echo "$*"
    failed=1
}

# Long options of a help page, one a line, without the dashes.
options_of() {
    sed -n 's/^ *\(-[a-z], \)\{0,1\}--\([a-z][a-z0-9-]*\)[ …].*/\2/p; s/^ *\(-[a-z], \)\{0,1\}--\([a-z][a-z0-9-]*\)$/\2/p'
}

# The page with its dashes plain. Before VERBS stand the options that several verbs share.
sed 's/\\-/-/g' "$page" >"$scratch/page"
named_options() {
    sed -n 's/^\.\(TP\|B\|BR\|BI\|RB\|IR\)\{0,1\} .*--[a-z].*/&/p' |
        grep -oE -e '--[a-z][a-z0-9-]*' | sed 's/^--//' | sort -u
}
sed '/^\.SH VERBS/,$d' "$scratch/page" | named_options >"$scratch/shared"

"$muster" --help >"$scratch/overview"
sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$scratch/overview" >"$scratch/verbs"
[ "$(wc -l <"$scratch/verbs")" -ge 19 ] || complain "the overview lists too few verbs"

: >"$scratch/known"
options_of <"$scratch/overview" >>"$scratch/known"
while read -r verb; do
    "$muster" "$verb" --help >"$scratch/help" || complain "muster $verb --help failed"
    for part in '^Usage: muster' '^Examples:' '^Exit status:'; do
        grep -q "$part" "$scratch/help" || complain "muster $verb --help has no $part"
    done
    options_of <"$scratch/help" >"$scratch/options"
    cat "$scratch/options" >>"$scratch/known"
    [ -s "$scratch/options" ] || complain "muster $verb --help shows no options"
    sed -n "/^\.SS $verb\$/,/^\.S[SH] /p" "$scratch/page" >"$scratch/section"
    [ -s "$scratch/section" ] || complain "muster.1 has no section for the verb $verb"
    named_options <"$scratch/section" >"$scratch/own"
    while read -r option; do
        grep -qxF -e "$option" "$scratch/own" "$scratch/shared" ||
            complain "muster.1 does not tell --$option of $verb"
    done <"$scratch/options"
done <"$scratch/verbs"

named_options <"$scratch/page" | while read -r option; do
    grep -qxF -e "$option" -e "${option#no-}" "$scratch/known" || echo "$option"
done >"$scratch/stale"
while read -r option; do
    complain "muster.1 tells of --$option, which no verb has"
done <"$scratch/stale"

sed -n 's/^\.SS \([a-z]*\)$/\1/p' "$scratch/page" | while read -r verb; do
    grep -qxF "$verb" "$scratch/verbs" || echo "$verb"
done >"$scratch/stale"
while read -r verb; do
    complain "muster.1 tells of the verb $verb, which is not there"
done <"$scratch/stale"

if command -v groff >/dev/null 2>&1; then
    groff -man -Tutf8 -ww "$page" 2>"$scratch/groff" >/dev/null || true
    [ ! -s "$scratch/groff" ] || complain "groff: $(cat "$scratch/groff")"
fi

[ "$failed" -eq 0 ] && echo "$(wc -l <"$scratch/verbs") verbs and $(sort -u "$scratch/known" |
    wc -l) options agree with the manual page"
exit "$failed"
