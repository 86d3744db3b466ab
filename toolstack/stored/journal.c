/* SPDX-License-Identifier: MIT */
/*
 * The mapped file behind journal.h. Called by state.c alone.
 *
 * The header holds the end of what is committed. An entry is written behind
 * that end, then the end is moved over it: one aligned store of 8 bytes, after
 * the compiler has been told to have written the rest. A process that is killed
 * leaves its stores in the order in which it made them, so no checksum is
 * needed against a torn entry.
 */
#include "stored/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x3145524f54534c56u /* "VLSTORE1" */
#define CHUNK ((size_t)256 << 10)

struct header {
	uint64_t magic; /* 0: the file is incomplete, see journal_commit() */
	uint64_t end;	/* behind the last entry, from the start of the file */
};

static struct header *header(const struct journal *journal)
{
	return (struct header *)(void *)journal->base;
}

static int reserve(struct journal *journal, size_t size)
{
	size_t wanted = (size + CHUNK - 1) / CHUNK * CHUNK;
	void *base;
	int rc;

	/* Steps of an eighth keep the number of moves small. */
	if (wanted < journal->size + journal->size / 8) {
		wanted = (journal->size + journal->size / 8 + CHUNK - 1) / CHUNK * CHUNK;
	}
	rc = posix_fallocate(journal->fd, 0, (off_t)wanted);
	if (rc) {
		return -rc;
	}
	base = journal->base ?
		       mremap(journal->base, journal->size, wanted, MREMAP_MAYMOVE) :
		       mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_SHARED, journal->fd, 0);
	if (base == MAP_FAILED) {
		return -errno;
	}
	journal->base = base;
	journal->size = wanted;
	return 0;
}

int journal_create(struct journal *journal, const char *path, struct vl_error *error)
{
	int rc;

	*journal = (struct journal){ .fd = -1 };
	journal->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (journal->fd < 0) {
		rc = -errno;
		return vl_error_set(error, rc, "%s cannot be made: %s", path, strerror(-rc));
	}
	rc = reserve(journal, CHUNK);
	if (rc) {
		journal_close(journal);
		return vl_error_set(error, rc, "no room for %s: %s", path, strerror(-rc));
	}
	*header(journal) = (struct header){ MAGIC, sizeof(struct header) };
	journal->at = sizeof(struct header);
	return 0;
}

int journal_open(struct journal *journal, const char *path, struct vl_error *error)
{
	struct stat st;
	int rc;

	*journal = (struct journal){ .fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) };
	if (journal->fd < 0) {
		rc = -errno;
		return vl_error_set(error, rc, "%s: %s", path, strerror(-rc));
	}
	if (fstat(journal->fd, &st) || !S_ISREG(st.st_mode) ||
	    st.st_size < (off_t)sizeof(struct header)) {
		journal_close(journal);
		return vl_error_set(error, -EBADMSG, "%s is no state of vl-stored", path);
	}
	rc = reserve(journal, (size_t)st.st_size);
	if (rc) {
		journal_close(journal);
		return vl_error_set(error, rc, "%s cannot be mapped: %s", path, strerror(-rc));
	}
	journal->at = header(journal)->end;
	if (header(journal)->magic != MAGIC || journal->at < sizeof(struct header) ||
	    journal->at > (size_t)st.st_size) {
		rc = header(journal)->magic ? -EBADMSG : -ENODATA;
		journal_close(journal);
		return vl_error_set(error, rc, "%s is %s", path,
				    rc == -ENODATA ? "incomplete: there was no room for all of it" :
						     "no state of this version of vl-stored");
	}
	return 0;
}

void journal_close(struct journal *journal)
{
	if (journal->base) {
		munmap(journal->base, journal->size);
	}
	if (journal->fd >= 0) {
		close(journal->fd);
	}
	*journal = (struct journal){ .fd = -1 };
}

void journal_put(struct journal *journal, const void *data, size_t size)
{
	if (!journal->base || journal->failed || size == 0) {
		return;
	}
	if (size > journal->size - journal->at && reserve(journal, journal->at + size)) {
		journal->failed = true;
		return;
	}
	memcpy(journal->base + journal->at, data, size);
	journal->at += size;
}

int journal_commit(struct journal *journal)
{
	if (!journal->base) {
		return 0;
	}
	if (journal->failed) {
		/* What follows would build on what is missing. */
		*(volatile uint64_t *)&header(journal)->magic = 0;
		return -ENOSPC;
	}
	/* The entry's bytes are stored before the end that makes them valid. */
	__atomic_signal_fence(__ATOMIC_RELEASE);
	*(volatile uint64_t *)&header(journal)->end = journal->at;
	return 0;
}

void journal_abort(struct journal *journal)
{
	if (journal->base && !journal->failed) {
		journal->at = header(journal)->end;
	}
}

const char *journal_data(const struct journal *journal, size_t *size)
{
	*size = journal->at - sizeof(struct header);
	return journal->base + sizeof(struct header);
}
