#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fails when clang-format would change a tracked source, and says how to mend it.
set -eu
cd "$(dirname "$0")/.."
if ! git ls-files -z '*.h' '*.cc' '*.c' | xargs -0 -r -n 40 -P 2 clang-format-14 --dry-run --Werror; then
  echo "format: mend with: git ls-files -z '*.h' '*.cc' '*.c' | xargs -0 clang-format-14 -i" >&2
  exit 1
fi
echo "format: $(git ls-files '*.h' '*.cc' '*.c' | wc -l) files"
