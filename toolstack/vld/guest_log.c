/* SPDX-License-Identifier: MIT */
/*
 * Log files of guests.  Called by console.c after output came and at a guest's
 * end.  Bytes are first written at the place that the mark names, then the mark
 * is moved: a vld that is killed between writes the same bytes to the same
 * place again.  It never fails to its caller: a guest's console works without a
 * log.
 */
#include "guest_log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define CHUNK 2048
#define STAMP_SIZE 26 /* "[2026-01-31 23:59:59.999] " */

/* What is about to be written: as read, and with stamps. */
struct batch {
	char text[CHUNK * 2];
	size_t size;  /* of text */
	size_t taken; /* bytes of the guest in it */
	bool line_begins;
};

int guest_log_init(struct guest_log *log, const char *folder, const char *name, uint64_t limit,
		   bool stamps)
{
	char *file;

	*log = (struct guest_log){ .limit = limit, .stamps = stamps, .fresh = true };
	if (asprintf(&log->path, "%s/guest-%s.log", folder, name) < 0) {
		log->path = NULL;
		return -ENOMEM;
	}
	file = log->path + strlen(folder) + 1;
	for (char *c = file; *c; c++) {
		if (*c == '/' || iscntrl((unsigned char)*c)) {
			*c = '_';
		}
	}
	return 0;
}

void guest_log_done(struct guest_log *log)
{
	free(log->path);
	log->path = NULL;
}

static struct log_mark *mark_of(struct scroll *scroll)
{
	return &scroll->header->log[scroll->header->log_current];
}

/* The new mark is complete before one word makes it the right one. */
static void mark_set(struct scroll *scroll, const struct log_mark *mark)
{
	uint32_t other = 1 - scroll->header->log_current;

	scroll->header->log[other] = *mark;
	__atomic_store_n(&scroll->header->log_current, other, __ATOMIC_RELEASE);
}

/*
 * Opens the file and sets mark->offset to where the next byte goes: its end, but
 * what a killed vld had written beyond its mark is written once more.
 */
static int log_open(struct guest_log *log, struct log_mark *mark)
{
	int fd = open(log->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	struct stat status;
	uint64_t size;

	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, &status)) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	size = (uint64_t)status.st_size;
	if (mark->inode != status.st_ino || size < mark->offset || !log->fresh) {
		mark->offset = size;
	}
	mark->inode = status.st_ino;
	return fd;
}

/* A file that is full steps aside, and an empty one is opened. */
static int log_rotate(struct guest_log *log, int fd, struct log_mark *mark)
{
	char old[4096];

	snprintf(old, sizeof(old), "%s.1", log->path);
	if (rename(log->path, old)) {
		return fd; /* it grows on: better than no log */
	}
	close(fd);
	log->fresh = false;
	return log_open(log, mark);
}

static int write_all(int fd, const char *data, size_t size, uint64_t offset)
{
	while (size > 0) {
		ssize_t count = pwrite(fd, data, size, (off_t)offset);

		if (count < 0 && errno == EINTR) {
			continue;
		}
		if (count <= 0) {
			return count < 0 ? -errno : -ENOSPC;
		}
		data += count;
		size -= (size_t)count;
		offset += (uint64_t)count;
	}
	return 0;
}

static void batch_stamp(struct batch *batch)
{
	struct timespec now;
	struct tm tm;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	used = strftime(batch->text + batch->size, STAMP_SIZE, "[%F %T", &tm);
	used += (size_t)snprintf(batch->text + batch->size + used, 8, ".%03u] ",
				 (unsigned int)(now.tv_nsec / 1000000) % 1000);
	batch->size += used;
}

/* Takes as many of the guest's bytes as fit with their stamps. */
static void batch_fill(struct batch *batch, const char *data, size_t size, bool stamps)
{
	if (!stamps) {
		memcpy(batch->text, data, size);
		batch->size = batch->taken = size;
		batch->line_begins = size > 0 ? data[size - 1] == '\n' : batch->line_begins;
		return;
	}
	while (batch->taken < size && batch->size + STAMP_SIZE + 1 <= sizeof(batch->text)) {
		char c = data[batch->taken++];

		if (batch->line_begins) {
			batch_stamp(batch);
		}
		batch->line_begins = c == '\n';
		batch->text[batch->size++] = c;
	}
}

static void log_failed(struct guest_log *log, int rc)
{
	if (!log->failing) {
		say("%s cannot be written: %s; the console goes on", log->path, strerror(-rc));
	}
	log->failing = true;
}

/* Writes the batch behind the mark, which moves; the file may be another then. */
static int batch_write(struct guest_log *log, struct scroll *scroll, int *fd, struct batch *batch)
{
	struct log_mark mark = *mark_of(scroll);
	int rc;

	if (mark.offset > 0 && mark.offset + batch->size > log->limit) {
		*fd = log_rotate(log, *fd, &mark);
		if (*fd < 0) {
			return *fd;
		}
	}
	rc = write_all(*fd, batch->text, batch->size, mark.offset);
	if (rc) {
		/* Part of it may be there: it is written again, to the same place. */
		mark_set(scroll, &mark);
		return rc;
	}
	mark.offset += batch->size;
	mark.logged += batch->taken;
	mark.line_begins = batch->line_begins;
	mark_set(scroll, &mark);
	return 0;
}

/* What the scroll-back has forgotten before it could be written is lost. */
static void count_lost(struct scroll *scroll)
{
	struct log_mark mark = *mark_of(scroll);
	uint64_t tail = scroll_tail(scroll);

	if (mark.logged < tail) {
		scroll->header->lost_log += tail - mark.logged;
		mark.logged = tail;
		mark_set(scroll, &mark);
	}
}

/* Opens for writing, with the mark where the file is; a descriptor or an error. */
static int log_begin(struct guest_log *log, struct scroll *scroll)
{
	struct log_mark mark = *mark_of(scroll);
	int fd = log_open(log, &mark);

	if (fd < 0) {
		log_failed(log, fd);
		return fd;
	}
	if (mark.offset == 0 || (log->fresh && mark.logged == 0)) {
		mark.line_begins = 1;
	}
	mark_set(scroll, &mark);
	return fd;
}

static void log_finish(struct guest_log *log, struct scroll *scroll, int fd, int rc)
{
	if (rc) {
		/* The file ends where the mark is, so that the next try goes there. */
		if (fd >= 0 && ftruncate(fd, (off_t)mark_of(scroll)->offset)) {
			log->failing = false; /* said again with its new reason */
		}
		log_failed(log, rc);
	} else {
		if (log->failing) {
			say("%s is written again; %llu bytes of this guest were lost", log->path,
			    (unsigned long long)scroll->header->lost_log);
		}
		log->failing = false;
		log->fresh = false;
	}
	if (fd >= 0) {
		close(fd);
	}
}

/* Where bytes are missing, a line says how many. */
static int say_lost(struct guest_log *log, struct scroll *scroll, int *fd)
{
	struct scroll_header *header = scroll->header;
	struct batch batch = { .line_begins = true };
	int rc;

	if (header->lost_log == header->lost_said) {
		return 0;
	}
	if (!mark_of(scroll)->line_begins) {
		batch.text[batch.size++] = '\n';
	}
	batch_stamp(&batch);
	batch.size +=
		(size_t)snprintf(batch.text + batch.size, 128,
				 "vld: %llu bytes are missing here: the log could not be written\n",
				 (unsigned long long)(header->lost_log - header->lost_said));
	rc = batch_write(log, scroll, fd, &batch);
	if (!rc) {
		header->lost_said = header->lost_log;
	}
	return rc;
}

void guest_log_update(struct guest_log *log, struct scroll *scroll)
{
	char data[CHUNK];
	int fd, rc = 0;

	if (!log->path) {
		return;
	}
	count_lost(scroll);
	if (mark_of(scroll)->logged == scroll_head(scroll)) {
		return;
	}
	fd = log_begin(log, scroll);
	if (fd < 0) {
		return;
	}
	rc = say_lost(log, scroll, &fd);
	while (!rc && mark_of(scroll)->logged < scroll_head(scroll)) {
		struct log_mark *mark = mark_of(scroll);
		struct batch batch = { .line_begins = mark->line_begins };
		size_t size = scroll_read(scroll, mark->logged, data, sizeof(data));

		batch_fill(&batch, data, size, log->stamps);
		rc = batch_write(log, scroll, &fd, &batch);
	}
	log_finish(log, scroll, fd, rc);
}

void guest_log_line(struct guest_log *log, struct scroll *scroll, const char *text)
{
	struct batch batch = { .line_begins = true };
	int fd;

	if (!log->path) {
		return;
	}
	fd = log_begin(log, scroll);
	if (fd < 0) {
		return;
	}
	if (!mark_of(scroll)->line_begins) {
		batch.text[batch.size++] = '\n';
	}
	batch_stamp(&batch);
	batch.size += (size_t)snprintf(batch.text + batch.size, CHUNK, "vld: %.1900s\n", text);
	log_finish(log, scroll, fd, batch_write(log, scroll, &fd, &batch));
}
