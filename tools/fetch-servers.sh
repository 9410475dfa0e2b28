#!/bin/sh
# Unpack Prometheus, promtool, Alertmanager and amtool into .tools/bin, for tests against the real servers.
#
# One rule: nothing is installed and no other archive is asked than the one this machine already uses. Needs Debian or
# Ubuntu with Debian's archive key; works as any user. Elsewhere the four programs are looked for on PATH.
# SUITES="trixie" pins a suite; the default takes the newest that runs here. FORCE=1 fetches again.
set -eu
cd "$(dirname "$0")/.."
tools=$PWD/.tools
programs="prometheus promtool alertmanager amtool"
. tools/debian.sh

say() { printf 'fetch-servers: %s\n' "$*" >&2; }

complete() { # every program in $1 starts
    for program in $programs; do "$1/$program" --version >/dev/null 2>&1 || return 1; done
}

link_from_path() {
    missing=
    mkdir -p "$tools/bin"
    for program in $programs; do
        if found=$(command -v "$program"); then ln -sfn "$found" "$tools/bin/$program"; else missing="$missing $program"; fi
    done
    [ -z "$missing" ] && return
    say "not found on PATH:$missing. Install Prometheus and Alertmanager (macOS: brew install prometheus alertmanager)."
    exit 3
}

unpack() { # suite archive
    packages="prometheus prometheus-alertmanager"
    [ "$1" = bookworm ] || packages="$packages promtool" # part of prometheus until then
    # shellcheck disable=SC2086  # a list of words
    fetch_debian "$1" "$2" "$tools/$1.new" $packages || return 1
    relocate "$tools/$1.new"
    rm -rf "${tools:?}/$1"
    mv "$tools/$1.new" "$tools/$1"
}

# Debian builds Alertmanager with a fixed path for its default templates. Write a relative path of the same length into
# the program, and start it from the folder where that path leads to them.
relocate() {
    mkdir -p "$1/us"
    ln -sfn ../usr/share "$1/us/share"
    sed 's#/usr/share/prometheus/alertmanager#./us/share/prometheus/alertmanager#g' \
        "$1/usr/bin/prometheus-alertmanager" >"$1/usr/bin/alertmanager"
    chmod +x "$1/usr/bin/alertmanager"
}

publish() { # suite
    mkdir -p "$tools/bin"
    for program in prometheus promtool amtool; do ln -sfn "../$1/usr/bin/$program" "$tools/bin/$program"; done
    cat >"$tools/bin/alertmanager.new" <<END
#!/bin/sh
# Absolute paths only in the arguments: the program has to run in the folder of its templates.
cd "\$(dirname "\$0")/../$1" && exec ./usr/bin/alertmanager "\$@"
END
    chmod +x "$tools/bin/alertmanager.new"
    mv "$tools/bin/alertmanager.new" "$tools/bin/alertmanager"
}

[ "${FORCE:-}" != 1 ] && complete "$tools/bin" && exit 0
archive=$(archive)
if [ -z "$archive" ]; then
    say "this machine has no Debian archive configured: looking on PATH instead"
    link_from_path
    exit 0
fi
trap 'rm -rf "$tools"/*.new' EXIT
trap 'exit 130' INT TERM
for suite in ${SUITES:-sid trixie bookworm}; do
    if unpack "$suite" "$archive" && publish "$suite" && complete "$tools/bin"; then
        say "$("$tools/bin/prometheus" --version 2>&1 | head -n 1), $("$tools/bin/alertmanager" --version 2>&1 | head -n 1) ($suite)"
        exit 0
    fi
    say "$suite can't be fetched or does not run here"
    rm -rf "${tools:?}/$suite"
done
rm -rf "$tools/bin"
say "no suite works: install Prometheus and Alertmanager yourself and put them on PATH"
exit 3
