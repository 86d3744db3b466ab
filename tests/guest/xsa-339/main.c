/* SPDX-License-Identifier: MIT */
/*
 * XSA-339 (and 202): flags that a program sets before it enters. NT, set at a
 * SYSENTER, made the hypervisor's own IRET fault again and again until its stack
 * was gone; TF at a system call had the hypervisor stepped.
 *
 * Here each flag, alone and in company, is set before each instruction that
 * enters the core from either mode, SYSENTER among them, which is not offered
 * and must say so. The flags come back to whom they belong; handlers start
 * without them.
 */
#include <test.h>

#define RFLAGS_TF 0x100ul
#define RFLAGS_DF 0x400ul
#define RFLAGS_NT 0x4000ul
#define RFLAGS_AC 0x40000ul
#define RFLAGS_IOPL 0x3000ul

static const uint64_t flags[] = {
	RFLAGS_NT,
	RFLAGS_AC,
	RFLAGS_DF,
	RFLAGS_NT | RFLAGS_AC | RFLAGS_DF,
	RFLAGS_NT | RFLAGS_IOPL,
	0x47fd5ul & ~RFLAGS_TF,
};
static uint64_t wanted;
static volatile uint64_t handler_flags;
static volatile unsigned int stepped, undefined;

static uint64_t now(void)
{
	uint64_t value;

	__asm__ __volatile__("pushf\n\tpop %0" : "=r"(value));
	return value;
}

static bool on_trap(struct trap_regs *regs)
{
	handler_flags = now();
	if (regs->vector == TRAP_DB) {
		stepped++;
		regs->rflags &= ~RFLAGS_TF;
	}
	if (regs->vector == TRAP_UD) {
		undefined++;
		regs->rip += 2;
	}
	return true;
}

static uint64_t on_syscall(struct trap_regs *regs)
{
	handler_flags = now();
	return regs->rflags;
}

/* Executes the instruction with `wanted` flags; the flags after it. */
#define WAY(name, insn)                                                      \
	static uint64_t name(uint64_t arg)                                   \
	{                                                                    \
		uint64_t rax = arg, in, out;                                 \
                                                                             \
		__asm__ __volatile__("push %1\n\tpopf\n\t" insn "\n\t"       \
				     "pushf\n\tpop %%rdx\n\tpush $2\n\tpopf" \
				     : "+a"(rax), "=&r"(in), "=&d"(out)      \
				     : "1"(wanted), "D"(0ul), "S"(0ul)       \
				     : "rcx", "r11", "memory", "cc");        \
		return out;                                                  \
	}

WAY(by_syscall, "syscall")
WAY(by_int3, "int3")
WAY(by_int80, "int $0x80")
WAY(by_ud2, "ud2")
WAY(by_sysenter, "sysenter")

/* IF is always on, and IOPL never; the rest is the program's own. */
static bool kept(uint64_t got)
{
	const uint64_t mask = RFLAGS_NT | RFLAGS_AC | RFLAGS_DF;

	return ((got ^ wanted) & mask) == 0 && (got & RFLAGS_IOPL) == 0 && (got & 0x200) != 0;
}

static void each_way(bool user)
{
	static user_fn *const ways[] = { by_syscall, by_int3, by_int80, by_ud2 };
	unsigned int i, k;
	struct trap t;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		wanted = flags[i] | 2;
		for (k = 0; k < ARRAY_SIZE(ways); k++) {
			/* A hypercall, or a system call other than 0. */
			uint64_t got = user ? user_run(ways[k], 17) : ways[k](17);

			EXPECT(kept(got));
			if (user || k > 0) {
				EXPECT((handler_flags & (RFLAGS_NT | RFLAGS_AC | RFLAGS_TF)) == 0);
			}
		}
		undefined = 0;
		TRAP_TRY(&t, user ? user_run(by_sysenter, 0) : by_sysenter(0));
		EXPECT(undefined == 1 || (t.hit && t.vector == TRAP_GP));
		__asm__ __volatile__("push $2\n\tpopf" ::: "cc");
	}
	/* Stepped: the program once or more, the core never. */
	for (k = 0; k < ARRAY_SIZE(ways); k++) {
		wanted = RFLAGS_TF | RFLAGS_NT | 2;
		stepped = 0;
		(void)(user ? user_run(ways[k], 17) : ways[k](17));
		EXPECT(stepped > 0 && stepped < 20);
	}
}

void test(void)
{
	struct trap_info table[2] = {
		{ .vector = 0x80, .flags = 3, .cs = FLAT_KERNEL_CS, .address = trap_entry(0x80) },
	};

	NEED(hyp_set_trap_table(table) == 0);
	trap_set_hook(TRAP_DB, on_trap);
	trap_set_hook(TRAP_BP, on_trap);
	trap_set_hook(TRAP_UD, on_trap);
	trap_set_hook(0x80, on_trap);
	user_set_syscall(on_syscall);
	each_way(false);
	each_way(true);
}
