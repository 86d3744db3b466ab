/* SPDX-License-Identifier: MIT */
/*
 * What the store daemon costs: processor time of the daemon for an operation
 * while it holds the nodes and watches of 10 to 10,000 guests, and operations in
 * a second, and transactions that fail, with 1, 8 and 64 clients.
 *
 * usage: store DAEMON [--guests MAX] [--json FILE]    (make bench-store)
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libvellum/store.h"
#include "store_client.h"

#define NODES 40 /* of one guest */
#define WATCHES 6
#define BATCHES 8 /* the best one counts: others use the processor, too */
#define ROUNDS 500
#define CLIENT_ROUNDS 8192

static char folder[64], socket_path[80];
static pid_t daemon_pid;
static FILE *json;
static atomic_bool stop;

void die(const char *text)
{
	fprintf(stderr, "store: %s\n", text);
	if (daemon_pid > 0) {
		kill(daemon_pid, SIGKILL);
	}
	exit(1);
}

static void start(const char *path)
{
	strcpy(folder, "/dev/shm/vl-bench-XXXXXX");
	if (!mkdtemp(folder)) {
		die("no folder in /dev/shm");
	}
	snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
	daemon_pid = fork();
	if (daemon_pid == 0) {
		execl(path, path, "--no-rings", "--socket", socket_path, "--state", folder, NULL);
		_exit(127);
	}
}

static void end(void)
{
	char path[96];

	kill(daemon_pid, SIGTERM);
	waitpid(daemon_pid, NULL, 0);
	for (const char *const *name = (const char *const[]){ "store.state", "store.lock", NULL };
	     *name; name++) {
		snprintf(path, sizeof(path), "%s/%s", folder, *name);
		unlink(path);
	}
	rmdir(folder);
}

/* Nanoseconds that the daemon has run. */
static double daemon_time(void)
{
	char path[64];
	unsigned long long ns = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)daemon_pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%llu", &ns) != 1) {
		die("no /proc/PID/schedstat");
	}
	fclose(file);
	return (double)ns;
}

/* ---- Guests' worth of nodes -------------------------------------------------- */

static void add_guest(struct vl_store *store, unsigned int guest)
{
	static const char *const parts[] = { "device/vbd/51712", "device/vif/0", "console",
					     "control", "memory" };
	struct vl_error error;
	char dir[64], name[16];

	for (unsigned int i = 0; i < NODES - 9; i++) {
		snprintf(dir, sizeof(dir), "/local/domain/%u/%s", guest, parts[i % 5]);
		snprintf(name, sizeof(name), "key%u", i / 5);
		load_check(vl_store_writef(store, 0, dir, name, &error, "value %u", i), &error);
	}
}

static void add_watches(struct vl_store *watcher, unsigned int guest)
{
	struct vl_error error;
	char path[80], token[16];

	for (unsigned int i = 0; i < WATCHES; i++) {
		snprintf(path, sizeof(path), "/local/domain/%u/%s", guest,
			 i == 0 ? "control/key0" : "device");
		snprintf(token, sizeof(token), "%u", i);
		load_check(vl_store_watch(watcher, path, token, &error), &error);
	}
}

static void *drain(void *arg)
{
	struct vl_store *watcher = arg;
	struct vl_error error;
	char *path, *token;

	while (!stop && vl_store_event(watcher, 100, &path, &token, &error) >= 0) {
		if (!stop) {
			continue;
		}
	}
	return NULL;
}

enum operation {
	OP_READ,
	OP_WRITE,
	OP_LIST,
	OP_CREATE,
	OP_TRANSACTION,
	OP_COUNT
};
static const char *const names[OP_COUNT] = { "read", "write+event", "list", "create+remove",
					     "transaction" };
static const unsigned int requests[OP_COUNT] = { 1, 1, 1, 2, 4 };

static void operate(struct vl_store *store, enum operation op, unsigned int guest)
{
	struct vl_error error = { "" };
	char path[80], *value = NULL, **list = NULL;
	vl_tx tx;

	snprintf(path, sizeof(path), "/local/domain/%u/control/key0", guest);
	switch (op) {
	case OP_READ:
		load_check(vl_store_read(store, 0, path, &value, NULL, &error), &error);
		break;
	case OP_WRITE:
		load_check(vl_store_write(store, 0, path, "x", 1, &error), &error);
		break;
	case OP_LIST:
		*strrchr(path, '/') = '\0';
		load_check(vl_store_list(store, 0, path, &list, &error), &error);
		break;
	case OP_CREATE:
		strcat(path, "/new");
		load_check(vl_store_write(store, 0, path, "x", 1, &error), &error);
		load_check(vl_store_remove(store, 0, path, &error), &error);
		break;
	default:
		load_check(vl_store_begin(store, &tx, &error), &error);
		load_check(vl_store_read(store, tx, path, &value, NULL, &error), &error);
		path[strlen(path) - 1] = '1';
		load_check(vl_store_write(store, tx, path, "x", 1, &error), &error);
		load_check(vl_store_end(store, tx, true, &error), &error);
		break;
	}
	free(value);
	free(list);
}

static double measure(struct vl_store *store, enum operation op, unsigned int guests)
{
	double before, cost, best = 1e9;

	srand(1);
	for (int batch = 0; batch < BATCHES; batch++) {
		before = daemon_time();
		for (int i = 0; i < ROUNDS; i++) {
			operate(store, op, 1 + (unsigned int)rand() % guests);
		}
		cost = (daemon_time() - before) / 1e3 / ROUNDS / requests[op];
		best = cost < best ? cost : best;
	}
	return best;
}

static void growth(struct vl_store *store, unsigned int max)
{
	struct vl_store *watcher = load_connect(socket_path);
	unsigned int guests = 0;
	pthread_t thread;
	double cost;
	bool first = true;

	printf("processor time of the daemon for one request, us\n%8s", "guests");
	for (int op = 0; op < OP_COUNT; op++) {
		printf(" %14s", names[op]);
	}
	printf("\n");
	fprintf(json, "{\"cpu_us\": [");
	for (unsigned int wanted = 10; wanted <= max; wanted *= 10) {
		for (; guests < wanted; guests++) {
			add_guest(store, guests + 1);
			add_watches(watcher, guests + 1);
		}
		stop = false;
		pthread_create(&thread, NULL, drain, watcher);
		usleep(200000);
		printf("%8u", guests);
		fprintf(json, "%s{\"guests\": %u", first ? "" : ", ", guests);
		first = false;
		for (int op = 0; op < OP_COUNT; op++) {
			cost = measure(store, (enum operation)op, guests);
			printf(" %14.2f", cost);
			fprintf(json, ", \"%s\": %.2f", names[op], cost);
		}
		printf("\n");
		fflush(stdout);
		fprintf(json, "}");
		stop = true;
		pthread_join(thread, NULL);
	}
	fprintf(json, "]");
	vl_store_close(watcher);
}

/* ---- Many clients ------------------------------------------------------------ */

static void clients(void)
{
	struct load_result result;
	double rate;

	printf("\n%-10s %8s %14s %10s\n", "load", "clients", "operations/s", "refused");
	fprintf(json, ", \"clients\": [");
	for (int load = 0; load < LOAD_COUNT; load++) {
		for (unsigned int count = 1; count <= CLIENTS_MAX; count *= 8) {
			result = load_run(socket_path, (enum load)load, count,
					  CLIENT_ROUNDS / count);
			rate = (double)result.operations * 1e9 / result.ns;
			printf("%-10s %8u %14.0f %10lu\n", load_names[load], count, rate,
			       result.aborted);
			fflush(stdout);
			fprintf(json,
				"%s{\"load\": \"%s\", \"clients\": %u, \"per_second\": %.0f, "
				"\"aborted\": %lu}",
				load + (int)count > 1 ? ", " : "", load_names[load], count, rate,
				result.aborted);
		}
	}
	fprintf(json, "]}\n");
}

int main(int argc, char **argv)
{
	unsigned int max = 10000;
	const char *file = "/dev/null";
	struct vl_store *store;

	if (argc < 2) {
		die("usage: store DAEMON [--guests MAX] [--json FILE]");
	}
	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--guests") == 0) {
			max = (unsigned int)atoi(argv[i + 1]);
		} else if (strcmp(argv[i], "--json") == 0) {
			file = argv[i + 1];
		}
	}
	json = fopen(file, "w");
	if (!json) {
		die("the JSON file cannot be written");
	}
	start(argv[1]);
	store = load_connect(socket_path);
	growth(store, max);
	clients();
	vl_store_close(store);
	fclose(json);
	end();
	return 0;
}
