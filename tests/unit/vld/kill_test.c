/* SPDX-License-Identifier: MIT */
/*
 * A vld that is killed again and again while a guest writes numbered lines:
 * guest and vld are processes, the ring is memory they share.  In the end each
 * line is in the log once, and the scroll-back is the log's end.
 */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xen/sched.h>

#include "libvellum/vld_client.h"
#include "vld/guests.h"
#include "fake.h"

#define LINES 60000
/* At each of so many places the guest waits until vld has been killed once more. */
#define PARTS 8

static struct fake fake;

static pid_t guest_begin(struct fake_domain *domain)
{
	pid_t pid = fork();

	if (pid != 0) {
		return pid;
	}
	for (int i = 0; i < LINES; i++) {
		unsigned int part = (unsigned int)i / (LINES / PARTS);
		char line[40];

		while (__atomic_load_n(&fake.shared->kills, __ATOMIC_ACQUIRE) < part) {
			usleep(1000);
		}
		size_t size = (size_t)snprintf(line, sizeof(line), "%d is the number\n", i);

		for (size_t done = 0; done < size;) {
			done += fake_print(&fake, domain, line + done, size - done);
			if (done < size) {
				sched_yield();
			}
		}
	}
	_exit(0);
}

static pid_t vld_begin(bool stamps)
{
	struct vld_options options = fake_options(&fake);
	struct vl_error error;
	struct vld *vld;
	pid_t pid = fork();
	int null;

	if (pid != 0) {
		return pid;
	}
	null = open("/dev/null", O_WRONLY);
	dup2(null, STDERR_FILENO);
	options.burst = options.rate = 256 << 20;
	options.log_limit = 1 << 30;
	options.log_stamps = stamps;
	if (vld_start(&vld, &options, &fake.ops, &error)) {
		_exit(1);
	}
	event_base_dispatch(vld->base);
	_exit(1);
}

static bool lines_are_all(char *text, bool stamps)
{
	int next = 0;
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL && *line) {
		char *end;

		char *words = stamps && strchr(line, ']') ? strchr(line, ']') + 2 : line;

		if (strtol(words, &end, 10) != next || strcmp(end, " is the number") != 0 ||
		    (stamps && *line != '[')) {
			printf("    line %d is \"%s\"\n", next, line);
			return false;
		}
		next++;
	}
	return next == LINES;
}

/* Until vld has taken so many bytes, or none for so long: the guest may wait, too. */
static void wait_for_output(const struct fake_domain *domain, uint32_t bytes, uint64_t limit_ms)
{
	uint32_t begun = __atomic_load_n(&domain->page.out_cons, __ATOMIC_ACQUIRE), last = begun;
	uint64_t until = vld_ms() + limit_ms;

	while (last - begun < bytes && vld_ms() < until) {
		uint32_t now = __atomic_load_n(&domain->page.out_cons, __ATOMIC_ACQUIRE);

		if (now != last) {
			until = vld_ms() + limit_ms;
		}
		last = now;
		usleep(100);
	}
}

static void kill_again_and_again(bool stamps)
{
	struct vld_options options;
	struct fake_domain *domain;
	struct vl_error error;
	pid_t guest, daemon;
	struct vld *vld;
	unsigned int kills = 0, stalls = 0;
	uint32_t taken = 0;
	char *log;

	fake_begin(&fake);
	domain = fake_add(&fake, "web");
	guest = guest_begin(domain);
	srand(1);
	while (waitpid(guest, NULL, WNOHANG) == 0) {
		daemon = vld_begin(stamps);
		wait_for_output(domain, (uint32_t)rand() % 8000, 20 << stalls);
		usleep((useconds_t)rand() % 2000);
		CU_ASSERT_EQUAL(kill(daemon, SIGKILL), 0);
		waitpid(daemon, NULL, 0);
		kills++;
		stalls = domain->page.out_cons == taken && stalls < 10 ? stalls + 1 : 0;
		taken = domain->page.out_cons;
		__atomic_store_n(&fake.shared->kills, kills, __ATOMIC_RELEASE);
	}
	printf(" [%u kills] ", kills);
	CU_ASSERT_TRUE(kills >= PARTS - 1);
	domain->mapped = domain->bound = false;
	options = fake_options(&fake);
	options.burst = options.rate = 256 << 20;
	options.log_limit = 1 << 30;
	options.log_stamps = stamps;
	CU_ASSERT_EQUAL_FATAL(vld_start(&vld, &options, &fake.ops, &error), 0);
	for (int i = 0; i < 2000 && domain->page.out_cons != domain->page.out_prod; i++) {
		fake_run(vld, 10);
	}
	log = fake_file(fake.logs, "guest-web.log");
	if (!stamps) {
		const struct scroll *scroll = &guests_get(vld, 1)->console.scroll;
		uint64_t tail = scroll_tail(scroll), head = scroll_head(scroll);
		char *seen = malloc(head - tail);

		CU_ASSERT_EQUAL(head, strlen(log));
		CU_ASSERT_EQUAL(scroll_read(scroll, tail, seen, head - tail), head - tail);
		CU_ASSERT_EQUAL(memcmp(seen, log + tail, head - tail), 0);
		free(seen);
	}
	CU_ASSERT_TRUE(lines_are_all(log, stamps));
	free(log);
	vld_stop(vld);
	fake_end(&fake);
}

static void kill_plain(void)
{
	kill_again_and_again(false);
}

static void kill_stamps(void)
{
	kill_again_and_again(true);
}

/* ---- The client library, with a vld that is killed beneath it -------------------- */

struct watcher {
	char path[200];
	int typed, shown; /* ends of pipes */
	int rc;
	struct vl_end end;
	struct vl_error error;
};

static void *watcher_main(void *arg)
{
	struct watcher *watcher = arg;
	struct vl_console console = { .in = watcher->typed,
				      .out = watcher->shown,
				      .escape = VL_CONSOLE_ESCAPE,
				      .scrollback = true };
	struct vl_vld *vld;

	watcher->rc = vl_vld_open(&vld, watcher->path, &watcher->error);
	if (watcher->rc == 0) {
		watcher->rc = vl_vld_console(vld, "web", &console, &watcher->end, &watcher->error);
		vl_vld_close(vld);
	}
	close(watcher->shown);
	return NULL;
}

/* Reads until `text` has come. */
static bool shows(int fd, const char *text)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char seen[4096];
	size_t size = 0;

	while (size + 1 < sizeof(seen) && poll(&wait, 1, 60000) == 1) {
		ssize_t count = read(fd, seen + size, 1);

		if (count <= 0) {
			break;
		}
		seen[++size] = '\0';
		if (strstr(seen, text)) {
			return true;
		}
	}
	return false;
}

static pid_t wait_for_vld(struct vl_vld **vld, const char *path)
{
	pid_t daemon = vld_begin(false);

	for (int i = 0; i < 6000 && vl_vld_open(vld, path, NULL); i++) {
		usleep(10000);
	}
	return daemon;
}

static void client_console(void)
{
	struct watcher watcher = { .rc = -1 };
	struct fake_domain *web;
	int typed[2], shown[2];
	struct vl_vld *vld = NULL;
	struct vl_error error;
	struct vl_end end;
	pthread_t thread;
	char data[64], *json;
	pid_t daemon;

	fake_begin(&fake);
	web = fake_add(&fake, "web");
	fake_print(&fake, web, "first\n", 6);
	snprintf(watcher.path, sizeof(watcher.path), "%s/vld.sock", fake.run);
	CU_ASSERT_EQUAL(pipe(typed) | pipe(shown), 0);
	watcher.typed = typed[0];
	watcher.shown = shown[1];
	CU_ASSERT_TRUE(vl_vld_open(&vld, watcher.path, &error) < 0);
	daemon = wait_for_vld(&vld, watcher.path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(vld);
	pthread_create(&thread, NULL, watcher_main, &watcher);
	CU_ASSERT_TRUE(shows(shown[0], "first\n"));

	CU_ASSERT_EQUAL(vl_vld_status(vld, &json, &error), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"web\""));
	free(json);
	CU_ASSERT_EQUAL(vl_vld_forget(vld, "web", &error), -ESRCH);
	CU_ASSERT_STRING_EQUAL(error.text, "no restart of web is due");
	CU_ASSERT_EQUAL(vl_vld_wait(vld, 1, 20, &end, &error), -ETIMEDOUT);
	vl_vld_close(vld);

	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);
	fake_print(&fake, web, "second\n", 7);
	daemon = wait_for_vld(&vld, watcher.path);
	CU_ASSERT_TRUE(shows(shown[0], "second\n"));
	CU_ASSERT_EQUAL(write(typed[1], "id\n", 3), 3);
	for (int i = 0; i < 6000 && web->page.in_prod != 3; i++) {
		usleep(10000);
	}
	CU_ASSERT_EQUAL(fake_typed(web, data, sizeof(data)), 3);

	strcpy(web->crash.text, "why not");
	fake_print(&fake, web, "third\n", 6);
	fake_shutdown(&fake, web, SHUTDOWN_crash);
	CU_ASSERT_TRUE(shows(shown[0], "third\n"));
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(watcher.rc, VL_CONSOLE_OVER);
	CU_ASSERT_STRING_EQUAL(watcher.end.reason, "crash");
	CU_ASSERT_STRING_EQUAL(watcher.end.crash, "why not");
	CU_ASSERT_STRING_EQUAL(watcher.end.name, "web");
	CU_ASSERT_TRUE(watcher.end.when > 0);
	CU_ASSERT_EQUAL(vl_vld_wait(vld, 1, -1, &end, &error), 0);
	CU_ASSERT_STRING_EQUAL(end.action, "destroy");
	vl_vld_close(vld);
	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);
	close(typed[0]);
	close(typed[1]);
	close(shown[0]);
	fake_end(&fake);
}

static void client_leaves(void)
{
	struct watcher watcher = { .rc = -1 };
	int typed[2], shown[2];
	struct vl_vld *vld = NULL;
	char data[8];
	pid_t daemon;

	fake_begin(&fake);
	fake_add(&fake, "web");
	snprintf(watcher.path, sizeof(watcher.path), "%s/vld.sock", fake.run);
	CU_ASSERT_EQUAL(pipe(typed) | pipe(shown), 0);
	watcher.typed = typed[0];
	watcher.shown = shown[1];
	daemon = wait_for_vld(&vld, watcher.path);
	CU_ASSERT_EQUAL(write(typed[1], "ab\x1dxx", 5), 5);
	watcher_main(&watcher);
	CU_ASSERT_EQUAL(watcher.rc, VL_CONSOLE_LEFT);
	for (int i = 0; i < 6000 && fake.shared->domains[1].page.in_prod != 2; i++) {
		usleep(10000);
	}
	CU_ASSERT_EQUAL(fake_typed(&fake.shared->domains[1], data, sizeof(data)), 2);
	vl_vld_close(vld);
	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);
	close(typed[0]);
	close(typed[1]);
	close(shown[0]);
	fake_end(&fake);
}

/*
 * Nothing to type, and a guest that has ended: whether its last words were shown
 * depended on whether they came before the end of the input was seen.
 */
static void client_without_input(void)
{
	struct watcher watcher = { .rc = -1 };
	int typed[2], shown[2];
	struct vl_vld *vld = NULL;
	struct fake_domain *web;
	struct vl_error error;
	struct vl_end end;
	pid_t daemon;

	fake_begin(&fake);
	web = fake_add(&fake, "web");
	snprintf(watcher.path, sizeof(watcher.path), "%s/vld.sock", fake.run);
	daemon = wait_for_vld(&vld, watcher.path);
	fake_print(&fake, web, "last words\n", 11);
	fake_shutdown(&fake, web, SHUTDOWN_crash);
	CU_ASSERT_EQUAL(vl_vld_wait(vld, 1, -1, &end, &error), 0);
	for (int i = 0; i < 50; i++) {
		CU_ASSERT_EQUAL(pipe(typed) | pipe(shown), 0);
		close(typed[1]);
		watcher.typed = typed[0];
		watcher.shown = shown[1];
		watcher_main(&watcher);
		CU_ASSERT_EQUAL(watcher.rc, VL_CONSOLE_OVER);
		CU_ASSERT_TRUE(shows(shown[0], "last words\n"));
		close(typed[0]);
		close(shown[0]);
	}
	vl_vld_close(vld);
	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);
	fake_end(&fake);
}

CU_TestInfo kill_tests[] = {
	{ "killed while a guest writes: each line once", kill_plain },
	{ "the same with time stamps", kill_stamps },
	{ "a client's console outlives a vld and tells the end", client_console },
	{ "the escape byte leaves a console", client_leaves },
	{ "a console without input shows all of an end", client_without_input },
	CU_TEST_INFO_NULL,
};
