/* SPDX-License-Identifier: MIT */
/* Reading with a limit, and replacing a file as one step. */
#include "libvellum/file_io.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pack.h"

static char folder[] = "/tmp/vellum-file-io-XXXXXX";
static char path[sizeof(folder) + 32];

static int entries(void)
{
	DIR *dir = opendir(folder);
	int count = 0;

	while (readdir(dir)) {
		count++;
	}
	closedir(dir);
	return count - 2; /* without . and .. */
}

static void begin(void)
{
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
}

static void end(void)
{
	unlink(path);
	CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static void write_and_read(void)
{
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 300000 };
	struct vl_error error;
	struct bytes plain;
	struct stat status;
	void *data;
	size_t size;

	begin();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		plain = bytes_pattern(sizes[i]);
		CU_ASSERT_EQUAL(file_write(path, plain.data, sizes[i], 0640, &error), 0);
		CU_ASSERT_EQUAL(file_read(path, sizes[i], &data, &size, &error), 0);
		CU_ASSERT_EQUAL(size, sizes[i]);
		CU_ASSERT_EQUAL(memcmp(data, plain.data, size), 0);
		free(data);
		if (sizes[i] > 0) {
			CU_ASSERT_EQUAL(file_read(path, sizes[i] - 1, &data, &size, &error),
					-EFBIG);
		}
		bytes_free(&plain);
	}
	CU_ASSERT_EQUAL(entries(), 1);
	CU_ASSERT_EQUAL(stat(path, &status), 0);
	/* What guests wrote and what they boot was everybody's to read. */
	CU_ASSERT_EQUAL(status.st_mode & 0137, 0);
	end();
}

static void failures(void)
{
	struct vl_error error = { "" };
	void *data;
	size_t size;

	begin();
	CU_ASSERT_EQUAL(file_read(path, 10, &data, &size, &error), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, path));
	CU_ASSERT_EQUAL(file_read(folder, 10, &data, &size, &error), -EISDIR);
	CU_ASSERT_EQUAL(file_write("/nonexistent/x", "a", 1, 0600, &error), -ENOENT);
	/* A folder of that name cannot be replaced; no temporary file stays. */
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	CU_ASSERT_EQUAL(file_write(path, "a", 1, 0600, &error), -EISDIR);
	CU_ASSERT_EQUAL(entries(), 1);
	CU_ASSERT_EQUAL(rmdir(path), 0);
	end();
}

static void touch(const char *format, long pid)
{
	char name[128];

	snprintf(path, sizeof(path), format, pid);
	snprintf(name, sizeof(name), "%s/%s", folder, path);
	fclose(fopen(name, "w"));
}

/* What a killed writer had begun stayed for ever, beside the file and like it. */
static void swept(void)
{
	static const char *const kept[] = { "a.%ld-0", ".a.%ld-", ".a.%ld-0x", ".a.0%ld-0",
					    ".%ld-0",  ".a.x%ld", ".a-%ld-1",  ".a.999%ld999999-1" };
	pid_t dead = fork();
	char command[160];

	if (dead == 0) {
		_exit(0);
	}
	CU_ASSERT_EQUAL(waitpid(dead, NULL, 0), dead);
	begin();
	touch(".a.%ld-0", dead);
	touch(".a.%ld-17", dead);
	touch("..%ld-1", dead);
	file_sweep(folder);
	CU_ASSERT_EQUAL(entries(), 0);
	touch(".a.%ld-0", getpid());
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		touch(kept[i], dead);
	}
	file_sweep(folder);
	CU_ASSERT_EQUAL(entries(), 1 + (int)(sizeof(kept) / sizeof(*kept)));
	file_sweep("/nonexistent");
	snprintf(command, sizeof(command), "rm -r %s/.a* %s/.[0-9]* %s/a*", folder, folder, folder);
	CU_ASSERT_EQUAL(system(command), 0);
	end();
}

CU_TestInfo file_io_tests[] = {
	{ "write and read back", write_and_read },
	{ "failures leave nothing behind", failures },
	{ "what killed writers left is swept", swept },
	CU_TEST_INFO_NULL,
};
