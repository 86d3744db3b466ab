/* SPDX-License-Identifier: MIT */
/*
 * The whole state of the daemon, and what its parts call of each other. No file
 * descriptor, ring or event loop is in here: those who carry bytes (sock.c,
 * ring.c with machine.c) feed connections and empty them.
 *
 * One thread. Everything returns 0 or a negative errno; the errors that clients
 * get are among those of the wire protocol.
 */
#ifndef STORED_ENGINE_H
#define STORED_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <xen/io/xs_wire.h>

#include "stored/journal.h"
#include "stored/map.h"
#include "stored/path.h"
#include "stored/perm.h"
#include "stored/quota.h"
#include "stored/tree.h"

struct conn;
struct engine;

/* ---- Watches (watch.c) ------------------------------------------------------- */

/** A path that is watched, or that lies above one. */
struct watch_point {
	struct map_link link; /* by path */
	struct watch_point *parent;
	LIST_ENTRY(watch_point) siblings;
	LIST_HEAD(, watch_point) children;
	LIST_HEAD(, watch) watches;
	char path[];
};

struct watch {
	LIST_ENTRY(watch) of_point;
	TAILQ_ENTRY(watch) of_conn;
	struct watch_point *point;
	struct conn *conn;
	uint32_t cost; /* see watch_cost() */
	uint16_t skip; /* bytes of a path that events leave out, for a relative watch */
	bool lost;     /* an event found no room: fires again when there is some */
	char token[];
};

/** What happened to a node. Null contents: there was, or is, none. */
struct event {
	const char *path;
	const struct content *before, *after;
	const struct node *removed; /* the node that was there, with all below */
};

/** Bytes that a watch takes with all its points, as if no other had made any of these. */
size_t watch_cost(const char *path, const char *token);
int watch_add(struct engine *engine, struct conn *conn, const char *path, bool relative,
	      const char *token);
int watch_remove(struct engine *engine, struct conn *conn, const char *path, const char *token);
void watch_remove_all(struct engine *engine, struct conn *conn);
/** Tells all who watch. */
void watch_fire(struct engine *engine, const struct event *event);
/** Tells those who watch PATH_INTRODUCE or PATH_RELEASE. */
void watch_fire_special(struct engine *engine, const char *path);
/** Fires those that were lost, after a client has taken what it had not. */
void watch_fire_lost(struct conn *conn);

/* ---- Changes (change.c) ------------------------------------------------------ */

/** How many nodes each domain owns more, or fewer, and how large they are. */
struct share {
	int32_t nodes;
	int64_t bytes;
};
struct tally {
	uint16_t few_domid[16];
	struct share few[16];
	unsigned int count;
	struct share *many; /* by domid, once there are more than a few */
};

enum change_op {
	CHANGE_WRITE,
	CHANGE_MKDIR,
	CHANGE_RM,
	CHANGE_PERMS
};

struct change {
	enum change_op op;
	const char *path;
	const void *value; /* write */
	size_t size;
	const struct vl_perm *perms; /* perms */
	size_t perm_count;
};

/** What a change has done; give it to change_done(). */
struct change_result {
	bool changed;
	struct content *before, *after;
	struct node *removed;
};

/**
 * Makes a change in a version of the tree, if `who` may. *quota: the one that
 * is in the way, or QUOTA_NONE. A failure changes nothing.
 */
int change_apply(struct engine *engine, struct node **root, struct tally *tally,
		 const struct who *who, const struct change *change, struct change_result *result,
		 enum quota *quota);
void change_done(struct change_result *result);
/** Why a path cannot be read: -ENOENT, or -EACCES for who may not know. */
int change_missing(const struct node *root, const char *path, const struct who *who);
/** Adds a tally to the domains' counts, and empties it. */
void tally_apply(struct engine *engine, struct tally *tally);
void tally_free(struct tally *tally);
/** What a node counts for QUOTA_NODE_MEMORY. */
int64_t node_cost(const struct node *node);
/** Counts all nodes of a tree, and their bytes, by domain; both are all 0. */
int node_count(const struct node *root, uint32_t *owned, int64_t *bytes);

/* ---- Transactions (tx.c) ----------------------------------------------------- */

/** What a transaction has looked at. */
enum {
	TOUCH_NODE = 1 << 0,  /* value and permissions, or that it is not there */
	TOUCH_LIST = 1 << 1,  /* names of its children */
	TOUCH_EXIST = 1 << 2, /* only whether it is there */
	TOUCH_TREE = 1 << 3   /* it and all below */
};

struct tx {
	TAILQ_ENTRY(tx) of_conn;
	uint32_t id;
	bool doomed;	   /* its end will be -EAGAIN: it was open over a restart, or too long */
	uint64_t started;  /* engine.now */
	uint64_t churn;	   /* engine.churn */
	size_t memory;	   /* of what it notes; part of conn.memory */
	struct node *base; /* the tree as it was */
	struct node *root; /* and with the changes */
	struct tally tally;
	struct map touched; /* of struct touch, in tx.c */
	TAILQ_HEAD(, tx_change) changes;
	uint32_t size; /* touched paths and changes */
};

/** Begins one. *quota as with change_apply(). */
int tx_start(struct engine *engine, struct conn *conn, struct tx **tx, enum quota *quota);
struct tx *tx_find(const struct conn *conn, uint32_t id);
/** Notes that a path is looked at, and how. */
int tx_touch(struct engine *engine, struct conn *conn, struct tx *tx, const char *path,
	     unsigned int how, enum quota *quota);
int tx_change(struct engine *engine, struct conn *conn, struct tx *tx, const struct change *change,
	      enum quota *quota);
/** Ends one, which frees it in any case. -EAGAIN: what it touched has changed meanwhile. */
int tx_end(struct engine *engine, struct conn *conn, struct tx *tx, bool commit, enum quota *quota);
void tx_free(struct conn *conn, struct tx *tx);
void tx_free_all(struct conn *conn);
/** Lets go of the version that it was begun with. */
void tx_doom(struct conn *conn, struct tx *tx);
/** Something was changed, or so many changes at once: dooms what has kept too much alive since. */
void tx_churn(struct engine *engine, size_t changes, size_t bytes);
/** A doomed one with this number, as it was before a restart. */
int tx_restore(struct conn *conn, uint32_t id);

/* ---- Connections (conn.c) ---------------------------------------------------- */

/** The largest message, and a zero behind it. */
#define CONN_IN_SIZE (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1)

struct conn {
	TAILQ_ENTRY(conn) of_engine;
	TAILQ_ENTRY(conn) of_ready;
	struct engine *engine;
	void *carrier; /* the socket's, or the ring's */
	struct who who;
	bool ring;	/* what it does is journaled, since it outlives this process */
	bool broken;	/* to be closed: it sent what cannot be, or does not read */
	bool ready;	/* in engine.ready: there is something to send, or it is broken */
	uint32_t error; /* XENSTORE_ERROR_* */

	char *in; /* a message so far; mostly null, as there are as many of these as guests */
	size_t in_size;

	char *out; /* not taken yet: from out_start to out_end */
	size_t out_start, out_end, out_room;
	size_t last_event; /* where the last message begins if it is an event, or SIZE_MAX */

	/* Ring positions that belong to in[] and to out_end; the journal has them, too. */
	uint32_t req_cons, rsp_end;

	TAILQ_HEAD(watch_list, watch) watches;
	uint32_t watch_count;
	size_t memory; /* of watches and transactions, for QUOTA_MEMORY */
	bool lost;     /* one of the watches has lost an event */
	TAILQ_HEAD(, tx) txs;
	uint32_t tx_count, tx_last;
};

struct conn *conn_new(struct engine *engine, uint16_t domid, bool ring);
/** Takes its watches and transactions along; the carrier has let go of it already. */
void conn_free(struct conn *conn);
/** Forgets all that was said, set and begun, as for a new client. */
void conn_reset(struct conn *conn);
/** How many bytes in[] wants until it holds a header, then a message; 0: it is complete. */
size_t conn_wanted(struct conn *conn);
/** Where the next bytes of in[] go, at in_size, as many as it wants. Null: there is no memory,
 *  and the connection is broken. */
char *conn_room(struct conn *conn);
/** in[] is empty again. */
void conn_used_up(struct conn *conn);
/** Answers the complete message in in[], and commits what it changed. */
void conn_message(struct conn *conn);
/** Adds a message; no memory for it breaks the connection. */
void conn_send(struct conn *conn, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *data,
	       size_t size);
/** Adds bytes that were journaled before. */
int conn_append(struct conn *conn, const void *data, size_t size);
/** Adds the event of a watch. */
void conn_event(struct watch *watch, const char *path);
/** `size` bytes of the output have been taken. */
void conn_taken(struct conn *conn, size_t size);
size_t conn_pending(const struct conn *conn);
/** It is not to be read from until it has taken more of its output. */
bool conn_throttled(const struct conn *conn);
/** Puts it into engine.ready: its carrier is to look at it. */
void conn_wake(struct conn *conn);
void conn_break(struct conn *conn, uint32_t error);

/* ---- Requests (request.c, control.c) ----------------------------------------- */

/** Answers one message; payload has a zero behind its end. */
void request_handle(struct conn *conn, const struct xsd_sockmsg *message, const char *payload);
/** CONTROL: writes the answer, or returns an error. */
int control_handle(struct engine *engine, const char *const *words, unsigned int count,
		   char *answer, size_t size);

/* ---- Domains (domain.c) ------------------------------------------------------ */

/** A domain that is served, by its ring. */
struct domain {
	uint16_t domid, target;
	bool shutdown;	/* told by PATH_RELEASE already */
	uint64_t frame; /* of its ring, as INTRODUCE said it */
	uint32_t port;
	struct conn *conn;
};

/** What is known of a domain that lives. */
struct domain_state {
	uint16_t domid;
	bool shutdown;
};

int domain_introduce(struct engine *engine, uint16_t domid, uint64_t frame, uint32_t port);
int domain_release(struct engine *engine, uint16_t domid);
int domain_resume(struct engine *engine, uint16_t domid);
int domain_set_target(struct engine *engine, uint16_t domid, uint16_t target);
struct domain *domain_find(const struct engine *engine, uint16_t domid);
/** Compares with the domains that there are, in order of their numbers: fires, releases. */
void domain_check(struct engine *engine, const struct domain_state *states, size_t count);
/** Makes the record alone: no ring is attached, nobody is told. */
int domain_add(struct engine *engine, uint16_t domid, uint64_t frame, uint32_t port,
	       struct domain **domain);
void domain_remove(struct engine *engine, struct domain *domain);

/* ---- Permissions of domains that are gone (stale.c) --------------------------- */

/** A domain has gone. */
void stale_mark(struct engine *engine, uint16_t domid);
/** Takes those who have gone out of all permissions, if it is time for that. */
void stale_sweep(struct engine *engine, bool now);

/* ---- State over restarts (state.c) ------------------------------------------- */

/** Begins a state file anew, or takes up what the last process left there. */
int state_open(struct engine *engine, const char *path, struct vl_error *error);
/** Writes the state into a fresh file if the present one has grown large, or was spoilt. */
void state_compact(struct engine *engine, bool now);
void state_close(struct engine *engine);
void state_commit(struct engine *engine);
void state_abort(struct engine *engine);
/** These add to the entry that the next state_commit() ends. */
void state_node(struct engine *engine, const char *path, const struct content *content);
void state_remove(struct engine *engine, const char *path);
void state_special(struct engine *engine, unsigned int which);
void state_domain(struct engine *engine, const struct domain *domain);
void state_release(struct engine *engine, uint16_t domid);
void state_watch(struct engine *engine, const struct watch *watch, bool set);
void state_tx(struct conn *conn, uint32_t id, bool open);
void state_reset(struct conn *conn);
/** in[] has grown by `added` bytes that ended at req_cons; 0: it was used up. */
void state_in(struct conn *conn, size_t added);
void state_out(struct conn *conn, const void *data, size_t size);

/* ---- The engine (engine.c) --------------------------------------------------- */

/** What the engine asks of who carries rings and keeps the log. */
struct engine_host {
	/** Maps a domain's ring and binds its port, for domain->conn; resumed: the ring has been
	 *  served by the process before this one. */
	int (*attach)(void *arg, struct domain *domain, bool resumed);
	void (*detach)(void *arg, struct domain *domain);
	void (*log)(void *arg, const char *text);
	void *arg;
};

struct engine {
	struct node *root;
	uint64_t gen;		    /* of the last change */
	struct content *special[2]; /* permissions of PATH_INTRODUCE, PATH_RELEASE */
	struct map points;	    /* of struct watch_point */
	struct quotas quotas;
	uint32_t owned[DOMID_END];	  /* nodes of each domain */
	int64_t owned_bytes[DOMID_END];	  /* and what these take */
	struct domain *domain[DOMID_END]; /* null: not introduced */
	bool gone[DOMID_END];		  /* released; permissions may still name it */
	unsigned int gone_count;
	TAILQ_HEAD(, conn) conns;
	TAILQ_HEAD(, conn) ready;
	char *spare_in; /* the next connection that is told something takes it */
	unsigned int conn_count;
	uint64_t churn, churn_seen; /* bytes that were changed ever; and at the last look */
	uint64_t now;		    /* seconds; who runs the loop sets it */
	struct journal journal;
	char *state_path;
	size_t state_base; /* size of the state when its file was begun */
	uint64_t state_retry;
	bool trace;		     /* CONTROL log on */
	uint64_t quota_logged;	     /* engine.now of the last line on quotas */
	unsigned int quota_unlogged; /* lines that were left out since */
	struct {
		uint64_t requests, commits, conflicts, events, compactions;
	} stats;
	const struct engine_host *host;
};

struct engine *engine_new(const struct engine_host *host);
void engine_free(struct engine *engine);
__attribute__((format(printf, 2, 3))) void engine_log(struct engine *engine, const char *format,
						      ...);
/** Says in the log, at most once a second, that a guest is over a quota. */
void engine_log_quota(struct engine *engine, uint16_t domid, enum quota quota);
/** Index of a special path in engine.special, or -1. */
int engine_special(const char *path);
/** To be called about once a second: old transactions, the state file. */
void engine_tick(struct engine *engine);

#endif
