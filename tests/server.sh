# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# Server: what tests with a server share: a directory and a server of their own,
# on loopback, that both end with the test, however it ends.
# shellcheck disable=SC2034 # who sources it uses them

: "${top_builddir:=.}"
examples=$(cd "$top_builddir" && pwd)/examples
PATH=$PATH:/usr/sbin:/sbin # where servers live, if not in an ordinary user's
no_proxy='*'               # whatever is between this machine and others
export PATH no_proxy

temp=$(mktemp -d) || exit 99
out=$temp/stdout err=$temp/stderr
server='' client='' failures=0
trap end_test EXIT
trap 'exit 99' HUP INT TERM

# Where a test that is killed cannot stop its server, the system does.
guard='setpriv --pdeathsig KILL'
$guard true 2>/dev/null || guard=

skip() {
    echo "skipped: $1"
    exit 77
}

# wait_for WHAT COMMAND...: until the command succeeds, or in vain.
wait_for() {
    what=$1 tries=0
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ]; then
            echo "waited in vain for $what"
            return 1
        fi
        sleep 0.1
    done
}

has_started_or_ended() {
    grep -q "$ready" "$temp/server" || ! kill -0 "$server"
}

# start_server READY COMMAND...: what it says, which goes into $temp/server,
# matches READY as soon as it listens.  Fails if it ends before.
start_server() {
    ready=$1
    shift
    : >"$temp/server"
    $guard "$@" >"$temp/server" 2>&1 &
    server=$!
    wait_for "$1" has_started_or_ended && grep -q "$ready" "$temp/server"
}

# Also one that is stopped, or that has ended.
end_server() {
    [ -n "$server" ] || return 0
    kill -KILL "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=
}

# A test that has more to end does so before, by a trap of its own.
end_test() {
    end_server
    [ -z "$client" ] || kill "$client"
    rm -rf "$temp"
}

# start_on_a_free_port FUNCTION: calls it, to start a server, with one $port
# after another, below those that the system gives to clients.
start_on_a_free_port() {
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + ($$ * 7 + attempt * 1013) % 12000))
        "$1" && return
        end_server
    done
    echo "no server on ten ports; the last one said:"
    cat "$temp/server"
    exit 1
}

# run COMMAND...: what it does, in $out, $err and $status.  In the background,
# so that a signal need not wait for its end.
run() {
    timeout 60 "$@" >"$out" 2>"$err" &
    client=$!
    wait_for_client
}

wait_for_client() {
    wait "$client"
    status=$?
    client=
}

# check SENTENCE COMMAND [ARGUMENT...]: the command succeeds.
check() {
    sentence=$1
    shift
    if "$@"; then
        echo "ok: $poller: $sentence"
        return
    fi
    echo "FAIL: $poller: $sentence; status $status, stdout and stderr:"
    head -n 20 "$out" "$err"
    failures=$((failures + 1))
}

succeeded() {
    [ "$status" = 0 ] && [ ! -s "$err" ]
}

# failed_with PATTERN: with status 1, and one line that matches.
failed_with() {
    [ "$status" = 1 ] && [ "$(wc -l <"$err")" = 1 ] && grep -q -e "$1" "$err"
}

# on_each_poller FUNCTION: of those that the library was built with.
on_each_poller() {
    for poller in epoll poll; do
        name=WITH_$(echo $poller | tr '[:lower:]' '[:upper:]')
        grep -q "define $name 1" "$top_builddir/config.h" || continue
        EMITTER_POLLER=$poller
        export EMITTER_POLLER
        "$1"
    done
}
