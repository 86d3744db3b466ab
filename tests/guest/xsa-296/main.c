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
#include <tree.h>

static struct vcpu_guest_context context;
static volatile bool in_call, give_up;
static volatile unsigned int interrupted, ran;

static bool on_event(struct trap_regs *regs)
{
	if (in_call && at_syscall(regs) &&
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
	build_tree(page_alloc(), 300, true);
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
