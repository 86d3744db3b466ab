/* SPDX-License-Identifier: MIT */
/*
 * The control ABI: how a toolstack makes, watches and ends domains.  One
 * hypercall, number 55:
 *
 *     long vl_control(uint64_t cmd, uint64_t domid, void *arg)
 *
 * cmd is VL_CONTROL(op): the version of this file in bits 16 and up, one of
 * VL_CTL_* below.  domid names the domain that is acted on; arg points to the
 * structure that stands with the operation, and is ignored where none does.
 * "In" fields are read once, "out" fields written as the call succeeds.  Fields
 * named pad, and bits and flags that have no name here, must be 0.
 *
 * Who may: the control domain, every operation on every domain.  Where an
 * operation is marked T, also a domain that was given the right to act on that
 * one other domain (VL_CTL_set_target).  Nobody else: for them every call is
 * -XEN_EPERM.  Nobody on itself, but the control domain where it is marked S.
 *
 * Result: 0 or what is said with the operation.  Errors of all operations:
 *   -XEN_EOPNOTSUPP  another version than the core's
 *   -XEN_ENOSYS      no such operation
 *   -XEN_EPERM       the caller may not
 *   -XEN_ESRCH       no domain of that number, or it is dying
 *   -XEN_EFAULT      arg cannot be read or written
 *   -XEN_EINVAL      a value out of its range; the caller itself, where not S
 *   -XEN_ENOMEM      no memory; nothing has changed
 *
 * Frames are machine frames of 4 KiB, times are nanoseconds.  The layout is the
 * same for every compiler: fields have their natural alignment, structures a
 * multiple of 8 bytes.  A change of any of it raises VL_CONTROL_VERSION.
 */
#ifndef VL_ABI_VL_CONTROL_H
#define VL_ABI_VL_CONTROL_H

#include <stdint.h>

#define __HYPERVISOR_vl_control 55

#define VL_CONTROL_VERSION 1u
#define VL_CONTROL(op) ((uint64_t)VL_CONTROL_VERSION << 16 | (op))

/** As domid of VL_CTL_create: any number that is free. */
#define VL_DOMID_ANY 0x7ff4u
/* The core keeps in the command, above 32 bits, how far an interrupted call is:
 * a caller leaves 0 there. */
/** Domain numbers are below this. */
#define VL_DOMID_END 16384u
/** A domain has at most so many vCPUs. */
#define VL_VCPUS_MAX 64u

/*
 * Makes a domain: paused, without memory, its vCPUs down, and returns its
 * number.  With VL_DOMID_ANY numbers rise, so that one does not come back soon.
 * -XEN_EEXIST: the number is taken.  -XEN_ENOSPC: all numbers are.
 */
#define VL_CTL_create 1
struct vl_create {
	uint32_t vcpus;		  /* in: 1..VL_VCPUS_MAX */
	uint32_t flags;		  /* in: 0 */
	uint64_t max_frames;	  /* in: it may own so many */
	uint32_t grant_frames;	  /* in: of its grant table; 0: the core's default */
	uint32_t maptrack_frames; /* in: of its mappings of others' grants; 0: default */
	uint32_t event_ports;	  /* in: it may have so many; 0: as many as there are */
	uint32_t pad;
	uint8_t handle[16]; /* in: uuid; the core only keeps it */
};

/*
 * Ends a domain and gives back all that it had; the work can be interrupted.
 * Also for a domain that is dying already.  -XEN_EBUSY: it is ended, but other
 * domains still map frames of it: its number is free after they have let go and
 * this has been called again; VIRQ_DOM_EXC says when it is worth a call.
 */
#define VL_CTL_destroy 2

/* T. Stops all vCPUs, and returns when they have; once or often is the same. */
#define VL_CTL_pause 3
/* T. The domain runs again, whatever paused it; no change if it was not paused. */
#define VL_CTL_unpause 4

/* S. Gives the domain another limit; below what it owns it only gets no more. */
#define VL_CTL_set_max_frames 5
struct vl_max_frames {
	uint64_t frames; /* in */
};

/* S. What the scheduler gives to the domain. */
#define VL_CTL_set_sched 6
struct vl_sched {
	uint32_t weight; /* in: 1..65535, default 256: its share where there is a choice */
	uint32_t cap;	 /* in: percent of one CPU, 100 for each vCPU at most; 0: none */
};

/*
 * T. Registers, tables and handlers of a vCPU as VCPUOP_initialise takes them;
 * for a vCPU that has not been started.  The vCPU is up afterwards if it is
 * number 0, and runs as soon as the domain does.  -XEN_EEXIST: it was started.
 */
#define VL_CTL_set_context 7
/* T. The same, but without the state of the FPU, of a vCPU of a domain that is
 * paused or has shut down; else -XEN_EBUSY. */
#define VL_CTL_get_context 8
struct vl_context {
	uint32_t vcpu; /* in */
	uint32_t pad;
	uint64_t context; /* in: address of a struct vcpu_guest_context */
};

/* S. On which CPUs a vCPU may run.  -XEN_EINVAL: on none that there is. */
#define VL_CTL_set_affinity 9
struct vl_affinity {
	uint32_t vcpu; /* in */
	uint32_t pad;
	uint64_t cpus; /* in: one bit for each CPU */
};

/*
 * T (its one domain alone), S. Domains from domid on, in order of their numbers, as
 * many as there are or as there is room for.  Returns how many.  Those that
 * die are among them.
 */
#define VL_CTL_domain_info 10
struct vl_list {
	uint32_t first; /* in: vcpu_info: number of the first vCPU; else 0 */
	uint32_t count; /* in: there is room for so many */
	uint64_t list;	/* in: address of so many struct vl_domain_info, vl_vcpu_info */
};

#define VL_DOMAIN_control (1u << 0)
#define VL_DOMAIN_dying (1u << 1)    /* destroyed; others still map its frames */
#define VL_DOMAIN_shutdown (1u << 2) /* see shutdown_reason */
#define VL_DOMAIN_paused (1u << 3)
#define VL_DOMAIN_blocked (1u << 4) /* no vCPU could run if it were let */
#define VL_DOMAIN_running (1u << 5) /* a vCPU runs now */

struct vl_domain_info {
	uint16_t domid;
	uint16_t target;	  /* the one it may act on, or itself */
	uint32_t flags;		  /* VL_DOMAIN_* */
	uint32_t shutdown_reason; /* SHUTDOWN_*, with VL_DOMAIN_shutdown */
	uint32_t vcpus_max;
	uint32_t vcpus_up;
	uint32_t weight, cap;	   /* see struct vl_sched */
	uint32_t ports, ports_max; /* event channels: in use, limit */
	uint32_t grant_frames, grant_frames_max;
	uint32_t pad;
	uint64_t frames, max_frames;
	uint64_t shared_info; /* frame */
	uint64_t cpu_time;    /* all its vCPUs ran so long */
	uint64_t created;     /* host time at which it was made; see struct vl_host_info */
	uint8_t handle[16];
};

/* T. vCPUs of a domain from number `first` on.  Returns how many. */
#define VL_CTL_vcpu_info 11
#define VL_VCPU_up (1u << 0)
#define VL_VCPU_blocked (1u << 1)
#define VL_VCPU_running (1u << 2)
struct vl_vcpu_info {
	uint32_t vcpu;
	uint32_t flags; /* VL_VCPU_* */
	uint32_t cpu;	/* where it runs, or ran */
	uint32_t pad;
	uint64_t cpu_time; /* it ran so long */
	uint64_t affinity; /* one bit for each CPU */
};

/* About the machine; domid is not looked at. */
#define VL_CTL_host_info 12
struct vl_host_info {
	uint32_t cpus; /* online */
	uint32_t cpu_khz;
	uint64_t frames; /* of RAM that the machine has */
	uint64_t free_frames;
	uint64_t core_frames; /* that the core has: itself, its tables, what guests cost */
	uint64_t time;	      /* host time: since the core started */
	uint32_t domains;     /* that there are */
	uint32_t log_size;    /* bytes that the core's log keeps */
	uint32_t hw_caps[8]; /* cpuid 1 edx, ecx; 0x80000001 edx, ecx; 7 ebx, ecx, edx; 0xd/1 eax */
};

/*
 * The core's messages.  pos counts bytes since the start; what is older than
 * the log keeps is skipped.  Returns the number of bytes, which is less than
 * there is room for if the piece is large, and 0 at the end: call again with the
 * pos that came back.  domid is not looked at.
 */
#define VL_CTL_log_read 13
#define VL_LOG_clear (1u << 0) /* what was read until here is not shown to who begins at 0 */
struct vl_log_read {
	uint64_t pos;	 /* in, out: of the first byte; behind the last */
	uint64_t buffer; /* in: address */
	uint32_t size;	 /* in: of the buffer */
	uint32_t flags;	 /* in: VL_LOG_* */
};

/*
 * Ports, or frames that are no RAM, which the domain may use; or no more.
 * Ports are taken away at once.  Of frames a domain has 8 ranges at most
 * (-XEN_ENOSPC), and takes back exactly what was given (-XEN_ENOENT), while it
 * has no memory (-XEN_EBUSY): later its page tables may hold them, and what is
 * mapped stays mapped until the domain ends.  What belongs to the core or to a
 * domain as RAM, interrupt controllers and such is never accessible, whatever is
 * allowed here.
 */
#define VL_CTL_set_ioports 14
#define VL_CTL_set_iomem 15
struct vl_range {
	uint64_t first, count; /* in */
	uint32_t allow;	       /* in: 0, 1 */
	uint32_t pad;
};

/*
 * Gives the domain the right to act on `target`: the operations marked T, and
 * the published calls that name another domain (mapping its frames, its event
 * channels, its memory).  Its own number takes the right away; so does the end
 * of the target.  -XEN_EINVAL: the target is the control domain.
 */
#define VL_CTL_set_target 16
struct vl_target {
	uint32_t target; /* in */
	uint32_t pad;
};

/* Fills an entry of the domain's grant table that is reserved for who builds
 * it: `to` may map the frame. */
#define VL_CTL_grant 17
struct vl_grant {
	uint32_t ref;	/* in: below GNTTAB_NR_RESERVED_ENTRIES */
	uint32_t to;	/* in: a domain */
	uint64_t frame; /* in: of the domain, which is looked at as it is mapped */
};

/* T. Why the core stopped the domain: one sentence; "" if it did not. */
#define VL_CTL_crash_reason 18
struct vl_crash_reason {
	char text[120]; /* out */
};

#endif
