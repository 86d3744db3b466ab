/* SPDX-License-Identifier: MIT */
/* A guest's side of a ring, for the tests of rings and of restarts. */
#ifndef TESTS_STORED_GUEST_H
#define TESTS_STORED_GUEST_H

#include "client.h"

struct guest {
	struct xenstore_domain_interface *page;
	uint32_t req_prod, rsp_cons;
	char out[1 << 16], in[1 << 16];
	size_t out_size, in_size;
};

/** Makes a request; guest_push() moves it. */
void guest_put(struct guest *guest, uint32_t type, uint32_t req_id, uint32_t tx, const void *data,
	       size_t size);
/** Moves at most `max` bytes into the ring, and out of it what is there; true: any moved. */
bool guest_push(struct guest *guest, size_t max);
bool guest_pull(struct guest *guest, size_t max);
/** Takes a whole message, if there is one. */
bool guest_take(struct guest *guest, struct answer *answer);

#endif
