#!/bin/sh
# Builds aigate from this checkout, proves that its sandbox holds on this machine, and installs it.
# Run it again to upgrade. Needs no root.
#
#   ./install.sh               into ~/.local/bin, or $PREFIX/bin
#   ./install.sh --uninstall   takes it away again; your rules in ~/.aigate stay
#   ./install.sh --deb         makes a Debian package in target/ instead
set -eu

cd "$(dirname "$0")"
prefix="${PREFIX:-$HOME/.local}"
bin="$prefix/bin"
built=target/release/aigate

say() { printf '%s\n' "$*"; }

die() {
    printf 'install.sh: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '    %s\n' "$line" >&2; done
    exit 1
}

usage() { sed -n '2,7s/^# \{0,1\}//p' "$0"; }

# --- what the build needs ----------------------------------------------------

need_cargo() {
    command -v cargo >/dev/null 2>&1 || PATH="$PATH:$HOME/.cargo/bin"
    command -v cargo >/dev/null 2>&1 ||
        die "cargo is missing. Install Rust, then run ./install.sh again:" "$(how_to_get_rust)"
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(cargo --version | cut -d' ' -f2)
    oldest=$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)
    [ "$oldest" = "$wanted" ] ||
        die "cargo $found is too old, $wanted is needed. Update it, then run ./install.sh again:" \
            "rustup update stable"
}

how_to_get_rust() {
    if command -v apt-cache >/dev/null 2>&1 && apt-cache show rustup >/dev/null 2>&1; then
        say "sudo apt-get install rustup && rustup default stable"
    else
        say "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
    fi
}

need_compiler() {
    command -v cc >/dev/null 2>&1 && return
    if command -v apt-get >/dev/null 2>&1; then how="sudo apt-get install gcc libc6-dev"
    elif command -v dnf >/dev/null 2>&1; then how="sudo dnf install gcc"
    elif command -v pacman >/dev/null 2>&1; then how="sudo pacman -S gcc"
    elif command -v zypper >/dev/null 2>&1; then how="sudo zypper install gcc"
    elif command -v apk >/dev/null 2>&1; then how="sudo apk add gcc musl-dev"
    else how="xcode-select --install"
    fi
    die "a C compiler (cc) is missing: Rust links with it. Install one, then run again:" "$how"
}

# --- the proof ---------------------------------------------------------------

# A secret in a throw-away project: readable here, out of reach in the sandbox. Not in /tmp, which
# the sandbox replaces by a private one: that would prove nothing.
prove() {
    mkdir -p "${XDG_CACHE_HOME:-$HOME/.cache}"
    scratch=$(mktemp -d "${XDG_CACHE_HOME:-$HOME/.cache}/aigate-install.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' INT TERM HUP
    printf 'API_KEY=only-for-me\n' >"$scratch/.env"
    printf 'fn main() {}\n' >"$scratch/main.rs"
    aigate="$PWD/$built"

    say "The proof, in $scratch:"
    outside=$(cd "$scratch" && cat .env) || die "the secret is not even readable outside"
    shown "cat .env" "$outside"
    ( cd "$scratch" && "$aigate" exec -- cat main.rs ) >"$scratch/out" 2>"$scratch/err" ||
        # There is no aigate on PATH yet: the one that was built says what mends this.
        die "the sandbox does not start on this machine, so nothing was installed:" \
            "$(cat "$scratch/err")" "What this machine lacks, and how to mend it, says:" "\"$aigate\" doctor"
    shown "aigate exec -- cat main.rs" "$(cat "$scratch/out")"
    if ( cd "$scratch" && "$aigate" exec -- cat .env ) >"$scratch/out" 2>"$scratch/err" ||
        grep -q only-for-me "$scratch/out" "$scratch/err"; then
        die "the secret was readable in the sandbox. Nothing was installed." "$(cat "$scratch/out")"
    fi
    shown "aigate exec -- cat .env" "$(head -n 1 "$scratch/err")"
}

shown() { printf '    $ %-28s %s\n' "$1" "$2"; }

# --- install and uninstall ---------------------------------------------------

# Linked statically it starts faster and needs no library of the machine it runs on. A machine
# without static C libraries gets the ordinary kind, and is told so.
build() {
    host=$(rustc -vV | sed -n 's/^host: //p')
    case $host in
    *-linux-gnu)
        built=target/$host/release/aigate
        RUSTFLAGS="${RUSTFLAGS-} -C target-feature=+crt-static" \
            cargo build --release --locked --quiet --target-dir target --target "$host" && return
        say "Not linked statically, for the reason above; trying the ordinary kind, which needs this machine's C library ..."
        ;;
    esac
    built=target/release/aigate
    cargo build --release --locked --quiet --target-dir target || die "the build failed, see above"
}

install() {
    need_cargo
    need_compiler
    say "Building aigate (a minute or two the first time) ..."
    build
    prove
    mkdir -p "$bin"
    # Renamed into place: a running aigate keeps its old file, nobody ever sees half of the new one.
    cp "$built" "$bin/.aigate.new" && chmod 755 "$bin/.aigate.new" && mv -f "$bin/.aigate.new" "$bin/aigate"
    documents "$bin/aigate" "$prefix/share"
    say "Installed $("$bin/aigate" --version) as $bin/aigate"
    next
}

# Manual pages and completions, as the program itself prints them, below a share directory.
documents() {
    without_documents "$2" # an older version may have had more pages
    mkdir -p "$2/man/man1" "$2/bash-completion/completions" "$2/zsh/site-functions" "$2/fish/vendor_completions.d"
    "$1" man --all "$2/man/man1"
    "$1" completions bash >"$2/bash-completion/completions/aigate"
    "$1" completions zsh >"$2/zsh/site-functions/_aigate"
    "$1" completions fish >"$2/fish/vendor_completions.d/aigate.fish"
}

without_documents() {
    rm -f "$1/man/man1/aigate.1" "$1/man/man1/aigate-"*.1 "$1/bash-completion/completions/aigate" \
        "$1/zsh/site-functions/_aigate" "$1/fish/vendor_completions.d/aigate.fish"
}

# --- a Debian package --------------------------------------------------------

deb() {
    command -v dpkg-deb >/dev/null 2>&1 || die "dpkg-deb is missing:" "sudo apt-get install dpkg"
    need_cargo
    need_compiler
    say "Building aigate (a minute or two the first time) ..."
    build
    prove
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    package="target/aigate_${version}_$(dpkg --print-architecture).deb"
    tree="$scratch/deb"
    mkdir -p "$tree/DEBIAN" "$tree/usr/bin" "$tree/usr/share/doc/aigate"
    cp "$built" "$tree/usr/bin/aigate" && chmod 755 "$tree/usr/bin/aigate"
    documents "$built" "$tree/usr/share"
    # Where Debian's zsh looks.
    mv "$tree/usr/share/zsh/site-functions" "$tree/usr/share/zsh/vendor-completions"
    find "$tree/usr/share/man" -name '*.1' -exec gzip -9n {} +
    cat LICENSE-MIT LICENSE-APACHE >"$tree/usr/share/doc/aigate/copyright"
    gzip -9nc CHANGELOG.md >"$tree/usr/share/doc/aigate/changelog.gz"
    control >"$tree/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$tree" "$package" >/dev/null
    say "Made $package. Next:  sudo apt-get install ./$package"
}

control() {
    say "Package: aigate"
    say "Version: $version"
    say "Architecture: $(dpkg --print-architecture)"
    say "Maintainer: The aigate developers <noreply@example.org>"
    say "Installed-Size: $(du -sk "$tree/usr" | cut -f1)"
    case $built in
    target/release/*) say "Depends: libc6 (>= $(ldd --version | sed -n '1s/.* //p')), libgcc-s1" ;;
    esac
    say "Section: utils"
    say "Priority: optional"
    say "Description: sandbox for AI coding agents"
    say " Puts AI coding agents into an operating-system sandbox without their user"
    say " noticing: the kernel decides what they may read, write, run and reach."
}

next() {
    say ""
    case ":$PATH:" in
    *":$bin:"*) say "Next:  aigate shim install claude      # from then on, claude starts sandboxed" ;;
    *)
        say "$bin is not on your PATH yet. Next:"
        say "    export PATH=\"$bin:\$PATH\"     # and put this line into your ~/.profile"
        say "    aigate shim install claude     # from then on, claude starts sandboxed"
        ;;
    esac
}

# What was put elsewhere first: settings of agents that start a program that is gone would be broken.
uninstall() {
    [ -e "$bin/aigate" ] || { say "Nothing to do: there is no $bin/aigate"; return; }
    if [ -n "$(ls -A "$HOME/.aigate/integrations" 2>/dev/null)" ]; then
        "$bin/aigate" integrate uninstall --all || die "the settings of agents could not be taken back; aigate stays"
    fi
    if [ -n "$(ls -A "$HOME/.aigate/shims" 2>/dev/null)" ]; then
        "$bin/aigate" shim uninstall --all || die "the shims could not be taken away; aigate stays"
    fi
    rm -f "$bin/aigate"
    without_documents "$prefix/share"
    say "Removed $bin/aigate"
    [ ! -d "$HOME/.aigate" ] || say "Your rules stay in ~/.aigate; to forget them:  rm -r ~/.aigate"
}

case "${1-}" in
'') install ;;
--uninstall) uninstall ;;
--deb) deb ;;
-h | --help) usage ;;
*) usage >&2; exit 2 ;;
esac
