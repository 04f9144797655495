#!/usr/bin/env bash
# Installs what is missing, builds everything, and runs all tests. The tests start their own redis-server and end it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/build.sh"

install_packages build test
build_preset release yes
say "testing build/release"
exec ctest --preset release -j 4 "$@"
