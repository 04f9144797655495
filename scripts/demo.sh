#!/usr/bin/env bash
# Installs what is missing, builds, and runs the orders demo: in memory, or on the backend that EVENTBUS_BACKEND names.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/build.sh"

install_packages build
build_preset release no --target orders eventbus_redis_streams
say "running build/release/bin/orders with examples/orders/bus.json"
exec build/release/bin/orders "${EVENTBUS_CONFIG:-examples/orders/bus.json}"
