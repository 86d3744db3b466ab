/* SPDX-License-Identifier: MIT */
/* The helpers of control_tool.h. */
#include "control_tool.h"

#include <xen/event_channel.h>
#include <xen/memory.h>

#include <hv/evtchn.h>

long control(uint64_t op, uint64_t domid, void *arg, size_t size)
{
	long rc;

	if (size != 0) {
		fake_put(FAKE_ARGS, arg, size);
	}
	rc = fake_call(__HYPERVISOR_vl_control, VL_CONTROL(op), domid, FAKE_ARGS);
	if (size != 0 && fake_running() != NULL) {
		fake_get(FAKE_ARGS, arg, size);
	}
	return rc;
}

/* ---- A toolstack --------------------------------------------------------------- */

struct vl_create control_params(void)
{
	return (struct vl_create){ .vcpus = VCPUS,
				   .max_frames = PAGES,
				   .grant_frames = 4,
				   .maptrack_frames = 2,
				   .event_ports = 100,
				   .handle = { 1, 2, 3 } };
}

long control_create(uint64_t domid)
{
	struct vl_create c = control_params();

	return CONTROL(VL_CTL_create, domid, &c);
}

/* Extents of that order for domain `id`, by the published call; frames to mfn. */
long control_populate(unsigned int id, unsigned int first, unsigned int count, unsigned int order,
		      unsigned long *mfn)
{
	struct xen_memory_reservation r = { .nr_extents = count,
					    .extent_order = order,
					    .domid = (domid_t)id };
	uint64_t list[FAKE_GUEST_PAGES] = { 0 };
	long n;

	for (unsigned int i = 0; i < count; i++) {
		list[i] = first + (i << order);
	}
	fake_put(LIST, list, count * sizeof(list[0]));
	r.extent_start.p = (void *)(uintptr_t)LIST;
	n = call_struct(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r, sizeof(r));
	fake_get(LIST, list, count * sizeof(list[0]));
	for (unsigned int i = 0; i < count << order; i++) {
		mfn[i] = list[i >> order] + i % (1u << order);
	}
	return n;
}

static uint64_t window(void)
{
	return fake_guest_l1e_maddr(&guest[0], WINDOW);
}

/* Writes to a frame of another domain through a mapping of it. */
static void write_frame(unsigned int id, unsigned long mfn, unsigned int at, const void *data,
			size_t n)
{
	OK(update_entry(window(), (uint64_t)mfn << PAGE_SHIFT | RW, id));
	OK(fake_call(__HYPERVISOR_mmuext_op, 0, 0, 0, DOMID_SELF));
	fake_put(fake_va(WINDOW, at), data, n);
	OK(unmap(WINDOW));
}

static void write_tables(unsigned int id, const struct fake_guest *g)
{
	static const unsigned int chain[] = { FAKE_PFN_L4, FAKE_PFN_L3, FAKE_PFN_L2, FAKE_PFN_L1 };
	uint64_t pte;

	for (unsigned int i = 0; i < 3; i++) {
		unsigned int slot = i == 0 ? (FAKE_GUEST_BASE >> 39) * 8 : 0;

		pte = (uint64_t)g->mfn[chain[i + 1]] << PAGE_SHIFT | RW;
		write_frame(id, g->mfn[chain[i]], slot, &pte, 8);
		if (i == 0) {
			write_frame(id, g->mfn[FAKE_PFN_USER_L4], slot, &pte, 8);
		}
	}
	for (unsigned int i = 0; i < g->pages; i++) {
		pte = (uint64_t)g->mfn[i] << PAGE_SHIFT | (i <= FAKE_PFN_USER_L4 ? RO : RW);
		write_frame(id, g->mfn[FAKE_PFN_L1], i * 8, &pte, 8);
	}
}

static long pin(unsigned int id, unsigned long mfn)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = mfn };

	fake_put(FAKE_ARGS, &op, sizeof(op));
	return fake_call(__HYPERVISOR_mmuext_op, FAKE_ARGS, 1, 0, id);
}

struct vcpu_guest_context control_context(const struct fake_guest *g)
{
	struct vcpu_guest_context c = { .flags = VGCF_in_kernel | VGCF_online };

	c.user_regs.rip = fake_va(FAKE_PFN_CODE, 0);
	c.user_regs.cs = FLAT_KERNEL_CS;
	c.user_regs.ss = FLAT_KERNEL_SS;
	c.user_regs.rflags = X86_EFLAGS_IF;
	c.user_regs.rsp = fake_va(FAKE_PFN_STACK, PAGE_SIZE);
	c.kernel_sp = c.user_regs.rsp;
	c.kernel_ss = FLAT_KERNEL_SS;
	c.event_callback_eip = fake_va(FAKE_PFN_CODE, 0x100);
	c.ctrlreg[3] = xen_pfn_to_cr3(g->mfn[FAKE_PFN_L4]);
	return c;
}

long control_set_context(unsigned int id, unsigned int vcpu, const struct vcpu_guest_context *c)
{
	struct vl_context op = { .vcpu = vcpu, .context = CONTEXT };

	fake_put(CONTEXT, c, sizeof(*c));
	return CONTROL(VL_CTL_set_context, id, &op);
}

/* Domain 1 as a toolstack makes it, up to the moment when it may run. */
void control_build(void)
{
	struct vcpu_guest_context c;
	struct fake_guest *g = &guest[1];

	EQ(control_create(VL_DOMID_ANY), 1);
	memset(g, 0, sizeof(*g));
	g->d = domain_get(1);
	domain_put(g->d);
	g->pages = PAGES;
	EQ(control_populate(1, 0, PAGES, 0, g->mfn), PAGES);
	write_tables(1, g);
	OK(pin(1, g->mfn[FAKE_PFN_L4]));
	c = control_context(g);
	OK(control_set_context(1, 0, &c));
}

struct vl_domain_info control_info(unsigned int id)
{
	struct vl_list l = { .count = 1, .list = LIST };
	struct vl_domain_info info;

	EQ(CONTROL(VL_CTL_domain_info, id, &l), 1);
	fake_get(LIST, &info, sizeof(info));
	EQ(info.domid, id);
	return info;
}

long control_destroy(unsigned int id)
{
	long rc = control(VL_CTL_destroy, id, NULL, 0);

	fake_settle();
	run(0, 0);
	return rc;
}

/* Takes the event of the control domain's port for VIRQ_DOM_EXC, if there is one. */
bool control_told(uint32_t port)
{
	bool was = evtchn_is_pending(guest[0].d, port);
	uint64_t *word = &guest[0].d->shared->evtchn_pending[port / 64];

	fake_settle();
	was = evtchn_is_pending(guest[0].d, port);
	*word &= ~(1ull << port % 64);
	return was;
}

uint32_t control_listen(void)
{
	struct evtchn_bind_virq b = { .virq = VIRQ_DOM_EXC };

	OK(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &b, sizeof(b)));
	return b.port;
}

void control_zero(void)
{
	char zero[512] = { 0 };

	fake_put(FAKE_ARGS, zero, sizeof(zero));
}

long control_raw(uint64_t cmd, uint64_t domid)
{
	return fake_call(__HYPERVISOR_vl_control, cmd, domid, FAKE_ARGS);
}
