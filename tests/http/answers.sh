# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Part of check-http: what a well-meaning client sees.

close='Host: a\r\nConnection: close\r\n\r\n'

same_process_and_next_number() {
    local answers
    answers=$(get "$url/a" "$url/b" "$url/c")
    [ "$(process <<<"$answers" | sort -u | wc -l)" = 1 ] &&
        [ "$(number <<<"$answers" | xargs)" = "$1" ]
}

pipeline_is_answered_in_order() {
    local requests='' i numbers
    for i in {1..99}; do
        requests+='GET / HTTP/1.1\r\nHost: a\r\n\r\n'
    done
    numbers=$(say "${requests}GET / HTTP/1.1\r\n$close" | number)
    [ "$(wc -l <<<"$numbers")" = 100 ] && sort -nc <<<"$numbers"
}

head_has_no_body() {
    get -I "$url/" | grep -q '^Content-Length: [1-9]' &&
        [ -z "$(say "HEAD / HTTP/1.1\r\n$close" | sed '1,/^\r$/d')" ]
}

body_in_pieces() {
    refuses 200 "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${close}5;a=b\r\nhello\r\n1\r\n \r\n0\r\nTrailer: x\r\n\r\n"
}

continues() {
    local answer
    head -c 100000 /dev/zero >"$temp/body"
    answer=$(get -D - -H 'Expect: 100-continue' \
        --data-binary "@$temp/body" "$url/" | grep -c '^HTTP/1.1')
    [ "$answer" = 2 ]
}

one_zero_closes() {
    say 'GET / HTTP/1.0\r\n\r\n' | grep -q '^Connection: close' &&
        say 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n' |
        grep -q '^Connection: keep-alive'
}

status_is_json() {
    get "$url/_status.json" | if command -v python3 >/dev/null; then
        python3 -m json.tool >/dev/null
    else
        grep -q '"processes"'
    fi && get "$url/_status" | grep -q '^<!DOCTYPE html>'
}

idle_ones_are_closed() {
    local answer
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' >&3
    answer=$(timeout 20 cat <&3) && exec 3<&- 3>&- &&
        [ "$(process <<<"$answer" | wc -l)" = 1 ]
}

check 'a server starts' start --idle-timeout 500 --log "$temp/log"
check 'one connection is one process and a running number' \
    same_process_and_next_number '1 2 3'
check 'a pipeline is answered in order' pipeline_is_answered_in_order
check 'HEAD is answered without a body' head_has_no_body
check 'a body may come in chunks' body_in_pieces
check 'a client may expect to be told to continue' continues
check 'HTTP/1.0 ends with the answer unless asked not to' one_zero_closes
check 'the figures are JSON, and a page' status_is_json
check 'a connection without requests is closed' idle_ones_are_closed
check 'a body is not taken for a request' refuses '200 200' \
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n$close"
check 'a server ends when it is told to' stop
check 'the log has every request of the pipeline, and is complete' \
    [ "$(grep -c '^127.0.0.1 .*Z "GET /" 200 [0-9]* [0-9]*$' "$temp/log")" \
    -gt 100 ]
