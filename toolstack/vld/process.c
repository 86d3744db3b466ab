/* SPDX-License-Identifier: MIT */
/*
 * vld as a process.  Called by main() alone.  What systemd wants to hear is one
 * datagram, so that there is no need of its library.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int ready_pipe = -1;

int process_lock(const char *run_dir, struct vl_error *error)
{
	char path[4096], text[32] = "";
	ssize_t size;
	int fd, rc;

	if (snprintf(path, sizeof(path), "%s/vld.lock", run_dir) >= (int)sizeof(path)) {
		return vl_error_set(error, -ENAMETOOLONG, "the run directory's name is too long");
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0) {
		rc = -errno;
		return vl_error_set(error, rc, "%s: %s", path, strerror(-rc));
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		size = read(fd, text, sizeof(text) - 1);
		text[size > 0 ? size : 0] = '\0';
		text[strcspn(text, "\n")] = '\0';
		close(fd);
		return vl_error_set(error, -EBUSY, "another vld runs already (process %s)", text);
	}
	/* Never closed: the lock ends with the process. */
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) || pwrite(fd, text, strlen(text), 0) < 0) {
		return 0; /* the number is for people only */
	}
	return 0;
}

int process_daemon(struct vl_error *error)
{
	int ends[2], pid, null;
	char byte;

	if (pipe2(ends, O_CLOEXEC)) {
		return vl_error_set(error, -errno, "no pipe: %s", strerror(errno));
	}
	pid = fork();
	if (pid < 0) {
		int rc = -errno;

		close(ends[0]);
		close(ends[1]);
		return vl_error_set(error, rc, "no second process: %s", strerror(-rc));
	}
	if (pid > 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(ends[0]);
	ready_pipe = ends[1];
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		/* stderr stays until vld serves: it may have to say why not. */
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	return 0;
}

static void tell_systemd(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	static const char text[] = "READY=1\n";
	size_t length;
	int fd;

	if (!path || (path[0] != '/' && path[0] != '@') ||
	    strlen(path) >= sizeof(address.sun_path)) {
		return;
	}
	length = strlen(path);
	memcpy(address.sun_path, path, length);
	if (path[0] == '@') {
		address.sun_path[0] = '\0';
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		sendto(fd, text, sizeof(text) - 1, MSG_NOSIGNAL, (struct sockaddr *)&address,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
		close(fd);
	}
}

void process_ready(void)
{
	int null;

	tell_systemd();
	if (ready_pipe < 0) {
		return;
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDERR_FILENO);
		close(null);
	}
	if (write(ready_pipe, "", 1) != 1) {
		return; /* the parent is gone */
	}
	close(ready_pipe);
	ready_pipe = -1;
}
