/* SPDX-License-Identifier: MIT */
/*
 * The rest of the seam: CPUID and MSRs, ports, PCI, interrupt lines, and the
 * state of a vCPU that is in the machine while it runs.  Plain arrays in
 * `fake`; what the core may only do in a certain state is checked here.
 */
#include "fake.h"

#include <xen/errno.h>

#include <arch/irq.h>
#include <arch/switch.h>

#include <hv/check.h>
#include <hv/cmdline.h>
#include <hv/heap.h>
#include <hv/mm.h>
#include <hv/trap.h>

#define FPU_BYTES 1024

/* ---- CPUID, MSRs ------------------------------------------------------------- */

void arch_cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
	*out = (struct cpuid_regs){ 0 };
	switch (leaf) {
	case 0:
		*out = (struct cpuid_regs){ 0xd, 0x656b6146, 0x20555043, 0x6f6d4520 };
		return;
	case 1: /* every feature there is, for the policy to take away */
		*out = (struct cpuid_regs){ 0x000306c3, fake_self() << 25 | 0x800, ~0u, ~0u };
		return;
	case 7:
		if (subleaf == 0) {
			*out = (struct cpuid_regs){ 0, ~0u, ~0u, ~0u };
		}
		return;
	case 0xd:
		if (subleaf == 0) {
			*out = (struct cpuid_regs){ 0xe7, 2696, 2696, 0 };
		} else if (subleaf == 1) {
			*out = (struct cpuid_regs){ 0xf, 2696, 0, 0 };
		} else if (subleaf == 2) {
			*out = (struct cpuid_regs){ 256, 576, 0, 0 };
		}
		return;
	case 0x80000000:
		*out = (struct cpuid_regs){ 0x80000008, 0, 0, 0 };
		return;
	case 0x80000001:
		*out = (struct cpuid_regs){ 0, 0, ~0u, ~0u };
		return;
	case 0x80000007:
		*out = (struct cpuid_regs){ 0, 0, 0, 0x100 };
		return;
	case 0x80000008:
		*out = (struct cpuid_regs){ 0x3028, 0, 0, 0 };
		return;
	default:
		return;
	}
}

int arch_rdmsr(uint32_t msr, uint64_t *value)
{
	for (unsigned int i = 0; i < FAKE_MSRS; i++) {
		if (fake.msr[i].number == msr && msr != 0) {
			*value = fake.msr[i].value;
			return 0;
		}
	}
	return -XEN_EFAULT;
}

struct cpu_features cpu_features = { .null_clears_base = true, .xcr0 = 0xe7, .paddr_bits = 40 };

/* ---- Ports, PCI, power -------------------------------------------------------- */

bool arch_port_denied(uint16_t port)
{
	return (port >= 0x20 && port <= 0x21) || (port >= 0x40 && port <= 0x43) || port == 0xcf9 ||
	       (options.console_com1 && port >= 0x3f8 && port < 0x400);
}

uint32_t arch_port_read(uint16_t port, unsigned int bytes)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < bytes; i++) {
		unsigned int p = port + i;

		if (p > 0xffff || arch_port_denied((uint16_t)p)) {
			fake_die("port %#x read for a guest", p);
		}
		value |= (uint32_t)fake.port[p] << (8 * i);
	}
	return value;
}

void arch_port_write(uint16_t port, unsigned int bytes, uint32_t value)
{
	for (unsigned int i = 0; i < bytes; i++) {
		unsigned int p = port + i;

		if (p > 0xffff || arch_port_denied((uint16_t)p)) {
			fake_die("port %#x written for a guest", p);
		}
		fake.port[p] = (uint8_t)(value >> (8 * i));
	}
}

int arch_acpi_sleep(uint32_t pm1a, uint32_t pm1b UNUSED)
{
	if ((pm1a >> 10 & 7) != 5) {
		return -XEN_EINVAL;
	}
	arch_machine_poweroff();
}

/* ---- Interrupt lines ------------------------------------------------------------ */

unsigned int arch_gsi_count = FAKE_GSIS;

int arch_gsi_setup(unsigned int gsi, bool level, bool active_low UNUSED)
{
	if (gsi >= FAKE_GSIS) {
		return -XEN_EINVAL;
	}
	if (gsi == 4) {
		return -XEN_EBUSY; /* the core's own UART */
	}
	fake.gsi[gsi].setup = true;
	fake.gsi[gsi].level = level;
	return 0;
}

int arch_pirq_enable(unsigned int pirq, unsigned int cpu)
{
	if (pirq >= FAKE_GSIS || cpu >= fake.config.cpus) {
		return -XEN_EINVAL;
	}
	fake.gsi[pirq].enabled = true;
	fake.gsi[pirq].cpu = cpu;
	return 0;
}

void arch_pirq_eoi(unsigned int pirq, bool disable)
{
	if (pirq < FAKE_GSIS) {
		fake.gsi[pirq].enabled &= !disable;
		fake.gsi[pirq].in_service = false;
	}
}

bool arch_pirq_needs_eoi(unsigned int pirq)
{
	return pirq < FAKE_GSIS && fake.gsi[pirq].level;
}

int arch_msi_message(unsigned int pirq, unsigned int cpu, uint32_t *address, uint32_t *data)
{
	CHECK(pirq >= FAKE_GSIS && pirq < PIRQ_MAX && cpu < fake.config.cpus);
	if (fake.msi_taken[pirq] == 0) {
		if (fake.msi_count == FAKE_VECTORS) {
			return -XEN_ENOSPC;
		}
		fake.msi_count++;
		fake.msi_taken[pirq] = 1;
	}
	*address = 0xfee00000u | cpu << 12;
	*data = pirq;
	return 0;
}

void arch_msi_free(unsigned int pirq)
{
	CHECK(pirq >= FAKE_GSIS && pirq < PIRQ_MAX);
	fake.msi_count -= fake.msi_taken[pirq];
	fake.msi_taken[pirq] = 0;
}

int arch_ioapic_read(uint64_t base, uint32_t reg, uint32_t *value)
{
	if (base != 0xfec00000 || reg > 0x10 + 2 * FAKE_GSIS) {
		return -XEN_EINVAL;
	}
	*value = reg == 1 ? (FAKE_GSIS - 1) << 16 | 0x20 : 0;
	return 0;
}

bool arch_iomem_denied(unsigned long mfn)
{
	return mfn == FAKE_LAPIC || mfn == 0xfec00;
}

/* ---- The loaded vCPU -------------------------------------------------------------- */

size_t arch_fpu_size(void)
{
	return FPU_BYTES;
}

void arch_vcpu_init(struct vcpu *v)
{
	v->xcr0 = 1;
}

void arch_vcpu_free(struct vcpu *v)
{
	v->fpu = NULL;
}

static void must_be_current(const struct vcpu *v, const char *what)
{
	if (this_cpu()->curr != v) {
		fake_die("%s of a vCPU that is not loaded", what);
	}
}

static void load_cr3(uint64_t cr3)
{
	/* The core's own tables are always good. */
	if (cr3 != 0) {
		fake_check_cr3(cr3);
	}
	fake.cpus[fake_self()].cr3 = cr3;
	fake_tlb_flush(fake_self());
	WRITE_ONCE(fake.cpus[fake_self()].cr3_loaded, cr3);
}

void arch_reload_cr3(struct vcpu *v)
{
	uint64_t cr3 = v->in_kernel ? v->cr3_kernel : v->cr3_user;

	must_be_current(v, "reload of CR3");
	if (cr3 == 0) {
		fake_die("CR3 of d%uv%u would be 0", v->domain->id, v->id);
	}
	load_cr3(cr3);
}

static void check_desc(unsigned long mfn, const struct vcpu *v)
{
	const struct page *pg = mfn_to_page(mfn);
	uint64_t type;

	if (mfn == 0) {
		return;
	}
	type = mfn_valid(mfn) ? READ_ONCE(pg->type) : 0;
	if ((type & PGT_TYPE_MASK) != PGT_DESC || (type & PGT_COUNT_MASK) == 0 ||
	    READ_ONCE(pg->owner) != v->domain->id) {
		fake_die("d%uv%u: frame %#lx in its GDT or LDT is none", v->domain->id, v->id, mfn);
	}
}

void arch_load_descriptors(struct vcpu *v)
{
	must_be_current(v, "descriptors");
	for (unsigned int i = 0; i < ARRAY_SIZE(v->gdt_frame); i++) {
		check_desc(v->gdt_frame[i], v);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(v->ldt_frame); i++) {
		check_desc(v->ldt_frame[i], v);
	}
}

void arch_toggle_mode(struct vcpu *v, bool to_kernel)
{
	must_be_current(v, "mode");
	if ((v->in_kernel != 0) == to_kernel) {
		fake_die("toggle to the mode that d%uv%u is in", v->domain->id, v->id);
	}
	v->in_kernel = to_kernel;
	arch_reload_cr3(v);
}

void arch_switch_vcpu(struct vcpu *prev, struct vcpu *next)
{
	struct percpu *p = this_cpu();

	if (prev != NULL && p->curr != prev) {
		fake_die("switch from a vCPU that is not loaded");
	}
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		if (i != fake_self() && READ_ONCE(fake.percpu[i].curr) == next) {
			fake_die("d%uv%u is loaded on two CPUs", next->domain->id, next->id);
		}
	}
	WRITE_ONCE(p->curr, next);
	arch_reload_cr3(next);
	arch_load_descriptors(next);
	if (next->fpu == NULL) {
		fake_die("d%uv%u has no FPU state", next->domain->id, next->id);
	}
}

void arch_unload_vcpu(struct vcpu *prev)
{
	must_be_current(prev, "unload");
	WRITE_ONCE(this_cpu()->curr, NULL);
	load_cr3(0);
}

static void check_base(uint64_t base)
{
	/* The machine would fault on it. */
	if ((uint64_t)((int64_t)(base << 16) >> 16) != base) {
		fake_die("non-canonical segment base %#lx", (unsigned long)base);
	}
}

uint64_t arch_get_base(struct vcpu *v, unsigned int which)
{
	must_be_current(v, "segment base");
	CHECK(which <= SEGBASE_GS_KERNEL);
	return which == SEGBASE_FS	  ? v->fs_base :
	       which == SEGBASE_GS_KERNEL ? v->gs_kernel :
					    v->gs_user;
}

void arch_set_base(struct vcpu *v, unsigned int which, uint64_t base)
{
	must_be_current(v, "segment base");
	CHECK(which <= SEGBASE_GS_KERNEL);
	check_base(base);
	*(which == SEGBASE_FS	     ? &v->fs_base :
	  which == SEGBASE_GS_KERNEL ? &v->gs_kernel :
				       &v->gs_user) = base;
}

void arch_load_user_gs(struct vcpu *v, uint16_t sel UNUSED)
{
	must_be_current(v, "user GS");
	v->gs_user = 0;
}

void arch_read_selectors(uint16_t sel[4])
{
	const struct vcpu *v = current_vcpu();

	sel[0] = v->ds;
	sel[1] = v->es;
	sel[2] = v->fs;
	sel[3] = v->gs;
}

void arch_set_cr0_ts(struct vcpu *v, bool on)
{
	must_be_current(v, "CR0.TS");
	v->cr0_ts = on;
}

void arch_set_debugreg(struct vcpu *v, unsigned int n, uint64_t value)
{
	must_be_current(v, "debug registers");
	CHECK(n < 8 && n != 4 && n != 5);
	if (n < 4 && value >= CORE_VIRT_START && value < CORE_VIRT_END) {
		fake_die("breakpoint in the core");
	}
	if (n >= 6 && value >> 32 != 0) {
		fake_die("DR%u = %#lx would fault", n, (unsigned long)value);
	}
	v->dr[n] = value;
}

void arch_set_xcr0(struct vcpu *v, uint64_t xcr0)
{
	if ((xcr0 & 1) == 0 || (xcr0 & ~cpu_features.xcr0) != 0) {
		fake_die("XCR0 = %#lx would fault", (unsigned long)xcr0);
	}
	v->xcr0 = xcr0;
}

void arch_load_fpu_image(struct vcpu *v, const void *fxsave)
{
	memcpy(v->fpu, fxsave, 512);
}
