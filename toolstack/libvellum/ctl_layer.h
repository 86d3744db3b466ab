/* SPDX-License-Identifier: MIT */
/*
 * The layer below the control calls: how a hypercall is made and how another
 * domain's frames are reached.  There are two: Linux's devices (ctl_linux.c),
 * and a core in memory for the host tests (tests/unit/toolstack/fake_ctl.c).
 *
 * Functions return a negative errno without a sentence: ctl.c makes those.
 */
#ifndef LIBVELLUM_CTL_LAYER_H
#define LIBVELLUM_CTL_LAYER_H

#include <stddef.h>
#include <stdint.h>

#include "libvellum/ctl.h"

#define VL_PAGE_SHIFT 12
#define VL_PAGE_SIZE ((size_t)1 << VL_PAGE_SHIFT)

struct vl_ctl_layer {
	/** Result of the hypercall.  Whatever an argument points at lies in the buffer. */
	long (*hypercall)(void *layer, uint64_t number, const uint64_t arguments[5]);
	/** Maps all or none of the frames, in their order, count not 0. */
	int (*map)(void *layer, uint16_t domid, const uint64_t *frames, size_t count,
		   void **address);
	void (*unmap)(void *layer, void *address, size_t count);
	/** Memory that hypercalls can read and write at any moment; null: none. */
	void *(*buffer)(void *layer, size_t size);
	void (*buffer_free)(void *layer, void *buffer, size_t size);
	/** The handle is closed; frees what `layer` points at. */
	void (*close)(void *layer);
};

/**
 * A handle over a layer, after a look whether the core below is Vellum's.  The
 * layer is closed on failure, too.
 */
int vl_ctl_open_layer(struct vl_ctl **ctl, const struct vl_ctl_layer *calls, void *layer,
		      struct vl_error *error);

/* ---- For ctl*.c alone --------------------------------------------------------- */

struct vl_ctl {
	const struct vl_ctl_layer *calls;
	void *layer;
	unsigned char *buffer; /* all that hypercalls are given lies here */
};

/* Each page of it costs every command more than a second call costs the few that need one. */
#define CTL_BUFFER_SIZE (2 * VL_PAGE_SIZE)

long ctl_hypercall(struct vl_ctl *ctl, uint64_t number, uint64_t a, uint64_t b, uint64_t c,
		   uint64_t d);
/** The sentence "cannot WHAT domain N: REASON"; returns rc. */
int ctl_failed(struct vl_error *error, int rc, const char *what, unsigned int domid);

#endif
