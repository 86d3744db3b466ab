/* SPDX-License-Identifier: MIT */
/*
 * Requests to the store and their replies, between store_wire.c and store.c
 * alone: what goes over the socket, without what it means.
 */
#ifndef LIBVELLUM_STORE_WIRE_H
#define LIBVELLUM_STORE_WIRE_H

/* Before xs_wire.h, which then has the table of errors. */
#include <errno.h>
#include <sys/uio.h>
#include <xen/io/xs_wire.h>

#include "libvellum/store.h"

/** A request: what is sent, and for the error's sentence what it was about. */
struct store_request {
	uint32_t type;
	vl_tx tx;
	const char *what, *path;
	bool may_be_absent;    /* -ENOENT is as good as success */
	struct iovec parts[4]; /* the first is the header's */
	unsigned int count;
};

/** Nothing is copied: what is added must stay until the request is sent. */
struct store_request store_request(uint32_t type, vl_tx tx, const char *what, const char *path);
/** The same, with the path as its first string. */
struct store_request store_path_request(uint32_t type, vl_tx tx, const char *what,
					const char *path);
void store_add(struct store_request *request, const void *data, size_t size);
/** A string with its zero. */
void store_add_text(struct store_request *request, const char *text);
/** Sends a request and waits; *data is the reply's payload, with a zero behind it, until the next call. */
int store_talk(struct vl_store *store, struct store_request *request, const char **data,
	       size_t *size, struct vl_error *error);
/** The same of a request whose reply says nothing but success; where requests wait in a
 *  queue (vl_store_queue()) it only joins that. */
int store_talk_only(struct vl_store *store, struct store_request *request, struct vl_error *error);
/** The daemon is gone, or says what makes no sense: the handle is of no more use. */
int store_lost(struct vl_store *store, struct vl_error *error);

#endif
