# Reads the manifests (names of volumes) and then the result log, one record a line: says what is wrong
# with any record, prints a table per host, and ends with 1 when something was wrong.
# Variables: manifests (file of names), hosts ("db1 web1 web2"), again (where to write how many attempts
# there were beyond one for each volume).
function text(key,    start) {
    if (!match($0, "\"" key "\":\"[^\"]*\""))
        return ""
    start = RSTART + length(key) + 4
    return substr($0, start, RSTART + RLENGTH - start - 1)
}
function number(key,    start) {
    if (!match($0, "\"" key "\":-?[0-9.]+"))
        return 0
    start = RSTART + length(key) + 3
    return substr($0, start, RSTART + RLENGTH - start) + 0
}
function complain(what) {
    print "record " FNR ": " what >"/dev/stderr"
    wrong = 1
}
FILENAME == manifests {
    expected[$1]++
    next
}
{
    pool = text("pool")
    if (number("pos") != ++position[pool])
        complain("its position in " pool " is " number("pos") " and not " position[pool])
    if ((pool, number("track_id")) in seen)
        complain("a second final record of command " number("track_id") " of " pool)
    seen[pool, number("track_id")] = 1
    if (text("state") != "ok")
        complain("the state is " text("state"))
    result = match($0, /"result":\{[^}]*\}/) ? substr($0, RSTART, RLENGTH) : ""
    host = text("host")
    waited = number("waited_s")
    ran = number("run_s")
    held = number("throttled_s")
    attempt = number("attempt")
    $0 = result
    if (!(text("name") in expected))
        complain("\"" text("name") "\" is in no manifest")
    if (text("name") in stored)
        complain("a second final record of volume " text("name"))
    stored[text("name")] = 1
    count[host]++
    bytes[host] += number("bytes")
    wait[host] += waited
    run[host] += ran
    throttled[host] += held
    attempts[host] += attempt
}
END {
    for (name in expected)
        if (!(name in stored)) {
            print "volume " name " has no final record" >"/dev/stderr"
            wrong = 1
        }
    printf "%-5s %8s %9s %10s %10s %10s %9s\n", "host", "volumes", "MB", "waited s", "ran s", "held s", "attempts"
    n_hosts = split(hosts, host_list, " ")
    for (i = 1; i <= n_hosts; i++) {
        h = host_list[i]
        printf "%-5s %8d %9.1f %10.2f %10.2f %10.2f %9d\n", h, count[h], bytes[h] / 1e6, wait[h], run[h], throttled[h], attempts[h]
        volumes_all += count[h]
        attempts_all += attempts[h]
    }
    print attempts_all - volumes_all >again
    exit wrong
}
