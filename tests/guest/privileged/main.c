/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions: those that the core executes for a guest kernel do
 * no more than they should, all others are #GP or #UD, in user mode all of
 * them.
 */
#include <test.h>

#define ASM(text) __asm__ __volatile__(text ::: "memory", "cc")

static uint8_t table_register[16];

static void refused_insn(const char *name, const struct trap *t)
{
	bool good = t->hit && (t->vector == TRAP_GP || t->vector == TRAP_UD);

	if (!test_expect(good, 0, name)) {
		print("  trap %u error %lx\n", t->hit ? t->vector : 0, t->error);
	}
}
#define REFUSED(...)                                              \
	do {                                                      \
		struct trap t_;                                   \
		TRAP_TRY(&t_, __asm__ __volatile__(__VA_ARGS__)); \
		refused_insn(#__VA_ARGS__, &t_);                  \
	} while (0)

static void refused(void)
{
	memset(table_register, 0xff, sizeof(table_register));
	REFUSED("hlt");
	REFUSED("lgdt %0" : : "m"(table_register));
	REFUSED("lidt %0" : : "m"(table_register));
	REFUSED("lldt %w0" : : "r"(0));
	REFUSED("lldt %w0" : : "r"(0xe040));
	REFUSED("ltr %w0" : : "r"(0xe040));
	REFUSED("ltr %w0" : : "r"(8));
	REFUSED("lmsw %w0" : : "r"(0));
	REFUSED("swapgs");
	REFUSED("sysretq");
	REFUSED("sysexitq");
	REFUSED("rdpmc" : : "c"(0) : "rax", "rdx");
	REFUSED("vmcall");
	REFUSED(".byte 0x0f, 0x01, 0xd9");					   /* vmmcall */
	REFUSED(".byte 0x0f, 0x01, 0xd8" : : "a"(0));				   /* vmrun */
	REFUSED(".byte 0x0f, 0x01, 0xdd");					   /* clgi */
	REFUSED(".byte 0x0f, 0x01, 0xca");					   /* clac */
	REFUSED(".byte 0x0f, 0x01, 0xcb");					   /* stac */
	REFUSED(".byte 0x0f, 0x01, 0xc8" : : "a"(table_register), "c"(0), "d"(0)); /* monitor */
	REFUSED(".byte 0x0f, 0x01, 0xc9" : : "a"(0), "c"(0));			   /* mwait */
	REFUSED("mov %0, %%cr8" : : "r"(0ul));
	REFUSED("mov %%cr8, %0" : "=r"(test_sink));
	REFUSED("mov %0, %%cr0" : : "r"(0ul));
	REFUSED("mov %0, %%cr0" : : "r"(0x80050032ul));
	REFUSED("mov %0, %%cr0" : : "r"(~0ul));
	REFUSED("mov %0, %%cr3" : : "r"(0xfee00000ul));
	REFUSED("mov %0, %%cr3" : : "r"(~0ul));
	REFUSED("mov %0, %%cr3" : : "r"(virt_to_maddr(table_register)));
	REFUSED("mov %0, %%dr7" : : "r"(~0ul));
	REFUSED("mov %0, %%dr0" : : "r"(CORE_MIDDLE));
	REFUSED("xsetbv" : : "a"(0), "c"(0), "d"(0));
	REFUSED("xsetbv" : : "a"(~0u), "c"(0), "d"(~0u));
	REFUSED("xsetbv" : : "a"(3), "c"(1), "d"(0));
	REFUSED("xsetbv" : : "a"(5), "c"(0), "d"(0));
	/* The prefix stands before CPUID only. */
	REFUSED(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; hlt");
	REFUSED(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; ud2");
}

static void executed(void)
{
	unsigned long before, value, cr4;
	struct trap t;

	EXPECT_NO_TRAP(ASM("clts"));
	EXPECT_NO_TRAP(ASM("wbinvd"));
	EXPECT_NO_TRAP(__asm__ __volatile__("mov %%cr0, %0" : "=r"(test_sink)));
	EXPECT((test_sink & 0x80000001) == 0x80000001);
	before = test_sink;
	EXPECT_NO_TRAP(__asm__ __volatile__("mov %0, %%cr0" : : "r"(before)));
	EXPECT_NO_TRAP(__asm__ __volatile__("mov %0, %%cr2" : : "r"(0x1234ul)));
	EXPECT_NO_TRAP(__asm__ __volatile__("mov %%cr2, %0" : "=r"(test_sink)));
	EXPECT_RC(test_sink, 0x1234);
	EXPECT_NO_TRAP(__asm__ __volatile__("mov %%cr3, %0" : "=r"(test_sink)));
	EXPECT_RC(test_sink >> PAGE_SHIFT, virt_to_mfn(mm_l4()));
	value = test_sink;
	EXPECT_NO_TRAP(__asm__ __volatile__("mov %0, %%cr3" : : "r"(value)));
	EXPECT_NO_TRAP(__asm__ __volatile__("mov %%cr4, %0" : "=r"(test_sink)));
	cr4 = test_sink;
	EXPECT_NO_TRAP(__asm__ __volatile__("mov %0, %%cr4" : : "r"(cr4)));
	/* What may not be chosen is refused or ignored. */
	TRAP_TRY(&t, __asm__ __volatile__("mov %0, %%cr4" : : "r"(~0ul)));
	TRAP_TRY(&t, __asm__ __volatile__("mov %0, %%cr4" : : "r"(0x3ffffful)));
	EXPECT_NO_TRAP(__asm__ __volatile__("mov %%cr4, %0" : "=r"(cr4)));
	/* SMEP, SMAP, VMX, PCID: not the guest's to choose. */
	EXPECT((cr4 & 0x322000) == 0);
	EXPECT_NO_TRAP(__asm__ __volatile__("mov %0, %%dr6" : : "r"(0ul)));
	EXPECT_NO_TRAP(__asm__ __volatile__("mov %%dr7, %0" : "=r"(test_sink)));
	EXPECT_NO_TRAP(__asm__ __volatile__("rdtscp" : : : "rax", "rcx", "rdx"));
	EXPECT_NO_TRAP(__asm__ __volatile__("xsetbv" : : "a"(3), "c"(0), "d"(0)));
}

/* cli and sti follow the virtual IOPL and leave the real flag alone. */
static void interrupt_flag(void)
{
	struct physdev_set_iopl op = { 0 };
	unsigned long flags;

	EXPECT_RC(hyp_physdev_op(PHYSDEVOP_set_iopl, &op), 0);
	EXPECT_TRAP(ASM("cli"), TRAP_GP, 0);
	EXPECT_TRAP(ASM("sti"), TRAP_GP, 0);
	op.iopl = 1;
	EXPECT_RC(hyp_physdev_op(PHYSDEVOP_set_iopl, &op), 0);
	EXPECT_NO_TRAP(ASM("cli"));
	__asm__ __volatile__("pushf\n\tpop %0" : "=r"(flags));
	EXPECT(flags & 0x200);
	EXPECT_NO_TRAP(ASM("sti"));
	/* popf sets neither IF nor IOPL. */
	__asm__ __volatile__("push $0x3002\n\tpopf\n\tpushf\n\tpop %0" : "=r"(flags) : : "cc");
	EXPECT((flags & 0x3200) == 0x200);
}

static uint64_t in_user(uint64_t which)
{
	switch (which) {
	case 0:
		ASM("hlt");
		break;
	case 1:
		ASM("clts");
		break;
	case 2:
		__asm__ __volatile__("mov %%cr0, %0" : "=r"(test_sink));
		break;
	case 3:
		ASM("wbinvd");
		break;
	case 4:
		ASM("cli");
		break;
	case 5:
		__asm__ __volatile__("rdmsr" : : "c"(0xc0000080) : "rax", "rdx");
		break;
	case 6:
		__asm__ __volatile__("xsetbv" : : "a"(3), "c"(0), "d"(0));
		break;
	case 7:
		__asm__ __volatile__("mov %%dr7, %0" : "=r"(test_sink));
		break;
	case 8:
		ASM("swapgs");
		break;
	default:
		ASM("in $0x80, %%al");
		break;
	}
	return 0;
}

static void user_mode(void)
{
	unsigned int which;
	struct trap t;

	for (which = 0; which < 10; which++) {
		TRAP_TRY(&t, user_run(in_user, which));
		EXPECT(t.hit && t.vector == TRAP_GP && (t.cs & 3) == 3);
	}
}

/* Returning in ring 3 by the processor's own iret: no hypercall, no harm. A
 * guest may not gain a ring by it. */
static void real_far_returns(void)
{
	EXPECT_TRAP(ASM("push $0xe008\n\t"
			"lea 1f(%%rip), %%rax\n\t"
			"push %%rax\n\t"
			"lretq\n"
			"1:"),
		    TRAP_GP);
	EXPECT_TRAP(ASM("push $0xe030\n\t"
			"lea 1f(%%rip), %%rax\n\t"
			"push %%rax\n\t"
			"lretq\n"
			"1:"),
		    TRAP_GP);
}

/* Instructions at the very end of what is mapped. */
static void end_of_page(void)
{
	static const struct {
		uint8_t bytes[4];
		unsigned int count;
		unsigned int vector;
	} list[] = {
		{ { 0xf4 }, 1, TRAP_GP },	      /* hlt */
		{ { 0x0f, 0x06 }, 2, TRAP_PF },	      /* clts, then nothing */
		{ { 0x0f }, 1, TRAP_PF },	      /* half of one */
		{ { 0xcd }, 1, TRAP_PF },	      /* int without n */
		{ { 0x0f, 0x0b }, 2, TRAP_UD },	      /* ud2 */
		{ { 0x0f, 0x0b, 0x78 }, 3, TRAP_UD }, /* half a prefix */
		{ { 0xe4 }, 1, TRAP_PF },	      /* in */
	};
	const unsigned long va = 0x0000100000000000ul;
	uint8_t *page = page_alloc();
	unsigned int i;

	NEED(map_frame(va, virt_to_mfn(page), PTE_RO) == 0);
	for (i = 0; i < ARRAY_SIZE(list); i++) {
		unsigned int n = list[i].count;

		memcpy(page + PAGE_SIZE - n, list[i].bytes, n);
		EXPECT_TRAP(((void (*)(void))(va + PAGE_SIZE - n))(), list[i].vector);
	}
}

void test(void)
{
	refused();
	executed();
	interrupt_flag();
	user_mode();
	real_far_returns();
	end_of_page();
}
