# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Part of check-http: requests that mean harm, or nothing.

good='GET / HTTP/1.1\r\nHost: a\r\n\r\n'
post='POST / HTTP/1.1\r\nHost: a\r\n'

# bad STATUS SENTENCE BYTES: refused, and what follows is not looked at.
bad() {
    check "$2: $1" refuses "$1" "$3$good"
    check "$2, after a good one: 200 $1" refuses "200 $1" "$good$3$good"
}

smuggling() {
    bad 400 'both lengths' \
        "${post}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"
    bad 400 'both lengths, the other way' \
        "${post}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG"
    bad 400 'two lengths' \
        "${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    bad 400 'the same length twice' \
        "${post}Content-Length: 1\r\nContent-Length: 1\r\n\r\na"
    bad 400 'a list of lengths' "${post}Content-Length: 1, 1\r\n\r\na"
    bad 400 'a length with a sign' "${post}Content-Length: +1\r\n\r\na"
    bad 400 'a negative length' "${post}Content-Length: -1\r\n\r\na"
    bad 400 'a length in another base' "${post}Content-Length: 0x1\r\n\r\na"
    bad 400 'an empty length' "${post}Content-Length:\r\n\r\na"
    bad 400 'a space before the colon' \
        "${post}Content-Length : 1\r\n\r\na"
    bad 400 'a space before the colon of a coding' \
        "${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"
    bad 400 'chunked twice' \
        "${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    bad 400 'chunked in HTTP/1.0' \
        'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
    bad 400 'a folded line' "${post}X: a\r\n b\r\n\r\n"
    bad 400 'a folded first line' \
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n"
}

codings() {
    local value
    for value in xchunked identity 'chunked, identity' 'chunked,' '"chunked"' \
        'chunked;a' ''; do
        bad 400 "nobody knows where coding $value ends" \
            "${post}Transfer-Encoding: $value\r\n\r\n0\r\n\r\n"
    done
    for value in 'gzip, chunked' 'gzip,chunked' 'x , chunked'; do
        bad 501 "coding $value" \
            "${post}Transfer-Encoding: $value\r\n\r\n0\r\n\r\n"
    done
}

lengths() {
    bad 413 'a huge length' "${post}Content-Length: 99999999999\r\n\r\n"
    check 'a length of more than 64 bits is refused' is_refused_length
    check 'a body that is too long by one byte is refused: 413' refuses 413 \
        "${post}Content-Length: 1048577\r\n\r\n"
    bad 413 'a huge chunk' \
        "${post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"
    bad 413 'a chunk longer than a body may be' \
        "${post}Transfer-Encoding: chunked\r\n\r\n200000\r\n$(printf '%080000d' 0)$(printf '%0100000d%0100000d%0100000d%0100000d%0100000d%0100000d%0100000d%0100000d%0100000d%0100000d' 0 0 0 0 0 0 0 0 0 0)"
    bad 400 'a negative chunk' \
        "${post}Transfer-Encoding: chunked\r\n\r\n-1\r\n"
    bad 400 'a chunk without a size' \
        "${post}Transfer-Encoding: chunked\r\n\r\n\r\n"
    bad 400 'a chunk that is longer than it says' \
        "${post}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"
    bad 400 'a chunk size with a bare LF' \
        "${post}Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n"
    bad 400 'an extension with a bare LF' \
        "${post}Transfer-Encoding: chunked\r\n\r\n1;a\na\r\n0\r\n\r\n"
    bad 400 'an extension with a bare CR' \
        "${post}Transfer-Encoding: chunked\r\n\r\n1;a\rb\r\na\r\n0\r\n\r\n"
    bad 400 'a space behind a chunk size' \
        "${post}Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n"
    bad 413 'an endless extension' \
        "${post}Transfer-Encoding: chunked\r\n\r\n1;$(printf '%020000d' 0)"
    bad 413 'extensions without end' \
        "${post}Transfer-Encoding: chunked\r\n\r\n$(printf '1;%0200d\\r\\na\\r\\n' {1..100})"
    bad 413 'trailers without end' \
        "${post}Transfer-Encoding: chunked\r\n\r\n0\r\n$(printf 'X: %d\\r\\n' {1..5000})"
    bad 400 'a trailer with a bare LF' \
        "${post}Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\n\r\n"
    bad 400 'a trailer that is folded' \
        "${post}Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n b\r\n\r\n"
    bad 400 'a trailer without a name' \
        "${post}Transfer-Encoding: chunked\r\n\r\n0\r\n: a\r\n\r\n"
    bad 400 'a trailer that looks like a request' \
        "${post}Transfer-Encoding: chunked\r\n\r\n0\r\n"
}

is_refused_length() {
    case $(statuses "${post}Content-Length: 18446744073709551617\r\n\r\n") in
    400 | 413) ;;
    *) return 1 ;;
    esac
}

lines() {
    bad 400 'bare LF' 'GET / HTTP/1.1\nHost: a\n\n'
    bad 400 'one bare LF' 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'
    bad 400 'a bare CR' 'GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n'
    bad 400 'NUL in a value' 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n'
    bad 400 'NUL in a name' 'GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n'
    bad 400 'NUL in a target' 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'a control character' 'GET / HTTP/1.1\r\nHost: a\r\nX: \001\r\n\r\n'
    bad 400 'a target with a tab' 'GET /\ta HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'a target with a high byte' 'GET /\377 HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'a line without a colon' 'GET / HTTP/1.1\r\nHost: a\r\nabc\r\n\r\n'
    bad 400 'a line without a name' 'GET / HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n'
    bad 400 'two spaces before the target' 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'two spaces behind the target' 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'a tab before the target' 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'a space behind the version' 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n'
    bad 400 'a space before the method' ' GET / HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'a version of one number' 'GET / HTTP/1\r\nHost: a\r\n\r\n'
    bad 400 'a version of three digits' 'GET / HTTP/1.10\r\nHost: a\r\n\r\n'
    bad 400 'a version in small letters' 'GET / http/1.1\r\nHost: a\r\n\r\n'
    bad 400 'a target with a fragment' 'GET /#a HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'no method' '\0'
    bad 400 'TLS' '\026\003\001\002\000\001\000'
    bad 400 'a method in small letters' 'get / HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'a method that nobody knows' 'FOO / HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'garbage' 'XXXXXXXX\r\n\r\n'
    bad 400 'the preface of HTTP/2' 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
    bad 400 'HTTP/0.9' 'GET /\r\n\r\n'
    bad 405 'CONNECT' 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'
}

heads() {
    local many
    bad 400 'no host' 'GET / HTTP/1.1\r\n\r\n'
    bad 400 'two hosts' 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
    bad 400 'a host with a path' 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'
    bad 400 'the same host twice' 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'
    bad 400 'two hosts in HTTP/1.0' 'GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n'
    bad 400 'a list of hosts' 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n'
    bad 400 'a host with a space' 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'
    bad 400 'a host with a user' 'GET / HTTP/1.1\r\nHost: b@a\r\n\r\n'
    bad 400 'a host in brackets of its own' 'GET / HTTP/1.1\r\nHost: <a>\r\n\r\n'
    bad 400 'a space before the colon of the host' 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'
    bad 400 'no host but in the target' 'GET http://a/ HTTP/1.1\r\n\r\n'
    bad 400 'a target with a user' 'GET http://b@a/ HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'a target with an empty host' 'GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'a target with a port alone' 'GET http://:1/ HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'a target that is a host' 'GET a:1 HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 400 'a target that is all' 'GET * HTTP/1.1\r\nHost: a\r\n\r\n'
    bad 505 'version 0' 'GET / HTTP/0.9\r\nHost: a\r\n\r\n'
    bad 505 'version 2' 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'
    bad 417 'an expectation' "${post}Expect: tea\r\n\r\n"
    bad 431 'a long line' "GET / HTTP/1.1\r\nHost: a\r\nX: $(printf '%020000d' 0)\r\n\r\n"
    bad 431 'a long target' "GET /$(printf '%020000d' 0) HTTP/1.1\r\nHost: a\r\n\r\n"
    many=$(printf 'X: a\\r\\n%.0s' {1..100})
    bad 431 'many lines' "GET / HTTP/1.1\r\nHost: a\r\n$many\r\n"
    many=$(printf 'X: a\\r\\n%.0s' {1..5000})
    bad 431 'endless lines' "GET / HTTP/1.1\r\nHost: a\r\n$many"
}

# Odd, and right.
unusual() {
    local last='Host: a\r\nConnection: close\r\n\r\n' target
    for target in 'GET http://b/c?d' 'GET http://b' 'GET http://b?c=/d' \
        'GET http://[::1]:1/' 'OPTIONS *' 'OPTIONS http://b' 'DELETE /'; do
        check "$target is answered" refuses 200 "$target HTTP/1.1\r\n$last"
    done
    check 'empty lines may come first' refuses 200 \
        "\r\n\r\nGET / HTTP/1.1\r\n$last"
    check 'a later version 1 is one' refuses 200 "GET / HTTP/1.2\r\n$last"
    check 'HTTP/1.0 needs no host' refuses 200 'GET / HTTP/1.0\r\n\r\n'
    check 'an empty host is one' refuses 200 \
        'GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n'
    check 'an expectation of HTTP/1.0 is none' refuses 200 \
        'POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na'
    check 'trailers and extensions mean nothing' refuses '200 200' \
        "${post}Transfer-Encoding: chunked\r\n\r\n1;a=\"b;c\"\r\na\r\n0;d\r\nX: a\r\nContent-Length: 9\r\n\r\nGET / HTTP/1.1\r\n$last"
}

# Others are served meanwhile.
slow_head_is_refused() {
    local answer
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET / HTTP/1.1\r\nHo' >&3
    get "$url/" | grep -q process || return
    answer=$(timeout 20 cat <&3)
    exec 3<&- 3>&-
    [[ $answer == 'HTTP/1.1 408'* ]]
}

slow_body_is_refused() {
    local answer
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf '%b' "${post}Content-Length: 10\r\n\r\nabc" >&3
    answer=$(timeout 20 cat <&3)
    exec 3<&- 3>&-
    [[ $answer == 'HTTP/1.1 408'* ]]
}

silence_is_closed() {
    local answer
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    answer=$(timeout 20 cat <&3) && exec 3<&- 3>&- && [ -z "$answer" ]
}

early_close() {
    local i
    for i in {1..50}; do
        exec 3<>"/dev/tcp/127.0.0.1/$port"
        printf '%b' "${post}Content-Length: 1000\r\n\r\nabc" >&3
        exec 3<&- 3>&-
        exec 3<>"/dev/tcp/127.0.0.1/$port"
        printf '%b' "$good$good$good" >&3
        exec 3<&- 3>&-
        exec 3<>"/dev/tcp/127.0.0.1/$port"
        exec 3<&- 3>&-
    done
    get "$url/" | grep -q process
}

# Every cut of a good request, byte by byte in two sends, is still good.
any_cut_is_good() {
    local request cut got
    request=$'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
    for ((cut = 1; cut < ${#request}; cut += 3)); do
        exec 3<>"/dev/tcp/127.0.0.1/$port"
        printf %s "${request:0:cut}" >&3
        read -r -t 0.001 <> <(:) || true
        printf %s "${request:cut}" >&3
        got=$(timeout 20 cat <&3)
        exec 3<&- 3>&-
        [[ $got == 'HTTP/1.1 200'* ]] || return
    done
}

no_worker_ended() {
    get "$url/_status.json" | grep -q '"exits": 0'
}

all_hostile() {
    smuggling
    codings
    lengths
    lines
    heads
    unusual
    check 'a slow head is refused: 408' slow_head_is_refused
    check 'a slow body is refused: 408' slow_body_is_refused
    check 'who says nothing is left' silence_is_closed
    check 'who leaves early is forgotten' early_close
    check 'a request may come in any pieces' any_cut_is_good
    check 'no worker has ended' no_worker_ended
}

# What was refused has not come there; what has, was understood alike.
refused_nothing() {
    get "http://127.0.0.1:$behind/_status.json" >"$temp/figures"
    grep -q '"requests": [1-9]' "$temp/figures" &&
        ! grep -q '"refused": [1-9]' "$temp/figures"
}

check 'a server starts' start --header-timeout 1000 --body-timeout 1000
all_hostile
check 'a server ends when it is told to' stop

# The master has looked at them before, and a worker is handed what it read.
printf '* 0 1\n' >"$temp/table"
check 'a server that routes by path starts' start --header-timeout 1000 \
    --body-timeout 1000 --route path --table "$temp/table"
all_hostile
check 'a server ends when it is told to' stop

unset behind
check 'a server behind starts' start_behind
check 'a proxy starts' start --header-timeout 1000 --body-timeout 1000 \
    --proxy "127.0.0.1:$behind"
all_hostile
check 'the server behind was sent nothing bad' refused_nothing
check 'a proxy ends when it is told to' stop
check 'the server behind ends' stop_behind
