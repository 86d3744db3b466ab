/* SPDX-License-Identifier: MIT */
/* Guests that are there: found, named, asked, ended. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <CUnit/CUnit.h>

#include "fake_ctl.h"
#include "fake_store.h"
#include "libvellum/guest_part.h"
#include "guest_help.h"

#define IS(path, text) \
	CU_ASSERT_STRING_EQUAL(fake_store_get(path) ? fake_store_get(path) : "(none)", text)

static uint16_t make(const char *name)
{
	struct vl_config *config = parse("name='%s'\nkernel='%s'\nmemory=8\n", name, make_kernel());
	uint16_t domid = 0;

	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	vl_config_free(config);
	return domid;
}

static void found_by_name_and_number(void)
{
	uint16_t one = make("one"), two = make("two"), domid = 99;
	char *name = NULL, number[8];

	CU_ASSERT_EQUAL(vl_guest_find(&host, "two", &domid, &error), 0);
	CU_ASSERT_EQUAL(domid, two);
	snprintf(number, sizeof(number), "%u", one);
	CU_ASSERT_EQUAL(vl_guest_find(&host, number, &domid, &error), 0);
	CU_ASSERT_EQUAL(domid, one);
	CU_ASSERT_EQUAL(vl_guest_find(&host, "Domain-0", &domid, &error), 0);
	CU_ASSERT_EQUAL(domid, 0);
	CU_ASSERT_EQUAL(vl_guest_find(&host, "0", &domid, &error), 0);
	domid = 99;
	CU_ASSERT_EQUAL(vl_guest_find(&host, "tw", &domid, &error), -ESRCH);
	HAS(error.text, "there is no guest tw");
	CU_ASSERT_EQUAL(vl_guest_find(&host, "", &domid, &error), -ESRCH);
	CU_ASSERT_EQUAL(vl_guest_find(&host, "4711", &domid, &error), -ESRCH);
	CU_ASSERT_EQUAL(vl_guest_find(&host, "65537", &domid, &error), -ESRCH);
	CU_ASSERT_EQUAL(vl_guest_find(&host, "99999999999999999999", &domid, &error), -ESRCH);
	CU_ASSERT_EQUAL(domid, 99);
	/* What dies has no name any more. */
	fake_ctl_domain(core, two)->info.flags |= VL_DOMAIN_dying;
	CU_ASSERT_EQUAL(vl_guest_find(&host, "two", &domid, &error), -ESRCH);

	CU_ASSERT_EQUAL(vl_guest_name(&host, one, &name, &error), 0);
	CU_ASSERT_STRING_EQUAL(name, "one");
	free(name);
	CU_ASSERT_EQUAL(vl_guest_name(&host, 0, &name, &error), 0);
	CU_ASSERT_STRING_EQUAL(name, "Domain-0");
	free(name);
	CU_ASSERT_EQUAL(vl_guest_name(&host, 77, &name, &error), -ESRCH);
}

static void asked(void)
{
	uint16_t domid = make("one");

	CU_ASSERT_EQUAL(vl_guest_ask(&host, domid, "poweroff", &error), 0);
	IS("/local/domain/1/control/shutdown", "poweroff");
	CU_ASSERT_STRING_EQUAL(fake_store_perms("/local/domain/1/control/shutdown"), "n1");
	CU_ASSERT_EQUAL(vl_guest_ask(&host, domid, "dance", &error), -EINVAL);
	CU_ASSERT_EQUAL(vl_guest_ask(&host, 0, "reboot", &error), -EINVAL);
	CU_ASSERT_EQUAL(vl_guest_ask(&host, 77, "reboot", &error), -ESRCH);
	fake_ctl_domain(core, domid)->info.flags |= VL_DOMAIN_shutdown;
	CU_ASSERT_EQUAL(vl_guest_ask(&host, domid, "reboot", &error), -EINVAL);
	HAS(error.text, "has ended already");
}

static void renamed(void)
{
	uint16_t one = make("one"), domid = 0;
	struct vl_config *config = NULL;
	char path[64], uuid[VL_UUID_SIZE];

	make("two");
	CU_ASSERT_EQUAL(vl_guest_rename(&host, one, "two", &error), -EEXIST);
	HAS(error.text, "a guest named two is there already");
	CU_ASSERT_EQUAL(vl_guest_rename(&host, one, "x/y", &error), -EINVAL);
	/* It was renamed in the store, not in its record, and "not enough memory" was why. */
	CU_ASSERT_EQUAL(vl_guest_rename(&host, one, "caf\xe9", &error), -EINVAL);
	HAS(error.text, "is not UTF-8");
	IS("/local/domain/1/name", "one");
	CU_ASSERT_EQUAL(vl_guest_rename(&host, 0, "x", &error), -EINVAL);
	CU_ASSERT_EQUAL(vl_guest_rename(&host, 77, "x", &error), -ESRCH);
	CU_ASSERT_EQUAL(vl_guest_rename(&host, one, "one", &error), 0);
	CU_ASSERT_EQUAL(vl_guest_rename(&host, one, "one--migratedaway", &error), 0);
	IS("/local/domain/1/name", "one--migratedaway");
	vl_uuid_text(fake_ctl_domain(core, one)->info.handle, uuid);
	snprintf(path, sizeof(path), "/vm/%s/name", uuid);
	IS(path, "one--migratedaway");
	CU_ASSERT_EQUAL(vl_guest_find(&host, "one--migratedaway", &domid, &error), 0);
	CU_ASSERT_EQUAL(domid, one);
	CU_ASSERT_EQUAL_FATAL(vl_guest_config(&host, one, &config, &error), 0);
	CU_ASSERT_STRING_EQUAL(config->name, "one--migratedaway");
	vl_config_free(config);
}

/* The three places of a name. */
static void is_named(uint16_t domid, const char *name)
{
	char path[64], uuid[VL_UUID_SIZE];
	struct vl_config *config = NULL;

	snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
	IS(path, name);
	vl_uuid_text(fake_ctl_domain(core, domid)->info.handle, uuid);
	snprintf(path, sizeof(path), "/vm/%s/name", uuid);
	IS(path, name);
	CU_ASSERT_EQUAL_FATAL(guest_record_read(&host, domid, &config, NULL, &error), 0);
	CU_ASSERT_STRING_EQUAL(config->name, name);
	vl_config_free(config);
}

/*
 * Without room for the record, or with a store that went away half way, a guest had
 * its new name in the store and the old one in its record: vld started it again
 * under the old one.
 */
static void renamed_wholly_or_not(void)
{
	struct rlimit old, small = { 16, RLIM_INFINITY };
	uint16_t one = make("one");
	unsigned int files = files_left();
	struct vl_config *config = NULL;
	bool failed = true;

	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	CU_ASSERT_EQUAL(vl_guest_rename(&host, one, "two", &error), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	is_named(one, "one");
	CU_ASSERT_EQUAL(files_left(), files);
	for (unsigned int n = 1; failed; n++) {
		int rc;

		fake_store_fail_at(n);
		rc = vl_guest_rename(&host, one, "two", &error);
		failed = fake_store_failed();
		fake_store_fail_at(0);
		is_named(one, rc ? "one" : "two");
		CU_ASSERT_EQUAL(files_left(), files);
		CU_ASSERT_EQUAL(vl_guest_rename(&host, one, "one", &error), 0);
	}
	/* Killed behind the store and before the record. */
	fake_store_set("/local/domain/1/name", "three");
	CU_ASSERT_EQUAL_FATAL(vl_guest_config(&host, one, &config, &error), 0);
	CU_ASSERT_STRING_EQUAL(config->name, "three");
	vl_config_free(config);
}

static void records(void)
{
	struct vl_config *config = NULL;
	uint16_t domid = make("one");
	FILE *file;

	/* Of another domain that had the number before. */
	fake_ctl_domain(core, domid)->info.handle[3] ^= 1;
	CU_ASSERT_EQUAL(vl_guest_config(&host, domid, &config, &error), -ENOENT);
	CU_ASSERT_EQUAL(vl_guest_config(&host, 77, &config, &error), -ENOENT);
	HAS(error.text, "there is no record of domain 77");
	fake_ctl_domain(core, domid)->info.handle[3] ^= 1;
	file = fopen(in_folder("run/vellum/guests/1.json"), "w");
	fputs("{\"vellum\": ", file);
	fclose(file);
	CU_ASSERT_EQUAL(vl_guest_config(&host, domid, &config, &error), -EINVAL);
	HAS(error.text, "1.json cannot be read");
	CU_ASSERT_PTR_NULL(config);
}

/* Daemons let go of the rings when the nodes go. */
static void let_go(const char *path)
{
	if (!strcmp(path, "/local/domain/1") && !fake_store_get(path)) {
		fake_ctl_domain(core, 1)->held = false;
	}
}

static void ended(void)
{
	uint16_t domid = make("one");

	fake_ctl_domain(core, domid)->held = true;
	fake_store_hook(let_go);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	CU_ASSERT_EQUAL(domains(), 0);
	CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/1"));
	CU_ASSERT_EQUAL(files_left(), 0);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), -ESRCH);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, 0, &error), -EINVAL);
}

/* Whichever call fails, a second attempt brings it to the end. */
static void ended_with_a_failure(void)
{
	bool failed = true, core_failed = true;
	uint16_t domid;
	int rc;

	for (unsigned int n = 1; failed || core_failed; n++) {
		core->next_domid = 1;
		domid = make("one");
		CU_ASSERT_EQUAL_FATAL(domid, 1);
		fake_store_fail_at(n % 2 ? n / 2 + 1 : 0);
		core->fail_at = n % 2 ? 0 : core->calls + n / 2;
		core->fail_code = EIO;
		vl_guest_destroy(&host, domid, &error);
		failed = n % 2 ? fake_store_failed() : failed;
		core_failed = n % 2 ? core_failed : core->calls >= core->fail_at;
		core->fail_at = 0;
		rc = vl_guest_destroy(&host, domid, &error);
		CU_ASSERT(rc == 0 || rc == -ESRCH);
		CU_ASSERT_EQUAL(domains(), 0);
		CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/1"));
		CU_ASSERT_EQUAL(files_left(), 0);
	}
}

static void hosts(void)
{
	struct vl_host other;

	fake_ctl_install(core);
	CU_ASSERT_EQUAL(vl_host_open(&other, &error), 0);
	vl_host_close(&other);
	fake_store_fail_at(1);
	CU_ASSERT_EQUAL(vl_host_open(&other, &error), -ECONNREFUSED);
	CU_ASSERT_PTR_NULL(other.ctl);
	vl_host_close(&other);
	fake_ctl_install(NULL);
}

CU_TestInfo guest_tests[] = {
	{ "found by name and number", found_by_name_and_number },
	{ "asked", asked },
	{ "renamed", renamed },
	{ "renamed wholly or not", renamed_wholly_or_not },
	{ "records", records },
	{ "ended", ended },
	{ "ended with a failure", ended_with_a_failure },
	{ "hosts", hosts },
	CU_TEST_INFO_NULL,
};
