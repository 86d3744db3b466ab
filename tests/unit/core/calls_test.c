/* SPDX-License-Identifier: MIT */
/*
 * The smaller calls: console_io, version, vm_assist, physdev, platform,
 * multicall; guest access; and every number with senseless arguments.
 */
#include "core_test.h"

#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/version.h>

#include <hv/guest_access.h>
#include <hv/irq.h>
#include <hv/vtime.h>

static void write_console(const char *text)
{
	fake_put(FAKE_ARGS, text, strlen(text));
	OK(fake_call(__HYPERVISOR_console_io, 0, strlen(text), FAKE_ARGS));
}

static void test_console(void)
{
	static char keys[] = "abc";
	char buf[8];

	world(2);
	fake_console_clear();
	write_console("hel");
	FALSE_(fake_console_has("hel"));
	write_console("lo\x1b[2J\n");
	TRUE_(fake_console_has("(d1) hello?[2J"));
	for (unsigned int i = 0; i < 500; i++) {
		write_console("flood\n");
	}
	TRUE_(fake.console_used < 210 * 15);
	EQ(fake_call(__HYPERVISOR_console_io, 1, 8, FAKE_ARGS), -XEN_EPERM);
	EQ(fake_call(__HYPERVISOR_console_io, 0, ~0ull, FAKE_ARGS), -XEN_EINVAL);
	EQ(fake_call(__HYPERVISOR_console_io, 0, 5, CORE_VIRT_START), -XEN_EFAULT);
	EQ(fake_call(__HYPERVISOR_console_io, 0, 0x7fffffff, FAKE_ARGS), -XEN_EFAULT);
	EQ(fake_call(__HYPERVISOR_console_io, 7, 5, FAKE_ARGS), -XEN_ENOSYS);
	run(0, 0);
	write_console("as it is\x1b");
	TRUE_(fake_console_has("as it is\x1b"));
	fake.input = keys;
	EQ(fake_call(__HYPERVISOR_console_io, 1, 8, FAKE_ARGS), 3);
	fake_get(FAKE_ARGS, buf, 3);
	OK(memcmp(buf, "abc", 3));
	OK(fake_call(__HYPERVISOR_console_io, 1, 8, FAKE_ARGS));
}

static void test_version(void)
{
	struct xen_feature_info f = { .submap_idx = 0 };
	char text[1024];

	world(2);
	EQ(fake_call(__HYPERVISOR_xen_version, XENVER_version, 0), 4 << 16 | 17);
	OK(call_struct(__HYPERVISOR_xen_version, XENVER_get_features, &f, sizeof(f)));
	TRUE_(f.submap & 1u << XENFEAT_mmu_pt_update_preserve_ad);
	TRUE_(f.submap & 1u << XENFEAT_gnttab_map_avail_bits);
	OK(f.submap & 0xf);
	OK(f.submap & 1u << XENFEAT_dom0);
	f.submap_idx = 9;
	EQ(call_struct(__HYPERVISOR_xen_version, XENVER_get_features, &f, sizeof(f)), -XEN_EINVAL);
	OK(call_struct(__HYPERVISOR_xen_version, XENVER_commandline, text, sizeof(text)));
	CU_ASSERT_STRING_EQUAL(text, "<denied>");
	EQ(fake_call(__HYPERVISOR_xen_version, XENVER_extraversion, CORE_VIRT_START), -XEN_EFAULT);
	EQ(fake_call(__HYPERVISOR_xen_version, 99, 0), -XEN_ENOSYS);
	OK(fake_call(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag));
	EQ(fake_call(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 31), -XEN_EINVAL);
	EQ(fake_call(__HYPERVISOR_vm_assist, VMASST_CMD_enable, ~0ull), -XEN_EINVAL);
	EQ(fake_call(__HYPERVISOR_vm_assist, 5, 4), -XEN_ENOSYS);
}

static void test_pirq(void)
{
	struct physdev_map_pirq m = {
		.domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 9, .pirq = 9
	};
	struct physdev_setup_gsi g = { .gsi = 9, .triggering = 1 };
	struct evtchn_bind_pirq b = { .pirq = 9 };
	struct physdev_eoi e = { .irq = 9 };
	struct evtchn_close c;
	uint64_t *pending;

	world(2);
	EQ(call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m, sizeof(m)), -XEN_EPERM);
	EQ(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, &b, sizeof(b)),
	   -XEN_EPERM);
	run(0, 0);
	pending = guest[0].d->shared->evtchn_pending;
	EQ(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, &b, sizeof(b)),
	   -XEN_EINVAL);
	OK(call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_setup_gsi, &g, sizeof(g)));
	OK(call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m, sizeof(m)));
	OK(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, &b, sizeof(b)));
	TRUE_(fake.gsi[9].enabled);
	pirq_fired(9);
	TRUE_(pending[0] >> b.port & 1);
	OK(call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_eoi, &e, sizeof(e)));
	c.port = b.port;
	OK(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &c, sizeof(c)));
	FALSE_(fake.gsi[9].enabled);
	pirq_fired(9);
	pirq_fired(~0u);
	m.index = FAKE_GSIS;
	m.pirq = -1;
	EQ(call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m, sizeof(m)), -XEN_EINVAL);
	m.index = -5;
	EQ(call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m, sizeof(m)), -XEN_EINVAL);
	g.gsi = 4; /* the core's UART */
	EQ(call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_setup_gsi, &g, sizeof(g)), -XEN_EEXIST);
	e.irq = ~0u;
	EQ(call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_eoi, &e, sizeof(e)), -XEN_EINVAL);
}

static void test_iopl(void)
{
	struct physdev_set_iopl i = { .iopl = 1 };

	world(2);
	OK(call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &i, sizeof(i)));
	EQ(me()->iopl, 1);
	i.iopl = 4;
	EQ(call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &i, sizeof(i)), -XEN_EINVAL);
}

static void test_platform(void)
{
	struct xen_platform_op op = { .cmd = XENPF_settime64,
				      .interface_version = XENPF_INTERFACE_VERSION };

	world(2);
	op.u.settime64.secs = 1800000000;
	op.u.settime64.system_time = fake.now;
	fake_put(FAKE_ARGS, &op, sizeof(op));
	EQ(fake_call(__HYPERVISOR_platform_op, FAKE_ARGS), -XEN_EPERM);
	run(0, 0);
	fake_put(FAKE_ARGS, &op, sizeof(op));
	OK(fake_call(__HYPERVISOR_platform_op, FAKE_ARGS));
	TRUE_(guest[1].d->shared->wc_sec >= 1799999990);
	op.u.settime64.nsecs = 1000000000;
	fake_put(FAKE_ARGS, &op, sizeof(op));
	EQ(fake_call(__HYPERVISOR_platform_op, FAKE_ARGS), -XEN_EINVAL);
	op.cmd = XENPF_get_cpuinfo;
	op.u.pcpu_info.xen_cpuid = 1;
	fake_put(FAKE_ARGS, &op, sizeof(op));
	OK(fake_call(__HYPERVISOR_platform_op, FAKE_ARGS));
	fake_get(FAKE_ARGS, &op, sizeof(op));
	EQ(op.u.pcpu_info.apic_id, 2);
	EQ(op.u.pcpu_info.max_present, FAKE_CPUS - 1);
	op.interface_version = 1;
	fake_put(FAKE_ARGS, &op, sizeof(op));
	EQ(fake_call(__HYPERVISOR_platform_op, FAKE_ARGS), -XEN_EACCES);
}

static void test_power_off(void)
{
	struct xen_platform_op op = { .cmd = XENPF_enter_acpi_sleep,
				      .interface_version = XENPF_INTERFACE_VERSION };
	jmp_buf end;

	world(1);
	op.u.enter_acpi_sleep.sleep_state = 3;
	fake_put(FAKE_ARGS, &op, sizeof(op));
	TRUE_(fake_call(__HYPERVISOR_platform_op, FAKE_ARGS) < 0);
	op.u.enter_acpi_sleep.sleep_state = 5;
	op.u.enter_acpi_sleep.val_a = 5 << 10;
	fake_put(FAKE_ARGS, &op, sizeof(op));
	fake_machine_end = &end;
	if (setjmp(end) == 0) {
		(void)fake_call(__HYPERVISOR_platform_op, FAKE_ARGS);
	}
	TRUE_(fake.powered_off);
}

static void test_multicall(void)
{
	struct multicall_entry e[4] = {
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
		{ .op = __HYPERVISOR_multicall, .args = { FAKE_ARGS, 1 } },
		{ .op = 9999 },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
	};

	world(1);
	for (unsigned int chance = 0; chance < 2; chance++) {
		fake_put(FAKE_ARGS, e, sizeof(e));
		fake.preempt_chance = chance;
		OK(fake_call(__HYPERVISOR_multicall, FAKE_ARGS, 4));
		fake.preempt_chance = 0;
		fake_get(FAKE_ARGS, e, sizeof(e));
		EQ(e[0].result, 4 << 16 | 17);
		EQ((long)e[1].result, -XEN_EINVAL);
		EQ((long)e[2].result, -XEN_ENOSYS);
		EQ(e[3].result, PAGE_SIZE);
	}
	e[1].op = __HYPERVISOR_iret;
	fake_put(FAKE_ARGS, e, sizeof(e));
	OK(fake_call(__HYPERVISOR_multicall, FAKE_ARGS, 4));
	fake_get(FAKE_ARGS, e, sizeof(e));
	TRUE_((long)e[1].result < 0);
	EQ(fake_call(__HYPERVISOR_multicall, CORE_VIRT_START, 1), -XEN_EFAULT);
	EQ(fake_call(__HYPERVISOR_multicall, fake_va(PAGES - 1, 4000), ~0ull), -XEN_EFAULT);
}

/* A long call inside a multicall is continued by its rewritten entry. */
static void test_multicall_preempted(void)
{
	struct {
		uint64_t list, count;
		uint32_t order, flags;
		uint16_t domid;
	} r = { FAKE_ARGS + 1024, 8, 0, 0, DOMID_SELF };
	struct multicall_entry e[2] = {
		{ .op = __HYPERVISOR_memory_op, .args = { 0, 0 } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
	};

	world(1);
	e[0].args[1] = FAKE_ARGS + 512;
	fake_put(FAKE_ARGS + 512, &r, sizeof(r));
	fake_put(FAKE_ARGS, e, sizeof(e));
	fake.preempt_chance = 1;
	OK(fake_call(__HYPERVISOR_multicall, FAKE_ARGS, 2));
	fake.preempt_chance = 0;
	fake_get(FAKE_ARGS, e, sizeof(e));
	EQ(e[0].result, 8);
	EQ(e[1].result, PAGE_SIZE);
	EQ(guest[0].d->tot_pages, PAGES + 8);
}

static void test_ranges(void)
{
	static const struct {
		uint64_t at, size;
		bool ok;
	} cases[] = {
		{ 0, 0, true },
		{ 0, 1, true },
		{ 0x7fffffffffff, 1, true },
		{ 0x7fffffffffff, 2, false },
		{ 0x800000000000, 1, false },
		{ 0x7ffffffff000, 4096, true },
		{ 0, 0x800000000000, true },
		{ 0, 0x800000000001, false },
		{ 0, ~0ull, false },
		{ CORE_VIRT_START, 1, false },
		{ CORE_VIRT_START - 1, 1, false },
		{ CORE_VIRT_END - 1, 1, false },
		{ CORE_VIRT_END - 1, 2, false },
		{ CORE_VIRT_END, 1, true },
		{ ~0ull, 1, true },
		{ ~0ull, 2, false },
		{ CORE_VIRT_END, ~0ull, false },
		{ 0x8000000000000000, 8, false },
	};
	uint8_t byte;

	world(1);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		EQ(guest_range_ok(guest_ptr(cases[i].at), cases[i].size), cases[i].ok);
	}
	EQ(copy_from_guest(&byte, guest_ptr(fake_va(PAGES, 0)), 1), -XEN_EFAULT);
	OK(copy_from_guest(&byte, guest_ptr(fake_va(FAKE_PFN_L1, 0)), 1));
	EQ(copy_to_guest(guest_ptr(fake_va(FAKE_PFN_L1, 0)), &byte, 1), -XEN_EFAULT);
}

/* Every number, every small command, and arguments that mean nothing. */
static void test_nonsense(void)
{
	const uint64_t values[] = { 0,
				    1,
				    ~0ull,
				    0x7fffffff,
				    0x8000000000000000,
				    CORE_VIRT_START,
				    FAKE_ARGS,
				    FAKE_GUEST_BASE };

	for (unsigned int nr = 0; nr < 70; nr++) {
		if (nr == __HYPERVISOR_iret) {
			continue;
		}
		core_setup();
		world(3);
		for (unsigned int step = 0; step < 300; step++) {
			uint64_t args[5] = { step / 8 };

			for (unsigned int i = step < 150; i < 5; i++) {
				args[i] = values[fake_random() % 8];
			}
			if (nr == __HYPERVISOR_sched_op &&
			    (args[0] == 2 || args[0] == 1 || args[0] == 3)) {
				continue;
			}
			if (nr == __HYPERVISOR_vcpu_op && args[0] == 2) {
				continue;
			}
			(void)fake_hypercall(nr, args);
			if (guest[2].d->crashed) {
				break;
			}
			run(2, 0);
		}
		if (nr >= 56) {
			EQ((long)me()->regs.rax, -XEN_ENOSYS);
		}
		EQ(audit_all(), 0);
	}
}

CU_TestInfo calls_tests[] = {
	{ "console_io", test_console },
	{ "xen_version and vm_assist", test_version },
	{ "physical interrupts", test_pirq },
	{ "IOPL", test_iopl },
	{ "platform_op", test_platform },
	{ "power off", test_power_off },
	{ "multicall", test_multicall },
	{ "a multicall that is interrupted", test_multicall_preempted },
	{ "ranges of guest memory", test_ranges },
	{ "nonsense", test_nonsense },
	CU_TEST_INFO_NULL,
};
