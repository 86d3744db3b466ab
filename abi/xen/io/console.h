/* SPDX-License-Identifier: MIT */
/*
 * The console ring: one page shared by a guest and its console backend.
 *
 * Two byte streams with free-running 32-bit indices; mask them with
 * MASK_XENCONS_IDX. "in" flows towards the guest. The writer of a stream
 * stores its bytes, then (after a write barrier) prod; the reader reads up to
 * prod, then stores cons. Each side notifies the event channel after moving
 * an index. Neither side may trust the other's indices: more than the size
 * of the ring between cons and prod is a broken peer.
 */
#ifndef VL_ABI_XEN_IO_CONSOLE_H
#define VL_ABI_XEN_IO_CONSOLE_H

#include <stdint.h>

typedef uint32_t XENCONS_RING_IDX;

#define MASK_XENCONS_IDX(idx, ring) ((idx) & (sizeof(ring) - 1))

struct xencons_interface {
	char in[1024];
	char out[2048];
	XENCONS_RING_IDX in_cons, in_prod;
	XENCONS_RING_IDX out_cons, out_prod;
};

#endif
