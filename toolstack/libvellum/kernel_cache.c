/* SPDX-License-Identifier: MIT */
/*
 * The cache of unpacked kernels.  Unpacking a stock kernel takes thousands of
 * times as long as all else that a guest needs.
 *
 * An entry is one file: a header, the ELF image cut down to what is loaded
 * (kernel_trim.c), and the packed file that it was made of.  Its name is a
 * checksum of the packed file's size and beginning and only says where to look:
 * the entry counts if its copy is the same as the file, byte for byte.  Compared
 * with a digest of the whole file that is exact where a fast one could be
 * deceived (guests may bring their own kernels), needs a tenth of the
 * instructions of a cryptographic one, and costs 8 MB of disk for a kernel.
 *
 * The comparison is spared for the very file that was compared last: same device,
 * inode, size and both times.  Nobody but root can write to a kernel without its
 * change time moving on (by setting the clock back, or below the file system); one
 * whose change is too young for the clock's steps to tell is compared again.
 *
 * Entries are written under another name, flushed, and renamed; nobody changes one
 * afterwards, so that it can be mapped: its pages are the page cache's, and all
 * who build from it share them.  The directory must be the caller's and closed to
 * others, since whoever writes there decides what guests run.
 *
 * A kernel that is not packed is kept as well: an entry is mapped, where the file
 * would have to be read into memory of its own, since others may change it.
 */
#include "libvellum/kernel_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "libvellum/file_io.h"
#include "libvellum/kernel_image.h"
#include "libvellum/kernel_trim.h"

#define CHUNK ((size_t)64 << 10)
#define ALIGN(n) (((n) + 4095) & ~(uint64_t)4095)
#define SUFFIX ".kernel"
#define STALE_SECONDS 3600

/* The file that an entry was last found to be the same as; all 0: none. */
struct identity {
	uint64_t dev, ino, size;
	struct timespec mtime, ctime;
	uint64_t check; /* its checksum: it is written in place */
};

struct entry_header {
	char magic[16];
	uint64_t elf_size;    /* at ELF_AT */
	uint64_t packed_size; /* at packed_at() */
	struct identity identity;
};
#define MAGIC "vellum kernel 1"
#define YOUNG_SECONDS 2
#define ELF_AT 4096

static uint64_t packed_at(const struct entry_header *h)
{
	return ELF_AT + ALIGN(h->elf_size);
}

typedef char entry_name[40];

/* `start`: the first CHUNK bytes of the file, or all. */
static void name_entry(entry_name name, const void *start, size_t start_size, uint64_t size)
{
	snprintf(name, sizeof(entry_name), "%08lx-%08lx" SUFFIX, crc32(0, start, (uInt)start_size),
		 (unsigned long)size);
}

/* Who the open file is, before any of it is read. */
static struct identity identify(const struct stat *st)
{
	struct identity id;

	memset(&id, 0, sizeof(id));
	if (S_ISREG(st->st_mode) && time(NULL) - st->st_ctim.tv_sec > YOUNG_SECONDS) {
		id.dev = st->st_dev;
		id.ino = st->st_ino;
		id.size = (uint64_t)st->st_size;
		id.mtime = st->st_mtim;
		id.ctime = st->st_ctim;
		id.check = crc32(1, (const void *)&id, offsetof(struct identity, check));
	}
	return id;
}

static bool same_identity(const struct identity *a, const struct identity *b)
{
	return a->check != 0 && memcmp(a, b, sizeof(*a)) == 0;
}

/* The directory's descriptor, or -1: there is no cache that can be trusted. */
static int open_dir(const char *path)
{
	struct stat st;
	int dir;

	if (!path) {
		return -1;
	}
	(void)mkdir(path, 0700);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir >= 0 && (fstat(dir, &st) < 0 || st.st_uid != geteuid() ||
			 (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)) {
		close(dir);
		dir = -1;
	}
	return dir;
}

static bool write_at(int fd, const void *data, size_t size, uint64_t at)
{
	const unsigned char *from = data;

	while (size > 0) {
		ssize_t put = pwrite(fd, from, size, (off_t)at);

		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put <= 0) {
			return false;
		}
		from += put;
		at += (uint64_t)put;
		size -= (size_t)put;
	}
	return true;
}

/* ---- Finding ---------------------------------------------------------------------------- */

/* Reads until the buffer is full or the file ends. */
static ssize_t read_chunk(int fd, unsigned char *buffer)
{
	size_t used = 0;

	while (used < CHUNK) {
		ssize_t got = read(fd, buffer + used, CHUNK - used);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return -1;
		}
		if (got == 0) {
			break;
		}
		used += (size_t)got;
	}
	return (ssize_t)used;
}

/* The rest of the file, behind the chunk that is in the buffer, is what is kept. */
static bool same_content(int fd, unsigned char *buffer, size_t got, const unsigned char *kept,
			 size_t size)
{
	while (got > 0 && got <= size && memcmp(buffer, kept, got) == 0) {
		ssize_t more;

		kept += got;
		size -= got;
		more = read_chunk(fd, buffer);
		if (more < 0) {
			return false;
		}
		got = (size_t)more;
	}
	return got == 0 && size == 0;
}

/* Maps an entry that is whole; what it is of is not looked at. */
static bool map_entry(int entry, struct vl_kernel *kernel, struct entry_header *h)
{
	struct stat st;
	void *at;

	if (fstat(entry, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= ELF_AT ||
	    pread(entry, h, sizeof(*h), 0) != (ssize_t)sizeof(*h) ||
	    memcmp(h->magic, MAGIC, sizeof(h->magic)) != 0 || h->elf_size > KERNEL_IMAGE_LIMIT ||
	    h->packed_size > KERNEL_IMAGE_LIMIT ||
	    packed_at(h) + h->packed_size != (uint64_t)st.st_size) {
		return false;
	}
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, entry, 0);
	if (at == MAP_FAILED) {
		return false;
	}
	kernel->memory = at;
	kernel->mapped = (size_t)st.st_size;
	kernel->data = (unsigned char *)at + ELF_AT;
	kernel->size = h->elf_size;
	return true;
}

/* True if the entry is of this file, of which the beginning is in the buffer. */
static bool is_of(int entry, const struct entry_header *h, const struct vl_kernel *kernel, int fd,
		  const struct identity *id, unsigned char *buffer, size_t got)
{
	if (same_identity(&h->identity, id)) {
		return true;
	}
	if (!same_content(fd, buffer, got, (unsigned char *)kernel->memory + packed_at(h),
			  h->packed_size)) {
		return false;
	}
	if (id->check != 0) {
		(void)write_at(entry, id, sizeof(*id), offsetof(struct entry_header, identity));
	}
	return true;
}

static bool find(int dir, int fd, const struct identity *id, uint64_t size, unsigned char *buffer,
		 struct vl_kernel *kernel)
{
	ssize_t got = read_chunk(fd, buffer);
	struct entry_header h;
	entry_name name;
	bool found;
	int entry;

	if (got <= 0) {
		return false;
	}
	name_entry(name, buffer, (size_t)got, size);
	entry = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (entry < 0 && errno == EROFS) {
		entry = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	}
	if (entry < 0) {
		return false;
	}
	found = map_entry(entry, kernel, &h);
	if (found && !is_of(entry, &h, kernel, fd, id, buffer, (size_t)got)) {
		munmap(kernel->memory, kernel->mapped);
		*kernel = (struct vl_kernel){ 0 };
		found = false;
	}
	if (found) {
		(void)futimens(entry, NULL); /* the oldest go first */
		kernel->cached = 1;
	}
	close(entry);
	return found;
}

/* ---- Keeping ---------------------------------------------------------------------------- */

/* Whatever fails here is no loss: the next one tries again. */
static void store(int dir, const struct identity *id, const struct vl_kernel *kernel,
		  const void *packed, size_t packed_size)
{
	struct entry_header h = { .magic = MAGIC,
				  .elf_size = kernel->size,
				  .packed_size = packed_size,
				  .identity = *id };
	entry_name name, temporary;
	bool good;
	int fd;

	name_entry(name, packed, packed_size < CHUNK ? packed_size : CHUNK, packed_size);
	snprintf(temporary, sizeof(temporary), "%ld.new", (long)gettid());
	(void)unlinkat(dir, temporary, 0);
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		return;
	}
	good = write_at(fd, &h, sizeof(h), 0) && write_at(fd, kernel->data, kernel->size, ELF_AT) &&
	       write_at(fd, packed, packed_size, packed_at(&h)) && fsync(fd) == 0;
	good = close(fd) == 0 && good;
	if (!good || renameat(dir, temporary, dir, name) < 0) {
		(void)unlinkat(dir, temporary, 0);
	}
}

static bool ends_in(const char *name, const char *end)
{
	size_t length = strlen(name);

	return length > strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

/* Sums up all entries, and names the oldest. */
static size_t survey(DIR *list, entry_name oldest)
{
	struct timespec age = { 0 };
	struct dirent *d;
	size_t sum = 0;
	struct stat st;

	oldest[0] = '\0';
	rewinddir(list);
	while ((d = readdir(list)) != NULL) {
		if (strlen(d->d_name) >= sizeof(entry_name) ||
		    fstatat(dirfd(list), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			continue;
		}
		if (ends_in(d->d_name, ".new") && st.st_mtime < time(NULL) - STALE_SECONDS) {
			(void)unlinkat(dirfd(list), d->d_name, 0);
		}
		if (!ends_in(d->d_name, SUFFIX)) {
			continue;
		}
		sum += (size_t)st.st_size;
		if (oldest[0] == '\0' || st.st_mtim.tv_sec < age.tv_sec ||
		    (st.st_mtim.tv_sec == age.tv_sec && st.st_mtim.tv_nsec < age.tv_nsec)) {
			age = st.st_mtim;
			memcpy(oldest, d->d_name, strlen(d->d_name) + 1);
		}
	}
	return sum;
}

/* Takes the descriptor over. */
static void prune(int dir, size_t limit)
{
	DIR *list = fdopendir(dir);
	entry_name oldest;

	if (!list) {
		close(dir);
		return;
	}
	while (survey(list, oldest) > limit && oldest[0] != '\0' && unlinkat(dir, oldest, 0) == 0) {
	}
	closedir(list);
}

void vl_kernel_cache_prune(const char *cache_dir, size_t limit)
{
	int dir = open_dir(cache_dir);

	if (dir >= 0) {
		prune(dir, limit);
	}
}

/* ---- Opening ---------------------------------------------------------------------------- */

/* Cuts a kernel that was packed down, and keeps it. */
static void keep(int dir, const struct identity *id, struct vl_kernel *kernel, const void *packed,
		 size_t packed_size)
{
	void *smaller;
	size_t size;

	if (kernel_trim(kernel->memory, kernel->size, &smaller, &size)) {
		free(kernel->memory);
		kernel->data = kernel->memory = smaller;
		kernel->size = size;
	}
	store(dir, id, kernel, packed, packed_size);
	prune(dup(dir), VL_KERNEL_CACHE_LIMIT);
}

static int unpack(const char *path, int fd, const struct identity *id, int dir,
		  struct vl_kernel *kernel, struct vl_error *error)
{
	struct kernel_image image;
	struct vl_error why;
	void *packed;
	size_t size;
	int rc = file_read_fd(fd, path, KERNEL_IMAGE_LIMIT, &packed, &size, error);

	if (rc) {
		return rc;
	}
	rc = kernel_image_unpack(packed, size, KERNEL_IMAGE_LIMIT, &image, &why);
	if (rc) {
		free(packed);
		return vl_error_set(error, rc, "%.100s: %.150s", path, why.text);
	}
	kernel->data = kernel->memory = image.elf;
	kernel->size = image.size;
	if (dir >= 0) {
		keep(dir, id, kernel, packed, size);
	}
	free(packed);
	return 0;
}

static int open_kernel(const char *path, int fd, int dir, struct vl_kernel *kernel,
		       struct vl_error *error)
{
	struct stat st = { 0 };
	struct identity id;

	if (fstat(fd, &st) < 0) {
		return vl_error_set(error, -errno, "cannot look at %s: %s", path, strerror(errno));
	}
	id = identify(&st);
	/* A pipe can be read once only. */
	if (dir >= 0 && S_ISREG(st.st_mode)) {
		unsigned char *buffer = malloc(CHUNK);
		bool found = buffer && find(dir, fd, &id, (uint64_t)st.st_size, buffer, kernel);

		free(buffer);
		if (found) {
			return 0;
		}
		if (lseek(fd, 0, SEEK_SET) < 0) {
			return vl_error_set(error, -errno, "cannot read %s: %s", path,
					    strerror(errno));
		}
	}
	return unpack(path, fd, &id, dir, kernel, error);
}

int vl_kernel_open(const char *path, const char *cache_dir, struct vl_kernel **kernel,
		   struct vl_error *error)
{
	struct vl_kernel *k;
	int rc, dir, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		return vl_error_set(error, -errno, "cannot open the kernel %s: %s", path,
				    strerror(errno));
	}
	k = calloc(1, sizeof(*k));
	dir = open_dir(cache_dir);
	rc = k ? open_kernel(path, fd, dir, k, error) :
		 vl_error_set(error, -ENOMEM, "not enough memory to open %s", path);
	if (dir >= 0) {
		close(dir);
	}
	close(fd);
	if (rc) {
		free(k);
		return rc;
	}
	*kernel = k;
	return 0;
}

void vl_kernel_close(struct vl_kernel *kernel)
{
	if (!kernel) {
		return;
	}
	if (kernel->mapped > 0) {
		munmap(kernel->memory, kernel->mapped);
	} else {
		free(kernel->memory);
	}
	free(kernel);
}

void vl_kernel_leave(struct vl_kernel *kernel)
{
	if (kernel->mapped > 0) {
		free(kernel);
	} else {
		vl_kernel_close(kernel);
	}
}
