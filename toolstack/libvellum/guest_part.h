/* SPDX-License-Identifier: MIT */
/*
 * What the parts of guest.h share: lock and journal of a creation, record,
 * nodes, kernel.  Private to libvellum.
 *
 * Errors: see error.h.
 */
#ifndef LIBVELLUM_GUEST_PART_H
#define LIBVELLUM_GUEST_PART_H

#include <limits.h>
#include <stdbool.h>

#include "libvellum/build.h"
#include "libvellum/common.h"
#include "libvellum/config_internal.h"
#include "libvellum/guest.h"
#include "libvellum/kernel_cache.h"

#define GUEST_NAME_MAX CONFIG_NAME_MAX

/** host->root and the path; makes the folder, not its contents. */
int guest_folder(const struct vl_host *host, const char *dir, char path[PATH_MAX],
		 struct vl_error *error);

/* ---- Locks (guest_lock.c) --------------------------------------------------------- */

struct guest_lock {
	int fd; /* -1: not taken */
	char path[PATH_MAX];
};

/** Takes a name, or "." and a UUID, for the making of a guest.  -EEXIST: somebody else has. */
int guest_lock_take(struct vl_host *host, const char *name, struct guest_lock *lock,
		    struct vl_error *error);
/**
 * Notes which domain is about to be made, so that it is found if we are killed;
 * starts: one that never ran is not whole.
 */
int guest_lock_note(struct guest_lock *lock, const uint8_t uuid[16], bool starts,
		    struct vl_error *error);
void guest_lock_drop(struct guest_lock *lock);
/** As if we were killed: the next sweep tries to end what is noted. */
void guest_lock_leave(struct guest_lock *lock);
/** Ends what creations have left that were killed. */
int guest_lock_sweep(struct vl_host *host, struct vl_error *error);

/* ---- Records (guest_record.c) ------------------------------------------------------- */

/** ready: the guest is complete. */
int guest_record_write(struct vl_host *host, uint16_t domid, const struct vl_config *config,
		       bool ready, struct vl_error *error);
/** The same in two steps, as in file_io.h: the second needs no room any more. */
int guest_record_prepare(struct vl_host *host, uint16_t domid, const struct vl_config *config,
			 bool ready, char **temporary, struct vl_error *error);
int guest_record_commit(struct vl_host *host, uint16_t domid, char **temporary,
			struct vl_error *error);
/** -ENOENT: there is none.  config and ready may be null. */
int guest_record_read(struct vl_host *host, uint16_t domid, struct vl_config **config, bool *ready,
		      struct vl_error *error);
void guest_record_remove(struct vl_host *host, uint16_t domid);

/* ---- Nodes (guest_nodes.c) ------------------------------------------------------------ */

/** All nodes of a guest but those of its devices, in one transaction. */
int guest_nodes_write(struct vl_host *host, uint16_t domid, const struct vl_config *config,
		      const struct vl_build *build, struct vl_error *error);
int guest_nodes_rename(struct vl_host *host, uint16_t domid, const uint8_t uuid[16],
		       const char *name, struct vl_error *error);
int guest_nodes_remove(struct vl_host *host, uint16_t domid, const uint8_t uuid[16],
		       struct vl_error *error);

/* ---- Kernel and ramdisk (guest_boot.c) -------------------------------------------------- */

struct guest_boot {
	struct vl_kernel *kernel;
	int ramdisk_fd; /* where there is a size */
	size_t ramdisk_size;
	bool ends_soon; /* as the host has it */
};

/** Closed by guest_boot_close(), after a failure as well. */
int guest_boot_open(const struct vl_host *host, const struct vl_config *config,
		    struct guest_boot *boot, struct vl_error *error);
void guest_boot_close(struct guest_boot *boot);

/* ---- The end (guest_destroy.c) ------------------------------------------------------------ */

/** Everything of a domain, whatever there is of it; goes on after a failure. */
int guest_remove(struct vl_host *host, uint16_t domid, const uint8_t uuid[16],
		 struct vl_error *error);
/** Removes what there is of domains that are gone, and what killed writers of records left. */
int guest_sweep(struct vl_host *host, struct vl_error *error);

#endif
