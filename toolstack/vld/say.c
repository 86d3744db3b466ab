/* SPDX-License-Identifier: MIT */
/*
 * vld's own messages.  Called from everywhere in vld; keeps the file that they
 * go to, and nothing else.  A message that cannot be written is dropped: there
 * is nobody left to tell.
 */
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int say_fd = STDERR_FILENO;

int say_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (fd < 0) {
		return -errno;
	}
	say_fd = fd;
	return 0;
}

void say(const char *format, ...)
{
	char line[1024];
	size_t used = 0;
	va_list args;

	if (say_fd == STDERR_FILENO) {
		used = (size_t)snprintf(line, sizeof(line), "vld: ");
	} else {
		time_t now = time(NULL);
		struct tm tm;

		localtime_r(&now, &tm);
		used = strftime(line, sizeof(line), "%F %T ", &tm);
	}
	va_start(args, format);
	int length = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	if (length < 0) {
		return;
	}
	used += (size_t)length;
	if (used > sizeof(line) - 2) {
		used = sizeof(line) - 2;
	}
	line[used++] = '\n';
	if (write(say_fd, line, used) < 0) {
		return;
	}
}
