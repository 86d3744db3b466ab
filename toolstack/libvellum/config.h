/* SPDX-License-Identifier: MIT */
/*
 * What a guest is to be: read from xl.cfg syntax, libvirt domain XML or JSON,
 * written as JSON and XML.  All forms go through one table of keys
 * (config_schema.c).
 *
 * Errors: see error.h; a sentence names file and line.  Warnings (unknown keys
 * and elements, values without effect) are collected in struct vl_warnings.
 */
#ifndef LIBVELLUM_CONFIG_H
#define LIBVELLUM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libvellum/error.h"

/** Bytes of a text that is read as a configuration. */
#define VL_CONFIG_MAX_SIZE ((size_t)1 << 20)

/* What happens when a guest has ended for a reason. */
enum vl_action {
	VL_ACTION_DESTROY,
	VL_ACTION_RESTART,
	VL_ACTION_RENAME_RESTART,
	VL_ACTION_PRESERVE,
	VL_ACTION_COREDUMP_DESTROY,
	VL_ACTION_COREDUMP_RESTART,
	VL_ACTION_SOFT_RESET
};

enum vl_disk_format {
	VL_DISK_RAW,  /* a file, through a loop device, or a block device */
	VL_DISK_EMPTY /* no medium */
};

struct vl_disk {
	char *target; /* file or block device */
	char *vdev;   /* "xvda", "xvda1", "sda", "hda", ... as given */
	enum vl_disk_format format;
	bool readonly;
	bool direct_io_safe;
	bool discard;
	bool cdrom;    /* removable, always readonly */
	bool shared;   /* "w!": other guests may use it, too */
	char *backend; /* domain; null: the control domain */
	char *script;  /* the user's; null: none */
};

struct vl_vif {
	uint32_t devid; /* its number; the lowest free one where none was given */
	uint8_t mac[6]; /* all 0: one is made up */
	char *bridge;	/* null: none given */
	char *ip;	/* null; addresses separated by blanks */
	char *vifname;	/* null: vifDOMID.N */
	char *script;	/* null: none */
	char *backend;	/* null: the control domain */
	char *gatewaydev;
	uint64_t rate;		/* bytes in rate_interval; 0: no limit */
	uint32_t rate_interval; /* us */
	uint32_t mtu;		/* 0: as it is */
};

struct vl_range_config {
	uint64_t first, count, gfn;
};

/* Strings are malloc'd or null, lists malloc'd. */
struct vl_config {
	char *name;
	uint8_t uuid[16];
	bool has_uuid; /* else one is made up */

	char *kernel, *ramdisk, *cmdline;
	char *bootloader, *bootloader_args;
	char *firmware; /* "pvgrub64" */

	uint64_t memory_kib, maxmem_kib;
	uint32_t vcpus, maxvcpus; /* up at start, and ever */
	uint64_t *cpus;		  /* of each vCPU; all bits: everywhere */
	size_t cpus_count;	  /* 0: none given; 1: for all; else for each */
	uint32_t weight, cap;

	enum vl_action on_poweroff, on_reboot, on_crash, on_watchdog, on_soft_reset;

	struct vl_disk *disks;
	size_t disk_count;
	struct vl_vif *vifs;
	size_t vif_count;
	struct vl_range_config *iomem, *ioports;
	size_t iomem_count, ioport_count;

	uint32_t max_grant_frames, max_maptrack_frames, max_event_channels; /* 0: default */
	bool nomigrate, driver_domain, e820_host;
};

struct vl_warnings {
	char **text; /* one sentence each, with file and line */
	size_t count;
};

void vl_warnings_free(struct vl_warnings *warnings);

/**
 * Reads a configuration of `size` bytes; a text that begins with '<' is XML, one
 * that begins with '{' JSON, others xl.cfg.  `file` is for messages.  Each of
 * `overrides` is a further line "key=value" behind it.  *config is malloc'd;
 * warnings may be null.  -EINVAL, -ENOMEM; of XML also what kept vl-xml
 * (libvellum.md) from an answer: -ENOENT, -ETIMEDOUT, -EIO, ...
 */
int vl_config_parse(const char *text, size_t size, const char *file, const char *const *overrides,
		    size_t override_count, struct vl_config **config, struct vl_warnings *warnings,
		    struct vl_error *error);
/** The same from a file. */
int vl_config_read(const char *path, const char *const *overrides, size_t override_count,
		   struct vl_config **config, struct vl_warnings *warnings, struct vl_error *error);
/** Null is fine. */
void vl_config_free(struct vl_config *config);
/** A copy of all of it. */
int vl_config_copy(const struct vl_config *config, struct vl_config **copy, struct vl_error *error);

/**
 * One disk, or one interface, as an entry of "disk=" or "vif=" writes it, for
 * attaching it later.  `what` is for messages; the vif's devid is UINT32_MAX where
 * none was given.  Warnings are added to those that are there.  The caller empties
 * the struct with the functions below; after a failure nothing is in it.
 */
int vl_disk_parse(const char *spec, const char *what, struct vl_disk *disk,
		  struct vl_warnings *warnings, struct vl_error *error);
int vl_vif_parse(const char *spec, const char *what, struct vl_vif *vif,
		 struct vl_warnings *warnings, struct vl_error *error);
/** Frees what is in it, not the struct itself. */
void vl_disk_clear(struct vl_disk *disk);
void vl_vif_clear(struct vl_vif *vif);
/**
 * The number of a virtual device, as backends and frontends know it: of "xvda",
 * "xvdb2", "sda1", "hdc", "d0p1", or of a number.  -EINVAL: no such name.
 */
int vl_vdev_number(const char *vdev, uint32_t *number);

/** JSON that vl_config_parse() reads back to the same; malloc'd.  The structure is what
 *  scripts know: c_info, b_info, disks, nics. */
int vl_config_json(const struct vl_config *config, char **text, struct vl_error *error);
/** libvirt domain XML that vl_config_parse() reads back to the same; malloc'd.  By
 *  vl-xml, as above. */
int vl_config_xml(const struct vl_config *config, char **text, struct vl_error *error);

#endif
