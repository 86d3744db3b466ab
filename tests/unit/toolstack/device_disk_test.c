/* SPDX-License-Identifier: MIT */
/*
 * Disks from the configuration to the nodes and the loop device, and back; a
 * driver that works, is missing, refuses or does not let go.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "fake_alloc.h"
#include "fake_store.h"
#include "libvellum/device_part.h"
#include "libvellum/loop.h"
#include "guest_help.h"

#define BACKEND "/local/domain/0/backend/vbd/7/51712"
#define FRONTEND "/local/domain/7/device/vbd/51712"
#define ROOT "name='g'\nkernel='/k'\nmemory=8\n"

#define IS(path, text) \
	CU_ASSERT_STRING_EQUAL(fake_store_get(path) ? fake_store_get(path) : "(none)", text)

static struct vl_config *one_disk(const char *file, const char *mode)
{
	return parse(ROOT "disk=['%s,raw,xvda,%s']\n", file, mode);
}

static void nothing_is_left(void)
{
	for (int i = 0; i < 100 && loops(); i++) {
		usleep(10000);
	}
	CU_ASSERT_EQUAL(loops(), 0);
	CU_ASSERT_EQUAL(files_left(), 0);
	CU_ASSERT_EQUAL(fake_store_open(), 1); /* host.store */
}

static void nodes_of_both_halves(void)
{
	const char *path = make_file("image", 1 << 20);
	struct vl_config *config = one_disk(path, "rw");

	if (machine_has_loops()) {
		CU_ASSERT_EQUAL(vl_devices_check(config, &error), 0);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, config, &error), 0);
		IS(BACKEND "/frontend", FRONTEND);
		IS(BACKEND "/frontend-id", "7");
		IS(BACKEND "/online", "1");
		IS(BACKEND "/state", "2");
		IS(BACKEND "/params", path);
		IS(BACKEND "/type", "phy");
		IS(BACKEND "/mode", "w");
		IS(BACKEND "/device-type", "disk");
		IS(BACKEND "/dev", "xvda");
		IS(BACKEND "/removable", "0");
		CU_ASSERT_PTR_NOT_NULL(fake_store_get(BACKEND "/physical-device"));
		IS(FRONTEND "/backend", BACKEND);
		IS(FRONTEND "/backend-id", "0");
		IS(FRONTEND "/virtual-device", "51712");
		IS(FRONTEND "/device-type", "disk");
		IS(FRONTEND "/state", "1");
		CU_ASSERT_STRING_EQUAL(fake_store_perms(BACKEND), "n0r7");
		CU_ASSERT_STRING_EQUAL(fake_store_perms(BACKEND "/state"), "n0r7");
		CU_ASSERT_STRING_EQUAL(fake_store_perms(FRONTEND), "n7r0");
		CU_ASSERT_STRING_EQUAL(fake_store_perms(FRONTEND "/state"), "n7r0");
		/* Only the driver keeps the loop device now. */
		CU_ASSERT_EQUAL(loops(), 1);
		CU_ASSERT_EQUAL(vl_devices_detach(&host, 7, &error), 0);
		CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/0/backend/vbd/7"));
		CU_ASSERT_PTR_NULL(fake_store_get(FRONTEND));
		nothing_is_left();
		/* Once more is no mistake. */
		CU_ASSERT_EQUAL(vl_devices_detach(&host, 7, &error), 0);
	}
	vl_config_free(config);
}

static void check_refuses(const char *disks, const char *part)
{
	struct vl_config *config = parse(ROOT "disk=[%s]\n", disks);
	int rc;

	error.text[0] = '\0';
	rc = vl_devices_check(config, &error);
	CU_ASSERT(rc < 0);
	if (!strstr(error.text, part)) {
		printf("\"%s\" does not say \"%s\" ", error.text, part);
	}
	HAS(error.text, part);
	vl_config_free(config);
}

static void check_says_what_is_wrong(void)
{
	char disks[512];

	make_file("image", 4096);
	snprintf(disks, sizeof(disks), "'%s/none,raw,xvda,rw'", folder);
	check_refuses(disks, "disk xvda: cannot open ");
	check_refuses(disks, "No such file");
	snprintf(disks, sizeof(disks), "'%s,raw,xvda,rw'", folder);
	check_refuses(disks, "is neither a file nor a block device");
	make_file("empty", 0);
	snprintf(disks, sizeof(disks), "'%s/empty,raw,xvdc,r'", folder);
	check_refuses(disks, "disk xvdc: ");
	check_refuses(disks, "not even one sector");
	snprintf(disks, sizeof(disks), "'%s/image,raw,xvda,rw,script=/none/there'", folder);
	check_refuses(disks, "disk xvda: cannot execute its script /none/there");
	snprintf(disks, sizeof(disks), "'%s/image,raw,xvda,rw,backend=net'", folder);
	check_refuses(disks, "only the control domain can be its backend");
}

static void one_writer_only(void)
{
	const char *path = make_file("image", 1 << 20);
	struct vl_config *writer = one_disk(path, "rw"), *reader = one_disk(path, "r"),
			 *shared = one_disk(path, "w!"), *again;
	char *json = NULL;

	CU_ASSERT(shared->disks[0].shared && !writer->disks[0].shared);
	CU_ASSERT_EQUAL(vl_config_json(shared, &json, &error), 0);
	again = parse("%s", json);
	CU_ASSERT(again->disks[0].shared);
	vl_config_free(again);
	free(json);
	CU_ASSERT_EQUAL(vl_config_xml(shared, &json, &error), 0);
	again = parse("%s", json);
	CU_ASSERT(again->disks[0].shared);
	vl_config_free(again);
	free(json);
	fake_store_set("/local/domain/7/name", "first");
	if (machine_has_loops()) {
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, writer, &error), 0);
		CU_ASSERT_EQUAL(device_check_users(&host, writer, &error), -EBUSY);
		CU_ASSERT_EQUAL(device_check_users(&host, shared, &error), 0);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 8, writer, &error), -EBUSY);
		HAS(error.text, "disk xvda: ");
		HAS(error.text, "is written by guest first");
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 8, reader, &error), -EBUSY);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 8, shared, &error), 0);
		CU_ASSERT_EQUAL(vl_devices_detach(&host, 7, &error), 0);
		CU_ASSERT_EQUAL(vl_devices_detach(&host, 8, &error), 0);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, reader, &error), 0);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 8, reader, &error), 0);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 9, writer, &error), -EBUSY);
		HAS(error.text, "is in use by");
		/* An entry whose disk has gone does no harm. */
		fake_store_remove("/local/domain/0/backend/vbd/7");
		fake_store_remove("/local/domain/0/backend/vbd/8");
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 9, writer, &error), 0);
		CU_ASSERT_EQUAL(vl_devices_detach(&host, 9, &error), 0);
	}
	vl_config_free(writer);
	vl_config_free(reader);
	vl_config_free(shared);
}

static void no_driver(void)
{
	struct vl_config *config = one_disk(make_file("image", 1 << 20), "rw");
	size_t nodes = fake_store_count();

	drivers = DRIVERS_ABSENT;
	if (machine_has_loops()) {
		CU_ASSERT_EQUAL(device_attach_all(&host, 7, config, 100, &error), -ETIMEDOUT);
		HAS(error.text, "disk xvda: no backend took it within 1 s");
		HAS(error.text, "is the module xen-blkback loaded?");
		CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/0/backend/vbd/7"));
		CU_ASSERT(fake_store_count() > nodes); /* folders that others share */
		nothing_is_left();
	}
	vl_config_free(config);
}

static void the_driver_refuses(void)
{
	struct vl_config *config = one_disk(make_file("image", 1 << 20), "rw");

	drivers = DRIVERS_REFUSE;
	if (machine_has_loops()) {
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, config, &error), -EIO);
		HAS(error.text, "disk xvda: its backend has failed (state 5): 19 it does not like");
		CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/0/backend/vbd/7"));
		CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/0/error/backend/vbd/7"));
		nothing_is_left();
	}
	vl_config_free(config);
}

static void the_driver_keeps_it(void)
{
	struct vl_config *config = one_disk(make_file("image", 1 << 20), "rw");

	if (machine_has_loops()) {
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, config, &error), 0);
		drivers = DRIVERS_STUCK;
		CU_ASSERT_EQUAL(device_detach_all(&host, 7, 100, &error), -ETIMEDOUT);
		HAS(error.text, "vbd 51712 of domain 7: its backend did not close");
		CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/0/backend/vbd/7"));
	}
	vl_config_free(config);
}

static void another_transaction_is_met(void)
{
	struct vl_config *config = one_disk(make_file("image", 1 << 20), "r");

	if (machine_has_loops()) {
		fake_store_conflict(5);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, config, &error), 0);
		IS(BACKEND "/mode", "r");
		fake_store_conflict(5);
		CU_ASSERT_EQUAL(vl_devices_detach(&host, 7, &error), 0);
		nothing_is_left();
	}
	vl_config_free(config);
}

static void a_drive_without_medium(void)
{
	struct vl_config *config = parse(ROOT "disk=[',,xvdc,cdrom']\n");

	CU_ASSERT_EQUAL(vl_devices_check(config, &error), 0);
	CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, config, &error), 0);
	CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/0/backend/vbd/7"));
	vl_config_free(config);
}

/* The script says what it was given, and fails on demand. */
static void a_script_is_run(void)
{
	char text[512], *seen;
	struct vl_config *config;
	const char *script;

	snprintf(text, sizeof(text),
		 "echo \"$1 $XENBUS_TYPE $XENBUS_PATH $XENBUS_BASE_PATH\" >> %s/seen\n"
		 "test ! -e %s/fail",
		 folder, folder);
	script = make_script("block-mine", text);
	config = parse(ROOT "disk=['vdev=xvda,format=raw,access=rw,script=%s,target=//far/away']\n",
		       script);
	CU_ASSERT_EQUAL(vl_devices_check(config, &error), 0);
	/* It does not make the disk, which then is late. */
	CU_ASSERT_EQUAL(device_attach_all(&host, 7, config, 200, &error), -ETIMEDOUT);
	HAS(error.text, "disk xvda: its backend was not ready");
	seen = read_text(in_folder("seen"));
	CU_ASSERT_STRING_EQUAL(seen ? seen : "", "add vbd backend/vbd/7/51712 backend\n"
						 "remove vbd backend/vbd/7/51712 backend\n");
	free(seen);
	make_file("fail", 0);
	CU_ASSERT_EQUAL(device_attach_all(&host, 7, config, 200, &error), -EIO);
	HAS(error.text, "block-mine add has failed");
	vl_config_free(config);
}

/* One attempt; true: the call that was to fail was made. */
static bool attempt(const struct vl_config *config, unsigned int n, bool memory, int *rc)
{
	bool failed;

	error.text[0] = '\0';
	fake_store_fail_at(memory ? 0 : n);
	fake_alloc_fail_at(memory ? n : 0);
	*rc = vl_devices_attach(&host, 7, config, &error);
	failed = fake_store_failed();
	return fake_alloc_failed() || failed;
}

/* Attaching with one call failing leaves nothing, whichever call it is. */
static void fails_cleanly(bool memory)
{
	const char *path = make_file("image", 1 << 20);
	struct vl_config *config =
		parse(ROOT "disk=['%s,raw,xvda,r', '%s,raw,xvdb,r']\n", path, path);
	unsigned int open = descriptors(), n = 1;
	int rc;

	for (; n < 500 && attempt(config, n, memory, &rc); n++) {
		if (!rc) {
			/* What failed was only to make a sentence better. */
			CU_ASSERT_EQUAL(vl_devices_detach(&host, 7, &error), 0);
		}
		CU_ASSERT(!rc || *error.text);
		CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/0/backend/vbd/7"));
		CU_ASSERT_PTR_NULL(fake_store_get(FRONTEND));
		CU_ASSERT_EQUAL(descriptors(), open);
		nothing_is_left();
	}
	CU_ASSERT(n > 1 && n < 500);
	CU_ASSERT_EQUAL(rc, 0);
	CU_ASSERT_EQUAL(vl_devices_detach(&host, 7, &error), 0);
	nothing_is_left();
	vl_config_free(config);
}

static void any_call_may_fail(void)
{
	if (machine_has_loops()) {
		fails_cleanly(false);
		fails_cleanly(true);
	}
}

/*
 * vld's children ignore what would end them, and so did all scripts that they
 * started: a pipe that nobody read, or a kill, did not end what should end.
 */
static void scripts_have_signals(void)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGPIPE };
	const char *script = make_script("signals", "trap - TERM INT PIPE; kill -$1 $$; exit 0");
	static const char *const names[] = { "TERM", "INT", "PIPE" };
	void (*old)(int);

	for (size_t i = 0; i < 3; i++) {
		old = signal(ignored[i], SIG_IGN);
		CU_ASSERT_EQUAL(device_script_run(&host, script, "vbd", 1, 2, NULL, names[i],
						  "disk x", &error),
				-EIO);
		signal(ignored[i], old);
	}
}

/*
 * What sysfs says of disk 8:0 with partitions 8:1 and 8:2, and of disk 8:16; of
 * volumes 253:0 on 8:1, 253:1 on both partitions, and 253:2 on 8:16.
 */
static void make_sysfs(void)
{
	char command[1000];

	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p sys/dev/block sys/devices/sda/sda1 sys/devices/sda/sda2 "
		 "sys/devices/sdb && echo 8:0 > sys/devices/sda/dev && "
		 "echo 1 > sys/devices/sda/sda1/partition && "
		 "echo 2 > sys/devices/sda/sda2/partition && cd sys/dev/block && "
		 "ln -s ../../devices/sda 8:0 && ln -s ../../devices/sda/sda1 8:1 && "
		 "ln -s ../../devices/sda/sda2 8:2 && ln -s ../../devices/sdb 8:16 && "
		 "cd ../../devices && echo 8:1 > sda/sda1/dev && echo 8:2 > sda/sda2/dev && "
		 "echo 8:16 > sdb/dev && mkdir -p dm-0/slaves dm-1/slaves dm-2/slaves && "
		 "ln -s ../../sda/sda1 dm-0/slaves && ln -s ../../sda/sda1 dm-1/slaves && "
		 "ln -s ../../sda/sda2 dm-1/slaves && ln -s ../../sdb dm-2/slaves && "
		 "for i in 0 1 2; do ln -s ../../devices/dm-$i ../dev/block/253:$i; done",
		 folder);
	CU_ASSERT_EQUAL(system(command), 0);
}

#define VOLUME 0x1000 /* and a minor: one of device-mapper */

/* One more guest with that disk: 0, or what the claim gives. */
static int claim(uint16_t domid, unsigned int minor, const char *mode)
{
	struct vl_disk disk = { .target = (char *)"/dev/sd",
				.readonly = *mode == 'r',
				.shared = !strcmp(mode, "w!") };
	struct device device = { .disk = &disk, .domid = domid, .number = minor, .name = "disk" };
	struct stat info = { .st_mode = S_IFBLK,
			     .st_rdev = minor & VOLUME ? makedev(253, minor & ~VOLUME) :
							 makedev(8, minor) };
	struct nodes nodes = { .store = host.store, .error = &error };

	image_find(&host, &info, &device.image);
	snprintf(device.backend, sizeof(device.backend), "/local/domain/0/backend/vbd/%u/%u", domid,
		 minor);
	image_claim(&nodes, &device);
	return nodes.rc;
}

static void release(uint16_t domid, unsigned int minor)
{
	struct nodes nodes = { .store = host.store, .error = &error };
	char backend[80];

	snprintf(backend, sizeof(backend), "/local/domain/0/backend/vbd/%u/%u", domid, minor);
	image_release(&nodes, domid, minor, backend);
	CU_ASSERT_EQUAL(nodes.rc, 0);
}

/* A disk and its partition were two images: two guests could write the same sectors. */
static void partitions(void)
{
	make_sysfs();
	CU_ASSERT_EQUAL(claim(1, 1, "w"), 0);
	CU_ASSERT_EQUAL(claim(2, 0, "w"), -EBUSY);
	HAS(error.text, "/dev/sd is a disk with a part written by guest");
	CU_ASSERT_EQUAL(claim(2, 0, "r"), -EBUSY);
	CU_ASSERT_EQUAL(claim(2, 1, "w"), -EBUSY);
	HAS(error.text, "/dev/sd is written by guest");
	CU_ASSERT_EQUAL(claim(2, 2, "w"), 0);
	CU_ASSERT_EQUAL(claim(3, 16, "w"), 0);
	CU_ASSERT_EQUAL(claim(4, 0, "w!"), 0);
	release(4, 0);
	release(1, 1);
	CU_ASSERT_EQUAL(claim(4, 0, "r"), -EBUSY);
	release(2, 2);
	CU_ASSERT_EQUAL(claim(4, 0, "r"), 0);
	CU_ASSERT_EQUAL(claim(5, 1, "r"), 0);
	CU_ASSERT_EQUAL(claim(6, 2, "w"), -EBUSY);
	HAS(error.text, "/dev/sd is on a disk in use by guest");
	CU_ASSERT_EQUAL(claim(6, 2, "w!"), 0);
}

/* A volume and what it lies on were two images, too. */
static void volumes(void)
{
	make_sysfs();
	CU_ASSERT_EQUAL(claim(1, VOLUME + 0, "w"), 0);
	CU_ASSERT_EQUAL(claim(2, VOLUME + 0, "r"), -EBUSY);
	HAS(error.text, "/dev/sd is written by guest");
	CU_ASSERT_EQUAL(claim(2, 1, "w"), -EBUSY);
	HAS(error.text, "/dev/sd is a disk with a part written by guest");
	CU_ASSERT_EQUAL(claim(2, 0, "r"), -EBUSY);
	/* Both on the same partition, and not the same. */
	CU_ASSERT_EQUAL(claim(2, VOLUME + 1, "w"), 0);
	CU_ASSERT_STRING_EQUAL(fake_store_get("/vellum/image/b-8-0/2-4097"),
			       "w /8-1/253-1 /8-2/253-1");
	CU_ASSERT_EQUAL(claim(3, 16, "w"), 0);
	CU_ASSERT_EQUAL(claim(4, VOLUME + 2, "r"), -EBUSY);
	HAS(error.text, "/dev/sd is on a disk written by guest");
	release(1, VOLUME + 0);
	CU_ASSERT_EQUAL(claim(5, 2, "w"), -EBUSY);
	release(2, VOLUME + 1);
	CU_ASSERT_EQUAL(claim(5, 2, "w"), 0);
	CU_ASSERT_EQUAL(claim(5, 1, "w"), 0);
	release(5, 2);
	release(5, 1);
	release(3, 16);
	CU_ASSERT_PTR_NULL(fake_store_get("/vellum/image/b-8-0"));
	CU_ASSERT_PTR_NULL(fake_store_get("/vellum/image/b-253-1"));
}

/* A file, and a loop device that somebody made of it. */
static void loop_devices(void)
{
	const char *path = make_file("image", 1 << 20);
	char name[32];
	int file = open(path, O_RDWR | O_CLOEXEC), fd;
	struct vl_config *first, *second, *reader;
	dev_t device;

	if (machine_has_loops()) {
		fd = loop_attach(file, path, false, &device, &error);
		CU_ASSERT_FATAL(fd >= 0);
		snprintf(name, sizeof(name), "/dev/loop%u", minor(device));
		first = one_disk(path, "rw");
		second = parse(ROOT "disk=['phy:%s,xvda,w']\n", name);
		reader = parse(ROOT "disk=['phy:%s,xvda,r']\n", name);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, first, &error), 0);
		CU_ASSERT_EQUAL(device_check_users(&host, second, &error), -EBUSY);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 8, reader, &error), -EBUSY);
		HAS(error.text, "is written by guest");
		CU_ASSERT_EQUAL(vl_devices_detach(&host, 7, &error), 0);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 8, second, &error), 0);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, first, &error), -EBUSY);
		CU_ASSERT_EQUAL(vl_devices_detach(&host, 8, &error), 0);
		close(fd);
		nothing_is_left();
		vl_config_free(first);
		vl_config_free(second);
		vl_config_free(reader);
	}
	close(file);
}

CU_TestInfo device_disk_tests[] = {
	{ "a disk and its partitions", partitions },
	{ "a disk and its volumes", volumes },
	{ "a file and its loop device", loop_devices },
	{ "nodes of both halves", nodes_of_both_halves },
	{ "check says what is wrong", check_says_what_is_wrong },
	{ "one writer only", one_writer_only },
	{ "no driver", no_driver },
	{ "the driver refuses", the_driver_refuses },
	{ "the driver keeps it", the_driver_keeps_it },
	{ "another transaction is met", another_transaction_is_met },
	{ "a drive without medium", a_drive_without_medium },
	{ "a script is run", a_script_is_run },
	{ "scripts have signals", scripts_have_signals },
	{ "any call may fail", any_call_may_fail },
	CU_TEST_INFO_NULL,
};
