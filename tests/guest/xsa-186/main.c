/* SPDX-License-Identifier: MIT */
/*
 * XSA-186: an instruction that is emulated at the very end of what can be
 * addressed. The sum of its address and its length was cut, or not cut, in the
 * wrong mode, so that the emulator went on with an instruction pointer that the
 * processor would never have had.
 *
 * Here each instruction that the core executes for a guest stands as the last
 * one below the hole in the addresses, and across the end of a page behind
 * which there is nothing. It is executed, or faults as the guest's own; the core
 * goes on to no address that it made up. (The very last bytes of memory are left
 * out: QEMU's translator ends with a failed assertion there.)
 */
#include <test.h>

#define LOW_TOP (NONCANONICAL - PAGE_SIZE)
#define MIDDLE 0x0000100000000000ul

struct code {
	uint8_t bytes[15];
	uint8_t length;
};

static const struct code codes[] = {
	{ { 0xfa }, 1 },				     /* cli */
	{ { 0x0f, 0x06 }, 2 },				     /* clts */
	{ { 0x0f, 0x32 }, 2 },				     /* rdmsr */
	{ { 0xec }, 1 },				     /* in %dx, %al */
	{ { 0xe4, 0x80 }, 2 },				     /* in $0x80, %al */
	{ { 0x6c }, 1 },				     /* insb */
	{ { 0xf3, 0x6e }, 2 },				     /* rep outsb */
	{ { 0x0f, 0x20, 0xc0 }, 3 },			     /* mov %cr0, %rax */
	{ { 0x0f, 0x21, 0xf8 }, 3 },			     /* mov %db7, %rax */
	{ { 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2 }, 7 }, /* forced cpuid */
	{ { 0x48, 0x89, 0x06 }, 3 },			     /* mov %rax, (%rsi) */
	{ { 0xf0, 0x48, 0x0f, 0xba, 0x2e, 0x3f }, 6 },	     /* lock btsq $63, (%rsi) */
	{ { 0xcd, 0x80 }, 2 },				     /* int $0x80 */
	{ { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	    0xfa },
	  15 }, /* cli, as long as can be */
};

static uint8_t *page;
static uint64_t *slot; /* an entry to store to, read-only */

static void go(uint64_t to)
{
	uint64_t rax = READ_ONCE(*slot), rcx = 0x10;

	__asm__ __volatile__("call *%2"
			     : "+a"(rax), "+c"(rcx)
			     : "r"(to), "d"(0x80ul), "S"(slot), "D"(page)
			     : "rbx", "r8", "r9", "r10", "r11", "memory", "cc");
}

/* The code ends where the page ends; nothing can be fetched behind it. */
static void at_end_of(unsigned long top)
{
	unsigned int i, cut;
	struct trap t;

	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		const struct code *c = &codes[i];

		for (cut = 0; cut < c->length; cut++) {
			unsigned int there = c->length - cut;

			memset(page, 0xcc, PAGE_SIZE);
			memcpy(page + PAGE_SIZE - there, c->bytes, there);
			TRAP_TRY(&t, go(top + PAGE_SIZE - there));
			/* There is no way on from here. */
			EXPECT(t.hit);
			if (t.hit && t.vector != TRAP_GP && t.vector != TRAP_PF &&
			    t.vector != TRAP_SS && t.vector != TRAP_UD &&
			    t.vector != SHIM_VECTOR_FAILSAFE) {
				print("  code %u, cut %u: trap %u\n", i, cut, t.vector);
				EXPECT(!"an exception of the guest");
			}
			/* In front of the end, or right behind it. */
			EXPECT(t.rip - top <= PAGE_SIZE);
		}
	}
}

void test(void)
{
	struct physdev_set_iopl iopl = { .iopl = 1 };

	(void)hyp_physdev_op(PHYSDEVOP_set_iopl, &iopl);
	page = page_alloc();
	NEED(map_frame(MIDDLE + (1ul << 30), virt_to_mfn(page_alloc()), PTE_RW) == 0);
	slot = mm_slot(mm_l4(), MIDDLE + (1ul << 30), 1);
	NEED(map_frame(LOW_TOP, virt_to_mfn(page), PTE_RO) == 0);
	NEED(map_frame(MIDDLE, virt_to_mfn(page), PTE_RO) == 0);
	at_end_of(MIDDLE);
	at_end_of(LOW_TOP);
	EXPECT_TRAP(__asm__ __volatile__("ud2"), TRAP_UD);
}
