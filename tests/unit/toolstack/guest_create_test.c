/* SPDX-License-Identifier: MIT */
/* Making guests: what is there afterwards, what is not after a failure. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "fake_alloc.h"
#include "fake_ctl.h"
#include "fake_store.h"
#include "libvellum/guest_part.h"
#include "libvellum/paths.h"
#include "guest_help.h"

static char steps[64];

static void progress(void *arg, const char *step)
{
	CU_ASSERT_PTR_EQUAL(arg, steps);
	strcat(steps, step);
	strcat(steps, " ");
}

static const char *get(const char *name)
{
	char path[64];
	const char *value;

	snprintf(path, sizeof(path), "/local/domain/1/%s", name);
	value = fake_store_get(path);
	return value ? value : "";
}

static void check_nodes(void)
{
	IS("/local/domain/1/name", "large");
	IS("/local/domain/1/domid", "1");
	IS("/local/domain/1/vm", "/vm/" GUEST_UUID);
	IS("/local/domain/1/memory/target", "8192");
	IS("/local/domain/1/memory/static-max", "16384");
	IS("/local/domain/1/cpu/0/availability", "online");
	IS("/local/domain/1/cpu/1/availability", "online");
	IS("/local/domain/1/cpu/2/availability", "offline");
	IS("/local/domain/1/console/type", "vld");
	IS("/local/domain/1/control/shutdown", "");
	IS("/vm/" GUEST_UUID "/name", "large");
	IS("/vm/" GUEST_UUID "/uuid", GUEST_UUID);
	IS("/vm/" GUEST_UUID "/image/cmdline", "root=/dev/xvda quiet");
	CU_ASSERT_STRING_EQUAL(fake_store_perms("/local/domain/1"), "n0r1");
	CU_ASSERT_STRING_EQUAL(fake_store_perms("/local/domain/1/name"), "n0r1");
	CU_ASSERT_STRING_EQUAL(fake_store_perms("/local/domain/1/device"), "n0r1");
	CU_ASSERT_STRING_EQUAL(fake_store_perms("/local/domain/1/console/port"), "n0r1");
	CU_ASSERT_STRING_EQUAL(fake_store_perms("/local/domain/1/control"), "n0r1");
	CU_ASSERT_STRING_EQUAL(fake_store_perms("/local/domain/1/control/shutdown"), "n1");
	CU_ASSERT_STRING_EQUAL(fake_store_perms("/local/domain/1/data"), "n1");
	CU_ASSERT_STRING_EQUAL(fake_store_perms("/local/domain/1/error"), "n1");
	CU_ASSERT_STRING_EQUAL(fake_store_perms("/vm/" GUEST_UUID), "n0r1");
	CU_ASSERT(fake_store_introduced(1));
}

static void a_whole_guest(void)
{
	struct vl_config *config = large_guest(), *read = NULL;
	struct fake_domain *domain;
	struct stat info;
	uint16_t domid = 0;

	*steps = '\0';
	CU_ASSERT_EQUAL_FATAL(vl_guest_create(&host, config, &domid, progress, steps, &error), 0);
	CU_ASSERT_EQUAL(domid, 1);
	CU_ASSERT_STRING_EQUAL(steps, "kernel memory devices ");
	check_nodes();
	domain = fake_ctl_domain(core, 1);
	CU_ASSERT_EQUAL(domain->info.flags, VL_DOMAIN_paused);
	CU_ASSERT_EQUAL(domain->info.vcpus_max, 3);
	CU_ASSERT_EQUAL(domain->info.max_frames, 16 * 256);
	CU_ASSERT_EQUAL(domain->info.frames, 8 * 256);
	CU_ASSERT_EQUAL(domain->info.ports_max, 1023);
	CU_ASSERT_EQUAL(domain->info.handle[0], 0x11);
	CU_ASSERT_EQUAL(domain->info.weight, 512);
	CU_ASSERT_EQUAL(domain->info.cap, 50);
	CU_ASSERT_EQUAL(domain->affinity[0], 2);
	CU_ASSERT_EQUAL(domain->affinity[2], 2);
	CU_ASSERT_EQUAL(domain->ioports.first, 0x3f8);
	CU_ASSERT_EQUAL(domain->ioports.count, 8);
	CU_ASSERT(domain->has_context[0]);
	/* The rings' nodes say what the builder granted. */
	CU_ASSERT_EQUAL(atoll(get("console/ring-ref")), domain->grant[0].frame);
	CU_ASSERT_EQUAL(atoll(get("store/ring-ref")), domain->grant[1].frame);
	CU_ASSERT_EQUAL(domain->port_remote[atoi(get("console/port"))], 0);
	CU_ASSERT_EQUAL(domain->port_remote[atoi(get("store/port"))], 0);
	/* The record stays, the lock does not. */
	CU_ASSERT_EQUAL(stat(in_folder("run/vellum/guests/1.json"), &info), 0);
	CU_ASSERT_EQUAL(info.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL(stat(in_folder("run/vellum/lock/large"), &info), -1);
	CU_ASSERT_EQUAL(vl_guest_config(&host, 1, &read, &error), 0);
	if (read) {
		CU_ASSERT_STRING_EQUAL(read->name, "large");
		CU_ASSERT_EQUAL(read->disk_count, config->disk_count);
		CU_ASSERT_EQUAL(memcmp(read->uuid, config->uuid, 16), 0);
	}
	vl_config_free(read);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, 1, &error), 0);
	no_guest_left();
	vl_config_free(config);
}

static void what_is_open_is_made_up(void)
{
	struct vl_config *config = parse("name='m'\nkernel='%s'\nmemory=8\n%s", make_kernel(),
					 machine_has_network() ? "vif=['']\n" : ""),
			 *read = NULL;
	uint16_t domid = 0;

	CU_ASSERT_EQUAL_FATAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	CU_ASSERT_EQUAL_FATAL(vl_guest_config(&host, domid, &read, &error), 0);
	CU_ASSERT(read->has_uuid);
	CU_ASSERT_EQUAL(read->uuid[6] >> 4, 4);
	CU_ASSERT_EQUAL(read->uuid[8] >> 6, 2);
	CU_ASSERT(!config->vif_count || read->vifs[0].mac[2] == 0x3e);
	vl_config_free(read);
	vl_config_free(config);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	no_guest_left();
}

static void refused(struct vl_config *config, int rc, const char *part)
{
	uint16_t domid = 99;

	error.text[0] = '\0';
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), rc);
	if (!strstr(error.text, part)) {
		printf("\"%s\" does not say \"%s\" ", error.text, part);
	}
	HAS(error.text, part);
	CU_ASSERT_EQUAL(domid, 99);
	no_guest_left();
	vl_config_free(config);
}

static void set_name(struct vl_config *config, const char *name)
{
	free(config->name);
	config->name = strdup(name);
}

static void wrong_configurations(void)
{
	static const char *const names[] = { "a/b", "a b", "12", "Domain-0", "..", ".x", "a\nb" };
	const char *kernel = make_kernel();
	struct vl_config *config;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		config = small_guest("x");
		set_name(config, names[i]);
		refused(config, -EINVAL, "name");
	}
	config = small_guest("x");
	config->vcpus = 65;
	config->maxvcpus = 65;
	refused(config, -EINVAL, "guest x: 65 vCPUs of 65; a guest has 1 to 64");
	config = small_guest("x");
	config->memory_kib = 0;
	refused(config, -EINVAL, "guest x: memory of 0 KiB");
	config = small_guest("x");
	free(config->kernel);
	config->kernel = NULL;
	refused(config, -EINVAL, "no kernel is named for guest x");
	refused(parse("name='x'\nkernel='/none/there'\nmemory=8\n"), -ENOENT, "/none/there");
	refused(parse("name='x'\nkernel='%s'\nramdisk='/none/there'\nmemory=8\n", kernel), -ENOENT,
		"cannot read the ramdisk /none/there: No such file");
	refused(parse("name='x'\nkernel='%s'\nramdisk='%s'\nmemory=8\n", kernel,
		      make_file("empty", 0)),
		-EINVAL, "is empty");
	refused(parse("name='x'\nkernel='%s'\nmemory=8\ndisk=['/none/there,raw,xvda,rw']\n",
		      kernel),
		-ENOENT, "disk xvda: cannot open /none/there");
	refused(parse("name='x'\nkernel='%s'\nmemory=100\n", kernel), -ENOMEM,
		"not enough memory for guest x: it needs 101 MiB, 64 MiB are free");
}

/*
 * A pipe as a kernel or a ramdisk: the creation waited for a writer, with its lock
 * and half of its work done, until somebody killed it.
 */
static void no_files(void)
{
	const char *kernel = make_kernel(), *pipe = in_folder("pipe");

	CU_ASSERT_EQUAL(mkfifo(pipe, 0600), 0);
	refused(parse("name='x'\nkernel='%s'\nmemory=8\n", pipe), -EINVAL,
		"pipe is a pipe, not a file");
	refused(parse("name='x'\nkernel='%s'\nramdisk='%s'\nmemory=8\n", kernel, pipe), -EINVAL,
		"pipe is a pipe, not a file");
	refused(parse("name='x'\nkernel='%s'\nmemory=8\n", folder), -EINVAL,
		" is a folder, not a file");
	refused(parse("name='x'\nkernel='%s'\nramdisk='/dev/zero'\nmemory=8\n", kernel), -EINVAL,
		"the ramdisk /dev/zero is a device, not a file");
	unlink(pipe);
}

static void loaders(void)
{
	struct vl_config *config = parse("name='x'\nbootloader='pygrub'\nmemory=8\n");

	if (access(VL_PVGRUB, R_OK) < 0) {
		refused(config, -ENOENT, "install grub-xen-host");
	} else {
		vl_config_free(config);
	}
	config = small_guest("x");
	config->bootloader = strdup("/usr/bin/lilo");
	refused(config, -EOPNOTSUPP, "asks for the boot loader lilo");
}

static void twice(void)
{
	struct vl_config *config = small_guest("one"), *other = small_guest("two");
	uint16_t domid = 0, second = 0;

	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &second, NULL, NULL, &error), -EEXIST);
	HAS(error.text, "a guest named one is there already");
	memcpy(other->uuid, fake_ctl_domain(core, domid)->info.handle, 16);
	other->has_uuid = true;
	CU_ASSERT_EQUAL(vl_guest_create(&host, other, &second, NULL, NULL, &error), -EEXIST);
	HAS(error.text, "guest two has the UUID of guest one");
	CU_ASSERT_EQUAL(domains(), 1);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	vl_config_free(config);
	vl_config_free(other);
	no_guest_left();
}

/*
 * Two names with one identifier at the same time: both passed the check, and the
 * end of one took the other's nodes along.
 */
static void one_uuid(void)
{
	struct vl_config *config = large_guest();
	struct guest_lock lock;
	uint16_t domid = 0;

	CU_ASSERT_EQUAL(guest_lock_take(&host, "." GUEST_UUID, &lock, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), -EEXIST);
	HAS(error.text, "a guest with the UUID " GUEST_UUID " is being created");
	guest_lock_drop(&lock);
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	vl_config_free(config);
	no_guest_left();
}

/*
 * One that is preserved, and the one that follows it, as vld makes it: the same
 * disk and identifier were in the way, so that rename-restart never restarted.
 */
static void preserved(void)
{
	struct vl_config *config = large_guest();
	uint16_t domid = 0;

	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	fake_ctl_domain(core, 1)->info.flags |= VL_DOMAIN_shutdown;
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), -EEXIST);
	CU_ASSERT_EQUAL(vl_guest_preserve(&host, 1, "large-1", &error), 0);
	IS("/local/domain/1/name", "large-1");
	CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/0/backend/vbd/1"));
	CU_ASSERT_EQUAL(vl_guest_find_uuid(&host, config->uuid, &domid, &error), 0);
	CU_ASSERT_EQUAL(domid, 1);
	config->has_uuid = false;
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_find(&host, "large", &domid, &error), 0);
	CU_ASSERT_EQUAL(domid, 2);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, 1, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_find_uuid(&host, config->uuid, &domid, &error), -ESRCH);
	IS("/local/domain/2/name", "large");
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, 2, &error), 0);
	vl_config_free(config);
	no_guest_left();
}

static bool is_wanted(void *arg)
{
	CU_ASSERT_EQUAL(fake_ctl_domain(core, core->next_domid - 1u)->info.flags, VL_DOMAIN_paused);
	return *(bool *)arg;
}

static void started(void)
{
	struct vl_config *config = small_guest("runs");
	bool wanted = false;
	uint16_t domid = 0;

	CU_ASSERT_EQUAL(vl_guest_start(&host, config, &domid, is_wanted, NULL, &wanted, &error),
			-ECANCELED);
	no_guest_left();
	wanted = true;
	CU_ASSERT_EQUAL(vl_guest_start(&host, config, &domid, is_wanted, NULL, &wanted, &error), 0);
	CU_ASSERT_EQUAL(fake_ctl_domain(core, domid)->info.flags, 0);
	CU_ASSERT_EQUAL(access(in_folder("run/vellum/lock/runs"), F_OK), -1);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	vl_config_free(config);
	no_guest_left();
}

enum failing {
	FAILS_STORE,
	FAILS_CORE,
	FAILS_MEMORY
};

/* One attempt; true: the call that was to fail was made. */
static bool attempt(const struct vl_config *config, unsigned int n, enum failing what, int *rc)
{
	unsigned int calls = core->calls + n;
	bool failed;

	core->next_domid = 1;
	error.text[0] = '\0';
	fake_store_fail_at(what == FAILS_STORE ? n : 0);
	core->fail_at = what == FAILS_CORE ? calls : 0;
	core->fail_code = EIO;
	fake_alloc_fail_at(what == FAILS_MEMORY ? n : 0);
	*rc = vl_guest_start(&host, config, &(uint16_t){ 0 }, NULL, NULL, NULL, &error);
	failed = fake_store_failed();
	failed = fake_alloc_failed() || failed;
	failed = failed || (what == FAILS_CORE && core->calls >= calls);
	core->fail_at = 0;
	return failed;
}

static void fails_cleanly(enum failing what)
{
	struct vl_config *config = large_guest();
	unsigned int open = descriptors(), n = 1, failed = 0;
	int rc;

	for (; n < 2000 && attempt(config, n, what, &rc); n++) {
		if (!rc) {
			CU_ASSERT_EQUAL(vl_guest_destroy(&host, 1, &error), 0);
		}
		failed += rc != 0;
		CU_ASSERT(!rc || *error.text);
		CU_ASSERT_EQUAL(descriptors(), open);
		no_guest_left();
	}
	CU_ASSERT(failed > 5 && n < 2000);
	CU_ASSERT_EQUAL(rc, 0);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, 1, &error), 0);
	vl_config_free(config);
	no_guest_left();
}

static void any_call_may_fail(void)
{
	fails_cleanly(FAILS_STORE);
	fails_cleanly(FAILS_CORE);
	fails_cleanly(FAILS_MEMORY);
}

CU_TestInfo guest_create_tests[] = {
	{ "a whole guest", a_whole_guest },
	{ "what is open is made up", what_is_open_is_made_up },
	{ "wrong configurations", wrong_configurations },
	{ "neither kernel nor ramdisk is a file", no_files },
	{ "boot loaders", loaders },
	{ "twice", twice },
	{ "one UUID", one_uuid },
	{ "preserved", preserved },
	{ "started", started },
	{ "any call may fail", any_call_may_fail },
	CU_TEST_INFO_NULL,
};
