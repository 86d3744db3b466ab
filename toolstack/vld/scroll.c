/* SPDX-License-Identifier: MIT */
/*
 * Scroll-backs: ring buffers in mapped files.  Called by console.c, viewers and
 * the log, all in vld's one thread.  Nothing beyond `capacity` is touched: only
 * so far the file is known to have memory, and a page without it would be a
 * SIGBUS.
 */
#include "scroll.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libvellum/file_io.h"

#define SCROLL_MAGIC 0x3230636373646c76u /* "vldscc02" */
#define PAGE ((size_t)4096)
/*
 * Bytes are stored before head counts them: so many of the oldest may be
 * overwritten at any moment, and are no longer offered.
 */
#define SLACK ((size_t)2048)
#define MEMORY_LIMIT (4 * PAGE) /* without a file */
#define LIMIT_MAX ((uint64_t)1 << 30)

_Static_assert(sizeof(struct scroll_header) <= 4096, "the header is one page");

static char *scroll_bytes(const struct scroll *scroll)
{
	return (char *)scroll->header + PAGE;
}

/* After a call of the system that has failed; never 0. */
static int file_failed(const char *path, struct vl_error *error)
{
	int rc = errno > 0 ? -errno : -EIO;

	return vl_error_set(error, rc, "%s: %s", path, strerror(-rc));
}

/* Is what the file says of itself possible? */
static bool header_valid(const struct scroll_header *header, uint64_t file_size)
{
	return header->magic == SCROLL_MAGIC && header->limit >= PAGE &&
	       header->limit <= LIMIT_MAX && header->limit % PAGE == 0 &&
	       header->capacity <= header->limit && header->capacity % PAGE == 0 &&
	       header->capacity >= PAGE && header->capacity + PAGE <= file_size &&
	       header->head < LIMIT_MAX << 30 && header->base <= header->head &&
	       header->log_current < 2 && header->log[header->log_current].logged <= header->head &&
	       header->name[SCROLL_NAME_SIZE - 1] == '\0';
}

static int map_file(struct scroll *scroll, int fd, size_t limit)
{
	void *map = mmap(NULL, PAGE + limit, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED) {
		return -ENOMEM;
	}
	*scroll = (struct scroll){ map, PAGE + limit, fd };
	return 0;
}

int scroll_open_old(struct scroll *scroll, const char *path, struct vl_error *error)
{
	struct scroll_header header;
	struct stat status;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int rc;

	scroll->header = NULL;
	if (fd < 0) {
		return file_failed(path, error);
	}
	if (fstat(fd, &status) || !S_ISREG(status.st_mode) ||
	    pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    !header_valid(&header, (uint64_t)status.st_size)) {
		close(fd);
		return vl_error_set(error, -EINVAL, "%s is no scroll-back", path);
	}
	rc = map_file(scroll, fd, header.limit);
	if (rc) {
		close(fd);
		return vl_error_set(error, rc, "%s cannot be mapped: %s", path, strerror(-rc));
	}
	return 0;
}

/* A new file: header and first page of bytes have memory before it is used. */
static int scroll_create(struct scroll *scroll, const char *path, size_t limit,
			 struct vl_error *error)
{
	int fd, rc;

	if (unlink(path) && errno != ENOENT) {
		return file_failed(path, error);
	}
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		return file_failed(path, error);
	}
	rc = -posix_fallocate(fd, 0, (off_t)(2 * PAGE));
	if (!rc) {
		rc = map_file(scroll, fd, limit);
	}
	if (rc) {
		unlink(path);
		close(fd);
		return vl_error_set(error, rc, "%s: %s", path, strerror(-rc));
	}
	scroll->header->capacity = PAGE;
	return 0;
}

static int scroll_memory(struct scroll *scroll)
{
	void *map = mmap(NULL, PAGE + MEMORY_LIMIT, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED) {
		return -ENOMEM;
	}
	*scroll = (struct scroll){ map, PAGE + MEMORY_LIMIT, -1 };
	scroll->header->capacity = MEMORY_LIMIT;
	return 0;
}

static uint64_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec;
}

static bool owner_is(const struct scroll_header *header, const struct scroll_owner *owner)
{
	return header->created == owner->created && header->domid == owner->domid &&
	       memcmp(header->handle, owner->handle, sizeof(owner->handle)) == 0;
}

int scroll_open(struct scroll *scroll, const char *path, size_t limit,
		const struct scroll_owner *owner, bool *old, struct vl_error *error)
{
	struct scroll_header *header;
	int rc;

	*old = false;
	*scroll = (struct scroll){ .fd = -1 };
	limit = limit < PAGE	  ? PAGE :
		limit > LIMIT_MAX ? LIMIT_MAX :
				    (limit + PAGE - 1) & ~(PAGE - 1);
	rc = scroll_open_old(scroll, path, error);
	if (scroll->header) {
		if (owner_is(scroll->header, owner)) {
			*old = true;
			return 0;
		}
		scroll_close(scroll);
	}
	/* One that is there and cannot be opened just now is not thrown away. */
	if (!rc || rc == -ENOENT || rc == -EINVAL) {
		rc = scroll_create(scroll, path, limit, error);
	}
	if (!scroll->header) {
		limit = MEMORY_LIMIT;
		if (scroll_memory(scroll)) {
			return vl_error_set(error, -ENOMEM, "no memory for a scroll-back");
		}
	}
	header = scroll->header;
	header->limit = limit;
	header->created = owner->created;
	header->domid = owner->domid;
	memcpy(header->handle, owner->handle, sizeof(owner->handle));
	snprintf(header->name, sizeof(header->name), "%s", owner->name ? owner->name : "");
	header->started = seconds_now();
	/* Last: until then the file is none of ours for who comes after a kill. */
	__atomic_store_n(&header->magic, SCROLL_MAGIC, __ATOMIC_RELEASE);
	return rc;
}

void scroll_close(struct scroll *scroll)
{
	if (!scroll->header) {
		return;
	}
	munmap(scroll->header, scroll->map_size);
	if (scroll->fd >= 0) {
		close(scroll->fd);
	}
	scroll->header = NULL;
}

/* Bytes since the ring began as it is. */
static uint64_t taken(const struct scroll_header *header)
{
	return header->head - header->base;
}

/*
 * Pages while the ring has never wrapped, so that every byte stays where it is.
 * After the first that the file system refuses it wraps and stays.
 */
static void scroll_grow(struct scroll *scroll)
{
	struct scroll_header *header = scroll->header;

	while (taken(header) + SLACK > header->capacity && taken(header) <= header->capacity &&
	       header->capacity < header->limit && scroll->fd >= 0) {
		if (posix_fallocate(scroll->fd, (off_t)(PAGE + header->capacity), (off_t)PAGE)) {
			return;
		}
		header->capacity += PAGE;
	}
}

void scroll_write(struct scroll *scroll, const void *data, size_t size)
{
	struct scroll_header *header = scroll->header;
	const char *from = data;

	while (size > 0) {
		size_t start = taken(header) % header->capacity;
		size_t count = size < SLACK ? size : SLACK;

		count = count < header->capacity - start ? count : header->capacity - start;
		memcpy(scroll_bytes(scroll) + start, from, count);
		from += count;
		size -= count;
		__atomic_store_n(&header->head, header->head + count, __ATOMIC_RELEASE);
		scroll_grow(scroll);
	}
}

uint64_t scroll_head(const struct scroll *scroll)
{
	return scroll->header->head;
}

uint64_t scroll_tail(const struct scroll *scroll)
{
	const struct scroll_header *header = scroll->header;

	return taken(header) + SLACK > header->capacity ? header->head + SLACK - header->capacity :
							  header->base;
}

size_t scroll_read(const struct scroll *scroll, uint64_t pos, void *buffer, size_t size)
{
	const struct scroll_header *header = scroll->header;
	size_t done = 0;

	if (pos < scroll_tail(scroll) || pos > header->head) {
		return 0;
	}
	if (size > header->head - pos) {
		size = header->head - pos;
	}
	while (done < size) {
		size_t start = (pos - header->base + done) % header->capacity;
		size_t count = header->capacity - start;

		count = count < size - done ? count : size - done;
		memcpy((char *)buffer + done, scroll_bytes(scroll) + start, count);
		done += count;
	}
	return done;
}

size_t scroll_room(const struct scroll *scroll)
{
	return scroll->header->capacity;
}

int scroll_shrink(struct scroll *scroll, const char *path, size_t room, struct vl_error *error)
{
	const struct scroll_header *old = scroll->header;
	uint64_t tail = scroll_tail(scroll), base;
	struct scroll_header *header;
	struct scroll small;
	char *temporary = NULL;
	int rc;

	/* With no memory behind it the ring has no file either. */
	if (scroll->fd < 0 || room < PAGE || room % PAGE || room >= old->capacity) {
		return vl_error_set(error, -EINVAL, "%s cannot become smaller", path);
	}
	header = calloc(1, PAGE + room);
	if (!header) {
		return vl_error_set(error, -ENOMEM, "%s: not enough memory", path);
	}
	*header = *old;
	base = old->head > room - SLACK ? old->head - (room - SLACK) : 0;
	header->base = base > tail ? base : tail;
	header->capacity = room;
	scroll_read(scroll, header->base, (char *)header + PAGE, room - SLACK);
	/* Under another name until it is mapped: then nothing is left that can fail. */
	rc = file_prepare(path, header, PAGE + room, 0600, &temporary, error);
	free(header);
	if (rc) {
		return rc;
	}
	rc = scroll_open_old(&small, temporary, error);
	if (!rc) {
		rc = file_commit(path, &temporary, error);
		scroll_close(rc ? &small : scroll);
	}
	file_discard(&temporary);
	if (!rc) {
		*scroll = small;
	}
	return rc;
}
