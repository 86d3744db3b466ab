/* SPDX-License-Identifier: MIT */
/* Creations and ends that were killed: who takes away what they left, and when. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "fake_ctl.h"
#include "fake_store.h"
#include "guest_help.h"
#include "libvellum/guest_part.h"
#include "libvellum/paths.h"

/* Another process is just making a guest of that name. */
static void at_the_same_time(void)
{
	struct vl_config *config = small_guest("one");
	struct guest_lock lock;
	uint16_t domid = 0;
	int ready[2], status;
	char c;
	pid_t child;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		c = guest_lock_take(&host, "one", &lock, NULL) ? 'n' : 'y';
		if (write(ready[1], &c, 1) == 1) {
			pause();
		}
		_exit(0);
	}
	CU_ASSERT_EQUAL(read(ready[0], &c, 1), 1);
	CU_ASSERT_EQUAL(c, 'y');
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), -EEXIST);
	HAS(error.text, "a guest named one is being created");
	/* It is killed: the name is free again. */
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	close(ready[0]);
	close(ready[1]);
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	vl_config_free(config);
	no_guest_left();
}

/* As a killed creation leaves it: the lock's file without a lock, a paused domain. */
static uint16_t leave_one(const char *name, bool with_record, bool ready, bool starts)
{
	struct vl_config *config = small_guest(name);
	struct guest_lock lock;
	struct vl_create spec = { .vcpus = 1 };
	struct vl_build build = { .store_port = 1 };
	uint16_t domid = VL_DOMID_ANY;

	config->has_uuid = true;
	memset(config->uuid, *name, 16);
	memset(spec.handle, *name, 16);
	CU_ASSERT_EQUAL(guest_lock_take(&host, name, &lock, &error), 0);
	CU_ASSERT_EQUAL(guest_lock_note(&lock, config->uuid, starts, &error), 0);
	CU_ASSERT_EQUAL(vl_ctl_create(host.ctl, &spec, &domid, &error), 0);
	if (with_record) {
		CU_ASSERT_EQUAL(guest_record_write(&host, domid, config, ready, &error), 0);
		CU_ASSERT_EQUAL(guest_nodes_write(&host, domid, config, &build, &error), 0);
	}
	close(lock.fd);
	vl_config_free(config);
	return domid;
}

static void leave(const char *name, bool with_record, bool ready)
{
	leave_one(name, with_record, ready, false);
}

static void what_a_killed_one_left(void)
{
	struct vl_config *config;
	uint16_t domid = 0;

	for (int i = 0; i < 4; i++) {
		/* The same name, or another; caught early, or late. */
		leave("left", i & 1, false);
		config = small_guest(i & 2 ? "left" : "other");
		CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
		CU_ASSERT_EQUAL(domains(), 1);
		CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
		vl_config_free(config);
		no_guest_left();
	}
	/* Killed while it wrote its record; no such process can be. */
	make_file("run/vellum/guests/.7.json.4194999-0", 10);
	/* Killed when all was done: that is a guest. */
	leave("whole", true, true);
	config = small_guest("other");
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	CU_ASSERT_EQUAL(domains(), 2);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_find(&host, "whole", &domid, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	vl_config_free(config);
	no_guest_left();
}

/* Killed between the last two steps: that was a guest, paused until somebody noticed. */
static void one_that_was_not_started(void)
{
	uint16_t domid = leave_one("late", true, true, true);

	CU_ASSERT_EQUAL(vl_guest_sweep(&host, &error), 0);
	no_guest_left();
	/* It runs: that is a guest. */
	domid = leave_one("late", true, true, true);
	fake_ctl_domain(core, domid)->info.flags &= ~VL_DOMAIN_paused;
	CU_ASSERT_EQUAL(vl_guest_sweep(&host, &error), 0);
	CU_ASSERT_EQUAL(domains(), 1);
	CU_ASSERT_EQUAL(access(in_folder("run/vellum/lock/late"), F_OK), -1);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	/* It ran, and somebody has paused it before anybody looked: so is that. */
	domid = leave_one("late", true, true, true);
	fake_ctl_domain(core, domid)->info.cpu_time = 1;
	CU_ASSERT_EQUAL(vl_guest_sweep(&host, &error), 0);
	CU_ASSERT_EQUAL(domains(), 1);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	no_guest_left();
}

/*
 * Somebody takes away what is left of a guest, in another process: a creation of
 * the same name was refused for that, as if another guest of the name were made.
 */
static void while_it_is_cleaned_up(void)
{
	struct vl_config *config = small_guest("left");
	uint16_t domid = 0, left = leave_one("left", true, false, true);
	int ready[2], fd;
	uint8_t note[18];
	pid_t child;
	char c = 'y';

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		fd = open(in_folder("run/vellum/lock/left"), O_RDWR | O_CLOEXEC);
		c = flock(fd, LOCK_EX | LOCK_NB) ? 'n' : c;
		note[17] = 1;
		c = pwrite(fd, note + 17, 1, 17) == 1 ? c : 'n';
		if (write(ready[1], &c, 1) == 1) {
			usleep(300000);
		}
		unlink(in_folder("run/vellum/lock/left"));
		_exit(0);
	}
	CU_ASSERT_EQUAL(read(ready[0], &c, 1), 1);
	CU_ASSERT_EQUAL(c, 'y');
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, left, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	waitpid(child, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	vl_config_free(config);
	no_guest_left();
}

static void create_and_destroy(const char *name)
{
	struct vl_config *config = small_guest(name);
	uint16_t domid = 0;

	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	vl_config_free(config);
}

/*
 * Killed in the middle of an end, or before anything was noted: nodes, record and
 * lock files of a domain that was gone stayed until the machine was started anew.
 */
static void what_a_killed_end_left(void)
{
	struct vl_config *config = large_guest();
	uint16_t domid = 0;

	CU_ASSERT_EQUAL_FATAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	CU_ASSERT_EQUAL(vl_ctl_destroy(host.ctl, domid, &error), 0);
	make_file("run/vellum/lock/early", 0);
	make_file("run/vellum/lock/." GUEST_UUID, 0);
	create_and_destroy("other");
	no_guest_left();
	/* Nodes are gone, but a disk is still said to be in use; the record tells of whom. */
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	CU_ASSERT_EQUAL(vl_ctl_destroy(host.ctl, domid, &error), 0);
	CU_ASSERT_EQUAL(guest_nodes_remove(&host, domid, config->uuid, &error), 0);
	create_and_destroy("other");
	no_guest_left();
	/* The guest is there again, under another number: only the old one's is taken. */
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	CU_ASSERT_EQUAL(guest_record_write(&host, 99, config, true, &error), 0);
	create_and_destroy("other");
	IS("/vm/" GUEST_UUID "/name", "large");
	CU_ASSERT_EQUAL(access(in_folder("run/vellum/guests/99.json"), F_OK), -1);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	no_guest_left();
	vl_config_free(config);
}

/*
 * A creation was killed when all but its lock was done, and the record cannot be
 * read just now: the next creation took the guest for half made and ended it.
 */
static void a_record_that_cannot_be_read(void)
{
	const char *record, *aside = in_folder("aside");
	uint16_t domid = 0;
	char path[100];

	leave("whole", true, true);
	snprintf(path, sizeof(path), "run/vellum/guests/%u.json", core->next_domid - 1u);
	record = in_folder(path);
	CU_ASSERT_EQUAL(rename(record, aside), 0);
	CU_ASSERT_EQUAL(mkdir(record, 0700), 0);
	create_and_destroy("other");
	CU_ASSERT_EQUAL(domains(), 1);
	CU_ASSERT_EQUAL(rmdir(record), 0);
	CU_ASSERT_EQUAL(rename(aside, record), 0);
	CU_ASSERT_EQUAL_FATAL(vl_guest_find(&host, "whole", &domid, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	create_and_destroy("other");
	no_guest_left();
}

/*
 * What cannot be cleaned up just now is no reason to refuse other guests: one
 * half-made domain whose frames somebody kept was the end of all creations.
 */
static void what_cannot_be_ended(void)
{
	struct vl_config *config = small_guest("other"), *same = small_guest("left");
	uint16_t domid = 0, again = 0;
	unsigned int left;

	leave("left", true, false);
	left = core->next_domid - 1u;
	fake_ctl_domain(core, (uint16_t)left)->held = true;
	CU_ASSERT_EQUAL(vl_guest_create(&host, config, &domid, NULL, NULL, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_create(&host, same, &again, NULL, NULL, &error), 0);
	CU_ASSERT_EQUAL(domains(), 3);
	fake_ctl_domain(core, (uint16_t)left)->held = false;
	CU_ASSERT_EQUAL(vl_ctl_destroy(host.ctl, (uint16_t)left, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, domid, &error), 0);
	CU_ASSERT_EQUAL(vl_guest_destroy(&host, again, &error), 0);
	vl_config_free(config);
	vl_config_free(same);
	no_guest_left();
}

CU_TestInfo guest_killed_tests[] = {
	{ "at the same time", at_the_same_time },
	{ "what a killed one left", what_a_killed_one_left },
	{ "one that was not started", one_that_was_not_started },
	{ "while it is cleaned up", while_it_is_cleaned_up },
	{ "what a killed end left", what_a_killed_end_left },
	{ "a record that cannot be read", a_record_that_cannot_be_read },
	{ "what cannot be ended", what_cannot_be_ended },
	CU_TEST_INFO_NULL,
};
