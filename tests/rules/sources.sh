#!/bin/sh
# Properties of each C source: its size, no marker of unfinished work, our words and no synonyms,
# assertions that cannot be switched off, sockets through lib/net alone.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

lines_max=600
sources >"$scratch/sources"

xargs wc -l <"$scratch/sources" |
    awk -v max=$lines_max '$2 != "total" && $1 > max {
        printf "%s: %d lines, more than %d: split it by noun\n", $2, $1, max }' >"$scratch/breaches"

# Written so that this file does not match itself.
xargs grep -nE 'TO''DO|FIX''ME|XX''X' <"$scratch/sources" |
    grep -vE 'XXX''XXX|"XX''X[-+]' | sed 's/$/  <- unfinished work/' >>"$scratch/breaches" || true

# The table of words has "command" for these. A path of the kernel's is no word of ours.
sources broker worker proto lib cli examples | xargs grep -niE '(^|[^a-z])(job|task)s?([^a-z]|$)' |
    grep -v '/task' | sed 's/$/  <- say "command"/' >>"$scratch/breaches" || true

xargs grep -nE '#[[:space:]]*include[[:space:]]*<assert\.h>' <"$scratch/sources" | cut -d : -f 1 |
    sort -u | while read -r file; do
    grep -nE '(^|[^_a-z])assert\(' "$file" | sed "s#^#$file:#; s#\$#  <- MUST stays on everywhere#"
done >>"$scratch/breaches"

# Options that abort libzmq 4.3.4 or make a peer mute must not be set anywhere.
sources | grep -v '^tests/' | xargs grep -nE '[{,][[:space:]]*ZMQ_(HEARTBEAT_|ROUTING_ID|IDENTITY|ROUTER_HANDOVER)' |
    sed 's/$/  <- never to be set/' >>"$scratch/breaches" || true

sources broker worker lib cli | grep -v '^lib/net/' |
    xargs grep -nE '(^|[^a-z_])zmq_(ctx|socket|setsockopt|getsockopt|bind|connect|poll|send|recv|msg_send|msg_recv)[a-z_]*\(' |
    sed 's/$/  <- sockets are used through lib\/net/' >>"$scratch/breaches" || true

if [ -f "$build/compile_commands.json" ] && grep -q -e '-DNDEBUG' "$build/compile_commands.json"; then
    echo "compile_commands.json: NDEBUG is set" >>"$scratch/breaches"
fi

finish "size, words and assertions of $(wc -l <"$scratch/sources") sources"
