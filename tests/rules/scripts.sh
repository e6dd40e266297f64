#!/bin/sh
# Shell scripts parse under a POSIX shell (those that ask for bash, under bash), and what is called
# directly is executable.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

posix=sh
command -v dash >/dev/null 2>&1 && posix=dash

{
    find broker worker proto lib cli examples tests demo docker packaging -name '*.sh' \
        -type f 2>/dev/null || true
    echo dev
    echo .ci/run
} | sort >"$scratch/scripts"

while read -r script; do
    shell=$posix
    head -n 1 "$script" | grep -q bash && shell=bash
    "$shell" -n "$script" 2>>"$scratch/breaches" || true
    if command -v shellcheck >/dev/null 2>&1; then
        shellcheck -f gcc -s "$([ "$shell" = bash ] && echo bash || echo sh)" -x "$script" \
            >>"$scratch/breaches" || true
    fi
done <"$scratch/scripts"

for script in dev .ci/run; do
    [ -x "$script" ] || echo "$script: is not executable" >>"$scratch/breaches"
done

finish "$(wc -l <"$scratch/scripts") shell scripts parse"
