# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Part of check-http: requests passed on.

# A server that keeps the head it was sent in $temp/seen and gives one answer, a
# few bytes at a time, once there is $temp/go.  bash cannot listen.
cat >"$temp/echo.py" <<'END'
import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
answer = sys.argv[1].encode().decode("unicode_escape").encode("latin1")
while True:
    peer, _ = listener.accept()
    seen = b""
    while b"\r\n\r\n" not in seen:
        piece = peer.recv(65536)
        if not piece:
            break
        seen += piece
    open(sys.argv[2], "wb").write(seen)
    if answer == b"hang":
        time.sleep(60)
    while not os.path.exists(sys.argv[3]):
        time.sleep(0.01)
    for byte in range(0, len(answer), 7):
        peer.sendall(answer[byte:byte + 7])
    peer.close()
END

start_echo() {
    rm -f "$temp/port" "$temp/seen"
    : >"$temp/go"
    python3 "$temp/echo.py" "$1" "$temp/seen" "$temp/go" >"$temp/port" &
    echoing=$!
    within 20 [ -s "$temp/port" ] && start --proxy \
        "127.0.0.1:$(cat "$temp/port")" "${@:2}"
}

stop_echo() {
    kill "$echoing"
    wait "$echoing" 2>/dev/null
    stop
}

drains_upstream() {
    local asked
    rm "$temp/go"
    get "$url/" >"$temp/answer" &
    asked=$!
    within 20 [ -e "$temp/seen" ] || return
    kill -TERM "$master"
    within 20 eval '! get -o /dev/null "$url/_status"' || return
    : >"$temp/go"
    wait "$asked" && [ "$(cat "$temp/answer")" = hello ] && ended
}

passes_on() {
    get "$url/a?b" "$url/" "$url/" | process | sort -u | wc -l | grep -qx 1
}

is_whole() {
    get "$@" "$url/large.bin" | cmp - "$temp/large.bin"
}

many_are_whole() {
    local i
    for i in {1..20}; do
        is_whole || : >"$temp/torn" &
    done
    wait $(jobs -p | grep -vx -e "$master" -e "$upstream")
    [ ! -e "$temp/torn" ]
}

uploads() {
    head -c 900000 /dev/urandom >"$temp/up"
    [ "$(get --data-binary "@$temp/up" "$url/" | process | wc -l)" = 1 ] &&
        [ "$(get -H 'Transfer-Encoding: chunked' --data-binary "@$temp/up" \
            "$url/" | process | wc -l)" = 1 ]
}

code_of() {
    get -o /dev/null -w '%{http_code}' "$@"
}

all_answered() {
    local i
    for i in {1..20}; do
        [ "$(code_of "$url/")" = 200 ] || return
    done
}

answers_again() {
    [ "$(code_of "$url/")" = 200 ]
}

unset behind
check 'a server behind starts' start_behind
check 'a proxy starts' start --proxy "127.0.0.1:$behind" --workers 1
check 'requests are passed on' passes_on
check 'a pipeline is passed on' refuses '200 200 200' \
    'GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
check 'HEAD is passed on' eval 'get -I "$url/" | grep -q "^Content-Length: "'
check 'bodies are passed on' uploads
check 'what is hostile is not passed on' refuses 400 \
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
check 'a bad chunk ends it' refuses 400 \
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc'
check 'the server behind ends' stop_behind
check 'nobody behind: 502' [ "$(code_of "$url/")" = 502 ]
check 'a server behind starts again' start_behind
check 'it is found again' within 20 answers_again
check 'the server behind ends' stop_behind
check 'a proxy ends when it is told to' stop

mkdir -p "$temp/behindroot"
chmod 755 "$temp" "$temp/behindroot"
head -c 5000000 /dev/urandom >"$temp/large.bin"
cp "$temp/large.bin" "$temp/behindroot/large.bin"
chmod 644 "$temp/behindroot/large.bin"
unset behind
check 'a server of files starts' start_behind --root "$temp/behindroot"
check 'a proxy starts, the first upstream is down' \
    start --proxy "127.0.0.1:1,127.0.0.1:$behind"
check 'no request fails for that' is_whole
check 'a slow reader has it all' is_whole --limit-rate 8M
check 'HTTP/1.0 has it all' is_whole -0
check 'many have it at once' many_are_whole
check 'the server behind ends' stop_behind
check 'a proxy ends when it is told to' stop

if command -v python3 >/dev/null; then
    check 'chunks are passed on' start_echo \
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Hop: a\r\nConnection: x-hop\r\n\r\n5\r\nhello\r\n0\r\n\r\n'
    check 'to HTTP/1.1' [ "$(get "$url/")" = hello ]
    check 'to HTTP/1.0' [ "$(get -0 "$url/")" = hello ]
    check 'headers of a hop are not' eval '! get -i "$url/" | grep -qi x-hop'
    get -H 'X-Forwarded-For: 1.2.3.4' -H 'X-Own: a' -H 'Connection: x-own' \
        -H 'TE: gzip' "$url/" >/dev/null
    check 'who asked is told' grep -q \
        $'^X-Forwarded-For: 1.2.3.4, 127.0.0.1\r$' "$temp/seen"
    check 'in one list' [ "$(grep -ci ^x-forwarded-for: "$temp/seen")" = 1 ]
    check 'headers of a hop are not passed on either' eval \
        '! grep -qi -e x-own -e ^te: -e ^connection: "$temp/seen"'
    get "$url/" --request-target http://b:1/c?d >/dev/null
    check 'the host of the target counts' eval \
        'head -2 "$temp/seen" | tr -d "\r" | xargs | grep -qx "GET /c?d HTTP/1.1 Host: b:1"'
    get -0 -H Host: "$url/" >/dev/null
    check 'who names no host asks for the upstream' grep -q \
        "^Host: 127.0.0.1:$(cat "$temp/port")"$'\r$' "$temp/seen"
    check 'the end' stop_echo

    check 'an answer without a length' start_echo 'HTTP/1.1 200 OK\r\n\r\nhello'
    check 'ends with the connection' [ "$(get "$url/")" = hello ]
    check 'the end' stop_echo

    for bad in 'nonsense\r\n\r\n' 'HTTP/1.1 200 OK\nX: a\n\n' \
        'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab' \
        'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n' \
        'HTTP/1.1 101 Switching\r\n\r\n' 'HTTP/1.1 2' ''; do
        check 'an upstream answers nonsense' start_echo "$bad"
        check "502 for $bad" [ "$(code_of "$url/")" = 502 ]
        check 'the end' stop_echo
    done

    check 'an upstream ends in the middle' start_echo \
        'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello'
    check 'the client is told' eval '! get -f "$url/" >/dev/null'
    check 'the end' stop_echo

    check 'an upstream is slow' start_echo \
        'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
    check 'a request passed on is answered before the end' drains_upstream
    kill "$echoing"

    check 'an upstream says nothing' start_echo hang --proxy-timeout 500
    check '504' [ "$(code_of "$url/")" = 504 ]
    check 'the end' stop_echo
else
    echo 'not tested here: upstreams that misbehave, for want of python3'
fi
