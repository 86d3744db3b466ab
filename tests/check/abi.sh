#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Checks abi/: every header stands alone (C11, C++17, and assembly where that
# is promised), includes nothing but abi/ and <stdint.h>/<stddef.h>, and every
# constant, size and offset is the published one. The published values come
# from Debian's libxen-dev; without it that part is skipped, with a line that
# says so.
#
# Last it proves that it can fail: a copy with one constant changed, one with
# a field widened and one with two fields swapped must each be reported.
#
# environment: CC, CXX, XEN_INCLUDE (where the published xen/ lies)

set -u
LC_ALL=C
export LC_ALL

root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
abi=$root/abi
CC=${CC:-gcc}
CXX=${CXX:-g++}
export CC
ref=${XEN_INCLUDE:-/usr/include}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
TMPDIR=$tmp
export TMPDIR

passed=0
failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL: $*"; }

warn='-Wall -Wextra -Wshadow -Wconversion -Wundef -Werror'

# alone NAME COMPILER ARGS... : the command must accept $tmp/alone.*
alone()
{
	what=$1
	shift
	if "$@" >"$tmp/log" 2>&1; then
		ok
	else
		bad "$what"
		sed 's/^/    /' "$tmp/log" | head -20
	fi
}

headers=$(cd "$abi" && find . -name '*.h' | sed 's|^\./||' | sort)
if [ -z "$headers" ]; then
	bad "no headers below $abi"
fi

for h in $headers; do
	# Twice: the guard must hold. The typedef keeps the unit from being
	# empty.
	printf '#include <%s>\n#include <%s>\ntypedef int not_empty;\n' \
		"$h" "$h" >"$tmp/alone.c"
	cp "$tmp/alone.c" "$tmp/alone.cc"
	alone "$h alone, C11, $CC" \
		$CC -std=c11 $warn "-I$abi" -fsyntax-only "$tmp/alone.c"
	alone "$h alone, C++17, $CXX" \
		$CXX -std=c++17 $warn "-I$abi" -fsyntax-only "$tmp/alone.cc"
	if command -v clang >/dev/null; then
		alone "$h alone, C11, clang" \
			clang -std=c11 $warn "-I$abi" -fsyntax-only \
			"$tmp/alone.c"
	fi
	if command -v clang++ >/dev/null; then
		alone "$h alone, C++17, clang++" \
			clang++ -std=c++17 $warn "-I$abi" -fsyntax-only \
			"$tmp/alone.cc"
	fi

	if [ "$(sed -n 1p "$abi/$h")" = '/* SPDX-License-Identifier: MIT */' ]
	then
		ok
	else
		bad "$h: no MIT licence line at its head"
	fi

	stray=0
	for inc in $(sed -n 's/^[ \t]*#[ \t]*include[ \t]*\([<"][^>"]*[>"]\).*/\1/p' \
		"$abi/$h"); do
		case $inc in
		'<stdint.h>' | '<stddef.h>') ;;
		'"'*)
			f=${inc#?}
			f=${f%?}
			p=$(realpath -m "$(dirname "$abi/$h")/$f")
			case $p in
			"$abi"/*) [ -f "$p" ] || stray=1 ;;
			*) stray=1 ;;
			esac
			;;
		*) stray=1 ;;
		esac
	done
	if [ $stray = 0 ]; then
		ok
	else
		bad "$h includes something outside abi/"
	fi
done

for h in xen/xen.h xen/arch-x86_64.h xen/arch-x86/xen.h \
	xen/arch-x86/xen-x86_64.h xen/arch-x86/cpuid.h xen/features.h \
	xen/elfnote.h xen/errno.h vl/version.h; do
	printf '#include <%s>\nnop\n' "$h" >"$tmp/alone.S"
	alone "$h in assembly" \
		$CC -Wundef -Werror "-I$abi" -c "$tmp/alone.S" \
		-o "$tmp/alone.o"
done
# Values must survive the assembler: no suffixes, and the prefix emits bytes.
cat >"$tmp/use.S" <<'END'
#include <xen/xen.h>
	mov $__HYPERVISOR_iret, %eax
	mov $VGCF_in_syscall, %eax
	mov $SIF_PM_MASK, %eax
	movabs $HYPERVISOR_VIRT_END, %rax
	XEN_CPUID
END
alone "constants used in assembly" \
	$CC "-I$abi" -c "$tmp/use.S" -o "$tmp/use.o"

# published OUTPUT PROGRAM.c, and ours ABI_DIR OUTPUT PROGRAM.c
published()
{
	$CC -std=gnu11 -w -D__XEN_INTERFACE_VERSION__=0x00040e00 \
		"-isystem" "$ref" "$2" -o "$tmp/ref.bin" >"$tmp/log" 2>&1 &&
		"$tmp/ref.bin" | sort >"$1"
}
ours()
{
	$CC -std=gnu11 -w "-I$1" "$3" -o "$tmp/our.bin" >"$tmp/log" 2>&1 &&
		"$tmp/our.bin" | sort >"$2"
}

# compare ABI_DIR: 0 all equal, 1 differences or errors, told in $tmp/report
compare()
{
	: >"$tmp/report"
	if ! perl "$root/tests/check/abi/gen.pl" "$1" >"$tmp/layout.c" \
		2>"$tmp/counts"; then
		cat "$tmp/counts" >"$tmp/report"
		return 1
	fi
	if ! ours "$1" "$tmp/ours.txt" "$tmp/layout.c"; then
		grep error "$tmp/log" | head -20 >"$tmp/report"
		return 1
	fi
	if ! published "$tmp/ref.txt" "$tmp/layout.c"; then
		echo "names that the published headers do not have:" \
			>"$tmp/report"
		grep error "$tmp/log" | head -20 >>"$tmp/report"
		return 1
	fi
	if ! [ -s "$tmp/ours.txt" ]; then
		echo "nothing printed" >"$tmp/report"
		return 1
	fi
	diff "$tmp/ref.txt" "$tmp/ours.txt" >"$tmp/report"
}

if [ -f "$ref/xen/xen.h" ] && grep -q XEN_LATEST "$ref/xen/xen-compat.h"; then
	if compare "$abi"; then
		ok
		echo "$(cat "$tmp/counts") compared"
	else
		bad "abi/ differs from the published headers (< published, > ours)"
		sed 's/^/    /' "$tmp/report" | head -60
	fi

	# mutant NAME FILE PERL_EXPRESSION WORD: must be found, and named
	mutant()
	{
		rm -rf "$tmp/mutant"
		cp -R "$abi" "$tmp/mutant"
		perl -0pi -e "$3" "$tmp/mutant/$2"
		if cmp -s "$abi/$2" "$tmp/mutant/$2"; then
			bad "mutant '$1' is like the original: mend its pattern"
		elif compare "$tmp/mutant"; then
			bad "mutant '$1' was not noticed"
		elif grep -q "$4" "$tmp/report"; then
			ok
		else
			bad "mutant '$1' was reported for another reason"
			sed 's/^/    /' "$tmp/report" | head
		fi
	}
	mutant 'one constant' xen/event_channel.h \
		's/(EVTCHNOP_unmask) 9/$1 10/' 'constant EVTCHNOP_unmask'
	mutant 'one field wider' xen/sched.h \
		's/domid_t (domain_id)/uint32_t $1/' \
		'sched_remote_shutdown.domain_id'
	mutant 'two fields swapped' xen/vcpu.h \
		's/(\tuint32_t offset;[^\n]*\n)(\tuint32_t rsvd;)/$2\n$1/' \
		'vcpu_register_vcpu_info.offset'
	mutant 'one error' xen/errno.h 's/\(ENOSYS, 38\)/(ENOSYS, 37)/' \
		'constant XEN_ENOSYS'
	mutant 'a name of our own' xen/memory.h \
		's/(#define XENMEM_exchange 11)/$1\n#define XENMEM_ours 99/' \
		XENMEM_ours
else
	echo "skipped: no libxen-dev in $ref, layout not compared"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
