# The data of the demo: trees of this machine, and a made tree with odd names. Sourced by demo.sh.

# choose_data DIR BYTES FILES HOST…: shares out real trees, first those with the most files until there
# are FILES, then the largest until there are BYTES, each to the host that has least. Leaves
# NUL-terminated paths (without the first slash) in DIR/HOST.list, and sets chosen_bytes,
# chosen_files, and missing_bytes and missing_files, which a small machine does not have.
choose_data() {
    dir=$1
    bytes=$2
    files=$3
    shift 3
    for host in "$@"; do
        : >"$dir/$host.list"
    done
    # A tree is a path four names deep. One that this user cannot read whole is left out.
    for root in /usr/share /usr/include /usr/lib/python3* /usr/lib/gcc /usr/lib/perl* \
        "/usr/lib/$(uname -m)-linux-gnu" /usr/lib/llvm* /usr/bin; do
        if [ -d "$root" ] && [ ! -L "$root" ]; then
            find "$root" -xdev \( \( -type f -o -type d \) ! -readable -printf 'spoilt %p\n' \) \
                -o -type f -printf '%s %p\n' 2>/dev/null || true
        fi
    done | awk '
        $1 !~ /^([0-9]+|spoilt)$/ || $2 !~ /^\// { next } # the rest of a name with a newline
        {
            n = split(substr($0, length($1) + 2), part, "/")
            tree = ""
            for (i = 2; i <= n && i <= 5; i++)
                tree = tree "/" part[i]
            if ($1 == "spoilt")
                spoilt[tree] = 1
            else {
                size[tree] += $1
                count[tree]++
            }
        }
        END {
            for (tree in size)
                if (!(tree in spoilt) && size[tree] < 40e6)
                    print count[tree], size[tree], tree
        }' >"$dir/trees"
    {
        sort -k1,1nr -k3 "$dir/trees" | sed 's/^/files /'
        sort -k2,2nr -k3 "$dir/trees" | sed 's/^/bytes /'
    } | awk -v bytes_wanted="$bytes" -v files_wanted="$files" -v hosts="$*" '
        BEGIN { n_hosts = split(hosts, host, " ") }
        {
            tree = substr($0, length($1 $2 $3) + 4)
            if (tree in taken || ($1 == "files" ? files >= files_wanted : bytes >= bytes_wanted))
                next
            least = 1
            for (i = 2; i <= n_hosts; i++)
                if (load[i] < load[least])
                    least = i
            load[least] += $3 + 4096 * $2
            files += $2
            bytes += $3
            taken[tree] = 1
            print host[least], substr(tree, 2)
        }
        END {
            printf "chosen_bytes=%.0f\nchosen_files=%.0f\n", bytes, files >"/dev/stderr"
            printf "missing_bytes=%.0f\n", bytes < bytes_wanted ? bytes_wanted - bytes : 0 >"/dev/stderr"
            printf "missing_files=%.0f\n", files < files_wanted ? files_wanted - files : 0 >"/dev/stderr"
        }' 2>"$dir/figures" | while read -r host tree; do
        printf '%s\0' "$tree" >>"$dir/$host.list"
    done
    # shellcheck disable=SC1091
    . "$dir/figures"
}

# make_odd_tree DIR BYTES FILES: names, types and modes that break careless tools, and BYTES and FILES
# more where the machine itself has too little.
make_odd_tree() {
    mkdir -p "$1/deep/er/still deeper" "$1/empty dir" "$1/files"
    printf 'plain\n' >"$1/plain"
    printf 'x\n' >"$1/a name with  spaces "
    printf 'x\n' >"$1/two
lines"
    printf 'x\n' >"$1/tab	and \\ and \" and '\''"
    printf 'x\n' >"$1/-rf"
    printf 'x\n' >"$1/--help"
    printf 'x\n' >"$1/grüße-日本語-🎺"
    printf 'x\n' >"$1/$(printf 'not-utf8-\377\376')"
    printf 'x\n' >"$1/*?[a]"
    printf 'x\n' >"$1/deep/er/still deeper/$(printf '%0200d' 0)"
    : >"$1/empty"
    printf 'no newline at the end' >"$1/unfinished"
    head -c 100000 /dev/urandom >"$1/random"
    ln "$1/plain" "$1/hard link of plain"
    ln -s plain "$1/link"
    ln -s "/nowhere/at all" "$1/dangling"
    ln -s . "$1/loop"
    truncate -s 20M "$1/sparse"
    printf 'end' >>"$1/sparse"
    for mode in 400 444 600 640 755 700 4755 2755 1777; do
        printf '%s\n' "$mode" >"$1/files/mode-$mode"
        chmod "$mode" "$1/files/mode-$mode"
    done
    chmod 1777 "$1/empty dir"
    i=0
    while [ "$i" -lt "$3" ]; do
        printf 'made file %d\n' "$i" >"$1/files/$i"
        i=$((i + 1))
    done
    if [ "$2" -gt 0 ]; then
        head -c "$2" /dev/urandom >"$1/files/bulk"
    fi
    chmod 500 "$1/deep/er"
}
