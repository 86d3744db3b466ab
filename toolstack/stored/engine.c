/* SPDX-License-Identifier: MIT */
/* Making and ending the whole of the engine, its log, its clock; see engine.h. */
#include "stored/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A guest's transaction that has been open for so many seconds is doomed. */
#define TX_SECONDS 60

static const char *const special_paths[2] = { PATH_INTRODUCE, PATH_RELEASE };

struct engine *engine_new(const struct engine_host *host)
{
	static const struct vl_perm control = { 0, VL_PERM_NONE };
	struct engine *engine = calloc(1, sizeof(*engine));
	struct timespec now;

	if (!engine) {
		return NULL;
	}
	engine->host = host;
	engine->journal.fd = -1;
	engine->quotas = quota_defaults;
	/* Generations go on over a restart: no client must take new names for old ones. */
	clock_gettime(CLOCK_REALTIME, &now);
	engine->gen = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	TAILQ_INIT(&engine->conns);
	TAILQ_INIT(&engine->ready);
	for (int i = 0; i < 2; i++) {
		engine->special[i] = content_new(&control, 1, NULL, 0);
	}
	if (engine->special[0]) {
		engine->root = tree_new(engine->special[0], engine->gen);
		engine->owned[0] = 1;
		engine->owned_bytes[0] = engine->root ? node_cost(engine->root) : 0;
	}
	if (!engine->special[0] || !engine->special[1] || !engine->root) {
		engine_free(engine);
		return NULL;
	}
	return engine;
}

void engine_free(struct engine *engine)
{
	state_close(engine);
	for (unsigned int i = 0; i < DOMID_END; i++) {
		if (engine->domain[i]) {
			engine->host->detach(engine->host->arg, engine->domain[i]);
			conn_free(engine->domain[i]->conn);
			free(engine->domain[i]);
			engine->domain[i] = NULL;
		}
	}
	while (!TAILQ_EMPTY(&engine->conns)) {
		conn_free(TAILQ_FIRST(&engine->conns));
	}
	free(engine->spare_in);
	map_free(&engine->points);
	node_unref(engine->root);
	content_unref(engine->special[0]);
	content_unref(engine->special[1]);
	free(engine->state_path);
	free(engine);
}

void engine_log(struct engine *engine, const char *format, ...)
{
	char text[640];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (engine->host->log) {
		engine->host->log(engine->host->arg, text);
	}
}

void engine_log_quota(struct engine *engine, uint16_t domid, enum quota quota)
{
	if (engine->quota_logged == engine->now && engine->quota_unlogged++ > 0) {
		return;
	}
	if (engine->quota_unlogged > 1) {
		engine_log(engine, "%u more lines on quotas were left out",
			   engine->quota_unlogged - 1);
	}
	engine->quota_logged = engine->now;
	engine->quota_unlogged = 1;
	engine_log(engine, "domain %u is over its quota: %s=%u (%s)", domid, quota_name(quota),
		   engine->quotas.limit[quota], quota_meaning(quota));
}

int engine_special(const char *path)
{
	for (int i = 0; i < 2; i++) {
		if (strcmp(path, special_paths[i]) == 0) {
			return i;
		}
	}
	return -1;
}

void engine_tick(struct engine *engine)
{
	struct conn *conn;
	struct tx *tx;

	TAILQ_FOREACH(conn, &engine->conns, of_engine) {
		TAILQ_FOREACH(tx, &conn->txs, of_conn) {
			if (!conn->who.privileged && !tx->doomed &&
			    engine->now - tx->started > TX_SECONDS) {
				tx_doom(conn, tx);
			}
		}
	}
	stale_sweep(engine, false);
	state_compact(engine, false);
}
