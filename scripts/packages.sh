#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that eventbus needs and this machine lacks. Sourced by the other scripts;
# run by hand it does just that: scripts/packages.sh [build|test|redis|valkey ...]
#
# Debian 12 has Catch2 2 in its main suite and Catch2 3 in its backports. The backports entry is derived from the
# machine's own Debian entry (same mirror, same key), so a private mirror stays in use.
set -euo pipefail

say() { printf '\n==> %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "packages: cannot install as $(id -un): not root, and there is no sudo; run as root: scripts/packages.sh build test" >&2
    exit 1
  fi
}

installed() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

installed_major() { dpkg-query -W -f='${Version}' "$1" 2>/dev/null | sed -E 's/^[0-9]+://; s/[^0-9].*//'; }

candidate_major() {
  apt-cache policy "$1" 2>/dev/null | awk '/Candidate:/ {print $2}' | sed -E 's/^[0-9]+://; s/[^0-9].*//'
}

# Prints "URI<newline>signed-by" of the machine's main Debian archive (not the security one).
debian_archive() {
  local codename=$1 file
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] || continue
    awk -v suite="$codename" '
      function flush() { if (found && uri != "") { print uri; print key; exit } found = 0; uri = ""; key = "" }
      /^[[:space:]]*$/ { flush() }
      /^URIs:/ { uri = $2 }
      /^Suites:/ { for (i = 2; i <= NF; i++) if ($i == suite) found = 1 }
      /^Signed-By:/ { key = $2 }
      END { flush() }' "$file"
  done | head -n 2
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -e "$file" ] || continue
    awk -v suite="$codename" '
      $1 == "deb" {
        key = ""; at = 2
        if ($2 ~ /^\[/) {
          for (at = 2; at <= NF; at++) {
            if (match($at, /signed-by=[^] ]+/)) key = substr($at, RSTART + 10, RLENGTH - 10)
            if ($at ~ /\]$/) { at++; break }
          }
        }
        if ($(at + 1) == suite) { print $at; print key; exit }
      }' "$file"
  done | head -n 2
}

add_backports() {
  local codename=$1 archive uri key entry=/etc/apt/sources.list.d/eventbus-backports.sources
  if grep -rqs "${codename}-backports" /etc/apt/sources.list /etc/apt/sources.list.d; then return; fi
  archive=$(debian_archive "$codename" | head -n 2)
  uri=$(sed -n 1p <<<"$archive")
  key=$(sed -n 2p <<<"$archive")
  if [ -z "$uri" ]; then
    echo "packages: cannot add ${codename}-backports: no entry for suite '$codename' in the apt sources; add the backports suite by hand" >&2
    exit 1
  fi
  say "adding $codename-backports (Catch2 3) to the apt sources: $entry"
  {
    printf 'Types: deb\nURIs: %s\nSuites: %s-backports\nComponents: main\n' "$uri" "$codename"
    if [ -n "$key" ]; then printf 'Signed-By: %s\n' "$key"; fi
  } | as_root tee "$entry" >/dev/null
  as_root apt-get update -qq
}

apt_install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }

# A package that starts a service of its own is kept from doing so: the tests start their own redis-server.
without_services() {
  local policy=/usr/sbin/policy-rc.d result=0
  if [ -e "$policy" ]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod +x "$policy"
  "$@" || result=$?
  as_root rm -f "$policy"
  return "$result"
}

has_catch2() { installed catch2 && [ "$(installed_major catch2)" -ge 3 ]; }

install_catch2() {
  local from=()
  if [ "$(candidate_major catch2)" = 2 ] && [ "$ID" = debian ]; then
    add_backports "$VERSION_CODENAME"
    from=(-t "$VERSION_CODENAME-backports")
  fi
  say "installing: catch2 (version 3)"
  apt_install "${from[@]}" catch2
  if ! has_catch2; then
    echo "packages: cannot install Catch2 3: $PRETTY_NAME offers version $(installed_major catch2); install Catch2 3 by hand" >&2
    exit 1
  fi
}

install_packages() {
  if [ ! -r /etc/os-release ] || ! command -v apt-get >/dev/null; then
    echo "packages: this system has no apt-get, so nothing is installed. eventbus needs: a C++20 compiler (g++ 12 or newer)," >&2
    echo "  cmake 3.25, ninja, pkg-config, hiredis, SQLite 3.35, Boost headers 1.74, nlohmann_json 3.11, spdlog, CLI11; for its" >&2
    echo "  tests Catch2 3, GoogleTest (for one example) and redis-server 6.2" >&2
    return
  fi
  . /etc/os-release
  local build=(g++ cmake ninja-build ccache pkg-config libhiredis-dev libsqlite3-dev libboost-dev nlohmann-json3-dev libspdlog-dev libcli11-dev)
  local test=(redis-server libgtest-dev)
  local wanted=() missing=() package group catch2=no
  for group in "$@"; do
    case $group in
      build) wanted+=("${build[@]}") ;;
      test)
        wanted+=("${test[@]}")
        if ! has_catch2; then catch2=yes; fi
        ;;
      redis) wanted+=(redis-server) ;;
      valkey) wanted+=(valkey-server) ;;
      *)
        echo "packages: unknown group '$group': build, test, redis and valkey are allowed" >&2
        exit 2
        ;;
    esac
  done
  for package in "${wanted[@]}"; do installed "$package" || missing+=("$package"); done
  if [ "${#missing[@]}" -eq 0 ] && [ "$catch2" = no ]; then return; fi
  say "reading the package lists"
  as_root apt-get update -qq
  if [[ " ${missing[*]} " == *" valkey-server "* ]] && [ -z "$(candidate_major valkey-server)" ] && [ "$ID" = debian ]; then
    add_backports "$VERSION_CODENAME"
  fi
  if [ "${#missing[@]}" -gt 0 ]; then
    say "installing: ${missing[*]}"
    without_services apt_install "${missing[@]}"
  fi
  if [ "$catch2" = yes ]; then install_catch2; fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then install_packages "${@:-build}"; fi
