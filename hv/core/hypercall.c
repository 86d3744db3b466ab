/* SPDX-License-Identifier: MIT */
/*
 * The hypercall table, the dispatcher, and the life of a long hypercall.  The
 * entry path calls hypercall_dispatch() for a SYSCALL from guest-kernel mode;
 * multicall.c calls hypercall_invoke() for each entry.  No lock: everything
 * here belongs to the current vCPU.  Never looks into guest memory.
 *
 * A long hypercall stops by storing what is left to do in the guest's own
 * argument registers and moving its rip back onto the SYSCALL instruction.
 * From there on nothing of it exists in the core: the guest takes whatever is
 * pending and executes the call again.  So the rest of the work is as
 * untrusted as a new call is, and handlers treat it so.
 */
#include <hv/hypercall.h>

#include <vl/control.h>

#define SYSCALL_INSN_LEN 2
#define STUB_SIZE 32

struct hypercall {
	const char *name;
	uint8_t nargs; /* which member of call */
	union {
		long (*a0)(void);
		long (*a1)(uint64_t);
		long (*a2)(uint64_t, uint64_t);
		long (*a3)(uint64_t, uint64_t, uint64_t);
		long (*a4)(uint64_t, uint64_t, uint64_t, uint64_t);
	} call;
};

#define CALL(nr, n) [__HYPERVISOR_##nr] = { #nr, n, { .a##n = do_##nr } },

/*
 * A number without a line is answered with -XEN_ENOSYS.  Of the published ones:
 * sched_op_compat, event_channel_op_compat, physdev_op_compat and nmi_op, which
 * have successors; sysctl and domctl, unstable interfaces instead of which there
 * is the control ABI at arch_7; tmem_op, withdrawn by its publisher; and
 * what the core does not do: xsm_op (there is no security policy to load),
 * xenoprof_op, xenpmu_op (performance counters are not shared out), hvm_op,
 * dm_op, kexec_op, argo_op, hypfs_op, and arch_0 (machine checks).
 */
static const struct hypercall table[HYPERCALL_COUNT] = { HYPERCALLS(CALL) };
_Static_assert(__HYPERVISOR_arch_7 < HYPERCALL_COUNT &&
		       __HYPERVISOR_vl_control == __HYPERVISOR_arch_7,
	       "all have a slot");

static long call_handler(uint64_t nr, const uint64_t *a)
{
	const struct hypercall *h;

	if (unlikely(nr >= HYPERCALL_COUNT)) {
		return -XEN_ENOSYS;
	}
	h = &table[index_nospec(nr, HYPERCALL_COUNT)];
	switch (h->nargs) {
	case 1:
		return h->call.a1(a[0]);
	case 2:
		return h->call.a2(a[0], a[1]);
	case 3:
		return h->call.a3(a[0], a[1], a[2]);
	case 4:
		return h->call.a4(a[0], a[1], a[2], a[3]);
	default:
		return h->name != NULL ? h->call.a0() : -XEN_ENOSYS;
	}
}

long hypercall_invoke(uint64_t nr, const uint64_t args[HYPERCALL_ARGS])
{
	struct vcpu *v = current_vcpu();
	long result = call_handler(nr, args);
	struct hypercall_record *r = &v->history[v->history_next++ % ARRAY_SIZE(v->history)];

	/* Field by field: a structure would be made up first and copied then. */
	r->nr = (uint8_t)MIN(nr, (uint64_t)UINT8_MAX);
	r->arg[0] = args[0];
	r->arg[1] = args[1];
	r->arg[2] = args[2];
	r->result = result;
	return result;
}

void hypercall_dispatch(struct guest_regs *regs)
{
	uint64_t args[HYPERCALL_ARGS] = { regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8 };
	uint64_t nr = regs->rax;
	long result = hypercall_invoke(nr, args);

	if (nr == __HYPERVISOR_iret) {
		return; /* it has loaded all registers, rax with them */
	}
	if (unlikely(result == -XEN_ERESTART)) {
		/* rax still holds the number; hypercall_restart() has
		 * written the arguments. */
		regs->rip -= SYSCALL_INSN_LEN;
	} else {
		regs->rax = (uint64_t)result;
	}
}

bool hypercall_preempt(void)
{
	arch_irq_window();
	return READ_ONCE(this_cpu()->softirq) != 0 || READ_ONCE(current_vcpu()->kick) != 0;
}

long hypercall_restart(unsigned int nargs, const uint64_t args[])
{
	struct vcpu *v = current_vcpu();
	struct guest_regs *regs = &v->regs;
	uint64_t *const reg[HYPERCALL_ARGS] = { &regs->rdi, &regs->rsi, &regs->rdx, &regs->r10,
						&regs->r8 };

	CHECK(nargs <= HYPERCALL_ARGS);
	for (unsigned int i = 0; i < nargs; i++) {
		*(v->mc != NULL ? &v->mc->args[i] : reg[i]) = args[i];
	}
	return -XEN_ERESTART;
}

/*
 * A stub keeps rcx and r11, which SYSCALL destroys. The one of iret pushes
 * what the rest of its frame lacks and is never returned to.
 */
void hypercall_page_fill(void *dst)
{
	/* push %rcx; push %r11; a byte, see below; mov $number, %eax; syscall;
	 * pop %r11; pop %rcx; ret */
	static const uint8_t enter[] = { 0x51, 0x41, 0x53, 0,	 0xb8, 0,    0,	  0,
					 0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
	uint8_t *stub = dst;

	memset(dst, 0xcc, PAGE_SIZE); /* int3 */
	for (unsigned int nr = 0; nr < PAGE_SIZE / STUB_SIZE; nr++, stub += STUB_SIZE) {
		memcpy(stub, enter, sizeof(enter));
		/* push %rax, or a prefix that changes nothing about the mov. */
		stub[3] = nr == __HYPERVISOR_iret ? 0x50 : 0x40;
		stub[5] = (uint8_t)nr;
	}
}

void hypercall_history_print(const struct vcpu *v)
{
	/* A multicall comes behind its entries. */
	pr_err("last hypercalls of d%uv%u, newest last:", v->domain->id, v->id);
	for (uint64_t i = v->history_next - MIN(v->history_next, ARRAY_SIZE(v->history));
	     i < v->history_next; i++) {
		const struct hypercall_record *r = &v->history[i % ARRAY_SIZE(v->history)];
		const char *name = r->nr < HYPERCALL_COUNT ? table[r->nr].name : NULL;

		pr_err("  %s [%u] (%#lx, %#lx, %#lx) = %ld", name != NULL ? name : "unknown call",
		       r->nr, r->arg[0], r->arg[1], r->arg[2], r->result);
	}
}
