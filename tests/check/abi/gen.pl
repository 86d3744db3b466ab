#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Writes a C program that prints every constant, size and offset of abi/xen.
#
# The names are taken from our headers as the compiler sees them, so a line
# added to a header is compared from then on without any change here. The
# program itself names no include path: built with -Iabi it prints our values,
# built against libxen-dev the published ones. What cannot be printed as it
# stands is either given an expression in %sample or listed with its reason in
# %except; a macro with arguments that is in neither makes this script fail.
#
# usage: gen.pl ABI_DIR > program.c

use strict;
use warnings;

my $abi = shift or die "usage: gen.pl ABI_DIR\n";
my $cc = $ENV{CC} // 'cc';

# Not comparable, and why.
my %except = (
	'XEN_FLEX_ARRAY_DIM' =>
		'empty in C; compared through the structures that end in it',
	'XEN_GUEST_HANDLE_64' =>
		'published for tools only; here the same as XEN_GUEST_HANDLE',
	'___DEFINE_XEN_GUEST_HANDLE' =>
		'declares; every handle type it makes is compared',
	'__DEFINE_XEN_GUEST_HANDLE' => 'as above',
	'DEFINE_XEN_GUEST_HANDLE' => 'as above',
	'XEN_ERRNO' => 'the macro list; its enumerators are compared',
	'DEFINE_RING_TYPES' =>
		'declares; the types of the instance "probe" are compared',
);

# Expressions for macros that take arguments or are not expressions.
my $hnd = 'XEN_GUEST_HANDLE(void) h; void *p = (void *)0x1234;';
my $ring = 'ring_state_%s()';
my %sample = (
	'xen_wc_sec_hi' => ['offsetof(struct shared_info, xen_wc_sec_hi)'],
	'xen_vga_console_info' => ['sizeof(struct xen_vga_console_info)'],
	'xen_vga_console_info_t' => ['sizeof(xen_vga_console_info_t)'],
	'xenpf_settime' => ['sizeof(struct xenpf_settime)'],
	'__xen_mk_uint' => ['__xen_mk_uint(7)', 'sizeof(__xen_mk_uint(7))'],
	'__xen_mk_ulong' => ['__xen_mk_ulong(7)', 'sizeof(__xen_mk_ulong(7))'],
	'__xen_mk_ullong' =>
		['__xen_mk_ullong(7)', 'sizeof(__xen_mk_ullong(7))'],
	'xen_mk_uint' => ['xen_mk_uint(NR_VIRQS)'],
	'xen_mk_ulong' => ['xen_mk_ulong(NR_VIRQS)'],
	'xen_mk_ullong' => ['xen_mk_ullong(NR_VIRQS)'],
	'__XEN_GUEST_HANDLE' => ['sizeof(__XEN_GUEST_HANDLE(void))'],
	'XEN_GUEST_HANDLE' => ['sizeof(XEN_GUEST_HANDLE(void))'],
	'XEN_GUEST_HANDLE_PARAM' => ['sizeof(XEN_GUEST_HANDLE_PARAM(void))'],
	'set_xen_guest_handle' =>
		["({ $hnd set_xen_guest_handle(h, p); (long)h.p; })"],
	'set_xen_guest_handle_raw' =>
		["({ $hnd set_xen_guest_handle_raw(h, p); (long)h.p; })"],
	'TI_GET_DPL' => ['({ trap_info_t t = { 0, 7, 0, 0 }; TI_GET_DPL(&t); })'],
	'TI_GET_IF' => ['({ trap_info_t t = { 0, 7, 0, 0 }; TI_GET_IF(&t); })'],
	'TI_SET_DPL' =>
		['({ trap_info_t t = { 0 }; TI_SET_DPL(&t, 3); t.flags; })'],
	'TI_SET_IF' =>
		['({ trap_info_t t = { 0 }; TI_SET_IF(&t, 9); t.flags; })'],
	'xen_pfn_to_cr3' => ['xen_pfn_to_cr3(0x123456789)'],
	'xen_cr3_to_pfn' => ['xen_cr3_to_pfn(0x123456789000)'],
	'XEN_CPUID_LEAF' => ['XEN_CPUID_LEAF(3)'],
	'XENMEMF_address_bits' => ['XENMEMF_address_bits(33)'],
	'XENMEMF_get_address_bits' => ['XENMEMF_get_address_bits(0xfff21)'],
	'XENMEMF_node' => ['XENMEMF_node(5)'],
	'XENMEMF_get_node' => ['XENMEMF_get_node(0x7f0621)'],
	'XENMEMF_exact_node' => ['XENMEMF_exact_node(5)'],
	'xen_vcpu_physid_to_x86_apicid' =>
		['xen_vcpu_physid_to_x86_apicid(0x1234567890abcdefUL)'],
	'xen_vcpu_physid_to_x86_acpiid' =>
		['xen_vcpu_physid_to_x86_acpiid(0x1234567890abcdefUL)'],
	'MASK_XENCONS_IDX' =>
		['({ char r[1024]; MASK_XENCONS_IDX(5000u, r); })'],
	'MASK_XENSTORE_IDX' =>
		['MASK_XENSTORE_IDX(1023)', 'MASK_XENSTORE_IDX(1025)'],
	'__RD2' => ['__RD2(3)'], '__RD4' => ['__RD4(9)'],
	'__RD8' => ['__RD8(0x51)'], '__RD16' => ['__RD16(0x1234)'],
	'__RD32' => ['__RD32(0x12345678)', '__RD32(252)'],
	'__CONST_RING_SIZE' => ['__CONST_RING_SIZE(probe, 4096)',
		'__CONST_RING_SIZE(probe, 8192)'],
	'__RING_SIZE' => ['__RING_SIZE(&page.s, 4096)'],
	# Ring operations: each is exercised in a short exchange on real rings,
	# and what the shared page and the private halves then hold is printed.
	(map { ($_ => [ring($_)]) } qw(
		SHARED_RING_INIT FRONT_RING_ATTACH FRONT_RING_INIT
		XEN_FRONT_RING_INIT BACK_RING_ATTACH BACK_RING_INIT RING_SIZE
		RING_FREE_REQUESTS RING_FULL XEN_RING_NR_UNCONSUMED_RESPONSES
		XEN_RING_NR_UNCONSUMED_REQUESTS RING_HAS_UNCONSUMED_RESPONSES
		RING_HAS_UNCONSUMED_REQUESTS RING_GET_REQUEST RING_GET_RESPONSE
		RING_COPY_ RING_COPY_REQUEST RING_COPY_RESPONSE
		RING_REQUEST_CONS_OVERFLOW RING_REQUEST_PROD_OVERFLOW
		RING_RESPONSE_PROD_OVERFLOW RING_PUSH_REQUESTS
		RING_PUSH_RESPONSES RING_PUSH_REQUESTS_AND_CHECK_NOTIFY
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY
		RING_FINAL_CHECK_FOR_REQUESTS RING_FINAL_CHECK_FOR_RESPONSES)),
);

sub ring
{
	my ($m) = @_;
	my %use = (
		SHARED_RING_INIT => 'memset(&page, 0xa5, sizeof(page));'
			. ' SHARED_RING_INIT(&page.s); r = ring_sum();',
		FRONT_RING_ATTACH => 'FRONT_RING_ATTACH(&f, &page.s, 9, 4096);'
			. ' r = ring_sum();',
		FRONT_RING_INIT => 'FRONT_RING_INIT(&f, &page.s, 8192);'
			. ' r = ring_sum();',
		XEN_FRONT_RING_INIT => 'page.s.req_prod = 4;'
			. ' XEN_FRONT_RING_INIT(&f, &page.s, 8192);'
			. ' r = ring_sum();',
		BACK_RING_ATTACH => 'BACK_RING_ATTACH(&b, &page.s, 9, 4096);'
			. ' r = ring_sum();',
		BACK_RING_INIT => 'BACK_RING_INIT(&b, &page.s, 8192);'
			. ' r = ring_sum();',
		RING_FULL => 'f.req_prod_pvt = 256; r = RING_FULL(&f);',
		RING_FREE_REQUESTS => 'f.req_prod_pvt = 10; f.rsp_cons = 3;'
			. ' r = RING_FREE_REQUESTS(&f);',
		RING_SIZE => 'r = RING_SIZE(&f);',
		RING_GET_REQUEST => 'r = (char *)RING_GET_REQUEST(&f, 777)'
			. ' - (char *)&page;',
		RING_GET_RESPONSE => 'r = (char *)RING_GET_RESPONSE(&f, 778)'
			. ' - (char *)&page;',
		RING_COPY_ => 'uint64_t q; *RING_GET_REQUEST(&f, 3) = 77;'
			. ' RING_COPY_(REQUEST, &b, 3, &q); r = q;',
		RING_COPY_REQUEST => 'uint64_t q;'
			. ' *RING_GET_REQUEST(&f, 3) = 77;'
			. ' RING_COPY_REQUEST(&b, 3, &q); r = q;',
		RING_COPY_RESPONSE => 'uint32_t q;'
			. ' *RING_GET_RESPONSE(&b, 3) = 78;'
			. ' RING_COPY_RESPONSE(&f, 3, &q); r = q;',
		RING_REQUEST_CONS_OVERFLOW => 'for (i = 0; i < 1024; i++)'
			. ' r += RING_REQUEST_CONS_OVERFLOW(&b, i);',
		RING_REQUEST_PROD_OVERFLOW => 'for (i = 0; i < 1024; i++)'
			. ' r += RING_REQUEST_PROD_OVERFLOW(&b, i);',
		RING_RESPONSE_PROD_OVERFLOW => 'for (i = 0; i < 1024; i++)'
			. ' r += RING_RESPONSE_PROD_OVERFLOW(&f, i);',
		RING_PUSH_REQUESTS => 'f.req_prod_pvt = 5;'
			. ' RING_PUSH_REQUESTS(&f); r = ring_sum();',
		RING_PUSH_RESPONSES => 'b.rsp_prod_pvt = 5;'
			. ' RING_PUSH_RESPONSES(&b); r = ring_sum();',
		RING_PUSH_REQUESTS_AND_CHECK_NOTIFY =>
			'for (i = 0; i < 8; i++) { int n;'
			. ' page.s.req_event = 5; page.s.req_prod = i;'
			. ' f.req_prod_pvt = i + 2;'
			. ' RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&f, n);'
			. ' r = r * 2 + n; } r += ring_sum() * 1000;',
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY =>
			'for (i = 0; i < 8; i++) { int n;'
			. ' page.s.rsp_event = 5; page.s.rsp_prod = i;'
			. ' b.rsp_prod_pvt = i + 2;'
			. ' RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&b, n);'
			. ' r = r * 2 + n; } r += ring_sum() * 1000;',
		RING_FINAL_CHECK_FOR_REQUESTS =>
			'for (i = 0; i < 3; i++) { int n; page.s.req_prod = i;'
			. ' RING_FINAL_CHECK_FOR_REQUESTS(&b, n);'
			. ' r = r * 100 + n + ring_sum(); }',
		RING_FINAL_CHECK_FOR_RESPONSES =>
			'for (i = 0; i < 3; i++) { int n; page.s.rsp_prod = i;'
			. ' RING_FINAL_CHECK_FOR_RESPONSES(&f, n);'
			. ' r = r * 100 + n + ring_sum(); }',
	);
	my $code = $use{$m};
	if (!defined $code) {
		my $who = $m =~ /REQUESTS/ ? 'b' : 'f';
		my $idx = $m =~ /REQUESTS/ ? 'req' : 'rsp';
		$code = "for (i = 0; i < 400; i += 7) { page.s.${idx}_prod = i;"
			. " r = r * 31 + (long)$m(&$who); }";
	}
	return "({ long r = 0; RING_IDX i = 0; (void)i; ring_reset();"
		. " $code r; })";
}

# ------------------------------------------------------------ collect

my @headers = map { s{^\Q$abi\E/}{}r } sort split /\n/,
	`find '$abi/xen' -name '*.h'`;
@headers or die "gen.pl: no headers below $abi/xen\n";

# XEN_EINTR and XEN_ERESTART are published for the hypervisor alone; errno.h
# includes nothing, so the name is defined around it only. xen.h comes first
# because not all of the published headers stand alone.
my $prelude = "#define __XEN__ 1\n#include <xen/errno.h>\n#undef __XEN__\n"
	. "#include <xen/xen.h>\n";
$prelude .= "#include <$_>\n" for grep { !m{^xen/(errno|xen)\.h$} } @headers;
$prelude .= "#define xen_mb() __sync_synchronize()\n"
	. "#define xen_rmb() __sync_synchronize()\n"
	. "#define xen_wmb() __sync_synchronize()\n";
my $probe = "DEFINE_RING_TYPES(probe, uint64_t, uint32_t);\n";

my $tmp = ($ENV{TMPDIR} // '/tmp') . "/vl-abi-gen-$$.c";
open(my $t, '>', $tmp) or die "gen.pl: $tmp: $!\n";
print $t "$prelude/**/\n$probe";
close $t;
my $text = `$cc -std=gnu11 -I'$abi' -E -dD '$tmp'`;
my $bad = $?;
unlink $tmp;
die "gen.pl: our own headers do not preprocess\n" if $bad;

my (@macros, %args, $body, $file);
$body = '';
for (split /\n/, $text) {
	if (/^# \d+ "([^"]*)"/) {
		$file = $1;
		next;
	}
	next unless defined $file;
	my $ours = index($file, "$abi/") == 0;
	if (/^#define (\w+)(\(([^)]*)\))?\s*(.*)$/) {
		next unless $ours;
		my ($name, $paren, $value) = ($1, $2, $4);
		next if $name =~ /^VL_/;	# guards and our own helpers
		next if $name eq '__ASSEMBLY__';
		push @macros, $name unless exists $args{$name};
		$args{$name} = defined $paren ? 1 : 0;
		next;
	}
	if (/^#undef (\w+)/) {
		delete $args{$1} if $ours;
		next;
	}
	next if /^#/;
	$body .= "$_\n" if $ours || $file eq $tmp;
}

# ------------------------------------------------------------ parse C

my @tok = $body =~ /\w+|"(?:[^"\\]|\\.)*"|\S/g;
my $pos = 0;
my (@sizes, @fields, @enums, @bits, %seen);

sub peek { return $tok[$pos] // '' }
sub take { return $tok[$pos++] // die "gen.pl: unexpected end of headers\n" }

sub add_size
{
	my ($n) = @_;
	push @sizes, $n unless $seen{"size $n"}++;
}

# Parses "{ ... }" of a structure; returns [name, flags, children...] items.
sub parse_body
{
	my @members;
	take() eq '{' or die "gen.pl: expected {\n";
	while (peek() ne '}') {
		my ($kids, @decl, $bitfield);
		my ($depth, $flex, $name, $array) = (0, 0, undef, 0);
		if (peek() =~ /^(struct|union)$/) {
			my $kw = take();
			my $tag = peek() =~ /^\w/ ? take() : undef;
			if (peek() eq '{') {
				$kids = parse_body();
				add_size("$kw $tag") if defined $tag;
			}
		}
		while (1) {
			my $w = take();
			if ($w eq '[') {
				$flex = 1 if peek() eq ']' ||
					(peek() eq '0' && $tok[$pos + 1] eq ']');
				take() while peek() ne ']';
				take();
				$array = 1;
			} elsif ($w eq ':') {
				take();
				$bitfield = 1;
			} elsif ($w eq ',' || $w eq ';') {
				push @members, {
					name => $name, kids => $kids,
					flex => $flex, bit => $bitfield,
					array => $array,
				} if defined $name || $kids;
				last if $w eq ';';
				($flex, $name, $array, $bitfield) =
					(0, undef, 0, undef);
			} elsif ($w =~ /^[A-Za-z_]\w*$/) {
				$name = $w;
			}
		}
	}
	take();
	return \@members;
}

sub walk
{
	my ($type, $prefix, $members) = @_;
	for my $m (@$members) {
		my $path = defined $m->{name} ? "$prefix$m->{name}" : undef;
		if ($m->{bit}) {
			push @bits, [$type, $path];
			next;
		}
		push @fields, [$type, $path, $m->{flex}] if defined $path;
		next unless $m->{kids};
		die "gen.pl: array of inline structures: $type $path\n"
			if $m->{array};
		walk($type, defined $path ? "$path." : $prefix, $m->{kids});
	}
}

while ($pos < @tok) {
	my $w = take();
	my $typedef = 0;
	if ($w eq 'typedef') {
		$typedef = 1;
		$w = take();
	}
	next if $w eq ';';
	my ($members, $type);
	if ($w =~ /^(struct|union|enum)$/) {
		my $tag = peek() =~ /^\w/ ? take() : undef;
		if (peek() eq '{' && $w eq 'enum') {
			take();
			while (peek() ne '}') {
				my $e = take();
				push @enums, $e;
				take() while peek() !~ /^[,}]$/;
				take() if peek() eq ',';
			}
			take();
		} elsif (peek() eq '{') {
			$members = parse_body();
			$type = defined $tag ? "$w $tag" : undef;
		}
	}
	my $last;
	while ((my $x = take()) ne ';') {
		$last = $x if $x =~ /^[A-Za-z_]\w*$/ && peek() =~ /^[;\[]$/;
	}
	if ($typedef && defined $last) {
		add_size($last);
		$type //= $last if $members;
	}
	if ($members) {
		die "gen.pl: unnamed structure\n" unless defined $type;
		add_size($type);
		walk($type, '', $members);
	}
}

# ------------------------------------------------------------ emit

my (@out, @missing);
my ($nconst, $nsize, $noff) = (0, 0, 0);
my %used;
for my $name (grep { exists $args{$_} } @macros) {
	if ($except{$name}) {
		$used{$name} = 1;
		next;
	}
	if (my $s = $sample{$name}) {
		$used{$name} = 1;
		my $n = 0;
		for my $e (@$s) {
			my $tag = @$s > 1 ? "$name#" . ++$n : $name;
			push @out, "SHOW(\"constant $tag\", ($e));";
			$nconst++;
		}
		next;
	}
	if ($args{$name}) {
		push @missing, $name;
		next;
	}
	push @out, "SHOW(\"constant $name\", ($name));";
	$nconst++;
}
if (@missing) {
	die "gen.pl: give these a sample or an exception: @missing\n";
}
for my $name (sort keys %sample, keys %except) {
	die "gen.pl: stale entry $name\n"
		unless $used{$name} || $name eq 'XEN_ERRNO';
}
for (@enums) {
	push @out, "SHOW(\"constant $_\", ($_));";
	$nconst++;
}
for (@sizes) {
	push @out, "SIZE(\"$_\", $_);";
	$nsize++;
}
for (@fields) {
	my ($type, $path, $flex) = @$_;
	push @out, ($flex ? 'FLEX' : 'FIELD') . "(\"$type\", $type, $path);";
	$noff++;
	$nsize++ unless $flex;
}
for (@bits) {
	my ($type, $path) = @$_;
	push @out, "BITS(\"$type\", $type, $path);";
	$noff++;
}

print <<"END";
/* Generated by tests/check/abi/gen.pl; see there. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
$prelude
$probe
END
print <<'END';
static union { struct probe_sring s; char pad[8192]; } page;
static struct probe_front_ring f;
static struct probe_back_ring b;

static void ring_reset(void)
{
	memset(&page, 0, sizeof(page));
	memset(&f, 0, sizeof(f));
	memset(&b, 0, sizeof(b));
	page.s.req_event = page.s.rsp_event = 1;
	f.nr_ents = b.nr_ents = 256;
	f.sring = b.sring = &page.s;
}

/* One number that changes with any byte of the three, pointers apart. */
static long ring_sum(void)
{
	unsigned long h = 5381;
	size_t i;

	for (i = 0; i < sizeof(page); i++)
		h = h * 33 + (unsigned char)page.pad[i];
	h = h * 33 + f.req_prod_pvt;
	h = h * 33 + f.rsp_cons;
	h = h * 33 + f.nr_ents;
	h = h * 33 + b.rsp_prod_pvt;
	h = h * 33 + b.req_cons;
	h = h * 33 + b.nr_ents;
	return (long)(h % 1000003);
}

static void show_signed(const char *n, long long v)
{
	if (v < 0)
		printf("%s %lld\n", n, v);
	else
		printf("%s 0x%llx\n", n, (unsigned long long)v);
}
static void show_unsigned(const char *n, unsigned long long v)
{
	printf("%s 0x%llx\n", n, v);
}
static void show_text(const char *n, const char *v)
{
	printf("%s \"%s\"\n", n, v);
}
static void show_pointer(const char *n, const void *v)
{
	printf("%s %p\n", n, v);
}

#define SHOW(n, v) _Generic((v), \
	char *: show_text, const char *: show_text, \
	unsigned long *: show_pointer, \
	unsigned int: show_unsigned, unsigned long: show_unsigned, \
	unsigned long long: show_unsigned, default: show_signed)(n, v)

/* What kind of value a field holds; arrays show as pointers. */
#define KIND(v) _Generic((v), \
	char: "char", signed char: "int8", unsigned char: "uint8", \
	short: "int16", unsigned short: "uint16", \
	int: "int32", unsigned int: "uint32", \
	long: "int64", unsigned long: "uint64", \
	long long: "int64", unsigned long long: "uint64", \
	char *: "char[]", signed char *: "int8[]", unsigned char *: "uint8[]", \
	unsigned short *: "uint16[]", unsigned int *: "uint32[]", \
	unsigned long *: "uint64[]", unsigned long long *: "uint64[]", \
	const void *: "const void *", void *: "void *", default: "aggregate")

#define SIZE(n, t) printf("size %s %zu\n", n, sizeof(t))
#define FIELD(n, t, m) printf("offset %s.%s %zu size %zu %s\n", n, #m, \
	offsetof(t, m), sizeof(((t *)0)->m), KIND(((t *)0)->m))
#define FLEX(n, t, m) printf("offset %s.%s %zu open %s\n", n, #m, \
	offsetof(t, m), KIND(((t *)0)->m[0]))
#define BITS(n, t, m) do { \
	t v; \
	unsigned long long w = 0; \
	memset(&v, 0, sizeof(v)); \
	v.m = ~v.m; \
	memcpy(&w, &v, sizeof(v) < sizeof(w) ? sizeof(v) : sizeof(w)); \
	printf("bits %s.%s 0x%llx\n", n, #m, w); \
} while (0)

int main(void)
{
END
print "\t$_\n" for @out;
print "\treturn 0;\n}\n";
print STDERR "$nconst constants, $nsize sizes, $noff offsets\n";
