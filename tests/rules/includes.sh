#!/bin/sh
# Who may include what. The table is that of the design: "A: B …" means files of part A may include
# headers of their own part and of the parts B. A part is the longest prefix of a file's path.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

cat >"$scratch/table" <<'END'
lib/base:
lib/net: lib/base
lib/call: lib/base
lib: lib/call lib/include proto lib/net lib/base
lib/include:
proto: lib/base
broker/core: lib/base
broker/store: lib/base broker/core
broker: broker/core broker/store proto lib/net lib/base
worker/core: lib/base
worker/backend: lib/base
worker/run: worker/backend proto lib/base
worker: worker/core worker/run worker/backend proto lib/net lib/base
cli: lib/include lib/base
examples: lib/include
demo: lib/include
tests: lib/base lib/net lib/call lib lib/include proto broker/core broker/store broker worker/core worker/backend worker/run worker cli
END

# Libraries of others: header prefix, then the files (as a pattern) that may include it. A
# zmq_msg_t is part of lib/net's interface, so those who use that may see its header; czmq also reads
# the configuration files.
cat >"$scratch/foreign" <<'END'
zmq.h ^(lib/net/.*|lib/[^/]*|broker/[^/]*|worker/[^/]*|tests/.*)$
zmq_utils.h ^(lib/net|tests)/
czmq.h ^(lib/net/curve[^/]*|broker/config[^/]*|worker/config[^/]*|tests/.*)$
protobuf-c/ ^(proto/wire[^/]*|tests/.*)$
sqlite3.h ^(broker/store|tests)/
openssl/ ^(worker/backend|tests)/
curl/ ^(worker/backend|tests)/
setjmp.h ^tests/
cmocka.h ^tests/
END

# All that a pure core may see of the system.
pure_headers=' assert.h errno.h inttypes.h limits.h stdalign.h stdarg.h stdbool.h stddef.h stdint.h stdlib.h string.h '

sources | xargs grep -HE '^[[:space:]]*#[[:space:]]*include' >"$scratch/includes"

awk -v pure="$pure_headers" -v table="$scratch/table" -v foreign="$scratch/foreign" '
function exists(path,    line, found) {
    if (!(path in known)) {
        found = (getline line < path) >= 0
        close(path)
        known[path] = found
    }
    return known[path]
}
# The part of a path; lib/call is made of files.
function part_of(path,    prefix) {
    if (path ~ /^lib\/call[^\/]*\.[ch]$/)
        return "lib/call"
    prefix = path
    while (sub(/\/[^\/]*$/, "", prefix))
        if (prefix in allowed)
            return prefix
    return ""
}
# Where a quoted name leads: from the root, from lib, or from the including folder.
function resolve(name, file,    folder) {
    folder = file
    sub(/[^\/]*$/, "", folder)
    if (name ~ /\.pb-c\.h$/) # generated from proto
        return "proto/" name
    if (exists(folder name))
        return folder name
    if (exists("lib/" name))
        return "lib/" name
    return name
}
function breach(file, name, why) {
    printf "%s: includes %s: %s\n", file, name, why
}
BEGIN {
    while ((getline line < table) > 0) {
        split(line, side, ":")
        allowed[side[1]] = side[2] " "
    }
    while ((getline line < foreign) > 0) {
        split(line, field, " ")
        who[field[1]] = field[2]
    }
}
{
    file = $0; sub(/:.*/, "", file)
    name = $0; sub(/^[^:]*:[^"<]*["<]/, "", name); sub(/[">].*/, "", name)
    part = part_of(file)
    if (part == "") {
        breach(file, name, "the folder is not in the table of parts")
        next
    }
    if (name ~ /\.c$/)
        breach(file, name, "never a .c file")
    is_quoted = $0 ~ /include[[:space:]]*"/
    if (name == "muster.h") {
        if (part != "lib/include" && index(allowed[part], " lib/include ") == 0)
            breach(file, name, part " must not use the public header")
        next
    }
    if (is_quoted) {
        target = resolve(name, file)
        to = part_of(target)
        if (name ~ /\.pb-c\.h$/ && file !~ /^(proto\/wire|tests\/)/)
            breach(file, name, "generated code is seen by proto/wire*.c alone")
        else if (to == "" && target !~ /\//)
            generated = 1 # made by the build for its own folder
        else if (to != part && index(allowed[part], " " to " ") == 0)
            breach(file, name, part " must not include " (to == "" ? "this" : to))
        next
    }
    for (prefix in who)
        if (index(name, prefix) == 1 && file !~ who[prefix])
            breach(file, name, "this library is not for " part)
    if ((part == "broker/core" || part == "worker/core" || part == "lib/call") &&
        index(pure, " " name " ") == 0)
        breach(file, name, "a pure core does not see this part of the system")
}' "$scratch/includes" >"$scratch/breaches"

finish "include directions of $(wc -l <"$scratch/includes") includes"
