#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fails when clang-format would change a tracked source.
set -eu
cd "$(dirname "$0")/.."
git ls-files -z '*.h' '*.cc' '*.c' | xargs -0 -r -n 40 -P 2 clang-format-14 --dry-run --Werror
echo "format: $(git ls-files '*.h' '*.cc' '*.c' | wc -l) files"
