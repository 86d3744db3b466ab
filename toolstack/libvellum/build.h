/* SPDX-License-Identifier: MIT */
/*
 * The builder: turns an empty, paused domain into one that is about to execute
 * the first instruction of its kernel.  Frames, the kernel's segments, ramdisk,
 * frame list, start_info, page tables, console and store pages with their ports
 * and grants, and the registers of vCPU 0.  Kernel and ramdisk are hostile.
 *
 * Errors: see error.h.  After a failure the domain is to be destroyed.
 */
#ifndef LIBVELLUM_BUILD_H
#define LIBVELLUM_BUILD_H

#include "libvellum/ctl.h"
#include "libvellum/error.h"

struct vl_build {
	/* in */
	const void *kernel; /* plain ELF, as kernel_image_unpack() or the cache give it */
	size_t kernel_size;
	const void *ramdisk; /* null: none, or ramdisk_fd */
	size_t ramdisk_size;
	int ramdisk_fd;		/* if ramdisk is null and ramdisk_size not 0: a file, read from its
			 * start into the guest; cheaper than having it in memory first */
	const char *cmdline;	/* null: "" */
	uint64_t memory_frames; /* that it has at the start */
	uint64_t max_frames;	/* that it may ever have; not below */
	uint32_t vcpus;		/* of the domain */
	uint16_t console_domid, store_domid;
	/* out */
	uint64_t console_frame, store_frame; /* machine frames */
	uint32_t console_port, store_port;   /* of the domain, for those two to bind to */
};

/**
 * Builds.  The list of frames covers memory_frames: a kernel that gets more makes
 * room itself.  -EINVAL: no kernel that can run here (the sentence says what is wrong
 * with it), -ENOMEM, -E2BIG: kernel and ramdisk do not fit into the memory.
 */
int vl_build(struct vl_ctl *ctl, uint16_t domid, struct vl_build *build, struct vl_error *error);

#endif
