/* SPDX-License-Identifier: MIT */
/*
 * Clients that load a store daemon: a thread and a connection each, and as many
 * operations for each as were asked for, so that runs can be compared. Works
 * with any daemon that speaks the published protocol. What a load did is looked
 * at: an addition that was lost, or a conflict that was not seen, ends the
 * program.
 */
#include "store_client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *const load_names[LOAD_COUNT] = { "read",	"write",    "commit",
					     "discard", "conflict", "together" };

struct client {
	pthread_t thread;
	pthread_barrier_t *barrier;
	const char *socket;
	struct vl_store *store, *other; /* the one that gets in the way */
	enum load load;
	unsigned int number;
	unsigned long rounds, aborted;
	char path[64];
};

void load_check(int rc, const struct vl_error *error)
{
	if (rc < 0) {
		die(error->text);
	}
}

struct vl_store *load_connect(const char *path)
{
	struct vl_store *store = NULL;
	struct vl_error error = { "" };

	for (int i = 0; i < 500; i++) {
		if (vl_store_open(&store, path, &error) == 0) {
			return store;
		}
		usleep(10000);
	}
	die(error.text);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static long read_number(struct vl_store *store, vl_tx tx, const char *path)
{
	struct vl_error error;
	char *value;
	long number;

	load_check(vl_store_read(store, tx, path, &value, NULL, &error), &error);
	number = strtol(value, NULL, 10);
	free(value);
	return number;
}

static void write_number(struct vl_store *store, vl_tx tx, const char *path, long number)
{
	struct vl_error error;
	char text[32];
	int size = snprintf(text, sizeof(text), "%ld", number);

	load_check(vl_store_write(store, tx, path, text, (size_t)size, &error), &error);
}

/* One transaction: adds 1. False: the daemon refused it. */
static bool add_one(const struct client *client, bool commit)
{
	struct vl_error error;
	vl_tx tx;
	int rc;

	load_check(vl_store_begin(client->store, &tx, &error), &error);
	write_number(client->store, tx, client->path,
		     read_number(client->store, tx, client->path) + 1);
	if (client->other) {
		/* Another value: a daemon may do a transaction again whose replies are the same. */
		write_number(client->other, 0, client->path, (long)client->aborted + 1);
	}
	rc = vl_store_end(client->store, tx, commit, &error);
	if (rc != -EAGAIN) {
		load_check(rc, &error);
	}
	return rc == 0;
}

static void operate(struct client *client)
{
	switch (client->load) {
	case LOAD_READ:
		read_number(client->store, 0, client->path);
		break;
	case LOAD_WRITE:
		write_number(client->store, 0, client->path, 1);
		break;
	case LOAD_COMMIT:
	case LOAD_DISCARD:
		if (!add_one(client, client->load == LOAD_COMMIT)) {
			die("a transaction was refused that met no other");
		}
		break;
	case LOAD_CONFLICT:
		if (add_one(client, true)) {
			die("a transaction was done that met a write");
		}
		client->aborted++;
		break;
	default:
		while (!add_one(client, true)) {
			client->aborted++;
		}
		break;
	}
}

/* Connects, begins when all have, and hangs up when all are done: only what is between counts. */
static void *client_run(void *arg)
{
	struct client *client = arg;

	client->store = load_connect(client->socket);
	client->other = client->load == LOAD_CONFLICT ? load_connect(client->socket) : NULL;
	write_number(client->store, 0, client->path, 0);
	pthread_barrier_wait(client->barrier);
	pthread_barrier_wait(client->barrier);
	for (unsigned long i = 0; i < client->rounds; i++) {
		operate(client);
	}
	pthread_barrier_wait(client->barrier);
	vl_store_close(client->store);
	vl_store_close(client->other);
	return NULL;
}

static void look(const char *path, const struct client *client, unsigned long sum)
{
	static const bool adds[LOAD_COUNT] = { [LOAD_COMMIT] = true, [LOAD_TOGETHER] = true };
	struct vl_store *store = load_connect(path);
	struct vl_error error;

	if (adds[client->load] && read_number(store, 0, client->path) != (long)sum) {
		die("additions were lost");
	}
	load_check(vl_store_remove(store, 0, "/bench", &error), &error);
	vl_store_close(store);
}

struct load_result load_run(const char *path, enum load load, unsigned int clients,
			    unsigned long rounds)
{
	static struct client all[CLIENTS_MAX];
	struct load_result result = { clients * rounds, 0, 0 };
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, clients + 1);
	for (unsigned int i = 0; i < clients; i++) {
		all[i] = (struct client){ .barrier = &barrier,
					  .socket = path,
					  .load = load,
					  .number = i,
					  .rounds = rounds };
		snprintf(all[i].path, sizeof(all[i].path), "/bench/%u/value",
			 load == LOAD_TOGETHER ? 0 : i);
		if (pthread_create(&all[i].thread, NULL, client_run, &all[i]) != 0) {
			die("no thread");
		}
	}
	pthread_barrier_wait(&barrier);
	result.ns = now();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	result.ns = now() - result.ns;
	for (unsigned int i = 0; i < clients; i++) {
		pthread_join(all[i].thread, NULL);
		result.aborted += all[i].aborted;
	}
	look(path, &all[0], load == LOAD_TOGETHER ? result.operations : rounds);
	pthread_barrier_destroy(&barrier);
	return result;
}
