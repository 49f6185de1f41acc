# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Part of check-http: files below a directory, and none above it.

root=$temp/root
mkdir -p "$root/sub/deep" "$temp/rootless"
chmod 755 "$temp" "$root"
echo secret >"$temp/secret"
echo secret >"$temp/rootless/secret"
echo index >"$root/index.html"
echo 'a b' >"$root/a b.txt"
: >"$root/empty.css"
echo deep >"$root/sub/deep/index.html"
head -c 3000000 /dev/urandom >"$root/large.bin"
ln -s ../secret "$root/link"
ln -s /etc/passwd "$root/absolute"
ln -s 'a b.txt' "$root/inside"
mkfifo "$root/fifo"
chmod -R a+rX "$root"

code() {
    get -o /dev/null -w '%{http_code}' --path-as-is "$@"
}

is_code() {
    local got
    got=$(code "${@:2}")
    [ "$got" = "$1" ] && return
    echo "answered $got, not $1"
    return 1
}

whole_file() {
    get "$url/large.bin" | cmp - "$root/large.bin"
}

slow_reader_has_it_all() {
    get --limit-rate 4M "$url/large.bin" | cmp - "$root/large.bin"
}

many_at_once() {
    local i
    for i in {1..20}; do
        get "$url/large.bin" | cmp - "$root/large.bin" || : >"$temp/differs" &
    done
    wait $(jobs -p | grep -v "^$master$")
    [ ! -e "$temp/differs" ]
}

not_modified() {
    local date
    date=$(get -I "$url/" | sed -n 's/^Last-Modified: \(.*\)\r$/\1/p')
    [ -n "$date" ] && is_code 304 -H "If-Modified-Since: $date" "$url/"
}

never_the_secret() {
    ! get --path-as-is "$url$1" | grep -q secret &&
        [[ $(code "$url$1") == 4?? ]]
}

# Told by its name, at once, and once.
tells_that_there_is_no_root() {
    local told
    told=$(timeout 20 "$server" --listen 127.0.0.1:0 --root "$temp/nothing" 2>&1)
    [ $? = 1 ] && [ "$told" = "server: $temp/nothing: No such file or directory" ]
}

check 'a root that is not there ends it' tells_that_there_is_no_root
check 'a server starts' start --root "$root"
check 'a directory is its index' [ "$(get "$url/")" = index ]
check 'a name may be escaped' [ "$(get "$url/a%20b.txt?x=1")" = 'a b' ]
check 'an empty file is empty' is_code 200 "$url/empty.css"
check 'a type is told' eval \
    'get -I "$url/empty.css" | grep -q "^Content-Type: text/css"'
check 'a large file is whole' whole_file
check 'a slow reader has it all' slow_reader_has_it_all
check 'many have it at once' many_at_once
check 'HEAD tells its size' eval \
    'get -I "$url/large.bin" | grep -q "^Content-Length: 3000000"'
check 'what has not changed is not sent' not_modified
check 'a directory has a slash' is_code 301 "$url/sub/deep"
check 'no index, no listing' is_code 404 "$url/sub/"
check 'nothing there' is_code 404 "$url/nothing"
check 'a file is no directory' is_code 404 "$url/index.html/x"
check 'a fifo is no file, and blocks nobody' is_code 404 "$url/fifo"
check 'a file is not to be changed' is_code 405 -X PUT -d x "$url/x"
check 'a link inside' [ "$(get "$url/inside")" = 'a b' ]
check 'a name that is too long' is_code 414 "$url/$(printf '%0300d' 0)"
for path in /../secret /sub/../../secret /..%2fsecret /%2e%2e/secret \
    /%2e%2e%2fsecret /sub/..%2f..%2fsecret /./../secret //../secret \
    /../rootless/secret /link /absolute /..%00/secret /%2e./secret \
    /sub/%2e%2e/%2e%2e/secret '/..?/secret' /%zz /% /%2; do
    check "no way to the secret: $path" never_the_secret "$path"
done
check 'no way to the secret: ..' refuses 400 'GET ../secret HTTP/1.1\r\nHost: a\r\n\r\n'
check 'a server ends when it is told to' stop
