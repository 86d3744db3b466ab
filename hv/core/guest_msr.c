/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers as a guest's kernel sees them.  emul.c calls after
 * RDMSR and WRMSR, for the current vCPU; no lock.  A short list is readable,
 * of it the segment bases are writable, and elsewhere a write of the value
 * that is there succeeds, since kernels do that.  Every other register gives
 * #GP: Linux copes, and what is not shown cannot leak or be abused.  No guest
 * value ever reaches a real register from here, but through arch_set_base().
 */
#include <hv/trap.h>

#include <arch/switch.h>

#include <hv/vcpu.h>

#define MSR_TSC 0x00000010u
#define MSR_UCODE_REV 0x0000008bu
#define MSR_MCG_CAP 0x00000179u
#define MSR_MCG_STATUS 0x0000017au
#define MSR_MISC_ENABLE 0x000001a0u

/* Local APIC at its usual place, enabled; the first vCPU was booted from. */
#define APIC_BASE_VALUE 0xfee00800ull
#define APIC_BASE_BSP 0x100ull

/* SCE, LME, LMA, NX. */
#define EFER_VALUE 0xd01ull

/* Fast strings as the machine has them; no branch tracing, no PEBS. */
#define MISC_ENABLE_FAST_STRING 0x1ull
#define MISC_ENABLE_HIDDEN 0x1800ull

/* The value of a machine's register, or what stands for it where it has none:
 * a guest that asks by CPU model must not fault. */
static uint64_t native_or(uint32_t msr, uint64_t otherwise)
{
	uint64_t value;

	return arch_rdmsr(msr, &value) ? otherwise : value;
}

/* FS_BASE, GS_BASE, and KERNEL_GS_BASE: what SWAPGS would bring, the user's. */
static const uint8_t bases[] = { SEGBASE_FS, SEGBASE_GS_KERNEL, SEGBASE_GS_USER };

int guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	uint64_t base = msr - MSR_FS_BASE;

	if (base < ARRAY_SIZE(bases)) {
		*value = arch_get_base(v, bases[index_nospec(base, ARRAY_SIZE(bases))]);
		return 0;
	}
	switch (msr) {
	case MSR_TSC:
		*value = arch_ticks();
		break;
	case MSR_APIC_BASE:
		*value = APIC_BASE_VALUE | (v->id == 0 ? APIC_BASE_BSP : 0);
		break;
	case MSR_UCODE_REV: /* Linux decides on errata by it */
		*value = native_or(msr, 0);
		break;
	case MSR_MCG_CAP: /* machine checks are there, with no bank */
	case MSR_MCG_STATUS:
		*value = 0;
		break;
	case MSR_MISC_ENABLE:
		*value = native_or(msr, MISC_ENABLE_FAST_STRING) & MISC_ENABLE_FAST_STRING;
		*value |= MISC_ENABLE_HIDDEN;
		break;
	case MSR_PAT:
		*value = PAT_VALUE;
		break;
	case MSR_EFER:
		*value = EFER_VALUE;
		break;
	default:
		return -XEN_EPERM;
	}
	return 0;
}

int guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	uint64_t base = msr - MSR_FS_BASE;
	uint64_t now = 0;

	if (base < ARRAY_SIZE(bases) && va_canonical(value)) {
		arch_set_base(v, bases[index_nospec(base, ARRAY_SIZE(bases))], value);
		return 0;
	}
	/* A base that is no address is none that is there.
	 * Its own clock is never what a guest may change.  And 0 is Intel's
	 * way to ask for the microcode revision. */
	if (msr == MSR_TSC || (msr != MSR_UCODE_REV && guest_rdmsr(v, msr, &now) != 0)) {
		return -XEN_EPERM;
	}
	return now == value ? 0 : -XEN_EPERM;
}
