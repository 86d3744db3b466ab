/* SPDX-License-Identifier: MIT */
/*
 * XSA-401: between the moment when a page got a new type and the flush of the
 * translations that its old type had left, another vCPU could take it for
 * checked and safe: a page table that a third still writes to by a stale
 * translation.
 *
 * Here one vCPU keeps a writable translation hot and stores through it without
 * pause, while another takes the mapping away without a flush and makes the
 * page a table. Once that call has returned, no store may land, be the pin the
 * first use of the table or one of two that race for it. Needs two vCPUs.
 */
#include <test.h>

#define VA 0x0000100000000000ul
#define ROUNDS 60u
#define LOOKS 200u

static uint64_t *page, *other;
static volatile bool stop, go;
static volatile unsigned long landed, faulted;
static volatile uint64_t stored;

/* What it stores is no present entry, so that the pin itself is accepted. */
static void writer(unsigned long arg)
{
	struct trap t;

	(void)arg;
	while (!stop) {
		if (!go) {
			__asm__ __volatile__("pause");
			continue;
		}
		TRAP_TRY(&t, poke(VA, stored += 2));
		if (t.hit) {
			faulted++;
			go = false;
		} else {
			landed++;
		}
	}
}

/* Races for the first use of the type as well. */
static long make_table(unsigned int round, unsigned int cmd)
{
	struct mmuext_op ops[2] = {
		{ .cmd = cmd, .arg1.mfn = virt_to_mfn(page) },
		{ .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = virt_to_mfn(other) },
	};

	if (round % 2 != 0) {
		return mmuext(cmd, virt_to_mfn(page));
	}
	/* By an entry of a table that is pinned. */
	if (cmd == MMUEXT_PIN_L1_TABLE) {
		table_write(other, 9, mfn_pte(virt_to_mfn(page), PTE_TABLE));
		ops[1].cmd = MMUEXT_PIN_L2_TABLE;
		return hyp_mmuext_op(&ops[1], 1, NULL, DOMID_SELF);
	}
	return hyp_mmuext_op(&ops[0], 1, NULL, DOMID_SELF);
}

static void attack(unsigned int round, unsigned int cmd)
{
	uint64_t seen;
	unsigned int i;
	struct trap t;

	NEED(va_set(VA, mfn_pte(virt_to_mfn(page), PTE_RW)) == 0);
	landed = 0;
	go = true;
	/* The translation is in the other CPU's TLB. */
	while (landed < 20) {
		__asm__ __volatile__("pause");
	}
	EXPECT_RC(hyp_update_va_mapping(VA, mfn_pte(virt_to_mfn(page), PTE_RO), UVMF_NONE), 0);
	EXPECT_RC(make_table(round, cmd), 0);
	seen = READ_ONCE(page[0]);
	for (i = 0; i < LOOKS; i++) {
		if (READ_ONCE(page[0]) != seen) {
			EXPECT(!"the table stays as it was checked");
			break;
		}
	}
	while (go) {
		__asm__ __volatile__("pause");
	}
	(void)mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(page));
	(void)mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(other));
	table_write(other, 9, 0);
	TRAP_TRY(&t, poke(VA, 0));
	EXPECT(t.hit && t.vector == TRAP_PF);
}

void test(void)
{
	unsigned int i;

	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		test_skip("needs two vCPUs");
	}
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	page = page_alloc();
	other = table_alloc();
	page_protect(page, false);
	NEED(map_frame(VA, virt_to_mfn(page), PTE_RO) == 0);
	EXPECT_RC(smp_start(1, writer, 0), 0);
	for (i = 0; i < ROUNDS; i++) {
		attack(i, i % 3 == 0 ? MMUEXT_PIN_L4_TABLE : MMUEXT_PIN_L1_TABLE);
	}
	stop = true;
	smp_wait(1);
	EXPECT_RC(faulted, ROUNDS);
	EXPECT_RC(va_set(VA, 0), 0);
	EXPECT_RC(try_page_protect(page, true), 0);
}
