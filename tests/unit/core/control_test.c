/* SPDX-License-Identifier: MIT */
/*
 * vl_control: who may not, may not; limits, lists and permissions; what is wrong
 * is refused and changes nothing, and nor does what cannot be had.
 */
#include "control_tool.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <hv/evtchn.h>
#include <hv/gnttab.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/sched.h>

/* ---- Who may ---------------------------------------------------------------------- */

static void test_permission(void)
{
	static const uint64_t domids[] = { 0,	       1,    2, 3, 77, DOMID_SELF, VL_DOMID_ANY,
					   1ull << 16, ~0ull };

	world(3);
	control_zero();
	for (uint64_t op = 0; op < 32; op++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(domids); i++) {
			EQ(control_raw(VL_CONTROL(op), domids[i]), -XEN_EPERM);
		}
	}
	EQ(control_raw(0, 0), -XEN_EPERM);
	EQ(fake_call(__HYPERVISOR_vl_control, VL_CONTROL(VL_CTL_host_info), 0, 0), -XEN_EPERM);
	run(0, 0);
	control_zero();
	EQ(control_raw(0, 0), -XEN_EOPNOTSUPP);
	EQ(control_raw(2ull << 16 | VL_CTL_pause, 1), -XEN_EOPNOTSUPP);
	EQ(control_raw(VL_CONTROL(0), 1), -XEN_ENOSYS);
	EQ(control_raw(VL_CONTROL(19), 1), -XEN_ENOSYS);
	EQ(control_raw(VL_CONTROL(0xffff), 1), -XEN_ENOSYS);
	for (uint64_t op = VL_CTL_destroy; op <= VL_CTL_crash_reason; op++) {
		if (op != VL_CTL_domain_info && op != VL_CTL_host_info && op != VL_CTL_log_read) {
			EQ(control_raw(VL_CONTROL(op), 77), -XEN_ESRCH);
			EQ(control_raw(VL_CONTROL(op), (1ull << 16) + 1), -XEN_ESRCH);
			EQ(control_raw(VL_CONTROL(op), DOMID_SELF), -XEN_ESRCH);
		}
	}
	EQ(control_raw(VL_CONTROL(VL_CTL_destroy), 0), -XEN_EINVAL);
	EQ(control_raw(VL_CONTROL(VL_CTL_pause), 0), -XEN_EINVAL);
	EQ(control_raw(VL_CONTROL(VL_CTL_set_context), 0), -XEN_EINVAL);
	/* It had the weight of one guest, and fifty that booted starved its daemons. */
	EQ(guest[0].d->weight, 16 * guest[1].d->weight);
	/* What the control domain may do to itself. */
	EQ(CONTROL(VL_CTL_set_sched, 0, (&(struct vl_sched){ 300, 0 })), 0);
	EQ(guest[0].d->weight, 300);
	EQ(CONTROL(VL_CTL_set_affinity, 0, (&(struct vl_affinity){ 1, 0, 2 })), 0);
	EQ(guest[0].d->vcpu[1]->affinity, 2);
}

static void test_target(void)
{
	struct xen_memory_domain ask = { .domid = 1 };
	struct vl_target t = { .target = 1 };
	struct vl_list l = { .count = 5, .list = LIST };

	world(3);
	run(0, 0);
	EQ(CONTROL(VL_CTL_set_target, 2, (&(struct vl_target){ 0, 0 })), -XEN_EINVAL);
	EQ(CONTROL(VL_CTL_set_target, 2, (&(struct vl_target){ 9, 0 })), -XEN_ESRCH);
	EQ(CONTROL(VL_CTL_set_target, 2, (&(struct vl_target){ ~0u, 0 })), -XEN_ESRCH);
	EQ(CONTROL(VL_CTL_set_target, 2, (&(struct vl_target){ 1, 1 })), -XEN_EINVAL);
	OK(CONTROL(VL_CTL_set_target, 2, &t));
	EQ(control_info(2).target, 1);
	run(2, 0);
	OK(control(VL_CTL_pause, 1, NULL, 0));
	FALSE_(guest[1].d->vcpu[0]->loaded);
	EQ(CONTROL(VL_CTL_domain_info, 1, &l), 1);
	EQ(CONTROL(VL_CTL_domain_info, 0, &l), -XEN_EPERM);
	EQ(CONTROL(VL_CTL_domain_info, 2, &l), -XEN_EPERM);
	EQ(CONTROL(VL_CTL_vcpu_info, 1, &l), VCPUS);
	OK(control(VL_CTL_unpause, 1, NULL, 0));
	EQ(control(VL_CTL_destroy, 1, NULL, 0), -XEN_EPERM);
	EQ(control(VL_CTL_pause, 2, NULL, 0), -XEN_EPERM);
	EQ(control(VL_CTL_pause, 0, NULL, 0), -XEN_EPERM);
	EQ(control(VL_CTL_pause, 3, NULL, 0), -XEN_EPERM);
	EQ(control(VL_CTL_host_info, 1, NULL, 0), -XEN_EPERM);
	EQ(CONTROL(VL_CTL_set_target, 1, &t), -XEN_EPERM);
	/* The published calls as well. */
	EQ(call_struct(__HYPERVISOR_memory_op, XENMEM_current_reservation, &ask, sizeof(ask)),
	   PAGES);
	ask.domid = 0;
	EQ(call_struct(__HYPERVISOR_memory_op, XENMEM_current_reservation, &ask, sizeof(ask)),
	   -XEN_EPERM);
	OK(update_entry(fake_guest_l1e_maddr(&guest[2], 50), entry_for(1, 20, RW), 1));
	OK(update_entry(fake_guest_l1e_maddr(&guest[2], 50), 0, 1));
	/* The right goes with the domain, and another of its number is another. */
	run(0, 0);
	OK(control_destroy(1));
	EQ(control_info(2).target, 2);
	EQ(control_create(1), 1);
	run(2, 0);
	EQ(control(VL_CTL_pause, 1, NULL, 0), -XEN_EPERM);
	run(0, 0);
	OK(control_destroy(1));
}

/* ---- The rest --------------------------------------------------------------------------- */

static void test_lists(void)
{
	struct vl_list l = { .count = 40, .list = LIST };
	struct vl_domain_info info[6];
	struct vl_vcpu_info v[2];
	struct vl_host_info host;

	world(2);
	run(0, 0);
	for (unsigned int id = 2; id < 6; id++) {
		EQ(control_create(id * 100), id * 100);
	}
	fake.preempt_chance = 1;
	EQ(CONTROL(VL_CTL_domain_info, 0, &l), 6);
	fake.preempt_chance = 0;
	fake_get(LIST, info, sizeof(info));
	EQ(info[1].domid, 1);
	EQ(info[2].domid, 200);
	EQ(info[5].domid, 500);
	TRUE_(info[0].flags & VL_DOMAIN_control);
	TRUE_(info[0].flags & VL_DOMAIN_running);
	EQ(CONTROL(VL_CTL_domain_info, 300, &l), 3);
	EQ(CONTROL(VL_CTL_domain_info, 501, &l), 0);
	EQ(CONTROL(VL_CTL_domain_info, ~0ull, &l), 0);
	l.count = 2;
	EQ(CONTROL(VL_CTL_domain_info, 1, &l), 2);
	l.count = 0;
	EQ(CONTROL(VL_CTL_domain_info, 1, &l), 0);
	l.count = 3;
	l.first = 1;
	EQ(CONTROL(VL_CTL_domain_info, 1, &l), -XEN_EINVAL);
	EQ(CONTROL(VL_CTL_vcpu_info, 1, &l), 1);
	fake_get(LIST, v, sizeof(v));
	EQ(v[0].vcpu, 1);
	TRUE_(v[0].flags & VL_VCPU_up);
	l.first = ~0u;
	EQ(CONTROL(VL_CTL_vcpu_info, 1, &l), 0);
	l = (struct vl_list){ .count = ~0u, .list = 1ull << 63 };
	EQ(CONTROL(VL_CTL_domain_info, 1, &l), -XEN_EFAULT);
	EQ(CONTROL(VL_CTL_vcpu_info, 1, &l), -XEN_EFAULT);
	OK(CONTROL(VL_CTL_host_info, 99, &host));
	EQ(host.cpus, FAKE_CPUS);
	EQ(host.domains, 6);
	EQ(host.frames, ram_frames);
	EQ(host.free_frames, heap_free_frames());
	TRUE_(host.core_frames > 0 && host.core_frames < host.frames);
	for (unsigned int id = 2; id < 6; id++) {
		OK(control_destroy(id * 100));
	}
}

static void test_log(void)
{
	struct vl_log_read op = { .buffer = LIST, .size = 100 };
	char text[100];
	uint64_t end;

	world(1);
	printk(LOG_INFO, "first words");
	while (CONTROL(VL_CTL_log_read, 0, &op) > 0) {}
	end = op.pos;
	printk(LOG_INFO, "second words");
	EQ(CONTROL(VL_CTL_log_read, 0, &op), 18);
	fake_get(LIST, text, sizeof(text));
	OK(memcmp(text, "(VL) second words\n", 18));
	EQ(op.pos, end + 18);
	op.flags = VL_LOG_clear;
	EQ(CONTROL(VL_CTL_log_read, 0, &op), 0);
	op = (struct vl_log_read){ .buffer = LIST, .size = 100 };
	EQ(CONTROL(VL_CTL_log_read, 0, &op), 0);
	/* Who remembers where it was reads on from there. */
	op.pos = end;
	EQ(CONTROL(VL_CTL_log_read, 0, &op), 18);
	op = (struct vl_log_read){ .buffer = LIST, .size = 100, .flags = 2 };
	EQ(CONTROL(VL_CTL_log_read, 0, &op), -XEN_EINVAL);
	op = (struct vl_log_read){ .pos = end, .size = 100 };
	EQ(CONTROL(VL_CTL_log_read, 0, &op), -XEN_EFAULT);
}

static long range(unsigned int op, uint64_t first, uint64_t count, uint32_t allow)
{
	struct vl_range r = { first, count, allow, 0 };

	return CONTROL(op, 1, &r);
}

static void test_ports(void)
{
	world(2);
	run(0, 0);
	EQ(range(VL_CTL_set_ioports, 0x10000, 1, 1), -XEN_EINVAL);
	EQ(range(VL_CTL_set_ioports, 0xffff, 2, 1), -XEN_EINVAL);
	EQ(range(VL_CTL_set_ioports, 1, ~0ull, 1), -XEN_EINVAL);
	EQ(range(VL_CTL_set_ioports, 1, 0, 1), -XEN_EINVAL);
	EQ(range(VL_CTL_set_ioports, 1, 1, 2), -XEN_EINVAL);
	CU_ASSERT_PTR_NULL(guest[1].d->ioport_map);
	fake.port[0x300] = 0x5a;
	EQ(ioport_read(guest[1].d, 0x300, 1), 0xff);
	OK(range(VL_CTL_set_ioports, 0x2f0, 0x20, 1));
	EQ(ioport_read(guest[1].d, 0x300, 1), 0x5a);
	EQ(ioport_read(guest[1].d, 0x30f, 2), 0xffff);
	/* The core's own stay its own. */
	OK(range(VL_CTL_set_ioports, 0, 0x10000, 1));
	fake.port[0x20] = 1;
	EQ(ioport_read(guest[1].d, 0x20, 1), 0xff);
	ioport_write(guest[1].d, 0xcf8, 4, 0x80000000);
	EQ(ioport_read(guest[1].d, 0xcfc, 4), 0xffffffff);
	OK(range(VL_CTL_set_ioports, 0x300, 1, 0));
	EQ(ioport_read(guest[1].d, 0x300, 1), 0xff);
	EQ(ioport_read(guest[1].d, 0x301, 1), fake.port[0x301]);
}

static void test_iomem(void)
{
	uint64_t device = (uint64_t)FAKE_DEVICE << PAGE_SHIFT | RW | PTE_PCD;

	world(2);
	run(1, 0);
	EQ(update_entry(fake_guest_l1e_maddr(&guest[1], 34), device, DOMID_SELF), -XEN_EPERM);
	run(0, 0);
	for (unsigned int i = 0; i < 8; i++) {
		OK(range(VL_CTL_set_iomem, FAKE_DEVICE + 16 * i, 2, 1));
	}
	EQ(range(VL_CTL_set_iomem, 1, 1, 1), -XEN_ENOSPC);
	EQ(range(VL_CTL_set_iomem, FAKE_DEVICE, 1, 0), -XEN_ENOENT);
	EQ(range(VL_CTL_set_iomem, FAKE_DEVICE, 2, 0), -XEN_EBUSY);
	EQ(range(VL_CTL_set_iomem, ~0ull, 2, 1), -XEN_EINVAL);
	run(1, 0);
	OK(update_entry(fake_guest_l1e_maddr(&guest[1], 34), device, DOMID_SELF));
	device += 2ull << PAGE_SHIFT;
	EQ(update_entry(fake_guest_l1e_maddr(&guest[1], 34), device, DOMID_SELF), -XEN_EPERM);
	/* Its RAM it maps as everybody does. */
	EQ(update_entry(fake_guest_l1e_maddr(&guest[1], 34), entry_for(1, 20, RW | PTE_PCD),
			DOMID_SELF),
	   -XEN_EINVAL);
	run(0, 0);
	OK(control_destroy(1));
	/* All of the machine: RAM and the interrupt controllers are not in it. */
	EQ(control_create(1), 1);
	guest[1].d = domain_get(1);
	domain_put(guest[1].d);
	OK(range(VL_CTL_set_iomem, 0, 1ull << 40, 1));
	TRUE_(iomem_permitted(guest[1].d, FAKE_DEVICE));
	FALSE_(iomem_permitted(guest[1].d, FAKE_LAPIC));
	FALSE_(iomem_permitted(guest[1].d, guest[0].mfn[20]));
	FALSE_(iomem_permitted(guest[1].d, FAKE_CORE_START));
	OK(range(VL_CTL_set_iomem, 0, 1ull << 40, 0));
	FALSE_(iomem_permitted(guest[1].d, FAKE_DEVICE));
	OK(control_destroy(1));
}

static void test_limits(void)
{
	unsigned long mfn[64];
	struct vl_max_frames m = { 10 };

	world(2);
	run(0, 0);
	OK(CONTROL(VL_CTL_set_max_frames, 1, &m));
	EQ(control_info(1).max_frames, 10);
	EQ(control_populate(1, 100, 1, 0, mfn), 0);
	m.frames = 1ull << 60;
	OK(CONTROL(VL_CTL_set_max_frames, 1, &m));
	EQ(control_populate(1, 100, 1, 5, mfn), 1);
	EQ(arch_m2p_get(mfn[3]), 103);
	EQ(control_info(1).frames, PAGES + 32);
	EQ(CONTROL(VL_CTL_set_sched, 1, (&(struct vl_sched){ 0, 0 })), -XEN_EINVAL);
	EQ(CONTROL(VL_CTL_set_sched, 1, (&(struct vl_sched){ 1, 100 * VCPUS + 1 })), -XEN_EINVAL);
	OK(CONTROL(VL_CTL_set_sched, 1, (&(struct vl_sched){ 1000, 50 })));
	EQ(control_info(1).cap, 50);
	EQ(CONTROL(VL_CTL_set_affinity, 1, (&(struct vl_affinity){ 0, 0, 1ull << 40 })),
	   -XEN_EINVAL);
	EQ(CONTROL(VL_CTL_set_affinity, 1, (&(struct vl_affinity){ VCPUS, 0, 1 })), -XEN_EINVAL);
	OK(CONTROL(VL_CTL_set_affinity, 1, (&(struct vl_affinity){ 0, 0, 4 })));
}

static void test_grant(void)
{
	struct vl_grant g = { .ref = 1, .to = 0 };
	struct gnttab_map_grant_ref m = {
		.host_addr = fake_va(WINDOW, 0), .flags = GNTMAP_host_map, .ref = 1, .dom = 1
	};

	world(1);
	OK(unmap(WINDOW));
	control_build();
	g.frame = guest[1].mfn[30];
	OK(CONTROL(VL_CTL_grant, 1, &g));
	EQ(control_info(1).grant_frames, 1);
	g.ref = GNTTAB_NR_RESERVED_ENTRIES;
	EQ(CONTROL(VL_CTL_grant, 1, &g), -XEN_EINVAL);
	g.ref = 0;
	g.to = VL_DOMID_END;
	EQ(CONTROL(VL_CTL_grant, 1, &g), -XEN_EINVAL);
	g.to = 0;
	g.frame = 1ull << 32;
	EQ(CONTROL(VL_CTL_grant, 1, &g), -XEN_EINVAL);
	/* A frame that is not its own is no good to the mapper. */
	g.frame = guest[0].mfn[20];
	OK(CONTROL(VL_CTL_grant, 1, &g));
	m.ref = 0;
	fake_put(FAKE_ARGS, &m, sizeof(m));
	OK(fake_call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, FAKE_ARGS, 1));
	fake_get(FAKE_ARGS, &m, sizeof(m));
	TRUE_(m.status != GNTST_okay);
	m.ref = 1;
	fake_put(FAKE_ARGS, &m, sizeof(m));
	OK(fake_call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, FAKE_ARGS, 1));
	fake_get(FAKE_ARGS, &m, sizeof(m));
	EQ(m.status, GNTST_okay);
	EQ(pte_mfn(*fake_guest_l1e(&guest[0], WINDOW)), guest[1].mfn[30]);
	EQ(control_destroy(1), -XEN_EBUSY);
}

/* ---- Nothing to be had ------------------------------------------------------------------- */

static void all_calls(void)
{
	struct vl_list l = { .count = 3, .list = LIST };
	struct vcpu_guest_context c = control_context(&guest[0]);
	struct vl_context ctx = { .vcpu = 1, .context = CONTEXT };
	struct vl_grant g = { .ref = 1, .frame = guest[0].mfn[20] };
	struct vl_create p = control_params();
	struct vl_host_info host;
	struct vl_log_read log = { .buffer = LIST, .size = 64 };

	(void)CONTROL(VL_CTL_create, 1, &p);
	(void)CONTROL(VL_CTL_grant, 1, &g);
	fake_put(CONTEXT, &c, sizeof(c));
	(void)CONTROL(VL_CTL_set_context, 1, &ctx);
	(void)CONTROL(VL_CTL_get_context, 1, &ctx);
	(void)CONTROL(VL_CTL_domain_info, 0, &l);
	(void)CONTROL(VL_CTL_vcpu_info, 1, &l);
	(void)CONTROL(VL_CTL_host_info, 0, &host);
	(void)CONTROL(VL_CTL_log_read, 0, &log);
	(void)range(VL_CTL_set_ioports, 0x300, 8, 1);
	(void)range(VL_CTL_set_iomem, FAKE_DEVICE, 8, 1);
	(void)control(VL_CTL_pause, 1, NULL, 0);
	(void)control(VL_CTL_unpause, 1, NULL, 0);
}

static void test_failures(void)
{
	unsigned long before;

	for (unsigned long n = 0; n < 80; n++) {
		core_setup();
		world(1);
		before = heap_free_frames();
		heap_fail_countdown = n < 40 ? n : 0;
		fake.copy_fail_countdown = n >= 40 ? n - 39 : 0;
		fake.preempt_chance = n & 1;
		all_calls();
		heap_fail_countdown = 0;
		fake.copy_fail_countdown = 0;
		fake.preempt_chance = 0;
		OK(audit_all());
		if (domain_of_frames(1) != NULL) {
			OK(control_destroy(1));
		}
		EQ(heap_free_frames(), before);
	}
}

CU_TestInfo control_tests[] = {
	{ "who may", test_permission },
	{ "a domain with a target", test_target },
	{ "lists", test_lists },
	{ "the log", test_log },
	{ "ports", test_ports },
	{ "I/O memory", test_iomem },
	{ "limits", test_limits },
	{ "reserved grants", test_grant },
	{ "no memory, no copy", test_failures },
	CU_TEST_INFO_NULL,
};
