# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Packages: what a command needs of the machine, and how it gets there.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
servers=$top/build/servers
missing=() unpacked=()

# need PACKAGE PROBE...: the Debian package is missing if the probe fails.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

# need_unpacked PACKAGE PROBE...: likewise, but it is not to be installed.
need_unpacked() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || unpacked+=("$package")
}

need_to_build() {
    need autoconf autoconf --version
    need automake automake --version
    need libtool libtoolize --version
    need make make --version
    need gcc gcc --version
    need g++ g++ --version
    need libc6-dev test -e "$(gcc -print-file-name=crt1.o 2>/dev/null)"
    need pkg-config pkg-config --version
    need check pkg-config --exists 'check >= 0.15'
    need curl curl --version
    need libhttp-parser-dev test -e /usr/include/http_parser.h
    need libssl-dev pkg-config --exists 'libcrypto >= 3.0'
}

have_redis() {
    command -v redis-cli &&
        { command -v redis-server || command -v redis-check-rdb; }
}

# The tests' servers.  Those packages that are servers start them, now and at
# every boot, and a policy-rc.d or a runlevel of ours would hinder the first
# only: nobody who wanted tests wanted that.  redis-tools starts nothing, and
# its redis-check-rdb is the program redis-server under another name.  nginx and
# nats-server have no such package, so they are only unpacked, below build/; they
# need no library that the other packages did not bring.
need_to_test() {
    need_to_build
    PATH=$PATH:/usr/sbin:$servers/usr/sbin
    need libcurl4-openssl-dev pkg-config --exists libcurl
    need libhiredis-dev pkg-config --exists hiredis
    need libnats-dev pkg-config --exists 'libnats >= 3.4'
    need redis-tools have_redis
    need_unpacked nats-server nats-server --version
    need_unpacked nginx nginx -v
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@" # where nobody can type a password
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# apt-get update may fail for a source that has nothing to do with us; what
# comes after it tells.
install_packages() {
    apt_get update || true
    apt_get install --no-install-recommends "${missing[@]}"
}

download_packages() {
    (cd "$servers" && apt-get -q download "${unpacked[@]}")
}

# Needs no root, unless apt-get does not know yet where to find them.
unpack_packages() {
    local package
    mkdir -p "$servers"
    rm -f "$servers"/*.deb
    download_packages || { apt_get update && download_packages; } || return
    for package in "$servers"/*.deb; do
        dpkg-deb -x "$package" "$servers" || return
    done
}

# obtain COMMAND PACKAGE...: shows what the command says only if it fails.
obtain() {
    local log command=$1
    shift
    log=$(mktemp)
    if ! "$command" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        echo "apt-get could not get: $*" >&2
        return 1
    fi
    rm -f "$log"
}

# Get what was found missing.  A build that went without it is to be configured
# anew.
install_missing() {
    [ $((${#missing[@]} + ${#unpacked[@]})) -gt 0 ] || return 0
    echo "missing packages (their names in Debian): ${missing[*]} ${unpacked[*]}"
    if ! command -v apt-get >/dev/null; then
        echo 'There is no apt-get here: install them by hand, then try again.' >&2
        return 1
    fi
    if [ ${#missing[@]} -gt 0 ]; then
        if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
            echo 'Neither root nor sudo: have them installed, then try again.' >&2
            return 1
        fi
        echo 'installing them with apt-get ...'
        obtain install_packages "${missing[@]}" || return
    fi
    [ ${#unpacked[@]} -eq 0 ] ||
        obtain unpack_packages "${unpacked[@]}" || return
    rm -f "$top"/build/*/options
    missing=() unpacked=()
}
