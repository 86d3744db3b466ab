/* SPDX-License-Identifier: MIT */
/*
 * The backend's half of a console ring: index arithmetic and copies, no calls
 * of the system.  Called by console.c for each event of a guest.  It never
 * uses a value of the page twice and never follows one out of the page.
 */
#include "ring.h"

#include <errno.h>
#include <string.h>

/* Acquire: the bytes that an index speaks of are read after it. */
static uint32_t index_read(const XENCONS_RING_IDX *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

/* Release: bytes are copied out, or in, before the other side learns of it. */
static void index_write(XENCONS_RING_IDX *index, uint32_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

void ring_attach(struct ring *ring, struct xencons_interface *page)
{
	ring->page = page;
	ring->out_cons = index_read(&page->out_cons);
	ring->in_prod = index_read(&page->in_prod);
}

void ring_resume(struct ring *ring, struct xencons_interface *page, uint32_t out_cons)
{
	uint32_t waiting;

	ring_attach(ring, page);
	waiting = index_read(&page->out_prod) - ring->out_cons;
	if (waiting <= RING_OUT_SIZE && out_cons - ring->out_cons <= waiting) {
		ring->out_cons = out_cons;
		index_write(&page->out_cons, out_cons);
	}
}

/* Copies between a ring of `size` bytes, from `index` on, and plain memory. */
static void copy_out(void *to, const char *from, size_t size, uint32_t index, size_t count)
{
	size_t start = index & (size - 1);
	size_t first = count < size - start ? count : size - start;

	memcpy(to, from + start, first);
	memcpy((char *)to + first, from, count - first);
}

static void copy_in(char *to, size_t size, uint32_t index, const void *from, size_t count)
{
	size_t start = index & (size - 1);
	size_t first = count < size - start ? count : size - start;

	memcpy(to + start, from, first);
	memcpy(to, (const char *)from + first, count - first);
}

ssize_t ring_peek(struct ring *ring, void *buffer, size_t size)
{
	uint32_t waiting = index_read(&ring->page->out_prod) - ring->out_cons;
	size_t count = waiting < size ? waiting : size;

	if (waiting > RING_OUT_SIZE) {
		return -EPROTO;
	}
	copy_out(buffer, ring->page->out, RING_OUT_SIZE, ring->out_cons, count);
	return (ssize_t)count;
}

void ring_consume(struct ring *ring, size_t count)
{
	ring->out_cons += (uint32_t)count;
	index_write(&ring->page->out_cons, ring->out_cons);
}

ssize_t ring_room(struct ring *ring)
{
	uint32_t waiting = ring->in_prod - index_read(&ring->page->in_cons);

	return waiting > RING_IN_SIZE ? -EPROTO : (ssize_t)(RING_IN_SIZE - waiting);
}

ssize_t ring_put(struct ring *ring, const void *data, size_t count)
{
	ssize_t room = ring_room(ring);

	if (room < 0) {
		return room;
	}
	if (count > (size_t)room) {
		count = (size_t)room;
	}
	copy_in(ring->page->in, RING_IN_SIZE, ring->in_prod, data, count);
	ring->in_prod += (uint32_t)count;
	index_write(&ring->page->in_prod, ring->in_prod);
	return (ssize_t)count;
}
