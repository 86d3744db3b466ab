/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op: start and stop vCPUs, their timers, and the areas that the core
 * keeps up to date in guest memory.
 *
 * int vcpu_op(int cmd, int vcpu, void *arg). vCPUs are numbered from 0, by
 * the caller's own domain. Errors: -XEN_ENOENT no such vCPU (Linux counts
 * its vCPUs by that), -XEN_EINVAL bad argument, -XEN_EPERM not for another
 * vCPU, -XEN_ENOSYS unknown command.
 */
#ifndef VL_ABI_XEN_VCPU_H
#define VL_ABI_XEN_VCPU_H

#include "xen.h"

/* Load a struct vcpu_guest_context; the vCPU stays down. -XEN_EEXIST: it has
 * been initialised already. */
#define VCPUOP_initialise 0
/* Let a vCPU run; -XEN_EINVAL before initialise. arg is null. */
#define VCPUOP_up 1
/* Stop a vCPU, keeping its state. arg is null. */
#define VCPUOP_down 2
/* 1 if up, 0 if down. arg is null. */
#define VCPUOP_is_up 3
/* Copy out how the vCPU spends its time. */
#define VCPUOP_get_runstate_info 4

/* vcpu_runstate_info.state and the index of its times. */
#define RUNSTATE_running 0  /* on a processor */
#define RUNSTATE_runnable 1 /* waits for one */
#define RUNSTATE_blocked 2  /* waits for an event */
#define RUNSTATE_offline 3  /* down, or its domain is paused */

/*
 * Times in nanoseconds. With VMASST_TYPE_runstate_update_flag the top bit of
 * state_entry_time is set while the area is being written.
 */
struct vcpu_runstate_info {
	int state;		   /* RUNSTATE_* */
	uint64_t state_entry_time; /* system time of the last change */
#define XEN_RUNSTATE_UPDATE (xen_mk_ullong(1) << 63)
	uint64_t time[4]; /* spent in each state */
};
typedef struct vcpu_runstate_info vcpu_runstate_info_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_runstate_info_t);

/*
 * Keep such a structure current at a guest linear address, which is resolved
 * once, in the caller's tables, as it is registered. A null address ends it.
 */
#define VCPUOP_register_runstate_memory_area 5
struct vcpu_register_runstate_memory_area {
	union {
		XEN_GUEST_HANDLE(vcpu_runstate_info_t) h;
		struct vcpu_runstate_info *v;
		uint64_t p;
	} addr;
};
typedef struct vcpu_register_runstate_memory_area vcpu_register_runstate_memory_area_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_register_runstate_memory_area_t);

/* VIRQ_TIMER every period_ns nanoseconds, at least 1 ms; only the calling
 * vCPU. stop takes a null arg. */
#define VCPUOP_set_periodic_timer 6
#define VCPUOP_stop_periodic_timer 7
struct vcpu_set_periodic_timer {
	uint64_t period_ns;
};
typedef struct vcpu_set_periodic_timer vcpu_set_periodic_timer_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_set_periodic_timer_t);

/* VIRQ_TIMER once, at a system time; only the calling vCPU. With future set,
 * a time that has passed gives -XEN_ETIME instead. */
#define VCPUOP_set_singleshot_timer 8
#define VCPUOP_stop_singleshot_timer 9
struct vcpu_set_singleshot_timer {
	uint64_t timeout_abs_ns;
	uint32_t flags; /* VCPU_SSHOTTMR_* */
};
typedef struct vcpu_set_singleshot_timer vcpu_set_singleshot_timer_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_set_singleshot_timer_t);

#define _VCPU_SSHOTTMR_future 0
#define VCPU_SSHOTTMR_future (xen_mk_uint(1) << _VCPU_SSHOTTMR_future)

/*
 * Move the vcpu_info of a vCPU out of shared_info, once. Its contents are
 * copied and everything is marked pending, so that no event is lost. The
 * structure may not cross the frame. -XEN_EINVAL: moved already, or a bad
 * frame or offset.
 */
#define VCPUOP_register_vcpu_info 10
struct vcpu_register_vcpu_info {
	uint64_t mfn;
	uint32_t offset; /* bytes into the frame */
	uint32_t rsvd;	 /* 0 */
};
typedef struct vcpu_register_vcpu_info vcpu_register_vcpu_info_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_register_vcpu_info_t);

/* Send a virtual NMI. arg is null. */
#define VCPUOP_send_nmi 11

/* The processor under a pinned vCPU of the control domain: APIC id in the
 * low half, ACPI id in the high one. -XEN_EINVAL: not pinned. */
#define VCPUOP_get_physid 12
struct vcpu_get_physid {
	uint64_t phys_id; /* out */
};
typedef struct vcpu_get_physid vcpu_get_physid_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_get_physid_t);
#define xen_vcpu_physid_to_x86_apicid(physid) ((uint32_t)(physid))
#define xen_vcpu_physid_to_x86_acpiid(physid) ((uint32_t)((physid) >> 32))

/* Keep a second copy of vcpu_time_info at a guest linear address, for user
 * mode to read; resolved as the runstate area is. */
#define VCPUOP_register_vcpu_time_memory_area 13
DEFINE_XEN_GUEST_HANDLE(vcpu_time_info_t);
struct vcpu_register_time_memory_area {
	union {
		XEN_GUEST_HANDLE(vcpu_time_info_t) h;
		struct vcpu_time_info *v;
		uint64_t p;
	} addr;
};
typedef struct vcpu_register_time_memory_area vcpu_register_time_memory_area_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_register_time_memory_area_t);

#endif
