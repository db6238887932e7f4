#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A real PostgreSQL of another major version for tests on a Debian machine of any release, without installing anything: the packages are
# fetched by apt with sources, lists and a status file of their own, unpacked into a folder, and run with the libc that came with
# them. Root or not; remove the folder to undo. Prints the folder of the programs; whatever is missing is said in one sentence (exit 3).
#   debian-postgres.sh FOLDER SUITE      SUITE: bookworm (PostgreSQL 15), trixie (17 + TimescaleDB, Apache edition), forky (18 + TimescaleDB)
#   TMIDB_DEBIAN_MIRROR                  another mirror than that of this machine's own sources
set -euo pipefail
FOLDER=$(realpath -m "${1:?usage: $0 FOLDER SUITE}")
SUITE=${2:?usage: $0 FOLDER SUITE}
case $SUITE in
  bookworm) V=15 PACKAGES=postgresql-15 ;;
  trixie) V=17 PACKAGES='postgresql-17 postgresql-17-timescaledb' ;;
  forky) V=18 PACKAGES='postgresql-18 postgresql-18-timescaledb' ;;
  *) echo "unknown suite $SUITE" >&2; exit 2 ;;
esac
TOP=$FOLDER/$SUITE
BIN=$TOP/root/usr/lib/postgresql/$V/bin
if [ -x "$BIN/postgres" ]; then echo "$BIN"; exit 0; fi
for tool in apt-get dpkg-deb; do
  command -v $tool > /dev/null || { echo "There is no $tool here: this needs Debian or Ubuntu." >&2; exit 3; }
done
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r $KEYRING ] || { echo "There is no $KEYRING (package debian-archive-keyring)." >&2; exit 3; }
URI=${TMIDB_DEBIAN_MIRROR:-$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2> /dev/null || true)}
[ -n "$URI" ] || URI=$(grep -hE '^deb ' /etc/apt/sources.list 2> /dev/null | awk '{ for (i = 2; i <= NF; i++) if ($i ~ /:\/\/.*\/debian\/?$/) { print $i; exit } }' || true)
[ -n "$URI" ] || { echo "No Debian mirror in this machine's apt sources: set TMIDB_DEBIAN_MIRROR." >&2; exit 3; }

APT=$TOP/apt
rm -rf "$APT"
mkdir -p "$APT"/etc/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d} "$APT"/state/lists/partial "$APT"/cache/archives/partial
: > "$APT/etc/sources.list"
printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: %s\nSigned-By: %s\n' \
  "$URI" "$SUITE" "$(dpkg --print-architecture)" "$KEYRING" > "$APT/etc/sources.list.d/debian.sources"
# What a bare server does not need while it runs is declared as there: 40 packages instead of 91.
: > "$APT/status"
for p in postgresql-common postgresql-client-common ssl-cert locales debconf perl perl-base sensible-utils tzdata libpam-modules passwd adduser \
  libllvm14 libllvm19 libllvm20 libllvm21 readline-common netbase openssl-provider-legacy; do
  printf 'Package: %s\nStatus: install ok installed\nPriority: optional\nSection: misc\nMaintainer: none <none@localhost>\nArchitecture: %s\nMulti-Arch: foreign\nVersion: 99:9\nDescription: x\n\n' \
    $p "$(dpkg --print-architecture)" >> "$APT/status"
done
cat > "$APT/apt.conf" << CONF
Dir::Etc "$APT/etc"; Dir::Etc::sourcelist "sources.list"; Dir::Etc::sourceparts "sources.list.d"; Dir::Etc::preferencesparts "preferences.d"; Dir::Etc::preferences "none";
Dir::State "$APT/state"; Dir::State::status "$APT/status"; Dir::Cache "$APT/cache"; Dir::Log "$APT";
APT::Sandbox::User ""; Acquire::Check-Valid-Until "false"; Acquire::Check-Date "false"; APT::Install-Recommends "false"; Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false"; Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false"; Acquire::Retries "3"; Debug::NoLocking "true";
CONF
export APT_CONFIG=$APT/apt.conf
apt-get -q update > "$APT/log" 2>&1 || { echo "The package lists of $SUITE cannot be fetched: $(tail -1 "$APT/log")" >&2; exit 3; }
# shellcheck disable=SC2086
apt-get -qy -d install $PACKAGES >> "$APT/log" 2>&1 || { echo "The packages of $SUITE cannot be fetched: $(tail -1 "$APT/log")" >&2; exit 3; }
rm -rf "$TOP/root.new"
mkdir -p "$TOP/root.new"
find "$APT/cache/archives" -name '*.deb' -print0 | xargs -0 -P "$(nproc)" -I{} dpkg-deb -x {} "$TOP/root.new"
rm -rf "$TOP"/root.new/usr/share/{doc,man,locale,icu}
# Each program runs under the loader and libraries that came with it, and under its own path as argv[0], by which PostgreSQL
# finds share/ and lib/.
LOADER=$(cd "$TOP/root.new" && find usr/lib lib lib64 -name 'ld-linux-*.so.*' 2> /dev/null | head -1 || true)
LIBS=$TOP/root/usr/lib/$(uname -m)-linux-gnu:$TOP/root/lib/$(uname -m)-linux-gnu:$TOP/root/usr/lib/postgresql/$V/lib
PROGRAMS=$TOP/root.new/usr/lib/postgresql/$V/bin
mkdir -p "$PROGRAMS/../real"
for f in "$PROGRAMS"/*; do
  [ "$(head -c4 "$f" | tail -c3)" = ELF ] || continue
  mv "$f" "$PROGRAMS/../real/"
  printf '#!/bin/sh\nexec "%s" --library-path "%s" --argv0 "%s" "%s" "$@"\n' "$TOP/root/$LOADER" "$LIBS" "$BIN/$(basename "$f")" \
    "$TOP/root/usr/lib/postgresql/$V/real/$(basename "$f")" > "$f"
  chmod 755 "$f"
done
mv "$TOP/root.new" "$TOP/root"
rm -rf "$APT"
echo "$BIN"
