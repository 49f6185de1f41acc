# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Build: bootstrap and configure only where that was not done yet; then make,
# test and count, in a folder below build/.

jobs=$(nproc 2>/dev/null || echo 2)
tests=$((2 * jobs)) # at a time: they wait more than they compute

# Not what a make that calls us told its own jobs.
unset MAKEFLAGS MFLAGS MAKELEVEL

# quietly LOG COMMAND...: shows the log only if the command fails.
quietly() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 && return
    local status=$?
    echo "failed, with status $status: $*" >&2
    tail -n 60 "$log" >&2
    return "$status"
}

bootstrap() {
    [ -e configure ] && [ -e Makefile.in ] && [ -e build-aux/ltmain.sh ] &&
        return
    echo 'bootstrapping ...'
    quietly build/bootstrap.log autoreconf -i
}

configure_in() {
    (cd "$1" && shift && ../../configure "$@")
}

# build NAME [OPTION...]: configured anew only with other options.
build() {
    local folder=build/$1
    shift
    bootstrap || return
    mkdir -p "$folder"
    if ! [ -e "$folder/Makefile" ] ||
        [ "$(cat "$folder/options" 2>/dev/null)" != "$*" ]; then
        echo "configuring $folder ${*:+with $* }..."
        rm -f "$folder/options"
        quietly "$folder/configure.log" configure_in "$folder" "$@" || return
        echo "$*" >"$folder/options"
    fi
    echo "building $folder ..."
    quietly "$folder/make.log" make -C "$folder" -j "$jobs"
}

# check NAME SECONDS TARGET [ARGUMENT...]: make that, which runs tests, within
# that time.  First the old results go, lest tests that are no more are counted.
# In a process group of its own all of it ends, also what hangs; that group does
# not see the terminal's interrupt, so this waits where a trap can pass it on.
check() {
    local folder=build/$1 seconds=$2 status=0
    shift 2
    find "$folder" -name '*.trs' -delete
    timeout -k 10 "$seconds" make -C "$folder" -j "$tests" "$@" \
        >"$folder/check.log" 2>&1 &
    # shellcheck disable=SC2064 # this process, now
    trap "kill $!; exit 130" INT TERM
    wait $! || status=$?
    trap - INT TERM
    [ "$status" -ne 124 ] || echo "make $1 took more than $seconds s" >&2
    return "$status"
}

# results NAME: a line a test: its result, the Check cases that passed and
# failed in it (1 and 0, or 0 and 1, in any other test), and its log.
results() {
    local trs log
    find "build/$1" -name '*.trs' | sort | while read -r trs; do
        log=${trs%.trs}.log
        awk -v log_name="$log" '
        FILENAME ~ /\.trs$/ { if (/^:global-test-result:/) result = $2; next }
        /^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$/ {
            gsub(/[^0-9]+/, " ")
            cases = $2
            failed = $3 + $4
        }
        END {
            if (cases == "") {
                cases = result != "SKIP"
                failed = 0
            }
            if (result != "PASS" && result != "SKIP" && failed == 0)
                failed = 1
            passed = cases > failed ? cases - failed : 0
            print result, passed, failed, log_name
        }' "$trs" "$log"
    done
}

# count NAME: "PASSED FAILED SKIPPED".
count() {
    results "$1" | awk '{ passed += $2; failed += $3; skipped += $1 == "SKIP" }
        END { print passed + 0, failed + 0, skipped + 0 }'
}

# show_failures NAME: the logs of what failed, or how make did if nothing ran.
show_failures() {
    local result passed failed log shown=
    while read -r result passed failed log; do
        [ "$failed" -gt 0 ] || continue
        echo "--- $log: $result, $passed passed, $failed failed"
        tail -n 60 "$log"
        shown=yes
    done < <(results "$1")
    [ -n "$shown" ] || tail -n 60 "build/$1/check.log"
}

# closing_line PASSED FAILED SKIPPED
closing_line() {
    local skipped=
    [ "$3" -eq 0 ] || skipped=", $3 skipped"
    echo "$1 passed, $2 failed$skipped"
}
