/* SPDX-License-Identifier: MIT */
/*
 * The machine's console, shared by the control domain and guests from boot
 * modules.  The core stands in for the console daemon: it serves the ring of
 * each such guest, whose port is bound to VIRQ_CONSOLE, and routes what is
 * typed to the one domain that has the keyboard.  Ctrl-a three times gives it
 * to the next.
 *
 * Output is moved in the guest's own time, when it sends on its port; what
 * becomes of it is console_io.c's.  The domain lock covers that side of a ring,
 * the event lock the other and d->console_page.  A ring is the guest's memory:
 * indices are read once, checked or masked, and what they say can only spoil
 * the guest's own text.  Input comes from the serial port's interrupt alone.
 */
#include <hv/guests.h>

#include <xen/io/console.h>

#include <hv/boot.h>
#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/page.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/vcpu.h>

#define CTRL_A_COUNT 3
#define PIECE 16 /* as in console_io.c */

static uint16_t focus;	    /* domain that has the keyboard */
static unsigned int ctrl_a; /* seen in a row, and held back */

static struct xencons_interface *ring_of(const struct domain *d)
{
	return guest_frame_ptr(d->console_page, 0);
}

/* ---- Life of a ring -------------------------------------------------------------- */

INIT_TEXT bool guest_console_init(struct domain *d, unsigned long mfn)
{
	long port;

	d->console_page = guest_frame_hold(d, mfn);
	spin_lock(&d->evtchn_lock);
	port = evtchn_alloc(d, ECS_VIRQ, 0, (union evtchn_end){ .virq = VIRQ_CONSOLE });
	if (port > 0) {
		d->vcpu[0]->virq_port[VIRQ_CONSOLE] = (uint32_t)port;
	}
	spin_unlock(&d->evtchn_lock);
	return port > 0;
}

void guest_console_destroy(struct domain *d)
{
	struct page *pg = d->console_page;

	spin_lock(&d->evtchn_lock);
	d->console_page = NULL;
	spin_unlock(&d->evtchn_lock);
	if (pg != NULL) {
		page_put_and_type(pg);
	}
}

/* ---- Output ------------------------------------------------------------------------ */

/* Bytes as they are, after what is no whole line yet; false: nothing went out. */
static bool put_raw(struct domain *d, const char *s, size_t n)
{
	char text[sizeof(d->conbuf) + PIECE];
	size_t before = d->conbuf_used;
	bool done;

	memcpy(text, d->conbuf, before);
	memcpy(text + before, s, n);
	done = before + n == 0 || printk_domain(d->id, text, before + n);
	d->conbuf_used = done ? 0 : d->conbuf_used;
	return done;
}

/* Moves a piece on; true if there is more to do.  Domain lock held. */
static bool move_piece(struct domain *d)
{
	struct xencons_interface *ring = ring_of(d);
	uint32_t cons = READ_ONCE(ring->out_cons);
	uint32_t n = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE) - cons;
	uint32_t done = 0;
	char piece[PIECE];

	n = MIN(n <= sizeof(ring->out) ? n : 0, PIECE);
	for (uint32_t i = 0; i < n; i++) {
		piece[i] = READ_ONCE(ring->out[MASK_XENCONS_IDX(cons + i, ring->out)]);
	}
	/* Who has the keyboard gets its bytes out at once. */
	if (READ_ONCE(focus) == d->id) {
		done = put_raw(d, piece, n) ? n : 0;
	} else {
		while (done < n && console_guest_put(d, piece[done], false)) {
			done++;
		}
	}
	__atomic_store_n(&ring->out_cons, cons + done, __ATOMIC_RELEASE);
	if (done != n) {
		sched_yield();
	}
	return n != 0;
}

int guest_console_output(struct domain *d)
{
	bool more;

	do {
		spin_lock(&d->lock);
		more = move_piece(d);
		spin_unlock(&d->lock);
		if (more && hypercall_preempt()) {
			return -XEN_ERESTART;
		}
	} while (more);
	/* There is room again. */
	evtchn_send_global_virq(d, VIRQ_CONSOLE);
	return 0;
}

/* ---- Input -------------------------------------------------------------------------- */

static void next_focus(void)
{
	unsigned int id = READ_ONCE(focus);
	struct domain *d = NULL;

	do {
		id = (id + 1) % (BOOT_MODULES_MAX + 1);
		d = id != 0 ? domain_get((uint16_t)id) : NULL;
	} while (id != 0 && d == NULL);
	WRITE_ONCE(focus, (uint16_t)id);
	pr_info("console: input to domain %u (Ctrl-a three times: to the next)", id);
	if (d != NULL) {
		spin_lock(&d->lock);
		/* A prompt; if the console is not free, a key brings it back. */
		(void)put_raw(d, "", 0);
		spin_unlock(&d->lock);
		domain_put(d);
	}
}

static void give(struct domain *d, char c)
{
	struct xencons_interface *ring;
	uint32_t prod;

	spin_lock(&d->evtchn_lock);
	if (d->console_page != NULL) {
		ring = ring_of(d);
		prod = READ_ONCE(ring->in_prod);
		if (prod - READ_ONCE(ring->in_cons) < sizeof(ring->in)) {
			WRITE_ONCE(ring->in[MASK_XENCONS_IDX(prod, ring->in)], c);
			/* The byte becomes visible before its index. */
			__atomic_store_n(&ring->in_prod, prod + 1, __ATOMIC_RELEASE);
		}
	}
	spin_unlock(&d->evtchn_lock);
	evtchn_send_global_virq(d, VIRQ_CONSOLE);
}

unsigned int guest_console_input(char c)
{
	uint16_t id = READ_ONCE(focus);
	unsigned int n = ctrl_a + 1;
	struct domain *d;

	ctrl_a = c == CTRL_A ? n % CTRL_A_COUNT : 0;
	if (c == CTRL_A) {
		if (n == CTRL_A_COUNT) {
			next_focus();
		}
		return 0;
	}
	/* After the end of a guest the keyboard is the control domain's. */
	d = id != 0 ? domain_get(id) : NULL;
	if (d == NULL) {
		return n;
	}
	for (; n > 0; n--) {
		if (n > 1) {
			give(d, CTRL_A);
		} else {
			give(d, c);
		}
	}
	domain_put(d);
	return 0;
}
