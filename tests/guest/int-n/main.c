/* SPDX-License-Identifier: MIT */
/*
 * Software interrupts: `int n` reaches the guest's handler if its DPL admits
 * the mode it comes from, and is #GP otherwise, for every n.
 */
#include <test.h>

static volatile unsigned int last, count;

static bool on_int(struct trap_regs *regs)
{
	last = (unsigned int)regs->vector;
	count++;
	return true;
}

static void set(unsigned int vector, unsigned int dpl)
{
	struct trap_info table[2] = {
		{ .vector = (uint8_t)vector,
		  .flags = (uint8_t)dpl,
		  .cs = FLAT_KERNEL_CS,
		  .address = trap_entry(vector) },
	};

	NEED(hyp_set_trap_table(table) == 0);
}

/* int n; ret, made at run time. */
static uint8_t code[4];

static void run(unsigned int n)
{
	code[0] = 0xcd;
	code[1] = (uint8_t)n;
	code[2] = 0xc3;
	barrier();
	((void (*)(void))(unsigned long)code)();
}

static uint64_t run_in_user(uint64_t n)
{
	run((unsigned int)n);
	return 1;
}

static void one_vector(unsigned int n)
{
	/* Without a handler of its own: #GP with the vector in the code. */
	const uint64_t gp = n * 8 + 2;
	struct trap t;

	trap_set_hook(n, on_int);
	set(n, 3);
	last = 999;
	EXPECT_NO_TRAP(run(n));
	EXPECT_RC(last, n);
	EXPECT_RC(user_run(run_in_user, n), 1);
	set(n, 1);
	last = 999;
	EXPECT_NO_TRAP(run(n));
	EXPECT_RC(last, n);
	TRAP_TRY(&t, user_run(run_in_user, n));
	EXPECT(t.hit && t.vector == TRAP_GP && t.error == gp);
	set(n, 0);
	EXPECT_TRAP(run(n), TRAP_GP, gp);
	trap_set_hook(n, NULL);
}

void test(void)
{
	static const unsigned int vectors[] = { 0x20, 0x30, 0x80, 0x81, 0xc8, 0xef,
						0xf0, 0xf1, 0xfa, 0xfe, 0xff };
	unsigned int i;
	struct trap t;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		one_vector(vectors[i]);
	}
	/* Never registered. */
	EXPECT_TRAP(run(0x90), TRAP_GP, 0x90 * 8 + 2);
	TRAP_TRY(&t, user_run(run_in_user, 0x90));
	EXPECT(t.hit && t.vector == TRAP_GP && t.error == 0x90 * 8 + 2);
	/* Exceptions have gates with DPL 0, but for #BP and #OF. */
	for (i = 0; i < 32; i++) {
		if (i == TRAP_BP || i == TRAP_OF) {
			EXPECT_TRAP(run(i), i);
			TRAP_TRY(&t, user_run(run_in_user, i));
			EXPECT(t.hit && t.vector == i);
			continue;
		}
		EXPECT_TRAP(run(i), TRAP_GP, i * 8 + 2);
	}
}
