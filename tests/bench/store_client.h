/* SPDX-License-Identifier: MIT */
/*
 * Clients that load a store daemon: what store.c and toolstack/store.c share.
 */
#ifndef BENCH_STORE_CLIENT_H
#define BENCH_STORE_CLIENT_H

#include "libvellum/store.h"

#define CLIENTS_MAX 64

enum load {
	LOAD_READ,
	LOAD_WRITE,
	LOAD_COMMIT,   /* transactions that read and write a node of the client's own */
	LOAD_DISCARD,  /* the same, given up by the client */
	LOAD_CONFLICT, /* the same, each refused because another connection wrote there */
	LOAD_TOGETHER, /* transactions that all add to one number, until they are done */
	LOAD_COUNT
};
extern const char *const load_names[LOAD_COUNT];

struct load_result {
	unsigned long operations;
	unsigned long aborted; /* transactions that the daemon refused */
	double ns;	       /* of all of it */
};

/** `clients` connections, which do `rounds` operations each at the same time. */
struct load_result load_run(const char *path, enum load load, unsigned int clients,
			    unsigned long rounds);
/** A connection; a daemon that starts is waited for.  Dies without one. */
struct vl_store *load_connect(const char *path);
/** Dies with the sentence if rc is an error. */
void load_check(int rc, const struct vl_error *error);
/** The program's own end. */
void die(const char *text) __attribute__((noreturn));

#endif
