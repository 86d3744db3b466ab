/* SPDX-License-Identifier: MIT */
/* Reading with a limit, and replacing a file as one step. */
#include "libvellum/file_io.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pack.h"

static char folder[] = "/tmp/vellum-file-io-XXXXXX";
static char path[sizeof(folder) + 16];

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

CU_TestInfo file_io_tests[] = {
	{ "write and read back", write_and_read },
	{ "failures leave nothing behind", failures },
	CU_TEST_INFO_NULL,
};
