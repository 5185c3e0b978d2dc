#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_fuzzers.sh BUILD SECONDS: runs every fuzzer below BUILD, all together for about SECONDS of
# wall time on the processors of this machine. Seeds: tests/fuzz/NAME. Fails when one finds something.
set -eu
build=$1
seconds=$2
root=$(cd "$(dirname "$0")/.." && pwd)
jobs=$(nproc)
fuzzers=$(find "$build" -name '*_fuzz' -type f -perm -u+x | sort)
count=$(echo "$fuzzers" | grep -c .) || { echo "run_fuzzers: no fuzzers below $build" >&2; exit 1; }
[ "$jobs" -le "$count" ] || jobs=$count
each=$((seconds * jobs / count))
[ "$each" -gt 0 ] || each=1
echo "fuzz: $count fuzzers, $each s each, $jobs at once"
export root build each
echo "$fuzzers" | xargs -P "$jobs" -I{} sh -c '
  name=$(basename {})
  mkdir -p "$build/corpus/$name"
  seeds="$root/tests/fuzz/$name"
  [ -d "$seeds" ] || seeds=
  if {} -max_total_time="$each" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$build/$name-" "$build/corpus/$name" $seeds >"$build/$name.log" 2>&1; then
    echo "fuzz: $name: $(grep -o "number_of_executed_units: *[0-9]*" "$build/$name.log" | grep -o "[0-9]*$") runs, nothing found"
  else
    tail -40 "$build/$name.log"
    echo "fuzz: $name FAILED; the input is the file $build/$name-*"
    exit 1
  fi'
