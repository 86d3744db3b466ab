/* SPDX-License-Identifier: MIT */
/*
 * Restarts. First what a state file holds, and damaged ones. Then the real
 * thing: guests on rings in shared memory, a process that serves them, and a
 * SIGKILL for it at random moments. Every request must have one answer, the
 * right one, and every event must come once, though the servers die all the
 * time. KILL_SECONDS: how long (2).
 */
#include <CUnit/CUnit.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"
#include "stored/ring.h"

#define GUESTS 4

static char folder[64], path[80];
static struct xenstore_domain_interface *pages[GUESTS + 1];

static int attach(void *arg, struct domain *domain, bool resumed)
{
	(void)arg;
	if (domain->domid > GUESTS || !pages[domain->domid]) {
		return -EFAULT;
	}
	if (resumed) {
		ring_resume(domain->conn, pages[domain->domid]);
	} else {
		ring_start(domain->conn, pages[domain->domid]);
	}
	return 0;
}

static void detach(void *arg, struct domain *domain)
{
	(void)arg;
	(void)domain;
}

static void log_line(void *arg, const char *text)
{
	(void)arg;
	printf("log: %s\n", text);
}

static const struct engine_host host = { attach, detach, log_line, NULL };

static void make_folder(void)
{
	strcpy(folder, "/dev/shm/vl-stored-test-XXXXXX");
	if (!mkdtemp(folder)) {
		strcpy(folder, "/tmp/vl-stored-test-XXXXXX");
		CU_ASSERT_FATAL(mkdtemp(folder) != NULL);
	}
	snprintf(path, sizeof(path), "%s/state", folder);
}

static void remove_folder(void)
{
	unlink(path);
	rmdir(folder);
}

static struct engine *open_engine(void)
{
	struct engine *engine = engine_new(&host);
	struct vl_error error = { "" };
	int rc = state_open(engine, path, &error);

	if (rc) {
		printf("%s\n", error.text);
	}
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	for (unsigned int i = 0; i < DOMID_END; i++) {
		if (engine->domain[i] && attach(NULL, engine->domain[i], true)) {
			domain_release(engine, (uint16_t)i);
		}
	}
	state_commit(engine);
	return engine;
}

/* What a random walk of requests left is all there again, before and after compaction. */
static void contents(void)
{
	struct engine *engine;
	struct conn *control, *guest;
	char *before, *after, text[64];
	uint32_t tx;

	make_folder();
	engine = open_engine();
	pages[3] = calloc(1, sizeof(*pages[3]));
	srand(7);
	for (int round = 0; round < 6; round++) {
		control = client_new(engine, 0);
		CU_ASSERT_EQUAL(domain_introduce(engine, 3, 1, (uint32_t)round + 1), 0);
		guest = domain_find(engine, 3)->conn;
		CU_ASSERT_EQUAL(client_watch(guest, "w", "token"), 0);
		CU_ASSERT_EQUAL(client_watch(guest, PATH_RELEASE, "token"), 0);
		client_perms(control, PATH_RELEASE, "n0", round % 2 ? "r3" : "r4");
		tx = client_begin(guest);
		for (int i = 0; i < 3000; i++) {
			snprintf(text, sizeof(text), "/t/%d/%d/%d", rand() % 3, rand() % 30,
				 rand() % 3);
			if (rand() % 20 == 0) {
				*strrchr(text, '/') = '\0';
				client_text(control, XS_RM, 0, text, NULL);
			} else if (rand() % 10 == 0) {
				client_perms(control, text, "n3", "b4");
			} else {
				client_write(control, 0, text, text + rand() % 5);
			}
		}
		if (round % 2) {
			state_compact(engine, true);
		}
		before = client_dump(engine);
		/* The client has taken all, if not through the page. */
		client_drop_events(guest);
		pages[3]->rsp_prod = guest->rsp_end;
		engine_free(engine);
		engine = open_engine();
		after = client_dump(engine);
		CU_ASSERT_STRING_EQUAL(before, after);
		free(before);
		free(after);
		guest = domain_find(engine, 3)->conn;
		CU_ASSERT_EQUAL(guest->watch_count, 2);
		CU_ASSERT(perm_allows(engine->special[1], &guest->who, VL_PERM_READ) == round % 2);
		CU_ASSERT_EQUAL(conn_pending(guest), 0);
		CU_ASSERT_EQUAL(client_text(guest, XS_MKDIR, tx, "nope", NULL), -EACCES);
		CU_ASSERT_EQUAL(client_end(guest, tx, true), -EAGAIN);
		CU_ASSERT(client_begin(guest) > tx);
		domain_release(engine, 3);
		state_commit(engine);
		memset(pages[3], 0, sizeof(*pages[3]));
	}
	engine_free(engine);
	free(pages[3]);
	pages[3] = NULL;
	remove_folder();
}

/* A damaged file gives an error with a sentence, and never more than that. */
static void damaged(void)
{
	struct engine *engine;
	struct conn *control;
	struct vl_error error;
	struct stat st;
	FILE *file;
	char *data;
	size_t size;
	int rc;

	make_folder();
	pages[3] = calloc(1, sizeof(*pages[3]));
	engine = open_engine();
	control = client_new(engine, 0);
	domain_introduce(engine, 3, 1, 1);
	client_watch(domain_find(engine, 3)->conn, "x", "y");
	client_write(control, 0, "/a/b", "value");
	client_text(control, XS_RM, 0, "/a/b", NULL);
	client_begin(domain_find(engine, 3)->conn);
	size = engine->journal.at;
	engine_free(engine);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	data = malloc((size_t)st.st_size);
	file = fopen(path, "r+");
	CU_ASSERT_EQUAL(fread(data, 1, (size_t)st.st_size, file), (size_t)st.st_size);
	for (size_t at = 0; at < size; at++) {
		for (int bit = 0; bit < 8; bit++) {
			rewind(file);
			data[at] ^= (char)(1 << bit);
			fwrite(data, 1, size, file);
			fflush(file);
			data[at] ^= (char)(1 << bit);
			engine = engine_new(&host);
			error.text[0] = '\0';
			rc = state_open(engine, path, &error);
			CU_ASSERT(rc == 0 || error.text[0]);
			CU_ASSERT(at >= 8 || rc != 0);
			engine_free(engine);
		}
	}
	fclose(file);
	free(data);
	free(pages[3]);
	pages[3] = NULL;
	remove_folder();
}

/* No room on the file system: told, served on, whole again later. */
static void no_room(void)
{
	struct engine *engine;
	struct conn *control;
	struct vl_error error;

	make_folder();
	engine = open_engine();
	control = client_new(engine, 0);
	client_write(control, 0, "/a", "1");
	engine->journal.failed = true;
	engine->state_retry = 100;
	CU_ASSERT_EQUAL(client_write(control, 0, "/b", "2"), 0);
	CU_ASSERT_STRING_EQUAL(client_read(control, 0, "/b"), "2");
	engine->now = 99;
	engine_tick(engine);
	CU_ASSERT(engine->journal.failed);
	{
		struct engine *second = engine_new(&host);

		CU_ASSERT_EQUAL(state_open(second, path, &error), -ENODATA);
		engine_free(second);
	}
	engine->now = 101;
	engine_tick(engine);
	CU_ASSERT_FALSE(engine->journal.failed);
	engine_free(engine);
	engine = open_engine();
	control = client_new(engine, 0);
	CU_ASSERT_STRING_EQUAL(client_read(control, 0, "/b"), "2");
	engine_free(engine);
	remove_folder();
}

/* ---- Kills ------------------------------------------------------------------- */

/* Serves all rings until it is killed. */
static void serve(void)
{
	struct engine *engine = open_engine();
	struct conn *control = client_new(engine, 0);
	char text[32], perm[8];
	unsigned int churn = 0;

	for (uint16_t i = 1; i <= GUESTS; i++) {
		if (!domain_find(engine, i)) {
			snprintf(text, sizeof(text), "/local/domain/%u", i);
			snprintf(perm, sizeof(perm), "n%u", i);
			client_write(control, 0, text, "");
			client_perms(control, text, perm, NULL);
			domain_introduce(engine, i, 1, 1);
			state_commit(engine);
		}
	}
	for (;;) {
		for (uint16_t i = 1; i <= GUESTS; i++) {
			ring_serve(domain_find(engine, i)->conn, pages[i]);
		}
		if (++churn % 64 == 0) {
			state_compact(engine, churn % 512 == 0);
		}
		if (churn % 16 == 0) {
			sched_yield();
		}
	}
}

/* A guest's work is a series of requests, each sent when the one before is answered. */
struct worker {
	struct guest guest;
	uint16_t domid;
	uint32_t step, req_id, tx;
	uint32_t answered, events, expected_events, failed;
	bool waiting, committed;
};

static void ask(struct worker *w, uint32_t type, uint32_t tx, const char *data, size_t size)
{
	guest_put(&w->guest, type, ++w->req_id, tx, data, size);
	w->waiting = true;
}

static void next_request(struct worker *w)
{
	static char data[4096];
	uint32_t round = w->step / 9;
	size_t size;

	switch (w->step % 9) {
	case 0: /* twice would be EEXIST */
		size = (size_t)sprintf(data, "w/%u%cT%u", round, 0, round) + 1;
		ask(w, XS_WATCH, 0, data, size);
		w->expected_events++;
		break;
	case 1: /* longer than a ring */
		size = (size_t)sprintf(data, "w/%u%c", round, 0);
		memset(data + size, 'a' + (int)(round % 26), 2000);
		ask(w, XS_WRITE, 0, data, size + 2000);
		w->expected_events++;
		break;
	case 2:
		ask(w, XS_READ, 0, data, (size_t)sprintf(data, "w/%u", round) + 1);
		break;
	case 3:
		ask(w, XS_TRANSACTION_START, 0, "", 1);
		break;
	case 4:
		size = (size_t)sprintf(data, "tx%c%u", 0, round);
		ask(w, XS_WRITE, w->tx, data, size);
		break;
	case 5: /* twice would be ENOENT */
		ask(w, XS_TRANSACTION_END, w->tx, "T", 2);
		break;
	case 6:
		ask(w, XS_READ, 0, "tx", 3);
		break;
	case 7:
		ask(w, XS_RM, 0, data, (size_t)sprintf(data, "w/%u", round) + 1);
		w->expected_events++;
		break;
	default: /* twice would be ENOENT */
		size = (size_t)sprintf(data, "w/%u%cT%u", round, 0, round) + 1;
		ask(w, XS_UNWATCH, 0, data, size);
		break;
	}
}

static bool right(struct worker *w, const struct answer *a)
{
	uint32_t round = w->step / 9;

	if (a->req_id != w->req_id) {
		return false;
	}
	switch (w->step % 9) {
	case 2:
		return a->type == XS_READ && a->size == 2000 &&
		       a->data[1999] == 'a' + (char)(round % 26);
	case 3:
		w->tx = (uint32_t)strtoul(a->data, NULL, 10);
		return a->type == XS_TRANSACTION_START && w->tx;
	case 5:
		w->committed = a->type != XS_ERROR;
		return w->committed || strcmp(a->data, "EAGAIN") == 0;
	case 6:
		if (w->committed) {
			return a->type == XS_READ && strtoul(a->data, NULL, 10) == round;
		}
		return a->type == XS_ERROR || strtoul(a->data, NULL, 10) < round;
	default:
		return a->type != XS_ERROR;
	}
}

static void work(struct worker *w)
{
	static struct answer answer;

	if (!w->waiting) {
		next_request(w);
	}
	guest_push(&w->guest, 1 + (size_t)rand() % 1024);
	guest_pull(&w->guest, 1 + (size_t)rand() % 1024);
	while (guest_take(&w->guest, &answer)) {
		if (answer.type == XS_WATCH_EVENT) {
			w->events++;
			continue;
		}
		if (!right(w, &answer)) {
			printf("domain %u step %u: type %u id %u (%u) %.20s\n", w->domid,
			       w->step % 9, answer.type, answer.req_id, w->req_id, answer.data);
			w->failed++;
		}
		w->answered++;
		w->step++;
		w->waiting = false;
	}
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static pid_t spawn(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		serve();
	}
	return pid;
}

/* Two seconds may be few on a machine that stands still meanwhile. */
static bool enough(const struct worker *workers, unsigned int killed)
{
	for (int i = 0; i < GUESTS; i++) {
		if (workers[i].answered <= 9) {
			return false;
		}
	}
	return killed > 10;
}

static void kills(void)
{
	const char *length = getenv("KILL_SECONDS");
	double now = seconds(), end = now + (length ? atof(length) : 2), next = now;
	double last = end + 120;
	struct worker *workers = calloc(GUESTS, sizeof(*workers));
	unsigned int killed = 0;
	bool busy = true, finishing = false;
	int status;
	pid_t pid;

	make_folder();
	srand((unsigned int)time(NULL));
	for (uint16_t i = 1; i <= GUESTS; i++) {
		pages[i] =
			mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		CU_ASSERT_FATAL(pages[i] != MAP_FAILED);
		workers[i - 1].guest.page = pages[i];
		workers[i - 1].domid = i;
	}
	fflush(stdout);
	pid = spawn();
	next = now + 0.05;
	/* At the end nobody is killed any more, and all work in hand is finished. */
	while (!finishing || (busy && now < end + 60)) {
		busy = false;
		for (int i = 0; i < GUESTS; i++) {
			if (now < end || workers[i].waiting) {
				work(&workers[i]);
			}
			guest_pull(&workers[i].guest, 1024);
			busy |= workers[i].waiting ||
				workers[i].events != workers[i].expected_events;
			if (now >= end && !workers[i].waiting) {
				static struct answer answer;

				while (guest_take(&workers[i].guest, &answer)) {
					workers[i].events += answer.type == XS_WATCH_EVENT;
				}
			}
		}
		now = seconds();
		if (now >= end && !finishing) {
			finishing = enough(workers, killed) || now >= last;
			end = now + (finishing ? 0 : 0.1);
		}
		if (now >= next && now < end) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
			killed++;
			pid = spawn();
			next = seconds() + 0.002 + (double)(rand() % 1000) / 1000 * 0.02;
		}
		sched_yield();
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	for (int i = 0; i < GUESTS; i++) {
		CU_ASSERT_EQUAL(workers[i].failed, 0);
		CU_ASSERT(workers[i].answered > 9);
		CU_ASSERT_EQUAL(workers[i].events, workers[i].expected_events);
		if (getenv("KILL_SECONDS")) {
			printf("domain %d: %u answers, %u events; %u kills\n", i + 1,
			       workers[i].answered, workers[i].events, killed);
		}
		munmap(pages[i + 1], 4096);
		pages[i + 1] = NULL;
	}
	CU_ASSERT(killed > 10);
	free(workers);
	remove_folder();
}

CU_TestInfo state_tests[] = {
	{ "contents", contents }, { "damaged", damaged }, { "no room", no_room },
	{ "kills", kills },	  CU_TEST_INFO_NULL,
};
