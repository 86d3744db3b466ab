/* SPDX-License-Identifier: MIT */
/*
 * set_trap_table: can a guest register handlers that take the core along, or
 * make it read where it must not?
 */
#include <test.h>

#define SELECTOR_TI 4

static unsigned int mask_seen;
static uint64_t cs_seen;

static bool on_breakpoint(struct trap_regs *regs)
{
	mask_seen = evtchn_vcpu_info()->evtchn_upcall_mask;
	cs_seen = regs->cs;
	return true;
}

/* A handler that masks events shows the old mask in its frame. */
static void masking(void)
{
	struct trap_info table[2] = {
		{ .vector = TRAP_BP,
		  .flags = 3 | 4,
		  .cs = FLAT_KERNEL_CS,
		  .address = trap_entry(TRAP_BP) },
	};

	trap_set_hook(TRAP_BP, on_breakpoint);
	EXPECT_RC(hyp_set_trap_table(table), 0);
	__asm__ __volatile__("int3");
	EXPECT(mask_seen == 1);
	EXPECT((cs_seen >> 32 & 0xff) == 0);
	EXPECT(evtchn_vcpu_info()->evtchn_upcall_mask == 0);

	events_off();
	__asm__ __volatile__("int3");
	EXPECT((cs_seen >> 32 & 0xff) == 1);
	EXPECT(evtchn_vcpu_info()->evtchn_upcall_mask == 1);
	events_on();

	table[0].flags = 3;
	EXPECT_RC(hyp_set_trap_table(table), 0);
	__asm__ __volatile__("int3");
	EXPECT(mask_seen == 0);
	trap_set_hook(TRAP_BP, NULL);
}

/* The core's code and data are no code of the guest's. */
static void handlers_in_core(void)
{
	static const unsigned long where[] = { CORE_START, CORE_MIDDLE, CORE_LAST_PAGE, UNMAPPED };
	struct trap_info table[2] = { { .vector = TRAP_UD, .cs = FLAT_KERNEL_CS } };
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(where); i++) {
		table[0].address = where[i];
		if (hyp_set_trap_table(table) != 0) {
			continue;
		}
		TRAP_TRY(&t, __asm__ __volatile__("ud2"));
		EXPECT(t.hit && t.vector == TRAP_PF && t.cr2 == where[i]);
	}
}

static void selectors(void)
{
	static const uint16_t list[] = { 0x08, 0x10,   0xe008, 0xe010,	   0xe033,
					 0x33, 0xfffc, 0xffff, SELECTOR_TI };
	struct trap_info table[2] = { { .vector = TRAP_UD, .address = trap_entry(TRAP_UD) } };
	struct trap t;
	unsigned int i;

	/* Refused, or else entered in some way that only concerns us. */
	for (i = 0; i < ARRAY_SIZE(list); i++) {
		table[0].cs = list[i];
		if (hyp_set_trap_table(table) != 0 || list[i] != 0xe033) {
			continue;
		}
		TRAP_TRY(&t, __asm__ __volatile__("ud2"));
		EXPECT(t.hit && t.vector == TRAP_UD);
	}
}

static void list_runs_off(void)
{
	char *page = page_alloc();
	struct trap_info *table;
	unsigned int i, n = 8;

	/* No terminator before the end of the page; nothing mapped behind. */
	EXPECT_RC(map_frame(UNMAPPED + 0x100000000ul, virt_to_mfn(page), PTE_RW), 0);
	table = (struct trap_info *)(UNMAPPED + 0x100000000ul + PAGE_SIZE);
	table -= n;
	for (i = 0; i < n; i++) {
		table[i] = (struct trap_info){ .vector = (uint8_t)(0x90 + i),
					       .cs = FLAT_KERNEL_CS,
					       .address = 0x400000 };
	}
	EXPECT_RC(hyp_set_trap_table(table), -XEN_EFAULT);
	EXPECT_RC(va_set(UNMAPPED + 0x100000000ul, 0), 0);
	page_free(page);
}

void test(void)
{
	struct trap_info table[2] = {
		{ .vector = TRAP_UD, .cs = FLAT_KERNEL_CS, .address = NONCANONICAL }
	};

	EXPECT_EFAULT(p, hyp_set_trap_table(p));
	EXPECT_RC(hyp_set_trap_table((void *)M2P_POINTER), -XEN_EFAULT);
	EXPECT_RC(hyp_set_trap_table(table), -XEN_EINVAL);
	table[0].address = NONCANONICAL_HIGH;
	EXPECT_RC(hyp_set_trap_table(table), -XEN_EINVAL);
	EXPECT_TRAP(__asm__ __volatile__("ud2"), TRAP_UD);
	list_runs_off();
	handlers_in_core();
	selectors();
	EXPECT_RC(hyp_set_trap_table(NULL), 0);
	traps_init();
	EXPECT_TRAP(__asm__ __volatile__("ud2"), TRAP_UD);
	masking();
}
