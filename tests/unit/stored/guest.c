/* SPDX-License-Identifier: MIT */
/* See guest.h. */
#include "guest.h"

#include <stdlib.h>
#include <string.h>

void guest_put(struct guest *guest, uint32_t type, uint32_t req_id, uint32_t tx, const void *data,
	       size_t size)
{
	struct xsd_sockmsg head = { type, req_id, tx, (uint32_t)size };

	if (sizeof(guest->out) - guest->out_size < sizeof(head) + size) {
		abort();
	}
	memcpy(guest->out + guest->out_size, &head, sizeof(head));
	if (size) {
		memcpy(guest->out + guest->out_size + sizeof(head), data, size);
	}
	guest->out_size += sizeof(head) + size;
}

bool guest_push(struct guest *guest, size_t max)
{
	uint32_t used = guest->req_prod - __atomic_load_n(&guest->page->req_cons, __ATOMIC_ACQUIRE);
	size_t size = XENSTORE_RING_SIZE - used;

	if (used > XENSTORE_RING_SIZE) {
		abort();
	}
	size = size < guest->out_size ? size : guest->out_size;
	size = size < max ? size : max;
	for (size_t i = 0; i < size; i++) {
		guest->page->req[MASK_XENSTORE_IDX(guest->req_prod + (uint32_t)i)] = guest->out[i];
	}
	guest->req_prod += (uint32_t)size;
	__atomic_store_n(&guest->page->req_prod, guest->req_prod, __ATOMIC_RELEASE);
	memmove(guest->out, guest->out + size, guest->out_size - size);
	guest->out_size -= size;
	return size > 0;
}

bool guest_pull(struct guest *guest, size_t max)
{
	uint32_t used = __atomic_load_n(&guest->page->rsp_prod, __ATOMIC_ACQUIRE) - guest->rsp_cons;
	size_t size = used, room = sizeof(guest->in) - guest->in_size;

	if (used > XENSTORE_RING_SIZE) {
		abort();
	}
	size = size < max ? size : max;
	size = size < room ? size : room;
	for (size_t i = 0; i < size; i++) {
		guest->in[guest->in_size++] =
			guest->page->rsp[MASK_XENSTORE_IDX(guest->rsp_cons + (uint32_t)i)];
	}
	guest->rsp_cons += (uint32_t)size;
	__atomic_store_n(&guest->page->rsp_cons, guest->rsp_cons, __ATOMIC_RELEASE);
	return size > 0;
}

bool guest_take(struct guest *guest, struct answer *answer)
{
	struct xsd_sockmsg head;
	size_t size;

	if (guest->in_size < sizeof(head)) {
		return false;
	}
	memcpy(&head, guest->in, sizeof(head));
	size = sizeof(head) + head.len;
	if (head.len > XENSTORE_PAYLOAD_MAX) {
		abort();
	}
	if (guest->in_size < size) {
		return false;
	}
	*answer = (struct answer){ head.type, head.req_id, head.tx_id, head.len, "" };
	memcpy(answer->data, guest->in + sizeof(head), head.len);
	answer->data[head.len] = '\0';
	memmove(guest->in, guest->in + size, guest->in_size - size);
	guest->in_size -= size;
	return true;
}
