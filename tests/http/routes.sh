# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Part of check-http: who gets a connection.

# distinct URL N [OPTION...]: how many processes answer N connections.
distinct() {
    local i address=$1 count=$2
    shift 2
    for ((i = 0; i < count; i++)); do
        get "$@" "$address"
    done | process | sort -u | wc -l
}

one_peer_one_worker() {
    [ "$(distinct "$url/" 20)" = 1 ]
}

peers_are_spread() {
    local i
    for i in {1..40}; do
        get --interface "127.0.0.$i" "$url/"
    done >"$temp/answers"
    [ "$(process <"$temp/answers" | sort -u | wc -l)" = 2 ] &&
        [ "$(number <"$temp/answers" | xargs)" = "$(seq -s ' ' 21 60)" ]
}

workers_are_nobody() {
    local pid
    [ "$(id -u)" = 0 ] || return 0
    pid=$(get "$url/" | process)
    [ "$(stat -c %U "/proc/$pid")" = nobody ] &&
        grep -q '^Groups:[[:space:]]*\(65534 *\)\?$' "/proc/$pid/status"
}

# Neither has a worker a listening socket.
workers_do_not_listen() {
    local pid inodes
    pid=$(get "$url/" | process)
    inodes=$(awk -v port=":$(printf '%04X' "$port")" \
        '$4 == "0A" && index($2, port) { print "socket:[" $10 "]" }' \
        /proc/net/tcp)
    [ -n "$inodes" ] && ! find "/proc/$pid/fd" -printf '%l\n' | grep -qF "$inodes"
}

goes_to() {
    local got
    got=$(get "${@:2}" | process)
    [ -n "$got" ] && [ "$got" = "$1" ]
}

# slot_in N FIGURES: the process in that slot.
slot_in() {
    sed -n "s/.*\"pid\": \([0-9]*\), \"slot\": $1,.*/\1/p" <<<"$2"
}

# table_is_read [no]: after SIGHUP; what is wrong is told.
table_is_read() {
    : >"$temp/err"
    kill -HUP "$master"
    within 40 grep -q reloaded "$temp/err" || return
    if grep -q "$temp/table" "$temp/err"; then
        [ "$1" = no ]
    else
        [ "$1" != no ]
    fi
}

hosts_are_in_slots() {
    local answers
    answers=$(get -H 'Host: a.example' "$url/_status.json")
    goes_to "$(slot_in "$1" "$answers")" -H 'Host: a.example' "$url/" &&
        goes_to "$(slot_in "$2" "$answers")" -H 'Host: b.example' "$url/"
}

# The master reads each byte as it comes, and the worker has them all.
byte_by_byte() {
    local request='GET /a HTTP/1.1' got i
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    for ((i = 0; i < ${#request}; i++)); do
        printf %s "${request:i:1}" >&3
    done
    printf '\r\nHost: a\r\nConnection: close\r\n\r\n' >&3
    got=$(timeout 20 cat <&3 | process)
    exec 3<&- 3>&-
    [ -n "$got" ] && [ "$got" = "$1" ]
}

listens_on_a_path() {
    rm -f "$temp/out"
    "$server" --listen "unix:$temp/socket" --workers 1 >"$temp/out" \
        2>"$temp/err" &
    master=$!
    within 20 grep -q '^listening on unix:' "$temp/out" &&
        get --unix-socket "$temp/socket" http://a/ | grep -q '^process='
}

# As systemd starts it: with two sockets from number 3 on.
cat >"$temp/activate.py" <<'END'
import os, socket, sys
given = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(each.getsockname()[1] for each in given), flush=True)
kept = [os.dup(each.fileno()) for each in given]
for number, fd in enumerate(kept, 3):
    os.dup2(fd, number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2")
os.execv(sys.argv[1], sys.argv[1:])
END

starts_on_given_sockets() {
    rm -f "$temp/out"
    python3 "$temp/activate.py" "$server" --listen systemd --workers 1 \
        >"$temp/out" 2>"$temp/err" &
    master=$!
    within 20 grep -qs '^listening' "$temp/out" || return
    read -r port other <"$temp/out"
    url=http://127.0.0.1:$port
}

both_answer() {
    get "$url/" | grep -q '^process=' &&
        get "http://127.0.0.1:$other/" | grep -q '^process='
}

both_are_kept() {
    kill -HUP "$master"
    within 40 grep -q reloaded "$temp/err" && both_answer
}

check 'a server starts' start --route ip-hash
check 'ip-hash: one peer, one worker' one_peer_one_worker
check 'ip-hash: peers are spread, and numbered together' peers_are_spread
check 'workers are nobody' workers_are_nobody
check 'workers do not listen' workers_do_not_listen
check 'a handed-over connection keeps alive' \
    [ "$(get "$url/" "$url/" "$url/" | process | uniq -c | wc -l)" = 1 ]
check 'a server ends when it is told to' stop

for how in round-robin least-busy; do
    check "a server starts with $how" start --route "$how"
    check "$how: all workers have some" [ "$(distinct "$url/" 10)" = 2 ]
    check 'a server ends when it is told to' stop
done

cat >"$temp/table" <<'END'
# paths
/a    0
/a/b  1
*     1
END
check 'a server starts with a table of paths' \
    start --route path --table "$temp/table"
first=$(get "$url/a" | process)
second=$(get "$url/" | process)
check 'a path has its worker' goes_to "$first" "$url/a/c"
check 'the longest prefix counts' goes_to "$second" "$url/a/b?c"
check 'they are two workers' [ "$first" != "$second" ]
check 'what is no request is refused by a worker' refuses 400 'abc\r\n\r\n'
check 'the path of a whole address has its worker' goes_to "$first" \
    --request-target http://b/a/c "$url/"
check 'an address alone is /' goes_to "$second" --request-target 'http://b?/a' \
    "$url/"
check 'a request may come byte by byte' byte_by_byte "$first"
check 'a server ends when it is told to' stop

printf 'a.example 0\nB.example 1\n[::1] 1\n' >"$temp/table"
check 'a server starts with a table of hosts' \
    start --route host --table "$temp/table"
first=$(get -H 'Host: a.example' "$url/" | process)
second=$(get -H 'Host: b.example:80' "$url/" | process)
check 'a host has its worker' goes_to "$first" -H 'Host: A.example' "$url/"
check 'they are two workers' [ -n "$second" ] && [ "$first" != "$second" ]
check 'an address of IPv6 is a host' goes_to "$second" -H 'Host: [::1]:80' \
    "$url/"
check 'the host of the target counts' goes_to "$second" -H 'Host: a.example' \
    --request-target http://b.example:1/ "$url/"
check 'a host that nobody serves is refused' [ -z "$(get "$url/")" ]
printf 'a.example 1\nnonsense\n' >"$temp/table"
check 'a table with nonsense is not taken' table_is_read no
check 'the one before counts' hosts_are_in_slots 0 1
printf 'a.example 1\nb.example 0\n' >"$temp/table"
check 'another table is read' table_is_read
check 'it counts' hosts_are_in_slots 1 0
check 'a server ends when it is told to' stop

printf 'a x\n' >"$temp/table"
check 'a table with nonsense is refused' eval \
    '! "$server" --route path --table "$temp/table" 2>/dev/null'
check 'a server listens on a path' listens_on_a_path
check 'a server ends when it is told to' stop

if command -v python3 >/dev/null; then
    check 'a server starts on sockets it was given' starts_on_given_sockets
    check 'both of them answer' both_answer
    check 'after a reload too' both_are_kept
    check 'a server ends when it is told to' stop
    check 'none were given' eval \
        '! "$server" --listen systemd 2>/dev/null'
fi
