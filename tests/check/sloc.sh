#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Lines of code without blanks and comments, as cloc counts .c, .S and .h files.
#   sloc.sh          a table by component
#   sloc.sh -n DIR   one number
set -eu
cd "$(dirname "$0")/../.."
command -v cloc >/dev/null || { echo "cloc is missing: run 'make deps' as root" >&2; exit 1; }

count() { # count DIR...: lines of code in these folders
	local have=()
	for dir in "$@"; do [ ! -d "$dir" ] || have+=("$dir"); done
	[ ${#have[@]} -gt 0 ] || { echo 0; return; }
	cloc --quiet --csv --force-lang="Assembly",lds.S --match-f='\.(c|S|h)$' --hide-rate \
		"${have[@]}" 2>/dev/null | awk -F, '$2 == "SUM" { n = $5 } END { print n + 0 }'
}

if [ "${1:-}" = -n ]; then
	count "$2"
	exit
fi
for dir in hv/core hv/x86 hv/include hv abi guest-shim drivers toolstack tests; do
	printf '%-14s%7d\n' "$dir" "$(count "$dir")"
done
echo "ceiling for hv  14000"
