#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_tidy.sh BUILD: clang-tidy over every source that is no test, benchmark or fuzzer. A file
# that was clean is not looked at again until it, a header of the tree or the rules change.
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
stamps=$build/tidy
mkdir -p "$stamps"
shared=$(git ls-files -z '*.h' '*.def' '*/.clang-tidy' .clang-tidy | xargs -0 cat | sha256sum | cut -c1-32)
# GCC's precompiled headers say nothing to clang; here every source stands on its own includes.
sed -E 's/ -fpch-preprocess| -Winvalid-pch| -include [^ ]*cmake_pch\.hxx//g' "$build/compile_commands.json" >"$stamps/compile_commands.json"
export stamps shared
git ls-files 'src/*.cc' | grep -v -E '_(test|bench|fuzz)\.cc$' | xargs -P "$(nproc)" -I{} sh -c '
  grep -q "/{}\"" "$stamps/compile_commands.json" || exit 0
  stamp=$stamps/$( (echo "$shared {}"; cat {}) | sha256sum | cut -c1-32)
  [ ! -e "$stamp" ] || exit 0
  if clang-tidy-14 --quiet -p "$stamps" --extra-arg=-Wno-unknown-warning-option {} >"$stamp.log" 2>/dev/null; then
    rm -f "$stamp.log"
    : >"$stamp"
  else
    cat "$stamp.log"
    rm -f "$stamp.log"
    echo "tidy: {} FAILED"
    exit 1
  fi'
echo "tidy: clean"
