#!/usr/bin/env bash
# Sourced by the other scripts: configure and build a preset in build/<preset>, with ccache where it is installed.
#   build_preset PRESET yes|no [ARGUMENTS of cmake --build]
# The second says whether the tests are built. With no, a tree that has them keeps them.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
. scripts/packages.sh

build_preset() {
  local preset=$1 tests=$2
  shift 2
  local settings=()
  if command -v ccache >/dev/null; then
    export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$root"
    settings=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_C_COMPILER_LAUNCHER=ccache)
  fi
  if [ "$tests" = yes ]; then
    settings+=(-DEVENTBUS_BUILD_TESTS=ON)
  elif ! grep -qs '^Catch2_DIR:PATH=/' "build/$preset/CMakeCache.txt"; then
    settings+=(-DEVENTBUS_BUILD_TESTS=OFF)
  fi
  say "configuring build/$preset"
  cmake --preset "$preset" "${settings[@]}" >/dev/null
  say "building build/$preset"
  cmake --build "build/$preset" "$@"
}
