#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that eventbus needs and this machine lacks. Sourced by the other scripts;
# run by hand it does just that: scripts/packages.sh [build|test|demo ...]
#
# Debian 12 has Catch2 2 in its main suite and Catch2 3 in its backports. The backports entry is derived from the
# machine's own Debian entry (same mirror, same key), so a private mirror stays in use.
set -euo pipefail

say() { printf '\n==> %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
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
    [ -n "$key" ] && printf 'Signed-By: %s\n' "$key"
  } | as_root tee "$entry" >/dev/null
  as_root apt-get update -qq
}

install_missing() {
  local package missing=()
  for package in "$@"; do installed "$package" || missing+=("$package"); done
  if [ "${#missing[@]}" -eq 0 ]; then return; fi
  say "installing: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# A package that starts a service of its own is kept from doing so: the tests start their own redis-server.
install_without_service() {
  installed "$1" && return
  local policy=/usr/sbin/policy-rc.d made=no
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
    made=yes
  fi
  install_missing "$1" || { [ "$made" = yes ] && as_root rm -f "$policy"; return 1; }
  if [ "$made" = yes ]; then as_root rm -f "$policy"; fi
}

install_catch2() {
  if installed catch2 && [ "$(installed_major catch2)" -ge 3 ]; then return; fi
  if [ "$(candidate_major catch2)" != 3 ] && [ "$ID" = debian ]; then add_backports "$VERSION_CODENAME"; fi
  say "installing: catch2 (version 3)"
  local from=()
  if [ "$(candidate_major catch2)" != 3 ]; then from=(-t "$VERSION_CODENAME-backports"); fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${from[@]}" catch2 >/dev/null
}

install_packages() {
  if [ ! -r /etc/os-release ] || ! command -v apt-get >/dev/null; then
    echo "packages: this system has no apt-get. eventbus needs: a C++20 compiler (g++ 12 or newer), cmake 3.25, ninja," >&2
    echo "  hiredis, Boost headers 1.74, nlohmann_json 3.11, spdlog, CLI11; for its tests Catch2 3 and redis-server 6.2" >&2
    exit 1
  fi
  . /etc/os-release
  local build=(g++ cmake ninja-build ccache pkg-config libhiredis-dev libboost-dev nlohmann-json3-dev libspdlog-dev libcli11-dev)
  local all=() package need_update=no
  for package in "${build[@]}" catch2 redis-server; do installed "$package" || need_update=yes; done
  if [ "$need_update" = yes ]; then
    say "reading the package lists"
    as_root apt-get update -qq
  fi
  for want in "$@"; do
    case $want in
      build) install_missing "${build[@]}" ;;
      test) install_catch2; install_without_service redis-server; install_missing python3 ;;
      redis) install_without_service redis-server ;;
      *) echo "packages: unknown group '$want': build, test and redis are allowed" >&2; exit 2 ;;
    esac
  done
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then install_packages "${@:-build}"; fi
