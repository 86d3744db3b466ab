/* SPDX-License-Identifier: MIT */
/*
 * multicall: order, results, refusal of multicall and iret within, lists that
 * end in nowhere, and a long list that events interrupt.
 */
#include <test.h>

#define MANY 3000u

static volatile unsigned int events;

static void on_event(unsigned int port)
{
	(void)port;
	events++;
}

static void basics(void)
{
	static struct multicall_entry calls[5];

	memset(calls, 0, sizeof(calls));
	calls[0].op = __HYPERVISOR_xen_version;
	calls[1].op = 63;
	calls[2].op = __HYPERVISOR_xen_version;
	calls[2].args[0] = 1234;
	calls[3].op = ~0ul;
	calls[4].op = __HYPERVISOR_xen_version;
	calls[4].args[0] = XENVER_pagesize;
	EXPECT_RC(hyp_multicall(calls, 5), 0);
	EXPECT_RC(calls[0].result, hyp_xen_version(XENVER_version, NULL));
	EXPECT_RC(calls[1].result, -XEN_ENOSYS);
	EXPECT_RC(calls[2].result, -XEN_ENOSYS);
	EXPECT_RC(calls[3].result, -XEN_ENOSYS);
	EXPECT_RC(calls[4].result, PAGE_SIZE);
	EXPECT_RC(hyp_multicall(calls, 0), 0);
}

static void nested(void)
{
	static struct multicall_entry inner[1], calls[3];

	memset(calls, 0, sizeof(calls));
	inner[0] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .result = 77 };
	calls[0].op = __HYPERVISOR_multicall;
	calls[0].args[0] = (unsigned long)inner;
	calls[0].args[1] = 1;
	calls[1].op = __HYPERVISOR_multicall;
	calls[1].args[0] = (unsigned long)calls;
	calls[1].args[1] = 3;
	calls[2].op = __HYPERVISOR_xen_version;
	EXPECT_RC(hyp_multicall(calls, 3), 0);
	EXPECT_FAIL(calls[0].result);
	EXPECT_RC(inner[0].result, 77);
	EXPECT_FAIL(calls[1].result);
	EXPECT_RC(calls[2].result, hyp_xen_version(XENVER_version, NULL));
}

static void lists(void)
{
	char *page = page_alloc();
	struct multicall_entry *calls;

	EXPECT_EFAULT(p, hyp_multicall(p, 1));
	EXPECT_RC(hyp_multicall((void *)M2P_POINTER, 1), -XEN_EFAULT);
	/* Two entries before the end of what is mapped. */
	EXPECT_RC(map_frame(UNMAPPED + 0x100000000ul, virt_to_mfn(page), PTE_RW), 0);
	calls = (void *)(page + PAGE_SIZE - 2 * sizeof(*calls));
	calls[0].op = calls[1].op = __HYPERVISOR_xen_version;
	calls[0].result = calls[1].result = 0;
	calls = (void *)(UNMAPPED + 0x100000000ul + PAGE_SIZE - 2 * sizeof(*calls));
	EXPECT_RC(hyp_multicall(calls, 3), -XEN_EFAULT);
	EXPECT(calls[0].result != 0 && calls[1].result != 0);
	EXPECT_RC(hyp_multicall(calls, 0xffffffff), -XEN_EFAULT);
	EXPECT_RC(hyp_multicall(calls, 0x80000000), -XEN_EFAULT);
	/* Results that cannot be stored. */
	EXPECT_RC(va_set(UNMAPPED + 0x100000000ul, mfn_pte(virt_to_mfn(page), PTE_RO)), 0);
	EXPECT_RC(hyp_multicall(calls, 2), -XEN_EFAULT);
	EXPECT_RC(va_set(UNMAPPED + 0x100000000ul, 0), 0);
	page_free(page);
}

/* The list contains its own entries: each is executed as it is then. */
static void rewrites_itself(void)
{
	static struct multicall_entry calls[3];
	struct xen_memory_domain ask = { DOMID_SELF };

	memset(calls, 0, sizeof(calls));
	calls[0].op = __HYPERVISOR_xen_version;
	calls[0].args[0] = XENVER_extraversion;
	calls[0].args[1] = (unsigned long)&calls[1];
	calls[1].op = __HYPERVISOR_memory_op;
	calls[1].args[0] = XENMEM_current_reservation;
	calls[1].args[1] = (unsigned long)&ask;
	calls[2].op = __HYPERVISOR_xen_version;
	EXPECT_RC(hyp_multicall(calls, 3), 0);
	/* Its number is a text now. */
	EXPECT_RC(calls[1].result, -XEN_ENOSYS);
	EXPECT(calls[2].result != 0);
}

static void interrupted(void)
{
	static struct multicall_entry calls[MANY];
	unsigned int i, wrong = 0;
	long port = evtchn_bind_ipi(0);
	struct evtchn_send send = { (evtchn_port_t)port };

	NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
	evtchn_set_handler((unsigned int)port, on_event);
	for (i = 0; i < MANY; i++) {
		calls[i] = (struct multicall_entry){
			.op = __HYPERVISOR_xen_version,
			.args = { i % 2 ? XENVER_pagesize : XENVER_version },
		};
		if (i % 100 == 50) {
			calls[i].op = __HYPERVISOR_event_channel_op;
			calls[i].args[0] = EVTCHNOP_send;
			calls[i].args[1] = (unsigned long)&send;
			calls[i].result = 77;
		}
	}
	EXPECT_RC(hyp_multicall(calls, MANY), 0);
	for (i = 0; i < MANY; i++) {
		unsigned long want = i % 100 == 50 ? 0ul : i % 2 ? PAGE_SIZE : calls[0].result;

		wrong += calls[i].result != want;
	}
	EXPECT_RC(wrong, 0);
	/* More than one upcall: it was interrupted, and went on. */
	EXPECT(events > 1);
}

/* iret in a list: the list's own stack pointer is no frame. */
static void iret_within(void)
{
	static struct multicall_entry calls[2];

	memset(calls, 0, sizeof(calls));
	calls[0].op = __HYPERVISOR_iret;
	calls[0].result = 77;
	calls[1].op = __HYPERVISOR_xen_version;
	EXPECT_RC(hyp_multicall(calls, 2), 0);
	EXPECT_RC(calls[0].result, -XEN_ENOSYS);
	EXPECT(calls[1].result != 0);
}

void test(void)
{
	basics();
	nested();
	lists();
	rewrites_itself();
	interrupted();
	/* The published hypervisor takes the frame and goes elsewhere. */
	if (!test_arg("no-iret")) {
		iret_within();
	}
}
