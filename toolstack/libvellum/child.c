/* SPDX-License-Identifier: MIT */
/*
 * Starting other programs and waiting for them, with a time limit.  Called by
 * device_script.c and xml_ask.c.  Never goes through a shell.
 */
#include "libvellum/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int set_files(posix_spawn_file_actions_t *files, int io)
{
	int rc = 0;

	for (int fd = 0; fd < 2 && !rc; fd++) {
		rc = io >= 0 ? posix_spawn_file_actions_adddup2(files, io, fd) :
			       posix_spawn_file_actions_addopen(files, fd, "/dev/null",
								fd ? O_WRONLY : O_RDONLY, 0);
	}
	if (!rc) {
		rc = posix_spawn_file_actions_addopen(files, 2, "/dev/null", O_WRONLY, 0);
	}
	return rc ? rc : posix_spawn_file_actions_addclosefrom_np(files, 3);
}

int child_start(char *const *argv, char *const *environment, int io, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int rc = posix_spawn_file_actions_init(&files);

	if (rc) {
		return -rc;
	}
	rc = posix_spawnattr_init(&attributes);
	if (rc) {
		posix_spawn_file_actions_destroy(&files);
		return -rc;
	}
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setpgroup(&attributes, 0);
	/* What a daemon ignores is nothing that its scripts expect to be ignored. */
	sigfillset(&all);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	rc = set_files(&files, io);
	if (!rc) {
		rc = posix_spawn(pid, argv[0], &files, &attributes, argv, environment);
	}
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return -rc;
}

int child_wait(pid_t pid, int limit_ms)
{
	struct pollfd poll_fd = { .events = POLLIN };
	int status = 0, rc = 1;

	poll_fd.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* There is none of a process that is gone already: who ignores SIGCHLD has such. */
	if (poll_fd.fd >= 0) {
		do {
			rc = poll(&poll_fd, 1, limit_ms);
		} while (rc < 0 && errno == EINTR);
		close(poll_fd.fd);
	}
	if (rc == 0) {
		kill(-pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			return -errno;
		}
	}
	return rc == 0 ? -ETIMEDOUT : status;
}
