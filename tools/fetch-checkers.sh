#!/bin/sh
# Unpack docker-compose into .tools/bin, and with CHECK_HELM=1 build helm there, which needs a Go toolchain and some
# minutes. They check compose.yaml and the chart; nobody needs them to run anything.
#
# One rule: what can't be had is said and missing, and the tests that want it say so too. FORCE=1 fetches again.
set -eu
cd "$(dirname "$0")/.."
tools=$PWD/.tools
helm=helm.sh/helm/v3/cmd/helm@v3.22.0
. tools/debian.sh

say() { printf 'fetch-checkers: %s\n' "$*" >&2; }
starts() { "$tools/bin/$1" version >/dev/null 2>&1; }

link_from_path() { # program: its own copy on PATH, if it starts
    found=$(command -v "$1") && "$found" version >/dev/null 2>&1 && ln -sfn "$found" "$tools/bin/$1"
}

compose_from_debian() {
    from=$(archive)
    [ -n "$from" ] || return 1
    for suite in ${SUITES:-sid trixie}; do # before those it is another program
        fetch_debian "$suite" "$from" "$tools/compose.new" docker-compose || continue
        program=$(find "$tools/compose.new" -type f -name docker-compose -perm -u+x | head -n 1)
        "$program" version >/dev/null 2>&1 || continue
        mv "$program" "$tools/bin/docker-compose"
        return
    done
    return 1
}

mkdir -p "$tools/bin"
trap 'rm -rf "$tools"/compose.new*' EXIT
trap 'exit 130' INT TERM
[ "${FORCE:-}" = 1 ] && rm -f "$tools/bin/docker-compose" "$tools/bin/helm"
missing=
starts docker-compose || link_from_path docker-compose || compose_from_debian || missing="docker-compose"
if ! starts helm && ! link_from_path helm && [ "${CHECK_HELM:-}" = 1 ]; then
    say "building helm, which takes some minutes the first time"
    GOBIN="$tools/bin" go install "$helm" || missing="$missing helm"
fi
[ -z "$missing" ] && exit 0
say "can't be had here: $missing"
exit 3
