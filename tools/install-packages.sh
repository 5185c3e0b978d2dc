#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install-packages.sh GROUP...: installs the Debian packages of these groups of packages.txt.
#
# When all of them are there it does nothing and needs neither network nor root. Otherwise it says
# what it installs, removes nothing, starts no service, and leaves nothing else behind.
set -eu

list=$(dirname "$0")/packages.txt
policy=/usr/sbin/policy-rc.d
saved=$policy.melon-saved

missing_packages() {
  for group in "$@"; do
    for name in $(awk -v group="$group" '$1 == group { print $2 }' "$list"); do
      state=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
      [ "$state" = installed ] || echo "$name"
    done
  done | sort -u
}

# True when apt knows no candidate of a package, or what it knows is older than a day.
lists_are_stale() {
  [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mtime -1 2>/dev/null | head -1)" ] || return 0
  for name in "$@"; do
    apt-cache policy "$name" | grep -q 'Candidate: [^(]' || return 0
  done
  return 1
}

# Maintainer scripts ask policy-rc.d before they start a service; 101 means no.
forbid_services() {
  if [ -e "$policy" ]; then
    status=0
    "$policy" any start >/dev/null 2>&1 || status=$?
    [ "$status" -ne 101 ] || return 0
    mv "$policy" "$saved"
  fi
  trap allow_services EXIT
  trap 'exit 1' INT TERM HUP
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

allow_services() {
  rm -f "$policy"
  [ ! -e "$saved" ] || mv "$saved" "$policy"
}

install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-remove --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

[ $# -gt 0 ] || { echo "usage: install-packages.sh GROUP..." >&2; exit 2; }
for group in "$@"; do
  grep -q "^$group " "$list" || { echo "install-packages: no group '$group' in $list" >&2; exit 2; }
done
missing=$(missing_packages "$@")
[ -n "$missing" ] || exit 0

echo "install-packages: installing" $missing
if [ "$(id -u)" -ne 0 ]; then
  echo "install-packages: only root installs packages; run: sudo $0 $*" >&2
  exit 1
fi
# A run that was killed may have left its guard; mend that first.
[ ! -e "$saved" ] || allow_services
updated=no
if lists_are_stale $missing; then
  apt-get update -q -o DPkg::Lock::Timeout=300
  updated=yes
fi
forbid_services
if ! install $missing; then
  [ "$updated" = no ] || exit 1
  apt-get update -q -o DPkg::Lock::Timeout=300
  install $missing
fi
