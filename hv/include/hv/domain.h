/* SPDX-License-Identifier: MIT */
/*
 * Domains: identity, limits, life cycle.  A domain is found by id through a
 * table under the domlist lock, kept alive by references, and torn down by
 * domain_destroy() in preemptible steps; its id is free again when its last
 * reference is gone.
 */
#ifndef HV_DOMAIN_H
#define HV_DOMAIN_H

#include <arch/paging.h>
#include <hv/lock.h>
#include <xen/xen.h>

#define MAX_VCPUS 64 /* per domain; the published ABI allows 512 */
#define MAX_DOMAINS 16384
#define EXTENT_SHIFT (25 - PAGE_SHIFT) /* one extent bit covers 32 MiB */
#define EVTCHN_GROUP 128	       /* channels at once, 32 bytes each */
#define EVTCHN_BLOCKS 11	       /* 131072 ports: the FIFO maximum; see evtchn_at() */
#define PIRQ_MAX 512

struct vl_create;

enum domain_state {
	DOM_ALIVE,
	DOM_DYING,
	DOM_DEAD
};

struct domain {
	uint16_t id;		 /* write-once */
	bool is_control;	 /* write-once: domain 0 */
	bool may_io;		 /* write-once: hardware access */
	uint32_t refs;		 /* atomic */
	enum domain_state state; /* domain lock */
	uint16_t target;	 /* atomic: the domain it may act on, or itself */
	uint64_t created;	 /* write-once: ns since start-up */
	uint8_t handle[16];	 /* uuid, write-once */

	spinlock_t lock; /* RANK_DOMAIN */

	struct vcpu *vcpu[MAX_VCPUS]; /* write-once: max_vcpus of them */
	unsigned int max_vcpus;	      /* write-once */

	/* memory */
	uint32_t tot_pages;	     /* atomic */
	uint32_t max_pages;	     /* domain lock */
	uint64_t destroy_cursor;     /* destroy path only */
	uint32_t end_pages;	     /* destroy path only: frames it had */
	bool waiting;		     /* destroy path only: counted in domain.c */
	struct shared_info *shared;  /* write-once, core's mapping */
	uint32_t pv_features_assist; /* VMASST bits; domain lock */

	/* pausing and death */
	bool shutting_down;	/* atomic: set once, by crash.c */
	bool claimed;		/* atomic: see domain_claim() */
	uint8_t shutdown_code;	/* SHUTDOWN_*, if shutting_down */
	bool crashed;		/* atomic: crash_reason is taken */
	char crash_reason[120]; /* the first one */

	/* event channels, evtchn.c */
	spinlock_t evtchn_lock;			    /* RANK_EVTCHN */
	struct evtchn *evtchn_block[EVTCHN_BLOCKS]; /* evtchn lock to grow,
						       read without */
	uint32_t evtchn_valid;			    /* ports below this exist */
	uint32_t evtchn_max;			    /* ports by policy, write-once */
	uint32_t evtchn_count;			    /* evtchn lock; in use */
	uint32_t evtchn_free;			    /* evtchn lock; first free, 0: none */
	uint64_t poll_mask;			    /* atomic: vCPUs in SCHEDOP_poll */
	struct evtchn_fifo *fifo;		    /* evtchn lock to set; NULL: two-level */

	struct gnttab *gnttab; /* write-once; gnttab.h */

	/* hardware; pirqs only with may_io */
	uint32_t pirq_port[PIRQ_MAX]; /* pirq lock: bound port or 0 */
	uint32_t pci_cf8;	      /* latched configuration address */
	uint64_t *ioport_map;	      /* 65536 bits of permission or NULL */
	struct iomem {		      /* domain lock to write; count 0: a free one */
		uint64_t first, count;
	} iomem[8]; /* I/O frames that it may map besides */

	/* scheduling, sched.c */
	uint32_t weight;   /* atomic: its share */
	uint32_t cap;	   /* atomic: percent of a CPU, 0: none */
	uint64_t vtime;	   /* atomic: virtual time */
	uint64_t cap_time; /* atomic: when it would have used its cap */

	/* console ring of a guest from a boot module, guest_console.c */
	struct page *console_page; /* evtchn lock; NULL: none */

	/* console_io rate limit and line buffer, console_io.c */
	char conbuf[160];	  /* domain lock */
	unsigned int conbuf_used; /* domain lock */
	uint64_t con_window;	  /* domain lock */
	uint32_t con_lines;	  /* domain lock */

	uint64_t extents[]; /* atomic bits, see page.h */
};

extern struct domain *control_domain; /* write-once at start-up */

/**
 * Creates a domain with its shared_info and all its vCPUs, which are down; with
 * DOMID_INVALID it gets the next free number.  What it may have is in `how`,
 * which is checked here.  NULL and *rc on failure.  It has one reference, which
 * domain_destroy() drops.
 */
struct domain *domain_create(uint16_t id, const struct vl_create *how, int *rc);
/** Takes a reference; NULL if there is no such living domain. */
struct domain *domain_get(uint16_t id);
/** NULL is fine. */
void domain_put(struct domain *d);
/**
 * The domain that a call of the current domain acts on: itself, DOMID_SELF
 * included, or one that it may control.  0, -XEN_ESRCH, -XEN_EPERM.  Given
 * back by domain_put_target(), for which NULL is fine.
 */
int must_check domain_get_target(uint16_t id, struct domain **target);
void domain_put_target(struct domain *d);
/**
 * The domain that owns a frame, by the frame's owner: no lock, no reference.
 * It stays while it owns a frame; NULL if there is none.
 */
struct domain *domain_of_frames(uint16_t owner);
/** Walks all domains: NULL starts; drops the reference on prev. */
struct domain *domain_next(struct domain *prev);
/** The one of the lowest number from `id` on; takes a reference. */
struct domain *domain_from(unsigned int id);

/** Keeps others from stopping, building and destroying d; false: one is at it. */
bool must_check domain_claim(struct domain *d);
void domain_release(struct domain *d);
/**
 * Keeps all vCPUs off the CPUs by a PAUSE_* flag: 0, or -XEN_ERESTART to be
 * called again while one is still loaded.  d is not the current domain.
 */
int must_check domain_stop(struct domain *d, uint32_t flag);

/**
 * A guest did what cannot be answered: records the first reason, logs domain,
 * vCPU, registers and last hypercalls, and stops the domain
 * (SHUTDOWN_crash).  Returns -XEN_EFAULT: a caller that answers a hypercall
 * returns that.
 */
int domain_crash(struct domain *d, const char *fmt, ...) printf_like(2, 3);

/**
 * All vCPUs stop, with SHUTDOWN_* reason; control domain: acts on the machine
 * and does not return.  Locks as for domain_crash().
 */
void domain_shutdown(struct domain *d, uint8_t reason);
/**
 * Tears d down: 0 when every resource is back, -XEN_ERESTART to be called
 * again, -XEN_EBUSY when all that is left are frames that other domains still
 * map: call again later.  While this CPU has a vCPU of d loaded it says RESTART
 * for ever.  After 0 only who has a reference of his own may use d.
 */
int must_check domain_destroy(struct domain *d);
/** The last of a dying domain may have gone: tells the control domain soon.  Any
 *  lock may be held. */
void domain_frames_gone(void);

/**
 * A zeroed frame that d owns and can map but not give away, and that the core
 * writes too; NULL: none.  Its count is 1 while nobody maps it; then it can be
 * freed.
 */
void *domain_shared_alloc(const struct domain *d);
void domain_shared_free(void *p);

#endif
