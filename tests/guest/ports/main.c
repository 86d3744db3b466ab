/* SPDX-License-Identifier: MIT */
/*
 * I/O ports of the control domain: those that the core keeps read all ones
 * and take no writes, whatever the size and alignment of the access; PCI
 * configuration goes by a latch of the domain's own.
 */
#include <test.h>

static uint32_t in(unsigned int bytes, uint16_t port)
{
	uint32_t value = 0;

	switch (bytes) {
	case 1:
		__asm__ __volatile__("in %%dx, %%al" : "+a"(value) : "d"(port));
		break;
	case 2:
		__asm__ __volatile__("in %%dx, %%ax" : "+a"(value) : "d"(port));
		break;
	default:
		__asm__ __volatile__("in %%dx, %%eax" : "+a"(value) : "d"(port));
		break;
	}
	return value;
}

static void out(unsigned int bytes, uint16_t port, uint32_t value)
{
	switch (bytes) {
	case 1:
		__asm__ __volatile__("out %%al, %%dx" ::"a"(value), "d"(port));
		break;
	case 2:
		__asm__ __volatile__("out %%ax, %%dx" ::"a"(value), "d"(port));
		break;
	default:
		__asm__ __volatile__("out %%eax, %%dx" ::"a"(value), "d"(port));
		break;
	}
}

static void denied(void)
{
	static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x40, 0x43, 0x3f8, 0x3fd };
	static const uint16_t around[] = { 0x1f, 0x1e, 0x9f, 0x3f7, 0x3f5 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		EXPECT_RC(in(1, ports[i]), 0xff);
		EXPECT_NO_TRAP(out(1, ports[i], 0xff));
	}
	/* Larger accesses that reach into them. */
	for (i = 0; i < ARRAY_SIZE(around); i++) {
		EXPECT_RC(in(4, around[i]), 0xffffffff);
		EXPECT_NO_TRAP(out(4, around[i], 0));
	}
	EXPECT_RC(in(4, 0x3f8), 0xffffffff);
	/* The console still works: its line control was not touched. */
	out(1, 0x3fb, 0x80);
	out(1, 0x3f8, 1);
	/* 0xcf9 would restart the machine. */
	EXPECT_NO_TRAP(out(1, 0xcf9, 6));
	EXPECT_NO_TRAP(out(1, 0x92, 1));
	/* The end of the port space. */
	EXPECT_NO_TRAP(test_sink = in(4, 0xfffe));
	EXPECT_NO_TRAP(test_sink = in(2, 0xffff));
}

static void pci(void)
{
	out(4, 0xcf8, 0x80000000);
	EXPECT_RC(in(4, 0xcf8), 0x80000000);
	EXPECT_RC(in(4, 0xcfc), 0x12378086); /* QEMU's host bridge */
	EXPECT_RC(in(2, 0xcfc), 0x8086);
	EXPECT_RC(in(2, 0xcfe), 0x1237);
	EXPECT_RC(in(1, 0xcff), 0x12);
	/* No such device, enable bit off, crossing the end. */
	out(4, 0xcf8, 0x80ffff00);
	EXPECT_RC(in(4, 0xcfc), 0xffffffff);
	out(4, 0xcf8, 0x00000000);
	EXPECT_RC(in(4, 0xcfc), 0xffffffff);
	EXPECT_NO_TRAP(test_sink = in(4, 0xcfd));
	EXPECT_NO_TRAP(test_sink = in(4, 0xcff));
	EXPECT_NO_TRAP(out(1, 0xcf8, 0xff));
}

static void strings(void)
{
	uint8_t buffer[16];
	struct trap t;
	volatile uint64_t left = 0;

	memset(buffer, 0, sizeof(buffer));
	EXPECT_NO_TRAP({
		uint64_t n = sizeof(buffer);
		void *to = buffer;

		__asm__ __volatile__("rep insb" : "+D"(to), "+c"(n) : "d"(0x20) : "memory");
		left = n;
	});
	EXPECT_RC(left, 0);
	EXPECT(buffer[0] == 0xff && buffer[15] == 0xff);
	/* To and from memory that is not the guest's. */
	TRAP_TRY(&t, __asm__ __volatile__("insb" : : "D"(CORE_MIDDLE), "d"(0x80) : "memory"));
	EXPECT(t.hit && (t.vector == TRAP_PF || t.vector == TRAP_GP));
	TRAP_TRY(&t, __asm__ __volatile__("outsb" : : "S"(CORE_MIDDLE), "d"(0x80) : "memory"));
	EXPECT(t.hit && (t.vector == TRAP_PF || t.vector == TRAP_GP));
	TRAP_TRY(&t, __asm__ __volatile__("insb" : : "D"(UNMAPPED), "d"(0x80) : "memory"));
	EXPECT(t.hit && t.vector == TRAP_PF && t.cr2 == UNMAPPED);
	TRAP_TRY(&t, __asm__ __volatile__("insl" : : "D"(NONCANONICAL), "d"(0x80) : "memory"));
	EXPECT(t.hit);
	/* Very long ones, over the end of memory. */
	TRAP_TRY(&t, __asm__ __volatile__("rep outsb"
					  :
					  : "S"(mm_l4()), "d"(0x80), "c"(~0ul)
					  : "memory"));
	EXPECT(t.hit && t.vector == TRAP_PF);
}

static uint64_t in_user(uint64_t port)
{
	return in(1, (uint16_t)port);
}

void test(void)
{
	struct physdev_set_iopl op = { 0 };
	struct trap t;

	EXPECT_RC(hyp_physdev_op(PHYSDEVOP_set_iopl, &op), 0);
	EXPECT_TRAP(test_sink = in(1, 0x20), TRAP_GP, 0);
	op.iopl = 1;
	EXPECT_RC(hyp_physdev_op(PHYSDEVOP_set_iopl, &op), 0);
	denied();
	pci();
	strings();
	TRAP_TRY(&t, user_run(in_user, 0x20));
	EXPECT(t.hit && t.vector == TRAP_GP);
	op.iopl = 3;
	EXPECT_RC(hyp_physdev_op(PHYSDEVOP_set_iopl, &op), 0);
	EXPECT_RC(user_run(in_user, 0x20), 0xff);
}
