/* SPDX-License-Identifier: MIT */
/*
 * A guest that does anything with its console page: any bytes become writes to
 * it, between the steps of a backend that takes output, types, and is begun
 * anew.  The backend stays within the page and within its scroll-back, and takes
 * in order what an honest guest writes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vld/ring.h"
#include "vld/scroll.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scroll scroll;
static struct ring ring;
static bool honest;
static uint8_t written, taken; /* the next byte of the honest guest's stream */

static void check(bool right)
{
	if (!right) {
		abort();
	}
}

static void take(uint32_t limit)
{
	char bytes[RING_OUT_SIZE + 64];
	ssize_t count = ring_peek(&ring, bytes, limit < sizeof(bytes) ? limit : sizeof(bytes));

	if (count < 0) {
		check(!honest);
		return;
	}
	check(count <= (ssize_t)RING_OUT_SIZE);
	for (ssize_t i = 0; honest && i < count; i++) {
		check((uint8_t)bytes[i] == taken++);
	}
	scroll_write(&scroll, bytes, (size_t)count);
	ring_consume(&ring, (size_t)count);
}

static void print(uint32_t count)
{
	struct xencons_interface *page = ring.page;

	while (count-- > 0 && page->out_prod - page->out_cons < RING_OUT_SIZE) {
		page->out[MASK_XENCONS_IDX(page->out_prod++, page->out)] = (char)written++;
	}
}

static void type(const uint8_t *data, size_t size)
{
	ssize_t room = ring_room(&ring), count = ring_put(&ring, data, size);

	check((room < 0) == (count < 0));
	check(!honest || count == (room < (ssize_t)size ? room : (ssize_t)size));
}

/* One step of three bytes or more; returns how many it used. */
static size_t step(const uint8_t *data, size_t size)
{
	uint32_t value = (uint32_t)(data[1] << 8 | data[2]);
	uint32_t *words = (uint32_t *)&ring.page->in_cons;
	uint8_t view[512];

	switch (data[0] % 8) {
	case 0:
		print(value & 0xfff);
		break;
	case 1:
		take(value & 0xfff);
		break;
	case 2:
		type(data, size < value ? size : value);
		break;
	case 3:
		ring_resume(&ring, ring.page, value);
		/* Who has not said what was taken takes it once. */
		honest = false;
		break;
	case 4:
		words[value & 3] = value << 16 | value;
		honest = false;
		break;
	case 5:
		words[value & 3] += value >> 2;
		honest = false;
		break;
	case 6:
		check(scroll_read(&scroll, scroll_tail(&scroll) + value, view, sizeof(view)) <=
		      sizeof(view));
		break;
	default:
		ring_resume(&ring, ring.page, ring.out_cons);
		break;
	}
	return 3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scroll_owner owner = { .domid = 1 };
	struct xencons_interface *page;
	bool old;

	if (size < 4) {
		return 0;
	}
	/* Of exactly that size: what is beyond it belongs to others. */
	page = calloc(1, sizeof(*page));
	memset(&page->in_cons, data[0], 4);
	memset(&page->out_cons, data[0], 4);
	page->in_prod = page->in_cons;
	page->out_prod = page->out_cons;
	ring_attach(&ring, page);
	honest = true;
	written = taken = 0;
	scroll_open(&scroll, "/nonexistent/scroll", 8192, &owner, &old, NULL);
	for (size_t used = 1; used + 3 <= size;) {
		used += step(data + used, size - used);
	}
	scroll_close(&scroll);
	free(page);
	return 0;
}
