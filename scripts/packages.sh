# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Packages: what a command needs of the machine, and how it gets there.

missing=()

# need PACKAGE PROBE...: the Debian package is missing if the probe fails.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
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
    need libssl-dev pkg-config --exists 'libcrypto >= 3.0'
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

# Install what was found missing.  apt-get update may fail for a source that has
# nothing to do with us; the installation tells.
install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "missing packages (their names in Debian): ${missing[*]}"
    if ! command -v apt-get >/dev/null; then
        echo 'There is no apt-get here: install them by hand, then try again.' >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo 'Neither root nor sudo: have them installed, then try again.' >&2
        return 1
    fi
    echo 'installing them with apt-get ...'
    local log
    log=$(mktemp)
    if ! { apt_get update || true; apt_get install --no-install-recommends \
        "${missing[@]}"; } >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        echo "apt-get could not install: ${missing[*]}" >&2
        return 1
    fi
    rm -f "$log"
    missing=()
}
