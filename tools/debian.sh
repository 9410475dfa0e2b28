# Sourced by the scripts beside it: packages of Debian, unpacked without being installed. Works as any user.
debian_key=/usr/share/keyrings/debian-archive-keyring.gpg

# The archive of this machine, without its security and third-party ones. Nothing where there is none.
archive() {
    command -v apt-get >/dev/null && command -v dpkg >/dev/null && [ -r "$debian_key" ] || return 0
    {
        awk '/^URIs:/ {print $2}' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true
        awk '$1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) print $i}' \
            /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true
    } | grep -v security | grep '/debian/*$' | head -n 1 || true
}

fetch_debian() { # suite archive folder package...: unpack packages of a suite into a folder that is made anew
    suite=$1 from=$2 into=$3 work=$3.apt
    shift 3
    rm -rf "$work" "$into"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts" "$work/debs" "$into"
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$from" "$suite" "$debian_key" \
        >"$work/parts/x.sources"
    apt() {
        apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts" -o Dir::State="$work" \
            -o Dir::State::lists="$work/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache" \
            -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none \
            -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false "$@"
    }
    apt update && (cd "$work/debs" && apt download "$@") || { rm -rf "$work" "$into"; return 1; }
    for package in "$work"/debs/*.deb; do dpkg -x "$package" "$into" || return 1; done
    rm -rf "$work"
}
