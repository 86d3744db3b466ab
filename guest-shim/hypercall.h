/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: hypercall5() executes any of them with raw arguments, the rest
 * are typed wrappers under the published names. All return what the core
 * returned: 0 or more, or a negative XEN_E*; nothing is checked or retried.
 *
 * The argument registers count as changed, because a call that the core
 * interrupts and continues rewrites them.
 */
#ifndef SHIM_HYPERCALL_H
#define SHIM_HYPERCALL_H

#include <xen/callback.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/xen.h>

static inline long hypercall5(unsigned long nr, unsigned long a1, unsigned long a2,
			      unsigned long a3, unsigned long a4, unsigned long a5)
{
	register unsigned long r10 __asm__("r10") = a4;
	register unsigned long r8 __asm__("r8") = a5;
	long result = (long)nr;

	__asm__ __volatile__("syscall"
			     : "+a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
			     :
			     : "rcx", "r11", "memory", "cc");
	return result;
}

#define SHIM_ARG(x) ((unsigned long)(x))
#define hypercall0(nr) hypercall5(nr, 0, 0, 0, 0, 0)
#define hypercall1(nr, a) hypercall5(nr, SHIM_ARG(a), 0, 0, 0, 0)
#define hypercall2(nr, a, b) hypercall5(nr, SHIM_ARG(a), SHIM_ARG(b), 0, 0, 0)
#define hypercall3(nr, a, b, c) hypercall5(nr, SHIM_ARG(a), SHIM_ARG(b), SHIM_ARG(c), 0, 0)
#define hypercall4(nr, a, b, c, d) \
	hypercall5(nr, SHIM_ARG(a), SHIM_ARG(b), SHIM_ARG(c), SHIM_ARG(d), 0)

static inline long hyp_set_trap_table(const struct trap_info *table)
{
	return hypercall1(__HYPERVISOR_set_trap_table, table);
}

static inline long hyp_mmu_update(const struct mmu_update *reqs, unsigned long count,
				  unsigned int *done, unsigned long foreigndom)
{
	return hypercall4(__HYPERVISOR_mmu_update, reqs, count, done, foreigndom);
}

static inline long hyp_set_gdt(const xen_pfn_t *frames, unsigned long entries)
{
	return hypercall2(__HYPERVISOR_set_gdt, frames, entries);
}

static inline long hyp_stack_switch(unsigned long ss, unsigned long sp)
{
	return hypercall2(__HYPERVISOR_stack_switch, ss, sp);
}

static inline long hyp_set_callbacks(unsigned long event, unsigned long failsafe,
				     unsigned long syscall)
{
	return hypercall3(__HYPERVISOR_set_callbacks, event, failsafe, syscall);
}

static inline long hyp_fpu_taskswitch(unsigned long set)
{
	return hypercall1(__HYPERVISOR_fpu_taskswitch, set);
}

static inline long hyp_platform_op(struct xen_platform_op *op)
{
	return hypercall1(__HYPERVISOR_platform_op, op);
}

static inline long hyp_set_debugreg(unsigned long reg, unsigned long value)
{
	return hypercall2(__HYPERVISOR_set_debugreg, reg, value);
}

static inline long hyp_get_debugreg(unsigned long reg)
{
	return hypercall1(__HYPERVISOR_get_debugreg, reg);
}

static inline long hyp_update_descriptor(uint64_t maddr, uint64_t desc)
{
	return hypercall2(__HYPERVISOR_update_descriptor, maddr, desc);
}

static inline long hyp_memory_op(unsigned long cmd, void *arg)
{
	return hypercall2(__HYPERVISOR_memory_op, cmd, arg);
}

static inline long hyp_multicall(struct multicall_entry *list, unsigned long count)
{
	return hypercall2(__HYPERVISOR_multicall, list, count);
}

static inline long hyp_update_va_mapping(unsigned long va, uint64_t pte, unsigned long flags)
{
	return hypercall3(__HYPERVISOR_update_va_mapping, va, pte, flags);
}

static inline long hyp_set_timer_op(int64_t deadline)
{
	return hypercall1(__HYPERVISOR_set_timer_op, deadline);
}

static inline long hyp_xen_version(unsigned long cmd, void *arg)
{
	return hypercall2(__HYPERVISOR_xen_version, cmd, arg);
}

static inline long hyp_console_io(unsigned long cmd, long count, const char *buffer)
{
	return hypercall3(__HYPERVISOR_console_io, cmd, count, buffer);
}

static inline long hyp_grant_table_op(unsigned long cmd, void *args, unsigned long count)
{
	return hypercall3(__HYPERVISOR_grant_table_op, cmd, args, count);
}

static inline long hyp_vm_assist(unsigned long cmd, unsigned long type)
{
	return hypercall2(__HYPERVISOR_vm_assist, cmd, type);
}

static inline long hyp_update_va_mapping_otherdomain(unsigned long va, uint64_t pte,
						     unsigned long flags, unsigned long dom)
{
	return hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, va, pte, flags, dom);
}

static inline long hyp_vcpu_op(unsigned long cmd, unsigned long vcpu, void *arg)
{
	return hypercall3(__HYPERVISOR_vcpu_op, cmd, vcpu, arg);
}

static inline long hyp_set_segment_base(unsigned long which, unsigned long base)
{
	return hypercall2(__HYPERVISOR_set_segment_base, which, base);
}

static inline long hyp_mmuext_op(const struct mmuext_op *ops, unsigned long count,
				 unsigned int *done, unsigned long foreigndom)
{
	return hypercall4(__HYPERVISOR_mmuext_op, ops, count, done, foreigndom);
}

static inline long hyp_nmi_op(unsigned long cmd, void *arg)
{
	return hypercall2(__HYPERVISOR_nmi_op, cmd, arg);
}

static inline long hyp_sched_op(unsigned long cmd, void *arg)
{
	return hypercall2(__HYPERVISOR_sched_op, cmd, arg);
}

static inline long hyp_callback_op(unsigned long cmd, const void *arg)
{
	return hypercall2(__HYPERVISOR_callback_op, cmd, arg);
}

static inline long hyp_event_channel_op(unsigned long cmd, void *arg)
{
	return hypercall2(__HYPERVISOR_event_channel_op, cmd, arg);
}

static inline long hyp_physdev_op(unsigned long cmd, void *arg)
{
	return hypercall2(__HYPERVISOR_physdev_op, cmd, arg);
}

#endif
