/* SPDX-License-Identifier: MIT */
/*
 * Puts a vCPU into the machine and takes it out again: page tables, segments
 * and their bases, descriptor window, FPU and debug state, stack pointers.
 * Called by the scheduler and by hypercall handlers for the current vCPU, on
 * the CPU that runs it, interrupts off.  Owns no data beyond the entry tables
 * of entry.S; takes no lock.
 *
 * GS: GS.base is the base of the mode the guest is in, KERNEL_GS_BASE that of
 * the other one; swapgs goes with every change of mode.
 */
#include <arch/switch.h>

#include <hv/cpu_vuln.h>

#include <switch.h>

#define DR7_ACTIVE 0xffu

/* Where a base of the loaded vCPU is. */
static uint32_t base_msr(const struct vcpu *v, unsigned int which)
{
	if (which == SEGBASE_FS) {
		return MSR_FS_BASE;
	}
	return (which == SEGBASE_GS_KERNEL) == (v->in_kernel != 0) ? MSR_GS_BASE :
								     MSR_KERNEL_GS_BASE;
}

uint64_t arch_get_base(struct vcpu *v, unsigned int which)
{
	return rdmsr(base_msr(v, which));
}

void arch_set_base(struct vcpu *v, unsigned int which, uint64_t base)
{
	wrmsr(base_msr(v, which), base);
}

/* --- Descriptor window --------------------------------------------------- */

/* Page of the CPU's window: the GDT's, then from GDT_PAGES on the LDT's. */
static void set_window_page(unsigned int page, unsigned long mfn)
{
	struct percpu *p = this_cpu();
	uint64_t *pte = &p->arch.window_ptes[page];
	uint64_t value = page < GDT_PAGES ? desc_zero_pte : 0;

	if (mfn != 0) {
		value = ((uint64_t)mfn << PAGE_SHIFT) | KERNEL_RW;
	}
	if (*pte != value) {
		*pte = value;
		invlpg(GDT_WINDOW(p->id) + (uint64_t)page * PAGE_SIZE);
	}
}

void arch_load_descriptors(struct vcpu *v)
{
	struct percpu *p = this_cpu();
	unsigned int pages = (v->gdt_entries * 8 + PAGE_SIZE - 1) / PAGE_SIZE;

	for (unsigned int i = 0; i < MAX(pages, p->arch.gdt_pages); i++) {
		set_window_page(i, v->gdt_frame[i]);
	}
	p->arch.gdt_pages = pages;
	if (v->ldt_entries != 0 || p->arch.ldt_used) {
		for (unsigned int i = 0; i < ARRAY_SIZE(v->ldt_frame); i++) {
			set_window_page(GDT_PAGES + i, v->ldt_frame[i]);
		}
	}
	p->arch.ldt_used = v->ldt_entries != 0;
	desc_set_ldt(v->ldt_entries);
}

/* --- Selectors and bases ------------------------------------------------- */

/* Loads a data segment register with the selector, or 0 if that is refused. */
#define LOAD_SELECTOR(name, selector)                                                \
	({                                                                           \
		uint32_t sel_taken = (selector);                                     \
		__asm__ __volatile__("jmp 2f\n"                                      \
				     "1:\txor %0, %0\n"                              \
				     "2:\tmov %0, %%" #name "\n" EXTABLE("2b", "1b") \
				     : "+r"(sel_taken)                               \
				     :                                               \
				     : "memory", "cc");                              \
	})

void arch_read_selectors(uint16_t sel[4])
{
	__asm__ __volatile__("mov %%ds, %0" : "=r"(sel[0]));
	__asm__ __volatile__("mov %%es, %0" : "=r"(sel[1]));
	__asm__ __volatile__("mov %%fs, %0" : "=r"(sel[2]));
	__asm__ __volatile__("mov %%gs, %0" : "=r"(sel[3]));
}

static void save_segments(struct vcpu *v)
{
	arch_read_selectors(v->selector);
	for (unsigned int i = 0; i < ARRAY_SIZE(v->seg_base); i++) {
		v->seg_base[i] = arch_get_base(v, i);
	}
}

/*
 * A selector that the guest's tables no longer back becomes null: the guest
 * changed its GDT under a loaded selector, which no PV kernel relies on.
 * Loading one changes the base, so the bases come last.
 */
static void load_segments(struct vcpu *v)
{
	LOAD_SELECTOR(ds, v->selector[0]);
	LOAD_SELECTOR(es, v->selector[1]);
	LOAD_SELECTOR(fs, v->selector[2]);
	LOAD_SELECTOR(gs, v->selector[3]);
	for (unsigned int i = 0; i < ARRAY_SIZE(v->seg_base); i++) {
		arch_set_base(v, i, v->seg_base[i]);
	}
}

void arch_load_user_gs(struct vcpu *v, uint16_t sel)
{
	ASSERT(v->in_kernel);
	__asm__ __volatile__("swapgs" : : : "memory");
	LOAD_SELECTOR(gs, sel);
	__asm__ __volatile__("lfence\n\tswapgs" : : : "memory");
}

/* --- Control and debug registers ----------------------------------------- */

void arch_set_cr0_ts(struct vcpu *v, bool on)
{
	v->cr0_ts = on;
	if (on) {
		WRITE_REG(cr0, READ_REG(cr0) | CR0_TS);
	} else {
		clts();
	}
}

static void load_debug(const struct vcpu *v)
{
	WRITE_REG(db0, v->dr[0]);
	WRITE_REG(db1, v->dr[1]);
	WRITE_REG(db2, v->dr[2]);
	WRITE_REG(db3, v->dr[3]);
	WRITE_REG(db6, v->dr[6]);
	WRITE_REG(db7, v->dr[7]);
}

/* Hardware registers are loaded only where some breakpoint is or was enabled. */
void arch_set_debugreg(struct vcpu *v, unsigned int n, uint64_t value)
{
	uint64_t before = v->dr[7];

	v->dr[n] = value;
	if (((before | v->dr[7]) & DR7_ACTIVE) != 0) {
		load_debug(v);
	}
}

/* --- Switching ----------------------------------------------------------- */

void arch_reload_cr3(struct vcpu *v)
{
	load_cr3(v->in_kernel ? v->cr3_kernel : v->cr3_user);
}

void arch_toggle_mode(struct vcpu *v, bool to_kernel)
{
	ASSERT(v->in_kernel != to_kernel);
	v->in_kernel = to_kernel;
	__asm__ __volatile__("swapgs" : : : "memory");
	arch_reload_cr3(v);
}

static void save_vcpu(struct vcpu *v)
{
	save_segments(v);
	fpu_save(v);
	if ((v->dr[7] & DR7_ACTIVE) != 0) {
		WRITE_REG(db7, DR7_FIXED);
	}
}

void arch_unload_vcpu(struct vcpu *prev)
{
	struct percpu *p = this_cpu();

	ASSERT(p->curr == prev);
	save_vcpu(prev);
	load_cr3(core_cr3);
	desc_set_ldt(0);
	/* Not before: until here others must count this CPU in their flushes. */
	p->curr = NULL;
}

/*
 * Another domain than the last one here: what that trained the predictors to,
 * return stack included, is forgotten.  Some CPUs' barrier leaves the stack.
 */
static void forget_branches(void)
{
	wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
	__asm__ __volatile__(".rept 32\n\tcall 1f\n\tint3\n1:\n\t.endr\n\t"
			     "add $(32 * 8), %%rsp"
			     :
			     :
			     : "memory", "cc");
}

void arch_switch_vcpu(struct vcpu *prev, struct vcpu *next)
{
	struct percpu *p = this_cpu();
	uint64_t end = (uint64_t)&next->regs + sizeof(next->regs);
	uint64_t cr3 = next->in_kernel ? next->cr3_kernel : next->cr3_user;

	if (prev != NULL) {
		save_vcpu(prev);
	}
	p->curr = next;
	if (p->arch.last_domain != next->domain) {
		WRITE_ONCE(p->arch.last_domain, next->domain);
		if ((cpu_features.use & USE_IBPB) != 0) {
			forget_branches();
		}
	}
	next->cpu_stack = (uint64_t)p + CPU_STACK_TOP;
	vcpu_regs_end[p->id] = end;
	p->arch.tss.rsp0 = end;

	/* Even if it is a sibling's: flushes for next went to where it was. */
	WRITE_REG(cr3, cr3);
	WRITE_ONCE(p->arch.cr3_loaded, cr3);
	arch_load_descriptors(next);
	load_segments(next);
	fpu_restore(next);
	arch_set_cr0_ts(next, next->cr0_ts);
	if ((next->dr[7] & DR7_ACTIVE) != 0) {
		load_debug(next);
	}
}
