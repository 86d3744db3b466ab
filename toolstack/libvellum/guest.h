/* SPDX-License-Identifier: MIT */
/*
 * Guests as a whole, for vl, vld and others: the domain, its nodes in the store,
 * its devices and its record in VL_GUESTS_DIR, made and ended together.
 *
 * Errors: see error.h.
 */
#ifndef LIBVELLUM_GUEST_H
#define LIBVELLUM_GUEST_H

#include "libvellum/config.h"
#include "libvellum/ctl.h"
#include "libvellum/error.h"
#include "libvellum/store.h"

/** What the functions below work with; see vl_host_open(). */
struct vl_host {
	struct vl_ctl *ctl;
	struct vl_store *store;
	/** Stands before the paths of all files (tests); null: nothing does. */
	const char *root;
	/** Set by a program that ends right behind the next call: what its end takes away
	 *  for less, the kernel's mapping, is left to that. */
	bool ends_soon;
};

/** Opens both.  -ENODEV: no control domain; -ECONNREFUSED: no store daemon. */
int vl_host_open(struct vl_host *host, struct vl_error *error);
void vl_host_close(struct vl_host *host);

/**
 * Makes a guest that is paused, with all its devices; on failure nothing of it is
 * left.  What a creation that was killed has left is cleaned up first.
 * -EEXIST: a guest of that name is there.  progress, if not null, is told each
 * step by a word ("kernel", "memory", "devices").
 */
int vl_guest_create(struct vl_host *host, const struct vl_config *config, uint16_t *domid,
		    void (*progress)(void *arg, const char *step), void *arg,
		    struct vl_error *error);
/**
 * The same, and lets it run.  One that was killed before that is cleaned up as
 * well: nobody would let the guest run later.  wanted, if not null, is asked last
 * of all; if it is not, that is -ECANCELED.
 */
int vl_guest_start(struct vl_host *host, const struct vl_config *config, uint16_t *domid,
		   bool (*wanted)(void *arg), void (*progress)(void *arg, const char *step),
		   void *arg, struct vl_error *error);
/** Takes away what was left by creations and ends that were killed. */
int vl_guest_sweep(struct vl_host *host, struct vl_error *error);
/** Ends a guest at once; its devices go, its nodes and its record too. */
int vl_guest_destroy(struct vl_host *host, uint16_t domid, struct vl_error *error);
/** Asks the kernel: "poweroff", "reboot", "suspend", by control/shutdown. */
int vl_guest_ask(struct vl_host *host, uint16_t domid, const char *what, struct vl_error *error);
/** Another name.  -EEXIST, -EINVAL: a name that cannot be. */
int vl_guest_rename(struct vl_host *host, uint16_t domid, const char *name, struct vl_error *error);
/** A guest that has ended and is to stay: as rename, and its devices are free for another. */
int vl_guest_preserve(struct vl_host *host, uint16_t domid, const char *name,
		      struct vl_error *error);

/** A name or a number; -ESRCH. */
int vl_guest_find(struct vl_host *host, const char *name, uint16_t *domid, struct vl_error *error);
/** Whoever has that identifier and is not dying; -ESRCH. */
int vl_guest_find_uuid(struct vl_host *host, const uint8_t uuid[16], uint16_t *domid,
		       struct vl_error *error);
/** malloc'd; "Domain-0" for the control domain, -ESRCH. */
int vl_guest_name(struct vl_host *host, uint16_t domid, char **name, struct vl_error *error);
/** The names of so many domains, each malloc'd, null: it has none (any more); asked for in one
 *  piece, where vl_guest_name() would ask core and store for each. */
int vl_guest_names(struct vl_host *host, const struct vl_domain_info *list, size_t count,
		   char ***names, struct vl_error *error);
/** Null is fine. */
void vl_guest_names_free(char **names, size_t count);
/** The configuration that it was made of.  -ENOENT: it has no record. */
int vl_guest_config(struct vl_host *host, uint16_t domid, struct vl_config **config,
		    struct vl_error *error);

#endif
