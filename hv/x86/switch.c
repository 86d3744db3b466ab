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
#include <xen/errno.h>
#include <xen/xen.h>

#include <arch/switch.h>

#include <hv/check.h>
#include <hv/mm.h>
#include <hv/vcpu.h>

#include <switch.h>

#define DR7_ACTIVE 0xffu
#define WINDOW_PTE (PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX)

#define READ_SELECTOR(reg, out) \
	__asm__ __volatile__("mov %%" #reg ", %0" : "=r"(out))

static inline void swapgs(void)
{
	__asm__ __volatile__("swapgs" ::: "memory");
}

static inline uint64_t read_fs_base(void)
{
	uint64_t base;

	if (!cpu_features.fsgsbase) {
		return rdmsr(MSR_FS_BASE);
	}
	__asm__ __volatile__("rdfsbase %0" : "=r"(base));
	return base;
}

static inline uint64_t read_gs_base(void)
{
	uint64_t base;

	if (!cpu_features.fsgsbase) {
		return rdmsr(MSR_GS_BASE);
	}
	__asm__ __volatile__("rdgsbase %0" : "=r"(base));
	return base;
}

static inline void write_fs_base(uint64_t base)
{
	if (!cpu_features.fsgsbase) {
		wrmsr(MSR_FS_BASE, base);
		return;
	}
	__asm__ __volatile__("wrfsbase %0" : : "r"(base) : "memory");
}

static inline void write_gs_base(uint64_t base)
{
	if (!cpu_features.fsgsbase) {
		wrmsr(MSR_GS_BASE, base);
		return;
	}
	__asm__ __volatile__("wrgsbase %0" : : "r"(base) : "memory");
}

int arch_vcpu_init(struct vcpu *v)
{
	return fpu_vcpu_init(v);
}

void arch_vcpu_free(struct vcpu *v)
{
	fpu_vcpu_free(v);
}

/* --- Descriptor window --------------------------------------------------- */

static void set_window_page(unsigned int cpu, unsigned int page,
			    unsigned long mfn)
{
	uint64_t *pte = &desc_window_ptes(cpu)[page];
	uint64_t value = desc_zero_pte;

	if (mfn != 0) {
		value = ((uint64_t)mfn << PAGE_SHIFT) | WINDOW_PTE;
	}
	if (*pte != value) {
		*pte = value;
		invlpg(GDT_WINDOW(cpu) + (uint64_t)page * PAGE_SIZE);
	}
}

void arch_load_descriptors(struct vcpu *v)
{
	struct percpu *p = this_cpu();
	unsigned int cpu = p->id;
	unsigned int i;

	for (i = 0; i < GDT_GUEST_PAGES; i++) {
		set_window_page(cpu, i, v->gdt_frame[i]);
	}
	if (v->ldt_entries != 0 || p->arch.ldt_used) {
		for (i = 0; i < 16; i++) {
			uint64_t *pte = &desc_window_ptes(cpu)[16 + i];

			if (v->ldt_frame[i] != 0) {
				set_window_page(cpu, 16 + i, v->ldt_frame[i]);
			} else if (*pte != 0) {
				*pte = 0;
				invlpg(LDT_WINDOW(cpu) +
				       (uint64_t)i * PAGE_SIZE);
			}
		}
	}
	p->arch.ldt_used = v->ldt_entries != 0;
	desc_set_ldt(v->ldt_entries);
}

void arch_load_ldt_page(struct vcpu *v, unsigned int i)
{
	set_window_page(this_cpu()->id, 16 + i, v->ldt_frame[i]);
}

/* --- Selectors and bases ------------------------------------------------- */

void arch_read_selectors(uint16_t sel[4])
{
	READ_SELECTOR(ds, sel[0]);
	READ_SELECTOR(es, sel[1]);
	READ_SELECTOR(fs, sel[2]);
	READ_SELECTOR(gs, sel[3]);
}

void arch_clear_selectors(void)
{
	(void)load_selector_ds(0);
	(void)load_selector_es(0);
	(void)load_selector_fs(0);
	(void)load_selector_gs(0);
}

static void save_segments(struct vcpu *v)
{
	uint64_t active, other;

	READ_SELECTOR(ds, v->ds);
	READ_SELECTOR(es, v->es);
	READ_SELECTOR(fs, v->fs);
	READ_SELECTOR(gs, v->gs);
	v->fs_base = read_fs_base();
	active = read_gs_base();
	swapgs();
	other = read_gs_base();
	swapgs();
	v->gs_kernel = v->in_kernel ? active : other;
	v->gs_user = v->in_kernel ? other : active;
}

/*
 * A selector that the guest's tables no longer back becomes null: the guest
 * changed its GDT under a loaded selector, which no PV kernel relies on.
 */
static void load_segments(struct vcpu *v)
{
	uint16_t now[4];

	arch_read_selectors(now);
	if (now[0] != 0 || v->ds != 0) {
		(void)load_selector_ds(v->ds);
	}
	if (now[1] != 0 || v->es != 0) {
		(void)load_selector_es(v->es);
	}
	if (now[2] != 0 || v->fs != 0) {
		(void)load_selector_fs(v->fs);
	}
	if (now[3] != 0 || v->gs != 0) {
		(void)load_selector_gs(v->gs);
	}
	write_fs_base(v->fs_base);
	write_gs_base(v->in_kernel ? v->gs_user : v->gs_kernel);
	swapgs();
	write_gs_base(v->in_kernel ? v->gs_kernel : v->gs_user);
}

uint64_t arch_get_base(struct vcpu *v, unsigned int which)
{
	bool loaded = this_cpu()->curr == v;
	uint64_t base;

	if (!loaded) {
		return which == SEGBASE_FS	 ? v->fs_base :
		       which == SEGBASE_GS_KERNEL ? v->gs_kernel :
						    v->gs_user;
	}
	if (which == SEGBASE_FS) {
		return read_fs_base();
	}
	if ((which == SEGBASE_GS_KERNEL) == (v->in_kernel != 0)) {
		return read_gs_base();
	}
	swapgs();
	base = read_gs_base();
	swapgs();
	return base;
}

void arch_set_base(struct vcpu *v, unsigned int which, uint64_t base)
{
	if (this_cpu()->curr != v) {
		*(which == SEGBASE_FS	     ? &v->fs_base :
		  which == SEGBASE_GS_KERNEL ? &v->gs_kernel :
					       &v->gs_user) = base;
		return;
	}
	if (which == SEGBASE_FS) {
		write_fs_base(base);
	} else if ((which == SEGBASE_GS_KERNEL) == (v->in_kernel != 0)) {
		write_gs_base(base);
	} else {
		swapgs();
		write_gs_base(base);
		swapgs();
	}
}

bool arch_load_user_gs(struct vcpu *v, uint16_t sel)
{
	ASSERT(v->in_kernel);
	return load_inactive_gs(sel);
}

/* --- Control and debug registers ----------------------------------------- */

void arch_set_cr0_ts(struct vcpu *v, bool on)
{
	v->cr0_ts = on;
	if (this_cpu()->curr != v) {
		return;
	}
	if (on) {
		write_cr0(read_cr0() | CR0_TS);
	} else {
		__asm__ __volatile__("clts" ::: "memory");
	}
}

#define WRITE_DR(n, value) \
	__asm__ __volatile__("mov %0, %%db" #n : : "r"(value))

static void load_debug(const struct vcpu *v)
{
	WRITE_DR(0, v->dr[0]);
	WRITE_DR(1, v->dr[1]);
	WRITE_DR(2, v->dr[2]);
	WRITE_DR(3, v->dr[3]);
	WRITE_DR(6, v->dr[6]);
	WRITE_DR(7, v->dr[7]);
}

/* Hardware registers are loaded only while some breakpoint is enabled. */
void arch_set_debugreg(struct vcpu *v, unsigned int n, uint64_t value)
{
	bool was_active = (v->dr[7] & DR7_ACTIVE) != 0;

	v->dr[n] = value;
	if (this_cpu()->curr != v) {
		return;
	}
	if ((v->dr[7] & DR7_ACTIVE) != 0) {
		load_debug(v);
	} else if (was_active) {
		WRITE_DR(7, 0x400ull);
	}
}

uint64_t arch_get_debugreg(struct vcpu *v, unsigned int n)
{
	/* DR6 too: each #DB of the guest stored it (traps.c). */
	return v->dr[n];
}

void arch_set_guest_cr4(struct vcpu *v, uint64_t cr4)
{
	/* Nothing in it changes the machine: TSD and DE are not offered. */
	v->cr4 = cr4;
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
	swapgs();
	arch_reload_cr3(v);
}

static void save_vcpu(struct vcpu *v)
{
	save_segments(v);
	fpu_save(v);
	if ((v->dr[7] & DR7_ACTIVE) != 0) {
		WRITE_DR(7, 0x400ull);
	}
}

void arch_unload_vcpu(struct vcpu *prev)
{
	struct percpu *p = this_cpu();

	ASSERT(p->curr == prev);
	save_vcpu(prev);
	p->curr = NULL;
	load_cr3(core_cr3);
	desc_set_ldt(0);
}

void arch_switch_vcpu(struct vcpu *prev, struct vcpu *next)
{
	struct percpu *p = this_cpu();
	uint64_t end = (uint64_t)&next->regs + sizeof(next->regs);

	if (prev != NULL) {
		save_vcpu(prev);
	}
	p->curr = next;
	next->cpu_stack = (uint64_t)p + CPU_STACK_TOP;
	vcpu_regs_end[p->id] = end;
	p->arch.tss.rsp0 = end;

	arch_reload_cr3(next);
	arch_load_descriptors(next);
	load_segments(next);
	__asm__ __volatile__("clts" ::: "memory");
	fpu_restore(next);
	if (next->cr0_ts) {
		write_cr0(read_cr0() | CR0_TS);
	}
	if ((next->dr[7] & DR7_ACTIVE) != 0) {
		load_debug(next);
	}
}
