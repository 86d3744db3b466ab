/* SPDX-License-Identifier: MIT */
/*
 * One lock file for each name while a guest of it is made.  The kernel drops a
 * lock with its process, the file stays: so a file that nobody holds is what a
 * killed creation has left, and the identifier in it names the domain.  It is
 * written before the domain is made, which leaves no moment at which something
 * could stay behind unnoticed.  Where a configuration gives the identifier, that
 * is locked in the same way, as the name ".UUID", and tells nothing else.
 *
 * Whoever takes away what another has left holds the lock as well, and writes
 * down that this is why: others wait for it, where they would refuse otherwise.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libvellum/guest_part.h"
#include "libvellum/paths.h"

/* The file may be removed by its holder just before we lock it. */
#define ATTEMPTS 1000
/*
 * Of 10 ms: for who only looks, and may be slow where many guests are made at
 * once; and for who takes away what another has left.
 */
#define PATIENCE 100u
#define CLEANING 6000u

/* What a file holds. */
struct note {
	uint8_t uuid[16];
	uint8_t starts;	 /* it is made to run, and not whole before it has run */
	uint8_t cleaned; /* the holder takes it away */
};

/* Is the open file still the one of that name? */
static bool same_file(int fd, const char *path)
{
	struct stat open_info, info;

	return fstat(fd, &open_info) == 0 && stat(path, &info) == 0 &&
	       open_info.st_dev == info.st_dev && open_info.st_ino == info.st_ino;
}

/* The locked file, or a negative errno; -EWOULDBLOCK: somebody has it. */
static int lock_file(const char *path, int flags)
{
	int fd, code;

	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
		if (fd < 0) {
			return -errno;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			code = errno;
			close(fd);
			return -code;
		}
		if (same_file(fd, path)) {
			return fd;
		}
		close(fd);
	}
	return -EWOULDBLOCK;
}

static bool is_cleaned(const char *path)
{
	struct note note;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool cleaned;

	if (fd < 0) {
		return false;
	}
	cleaned = pread(fd, &note, sizeof(note), 0) == sizeof(note) && note.cleaned;
	close(fd);
	return cleaned;
}

/* The same, a while later if somebody has it who lets it go by then. */
static int await_file(const char *path, int flags, unsigned int patience)
{
	const struct timespec step = { .tv_nsec = 10000000 };
	int fd = lock_file(path, flags);

	for (unsigned int i = 0; fd == -EWOULDBLOCK && i < (is_cleaned(path) ? CLEANING : patience);
	     i++) {
		nanosleep(&step, NULL);
		fd = lock_file(path, flags);
	}
	return fd;
}

/*
 * The domain that was noted, unless it became a whole guest: 1, 0, or a failure.
 * One that has run is whole even if somebody has paused it since.
 */
static int find_left(struct vl_host *host, const struct note *note, uint16_t *domid,
		     struct vl_error *error)
{
	struct vl_domain_info *list = NULL;
	size_t count = 0;
	int rc = vl_ctl_list(host->ctl, 1, &list, &count, error), found = 0;

	for (size_t i = 0; i < count && !rc && !found; i++) {
		bool ready = false;

		if (memcmp(list[i].handle, note->uuid, 16) != 0 ||
		    !(list[i].flags & VL_DOMAIN_paused)) {
			continue;
		}
		/* A record that cannot be read just now may be a whole guest's. */
		rc = guest_record_read(host, list[i].domid, NULL, &ready, error);
		rc = rc == -ENOENT ? 0 : rc;
		found = !rc && (!ready || (note->starts && list[i].cpu_time == 0));
		*domid = list[i].domid;
	}
	free(list);
	return rc ? rc : found;
}

/* Ends what the creation has left that wrote this file. */
static int clean(struct vl_host *host, int fd, struct vl_error *error)
{
	const uint8_t cleaned = 1;
	struct note note;
	uint16_t domid = 0;
	int rc;

	if (pread(fd, &note, sizeof(note), 0) != sizeof(note)) {
		return 0;
	}
	rc = find_left(host, &note, &domid, error);
	if (rc > 0) {
		/* Without it others only wait a shorter time. */
		(void)!pwrite(fd, &cleaned, 1, offsetof(struct note, cleaned));
		rc = guest_remove(host, domid, note.uuid, error);
	}
	/* Busy: it is ended, and vld gives back its frames when others let them go. */
	return rc == -EBUSY ? 0 : rc;
}

int guest_lock_take(struct vl_host *host, const char *name, struct guest_lock *lock,
		    struct vl_error *error)
{
	char dir[PATH_MAX];
	int rc = guest_folder(host, VL_LOCK_DIR, dir, error), fd;

	lock->fd = -1;
	if (rc) {
		return rc;
	}
	snprintf(lock->path, sizeof(lock->path), "%.*s/%s", PATH_MAX - GUEST_NAME_MAX - 8, dir,
		 name);
	fd = await_file(lock->path, O_CREAT, PATIENCE);
	if (fd == -EWOULDBLOCK) {
		return vl_error_set(error, -EEXIST,
				    *name == '.' ? "a guest with the UUID %s is being created" :
						   "a guest named %s is being created",
				    name + (*name == '.'));
	}
	if (fd < 0) {
		return vl_error_set(error, fd, "cannot lock %s: %s", lock->path, strerror(-fd));
	}
	rc = clean(host, fd, error);
	if (rc || ftruncate(fd, 0) < 0) {
		close(fd);
		return rc ? rc :
			    vl_error_set(error, -errno, "cannot write %s: %s", lock->path,
					 strerror(errno));
	}
	lock->fd = fd;
	return 0;
}

int guest_lock_note(struct guest_lock *lock, const uint8_t uuid[16], bool starts,
		    struct vl_error *error)
{
	struct note note = { .starts = starts };

	memcpy(note.uuid, uuid, sizeof(note.uuid));
	if (pwrite(lock->fd, &note, sizeof(note), 0) != sizeof(note)) {
		return vl_error_set(error, -errno, "cannot write %s: %s", lock->path,
				    strerror(errno));
	}
	return 0;
}

void guest_lock_drop(struct guest_lock *lock)
{
	if (lock->fd >= 0) {
		unlink(lock->path);
		close(lock->fd);
		lock->fd = -1;
	}
}

void guest_lock_leave(struct guest_lock *lock)
{
	close(lock->fd);
	lock->fd = -1;
}

/* One without contents that is just being taken is locked by somebody, or will be
 * found to be another file. */
static void sweep_file(struct vl_host *host, const char *path)
{
	int fd = await_file(path, 0, 0);

	if (fd < 0) {
		return;
	}
	/* After a failure the file stays: the next creation tries again, and this one
	 * is of another guest, which it does not concern. */
	if (!clean(host, fd, NULL)) {
		unlink(path);
	}
	close(fd);
}

int guest_lock_sweep(struct vl_host *host, struct vl_error *error)
{
	char dir[PATH_MAX], path[PATH_MAX + 256 + 1];
	struct dirent *entry;
	DIR *folder;
	int rc = guest_folder(host, VL_LOCK_DIR, dir, error);

	if (rc) {
		return rc;
	}
	folder = opendir(dir);
	if (!folder) {
		return vl_error_set(error, -errno, "cannot read %s: %s", dir, strerror(errno));
	}
	while ((entry = readdir(folder))) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    strlen(path) < PATH_MAX) {
			sweep_file(host, path);
		}
	}
	closedir(folder);
	return 0;
}
