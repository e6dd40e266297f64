#!/bin/sh
set -eu
out=$("$1" 20)
echo "$out"
[ "$(echo "$out" | grep -c ': ok after')" -eq 20 ]
echo "$out" | grep -q '^done; '
