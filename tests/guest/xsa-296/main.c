/* SPDX-License-Identifier: MIT */
/*
 * XSA-296: a call that is interrupted and cannot say how to go on. Which calls
 * can be interrupted depends on what they meet, and one that nobody had thought
 * of (VCPUOP_initialise, whose page table must be checked) met a check that
 * ended the machine.
 *
 * Here a vCPU is initialised with large trees as its kernel's and its user's
 * tables, alone and in a multicall, while a timer runs: it is interrupted, goes
 * on, and takes each table once. A context that is refused at its end, after
 * the tables were checked, leaves nothing behind; one that is given up half-way
 * neither. Needs two vCPUs.
 */
#include <test.h>

#define L1_TABLES 96u
#define SYSCALL_BYTES 0x050fu

static uint64_t *l4, *l3, *l2, *l1[L1_TABLES];
static struct vcpu_guest_context context;
static volatile bool in_call, give_up;
static volatile unsigned int interrupted, ran;

static bool on_event(struct trap_regs *regs)
{
	if (in_call && READ_ONCE(*(const uint16_t *)regs->rip) == SYSCALL_BYTES &&
	    (regs->rax == __HYPERVISOR_vcpu_op || regs->rax == __HYPERVISOR_multicall)) {
		interrupted++;
		if (give_up) {
			regs->rip += 2;
			regs->rax = (uint64_t)-XEN_EINTR;
			in_call = false;
		}
	}
	return false;
}

static void build(const void *leaf)
{
	unsigned int i, j;

	l4 = page_alloc();
	l3 = page_alloc();
	l2 = page_alloc();
	for (i = 0; i < L1_TABLES; i++) {
		l1[i] = page_alloc();
		for (j = 0; j < TABLE_ENTRIES; j++) {
			l1[i][j] = mfn_pte(virt_to_mfn(leaf), PTE_RO);
		}
		l2[i * 5] = mfn_pte(virt_to_mfn(l1[i]), PTE_TABLE);
		page_protect(l1[i], false);
	}
	l3[3] = mfn_pte(virt_to_mfn(l2), PTE_TABLE);
	for (i = 0; i < TABLE_ENTRIES; i++) {
		if (i < 256 || i >= 272) {
			l4[i] = mm_l4()[i];
		}
	}
	l4[300] = mfn_pte(virt_to_mfn(l3), PTE_TABLE);
	page_protect(l2, false);
	page_protect(l3, false);
	page_protect(l4, false);
}

static long initialise(bool in_list)
{
	static struct multicall_entry calls[2];
	long rc;

	if (!in_list) {
		return hyp_vcpu_op(VCPUOP_initialise, 1, &context);
	}
	calls[0] = (struct multicall_entry){
		.op = __HYPERVISOR_vcpu_op,
		.args = { VCPUOP_initialise, 1, (unsigned long)&context },
	};
	calls[1] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version };
	rc = hyp_multicall(calls, 2);
	return rc != 0 ? rc : (long)calls[0].result;
}

/* The context asks for something that comes after its tables. */
static void refused(bool in_list, bool give)
{
	unsigned int i, before = interrupted;
	uint64_t took = 1000000, start;
	long rc;

	for (i = 0; i < 20 && interrupted == before; i++) {
		smp_context(&context, 1);
		context.ctrlreg[3] = xen_pfn_to_cr3(virt_to_mfn(l4));
		context.ctrlreg[1] = xen_pfn_to_cr3(0xfee00);
		start = time_ns();
		NEED(hyp_set_timer_op((int64_t)(start + took * (i % 5 + 2) / 8)) == 0);
		give_up = give;
		in_call = true;
		rc = initialise(in_list);
		in_call = give_up = false;
		took = interrupted == before ? time_ns() - start : took;
		EXPECT(rc < 0 && rc != -XEN_EFAULT && rc > -4096);
		/* The vCPU keeps the table that it was refused with, until it is
		 * told of another; then all that was taken is free. */
		smp_context(&context, 1);
		context.ctrlreg[1] = xen_pfn_to_cr3(0xfee00);
		EXPECT_FAIL(initialise(false));
	}
	EXPECT(interrupted > before);
	EXPECT_RC(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(l4)), 0);
	EXPECT_RC(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(l4)), 0);
	EXPECT_RC(try_page_protect(l4, true), 0);
	EXPECT_RC(try_page_protect(l2, true), 0);
	page_protect(l2, false);
	page_protect(l4, false);
}

static void job(unsigned long arg)
{
	ran += (unsigned int)arg;
}

void test(void)
{
	long port = evtchn_bind_virq(VIRQ_TIMER, 0);
	uint64_t start;

	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		test_skip("needs two vCPUs");
	}
	NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	build(page_alloc());
	trap_set_hook(SHIM_VECTOR_EVENT, on_event);
	refused(false, false);
	refused(true, false);
	refused(false, true);
	refused(true, true);
	/* At last a good one, which is interrupted, too, and runs. */
	smp_context(&context, 1);
	context.ctrlreg[3] = xen_pfn_to_cr3(virt_to_mfn(l4));
	context.ctrlreg[1] = xen_pfn_to_cr3(virt_to_mfn(l4));
	start = time_ns();
	NEED(hyp_set_timer_op((int64_t)start + 200000) == 0);
	EXPECT_RC(initialise(true), 0);
	EXPECT_RC(initialise(false), -XEN_EEXIST);
	EXPECT_RC(smp_start(1, job, 3), 0);
	smp_wait(1);
	EXPECT_RC(ran, 3);
	EXPECT_FAIL(try_page_protect(l4, true));
	EXPECT_FAIL(try_page_protect(l2, true));
}
