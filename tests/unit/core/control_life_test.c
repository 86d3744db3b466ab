/* SPDX-License-Identifier: MIT */
/*
 * vl_control: a toolstack in the control domain makes, starts, stops and ends
 * domains, by that call and the published ones for another domain's frames,
 * tables and ports.
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

/* ---- Life -------------------------------------------------------------------------- */

static void test_life(void)
{
	unsigned long before;
	struct vl_domain_info info;
	uint32_t port;

	world(1);
	port = control_listen();
	fake_settle();
	run(0, 0);
	before = heap_free_frames();
	control_build();
	info = control_info(1);
	EQ(info.flags, VL_DOMAIN_paused);
	EQ(info.vcpus_max, VCPUS);
	EQ(info.vcpus_up, 1);
	EQ(info.frames, PAGES);
	EQ(info.max_frames, PAGES);
	EQ(info.grant_frames_max, 4);
	EQ(info.ports_max, 100);
	EQ(info.handle[2], 3);
	EQ(info.target, 1);
	FALSE_(fake_run(guest[1].d->vcpu[0]));
	run(0, 0);
	OK(control(VL_CTL_unpause, 1, NULL, 0));
	run(1, 0);
	OK(fake_call(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, FAKE_ARGS) < 0);
	fake_advance(5000000);
	run(0, 0);
	info = control_info(1);
	EQ(info.flags & (VL_DOMAIN_paused | VL_DOMAIN_shutdown | VL_DOMAIN_dying), 0);
	TRUE_(info.cpu_time >= 5000000);
	OK(control(VL_CTL_pause, 1, NULL, 0));
	FALSE_(guest[1].d->vcpu[0]->loaded);
	OK(control(VL_CTL_pause, 1, NULL, 0));
	TRUE_(control_info(1).flags & VL_DOMAIN_paused);
	FALSE_(fake_run(guest[1].d->vcpu[0]));
	run(0, 0);
	FALSE_(control_told(port));
	OK(audit_all());
	OK(control_destroy(1));
	TRUE_(control_told(port));
	EQ(heap_free_frames(), before);
	EQ(control_destroy(1), -XEN_ESRCH);
	/* Numbers rise. */
	EQ(control_create(VL_DOMID_ANY), 2);
	EQ(control_create(VL_DOMID_ANY), 3);
	OK(control_destroy(2));
	EQ(control_create(1), 1);
	EQ(control_create(1), -XEN_EEXIST);
	EQ(control_create(VL_DOMID_ANY), 4);
	EQ(heap_free_frames() < before, 1);
	for (unsigned int id = 1; id <= 4; id++) {
		EQ(control_destroy(id), id == 2 ? -XEN_ESRCH : 0);
	}
	EQ(heap_free_frames(), before);
}

/* ---- What is wrong ------------------------------------------------------------------ */

static void test_create_refused(void)
{
	struct vl_create c;
	unsigned long before;

	world(1);
	before = heap_free_frames();
#define REFUSED(change)                                                    \
	do {                                                               \
		c = control_params();                                      \
		change;                                                    \
		EQ(CONTROL(VL_CTL_create, VL_DOMID_ANY, &c), -XEN_EINVAL); \
	} while (0)
	REFUSED(c.vcpus = 0);
	REFUSED(c.vcpus = VL_VCPUS_MAX + 1);
	REFUSED(c.flags = 1);
	REFUSED(c.pad = 1);
	REFUSED(c.grant_frames = GNTTAB_FRAMES_MAX + 1);
	REFUSED(c.maptrack_frames = GNTTAB_MAP_PAGES_MAX + 1);
#undef REFUSED
	EQ(control_create(0), -XEN_EEXIST);
	EQ(control_create(VL_DOMID_END), -XEN_EINVAL);
	EQ(control_create(1ull << 16), -XEN_EINVAL);
	EQ(control_create(~0ull), -XEN_EINVAL);
	EQ(control_raw(VL_CONTROL(VL_CTL_create), 5) < 0, 0);
	OK(control_destroy(5));
	EQ(fake_call(__HYPERVISOR_vl_control, VL_CONTROL(VL_CTL_create), 5, 0), -XEN_EFAULT);
	EQ(heap_free_frames(), before);
	/* As many ports as were asked for, whatever their numbers. */
	c = control_params();
	c.event_ports = 3;
	EQ(CONTROL(VL_CTL_create, 7, &c), 7);
	for (unsigned int i = 0; i < 4; i++) {
		struct evtchn_alloc_unbound a = { .dom = 7, .remote_dom = 0 };

		EQ(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &a,
			       sizeof(a)),
		   i < 3 ? 0 : -XEN_ENOSPC);
	}
	OK(control_destroy(7));
}

static int setup_table(unsigned int frames)
{
	struct gnttab_setup_table s = { .dom = 1, .nr_frames = frames };

	s.frame_list.p = (void *)(uintptr_t)LIST;
	fake_put(FAKE_ARGS, &s, sizeof(s));
	OK(fake_call(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, FAKE_ARGS, 1));
	fake_get(FAKE_ARGS, &s, sizeof(s));
	return s.status;
}

/* As many frames of grants as were asked for. */
static void test_grant_limits(void)
{
	static const uint32_t limits[][3] = { { 0, 0, GNTTAB_FRAMES },
					      { 1, 1, 1 },
					      { 3, 2, 3 },
					      { GNTTAB_FRAMES_MAX, GNTTAB_MAP_PAGES_MAX, 512 } };
	unsigned long before;

	world(1);
	before = heap_free_frames();
	for (unsigned int i = 0; i < ARRAY_SIZE(limits); i++) {
		struct vl_create c = control_params();

		c.grant_frames = limits[i][0];
		c.maptrack_frames = limits[i][1];
		EQ(CONTROL(VL_CTL_create, 1, &c), 1);
		EQ(control_info(1).grant_frames_max, limits[i][2]);
		EQ(setup_table(limits[i][2] + 1), GNTST_general_error);
		EQ(setup_table(limits[i][2]), GNTST_okay);
		EQ(control_info(1).grant_frames, limits[i][2]);
		OK(audit_all());
		OK(control_destroy(1));
		EQ(heap_free_frames(), before);
	}
}

static void test_context(void)
{
	struct vl_context op = { .context = CONTEXT };
	struct vcpu_guest_context c, back;

	world(1);
	control_build();
	c = control_context(&guest[1]);
	c.user_regs.rbx = 77;
	c.user_regs.rflags |= 0x1000;
	c.fs_base = 0x1234000;
	c.syscall_callback_eip = fake_va(FAKE_PFN_CODE, 0x140);
	EQ(control_set_context(1, 0, &c), -XEN_EEXIST);
	EQ(control_set_context(1, VCPUS, &c), -XEN_EINVAL);
	op.pad = 1;
	EQ(CONTROL(VL_CTL_set_context, 1, &op), -XEN_EINVAL);
	op.pad = 0;
	op.vcpu = 1;
	op.context = 1;
	EQ(CONTROL(VL_CTL_set_context, 1, &op), -XEN_EFAULT);
	c.fs_base = 1ull << 63;
	EQ(control_set_context(1, 1, &c), -XEN_EINVAL);
	c.fs_base = 0x1234000;
	c.ctrlreg[3] = xen_pfn_to_cr3(guest[0].mfn[FAKE_PFN_L4]);
	TRUE_(control_set_context(1, 1, &c) < 0);
	c.ctrlreg[3] = xen_pfn_to_cr3(guest[1].mfn[FAKE_PFN_L4]);
	OK(control_set_context(1, 1, &c));
	/* Not up, since it is not number 0. */
	EQ(control_info(1).vcpus_up, 1);
	op.context = CONTEXT;
	OK(CONTROL(VL_CTL_get_context, 1, &op));
	fake_get(CONTEXT, &back, sizeof(back));
	EQ(back.user_regs.rbx, 77);
	EQ(back.user_regs.rflags & 0x3000, 0x1000);
	EQ(back.user_regs.rip, c.user_regs.rip);
	EQ(back.user_regs.rsp, c.user_regs.rsp);
	EQ(back.fs_base, c.fs_base);
	EQ(back.syscall_callback_eip, c.syscall_callback_eip);
	EQ(back.ctrlreg[3], c.ctrlreg[3]);
	EQ(back.kernel_sp, c.kernel_sp);
	EQ(back.flags, VGCF_in_kernel);
	OK(control(VL_CTL_unpause, 1, NULL, 0));
	EQ(CONTROL(VL_CTL_get_context, 1, &op), -XEN_EBUSY);
	(void)domain_crash(guest[1].d, "a test of %u", 5u);
	fake_settle();
	run(0, 0);
	OK(CONTROL(VL_CTL_get_context, 1, &op));
	op.context = 0;
	EQ(CONTROL(VL_CTL_get_context, 1, &op), -XEN_EFAULT);
	OK(control_destroy(1));
}

static void test_crash(void)
{
	struct vl_crash_reason r;
	struct vl_domain_info info;
	uint32_t port;

	world(2);
	run(0, 0);
	port = control_listen();
	memset(&r, 0xff, sizeof(r));
	OK(CONTROL(VL_CTL_crash_reason, 1, &r));
	EQ(r.text[0], 0);
	OK(control_told(port));
	(void)domain_crash(guest[1].d, "a test of %u", 5u);
	TRUE_(control_told(port));
	run(0, 0);
	OK(CONTROL(VL_CTL_crash_reason, 1, &r));
	OK(strcmp(r.text, "a test of 5"));
	info = control_info(1);
	TRUE_(info.flags & VL_DOMAIN_shutdown);
	EQ(info.shutdown_reason, SHUTDOWN_crash);
	/* It does not run again, whoever starts it. */
	OK(control(VL_CTL_pause, 1, NULL, 0));
	OK(control(VL_CTL_unpause, 1, NULL, 0));
	FALSE_(fake_run(guest[1].d->vcpu[0]));
	run(0, 0);
	OK(control_destroy(1));
}

/* Frames that others map: told as the last one goes. */
static void test_awaited(void)
{
	struct domain *d;
	uint32_t port;
	uint64_t at;

	world(2);
	run(0, 0);
	port = control_listen();
	d = guest[1].d;
	at = fake_guest_l1e_maddr(&guest[0], 34);
	OK(update_entry(at, entry_for(1, 20, RW), 1));
	OK(update_entry(at + 8, ptr_frame(d->shared) << PAGE_SHIFT | RO, 1));
	EQ(control_destroy(1), -XEN_EBUSY);
	(void)control_told(port);
	TRUE_(control_info(1).flags & VL_DOMAIN_dying);
	EQ(control(VL_CTL_pause, 1, NULL, 0), -XEN_ESRCH);
	EQ(control_create(1), -XEN_EEXIST);
	OK(update_entry(at, 0, DOMID_SELF));
	TRUE_(control_told(port));
	run(0, 0);
	EQ(control_destroy(1), -XEN_EBUSY);
	FALSE_(control_told(port));
	run(0, 0);
	OK(update_entry(at + 8, 0, DOMID_SELF));
	TRUE_(control_told(port));
	run(0, 0);
	OK(control_destroy(1));
	TRUE_(control_told(port));
}

CU_TestInfo control_life_tests[] = {
	{ "a life", test_life },
	{ "creation refused", test_create_refused },
	{ "limits of grants", test_grant_limits },
	{ "contexts", test_context },
	{ "crash reason", test_crash },
	{ "frames that others map", test_awaited },
	CU_TEST_INFO_NULL,
};
