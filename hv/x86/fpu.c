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
#include <xen/errno.h>
#include <xen/xen.h>

#include <arch/switch.h>

#include <hv/heap.h>
#include <hv/string.h>
#include <hv/vcpu.h>

#include <switch.h>

#define FXSAVE_SIZE 512
#define XSAVE_HEADER 64
#define MXCSR_OFFSET 24
#define FCW_OFFSET 0
#define MXCSR_DEFAULT 0x1f80u
#define FCW_DEFAULT 0x037fu

static inline void xsetbv(uint64_t value)
{
	__asm__ __volatile__("xsetbv"
			     :
			     : "c"(0), "a"((uint32_t)value),
			       "d"((uint32_t)(value >> 32)));
}

/* Bytes of a save area that holds every component the core offers. */
static size_t area_size(void)
{
	uint32_t a, b, c, d;

	if (!cpu_features.xsave) {
		return FXSAVE_SIZE;
	}
	/* EBX speaks of the current XCR0; ECX of all the CPU has. */
	cpuid(0xd, 0, &a, &b, &c, &d);
	return MAX((size_t)c, (size_t)(FXSAVE_SIZE + XSAVE_HEADER));
}

static void set_defaults(uint8_t *area)
{
	uint32_t mxcsr = MXCSR_DEFAULT;
	uint16_t fcw = FCW_DEFAULT;

	memcpy(area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
	memcpy(area + FCW_OFFSET, &fcw, sizeof(fcw));
}

int fpu_vcpu_init(struct vcpu *v)
{
	v->fpu = heap_alloc_bytes(area_size());
	if (v->fpu == NULL) {
		return -XEN_ENOMEM;
	}
	set_defaults(v->fpu);
	v->xcr0 = 1; /* x87 only, as after reset */
	v->fpu_valid = true;
	return 0;
}

void fpu_vcpu_free(struct vcpu *v)
{
	if (v->fpu != NULL) {
		heap_free_bytes(v->fpu, area_size());
		v->fpu = NULL;
	}
}

void fpu_save(struct vcpu *v)
{
	__asm__ __volatile__("clts" ::: "memory");
	if (cpu_features.xsave) {
		uint64_t mask = cpu_features.xcr0;

		if (v->xcr0 != mask) {
			xsetbv(mask);
		}
		__asm__ __volatile__("xsave64 (%0)"
				     :
				     : "r"(v->fpu), "a"((uint32_t)mask),
				       "d"((uint32_t)(mask >> 32))
				     : "memory");
	} else {
		__asm__ __volatile__("fxsave64 (%0)"
				     :
				     : "r"(v->fpu)
				     : "memory");
	}
}

/* CR0.TS is clear on entry; the caller sets it for the guest afterwards. */
void fpu_restore(struct vcpu *v)
{
	if (cpu_features.xsave) {
		uint64_t mask = cpu_features.xcr0;

		xsetbv(mask);
		__asm__ __volatile__("xrstor64 (%0)"
				     :
				     : "r"(v->fpu), "a"((uint32_t)mask),
				       "d"((uint32_t)(mask >> 32))
				     : "memory");
		if (v->xcr0 != mask) {
			xsetbv(v->xcr0);
		}
	} else {
		__asm__ __volatile__("fxrstor64 (%0)"
				     :
				     : "r"(v->fpu)
				     : "memory");
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
	uint8_t *area = v->fpu;
	uint32_t mxcsr;
	uint64_t parts = 3; /* x87 and SSE present in the image */

	memcpy(area, fxsave, FXSAVE_SIZE);
	memcpy(&mxcsr, area + MXCSR_OFFSET, sizeof(mxcsr));
	mxcsr &= 0xffbfu;
	memcpy(area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
	if (cpu_features.xsave) {
		memset(area + FXSAVE_SIZE, 0, XSAVE_HEADER);
		memcpy(area + FXSAVE_SIZE, &parts, sizeof(parts));
	}
}
