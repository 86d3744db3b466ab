/* SPDX-License-Identifier: MIT */
/*
 * The scroll-back of one console: the last bytes that a guest has written, in a
 * file of the run directory that is mapped, so that it outlives vld.
 *
 * Bytes are counted from the guest's start.  The count of bytes taken (head) is
 * one aligned word that is stored last: a vld that is killed at any moment has
 * either taken bytes or has not.  Because the ring's indices run freely, head
 * also says up to which index of the ring bytes were taken.
 *
 * The file has room for what has come, page by page, up to its limit; where the
 * file system has no more, the ring stays as small as it is.  Of a guest that has
 * become quiet a smaller file with the last bytes takes its place, and grows again.
 * If there can be no file at all, memory that dies with vld takes its place.
 */
#ifndef VLD_SCROLL_H
#define VLD_SCROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libvellum/error.h"

/* Longer than any guest's name. */
#define SCROLL_NAME_SIZE 192

/** How far the log has got: byte `logged` goes to `offset` of that file. */
struct log_mark {
	uint64_t logged, offset, inode;
	uint64_t line_begins;
};

/* What the file begins with; its page is the first of it. */
struct scroll_header {
	uint64_t magic;
	uint64_t head;	   /* bytes taken since the start */
	uint64_t limit;	   /* of capacity */
	uint64_t capacity; /* bytes that the ring has now */
	uint64_t created;  /* the domain's: it is this one and no later one of its number */
	uint8_t handle[16];
	uint32_t out_cons; /* index of the guest's ring at head 0 */
	uint32_t domid;
	uint64_t started;     /* seconds since the machine booted */
	uint64_t ended;	      /* the same; 0: it runs */
	uint64_t lost_log;    /* bytes that were forgotten before they could be logged */
	uint32_t log_current; /* which of the two is right */
	uint32_t settled;     /* with ended: what was to be done then is done */
	struct log_mark log[2];
	char name[SCROLL_NAME_SIZE];
	uint64_t lost_said; /* of lost_log: what the log tells of */
	uint64_t base;	    /* the byte that lies at the ring's begin; none before it is there */
};

struct scroll {
	struct scroll_header *header; /* null: closed */
	size_t map_size;
	int fd; /* -1: memory */
};

/** Who a scroll-back is of. */
struct scroll_owner {
	uint64_t created;
	uint8_t handle[16];
	uint16_t domid;
	const char *name;
};

/**
 * Opens the file, or makes it if there is none or it is another domain's; *old
 * says which.  A failure (with a sentence) leaves memory in its place; only
 * -ENOMEM leaves nothing.
 */
int scroll_open(struct scroll *scroll, const char *path, size_t limit,
		const struct scroll_owner *owner, bool *old, struct vl_error *error);
/** Opens a file that is there, whoever it is of.  -EINVAL: it is none of ours. */
int scroll_open_old(struct scroll *scroll, const char *path, struct vl_error *error);
void scroll_close(struct scroll *scroll);

/** Bytes that there is room for now. */
size_t scroll_room(const struct scroll *scroll);
/**
 * Keeps only the last bytes, in a new file of so much room (whole pages) at path,
 * where the old one was.  After a failure everything is as it was.
 */
int scroll_shrink(struct scroll *scroll, const char *path, size_t room, struct vl_error *error);

void scroll_write(struct scroll *scroll, const void *data, size_t size);
/** The oldest byte that is still there. */
uint64_t scroll_tail(const struct scroll *scroll);
uint64_t scroll_head(const struct scroll *scroll);
/** Copies bytes from pos on, which is not before the tail; returns how many. */
size_t scroll_read(const struct scroll *scroll, uint64_t pos, void *buffer, size_t size);

#endif
