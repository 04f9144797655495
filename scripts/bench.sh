#!/usr/bin/env bash
# Measures eventbus against its peers and prints the ratios:
#   scripts/bench.sh [--quick | --smoke] [--filter TEXT] [--json FILE]
# Starts a redis-server of its own, without persistence, on a free loopback port, and ends it. Without --json the JSON
# goes to build/release/bench.json.
set -euo pipefail
invoked_from=$PWD
. "$(dirname "${BASH_SOURCE[0]}")/build.sh"

json_given=no
for argument in "$@"; do
  case $argument in
    --json | --json=*) json_given=yes ;;
    --redis-url | --redis-url=*)
      echo "bench.sh: --redis-url: this script starts a server of its own; to measure another, run build/release/bin/eventbus-bench" >&2
      exit 2
      ;;
    -h | --help)
      sed -n '2,5s/^# \{0,1\}//p' "$root/scripts/bench.sh"
      exit 0
      ;;
  esac
done

# Standard output is the table's, or the JSON's with `--json -`.
{
  install_packages build redis
  build_preset release no --target eventbus-bench eventbus_redis_streams
} >&2

place=$(mktemp -d)
server=
end_server() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$place"
}
trap end_server EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A port that somebody takes in between makes the server end: then another one is tried.
port=
for _ in 1 2 3 4 5; do
  candidate=$((20000 + RANDOM % 20000))
  redis-server --bind 127.0.0.1 --port "$candidate" --save "" --appendonly no --dir "$place" >"$place/log" 2>&1 &
  server=$!
  for _ in $(seq 100); do
    kill -0 "$server" 2>/dev/null || break
    if grep -q 'Ready to accept connections' "$place/log"; then
      port=$candidate
      break 2
    fi
    sleep 0.05
  done
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
done
if [ -z "$port" ]; then
  echo "bench.sh: cannot start a redis-server on 127.0.0.1:" >&2
  cat "$place/log" >&2
  exit 1
fi

if [ "$json_given" = no ]; then set -- "$@" --json "$root/build/release/bench.json"; fi
say "measuring against redis-server on 127.0.0.1:$port" >&2
cd "$invoked_from"
"$root/build/release/bin/eventbus-bench" --redis-url "redis://127.0.0.1:$port" "$@"
if [ "$json_given" = no ]; then echo "JSON: build/release/bench.json"; fi
