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

# The archive of this machine, without its security and third-party ones.
archive() {
    {
        awk '/^URIs:/ {print $2}' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true
        awk '$1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) print $i}' \
            /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true
    } | grep -v security | grep '/debian/*$' | head -n 1
}

unpack() { # suite archive
    suite=$1 work=$tools/apt-$1 new=$tools/$1.new
    rm -rf "$work" "$new"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts" "$work/debs" "$new"
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$2" "$suite" "$key" >"$work/parts/x.sources"
    apt() {
        apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts" -o Dir::State="$work" \
            -o Dir::State::lists="$work/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache" \
            -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none \
            -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false "$@"
    }
    packages="prometheus prometheus-alertmanager"
    [ "$suite" = bookworm ] || packages="$packages promtool" # part of prometheus until then
    apt update || return 1
    # shellcheck disable=SC2086  # a list of words
    (cd "$work/debs" && apt download $packages) || return 1
    for package in "$work"/debs/*.deb; do dpkg -x "$package" "$new" || return 1; done
    relocate "$new"
    rm -rf "$work" "${tools:?}/$suite"
    mv "$new" "$tools/$suite"
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
if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    link_from_path
    exit 0
fi
key=/usr/share/keyrings/debian-archive-keyring.gpg
archive=$(archive) || true
if [ ! -r "$key" ] || [ -z "$archive" ]; then
    say "this machine has no Debian archive configured: looking on PATH instead"
    link_from_path
    exit 0
fi
trap 'rm -rf "$tools"/apt-* "$tools"/*.new' EXIT
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
