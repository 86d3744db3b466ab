/* SPDX-License-Identifier: MIT */
/*
 * The backend's half of a console ring (xen/io/console.h).
 *
 * The guest can write every byte of the page at any moment.  Our own two
 * indices are therefore kept here and only ever written to the page; the
 * guest's two are read once for each use and checked.  -EPROTO: they claim more
 * bytes than the ring holds, and the ring is of no more use.
 */
#ifndef VLD_RING_H
#define VLD_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <xen/io/console.h>

#define RING_OUT_SIZE sizeof(((struct xencons_interface *)0)->out)
#define RING_IN_SIZE sizeof(((struct xencons_interface *)0)->in)

struct ring {
	struct xencons_interface *page; /* null: none */
	uint32_t out_cons;		/* the guest's output is taken up to here */
	uint32_t in_prod;		/* what was typed is stored up to here */
};

/** Takes a ring over as the last backend left it in the page. */
void ring_attach(struct ring *ring, struct xencons_interface *page);
/**
 * The same, but output up to out_cons was taken before: a backend that ended
 * between taking bytes and saying so.  What cannot be so is not believed.
 */
void ring_resume(struct ring *ring, struct xencons_interface *page, uint32_t out_cons);
/** Copies the output that waits, at most size bytes, and leaves it there. */
ssize_t ring_peek(struct ring *ring, void *buffer, size_t size);
/** `count` bytes of output are taken; the guest may use their room. */
void ring_consume(struct ring *ring, size_t count);
/** Stores input as far as there is room; returns how many bytes. */
ssize_t ring_put(struct ring *ring, const void *data, size_t count);
/** Room for input. */
ssize_t ring_room(struct ring *ring);

#endif
