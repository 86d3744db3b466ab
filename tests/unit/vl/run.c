/* SPDX-License-Identifier: MIT */
/* Runs vl in this process with its output caught, and compares texts. */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vl/cli.h"
#include "world.h"

static struct result result;

static int catch (int fd, int *saved)
{
	int file = memfd_create("vl", 0);

	*saved = dup(fd);
	dup2(file, fd);
	return file;
}

static void release(int fd, int saved, int file, char *text, size_t size)
{
	ssize_t length;

	dup2(saved, fd);
	close(saved);
	length = pread(file, text, size - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	close(file);
}

const struct result *run_args(const char *const *args)
{
	const char *argv[64] = { "vl" };
	int argc = 1, out, err, saved_out, saved_err;

	while (args[argc - 1]) {
		argv[argc] = args[argc - 1];
		argc++;
	}
	world.calls[0] = '\0';
	fflush(stdout);
	fflush(stderr);
	out = catch (STDOUT_FILENO, &saved_out);
	err = catch (STDERR_FILENO, &saved_err);
	result.rc = cli_run(argc, (char **)argv);
	fflush(stdout);
	fflush(stderr);
	release(STDOUT_FILENO, saved_out, out, result.out, sizeof(result.out));
	release(STDERR_FILENO, saved_err, err, result.err, sizeof(result.err));
	/* Whatever happened, nothing is left open. */
	world_compare_number(__FILE__, __LINE__, world.open, 0);
	return &result;
}

const struct result *run(const char *line)
{
	static char copy[1024];
	const char *args[64] = { NULL };
	char *rest = copy;
	int count = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	while (*line && rest && count < 63) {
		args[count++] = strsep(&rest, " ");
	}
	return run_args(args);
}

void world_compare(const char *file, int line, const char *is, const char *shall)
{
	bool same = !strcmp(is, shall);

	if (!same) {
		printf("%s:%d: is\n%s---- shall be\n%s----\n", file, line, is, shall);
	}
	CU_assertImplementation(same, (unsigned int)line, "text", file, "", CU_FALSE);
}

void world_compare_number(const char *file, int line, long is, long shall)
{
	if (is != shall) {
		printf("%s:%d: %ld, not %ld\n", file, line, is, shall);
	}
	CU_assertImplementation(is == shall, (unsigned int)line, "number", file, "", CU_FALSE);
}
