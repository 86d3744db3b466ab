/* SPDX-License-Identifier: MIT */
/* Restarts: when they begin, what stops them; jobs in processes of their own. */
#include "vld/restart.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/sched.h>

#include "libvellum/guest_part.h"
#include "vld/guests.h"
#include "fake.h"

static struct fake fake;
static struct vld *vld;

static void begin(void)
{
	fake_begin(&fake);
	vld = fake_vld(&fake);
}

static void end(void)
{
	vld_stop(vld);
	fake_end(&fake);
}

/*
 * The longest name that a guest can have.  Its restart's file had a name that was
 * longer than a file's can be, so that the guest was never started again.
 */
static void longest_name(void)
{
	struct fake_domain *web;
	char name[GUEST_NAME_MAX + 1];

	begin();
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	web = fake_add_old(vld, &fake, name);
	CU_ASSERT_STRING_EQUAL(guest_name(guests_get(vld, 1)), name);
	fake_shutdown(&fake, web, SHUTDOWN_reboot);
	fake_run(vld, 30);
	CU_ASSERT_EQUAL(fake.shared->starts, 1);
	CU_ASSERT_STRING_EQUAL(fake.shared->domains[2].name, name);
	CU_ASSERT_PTR_NULL(vld->restarts);
	end();
}

/* No test runs so many seconds: the first delay was over on a machine under load. */
#define LONG 10000u

static void loops_are_slowed(void)
{
	begin();
	fake_add(&fake, "loop");
	fake_run(vld, 20);
	vld->options.delay_min = LONG;
	vld->options.delay_max = UINT32_MAX;
	for (uint16_t domid = 1; domid <= 5; domid++) {
		const struct scroll_header *old;

		fake_shutdown(&fake, &fake.shared->domains[domid], SHUTDOWN_reboot);
		fake_run(vld, 30);
		CU_ASSERT_FALSE(fake.shared->domains[domid].there);
		CU_ASSERT_EQUAL(fake.shared->starts, domid - 1u);
		CU_ASSERT_PTR_NOT_NULL_FATAL(vld->restarts);
		CU_ASSERT_EQUAL(vld->restarts->count, domid);
		old = guests_get(vld, domid)->console.scroll.header;
		CU_ASSERT_TRUE(vld->restarts->due >= old->ended + (LONG << (domid - 1)));
		vld = fake_again(&fake, vld); /* who was killed meanwhile knows it, too */
		vld->options.delay_min = LONG;
		vld->options.delay_max = UINT32_MAX;
		CU_ASSERT_EQUAL(fake.shared->starts, domid - 1u);
		CU_ASSERT_PTR_NOT_NULL_FATAL(vld->restarts);
		vld->restarts->due = 0;
		restart_due(vld);
		fake_run(vld, 30);
		CU_ASSERT_EQUAL(fake.shared->starts, domid);
	}
	/* One that has run for a while is started at once. */
	guests_get(vld, 6)->console.scroll.header->started -= 100;
	fake_shutdown(&fake, &fake.shared->domains[6], SHUTDOWN_reboot);
	fake_run(vld, 30);
	CU_ASSERT_EQUAL(fake.shared->starts, 6);
	end();
}

static void restart_can_fail(void)
{
	char path[100], other[120], left[2][120];
	struct fake_domain *web;
	int fd;

	begin();
	fake.shared->start_fails = -ENOMEM;
	web = fake_add_old(vld, &fake, "web");
	fake_shutdown(&fake, web, SHUTDOWN_reboot);
	fake_run(vld, 30);
	CU_ASSERT_FALSE(web->there);
	CU_ASSERT_PTR_NOT_NULL_FATAL(vld->restarts);
	CU_ASSERT_TRUE(vld->restarts->due > 0);
	CU_ASSERT_TRUE(vld->restarts->count > 0);
	/* One that is not in its place, and what killed writers have left: that was
	 * never taken away in the run directory.  No process has such a number. */
	snprintf(path, sizeof(path), "%s/restart/web", fake.run);
	snprintf(other, sizeof(other), "%s.123-0", path);
	CU_ASSERT_EQUAL(link(path, other), 0);
	snprintf(left[0], sizeof(left[0]), "%s/restart/.web.4194999-0", fake.run);
	snprintf(left[1], sizeof(left[1]), "%s/.ended.json.4194999-2", fake.run);
	CU_ASSERT_EQUAL(link(path, left[0]) | link(path, left[1]), 0);
	vld = fake_again(&fake, vld);
	CU_ASSERT_EQUAL(access(left[0], F_OK) & access(left[1], F_OK), -1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(vld->restarts);
	CU_ASSERT_PTR_NOT_NULL(vld->restarts->config);
	CU_ASSERT_PTR_NULL(vld->restarts->next);
	CU_ASSERT_EQUAL(access(other, F_OK), -1);
	fd = fake_connect(&fake);
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_ask(vld, fd, "{\"do\":\"status\"}\n"),
				      "\"restarts\":[{\"name\":\"web\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_ask(vld, fd, "{\"do\":\"forget\",\"guest\":\"web\"}\n"),
				      "\"ok\":true"));
	close(fd);
	fake.shared->start_fails = 0;
	vld = fake_again(&fake, vld);
	CU_ASSERT_PTR_NULL(vld->restarts);
	CU_ASSERT_EQUAL(fake.shared->starts, 0);
	end();
}

/* Runs vld until so many children wait to be let go. */
static void until_held(unsigned int holds)
{
	for (int i = 0; i < 10000; i++) {
		if (__atomic_load_n(&fake.shared->holds, __ATOMIC_ACQUIRE) >= holds) {
			return;
		}
		fake_run(vld, 2);
	}
	CU_FAIL("no child has come so far");
}

/* Jobs in processes of their own: consoles go on meanwhile. */
static void jobs_beside(void)
{
	struct fake_domain *web, *db;
	struct vld_options options;
	struct vl_error error;

	fake_begin(&fake);
	options = fake_options(&fake);
	options.jobs_inline = false;
	CU_ASSERT_EQUAL_FATAL(vld_start(&vld, &options, &fake.ops, &error), 0);
	web = fake_add_old(vld, &fake, "web");
	db = fake_add_old(vld, &fake, "db");
	fake.shared->hold_end = true;
	fake_shutdown(&fake, web, SHUTDOWN_reboot);
	until_held(1);
	CU_ASSERT_TRUE(web->there);
	CU_ASSERT_EQUAL(vld->jobs_running, 1);
	fake_print(&fake, db, "here\n", 5);
	fake_run(vld, 20);
	CU_ASSERT_EQUAL(db->page.out_cons, 5);
	/* A vld that begins meanwhile waits for the other's job and does it once. */
	vld_stop(vld);
	CU_ASSERT_EQUAL_FATAL(vld_start(&vld, &options, &fake.ops, &error), 0);
	fake_run(vld, 300);
	__atomic_store_n(&fake.shared->hold_end, false, __ATOMIC_RELEASE);
	for (int i = 0; i < 2000 && (vld->restarts || vld->jobs_running); i++) {
		fake_run(vld, 10);
	}
	CU_ASSERT_FALSE(web->there);
	CU_ASSERT_EQUAL(fake.shared->starts, 1);
	CU_ASSERT_TRUE(fake.shared->domains[3].there);
	CU_ASSERT_EQUAL(vld->jobs_running, 0);
	CU_ASSERT_EQUAL(json_array_size(vld->ends), 1);
	end();
}

/* Runs vld until a line has come. */
static const char *answer(int fd)
{
	static char line[512];
	size_t size = 0;

	for (int i = 0; i < 10000 && size + 1 < sizeof(line); i++) {
		while (size + 1 < sizeof(line) && recv(fd, line + size, 1, MSG_DONTWAIT) == 1) {
			if (line[size++] == '\n') {
				line[size] = '\0';
				return line;
			}
		}
		fake_run(vld, 2);
	}
	return "";
}

/*
 * A restart whose child was at work could not be cancelled: "vl destroy" said that
 * there was no such guest, and a moment later there was.  late: the child has asked
 * already whether the guest is wanted.
 */
static void cancel(bool late, int end_fails, const char *expected)
{
	static const char request[] = "{\"do\":\"forget\",\"guest\":\"web\"}\n";
	struct vld_options options;
	struct vl_error error;
	char byte, *file;
	int fd;

	fake_begin(&fake);
	options = fake_options(&fake);
	options.jobs_inline = false;
	CU_ASSERT_EQUAL_FATAL(vld_start(&vld, &options, &fake.ops, &error), 0);
	fake.shared->hold_start = !late;
	fake.shared->hold_run = fake.shared->deaf = late;
	fake_shutdown(&fake, fake_add_old(vld, &fake, "web"), SHUTDOWN_reboot);
	until_held(1);
	fd = fake_connect(&fake);
	CU_ASSERT_EQUAL(send(fd, request, sizeof(request) - 1, 0), (ssize_t)sizeof(request) - 1);
	fake_run(vld, 50);
	/* No answer before it is true. */
	CU_ASSERT_EQUAL(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	fake.shared->end_fails = end_fails;
	__atomic_store_n(&fake.shared->hold_start, false, __ATOMIC_RELEASE);
	__atomic_store_n(&fake.shared->hold_run, false, __ATOMIC_RELEASE);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer(fd), expected));
	CU_ASSERT_EQUAL(fake.shared->domains[2].there, end_fails != 0);
	CU_ASSERT_EQUAL(fake.shared->domains[2].unpaused, late);
	CU_ASSERT_PTR_NULL(vld->restarts);
	file = fake_file(fake.run, "restart/web");
	CU_ASSERT_STRING_EQUAL(file, "");
	free(file);
	/* The connection serves on. */
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_ask(vld, fd, request), "no restart of web is due"));
	close(fd);
	fake_run(vld, 50);
	CU_ASSERT_EQUAL(fake.shared->starts, 1);
	end();
}

static void restart_is_cancelled(void)
{
	cancel(false, 0, "\"ok\":true");
	cancel(true, 0, "\"ok\":true");
	cancel(true, -EIO, "web was started again, and: it does not want to end");
}

/*
 * A creation is a client until it ends.  What one had left that was killed stayed,
 * with its memory, until the next creation.
 */
static void killed_creations(void)
{
	char path[120], file[140];
	int fd;

	begin();
	snprintf(path, sizeof(path), "%s/lock", fake.run);
	snprintf(file, sizeof(file), "%s/web", path);
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	/* Nothing is there: no job for that. */
	for (int i = 0; i < 1000 && vld->sweep_due; i++) {
		fake_run(vld, 10);
	}
	CU_ASSERT_EQUAL(vld->sweep_due, 0);
	CU_ASSERT_EQUAL(fake.shared->sweeps, 0);
	fd = fake_connect(&fake);
	fake_run(vld, 10);
	CU_ASSERT_EQUAL(mkdir(file, 0700), 0);
	CU_ASSERT_EQUAL(vld->sweep_due, 0);
	close(fd);
	for (int i = 0; i < 1000 && !fake.shared->sweeps; i++) {
		fake_run(vld, 10);
	}
	CU_ASSERT_EQUAL(fake.shared->sweeps, 1);
	/* It is there still: somebody else may be at work, and be killed, too. */
	CU_ASSERT_TRUE(vld->sweep_due > vld_seconds());
	vld->sweep_due = 1;
	CU_ASSERT_EQUAL(rmdir(file), 0);
	for (int i = 0; i < 1000 && vld->sweep_due; i++) {
		fake_run(vld, 10);
	}
	CU_ASSERT_EQUAL(fake.shared->sweeps, 1);
	end();
}

CU_TestInfo restart_tests[] = {
	{ "a guest with the longest name", longest_name },
	{ "reboot loops are slowed down", loops_are_slowed },
	{ "a restart that fails is tried again, and can be cancelled", restart_can_fail },
	{ "jobs run beside consoles", jobs_beside },
	{ "a restart that is under way is cancelled", restart_is_cancelled },
	{ "what killed creations have left", killed_creations },
	CU_TEST_INFO_NULL,
};
