/* SPDX-License-Identifier: MIT */
/* Loop devices, real ones: what is written through them, and that they go. */
#include "libvellum/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "guest_help.h"

static void writes_reach_the_file_and_the_device_goes(void)
{
	const char *path = make_file("image", 1 << 20);
	char data[4096] = "through the loop device";
	dev_t device = 0;
	int file, fd;

	if (!machine_has_loops()) {
		return;
	}
	file = open(path, O_RDWR | O_CLOEXEC);
	fd = loop_attach(file, path, false, &device, &error);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(major(device), 7);
	CU_ASSERT_EQUAL(loops(), 1);
	CU_ASSERT_EQUAL(pwrite(fd, data, sizeof(data), 8192), sizeof(data));
	CU_ASSERT_EQUAL(fsync(fd), 0);
	memset(data, 0, sizeof(data));
	CU_ASSERT_EQUAL(pread(file, data, sizeof(data), 8192), sizeof(data));
	CU_ASSERT_STRING_EQUAL(data, "through the loop device");
	close(fd);
	close(file);
	for (int i = 0; i < 100 && loops(); i++) {
		usleep(10000);
	}
	CU_ASSERT_EQUAL(loops(), 0);
}

static void readonly_is_readonly(void)
{
	const char *path = make_file("image", 1 << 20);
	char data[512] = "no";
	dev_t device;
	int file, fd;

	if (!machine_has_loops()) {
		return;
	}
	file = open(path, O_RDONLY | O_CLOEXEC);
	fd = loop_attach(file, path, true, &device, &error);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(pwrite(fd, data, sizeof(data), 0), -1);
	close(fd);
	close(file);
}

static void what_is_no_file_is_refused(void)
{
	dev_t device;
	int file = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (machine_has_loops()) {
		CU_ASSERT(loop_attach(file, "/dev/null", false, &device, &error) < 0);
		HAS(error.text, "/dev/null: ");
	}
	close(file);
}

CU_TestInfo loop_tests[] = {
	{ "writes reach the file, the device goes", writes_reach_the_file_and_the_device_goes },
	{ "read-only is read-only", readonly_is_readonly },
	{ "what is no file is refused", what_is_no_file_is_refused },
	CU_TEST_INFO_NULL,
};
