/* SPDX-License-Identifier: MIT */
/*
 * platform_op: wrong versions, commands and numbers are refused; what is
 * offered answers for the machine as it is.
 */
#include <test.h>

static struct xen_platform_op op;

static long run(uint32_t cmd)
{
	op.cmd = cmd;
	op.interface_version = XENPF_INTERFACE_VERSION;
	return hyp_platform_op(&op);
}

static void refused(void)
{
	static const uint32_t numbers[] = {
		0, 1, 16, 30, 64, 99, 0x7fffffff, 0x80000000, 0xffffffff
	};
	unsigned int i;

	EXPECT_EFAULT(p, hyp_platform_op(p));
	EXPECT_RC(hyp_platform_op((void *)M2P_POINTER), -XEN_EFAULT);
	op.cmd = XENPF_get_cpuinfo;
	op.interface_version = 0;
	EXPECT_FAIL(hyp_platform_op(&op));
	op.interface_version = XENPF_INTERFACE_VERSION + 1;
	EXPECT_FAIL(hyp_platform_op(&op));
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		memset(&op, 0xff, sizeof(op));
		EXPECT_FAIL(run(numbers[i]));
	}
}

static void cpus(void)
{
	memset(&op, 0, sizeof(op));
	EXPECT_RC(run(XENPF_get_cpuinfo), 0);
	EXPECT_RC(op.u.pcpu_info.max_present, 0);
	EXPECT(op.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE);
	op.u.pcpu_info.xen_cpuid = 0x7fffffff;
	EXPECT_RC(run(XENPF_get_cpuinfo), 0);
	EXPECT(op.u.pcpu_info.flags & XEN_PCPU_FLAGS_INVALID);
	op.u.pcpu_info.xen_cpuid = ~0u;
	EXPECT_RC(run(XENPF_get_cpuinfo), 0);
	EXPECT(op.u.pcpu_info.flags & XEN_PCPU_FLAGS_INVALID);
}

static void idle_times(void)
{
	uint64_t times[2] = { 0, 0 };
	uint8_t map[128];

	memset(map, 0xff, sizeof(map));
	memset(&op, 0, sizeof(op));
	op.u.getidletime.cpumap_bitmap.p = map;
	op.u.getidletime.cpumap_nr_cpus = 1;
	op.u.getidletime.idletime.p = times;
	if (run(XENPF_getidletime) == -XEN_ENOSYS) {
		return;
	}
	op.u.getidletime.idletime.p = (void *)CORE_MIDDLE;
	EXPECT_RC(run(XENPF_getidletime), -XEN_EFAULT);
	op.u.getidletime.idletime.p = times;
	op.u.getidletime.cpumap_bitmap.p = (void *)CORE_MIDDLE;
	EXPECT_RC(run(XENPF_getidletime), -XEN_EFAULT);
	/* A bitmap as long as a number can say is not all read. */
	op.u.getidletime.cpumap_bitmap.p = map;
	op.u.getidletime.cpumap_nr_cpus = 0xffffffff;
	(void)run(XENPF_getidletime);
	EXPECT(times[1] == 0);
}

static void others(void)
{
	memset(&op, 0, sizeof(op));
	op.u.settime64.secs = 1700000000;
	op.u.settime64.mbz = 1;
	EXPECT_FAIL(run(XENPF_settime64));
	op.u.settime64.mbz = 0;
	op.u.settime64.system_time = time_ns();
	EXPECT_RC(run(XENPF_settime64), 0);
	memset(&op, 0xff, sizeof(op));
	EXPECT_FAIL(run(XENPF_firmware_info));
	memset(&op, 0xff, sizeof(op));
	EXPECT_FAIL(run(XENPF_enter_acpi_sleep));
	memset(&op, 0, sizeof(op));
	EXPECT_FAIL(run(XENPF_enter_acpi_sleep));
}

void test(void)
{
	refused();
	cpus();
	idle_times();
	others();
}
