/* SPDX-License-Identifier: MIT */
/*
 * The commands of CONTROL, which only the control domain may give: what the
 * daemon knows about itself, its quotas and its log. Called by request.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "stored/engine.h"

struct answer {
	char *text;
	size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void add(struct answer *answer, const char *format,
						      ...)
{
	size_t room = answer->size - answer->used;
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(answer->text + answer->used, room, format, args);
	va_end(args);
	answer->used += size < 0 ? 0 : (size_t)size < room ? (size_t)size : room - 1;
}

static int control_log(struct engine *engine, const char *const *words, unsigned int count,
		       struct answer *answer)
{
	if (count != 2 || (strcmp(words[1], "on") != 0 && strcmp(words[1], "off") != 0)) {
		return -EINVAL;
	}
	engine->trace = strcmp(words[1], "on") == 0;
	add(answer, "OK");
	return 0;
}

static int control_print(struct engine *engine, const char *const *words, unsigned int count,
			 struct answer *answer)
{
	if (count != 2) {
		return -EINVAL;
	}
	engine_log(engine, "control: %.512s", words[1]);
	add(answer, "OK");
	return 0;
}

static int print_usage(struct engine *engine, const char *number, struct answer *answer)
{
	const struct domain *domain;
	uint16_t domid;

	if (!perm_parse_domid(number, &domid)) {
		return -EINVAL;
	}
	domain = domain_find(engine, domid);
	add(answer, "%-18s %10u\n", quota_name(QUOTA_NODES), engine->owned[domid]);
	add(answer, "%-18s %10" PRId64 "\n", quota_name(QUOTA_NODE_MEMORY),
	    engine->owned_bytes[domid]);
	if (domain) {
		add(answer, "%-18s %10u\n", quota_name(QUOTA_WATCHES), domain->conn->watch_count);
		add(answer, "%-18s %10u\n", quota_name(QUOTA_TRANSACTIONS), domain->conn->tx_count);
		add(answer, "%-18s %10zu\n", quota_name(QUOTA_OUTSTANDING),
		    conn_pending(domain->conn));
		add(answer, "%-18s %10zu\n", quota_name(QUOTA_MEMORY), domain->conn->memory);
	}
	return 0;
}

/* quota; quota set NAME VALUE; quota DOMID: what it uses */
static int control_quota(struct engine *engine, const char *const *words, unsigned int count,
			 struct answer *answer)
{
	if (count == 4 && strcmp(words[1], "set") == 0) {
		if (quota_set(&engine->quotas, words[2], words[3])) {
			return -EINVAL;
		}
		add(answer, "OK");
		return 0;
	}
	if (count == 2) {
		return print_usage(engine, words[1], answer);
	}
	if (count != 1) {
		return -EINVAL;
	}
	for (unsigned int i = 0; i < QUOTA_COUNT; i++) {
		add(answer, "%-18s %10u  %s\n", quota_name((enum quota)i), engine->quotas.limit[i],
		    quota_meaning((enum quota)i));
	}
	return 0;
}

static int control_stats(struct engine *engine, const char *const *words, unsigned int count,
			 struct answer *answer)
{
	uint64_t nodes = 0, domains = 0;

	(void)words;
	if (count != 1) {
		return -EINVAL;
	}
	for (unsigned int i = 0; i < DOMID_END; i++) {
		nodes += engine->owned[i];
		domains += engine->domain[i] != NULL;
	}
	add(answer,
	    "nodes %" PRIu64 "\ndomains %" PRIu64 "\nconnections %u\npoints %zu\n"
	    "requests %" PRIu64 "\ncommits %" PRIu64 "\nconflicts %" PRIu64 "\nevents %" PRIu64
	    "\ncompactions %" PRIu64 "\nstate %zu\n",
	    nodes, domains, engine->conn_count, engine->points.count, engine->stats.requests,
	    engine->stats.commits, engine->stats.conflicts, engine->stats.events,
	    engine->stats.compactions, engine->journal.at);
	return 0;
}

static int check_path(void *arg, const char *path, const struct node *node)
{
	(void)arg;
	(void)node;
	return path_valid(path) ? 0 : -EINVAL;
}

/* Counts all nodes anew. */
static int control_check(struct engine *engine, const char *const *words, unsigned int count,
			 struct answer *answer)
{
	static uint32_t owned[DOMID_END];
	static int64_t bytes[DOMID_END];

	(void)words;
	(void)count;
	memset(owned, 0, sizeof(owned));
	memset(bytes, 0, sizeof(bytes));
	node_count(engine->root, owned, bytes);
	if (tree_walk(engine->root, "/", check_path, NULL)) {
		add(answer, "a node has no valid path");
	} else if (memcmp(owned, engine->owned, sizeof(owned)) != 0 ||
		   memcmp(bytes, engine->owned_bytes, sizeof(bytes)) != 0) {
		add(answer, "counts of nodes are wrong");
	} else {
		add(answer, "OK");
	}
	return 0;
}

static const struct {
	const char *name;
	int (*handle)(struct engine *engine, const char *const *words, unsigned int count,
		      struct answer *answer);
} commands[] = {
	{ "check", control_check }, { "log", control_log },	      { "print", control_print },
	{ "quota", control_quota }, { "print-quota", control_quota }, { "stats", control_stats },
};

int control_handle(struct engine *engine, const char *const *words, unsigned int count, char *text,
		   size_t size)
{
	struct answer answer = { text, size, 0 };

	text[0] = '\0';
	/* Clients end the list of words with an empty one, or do not. */
	while (count > 1 && words[count - 1][0] == '\0') {
		count--;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(words[0], commands[i].name) == 0) {
			return commands[i].handle(engine, words, count, &answer);
		}
	}
	if (strcmp(words[0], "help") == 0) {
		for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
			add(&answer, "%s\n", commands[i].name);
		}
		return 0;
	}
	return -EINVAL;
}
