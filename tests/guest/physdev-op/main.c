/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: interrupts and I/O privilege; numbers out of range, targets that
 * are not there, and registers that must stay the core's.
 */
#include <test.h>

#define OP(cmd, arg) hyp_physdev_op(cmd, arg)

static void gsis(void)
{
	static const int bad[] = { -1, 24, 1000, 0x7fffffff, -2147483647 - 1 };
	struct physdev_setup_gsi setup = { .gsi = 9, .triggering = 2 };
	struct physdev_map_pirq map = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI };
	struct physdev_unmap_pirq unmap = { .domid = DOMID_SELF };
	struct physdev_irq irq = { 0, 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		setup = (struct physdev_setup_gsi){ .gsi = bad[i] };
		EXPECT_FAIL(OP(PHYSDEVOP_setup_gsi, &setup));
		map.index = bad[i];
		map.pirq = bad[i];
		EXPECT_FAIL(OP(PHYSDEVOP_map_pirq, &map));
		unmap.pirq = bad[i];
		EXPECT_FAIL(OP(PHYSDEVOP_unmap_pirq, &unmap));
		irq.irq = (uint32_t)bad[i];
		(void)OP(PHYSDEVOP_alloc_irq_vector, &irq);
	}
	setup.gsi = 9;
	setup.triggering = 1;
	setup.polarity = 0;
	EXPECT_RC(OP(PHYSDEVOP_setup_gsi, &setup), 0);
	setup.triggering = 0;
	(void)OP(PHYSDEVOP_setup_gsi, &setup);
	map.index = 9;
	map.pirq = 9;
	EXPECT_RC(OP(PHYSDEVOP_map_pirq, &map), 0);
	EXPECT_RC(map.pirq, 9);
	map.type = 99;
	EXPECT_FAIL(OP(PHYSDEVOP_map_pirq, &map));
	map.type = -1;
	EXPECT_FAIL(OP(PHYSDEVOP_map_pirq, &map));
	map.type = MAP_PIRQ_TYPE_GSI;
	map.domid = 1234;
	EXPECT_FAIL(OP(PHYSDEVOP_map_pirq, &map));
	map.domid = DOMID_IDLE;
	EXPECT_FAIL(OP(PHYSDEVOP_map_pirq, &map));
	unmap.pirq = 9;
	unmap.domid = 1234;
	EXPECT_FAIL(OP(PHYSDEVOP_unmap_pirq, &unmap));
	unmap.domid = DOMID_SELF;
	EXPECT_RC(OP(PHYSDEVOP_unmap_pirq, &unmap), 0);
	EXPECT_FAIL(OP(PHYSDEVOP_unmap_pirq, &unmap));
}

/* MSI of a device that is not there, and of any. */
static void msis(void)
{
	static const int types[] = { MAP_PIRQ_TYPE_MSI, MAP_PIRQ_TYPE_MSI_SEG,
				     MAP_PIRQ_TYPE_MULTI_MSI };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		struct physdev_map_pirq map = { .domid = DOMID_SELF,
						.type = types[i],
						.index = -1,
						.pirq = -1,
						.bus = 0x77,
						.devfn = 0x55,
						.entry_nr = 0x7fffffff,
						.table_base = 0xfee00000 };

		EXPECT_FAIL(OP(PHYSDEVOP_map_pirq, &map));
		map.bus = -1;
		map.devfn = -1;
		map.entry_nr = -1;
		EXPECT_FAIL(OP(PHYSDEVOP_map_pirq, &map));
	}
}

static void pirq_numbers(void)
{
	static const uint32_t bad[] = { 300, 511, 512, 4096, 0x7fffffff, 0xffffffff };
	struct physdev_irq_status_query query;
	struct physdev_eoi eoi;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		query.irq = bad[i];
		(void)OP(PHYSDEVOP_irq_status_query, &query);
		eoi.irq = bad[i];
		EXPECT_FAIL(OP(PHYSDEVOP_eoi, &eoi));
	}
}

static void iopl(void)
{
	struct physdev_set_iopl op = { 4 };

	EXPECT_FAIL(OP(PHYSDEVOP_set_iopl, &op));
	op.iopl = ~0u;
	EXPECT_FAIL(OP(PHYSDEVOP_set_iopl, &op));
	op.iopl = 0;
	EXPECT_RC(OP(PHYSDEVOP_set_iopl, &op), 0);
	EXPECT_TRAP(__asm__ __volatile__("in $0x80, %%al" ::: "rax"), TRAP_GP, 0);
	op.iopl = 1;
	EXPECT_RC(OP(PHYSDEVOP_set_iopl, &op), 0);
	EXPECT_NO_TRAP(__asm__ __volatile__("in $0x80, %%al" ::: "rax"));
}

static void ioapic(void)
{
	struct physdev_apic op = { .apic_physbase = 0xfec00000, .reg = 1 };
	uint32_t reg;

	EXPECT_RC(OP(PHYSDEVOP_apic_read, &op), 0);
	op.apic_physbase = 0xfee00000;
	EXPECT_FAIL(OP(PHYSDEVOP_apic_read, &op));
	op.apic_physbase = ~0ul;
	EXPECT_FAIL(OP(PHYSDEVOP_apic_read, &op));
	op.apic_physbase = 0xfec00000;
	for (reg = 0x10; reg < 0x12; reg++) {
		uint32_t before;

		op.reg = reg + 4;
		EXPECT_RC(OP(PHYSDEVOP_apic_read, &op), 0);
		before = op.value;
		/* An NMI or SMI for everybody. */
		op.value = 0x00000400;
		(void)OP(PHYSDEVOP_apic_write, &op);
		op.value = 0;
		EXPECT_RC(OP(PHYSDEVOP_apic_read, &op), 0);
		EXPECT_RC(op.value & 0x700, before & 0x700);
	}
	op.reg = 0xffffffff;
	(void)OP(PHYSDEVOP_apic_read, &op);
	(void)OP(PHYSDEVOP_apic_write, &op);
	op.reg = 0x1000;
	(void)OP(PHYSDEVOP_apic_read, &op);
}

void test(void)
{
	static const unsigned int cmds[] = {
		PHYSDEVOP_eoi,	      PHYSDEVOP_irq_status_query, PHYSDEVOP_set_iopl,
		PHYSDEVOP_apic_read,  PHYSDEVOP_apic_write,	  PHYSDEVOP_map_pirq,
		PHYSDEVOP_unmap_pirq, PHYSDEVOP_setup_gsi,	  PHYSDEVOP_pci_device_add,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		EXPECT_EFAULT(p, OP(cmds[i], p));
	}
	EXPECT_RC(OP(99, NULL), -XEN_ENOSYS);
	EXPECT_FAIL(OP(0x7fffffff, NULL));
	gsis();
	msis();
	pirq_numbers();
	iopl();
	ioapic();
}
