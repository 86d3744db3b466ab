/* SPDX-License-Identifier: MIT */
/*
 * How long a command takes, and when a text appears in a file for the first
 * time after its start:
 *
 *   mark SECONDS [FILE TEXT] -- COMMAND...
 *   MARK status STATUS command_ns NS text_ns NS      (-1: not within SECONDS)
 *
 * The file need not exist. It is watched, not polled: what is measured may be
 * instructions. The command's output is left alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* True if the file has the text; what it had before counts, too. */
static int has(const char *file, const char *text)
{
	static char content[1 << 20];
	size_t size = 0;
	ssize_t got;
	int fd = open(file, O_RDONLY);

	if (fd < 0) {
		return 0;
	}
	while ((got = read(fd, content + size, sizeof(content) - size)) > 0) {
		size += (size_t)got;
	}
	close(fd);
	return memmem(content, size, text, strlen(text)) != NULL;
}

static int watch(const char *file)
{
	char *path = strdup(file);
	int fd = inotify_init1(IN_NONBLOCK);

	if (path == NULL || fd < 0 ||
	    inotify_add_watch(fd, dirname(path), IN_CREATE | IN_MODIFY) < 0) {
		fail("watching the file");
	}
	free(path);
	return fd;
}

static int children(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, 0);
}

static pid_t start(char **command)
{
	pid_t child = fork();

	if (child < 0) {
		fail("fork");
	}
	if (child == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execvp(command[0], command);
		_exit(127);
	}
	return child;
}

int main(int argc, char **argv)
{
	const char *file = NULL, *text = NULL;
	char **command = argv + 2, buffer[4096];
	int64_t begin, left, limit, command_ns = -1, text_ns = -1;
	int status = -1;
	pid_t child;
	struct pollfd fds[2] = { { -1, POLLIN, 0 }, { -1, POLLIN, 0 } };

	if (argc > 4 && strcmp(argv[2], "--") != 0) {
		file = argv[2];
		text = argv[3];
		command = argv + 4;
		fds[1].fd = watch(file);
	}
	if (argc < 4 || strcmp(*command++, "--") != 0 || *command == NULL) {
		fputs("usage: mark SECONDS [FILE TEXT] -- COMMAND...\n", stderr);
		return 2;
	}
	limit = atoll(argv[1]) * 1000000000;
	fds[0].fd = children();
	begin = now();
	child = start(command);
	while ((command_ns < 0 || (file != NULL && text_ns < 0)) && status <= 0 &&
	       (left = limit - (now() - begin)) > 0) {
		if (poll(fds, 2, (int)(left / 1000000) + 1) < 0 && errno != EINTR) {
			fail("poll");
		}
		if (fds[1].revents != 0 && read(fds[1].fd, buffer, sizeof(buffer)) > 0 &&
		    text_ns < 0 && has(file, text)) {
			text_ns = now() - begin;
		}
		if (command_ns < 0 && waitpid(child, &status, WNOHANG) == child) {
			command_ns = now() - begin;
			fds[0].fd = -1;
		}
	}
	printf("MARK status %d command_ns %lld text_ns %lld\n",
	       WIFEXITED(status) ? WEXITSTATUS(status) : -1, (long long)command_ns,
	       (long long)text_ns);
	return 0;
}
