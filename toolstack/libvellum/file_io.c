/* SPDX-License-Identifier: MIT */
/*
 * Reading and replacing whole files. Every short transfer and every error of
 * close is taken care of here, so that callers see a file as one value.
 */
#include "libvellum/file_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_START ((size_t)64 << 10)

static int failed(struct vl_error *error, const char *verb, const char *path)
{
	int code = errno;

	return vl_error_set(error, -code, "cannot %s %s: %s", verb, path, strerror(code));
}

int file_read_fd(int fd, const char *path, size_t limit, void **data, size_t *size,
		 struct vl_error *error)
{
	size_t room = READ_START, used = 0;
	char *buffer = malloc(room), *larger;
	ssize_t got;

	while (buffer) {
		got = read(fd, buffer + used, room - used);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			free(buffer);
			return failed(error, "read", path);
		}
		used += (size_t)got;
		if (got == 0) {
			*data = buffer;
			*size = used;
			return 0;
		}
		if (used > limit) {
			free(buffer);
			return vl_error_set(error, -EFBIG,
					    "%s is larger than the allowed "
					    "%zu bytes",
					    path, limit);
		}
		if (used == room) {
			room *= 2;
			larger = realloc(buffer, room);
			if (!larger) {
				free(buffer);
			}
			buffer = larger;
		}
	}
	return vl_error_set(error, -ENOMEM, "not enough memory to read %s", path);
}

int file_read(const char *path, size_t limit, void **data, size_t *size, struct vl_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0) {
		return failed(error, "open", path);
	}
	rc = file_read_fd(fd, path, limit, data, size, error);
	close(fd);
	return rc;
}

static int write_all(int fd, const char *data, size_t size)
{
	ssize_t put;

	while (size > 0) {
		put = write(fd, data, size);
		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put < 0) {
			return -1;
		}
		data += put;
		size -= (size_t)put;
	}
	return fsync(fd);
}

/* A new file beside path; open() applies the umask, mkstemp() would not.  Hidden,
 * so that nobody takes it for one of the folder's own files. */
static int create_beside(const char *path, mode_t mode, char **temporary)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	int fd;

	for (unsigned int attempt = 0; attempt < 100; attempt++) {
		if (asprintf(temporary, "%.*s.%s.%ld-%u", (int)(name - path), path, name,
			     (long)getpid(), attempt) < 0) {
			*temporary = NULL;
			errno = ENOMEM;
			return -1;
		}
		fd = open(*temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (fd >= 0) {
			return fd;
		}
		free(*temporary);
		*temporary = NULL;
		if (errno != EEXIST) {
			return -1;
		}
	}
	return -1;
}

int file_prepare(const char *path, const void *data, size_t size, mode_t mode, char **temporary,
		 struct vl_error *error)
{
	int rc = 0, fd = create_beside(path, mode, temporary);

	if (fd < 0) {
		return failed(error, "create", path);
	}
	if (write_all(fd, data, size) < 0) {
		rc = failed(error, "write", path);
	}
	if (close(fd) < 0 && !rc) {
		rc = failed(error, "write", path);
	}
	if (rc) {
		file_discard(temporary);
	}
	return rc;
}

int file_commit(const char *path, char **temporary, struct vl_error *error)
{
	int rc = rename(*temporary, path) < 0 ? failed(error, "replace", path) : 0;

	if (rc) {
		unlink(*temporary);
	}
	free(*temporary);
	*temporary = NULL;
	return rc;
}

void file_discard(char **temporary)
{
	if (*temporary) {
		unlink(*temporary);
	}
	free(*temporary);
	*temporary = NULL;
}

int file_write(const char *path, const void *data, size_t size, mode_t mode, struct vl_error *error)
{
	char *temporary = NULL;
	int rc = file_prepare(path, data, size, mode, &temporary, error);

	return rc || !temporary ? rc : file_commit(path, &temporary, error);
}

/* Who writes ".NAME.PID-N"; 0: that is no such name. */
static pid_t writer_of(const char *name)
{
	const char *dot = *name == '.' ? strrchr(name + 1, '.') : NULL;
	char *end;
	long pid;

	if (!dot || dot[1] < '1' || dot[1] > '9') {
		return 0;
	}
	errno = 0;
	pid = strtol(dot + 1, &end, 10);
	if (errno || pid > INT_MAX || *end != '-' || !end[1] ||
	    end[1 + strspn(end + 1, "0123456789")] != '\0') {
		return 0;
	}
	return (pid_t)pid;
}

void file_sweep(const char *folder)
{
	struct dirent *entry;
	DIR *dir = opendir(folder);

	while (dir && (entry = readdir(dir)) != NULL) {
		pid_t pid = writer_of(entry->d_name);

		if (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH) {
			unlinkat(dirfd(dir), entry->d_name, 0);
		}
	}
	if (dir) {
		closedir(dir);
	}
}
