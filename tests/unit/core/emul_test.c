/* SPDX-License-Identifier: MIT */
/* The decoder by a table, and instructions executed for a guest. */
#include "core_test.h"

#include <hv/emul.h>
#include <hv/mm.h>

struct decode_case {
	const char *bytes;
	uint8_t count, op, length, size;
};
#define INSN(op, size, ...)                                                                      \
	{                                                                                        \
		(const char[]){ __VA_ARGS__ }, sizeof((const char[]){ __VA_ARGS__ }), INSN_##op, \
			sizeof((const char[]){ __VA_ARGS__ }), size                              \
	}
#define NO(...)                                                                                  \
	{                                                                                        \
		(const char[]){ __VA_ARGS__ }, sizeof((const char[]){ __VA_ARGS__ }), INSN_NONE, \
			0, 0                                                                     \
	}
#define B(x) ((char)(x))

static const struct decode_case decode_cases[] = {
	INSN(IN, 1, B(0xe4), 0x60),
	INSN(IN, 4, B(0xe5), 0x60),
	INSN(IN, 1, B(0xec)),
	INSN(IN, 2, 0x66, B(0xed)),
	INSN(IN, 4, 0x48, B(0xed)),
	INSN(OUT, 1, B(0xe6), 0x70),
	INSN(OUT, 1, B(0xee)),
	INSN(OUT, 4, B(0xef)),
	INSN(INS, 1, B(0xf3), 0x6c),
	INSN(OUTS, 4, 0x6f),
	INSN(CLI_STI, 4, B(0xfa)),
	INSN(CLI_STI, 4, B(0xfb)),
	INSN(CLTS, 4, 0x0f, 0x06),
	INSN(WBINVD, 4, 0x0f, 0x09),
	INSN(RDMSR, 4, 0x0f, 0x32),
	INSN(WRMSR, 4, 0x0f, 0x30),
	INSN(XSETBV, 4, 0x0f, 0x01, B(0xd1)),
	INSN(CR_READ, 8, 0x0f, 0x20, B(0xc0)),
	INSN(CR_WRITE, 8, 0x0f, 0x22, B(0xd8)),
	INSN(DR_READ, 8, 0x0f, 0x21, B(0xf8)),
	INSN(DR_WRITE, 8, 0x0f, 0x23, B(0xf8)),
	INSN(MOV, 8, 0x48, B(0x89), 0x07),
	INSN(MOV, 1, B(0x88), 0x07),
	INSN(MOV, 2, 0x66, B(0x89), 0x07),
	INSN(MOV, 8, 0x49, B(0x89), 0x44, 0x24, 0x08),
	INSN(MOV, 8, 0x48, B(0xc7), 0x07, 1, 0, 0, 0),
	INSN(MOV, 4, B(0xc7), 0x05, 0, 0, 0, 0, 1, 0, 0, 0),
	INSN(XCHG, 8, 0x48, B(0x87), 0x07),
	INSN(CMPXCHG, 8, B(0xf0), 0x48, 0x0f, B(0xb1), 0x0f),
	INSN(AND, 1, B(0xf0), B(0x80), 0x27, B(0xfd)),
	INSN(AND, 8, B(0xf0), 0x48, B(0x81), 0x27, 1, 0, 0, 0),
	INSN(OR, 1, B(0xf0), B(0x80), 0x0f, 0x20),
	INSN(BTS, 8, B(0xf0), 0x48, 0x0f, B(0xba), 0x2f, 5),
	INSN(BTR, 8, B(0xf0), 0x48, 0x0f, B(0xba), 0x37, 5),
	INSN(BTR, 8, B(0xf0), 0x48, 0x0f, B(0xb3), 0x07),
	/* not on the list, or not an instruction at all */
	NO(B(0xf4)),			  /* hlt */
	NO(B(0xcd), B(0x80)),		  /* int 0x80: elsewhere */
	NO(0x0f, 0x0b),			  /* ud2 */
	NO(0x0f, 0x01, 0x17),		  /* lgdt */
	NO(0x0f, 0x00, B(0xd0)),	  /* lldt */
	NO(0x0f, 0x35),			  /* sysexit */
	NO(B(0x89), B(0xc0)),		  /* register to register */
	NO(B(0xf0), 0x48, B(0x89), 0x07), /* lock mov */
	NO(0x48, B(0x89)),		  /* cut off */
	NO(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	   0x66),
};

static void test_decode(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(decode_cases); i++) {
		const struct decode_case *c = &decode_cases[i];
		struct insn in = { 0 };
		bool ok = insn_decode((const uint8_t *)c->bytes, c->count, &in);

		if (ok != (c->op != INSN_NONE) ||
		    (ok && (in.op != c->op || in.length != c->length))) {
			printf("\n    case %u", i);
		}
		EQ(ok, c->op != INSN_NONE);
		if (!ok || c->op == INSN_NONE) {
			continue;
		}
		EQ(in.op, c->op);
		EQ(in.length, c->length);
		if (in.op < INSN_CLI_STI || in.op >= INSN_MOV) {
			EQ(in.bytes, c->size);
		}
		/* one byte less is not enough */
		if (c->count > 1) {
			FALSE_(insn_decode((const uint8_t *)c->bytes, c->count - 1u, &in) &&
			       in.length > c->count - 1u);
		}
	}
}

static void test_operands(void)
{
	static const uint8_t sib[] = { 0x4a, 0x89, 0x84, 0xd3, 0x10, 0x00, 0x00, 0x00 };
	static const uint8_t quick[] = { 0x4d, 0x87, 0x0a };
	struct guest_regs r = { .rbx = 0x1000, .r10 = 0x20, .rax = 0x1234 };
	struct insn in;

	/* mov %rax, 0x10(%rbx,%r10,8) */
	TRUE_(insn_decode(sib, sizeof(sib), &in));
	EQ(insn_offset(&in, &r), 0x1110);
	/* xchg %r9, (%r10): the short way, which has no other form */
	TRUE_(insn_decode(quick, sizeof(quick), &in));
	EQ(in.reg, 9);
	EQ(insn_offset(&in, &r), 0x20);
	TRUE_(insn_decode(sib, sizeof(sib), &in));
	in.bytes = 1;
	in.rex = false;
	r.rcx = 0xaabb;
	EQ(insn_reg_read(&in, &r, 5), 0xaa); /* ch */
	insn_reg_write(&in, &r, 5, 0x11);
	EQ(r.rcx, 0x11bb);
	in.rex = true;
	r.rbp = 0x77;
	EQ(insn_reg_read(&in, &r, 5), 0x77); /* bpl */
	in.bytes = 4;
	r.rdx = ~0ull;
	insn_reg_write(&in, &r, 2, 5);
	EQ(r.rdx, 5);
}

/* ---- Executed ------------------------------------------------------------------- */

static void exec(unsigned int vector, uint32_t error, const void *bytes, size_t n)
{
	me()->regs.rip = fake_va(FAKE_PFN_CODE, 0);
	fake_put(me()->regs.rip, bytes, n);
	fake_exception(vector, error, 0);
}
#define EXEC(...) \
	exec(TRAP_GP, 0, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
#define DONE(n) EQ(me()->regs.rip, fake_va(FAKE_PFN_CODE, n))
#define FAULTED EQ(me()->regs.rip, me()->trap_address[TRAP_GP])

static void test_msrs(void)
{
	struct guest_regs *r;

	world(1);
	r = &me()->regs;
	r->rcx = 0xc0000101;
	r->rax = 0x5000;
	r->rdx = 0x7f;
	EXEC(0x0f, 0x30);
	DONE(2);
	EQ(me()->gs_kernel, 0x7f00005000);
	r->rdx = 0x80000000; /* not canonical */
	EXEC(0x0f, 0x30);
	FAULTED;
	r->rcx = 0x277;
	EXEC(0x0f, 0x32);
	DONE(2);
	EQ(r->rdx << 32 | r->rax, 0x0000050100070406);
	r->rcx = 0x12345678;
	EXEC(0x0f, 0x32);
	FAULTED;
	r->rcx = 0xc0000080; /* EFER: the same value again */
	EXEC(0x0f, 0x32);
	DONE(2);
	EXEC(0x0f, 0x30);
	DONE(2);
	r->rax ^= 1;
	EXEC(0x0f, 0x30);
	FAULTED;
}

static void test_control_registers(void)
{
	struct guest_regs *r;

	world(1);
	r = &me()->regs;
	EXEC(0x0f, 0x20, 0xc0); /* mov %cr0, %rax */
	DONE(3);
	TRUE_(r->rax & 1);
	r->rax |= 8;
	EXEC(0x0f, 0x22, 0xc0);
	DONE(3);
	TRUE_(me()->cr0_ts);
	EXEC(0x0f, 0x06);
	DONE(2);
	FALSE_(me()->cr0_ts);
	r->rax = 0; /* no paging */
	EXEC(0x0f, 0x22, 0xc0);
	FAULTED;
	EXEC(0x0f, 0x20, 0xd8);
	DONE(3);
	EQ(r->rax, me()->cr3_kernel);
	EXEC(0x0f, 0x22, 0xd8);
	DONE(3);
	r->rax = (uint64_t)guest[0].mfn[20] << PAGE_SHIFT;
	EXEC(0x0f, 0x22, 0xd8);
	FAULTED;
	/* XCR0 */
	r->rcx = 0;
	r->rdx = 0;
	r->rax = 7;
	EXEC(0x0f, 0x01, 0xd1);
	DONE(3);
	EQ(me()->xcr0, 7);
	r->rax = 6;
	EXEC(0x0f, 0x01, 0xd1);
	FAULTED;
	r->rax = 5;
	EXEC(0x0f, 0x01, 0xd1);
	FAULTED;
	r->rax = 0x107;
	EXEC(0x0f, 0x01, 0xd1);
	FAULTED;
	EQ(me()->xcr0, 7);
}

static void test_ports(void)
{
	struct guest_regs *r;

	world(1);
	r = &me()->regs;
	fake.port[0x70] = 0x5a;
	r->rdx = 0x70;
	EXEC(0xec);
	FAULTED; /* IOPL 0 */
	me()->iopl = 1;
	EXEC(0xec);
	DONE(1);
	EQ(r->rax & 0xff, 0x5a);
	r->rax = 0x11;
	EXEC(0xee);
	DONE(1);
	EQ(fake.port[0x70], 0x11);
	/* denied: all ones, ignored, never a fault */
	r->rdx = 0x3f8;
	r->rax = 0;
	EXEC(0xec);
	DONE(1);
	EQ(r->rax & 0xff, 0xff);
	EXEC(0xee);
	DONE(1);
	r->rdx = 0x3f6; /* half in it */
	EXEC(0xed);
	DONE(1);
	EQ(r->rax, 0xffffffff);
	r->rdx = 0xffff;
	EXEC(0xed);
	DONE(1);
	/* configuration space, latched */
	r->rdx = 0xcf8;
	r->rax = 0x80000000;
	EXEC(0xef);
	DONE(1);
	r->rdx = 0xcfc;
	EXEC(0xed);
	DONE(1);
	EQ(r->rax, 0x12378086);
	/* a string into memory */
	r->rdx = 0x70;
	r->rdi = fake_va(20, 0);
	r->rcx = 5;
	fake.port[0x70] = 0x33;
	EXEC(0xf3, 0x6c);
	for (unsigned int i = 0; i < 10 && r->rcx != 0; i++) {
		EXEC(0xf3, 0x6c);
	}
	OK(r->rcx);
	EQ(((uint8_t *)frame_ptr(guest[0].mfn[20]))[4], 0x33);
	/* another domain has no port at all */
	core_setup();
	world(2);
	r = &me()->regs;
	me()->iopl = 3;
	fake.port[0x70] = 0x5a;
	r->rdx = 0x70;
	EXEC(0xec);
	DONE(1);
	EQ(r->rax & 0xff, 0xff);
}

static void test_cpuid(void)
{
	static const uint8_t forced[] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };
	struct guest_regs *r;

	world(1);
	r = &me()->regs;
	r->rax = 0x40000000;
	exec(TRAP_UD, 0, forced, sizeof(forced));
	DONE(7);
	EQ(r->rbx, 0x566e6558); /* "XenV" */
	TRUE_(r->rax >= 0x40000002);
	r->rax = 1;
	r->rcx = 0;
	exec(TRAP_UD, 0, forced, sizeof(forced));
	/* the fake CPU has everything; what ring 3 cannot use is hidden */
	OK(r->rdx & (1u << 3 | 1u << 1 | 1u << 13 | 1u << 12 | 1u << 17));
	OK(r->rcx & (1u << 3 | 1u << 5 | 1u << 17 | 1u << 21 | 1u << 24));
	TRUE_(r->rcx & 1u << 31);
	TRUE_(r->rcx & 1u << 27);
	TRUE_(r->rdx & 1u << 16);
	r->rax = 7;
	r->rcx = 0;
	exec(TRAP_UD, 0, forced, sizeof(forced));
	OK(r->rbx & (1u << 0 | 1u << 7 | 1u << 20 | 1u << 10 | 1u << 1));
	OK(r->rcx & (1u << 2 | 1u << 3 | 1u << 16));
	r->rax = 0x80000001;
	exec(TRAP_UD, 0, forced, sizeof(forced));
	OK(r->rdx & 1u << 26);
	TRUE_(r->rdx & 1u << 20);
	/* whether a null selector clears the base, and nothing before that */
	r->rax = 0x80000000;
	exec(TRAP_UD, 0, forced, sizeof(forced));
	EQ(r->rax, 0x80000021);
	for (unsigned int clears = 0; clears < 2; clears++) {
		cpu_features.null_clears_base = clears;
		r->rax = 0x80000021;
		exec(TRAP_UD, 0, forced, sizeof(forced));
		EQ(r->rax, clears << 6);
	}
	r->rax = 0x80000020;
	exec(TRAP_UD, 0, forced, sizeof(forced));
	OK(r->rax | r->rbx | r->rcx | r->rdx);
	/* a plain ud2 is the guest's own */
	exec(TRAP_UD, 0, (const uint8_t[]){ 0x0f, 0x0b, 0x90 }, 3);
	EQ(r->rip, me()->trap_address[TRAP_UD]);
}

static void test_user_mode(void)
{
	struct iret_context c = { .rip = fake_va(FAKE_PFN_CODE, 0),
				  .cs = 0xe033,
				  .rflags = X86_EFLAGS_IF,
				  .rsp = fake_va(20, 256) };

	/* wrmsr, cli, mov to cr3: not for a user program */
	static const uint8_t insns[][3] = { { 0x0f, 0x30, 0x90 },
					    { 0xfa, 0x90, 0x90 },
					    { 0x0f, 0x22, 0xd8 },
					    { 0x0f, 0x09, 0x90 },
					    { 0xec, 0x90, 0x90 } };

	for (unsigned int i = 0; i < ARRAY_SIZE(insns); i++) {
		core_setup();
		world(1);
		me()->info->evtchn_upcall_pending = 0;
		fake_put(fake_va(FAKE_PFN_CODE, 0), insns[i], 3);
		me()->regs.rsp = fake_va(FAKE_PFN_STACK, 0x800);
		fake_put(me()->regs.rsp, &c, sizeof(c));
		me()->regs.rax = __HYPERVISOR_iret;
		fake_hypercall_once();
		FALSE_(me()->in_kernel);
		fake_exception(TRAP_GP, 0, 0);
		TRUE_(me()->in_kernel);
		FAULTED;
	}
}

/* Each of the stores that Linux makes to its own tables. */
static void test_pte_stores(void)
{
	static const struct {
		uint8_t bytes[10];
		uint8_t n;
		uint64_t before, rax, after, rax_after;
	} cases[] = {
		/* mov %rax,(%rdi) */
		{ { 0x48, 0x89, 0x07 }, 3, 0x25, 0x65, 0x65, 0x65 },
		/* xchg %rax,(%rdi) */
		{ { 0x48, 0x87, 0x07 }, 3, 0x25, 0, 0, 0x25 },
		/* lock andb $~2,(%rdi) */
		{ { 0xf0, 0x80, 0x27, 0xfd }, 4, 0x67, 9, 0x65, 9 },
		/* lock orb $0x20,(%rdi) */
		{ { 0xf0, 0x80, 0x0f, 0x20 }, 4, 0x45, 9, 0x65, 9 },
		/* lock btrq $5,(%rdi) */
		{ { 0xf0, 0x48, 0x0f, 0xba, 0x37, 5 }, 6, 0x65, 9, 0x45, 9 },
		/* lock btsq $6,(%rdi) */
		{ { 0xf0, 0x48, 0x0f, 0xba, 0x2f, 6 }, 6, 0x25, 9, 0x65, 9 },
		/* lock cmpxchg %rsi,(%rdi), which finds what it expects
		 * (set below), and one that does not */
		{ { 0xf0, 0x48, 0x0f, 0xb1, 0x37 }, 5, 0x25, 1, 0x65, 1 },
		{ { 0xf0, 0x48, 0x0f, 0xb1, 0x37 }, 5, 0x25, 2, 0x25, 0x25 },
	};

	world(2);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t frame = (uint64_t)guest[1].mfn[20] << PAGE_SHIFT;
		uint64_t va = fake_va(FAKE_PFN_L1, 50 * 8);
		struct guest_regs *r = &me()->regs;
		uint64_t rax = cases[i].rax;

		if (cases[i].bytes[2] == 0x0f && cases[i].bytes[3] == 0xb1) {
			rax = rax == 1 ? frame | cases[i].before : 2;
		} else if (rax == 0x65) {
			rax |= frame;
		}
		OK(update_entry(fake_guest_l1e_maddr(&guest[1], 50), frame | cases[i].before,
				DOMID_SELF));
		r->rip = fake_va(FAKE_PFN_CODE, 0);
		fake_put(r->rip, cases[i].bytes, cases[i].n);
		r->rax = rax;
		r->rdi = va;
		r->rsi = frame | 0x65;
		fake_exception(TRAP_PF, PFEC_P | PFEC_W | PFEC_U, va);
		if (r->rip != fake_va(FAKE_PFN_CODE, cases[i].n)) {
			printf("\n    case %u", i);
		}
		DONE(cases[i].n);
		EQ(*fake_guest_l1e(&guest[1], 50), cases[i].after ? frame | cases[i].after : 0);
		if (cases[i].rax_after == 0x25) {
			EQ(r->rax, frame | 0x25);
		}
		OK(update_entry(fake_guest_l1e_maddr(&guest[1], 50), 0, DOMID_SELF));
	}
}

CU_TestInfo emul_tests[] = {
	{ "what decodes", test_decode },
	{ "operands", test_operands },
	{ "MSRs", test_msrs },
	{ "control registers", test_control_registers },
	{ "ports", test_ports },
	{ "CPUID", test_cpuid },
	{ "a user program", test_user_mode },
	{ "stores to page tables", test_pte_stores },
	CU_TEST_INFO_NULL,
};
