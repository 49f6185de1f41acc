# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Part of check-http: one port a worker, and haproxy in front.

# A free port is not to be had for sure, and here two in a row are wanted; nor
# has haproxy a way to tell which it took.
free_ports() {
    local base
    for base in {21000..29000..7}; do
        if ! grep -q -e ":$(printf %04X "$base") " \
            -e ":$(printf %04X $((base + 1))) " \
            -e ":$(printf %04X $((base + 2))) " /proc/net/tcp; then
            echo "$base"
            return
        fi
    done
}

start_ports() {
    base=$(free_ports)
    rm -f "$temp/out"
    "$server" --ports "$base" --workers 2 >"$temp/out" 2>"$temp/err" &
    master=$!
    within 20 grep -qs '^listening on ports' "$temp/out"
}

start_haproxy() {
    sed -e "s/127.0.0.1:8080/127.0.0.1:$((base + 2))/" \
        -e "s/127.0.0.1:9000/127.0.0.1:$base/" \
        -e "s/127.0.0.1:9001/127.0.0.1:$((base + 1))/" \
        "$top_srcdir/examples/http/haproxy.cfg" >"$temp/haproxy.cfg"
    haproxy -db -f "$temp/haproxy.cfg" 2>"$temp/haproxy.err" &
    balancer=$!
    url=http://127.0.0.1:$((base + 2))
    within 20 eval 'get -f "$url/" >/dev/null'
}

each_port_is_a_process() {
    local first second
    first=$(get "http://127.0.0.1:$base/" | process)
    second=$(get "http://127.0.0.1:$((base + 1))/" | process)
    [ -n "$first" ] && [ -n "$second" ] && [ "$first" != "$second" ] &&
        [ "$(get "http://127.0.0.1:$base/" | process)" = "$first" ]
}

both_are_used() {
    local i
    for i in {1..20}; do
        get -f "$url/" || return
    done | process | sort -u | wc -l | grep -qx 2
}

reload_is_not_seen() {
    local i
    kill -HUP "$master"
    until grep -q reloaded "$temp/err"; do
        get -f "$url/" >/dev/null || return
    done
    for i in {1..20}; do
        get -f "$url/" >/dev/null || return
    done
}

stop_haproxy() {
    kill -TERM "$balancer"
    wait "$balancer"
    :
}

check 'a server starts on two ports' start_ports
check 'each port is a process' each_port_is_a_process
if command -v haproxy >/dev/null; then
    check 'haproxy is in front' start_haproxy
    check 'it uses both workers' both_are_used
    check 'a reload is not seen through it' reload_is_not_seen
    check 'haproxy ends' stop_haproxy
else
    echo 'not tested here: there is no haproxy'
fi
check 'a server ends when it is told to' stop
