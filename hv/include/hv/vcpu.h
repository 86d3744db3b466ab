/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs.  The registers of a vCPU always live in its struct: the CPU
 * that runs it pushes the guest's frame right there (see entry.S), so a
 * switch copies nothing.  Unless a comment says otherwise a field belongs to
 * the CPU that runs the vCPU, or to whoever has paused it.
 */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/percpu.h>
#include <hv/timer.h>
#include <xen/vcpu.h>

/* Reasons why a vCPU may not run; any bit set keeps it off the CPU. */
#define PAUSE_DOWN 1u	  /* not up yet, or taken down */
#define PAUSE_BLOCKED 2u  /* SCHEDOP_block */
#define PAUSE_POLL 4u	  /* SCHEDOP_poll */
#define PAUSE_DOMAIN 8u	  /* whole domain shut down or dying: for good */
#define PAUSE_CAP 16u	  /* its domain has run as much as it may for now */
#define PAUSE_CONTROL 32u /* whole domain paused by the toolstack */

/* A guest page the core writes at any time, by its own mapping. */
struct guest_area {
	struct page *pg[2]; /* writable type references; pg[1] if it crosses */
	uint16_t offset;    /* of the area within pg[0] */
	void *flat;	    /* all of it, if it is aligned and within a page */
};

struct hypercall_record {
	uint8_t nr;
	uint64_t arg[3];
	int64_t result;
};

struct vcpu {
	uint64_t cpu_stack;	/* top of the stack of the CPU running it */
	struct guest_regs regs; /* ends 16-byte aligned: the processor
				       aligns down before it pushes */
	uint64_t cr3_kernel;	/* machine address of the kernel L4, or 0 */
	uint64_t cr3_user;	/* of the user L4, or 0 */
	union {			/* while not loaded, see switch.c */
		struct {
			uint64_t fs_base, gs_user, gs_kernel;
		};
		uint64_t seg_base[3]; /* by SEGBASE_* */
	};
	uint64_t kernel_sp, kernel_ss; /* stack_switch */
	uint64_t syscall_entry;	       /* CALLBACKTYPE_syscall, 0: none */
	uint64_t event_entry, failsafe_entry;
	struct vcpu_info *info; /* core's mapping; never NULL */
	uint8_t in_kernel;	/* guest-kernel (1) or guest-user mode */
	uint8_t syscall_masks;	/* CALLBACKF_mask_events of the syscall */
	uint8_t failsafe_masks;
	uint8_t iopl;	     /* virtual IOPL, 0..3; vcpu_set_iopl() */
	uint8_t kick;	     /* atomic: look again before guest entry */
	uint32_t iopl_flags; /* iopl in its place in RFLAGS, for frames */

	struct domain *domain; /* write-once */
	unsigned int id;       /* write-once */
	unsigned int cpu;      /* runqueue lock to write; where it is loaded, or
				  was last */

	/* By vector; all run with the flat code selector. */
	uint64_t trap_address[256]; /* 0: none */
	uint8_t trap_flags[256];    /* TI_GET_DPL, TI_GET_IF */

	/* control registers and debug state as the guest set them */
	uint64_t cr0_ts; /* CR0.TS as the guest kernel sees it */
	uint64_t cr2;	 /* guest's own value of CR2 */
	uint64_t cr4;	 /* guest's view */
	uint64_t dr[8];
	uint64_t xcr0;
	void *fpu; /* XSAVE area, 64-byte aligned */
	union {	   /* while not loaded */
		struct {
			uint16_t ds, es, fs, gs;
		};
		uint16_t selector[4];
	};

	/* descriptor tables */
	unsigned long gdt_frame[14]; /* DESC type references, 0: none */
	unsigned int gdt_entries;
	uint64_t ldt_base; /* guest linear */
	unsigned int ldt_entries;
	unsigned long ldt_frame[16]; /* mapped so far, DESC references */

	/* page tables: general + type references */
	struct page *kernel_table;
	struct page *user_table;
	struct page *old_table; /* being dropped, preemptible */

	/* registered pages */
	struct page *info_page;		 /* of register_vcpu_info, or NULL */
	struct vcpu_info own_info;	 /* vCPUs 32..: until it is registered */
	struct guest_area runstate_area; /* its lock */
	struct guest_area time_area;	 /* its lock */

	/* scheduling, sched.c */
	struct vcpu *rq_next;		    /* runqueue lock */
	uint64_t waits_since;		    /* runqueue lock, if queued */
	uint64_t key;			    /* runqueue lock, or CPU: virtual time */
	cpumask_t affinity;		    /* runqueue lock to write: CPUs it may run on */
	bool queued;			    /* runqueue lock */
	uint32_t pause_flags;		    /* atomic, PAUSE_* */
	spinlock_t lock;		    /* RANK_VCPU */
	bool running;			    /* its lock: on a CPU now */
	bool loaded;			    /* runqueue lock to write: in the machine of
				       v->cpu, which may be idle and clears it */
	struct vcpu_runstate_info runstate; /* its lock */
	uint32_t poll_port;		    /* PAUSE_POLL: one port, or 0 for several */

	/* timers, vtime.c */
	struct timer singleshot, poll_timer, cap_timer;
	uint32_t time_version; /* of the info last written */

	/* events */
	uint32_t virq_port[24]; /* evtchn lock of the domain; 0: none */
	bool initialised;	/* VCPUOP_initialise done */
	bool nmi_pending;	/* atomic */

	/* hypercalls, hypercall.c */
	struct multicall_entry *mc; /* entry being executed, or NULL */
	struct hypercall_record history[CONFIG_HYPERCALL_HISTORY];
	uint64_t history_next; /* how many there were */
};

/** vCPU running on this CPU; never NULL while a guest's call is served. */
static inline struct vcpu *current_vcpu(void)
{
	return this_cpu()->curr;
}

static inline struct domain *current_domain(void)
{
	return this_cpu()->curr->domain;
}

static inline void vcpu_set_iopl(struct vcpu *v, unsigned int iopl)
{
	v->iopl = (uint8_t)(iopl & 3);
	v->iopl_flags = (uint32_t)(iopl & 3) << 12;
}

/** vCPU `id` of d, a number that a guest may have chosen; NULL: none. */
struct vcpu *vcpu_lookup(struct domain *d, uint64_t id);
/** Creates vCPU `id` of d, down, on a CPU of the core's choice; by domain_create(). */
int must_check vcpu_create(struct domain *d, unsigned int id);
/** Releases all that the vCPU holds; preemptible: 0 or -XEN_ERESTART. */
int must_check vcpu_destroy(struct vcpu *v);
/** Frees the struct; only after vcpu_destroy() returned 0. */
void vcpu_free(struct vcpu *v);
/**
 * Loads a whole context (VCPUOP_initialise; first-domain builder) into a vCPU
 * that is not initialised; after a refusal it still is not.  Preemptible.
 */
int must_check vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c);
/**
 * The same with the context read from guest memory (VCPUOP_initialise,
 * VL_CTL_set_context); also -XEN_EEXIST, -XEN_ESRCH, -XEN_ENOMEM, -XEN_EFAULT.
 */
int must_check vcpu_initialise(struct vcpu *v, uint64_t context);
/** Writes the context, but for the FPU's, of a vCPU that is not loaded there. */
int must_check vcpu_get_context(const struct vcpu *v, uint64_t context);
/** Register dump of a guest, with its stack's top words, to the log. */
void vcpu_dump(const struct vcpu *v);
/** The general registers alone, of a guest or of the core. */
void regs_print(const struct guest_regs *r);
/** Whether v waits for VCPUOP_up; it may still be on its way off a CPU. */
static inline bool vcpu_is_down(const struct vcpu *v)
{
	return (__atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST) & PAUSE_DOWN) != 0;
}
/** VCPUOP_up. */
void vcpu_up(struct vcpu *v);
/**
 * Moves vcpu_info into the guest's frame (VCPUOP_register_vcpu_info), of v itself
 * or of one that is down.  -XEN_ERESTART: v is still loaded somewhere.
 */
int must_check vcpu_map_info(struct vcpu *v, unsigned long mfn, unsigned int offset);

/**
 * Holds a frame of d that the core is going to write to at any time, by a
 * general and a writable type reference: NULL if that is not possible.  Given
 * back by page_put_and_type().
 */
struct page *must_check guest_frame_hold(const struct domain *d, unsigned long mfn);
/** The core's mapping of such a frame. */
void *guest_frame_ptr(const struct page *pg, size_t offset);

/**
 * Resolves `size` bytes (at most a page) at va in the current vCPU's tables and
 * takes references into *a, whatever that held before; va 0: an empty area.
 * -XEN_EFAULT: not mapped writable, or not the caller's memory.
 */
int must_check guest_area_register(struct guest_area *a, uint64_t va, size_t size);
void guest_area_drop(struct guest_area *a);
/** Writes bytes [at, at + n) of the area, if there is one. */
void guest_area_write_split(const struct guest_area *a, size_t at, const void *src, size_t n);
static inline void guest_area_write(const struct guest_area *a, size_t at, const void *src,
				    size_t n)
{
	if (likely(a->flat != NULL)) {
		/* Without a call, as n is a constant: a word is one store. */
		__builtin_memcpy((char *)a->flat + at, src, n);
	} else {
		guest_area_write_split(a, at, src, n);
	}
}

#endif
