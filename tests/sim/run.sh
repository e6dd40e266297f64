#!/bin/sh
# ./dev sim [--seeds N] [--first S] [--steps M] [--trace] [--plant NAME]: the simulator, built for
# release. Without options: a few thousand seeds.
set -eu
program=build/bin/muster-sim
[ -x "$program" ] || {
    echo "sim: there is no $program; see what ./dev build says" >&2
    exit 1
}
[ $# -gt 0 ] || set -- --seeds 3000
exec "$program" "$@"
