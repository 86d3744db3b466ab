/* SPDX-License-Identifier: MIT */
/*
 * The FIFO transport: an event word per port in pages that the guest gives
 * (the array), and per vCPU a control block with the heads of 16 queues, by
 * priority.  Called by evtchn.c and evtchn_op.c.  The event lock of the domain
 * covers struct evtchn_fifo and is every queue's lock as far as the core
 * appends to it.  Nothing is ever taken away from the array or the control
 * blocks while the domain has a port in use: pages come back only when all
 * ports are closed (reset, destruction).
 *
 * The pages are held by a general and a writable type reference and written
 * through the core's own mapping, at any time.  The guest may write anything
 * into them.  So where a queue ends is kept here (tail), no link is ever
 * followed, each loop has a bound, and a guest that breaks the protocol loses
 * its own events and nothing else.
 *
 * The protocol.  The core appends: it sets PENDING; if the word is neither
 * MASKED nor LINKED it sets LINKED, stores the port in the link of the tail's
 * word, and only if the tail is not in the queue any more (not LINKED: the
 * guest has taken it) makes the port the new head and sets the ready bit.  The
 * guest takes from the head: it clears LINKED and LINK in one operation, and a
 * link of 0 tells it that the queue was empty at that moment.  Those two
 * compete for the tail's word and one of them wins: either the guest sees the
 * new link, or the core sees LINKED gone.
 *
 * Masking.  The guest clears MASKED only while PENDING is clear, otherwise it
 * asks by EVTCHNOP_unmask.  PENDING is set before MASKED is looked at, in one
 * operation on the word, so one side always sees the other.  While the core
 * tries to set a link it may set BUSY, which keeps a guest from unmasking and
 * so bounds how often the word can change under the core's hands.
 */
#include <hv/evtchn.h>

#include <hv/heap.h>
#include <hv/page.h>

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))
#define ARRAY_PAGES (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED (1u << EVTCHN_FIFO_MASKED)
#define LINKED (1u << EVTCHN_FIFO_LINKED)
#define BUSY (1u << EVTCHN_FIFO_BUSY)
#define LINK EVTCHN_FIFO_LINK_MASK

/* Once BUSY is set a guest can clear PENDING, set MASKED, set PENDING again
 * and clear LINKED; each may cost one try. */
#define LINK_TRIES 6

struct fifo_vcpu {
	struct evtchn_fifo_control_block *control; /* guest frame or NULL */
	uint32_t tail[EVTCHN_FIFO_MAX_QUEUES];	   /* port last appended, 0 */
};

struct evtchn_fifo {			  /* event lock */
	event_word_t *array[ARRAY_PAGES]; /* guest frames; NULL from `pages` */
	uint32_t pages;
	struct fifo_vcpu vcpu[]; /* of the domain */
};

/* The guest's word of a port, NULL if the array does not reach that far. */
static event_word_t *word_of(const struct evtchn_fifo *fifo, uint32_t port)
{
	uint32_t page = port / (uint32_t)WORDS_PER_PAGE;

	return page < fifo->pages ? &fifo->array[page][port % WORDS_PER_PAGE] : NULL;
}

uint32_t *evtchn_pending_word(const struct domain *d, uint32_t port, uint32_t *bit)
{
	if (d->fifo != NULL) {
		*bit = PENDING;
		return word_of(d->fifo, port);
	}
	*bit = 1u << port % 32;
	return (uint32_t *)d->shared->evtchn_pending + port / 32;
}

/* ---- Queues ----------------------------------------------------------------- */

/* F1, F2 and so on name the steps in tests/model/fifo.pml, where all orders of
 * them and of the guest's are searched. */

/* Appends behind a tail; false if the tail is in its queue no more. */
static bool link_behind(event_word_t *tail, uint32_t port)
{
	event_word_t word = __atomic_load_n(tail, __ATOMIC_SEQ_CST); /* F4: is it linked */
	unsigned int i;

	for (i = 0; i < LINK_TRIES && (word & LINKED) != 0; i++) {
		/* F5: the link, which takes BUSY away with it. */
		if (__atomic_compare_exchange_n(tail, &word, (word & ~(BUSY | LINK)) | port, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			return true;
		}
		if (i == 0) {
			/* F6: nobody unmasks it meanwhile. */
			word = __atomic_or_fetch(tail, BUSY, __ATOMIC_SEQ_CST);
		}
	}
	if (i > 0) {
		/* F7: no link has taken it away. */
		__atomic_and_fetch(tail, ~BUSY, __ATOMIC_SEQ_CST);
	}
	/* Still linked after so many tries: no honest guest does that. */
	return i == LINK_TRIES;
}

/* Puts a pending, unmasked port at the end of its queue. */
static void append(struct domain *d, struct evtchn *chn, event_word_t *word)
{
	struct evtchn_fifo *fifo = d->fifo;
	struct fifo_vcpu *fv = &fifo->vcpu[chn->vcpu];
	uint32_t *tail = &fv->tail[chn->priority];
	uint32_t *old_tail = &fifo->vcpu[chn->last_vcpu].tail[chn->last_priority];
	uint32_t ready = 1u << chn->priority;
	event_word_t *tail_word;

	/* F2: in a queue, once.  Without one it stays pending; the guest binds
	 * ports to a vCPU after it has given that vCPU a control block. */
	if (fv->control == NULL || (__atomic_fetch_or(word, LINKED, __ATOMIC_SEQ_CST) & LINKED)) {
		return;
	}
	/* The guest has taken this port out of the queue it was last in.  If
	 * it was the tail there, that queue is empty, and the port's word must
	 * not be linked behind on behalf of the old queue. */
	if (*old_tail == chn->port) {
		*old_tail = 0;
	}
	chn->last_vcpu = chn->vcpu;
	chn->last_priority = chn->priority;

	tail_word = *tail != 0 ? word_of(fifo, *tail) : NULL;
	*tail = chn->port; /* F3: whose link is next */
	if (tail_word != NULL && link_behind(tail_word, chn->port)) {
		return;
	}
	/* F8: the head becomes visible before the bit that announces it. */
	__atomic_store_n(&fv->control->head[chn->priority], chn->port, __ATOMIC_RELEASE);
	/* F9: once, until the guest has taken it. */
	if ((__atomic_fetch_or(&fv->control->ready, ready, __ATOMIC_SEQ_CST) & ready) == 0) {
		vcpu_mark_events_pending(d->vcpu[chn->vcpu]);
	}
}

void evtchn_fifo_set_pending(struct domain *d, struct evtchn *chn)
{
	event_word_t *word = word_of(d->fifo, chn->port);

	if (word == NULL) {
		chn->pending_no_array = true;
		return;
	}
	/* F1: and whether it is masked or in a queue, in one. */
	if ((__atomic_fetch_or(word, PENDING, __ATOMIC_SEQ_CST) & (MASKED | LINKED)) == 0) {
		append(d, chn, word);
	}
}

void evtchn_fifo_unmask(struct domain *d, struct evtchn *chn)
{
	event_word_t *word = word_of(d->fifo, chn->port);

	/* F10: and whether an event came meanwhile, in one. */
	if (word != NULL && (__atomic_and_fetch(word, ~MASKED, __ATOMIC_SEQ_CST) & PENDING)) {
		evtchn_fifo_set_pending(d, chn);
	}
}

/* ---- Guest pages --------------------------------------------------------------- */

static size_t fifo_size(const struct domain *d)
{
	return sizeof(struct evtchn_fifo) + d->max_vcpus * sizeof(struct fifo_vcpu);
}

/* From two-level to FIFO: what is pending there waits for an array page. */
static int switch_to_fifo(struct domain *d)
{
	struct evtchn_fifo *fifo = heap_alloc_bytes(fifo_size(d));
	struct evtchn *chn;

	if (fifo == NULL) {
		return -XEN_ENOMEM;
	}
	for (uint32_t port = 1; port < d->evtchn_valid; port++) {
		uint32_t bit, *word = evtchn_pending_word(d, port, &bit);

		chn = evtchn_lookup(d, port);
		if (chn != NULL) {
			chn->pending_no_array = (READ_ONCE(*word) & bit) != 0;
		}
	}
	d->fifo = fifo;
	return 0;
}

/* The lock is held, and the frame, by a reference that the transport keeps. */
static int set_control(struct domain *d, unsigned int vcpu, void *control)
{
	int rc = d->fifo == NULL ? switch_to_fifo(d) : 0;

	if (rc != 0 || d->fifo->vcpu[vcpu].control != NULL) {
		return rc != 0 ? rc : -XEN_EINVAL;
	}
	d->fifo->vcpu[vcpu].control = control;
	return 0;
}

static int add_array_page(struct domain *d, void *page)
{
	struct evtchn_fifo *fifo = d->fifo;
	uint32_t port;

	if (fifo == NULL) {
		return -XEN_EOPNOTSUPP;
	}
	if (fifo->pages >= ARRAY_PAGES) {
		return -XEN_ENOSPC;
	}
	port = fifo->pages * (uint32_t)WORDS_PER_PAGE;
	fifo->array[fifo->pages++] = page;
	/* Events that came for these ports before the page was there. */
	for (; port < MIN(fifo->pages * WORDS_PER_PAGE, d->evtchn_valid); port++) {
		struct evtchn *chn = evtchn_lookup(d, port);

		if (chn != NULL && chn->pending_no_array) {
			chn->pending_no_array = false;
			evtchn_fifo_set_pending(d, chn);
		}
	}
	return 0;
}

int evtchn_fifo_give(struct domain *d, const struct vcpu *v, unsigned long gfn, uint32_t offset)
{
	struct page *pg = guest_frame_hold(d, gfn);
	void *p;
	int rc;

	if (pg == NULL) {
		return -XEN_EINVAL;
	}
	p = guest_frame_ptr(pg, offset);
	spin_lock(&d->evtchn_lock);
	rc = v != NULL ? set_control(d, v->id, p) : add_array_page(d, p);
	spin_unlock(&d->evtchn_lock);
	if (rc != 0) {
		page_put_and_type(pg);
	}
	return rc;
}

unsigned long evtchn_fifo_held(const struct domain *d, unsigned int *i)
{
	const struct evtchn_fifo *fifo = d->fifo;

	for (; fifo != NULL && *i < ARRAY_PAGES + d->max_vcpus; (*i)++) {
		const void *p = *i < ARRAY_PAGES ? fifo->array[*i] :
						   (void *)fifo->vcpu[*i - ARRAY_PAGES].control;

		if (p != NULL) {
			return ptr_frame(p);
		}
	}
	return ~0ul;
}

void evtchn_fifo_destroy(struct domain *d)
{
	unsigned int i = 0;
	unsigned long mfn;

	CHECK(d->evtchn_count == 0);
	for (; (mfn = evtchn_fifo_held(d, &i)) != ~0ul; i++) {
		page_put_and_type(mfn_to_page(mfn));
	}
	heap_free_bytes(d->fifo, fifo_size(d));
	d->fifo = NULL;
}
