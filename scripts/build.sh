#!/usr/bin/env bash
# Sourced by the other scripts: configure and build a preset in build/<preset>, with ccache where it is installed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
. scripts/packages.sh

build_preset() {
  local preset=$1
  shift
  local launcher=()
  if command -v ccache >/dev/null; then
    export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$root"
    launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_C_COMPILER_LAUNCHER=ccache)
  fi
  say "configuring build/$preset"
  cmake --preset "$preset" "${launcher[@]}" >/dev/null
  say "building build/$preset"
  cmake --build "build/$preset" "$@"
}
