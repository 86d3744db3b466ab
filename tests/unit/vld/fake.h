/* SPDX-License-Identifier: MIT */
/*
 * A machine for vld: domains with console pages in plain memory, shared with
 * children so that a guest or a vld can be a process of its own.
 */
#ifndef FAKE_H
#define FAKE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "vld/host.h"
#include "vld/vld.h"

#define FAKE_DOMAINS 32

struct fake_domain {
	bool there, has_config, mapped, bound, broken_port;
	bool pending; /* its port */
	struct vl_domain_info info;
	int config_fails; /* reading its record gives this */
	struct vld_actions actions;
	char name[160];
	struct vl_crash_reason crash;
	int busy; /* so often its end is -EBUSY */
	unsigned int notified, unpaused;
	struct xencons_interface page;
};

struct fake_shared {
	struct fake_domain domains[FAKE_DOMAINS]; /* domid is the index */
	uint16_t next;
	int start_fails; /* guest_start() gives this */
	int end_fails;
	bool end_fails_late; /* the domain is gone then */
	unsigned int starts, ends, sweeps;
	unsigned int kills; /* for who waits for them */
	unsigned int holds; /* jobs that have come to the place where they wait */
	bool hold_end;	    /* before the guest is ended */
	bool hold_start;    /* before the guest is made */
	bool hold_run;	    /* when it is made and about to run */
	bool deaf;	    /* nobody asks whether it is still wanted */
	bool no_store;
};

struct fake {
	struct vld_host ops; /* first */
	struct fake_shared *shared;
	int port_event, watch_event;
	char folder[64], run[80], logs[80];
};

/** Folders under /tmp and no domain. */
void fake_begin(struct fake *fake);
void fake_end(struct fake *fake);
/** A running guest with a console; vld is told of it. */
struct fake_domain *fake_add(struct fake *fake, const char *name);
/** The same, one that has run long enough not to be in a loop, and vld has seen it. */
struct fake_domain *fake_add_old(struct vld *vld, struct fake *fake, const char *name);
void fake_changed(struct fake *fake);
void fake_shutdown(struct fake *fake, struct fake_domain *domain, unsigned int reason);
/** The guest writes as far as there is room; returns how many bytes. */
size_t fake_print(struct fake *fake, struct fake_domain *domain, const char *data, size_t size);
void fake_send(struct fake *fake, struct fake_domain *domain);
/** Takes what was typed. */
size_t fake_typed(struct fake_domain *domain, char *data, size_t size);
struct vld_options fake_options(const struct fake *fake);
/** A vld that serves this machine. */
struct vld *fake_vld(struct fake *fake);
/** A kill and a new start, as far as the run directory can tell. */
struct vld *fake_again(struct fake *fake, struct vld *vld);
/** Runs its loop for so long, and until nothing is left that waits only for a CPU. */
void fake_run(struct vld *vld, unsigned int ms);
/** A file of a folder, malloc'd with a zero behind it; "" if there is none. */
char *fake_file(const char *folder, const char *name);
/** A connection to vld's socket. */
int fake_connect(const struct fake *fake);
/** Sends a line and runs vld until one has come back. */
char *fake_ask(struct vld *vld, int fd, const char *line);
/** What comes on a socket, as vld runs, until nothing has come for so long. */
size_t fake_receive(struct vld *vld, int fd, unsigned int ms, char *data, size_t size);

#endif
