#!/bin/sh
# What is wrong on a command line is said, with what to do, and ends with 125: for every verb.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

status 125 muster
err 'Verbs:'
status 125 muster rnu
err 'unknown verb rnu, did you mean run?'
status 125 muster xyzzy
err 'muster --help lists all'
status 125 muster --brokr x ping
err 'did you mean --broker?'
status 125 muster --connect-timeout 5 ping
err 'is not a duration'
status 0 muster --help
out 'Verbs:'
no_err
status 0 muster help run
out 'Usage: muster run'
status 0 muster --version
out 'muster 0.'

for verb in up down run submit call put get list delete query ps show results wait stats hosts cancel \
    shutdown ping; do
    status 0 muster "$verb" --help
    out "Usage: muster $verb"
    out 'Exit status:'
    no_err
    status 125 muster "$verb" --nonsense
    err 'unknown option --nonsense'
    err "Try: muster $verb --help"
    status 125 muster "$verb" --json --jsonl
    err 'give one of them'
    status 125 muster "$verb" --broker
    err 'needs a value'
done

# Options whose parts are not built are unknown, not ignored.
for option in --key --after --retries --backoff --retry-on --if-offline --max-fail --user; do
    status 125 muster run "$option" x -- true
    err "unknown option $option"
done

status 125 muster up extra
err 'unexpected "extra"'
status 125 muster up --slots 0
err 'out of range'
status 125 muster up --clients nowhere
err 'is no endpoint'
status 125 muster up --clients 'tcp://127.0.0.1:*' --insecure-network
err 'name the port'
status 125 muster up --no-worker --slots 2
err '--no-worker'
status 125 muster up --broker ipc:///x
err '--clients says where'
status 125 muster down extra
err 'unexpected "extra"'
status 125 muster down --broker ipc:///x
err 'shutdown broker'

status 125 muster run
err 'Put it behind --'
status 125 muster run hostname -f
err 'unknown option'
status 125 muster run hostname
err 'come behind --'
status 125 muster run -- ''
err 'name of the program is empty'
status 125 muster run -p 1001 -- true
err 'from -1000'
status 125 muster run -p x -- true
err 'from -1000'
status 125 muster run --at yesterday -- true
err 'is not a time'
status 125 muster run --timeout 5x -- true
err 'is not a duration'
status 125 muster run --max-attempts 0 -- true
err 'out of range'
status 125 muster run --env =x -- true
err 'the name is missing'
status 125 muster run --env NO_SUCH_VARIABLE_HERE -- true
err 'no such variable'
status 125 muster run --stdin "$top/nothing" -- cat
err 'cannot read it'
head -c 300000 /dev/zero >"$top/large"
status 125 muster run --stdin "$top/large" -- cat
err 'larger than'
status 125 muster run --at +1h --delay 1h -- true
err 'give one of them'
status 125 muster submit
err 'Put it behind --'
status 125 muster call
err 'which function?'
status 125 muster call ''
err 'no name of a function'

status 125 muster put
err 'which file?'
status 125 muster put a b --name c --url file:///x
err '--name gives one name'
status 125 muster put a
err 'which store?'
status 125 muster put - --url file:///x
err 'cannot be stored'
status 125 muster put a/ --url file:///x
err 'has no file name'
status 125 muster put a --each --throttled --url file:///x
err 'cannot be --throttled'
status 125 muster get --url file:///x
err 'REMOTE [LOCAL]'
status 125 muster get a b c --url file:///x
err 'REMOTE [LOCAL]'
status 125 muster get a
err 'which store?'
status 125 muster get a --sha256 123 --url file:///x
err '64 hexadecimal digits'
status 125 muster list a b --url file:///x
err 'one prefix at most'
status 125 muster list
err 'which store?'
status 125 muster delete --url file:///x
err 'which objects?'
status 125 muster query --url file:///x
err 'which objects?'

status 125 muster ps 5-4
err 'empty range'
status 125 muster show
err 'which command?'
status 125 muster show 0
err 'names no command'
status 125 muster results 5
err 'muster show ID'
status 125 muster results --from -1
err 'is not a position'
status 125 muster results --from 0 --consumer x
err 'give one'
status 125 muster results --max 0
err 'out of range'
status 125 muster wait
err 'for which commands?'
status 125 muster wait --all 5
err 'give one of them'
status 125 muster wait 1-99999999
err 'no broker: muster up'
status 125 muster wait Bx
err 'names no command'
status 125 muster stats extra
err 'unexpected "extra"'
status 125 muster stats --first 0
err 'out of range'
status 125 muster hosts extra
err 'unexpected "extra"'
status 125 muster cancel
err 'which commands?'
status 125 muster cancel --all 5
err 'give one of them'
status 125 muster shutdown
err '--cancel-running'
status 125 muster shutdown everything
err 'shutdown broker'
status 125 muster shutdown broker --wait
err 'takes none of'
status 125 muster shutdown --cancel --timeout 5s
err 'goes with --wait'
status 125 muster ping extra
err 'unexpected "extra"'

# Without a broker the verbs that need one say so.
for verb in ps stats hosts results ping 'wait 1' 'show 1' 'cancel 1' 'shutdown --wait' 'submit -- true' \
    'run -d -- true' 'run -n -- true'; do
    # shellcheck disable=SC2086
    status 125 muster $verb
    err 'no broker: muster up'
done
status 125 muster --broker local:2 ps
err 'muster up'
status 125 muster --broker nonsense://x ping
err 'cannot reach the broker'
status 125 muster --connect-timeout 300ms --broker "ipc://$top/run/nobody" ping
err 'cannot reach the broker'
MUSTER_BROKER="ipc://$top/run/nobody" status 125 muster --connect-timeout 300ms ping
err "$top/run/nobody"

# Output that cannot be written is a failure.
checks=$((checks + 1))
if muster --help >/dev/full 2>"$top/err"; then
    fail 'a full disk went unnoticed'
fi
err 'cannot write the output'
