/* SPDX-License-Identifier: MIT */
/*
 * Starting other programs and waiting for them, with a time limit.  Called by
 * script_run.c and xml_ask.c.  Never goes through a shell.
 */
#include "libvellum/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libvellum/common.h"

/* What a pipe holds. */
#define PIPE_SIZE 65536

static int set_files(posix_spawn_file_actions_t *files, int io, int errors)
{
	int rc = 0;

	for (int fd = 0; fd < 2 && !rc; fd++) {
		rc = io >= 0 ? posix_spawn_file_actions_adddup2(files, io, fd) :
			       posix_spawn_file_actions_addopen(files, fd, "/dev/null",
								fd ? O_WRONLY : O_RDONLY, 0);
	}
	if (!rc) {
		rc = errors >= 0 ?
			     posix_spawn_file_actions_adddup2(files, errors, 2) :
			     posix_spawn_file_actions_addopen(files, 2, "/dev/null", O_WRONLY, 0);
	}
	return rc ? rc : posix_spawn_file_actions_addclosefrom_np(files, 3);
}

static int start(char *const *argv, char *const *environment, int io, int errors, pid_t *pid)
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
	rc = set_files(&files, io, errors);
	if (!rc) {
		rc = posix_spawn(pid, argv[0], &files, &attributes, argv, environment);
	}
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return -rc;
}

int child_start(char *const *argv, char *const *environment, int io, pid_t *pid)
{
	return start(argv, environment, io, -1, pid);
}

/* ---- Its last words ---- */

void child_line_end(struct child_line *line)
{
	while (line->size && line->next[line->size - 1] == ' ') {
		line->size--;
	}
	if (line->size) {
		memcpy(line->last, line->next, line->size);
		line->last[line->size] = '\0';
	}
	line->size = 0;
}

void child_line_add(struct child_line *line, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char c = text[i];

		if (c == '\t') {
			c = ' ';
		}
		if (c == '\n' || c == '\r') {
			child_line_end(line);
		} else if (line->size < sizeof(line->next) - 1 && (line->size || c != ' ')) {
			line->next[line->size++] = (char)(c >= ' ' && c <= '~' ? c : '?');
		}
	}
}

/* Takes what is there; false: nothing. */
static bool hear(int fd, struct child_line *line)
{
	char text[4096];
	ssize_t got = read(fd, text, sizeof(text));

	if (got > 0) {
		child_line_add(line, text, (size_t)got);
	}
	return got > 0;
}

/*
 * ends[0]: what the program writes is read there, without waiting; ends[1]: its standard
 * error.  That is open for reading, too: a process that the script leaves behind would
 * otherwise be ended by its first word after nobody reads any more.
 */
static void listen_begin(int ends[2])
{
	char path[32];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		ends[0] = ends[1] = -1;
		return;
	}
	close(ends[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	ends[1] = open(path, O_RDWR | O_CLOEXEC);
	if (ends[1] < 0) { /* then it goes to /dev/null */
		close(ends[0]);
		ends[0] = -1;
	}
}

static void listen_end(const int ends[2], struct child_line *line)
{
	if (ends[1] >= 0) {
		/* Whoever still has it is not kept waiting by a full pipe either. */
		fcntl(ends[1], F_SETFL, O_NONBLOCK);
		/* Somebody may write faster than we read. */
		for (size_t i = 0; i < PIPE_SIZE / 4096 && hear(ends[0], line); i++) {}
		close(ends[1]);
		close(ends[0]);
	}
	child_line_end(line);
}

/* ---- Waiting ---- */

/* True: it has ended within that time. */
static bool await(int process, int errors, int limit_ms, struct child_line *line)
{
	struct pollfd fds[] = { { .fd = process, .events = POLLIN },
				{ .fd = errors, .events = POLLIN } };
	int64_t end = vl_now_ms() + limit_ms, left = limit_ms;

	do {
		if (poll(fds, 2, (int)left) < 0) {
			fds[0].revents = fds[1].revents = 0;
		}
		if (fds[1].revents) {
			hear(errors, line);
		}
		left = end - vl_now_ms();
	} while (!fds[0].revents && left > 0);
	return fds[0].revents;
}

static int wait_and_hear(pid_t pid, int limit_ms, int errors, struct child_line *line)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0), status = 0;
	bool ended = true;

	/* There is none of a process that is gone already: who ignores SIGCHLD has such. */
	if (process >= 0) {
		ended = await(process, errors, limit_ms, line);
		close(process);
	}
	if (!ended) {
		kill(-pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			return -errno;
		}
	}
	return ended ? status : -ETIMEDOUT;
}

int child_wait(pid_t pid, int limit_ms)
{
	return wait_and_hear(pid, limit_ms, -1, NULL);
}

int child_run(char *const *argv, char *const *environment, int limit_ms, char said[CHILD_LINE_SIZE])
{
	struct child_line line = { .size = 0 };
	pid_t pid = 0;
	int ends[2], rc;

	listen_begin(ends);
	rc = start(argv, environment, -1, ends[1], &pid);
	if (!rc) {
		rc = wait_and_hear(pid, limit_ms, ends[0], &line);
	}
	listen_end(ends, &line);
	memcpy(said, line.last, CHILD_LINE_SIZE);
	return rc;
}
