#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deps.sh install          install every package of the list that is missing
# deps.sh check [PURPOSE]  say which ones are missing and what to do; exit 1
# deps.sh ensure [PURPOSE] install as root, check otherwise
# DEPS="build run iso test lint" selects purposes for install and check.
set -eu
list=$(dirname "$0")/packages
verb=${1:-check}
[ $# -eq 0 ] || shift
purposes=${*:-${DEPS:-build run iso test lint}}

present() {
	case $1 in
	/*) [ -e "$1" ] ;;
	*) command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] ;;
	esac
}

missing=
while read -r purpose package probe; do
	case $purpose in '' | '#'*) continue ;; esac
	case " $purposes " in *" $purpose "*) ;; *) continue ;; esac
	present "$probe" || missing="$missing $package"
done < "$list"
[ -n "$missing" ] || exit 0

if [ "$verb" = ensure ] && [ "$(id -u)" != 0 ]; then
	verb=check
fi
if [ "$verb" = check ]; then
	echo "Missing Debian packages:$missing" >&2
	echo "Install them with 'make deps' as root (for instance: sudo make deps)." >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "Installing packages needs root. Run: sudo make deps" >&2
	echo "or: sudo apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
if ! command -v apt-get >/dev/null; then
	echo "No apt-get here; install by other means:$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086  # a list of package names
apt-get install -q -y --no-install-recommends $missing
