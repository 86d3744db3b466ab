/* SPDX-License-Identifier: MIT */
/*
 * FPU state of vCPUs, switched eagerly: a later trap would cost more, some
 * CPUs leak the old state past CR0.TS, and one emulator does not trap XSAVE at
 * all.  Called by switch.c on the CPU that runs the vCPU.
 *
 * The guest chooses XCR0.  Components it has not enabled it cannot touch, but
 * they may still hold another domain's values in registers; so the state is
 * saved and loaded with every component the core offers, and only then is the
 * guest's own XCR0 put in place.
 */
#include <arch/switch.h>

#include <switch.h>

#define FXSAVE_SIZE 512
#define MXCSR_DEFAULT 0x1f80u
#define MXCSR_KNOWN 0xffbfu
#define FCW_DEFAULT 0x037fu

struct fpu_image {
	uint16_t fcw, fsw;
	uint8_t tags_and_pointers[20];
	uint32_t mxcsr;
	uint8_t registers[FXSAVE_SIZE - 28];
	/* XSAVE only */
	uint64_t parts; /* those present, as XCR0 counts them */
	uint64_t header[7];
};
_Static_assert(offsetof(struct fpu_image, mxcsr) == 24 &&
		       offsetof(struct fpu_image, parts) == FXSAVE_SIZE,
	       "manual volume 1, 10.5.1 and 13.4");

/* Bytes of a save area that holds every component the core offers. */
size_t arch_fpu_size(void)
{
	return cpu_features.xsave ? cpuid_xsave_size(cpu_features.xcr0, false) : FXSAVE_SIZE;
}

/* With every component that XCR0 has at this moment. */
#define STATE_OP(insn, v) \
	__asm__ __volatile__(insn " (%0)" : : "r"((v)->fpu), "a"(~0u), "d"(~0u) : "memory")

void arch_vcpu_init(struct vcpu *v)
{
	struct fpu_image *image = v->fpu;

	image->fcw = FCW_DEFAULT;
	image->mxcsr = MXCSR_DEFAULT;
}

void arch_vcpu_free(struct vcpu *v UNUSED)
{
	/* Another domain may come to the same address: see arch_switch_vcpu(). */
	for (unsigned int i = 0; i < cpu_count(); i++) {
		WRITE_ONCE(percpu_of(i)->arch.last_domain, NULL);
	}
}

void fpu_save(struct vcpu *v)
{
	clts();
	if (cpu_features.xsave) {
		if (v->xcr0 != cpu_features.xcr0) {
			xsetbv(cpu_features.xcr0);
		}
		STATE_OP("xsave64", v);
	} else {
		STATE_OP("fxsave64", v);
	}
}

/* CR0.TS is clear since the last fpu_save(); the caller sets it for the guest afterwards. */
void fpu_restore(struct vcpu *v)
{
	if (cpu_features.xsave) {
		xsetbv(cpu_features.xcr0);
		STATE_OP("xrstor64", v);
		if (v->xcr0 != cpu_features.xcr0) {
			xsetbv(v->xcr0);
		}
	} else {
		STATE_OP("fxrstor64", v);
	}
}

void arch_set_xcr0(struct vcpu *v, uint64_t xcr0)
{
	v->xcr0 = xcr0;
	if (this_cpu()->curr == v && cpu_features.xsave) {
		xsetbv(xcr0);
	}
}

/*
 * Only the legacy part of an image can come with a context.  MXCSR bits that
 * the CPU does not know would fault in the core's own restore: mask them.
 */
void arch_load_fpu_image(struct vcpu *v, const void *fxsave)
{
	struct fpu_image *image = v->fpu;

	memcpy(image, fxsave, FXSAVE_SIZE);
	image->mxcsr &= MXCSR_KNOWN;
	if (cpu_features.xsave) {
		image->parts = 3; /* x87 and SSE */
		memset(image->header, 0, sizeof(image->header));
	}
}
