/* SPDX-License-Identifier: MIT */
/*
 * vCPUs: making and ending them, loading a whole context, and moving the
 * vcpu_info.  Called by domain.c, build.c, vcpu_op.c and crash.c.  Fields of a
 * vCPU that is not running need no lock; where vcpu_info lies is covered by
 * the event lock, because senders write to it from any CPU.  When a vCPU runs
 * is sched.c's.
 */
#include <hv/vcpu.h>

#include <arch/switch.h>

#include <hv/evtchn.h>
#include <hv/guest_access.h>
#include <hv/heap.h>
#include <hv/mm.h>
#include <hv/sched.h>
#include <hv/trap.h>
#include <hv/vtime.h>

#define ASSIST_OFFERED \
	(1ul << VMASST_TYPE_writable_pagetables | 1ul << VMASST_TYPE_runstate_update_flag)

_Static_assert(sizeof(struct vcpu_guest_context) == 5168, "published size");
_Static_assert(sizeof(struct vcpu_info) == 64, "published size");
_Static_assert(offsetof(struct cpu_user_regs, r15) == 0 &&
		       offsetof(struct cpu_user_regs, error_code) ==
			       offsetof(struct guest_regs, error_code) &&
		       offsetof(struct cpu_user_regs, ss) == offsetof(struct guest_regs, ss),
	       "what both have is in the same order");

/* ---- Life ----------------------------------------------------------------- */

struct vcpu *vcpu_lookup(struct domain *d, uint64_t id)
{
	return id < d->max_vcpus ? d->vcpu[index_nospec(id, d->max_vcpus)] : NULL;
}

/* Its FPU state, which has to be aligned, follows in the same block. */
#define FPU_OFFSET ((sizeof(struct vcpu) + 63) & ~63ul)

static size_t vcpu_size(void)
{
	return FPU_OFFSET + arch_fpu_size();
}

int vcpu_create(struct domain *d, unsigned int id)
{
	struct vcpu *v = heap_alloc_bytes(vcpu_size());

	if (v == NULL) {
		return -XEN_ENOMEM;
	}
	v->domain = d;
	v->id = id;
	v->pause_flags = PAUSE_DOWN;
	v->xcr0 = 1; /* x87 only, as after reset */
	v->dr[6] = DR6_FIXED;
	v->dr[7] = DR7_FIXED;
	v->info = id < XEN_LEGACY_MAX_VCPUS ? &d->shared->vcpu_info[id] : &v->own_info;
	v->info->evtchn_upcall_mask = 1;
	v->fpu = (char *)v + FPU_OFFSET;
	arch_vcpu_init(v);
	sched_init_vcpu(v);
	vtime_init_vcpu(v);
	d->vcpu[id] = v;
	return 0;
}

int vcpu_destroy(struct vcpu *v)
{
	struct domain *d = v->domain;
	int rc;

	/* The domain is dying: nobody wakes it, registers or arms any more,
	 * and its areas are written to only as it is scheduled. */
	CHECK(!__atomic_load_n(&v->loaded, __ATOMIC_ACQUIRE));
	timer_stop(&v->singleshot);
	timer_stop(&v->poll_timer);
	timer_stop(&v->cap_timer);

	rc = vcpu_drop_tables(v);
	if (rc != 0) {
		return rc;
	}
	/* No frames: nothing that could be refused. */
	CHECK(vcpu_set_gdt(v, v->gdt_frame, 0) == 0);
	ldt_drop(v);
	guest_area_drop(&v->runstate_area);
	guest_area_drop(&v->time_area);
	spin_lock(&d->evtchn_lock);
	v->info = &v->own_info;
	spin_unlock(&d->evtchn_lock);
	if (v->info_page != NULL) {
		page_put_and_type(v->info_page);
		v->info_page = NULL;
	}
	return 0;
}

void vcpu_free(struct vcpu *v)
{
	CHECK(!v->loaded && !v->running && !v->queued);
	CHECK(!v->singleshot.active && !v->poll_timer.active && !v->cap_timer.active);
	CHECK(v->kernel_table == NULL && v->info_page == NULL);
	arch_vcpu_free(v);
	heap_free_bytes(v, vcpu_size());
}

/* ---- Context ------------------------------------------------------------------ */

static bool context_ok(const struct vcpu_guest_context *c)
{
	const uint64_t addresses[] = { c->user_regs.rip,
				       c->event_callback_eip,
				       c->failsafe_callback_eip,
				       c->syscall_callback_eip,
				       c->fs_base,
				       c->gs_base_kernel,
				       c->gs_base_user };

	for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++) {
		if (!va_canonical(addresses[i])) {
			return false;
		}
	}
	/* User mode can only be entered with a table of its own. */
	return c->gdt_ents <= FIRST_RESERVED_GDT_ENTRY &&
	       ((c->flags & VGCF_in_kernel) != 0 || c->ctrlreg[1] != 0);
}

static void load_registers(struct vcpu *v, const struct cpu_user_regs *u)
{
	struct guest_regs *r = &v->regs;

	memcpy(r, u, offsetof(struct guest_regs, error_code));
	r->rip = u->rip;
	r->rsp = u->rsp;
	/* Ring 3 takes neither a null code nor a null stack selector. */
	r->cs = (u->cs & 0xfffc) ? fixup_selector(u->cs) : FLAT_KERNEL_CS;
	r->ss = (u->ss & 0xfffc) ? fixup_selector(u->ss) : FLAT_KERNEL_SS;
	r->rflags = (u->rflags & X86_EFLAGS_GUEST) | X86_EFLAGS_IF | X86_EFLAGS_FIXED;
	v->ds = fixup_selector(u->ds);
	v->es = fixup_selector(u->es);
	v->fs = fixup_selector(u->fs);
	v->gs = fixup_selector(u->gs);
	vcpu_set_iopl(v, (unsigned int)(u->rflags >> 12) & 3);
}

static void load_state(struct vcpu *v, const struct vcpu_guest_context *c)
{
	struct domain *d = v->domain;

	load_registers(v, &c->user_regs);
	v->in_kernel = (c->flags & VGCF_in_kernel) != 0;
	v->event_entry = c->event_callback_eip;
	v->failsafe_entry = c->failsafe_callback_eip;
	v->syscall_entry = c->syscall_callback_eip;
	v->fs_base = c->fs_base;
	v->gs_kernel = c->gs_base_kernel;
	v->gs_user = c->gs_base_user;
	v->failsafe_masks = (c->flags & VGCF_failsafe_disables_events) != 0;
	v->syscall_masks = (c->flags & VGCF_syscall_disables_events) != 0;
	v->cr0_ts = (c->ctrlreg[0] & CR0_TS) != 0;
	if ((c->flags & VGCF_i387_valid) != 0) {
		arch_load_fpu_image(v, &c->fpu_ctxt);
	}
	if (v->id == 0) {
		spin_lock(&d->lock);
		WRITE_ONCE(d->pv_features_assist,
			   d->pv_features_assist | (uint32_t)(c->vm_assist & ASSIST_OFFERED));
		spin_unlock(&d->lock);
	}
}

/*
 * Debug registers and CR4 start at their reset values whatever the context
 * says: a context that carried them would have to pass the checks that the
 * hypercalls make.
 */
int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	int rc;

	CHECK(this_cpu()->curr != v && !v->loaded);
	if (!context_ok(c)) {
		return -XEN_EINVAL;
	}
	/* What can be refused or interrupted comes first, each step so that it
	 * can be taken again; nobody sees it before the vCPU counts as
	 * initialised. */
	rc = vcpu_set_kernel_table(v, xen_cr3_to_pfn(c->ctrlreg[3]));
	rc = rc == 0 ? vcpu_set_user_table(v, xen_cr3_to_pfn(c->ctrlreg[1])) : rc;
	rc = rc == 0 ? vcpu_set_gdt(v, c->gdt_frames, (unsigned int)c->gdt_ents) : rc;
	rc = rc == 0 ? vcpu_set_ldt(v, c->ldt_base, c->ldt_ents) : rc;
	rc = rc == 0 ? vcpu_set_kernel_stack(v, c->kernel_ss, c->kernel_sp) : rc;
	for (unsigned int i = 0; rc == 0 && i < ARRAY_SIZE(c->trap_ctxt); i++) {
		const struct trap_info *t = &c->trap_ctxt[i];

		rc = vcpu_set_trap(v, (uint8_t)i, t->flags, t->address);
	}
	if (rc == 0) {
		load_state(v, c);
		WRITE_ONCE(v->initialised, true);
	}
	return rc;
}

int vcpu_initialise(struct vcpu *v, uint64_t context)
{
	struct domain *d = v->domain;
	struct vcpu_guest_context *c = NULL; /* too large for the stack */
	int rc;

	if (!domain_claim(d)) {
		return -XEN_ERESTART;
	}
	if (READ_ONCE(d->state) != DOM_ALIVE) {
		rc = -XEN_ESRCH;
	} else if (v->initialised) {
		rc = -XEN_EEXIST;
	} else {
		c = heap_alloc_bytes(sizeof(*c));
		rc = c == NULL ? -XEN_ENOMEM : copy_from_guest(c, guest_ptr(context), sizeof(*c));
	}
	rc = rc == 0 ? vcpu_set_context(v, c) : rc;
	domain_release(d);
	heap_free_bytes(c, sizeof(*c));
	return rc;
}

static void read_state(const struct vcpu *v, struct vcpu_guest_context *c)
{
	memcpy(&c->user_regs, &v->regs, sizeof(v->regs));
	c->user_regs.rflags |= v->iopl_flags;
	c->user_regs.ds = v->ds;
	c->user_regs.es = v->es;
	c->user_regs.fs = v->fs;
	c->user_regs.gs = v->gs;
	c->flags = (v->in_kernel ? VGCF_in_kernel : 0) |
		   (v->failsafe_masks ? VGCF_failsafe_disables_events : 0) |
		   (v->syscall_masks ? VGCF_syscall_disables_events : 0) |
		   ((READ_ONCE(v->pause_flags) & PAUSE_DOWN) == 0 ? VGCF_online : 0);
	c->event_callback_eip = v->event_entry;
	c->failsafe_callback_eip = v->failsafe_entry;
	c->syscall_callback_eip = v->syscall_entry;
	c->fs_base = v->fs_base;
	c->gs_base_kernel = v->gs_kernel;
	c->gs_base_user = v->gs_user;
	for (unsigned int i = 0; i < ARRAY_SIZE(v->trap_address); i++) {
		c->trap_ctxt[i] = (struct trap_info){ (uint8_t)i, v->trap_flags[i], FLAT_KERNEL_CS,
						      v->trap_address[i] };
	}
	c->ldt_base = v->ldt_base;
	c->ldt_ents = v->ldt_entries;
	c->gdt_ents = v->gdt_entries;
	memcpy(c->gdt_frames, v->gdt_frame, sizeof(v->gdt_frame));
	c->kernel_ss = v->kernel_ss;
	c->kernel_sp = v->kernel_sp;
	c->ctrlreg[0] = v->cr0_ts ? CR0_TS : 0;
	c->ctrlreg[1] = v->cr3_user;
	c->ctrlreg[3] = v->cr3_kernel;
	c->ctrlreg[4] = v->cr4;
	memcpy(c->debugreg, v->dr, sizeof(v->dr));
	c->vm_assist = READ_ONCE(v->domain->pv_features_assist);
}

int vcpu_get_context(const struct vcpu *v, uint64_t context)
{
	struct vcpu_guest_context *c = heap_alloc_bytes(sizeof(*c));
	int rc = -XEN_ENOMEM;

	if (c != NULL) {
		read_state(v, c);
		rc = copy_to_guest(guest_ptr(context), c, sizeof(*c));
		heap_free_bytes(c, sizeof(*c));
	}
	return rc;
}

/* ---- vcpu_info ------------------------------------------------------------------- */

void vcpu_up(struct vcpu *v)
{
	/* Not while its vcpu_info moves. */
	spin_lock(&v->domain->evtchn_lock);
	sched_wake(v, PAUSE_DOWN);
	spin_unlock(&v->domain->evtchn_lock);
}

int vcpu_map_info(struct vcpu *v, unsigned long mfn, unsigned int offset)
{
	struct domain *d = v->domain;
	struct vcpu_info *to;
	struct page *pg = NULL;
	int rc = 0;

	if (offset <= PAGE_SIZE - sizeof(*to) && (offset & 7) == 0) {
		pg = guest_frame_hold(d, mfn);
	}
	if (pg == NULL) {
		return -XEN_EINVAL;
	}
	to = guest_frame_ptr(pg, offset);

	/*
	 * Senders write to v->info under the first lock, so every event is
	 * either in what is copied or goes to the new place, and the time is
	 * written under the second one.  The way into the guest takes neither:
	 * only v itself, or nobody, may be on it, and none starts v meanwhile.
	 * The old place, in core memory, stays: a late write does no harm.
	 */
	spin_lock(&d->evtchn_lock);
	if (v->info_page != NULL || (v != current_vcpu() && !vcpu_is_down(v))) {
		rc = -XEN_EINVAL;
	} else if (v != current_vcpu() && !sched_unloaded(v)) {
		rc = -XEN_ERESTART;
	} else {
		spin_lock(&v->lock);
		*to = *v->info;
		v->info_page = pg;
		WRITE_ONCE(v->info, to);
		spin_unlock(&v->lock);
		/* Everything is pending again. */
		__atomic_store_n(&to->evtchn_pending_sel, ~0ul, __ATOMIC_SEQ_CST);
		vcpu_mark_events_pending(v);
	}
	spin_unlock(&d->evtchn_lock);
	if (rc != 0) {
		page_put_and_type(pg);
		return rc;
	}
	vtime_update(v, true);
	return 0;
}

/* ---- Reports ------------------------------------------------------------------------ */

void regs_print(const struct guest_regs *r)
{
	pr_err("  rip %04x:%016lx rsp %04x:%016lx rflags %06lx", r->cs, r->rip, r->ss, r->rsp,
	       r->rflags);
	pr_err("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
	pr_err("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
	pr_err("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx", r->r9, r->r10, r->r11, r->r12);
	pr_err("  r13 %016lx r14 %016lx r15 %016lx", r->r13, r->r14, r->r15);
}

void vcpu_dump(const struct vcpu *v)
{
	uint64_t stack[8];

	pr_err("d%uv%u on CPU %u, %s mode", v->domain->id, v->id, v->cpu,
	       v->in_kernel ? "kernel" : "user");
	regs_print(&v->regs);
	pr_err("  cr2 %016lx cr3 %016lx user %016lx pause %x events %u/%u", v->cr2, v->cr3_kernel,
	       v->cr3_user, v->pause_flags, v->info->evtchn_upcall_pending,
	       v->info->evtchn_upcall_mask);
	if (this_cpu()->curr != v) {
		return;
	}
	if (copy_from_guest(stack, guest_ptr(v->regs.rsp), sizeof(stack)) != 0) {
		pr_err("  stack is not readable");
		return;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(stack); i += 4) {
		pr_err("  stack %016lx %016lx %016lx %016lx", stack[i], stack[i + 1], stack[i + 2],
		       stack[i + 3]);
	}
}
