/* SPDX-License-Identifier: MIT */
/*
 * A hostile neighbour: guest 1 tries every call that names another domain, or
 * that is for the control domain, against domain 0 and against guest 2, and is
 * refused each time; it maps none of the machine's frames but its own.  The
 * victims check that nothing of theirs has changed.
 */
#include <test.h>

#define PATTERN 0x5a5aa5a5f00dcafeul
#define STEP 5u /* frames between two that are tried */

static unsigned long *pattern;
static volatile unsigned int events;

static void on_event(unsigned int port)
{
	(void)port;
	events++;
}

static void memory_of(unsigned int dom)
{
	struct xen_memory_domain ask = { .domid = (domid_t)dom };
	xen_pfn_t frame = virt_to_mfn(pattern);
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = (domid_t)dom };
	struct xen_memory_exchange x = {
		.in = { .nr_extents = 1, .domid = (domid_t)dom },
		.out = { .nr_extents = 1, .domid = (domid_t)dom },
	};

	set_xen_guest_handle(r.extent_start, &frame);
	set_xen_guest_handle(x.in.extent_start, &frame);
	set_xen_guest_handle(x.out.extent_start, &frame);
	EXPECT_RC(hyp_memory_op(XENMEM_increase_reservation, &r), -XEN_EPERM);
	EXPECT_RC(hyp_memory_op(XENMEM_decrease_reservation, &r), -XEN_EPERM);
	EXPECT_RC(hyp_memory_op(XENMEM_populate_physmap, &r), -XEN_EPERM);
	EXPECT_FAIL(hyp_memory_op(XENMEM_exchange, &x));
	EXPECT_RC(hyp_memory_op(XENMEM_current_reservation, &ask), -XEN_EPERM);
	EXPECT_RC(hyp_memory_op(XENMEM_maximum_reservation, &ask), -XEN_EPERM);
	EXPECT_RC(hyp_memory_op(XENMEM_maximum_gpfn, &ask), -XEN_EPERM);
}

static void tables_of(unsigned int dom)
{
	struct mmu_update req = { mm_slot_maddr((unsigned long)pattern, 1), 0 };
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = virt_to_mfn(pattern) };
	unsigned int kind;

	for (kind = 0; kind < 4; kind++) {
		req.ptr = (req.ptr & ~3ul) | kind;
		EXPECT_RC(hyp_mmu_update(&req, 1, NULL, dom), -XEN_EPERM);
		EXPECT_FAIL(hyp_mmu_update(&req, 1, NULL, (dom + 1) << 16));
		EXPECT_RC(hyp_mmu_update(&req, 1, NULL, (dom + 1) << 16 | dom), -XEN_EPERM);
	}
	for (kind = 0; kind < 24; kind++) {
		op.cmd = kind;
		EXPECT_FAIL(hyp_mmuext_op(&op, 1, NULL, dom));
	}
	EXPECT_RC(hyp_update_va_mapping_otherdomain((unsigned long)pattern,
						    mfn_pte(virt_to_mfn(pattern), PTE_RW), 0, dom),
		  -XEN_EPERM);
}

static void ports_of(unsigned int dom)
{
	struct evtchn_alloc_unbound alloc = { .dom = (domid_t)dom, .remote_dom = DOMID_SELF };
	struct evtchn_status status = { .dom = (domid_t)dom, .port = 1 };
	struct evtchn_reset reset = { .dom = (domid_t)dom };
	struct sched_remote_shutdown kill = { .domain_id = (domid_t)dom, .reason = SHUTDOWN_crash };
	unsigned int port;

	EXPECT_RC(hyp_event_channel_op(EVTCHNOP_alloc_unbound, &alloc), -XEN_EPERM);
	EXPECT_RC(hyp_event_channel_op(EVTCHNOP_status, &status), -XEN_EPERM);
	EXPECT_RC(hyp_event_channel_op(EVTCHNOP_reset, &reset), -XEN_EPERM);
	EXPECT_RC(hyp_sched_op(SCHEDOP_remote_shutdown, &kill), -XEN_EPERM);
	for (port = 0; port < 64; port++) {
		EXPECT_RC(evtchn_bind_interdomain(dom, port), -XEN_EINVAL);
	}
}

static void machine(void)
{
	static union {
		struct xen_platform_op platform;
		struct xen_memory_map map;
		struct xen_machphys_mfn_list list;
		char bytes[256];
	} arg;
	struct evtchn_bind_pirq pirq = { .pirq = 4 };
	unsigned int cmd;
	char buffer[16];

	for (cmd = 0; cmd < 80; cmd++) {
		memset(&arg, 0, sizeof(arg));
		arg.platform.cmd = cmd;
		arg.platform.interface_version = XENPF_INTERFACE_VERSION;
		EXPECT_RC(hyp_platform_op(&arg.platform), -XEN_EPERM);
	}
	memset(&arg, 0, sizeof(arg));
	EXPECT_RC(hyp_memory_op(XENMEM_machine_memory_map, &arg), -XEN_EPERM);
	EXPECT_RC(hyp_memory_op(XENMEM_machphys_mfn_list, &arg), -XEN_ENOSYS);
	for (cmd = 0; cmd < 40; cmd++) {
		for (unsigned int id = 0; id < 3; id++) {
			memset(&arg, 0, sizeof(arg));
			EXPECT_RC(hypercall5(__HYPERVISOR_arch_7, 1u << 16 | cmd, id,
					     (unsigned long)&arg, 0, 0),
				  -XEN_EPERM);
		}
	}
	EXPECT_FAIL(hyp_memory_op(XENMEM_memory_map, &arg));
	for (cmd = 0; cmd < 40; cmd++) {
		memset(&arg, 0, sizeof(arg));
		if (cmd != PHYSDEVOP_set_iopl) {
			EXPECT_FAIL(hyp_physdev_op(cmd, &arg));
		}
	}
	EXPECT_RC(hyp_event_channel_op(EVTCHNOP_bind_pirq, &pirq), -XEN_EPERM);
	EXPECT_RC(hyp_console_io(CONSOLEIO_read, sizeof(buffer), buffer), -XEN_EPERM);
	EXPECT_RC(mmuext(MMUEXT_FLUSH_CACHE, 0), -XEN_EPERM);
}

/* Every frame that is not ours, RAM of others, of the core, and devices. */
static void frames(void)
{
	unsigned long mfn, last = (unsigned long)hyp_memory_op(XENMEM_maximum_ram_page, NULL);
	unsigned long va = (unsigned long)page_alloc(), tried = 0, mapped = 0, pinned = 0;
	uint64_t own = mfn_pte(virt_to_mfn((void *)va), PTE_RW);

	EXPECT(last > 1000 && last < 1ul << 24);
	for (mfn = 0; mfn <= last + 64; mfn += STEP) {
		unsigned long pfn = mfn <= last ? mfn_to_pfn(mfn) : ~0ul;

		if ((pfn < shim_start_info->nr_pages && pfn_to_mfn(pfn) == mfn) ||
		    mfn == shim_start_info->shared_info >> PAGE_SHIFT) {
			continue;
		}
		tried++;
		mapped += va_set(va, mfn_pte(mfn, PTE_RO)) == 0;
		mapped += va_set(va, mfn_pte(mfn, PTE_RW)) == 0;
		pinned += mmuext(MMUEXT_PIN_L1_TABLE, mfn) == 0;
	}
	for (mfn = 0xfee00; mfn < 0xfee02; mfn++) {
		mapped += va_set(va, mfn_pte(mfn, PTE_RW | PTE_PCD)) == 0;
	}
	EXPECT(tried > 1000);
	EXPECT_RC(mapped, 0);
	EXPECT_RC(pinned, 0);
	EXPECT_RC(va_set(va, own), 0);
}

static void attack(void)
{
	static const unsigned int victims[] = { 0, 2 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(victims); i++) {
		memory_of(victims[i]);
		tables_of(victims[i]);
		ports_of(victims[i]);
	}
	machine();
	frames();
	EXPECT((shim_start_info->flags & (SIF_PRIVILEGED | SIF_INITDOMAIN)) == 0);
}

static void check_pattern(void)
{
	unsigned int i;

	for (i = 0; i < PAGE_SIZE / 8 && pattern[i] == PATTERN; i++) {}
	EXPECT_RC(i, PAGE_SIZE / 8);
	EXPECT_NO_TRAP(pattern[0] = 0);
}

void test(void)
{
	unsigned int i;
	long port;

	pattern = page_alloc();
	for (i = 0; i < PAGE_SIZE / 8; i++) {
		pattern[i] = PATTERN;
	}
	if (test_arg("attack")) {
		attack();
		return;
	}
	/* Offered to each other, so none of them is the attacker's. */
	port = evtchn_alloc_unbound(is_control() ? 2 : 0);
	EXPECT(port > 0);
	if (is_control()) {
		WAIT_FOR(is_gone(1));
		port = -1;
		WAIT_FOR((port = bind_any(2, 1)) > 0);
		EXPECT_RC(evtchn_send((unsigned int)port), 0);
		WAIT_FOR(is_gone(2));
	} else {
		evtchn_set_handler((unsigned int)port, on_event);
		EXPECT_RC(evtchn_unmask((unsigned int)port), 0);
		WAIT_FOR(events > 0);
	}
	check_pattern();
}
