/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1: what the files gnttab.c, gnttab_map.c and
 * gnttab_copy.c offer each other and the life of a domain.  Functions that
 * serve one element of a guest's list return GNTST_*, the others -XEN_Exxx.
 *
 * A domain has one struct gnttab for both of its parts: the entries by which
 * it grants, and the mappings that it has made of others' grants.  The lock of
 * a table is never held together with another's, nor with a page lock.
 */
#ifndef HV_GNTTAB_H
#define HV_GNTTAB_H

#include <hv/vcpu.h>
#include <xen/grant_table.h>

/* Of a domain, unless policy says otherwise; then struct gnttab is one page. */
#define GNTTAB_FRAMES 64
#define GNTTAB_MAP_PAGES 256 /* of mappings: 87296 of them */
/* What policy may say. */
#define GNTTAB_FRAMES_MAX 512
#define GNTTAB_MAP_PAGES_MAX 1024
#define GRANTS_PER_FRAME (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define USES_PER_PAGE (PAGE_SIZE / sizeof(struct grant_use))
#define MAPS_PER_PAGE (PAGE_SIZE / sizeof(struct grant_map))
#define GNTTAB_BATCH 32 /* elements of a list that are worked on at once */

/* Mappings of an entry, and copies under way: the flags of the entry that is
 * in guest memory show which of the two is not 0. */
struct grant_use {
	uint16_t all, writers;
};

/* What a handle stands for; it has a pin and a hold (see below). */
struct grant_map {
	uint32_t mfn;
	uint32_t ref;	/* of the granter's entry; free: next free handle */
	uint16_t domid; /* the granter */
	uint16_t flags; /* atomic; GNTMAP_* as it was made, with the parts that
			   are still there; 0: free */
};
#define GRANT_MAP_BUSY 0x8000u /* in flags: one CPU is ending it */
#define GRANT_MAP_NONE (~0u)

struct gnttab {
	spinlock_t lock;     /* RANK_GNTTAB */
	uint32_t frames;     /* gnttab lock */
	uint32_t max_frames; /* by policy, write-once */
	uint32_t maps;	     /* gnttab lock to grow: handles below exist */
	uint32_t max_maps;   /* by policy, write-once */
	uint32_t free_map;   /* gnttab lock; first free handle */
	/* As many as the limits allow, behind this structure. */
	uint64_t **frame;	/* write-once slots: entries, shared */
	struct grant_use **use; /* gnttab lock; one for two frames */
	struct grant_map **map; /* write-once slots */
};

/** A domain gets its empty table; limits of 0: the usual ones.  0 or -XEN_ENOMEM. */
int must_check gnttab_domain_init(struct domain *d, uint32_t max_frames, uint32_t map_pages);
/**
 * Ends all mappings that a dying domain has made: after its page tables are
 * gone.  0; -XEN_ERESTART: call again; -XEN_EBUSY: somebody still maps frames
 * of its table.
 */
int must_check gnttab_domain_destroy(struct domain *d);
/** Frees the table; nobody has d any more.  Fine without one. */
void gnttab_domain_free(struct domain *d);
/**
 * Fills an entry on behalf of d, before it runs: domain `to` may write to frame
 * mfn.  0 or -XEN_ENOMEM.  ref is one of the reserved ones.
 */
int must_check gnttab_seed(struct domain *d, grant_ref_t ref, domid_t to, unsigned long mfn);

/* ---- Between the files ---------------------------------------------------------- */

/**
 * The domain of that id, not dead, or NULL; *peer, the one of the last element
 * or NULL, is mostly the same.  The reference is *peer's.
 */
struct domain *gnttab_peer(struct domain **peer, domid_t id);

/** Reference, and use as writable if need be, of a frame of d; NULL: no. */
struct page *must_check gnttab_hold(unsigned long mfn, const struct domain *d, bool write);
/**
 * The current domain begins to use an entry of rd: a pin on the entry and a
 * hold on its frame.  gnttab_release() takes both back, the hold first, or with
 * NULL for rd the hold alone; no CPU may have a translation then.
 */
int must_check gnttab_acquire(struct domain *rd, grant_ref_t ref, bool write, struct page **pg);
void gnttab_release(struct domain *rd, grant_ref_t ref, bool write, struct page *pg);

union gnttab_ops {
	struct gnttab_map_grant_ref map[GNTTAB_BATCH];
	struct gnttab_unmap_grant_ref unmap[GNTTAB_BATCH]; /* and unmap_and_replace */
	struct gnttab_copy copy[GNTTAB_BATCH];
	struct gnttab_setup_table setup;
	struct gnttab_query_size size;
	struct gnttab_set_version set_version;
	struct gnttab_get_version get_version;
};

/* Carry out n elements and set the status of each; 0. */
int gnttab_map(unsigned int cmd, union gnttab_ops *ops, unsigned int n);
int gnttab_unmap(unsigned int cmd, union gnttab_ops *ops, unsigned int n);
int gnttab_copy(unsigned int cmd, union gnttab_ops *ops, unsigned int n);

#endif
