/* SPDX-License-Identifier: MIT */
/*
 * Further vCPUs: each runs one function on its own stack, in the kernel's page
 * table, with the handlers of the first, and goes down at the end of it.
 */
#include "shim.h"

extern char shim_stacks[];
void shim_secondary_entry(void);
void shim_secondary(unsigned int cpu);

static struct {
	void (*fn)(unsigned long);
	unsigned long arg;
} jobs[SHIM_MAX_CPUS];

unsigned int cpu_id(void)
{
	unsigned long at = (unsigned long)__builtin_frame_address(0) - (unsigned long)shim_stacks;

	/* On any other stack it is the first vCPU: guests play with that. */
	return at < SHIM_STACK_SIZE * SHIM_MAX_CPUS ? (unsigned int)(at / SHIM_STACK_SIZE) : 0;
}

void smp_context(struct vcpu_guest_context *c, unsigned int cpu)
{
	unsigned int i;

	memset(c, 0, sizeof(*c));
	c->flags = VGCF_in_kernel; /* not online: VCPUOP_up does that */
	c->user_regs.rip = (uint64_t)shim_secondary_entry;
	c->user_regs.rsp = (uint64_t)(shim_stacks + SHIM_STACK_SIZE * (cpu + 1));
	c->user_regs.rdi = cpu;
	c->user_regs.rflags = 0x200;
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	for (i = 0; i < 32; i++) {
		c->trap_ctxt[i] = shim_trap_table[i];
	}
	c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = c->user_regs.rsp;
	c->ctrlreg[3] = xen_pfn_to_cr3(virt_to_mfn(mm_l4()));
	c->event_callback_eip = (unsigned long)shim_event_callback;
	c->failsafe_callback_eip = (unsigned long)shim_failsafe_callback;
	c->syscall_callback_eip = (unsigned long)shim_syscall_callback;
}

long smp_start(unsigned int cpu, void (*fn)(unsigned long), unsigned long arg)
{
	static struct vcpu_guest_context context;
	long rc;

	if (cpu >= SHIM_MAX_CPUS) {
		return -XEN_ENOENT;
	}
	jobs[cpu].fn = fn;
	jobs[cpu].arg = arg;
	WRITE_ONCE(shim_shared->vcpu_info[cpu].evtchn_upcall_mask, 1);
	smp_context(&context, cpu);
	rc = hyp_vcpu_op(VCPUOP_initialise, cpu, &context);
	if (rc != 0 && rc != -XEN_EEXIST) {
		return rc;
	}
	return hyp_vcpu_op(VCPUOP_up, cpu, NULL);
}

void shim_secondary(unsigned int cpu)
{
	/* A vCPU that comes up again goes on behind the call. */
	for (;;) {
		jobs[cpu].fn(jobs[cpu].arg);
		(void)hyp_vcpu_op(VCPUOP_down, cpu, NULL);
	}
}

void smp_wait(unsigned int cpu)
{
	while (hyp_vcpu_op(VCPUOP_is_up, cpu, NULL) == 1) {
		(void)hyp_sched_op(SCHEDOP_yield, NULL);
	}
}
