/* SPDX-License-Identifier: MIT */
/*
 * A core in memory, below vl_ctl: domains, frames, ports, grants, contexts, and
 * the checks of page tables that a pin makes.  For tests of everything that uses
 * ctl.h.  It answers as vl/control.h and the published interface say and aborts
 * on nothing that a caller can do wrong.
 *
 *     struct fake_ctl *fake = fake_ctl_new(32 << 20);
 *     fake_ctl_install(fake);                 vl_ctl_open() gives this core
 *     struct vl_ctl *ctl = fake_ctl_open(fake);      or directly
 *     ...
 *     vl_ctl_close(ctl);
 *     fake_ctl_free(fake);                    aborts if a page is still mapped
 *
 * The control domain, number 0, is there from the start; a test may change any
 * field of a domain to say what the guest or the core did.
 */
#ifndef TESTS_FAKE_CTL_H
#define TESTS_FAKE_CTL_H

#include "libvellum/ctl.h"

#define FAKE_DOMAINS 32
#define FAKE_PORTS 64
#define FAKE_GRANTS 8
/* Machine frames begin above 4 GiB, so that a truncated number shows. */
#define FAKE_MFN_BASE 0x140000ul
#define FAKE_FREE 0xffffu

struct fake_domain {
	bool used;
	struct vl_domain_info info; /* frames, limits, flags, handle, ... */
	struct vcpu_guest_context context[VL_VCPUS_MAX];
	bool has_context[VL_VCPUS_MAX];
	uint64_t affinity[VL_VCPUS_MAX];
	uint16_t port_remote[FAKE_PORTS]; /* FAKE_FREE: no such port */
	struct vl_grant grant[FAKE_GRANTS];
	bool granted[FAKE_GRANTS];
	uint64_t pinned;		/* frame of the L4 table; 0: none */
	struct vl_range ioports, iomem; /* the last that were set */
	bool held;			/* others map frames: destroy gives -EBUSY */
	char crash_reason[120];
};

struct fake_ctl {
	struct fake_domain domain[FAKE_DOMAINS];
	uint16_t next_domid;
	struct vl_host_info host;
	char log[4096];
	size_t log_size;
	char extraversion[16];

	/* Failures to order. */
	long version_answer;	/* what control calls give: 0, -ENOSYS, -EPERM, ... */
	unsigned int calls;	/* hypercalls, maps and buffers until now */
	unsigned int fail_at;	/* the call of this number fails; 0: none */
	int fail_code;		/* so, a positive errno */
	unsigned int order_max; /* larger extents cannot be had */

	/* To look at. */
	size_t mapped; /* pages that are mapped now */
	unsigned int handles, buffers;
	const char *pin_error; /* why the last pin was refused */

	/* Memory: fake_frames.c's. */
	size_t frames, free_frames;
	unsigned char *memory; /* of all frames */
	int memory_fd;
	uint16_t *owner; /* of each frame */
	uint64_t *m2p;
};

struct fake_ctl *fake_ctl_new(size_t memory);
void fake_ctl_free(struct fake_ctl *fake);
/** A handle; as many as you like, each to be closed. Null: an ordered failure. */
struct vl_ctl *fake_ctl_open(struct fake_ctl *fake);
/** What vl_ctl_open() opens from now on; null: the real devices again. */
void fake_ctl_install(struct fake_ctl *fake);
/** Null: there is none. */
struct fake_domain *fake_ctl_domain(struct fake_ctl *fake, uint16_t domid);
/** A frame's bytes; null: no frame of the machine. */
void *fake_ctl_frame(struct fake_ctl *fake, uint64_t mfn);
/** Reads at a linear address of vCPU 0, by its page tables; false: not mapped. */
bool fake_ctl_read(struct fake_ctl *fake, uint16_t domid, uint64_t va, void *to, size_t size);
/** Entry of level 1 that maps va, 0: none. */
uint64_t fake_ctl_pte(struct fake_ctl *fake, uint16_t domid, uint64_t va);

/* ---- fake_frames.c for fake_ctl.c ------------------------------------------------ */

bool fake_frames_start(struct fake_ctl *fake, size_t memory);
void fake_frames_end(struct fake_ctl *fake);
long fake_frames_populate(struct fake_ctl *fake, uint64_t arg);
void fake_frames_drop(struct fake_ctl *fake, uint16_t domid);
int fake_frames_pin(struct fake_ctl *fake, uint16_t domid, uint64_t mfn);
int fake_frames_map(void *layer, uint16_t domid, const uint64_t *frames, size_t count,
		    void **address);
void fake_frames_unmap(void *layer, void *address, size_t count);
/** True if the call now made is the one that is to fail. */
bool fake_fails(struct fake_ctl *fake);

#endif
