# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Part of check-http: workers that end, reloads, and the end.

another_answers() {
    local pid
    pid=$(get "$url/" | process)
    [ -n "$pid" ] && [ "$pid" != "$1" ]
}

two_are_ready() {
    [ "$(of_status)" = 2 ]
}

killed_ones_are_replaced() {
    local pid i
    for i in 1 2 3; do
        pid=$(get "$url/" | process)
        kill -KILL "$pid" || return
        within 20 another_answers "$pid" || return
        within 20 two_are_ready || return
    done
}

# Requests one after the other, new connections and kept ones, until the file
# `done` is there; what fails is told.
load() {
    local failed=0
    while [ ! -e "$temp/done" ]; do
        get -f "$url/" "$url/" "$url/" >/dev/null ||
            failed=$((failed + 1))
    done
    echo "$failed" >"$temp/failed.$1"
}

reloads() {
    get "$url/_status.json" | sed -n 's/.*"reloads": \([0-9]*\),.*/\1/p'
}

has_reloaded() {
    [ "$(reloads)" = "$1" ]
}

reload_under_load() {
    local before after i
    before=$(get "$url/_status.json" | grep -o '"pid": [1-9][0-9]*' | sort)
    load 1 &
    load 2 &
    for i in 1 2 3; do
        kill -HUP "$master"
        within 40 has_reloaded "$i" || return
    done
    : >"$temp/done"
    within 40 eval '[ -s "$temp/failed.1" ] && [ -s "$temp/failed.2" ]' || return
    after=$(get "$url/_status.json" | grep -o '"pid": [1-9][0-9]*' | sort)
    cat "$temp"/failed.* | grep -qv '^0$' && return 1
    [ -z "$(comm -12 <(echo "$before") <(echo "$after"))" ]
}

log_is_reopened() {
    mv "$temp/log" "$temp/log.1"
    kill -HUP "$master"
    within 20 eval '[ -e "$temp/log" ]' || return
    within 20 eval 'get -o /dev/null "$url/" && [ -s "$temp/log" ]'
}

limit_is_raised() {
    local pid
    pid=$(get "$url/" | process)
    awk '/^Max open files/ { exit $4 != $5 }' "/proc/$pid/limits"
}

# Connections that were answered, and how much larger that made the process.
cat >"$temp/idle.py" <<'END'
import socket, sys
port, pid, count = map(int, sys.argv[1:])
def ask():
    peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert peer.recv(4096).startswith(b"HTTP/1.1 200")
    return peer
def dirty():
    lines = open("/proc/%d/smaps_rollup" % pid)
    return sum(int(l.split()[1]) for l in lines if l.startswith("Private_Dirty:"))
peers = [ask() for _ in range(50)]
before = dirty()
peers += [ask() for _ in range(count)]
sys.exit((dirty() - before) * 1024 > count * 1024)
END

idle_ones_are_small() {
    local pid
    pid=$(get "$url/" | process)
    if grep -q -e asan -e tsan "/proc/$pid/maps"; then
        return 0 # memory is what it is spent on there
    fi
    (ulimit -Sn "$(ulimit -Hn)" && python3 "$temp/idle.py" "$port" "$pid" 900)
}

# Without a restart a slot is given up at once.
one_is_given_up() {
    kill -KILL "$(get "$url/" | process)" || return
    within 20 grep -q '^server: .*slot [01] given up' "$temp/err" &&
        get -f "$url/" | grep -q process && kill -0 "$master"
}

all_are_given_up() {
    local status
    kill -KILL "$(get "$url/" | process)" || return
    within 40 is_gone "$master" || return
    wait "$master"
    status=$?
    master=
    [ "$status" = 1 ] &&
        grep -qx 'server: every worker was given up' "$temp/err"
}

# A request whose body is under way when the server is told to end is answered.
drains() {
    local answer
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na' >&3
    get "$url/" >/dev/null
    kill -TERM "$master"
    within 20 eval '! get -o /dev/null "$url/"' || return
    printf 'bc' >&3
    answer=$(timeout 20 cat <&3)
    exec 3<&- 3>&-
    [[ $answer == 'HTTP/1.1 200'*'Connection: close'* ]]
}

check 'a server starts' start --log "$temp/log"
check 'workers that were killed are replaced' killed_ones_are_replaced
check 'three reloads under load fail no request' reload_under_load
check 'a log that was moved away is opened anew' log_is_reopened
check 'a request under way is answered before the end' drains
check 'a server ends when it is told to' ended
check 'a server starts' start --drain-timeout 300
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na' >&3
get "$url/" >/dev/null
check 'who does not come to an end does not hold the server' stop
exec 3<&- 3>&-

check 'a server starts' start --restarts 0
check 'a worker that is given up leaves the others' one_is_given_up
check 'when all are given up the server says so, and ends' all_are_given_up
check 'a user that there is not ends it' eval \
    '! "$server" --listen 127.0.0.1:0 --user no/body 2>"$temp/err" &&
    grep -qx "server: there is no user no/body" "$temp/err"'

limit=$(ulimit -Sn)
ulimit -Sn 100
check 'a server starts' start --workers 1
ulimit -Sn "$limit"
check 'it has as many descriptors as the system lets it' limit_is_raised
if command -v python3 >/dev/null && [ -e "/proc/$master/smaps_rollup" ]; then
    check 'an idle connection takes less than 1 KiB' idle_ones_are_small
fi
check 'a server ends when it is told to' stop
