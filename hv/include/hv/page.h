/* SPDX-License-Identifier: MIT */
/*
 * The frame table: for every machine frame one owner, one type, exact counts.
 *
 * struct page is 16 bytes.  Both words that change while a frame is in use
 * are only changed by atomic compare-and-exchange, so no lock covers them:
 *
 *  - `count` holds the general references: each present page-table entry that
 *    maps the frame, each vCPU register or mapping that needs it to stay, and
 *    one for the allocation itself (PGC_ALLOCATED).  At zero the frame goes
 *    back to the heap.
 *  - `type` holds the frame's one type and the number of uses as that type.
 *    The type can change only while that number is zero.  Becoming a
 *    page-table or descriptor type validates the contents first; see
 *    pgtype.c for the state machine.
 *
 * A frame's domain finds its frames again through d->extents, a bitmap of the
 * 32 MiB regions where it ever had any, so no list links are needed.
 */
#ifndef HV_PAGE_H
#define HV_PAGE_H

#include <xen/xen.h>

struct page {
	union {
		uint64_t type; /* atomic; PGT_* */
		struct {       /* count 0: links of the list it is in */
			uint32_t next, prev;
		};
	};
	uint32_t count; /* atomic; PGC_* */
	uint16_t owner; /* domid or OWNER_*; changes at count 0 only */
	union {
		uint16_t order; /* heap: order of a free block, in its first
				   frame */
		uint16_t stamp; /* in use: low bits of the TLB clock when a
				   mapping last went away; see pgtype.c */
	};
};
_Static_assert(sizeof(struct page) == 16, "16 bytes a frame is the budget");
_Static_assert(offsetof(struct page, count) == 8 && offsetof(struct page, owner) == 12 &&
		       offsetof(struct page, stamp) == 14,
	       "page.c changes count, owner and stamp as one 64-bit word");

/* Owners that are no domain. */
#define OWNER_IO DOMID_IO	 /* not RAM, or RAM that firmware keeps */
#define OWNER_CORE DOMID_XEN	 /* the core's own */
#define OWNER_NONE DOMID_INVALID /* free */

/* count */
#define PGC_COUNT_MASK 0x03ffffffu
#define PGC_ALLOCATED 0x80000000u /* holds one of the references */
#define PGC_FREE 0x40000000u	  /* inside the heap */

/* type */
#define PGT_COUNT_MASK 0xffffffffull
#define PGT_NR_SHIFT 32 /* entries validated so far, 0..512 */
#define PGT_NR_MASK (0x3ffull << PGT_NR_SHIFT)
#define PGT_LOCKED (1ull << 47) /* page_lock() */
#define PGT_TYPE_SHIFT 48
#define PGT_TYPE_MASK (7ull << PGT_TYPE_SHIFT)
#define PGT_NONE (0ull << PGT_TYPE_SHIFT)
#define PGT_L1 (1ull << PGT_TYPE_SHIFT)
#define PGT_L2 (2ull << PGT_TYPE_SHIFT)
#define PGT_L3 (3ull << PGT_TYPE_SHIFT)
#define PGT_L4 (4ull << PGT_TYPE_SHIFT)
#define PGT_DESC (5ull << PGT_TYPE_SHIFT)     /* GDT or LDT frame */
#define PGT_WRITABLE (6ull << PGT_TYPE_SHIFT) /* guest-writable mapping */
#define PGT_VALIDATED (1ull << 52)	      /* contents checked for this type */
#define PGT_PARTIAL (1ull << 53)	      /* stopped in (de)validation */
#define PGT_PINNED (1ull << 54)		      /* guest holds one type reference */
#define PGT_BUSY (1ull << 55)		      /* one CPU validates or tears down now */
#define PGT_UNDO (1ull << 56)		      /* with PARTIAL: contents were refused */
#define PGT_FOREIGN (1ull << 57)	      /* another domain has mapped it */

static inline bool pgt_is_table(uint64_t type)
{
	return type >= PGT_L1 && type <= PGT_L4;
}

/** The type that the frame's contents have been checked for, or PGT_NONE. */
static inline uint64_t page_valid_type(const struct page *pg)
{
	uint64_t type = __atomic_load_n(&pg->type, __ATOMIC_ACQUIRE);

	return (type & PGT_VALIDATED) != 0 ? type & PGT_TYPE_MASK : PGT_NONE;
}

extern struct page *frame_table; /* virtually contiguous, sparse */
extern unsigned long frame_max;	 /* first frame number beyond all RAM */
extern unsigned long ram_frames; /* how many frames of RAM the machine has */

/** True if the frame has an entry in the frame table (RAM, in any use). */
bool mfn_valid(unsigned long mfn);

static inline struct page *mfn_to_page(unsigned long mfn)
{
	return &frame_table[mfn];
}

static inline unsigned long page_to_mfn(const struct page *pg)
{
	return (unsigned long)(pg - frame_table);
}

/** True if it is no RAM, or RAM that firmware keeps. */
static inline bool mfn_is_io(unsigned long mfn)
{
	return !mfn_valid(mfn) || READ_ONCE(mfn_to_page(mfn)->owner) == OWNER_IO;
}

/** Takes a general reference if d owns the frame. False: it does not. */
bool must_check page_get(struct page *pg, const struct domain *d);
/** One more reference where the caller already holds one. */
void page_get_more(struct page *pg);
/**
 * Drops one; the last one frees the frame (scrubbed before reuse), once no TLB
 * has it any more.
 */
void page_put(struct page *pg);
/**
 * Looks up mfn and takes a reference for d: NULL if the frame is invalid or
 * not d's.
 */
struct page *must_check page_get_from_mfn(unsigned long mfn, const struct domain *d);
/** As page_put where what goes away is a page-table entry: notes the time. */
void page_put_mapping(struct page *pg);
/**
 * Notes that a page-table entry or register which led to the frame is gone.
 * Done before the type reference that came with it is dropped.
 */
void page_stamp(struct page *pg);
/**
 * Takes PGC_ALLOCATED away from a frame of d, and its reference with it: the
 * frame is free once nothing maps it.  False: not d's, or done already.
 */
bool page_deallocate(unsigned long mfn, const struct domain *d);
/**
 * The same for all of [mfn, end) that are d's; all of it is in the frame table.
 * What nothing maps goes back in runs, with one TLB flush and one look at the
 * free lists.
 */
void page_deallocate_all(unsigned long mfn, unsigned long end, struct domain *d);
/**
 * Takes a frame away from d if nothing uses it.  It is the core's, with count
 * 0, so nobody can take a reference, and what TLBs have of it is to be flushed.
 * d->tot_pages goes on counting it.
 */
bool must_check page_steal(struct page *pg, const struct domain *d);
/**
 * The core takes a frame that it lent, and holds by the only reference, back
 * from its owner: nobody finds a reference from here on, and what TLBs have of
 * it is to be flushed.  True if so, or done before; false: somebody maps it.
 */
bool must_check page_retire(struct page *pg);

/*
 * Type references.  All need a general reference held by the caller for as
 * long as the type reference lives.
 */

/**
 * Takes a use of the frame as `type` (PGT_*), validating its contents if need
 * be.  0; -XEN_EINVAL (or what refused an entry): other type in use, bad
 * contents; -XEN_ERESTART: stopped before completing because an interrupt
 * waits, call again (progress is kept in the frame; a caller that never comes
 * back leaves nothing but that).  For L2 to L4 no lock may be held.
 */
int must_check page_get_type(struct page *pg, uint64_t type);
/**
 * Drops a use and a reference.  The last use tears the table down.  0, or
 * -XEN_ERESTART: stopped before completing, the caller still has both and must
 * call again (only from preemptible callers, no lock held).
 */
int must_check page_put_table(struct page *pg);
/**
 * Tears down what an interrupted validation left in the frame, if anything.
 * 0 or -XEN_ERESTART.
 */
int must_check page_drop_partial(struct page *pg);
/** Drops a use, to the end. Only for L1, DESC, WRITABLE. */
void page_put_type(struct page *pg);
/** page_put_type then page_put. */
void page_put_and_type(struct page *pg);
/** Reference and type in one step; on failure nothing is taken, *pg is NULL. */
int must_check page_get_and_type(unsigned long mfn, const struct domain *d, uint64_t type,
				 struct page **pg);

/**
 * The guest's own hold on a table (mmuext_op pin).  page_pin() needs a general
 * reference and a use as a table type and, when true, has taken both over;
 * false: pinned already.  page_unpin() is true if there was a pin, whose two
 * references the caller then has.
 */
bool must_check page_pin(struct page *pg);
bool must_check page_unpin(struct page *pg);

/**
 * Serializes changes of entries within one table; rank RANK_PAGE.  While it is
 * held the frame does not change its type, nor begin or end being validated.
 */
void page_lock(struct page *pg);
void page_unlock(struct page *pg);

#endif
