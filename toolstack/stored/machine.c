/* SPDX-License-Identifier: MIT */
/*
 * Rings as the control domain's kernel offers them: pages by gntdev and
 * xenbus_backend, event channels by evtchn; and the core's word that a domain
 * has changed. Called by main.c, by the engine through its host, and by the
 * event loop. What is in a page is ring.c's matter.
 *
 * A port that this process held is unbound again when it ends, however it ends,
 * and the next process binds it by the number that the journal has. Events that
 * came in between are lost: every ring is looked at once after it was bound,
 * and its domain is notified.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/xen.h>

#include "stored/core.h"
#include "stored/ring.h"
#include "stored/server.h"

#define PAGE 4096u
/* The entry of a guest's grant table that its builder fills for the store. */
#define STORE_GRANT 1

/* The kernel's interface: <xen/evtchn.h>, <xen/gntdev.h> and xenbus_dev.h of Linux. */
struct bind_virq {
	unsigned int virq;
};
struct bind_interdomain {
	unsigned int remote_domain, remote_port;
};
struct port {
	unsigned int port;
};
struct map_grant {
	uint32_t count, pad;
	uint64_t index;
	uint32_t domid, ref;
};
struct unmap_grant {
	uint64_t index;
	uint32_t count, pad;
};
#define EVTCHN_BIND_VIRQ _IOC(_IOC_NONE, 'E', 0, sizeof(struct bind_virq))
#define EVTCHN_BIND_INTERDOMAIN _IOC(_IOC_NONE, 'E', 1, sizeof(struct bind_interdomain))
#define EVTCHN_UNBIND _IOC(_IOC_NONE, 'E', 3, sizeof(struct port))
#define EVTCHN_NOTIFY _IOC(_IOC_NONE, 'E', 4, sizeof(struct port))
#define GNTDEV_MAP _IOC(_IOC_NONE, 'G', 0, sizeof(struct map_grant))
#define GNTDEV_UNMAP _IOC(_IOC_NONE, 'G', 1, sizeof(struct unmap_grant))
#define BACKEND_EVTCHN _IOC(_IOC_NONE, 'B', 0, 0)

/* The ring of one domain; conn->carrier. */
struct carrier {
	struct machine *machine;
	struct conn *conn;
	struct xenstore_domain_interface *page;
	uint64_t index; /* of the grant, for gntdev */
	unsigned int port;
	bool asked; /* its event came: there may be requests */
	bool waits; /* in machine->waiting */
	TAILQ_ENTRY(carrier) of_waiting;
};

struct machine {
	struct server *server;
	struct core *core;
	struct event *event, *turn;
	TAILQ_HEAD(carriers, carrier) waiting; /* for the next turn of the event loop */
	int evtchn, gntdev, backend;
	unsigned int virq_port;
	struct carrier **by_port;
	size_t port_count;
};

static void notify(struct machine *machine, unsigned int port)
{
	struct port arg = { port };

	ioctl(machine->evtchn, EVTCHN_NOTIFY, &arg);
}

/* ---- Attaching --------------------------------------------------------------- */

static int map_guest(struct carrier *c, uint16_t domid)
{
	struct map_grant map = { .count = 1, .domid = domid, .ref = STORE_GRANT };
	struct unmap_grant unmap = { .count = 1 };
	void *page;
	int rc;

	if (ioctl(c->machine->gntdev, GNTDEV_MAP, &map)) {
		return -errno;
	}
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, c->machine->gntdev,
		    (off_t)map.index);
	if (page == MAP_FAILED) {
		rc = -errno;
		unmap.index = map.index;
		ioctl(c->machine->gntdev, GNTDEV_UNMAP, &unmap);
		return rc;
	}
	c->page = page;
	c->index = map.index;
	return 0;
}

static int map_own(struct carrier *c)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, c->machine->backend, 0);

	if (page == MAP_FAILED) {
		return -errno;
	}
	c->page = page;
	return 0;
}

static int bind_port(struct carrier *c, uint16_t domid, uint32_t remote)
{
	struct machine *machine = c->machine;
	struct bind_interdomain bind = { domid, remote };
	struct carrier **grown;
	size_t count;
	int port = ioctl(machine->evtchn, EVTCHN_BIND_INTERDOMAIN, &bind);

	if (port < 0) {
		return -errno;
	}
	c->port = (unsigned int)port;
	if (c->port >= machine->port_count) {
		count = c->port + 64u;
		grown = realloc(machine->by_port, count * sizeof(*grown));
		if (!grown) {
			return -ENOMEM;
		}
		memset(grown + machine->port_count, 0,
		       (count - machine->port_count) * sizeof(*grown));
		machine->by_port = grown;
		machine->port_count = count;
	}
	machine->by_port[c->port] = c;
	return 0;
}

static void carrier_free(struct carrier *c)
{
	struct machine *machine = c->machine;
	struct unmap_grant unmap = { .index = c->index, .count = 1 };
	struct port port = { c->port };

	if (c->port) {
		if (c->port < machine->port_count) {
			machine->by_port[c->port] = NULL;
		}
		ioctl(machine->evtchn, EVTCHN_UNBIND, &port);
	}
	if (c->waits) {
		TAILQ_REMOVE(&machine->waiting, c, of_waiting);
	}
	if (c->page) {
		munmap(c->page, PAGE);
		if (c->conn->who.domid != 0) {
			ioctl(machine->gntdev, GNTDEV_UNMAP, &unmap);
		}
	}
	free(c);
}

static void ask(struct carrier *c)
{
	c->asked = true;
	conn_wake(c->conn);
}

int machine_attach(struct machine *machine, struct domain *domain, bool resumed)
{
	struct carrier *c = calloc(1, sizeof(*c));
	int rc;

	if (!c) {
		return -ENOMEM;
	}
	c->machine = machine;
	c->conn = domain->conn;
	rc = domain->domid == 0 ? map_own(c) : map_guest(c, domain->domid);
	if (rc == 0) {
		rc = bind_port(c, domain->domid, domain->port);
	}
	if (rc) {
		carrier_free(c);
		return rc;
	}
	domain->conn->carrier = c;
	if (resumed) {
		ring_resume(domain->conn, c->page);
	} else {
		ring_start(domain->conn, c->page);
	}
	/* The control domain's kernel looks for devices only after the first event. */
	if (resumed || domain->domid == 0) {
		notify(machine, c->port);
	}
	ask(c);
	return 0;
}

void machine_detach(struct machine *machine, struct domain *domain)
{
	(void)machine;
	if (domain->conn->carrier) {
		carrier_free(domain->conn->carrier);
		domain->conn->carrier = NULL;
	}
}

/* After everybody else: a timer that is due is looked at once for each turn of the loop. */
static void ask_later(struct carrier *c)
{
	static const struct timeval now = { 0, 0 };

	if (c->waits) {
		return;
	}
	if (event_add(c->machine->turn, &now)) {
		ask(c);
		return;
	}
	c->waits = true;
	TAILQ_INSERT_TAIL(&c->machine->waiting, c, of_waiting);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct machine *machine = arg;
	struct carrier *c;

	(void)fd;
	(void)what;
	while ((c = TAILQ_FIRST(&machine->waiting))) {
		TAILQ_REMOVE(&machine->waiting, c, of_waiting);
		c->waits = false;
		ask(c);
	}
	server_flush(machine->server);
}

void machine_serve(struct conn *conn)
{
	struct carrier *c = conn->carrier;
	bool asked = c && c->asked, moved;

	if (!c) {
		return;
	}
	/* Requests are taken once for each turn of the loop. */
	c->asked = false;
	moved = asked ? ring_serve(conn, c->page) : ring_send(conn, c->page);
	if (moved) {
		notify(c->machine, c->port);
	}
	if (ring_more(conn, c->page)) {
		ask_later(c);
	}
}

/* ---- Events ------------------------------------------------------------------ */

static void check_domains(struct machine *machine)
{
	struct domain_state *states;
	struct vl_error error;
	size_t count;

	if (core_list(machine->core, &states, &count, &error)) {
		engine_log(machine->server->engine, "%s", error.text);
		return;
	}
	domain_check(machine->server->engine, states, count);
	free(states);
}

static void on_port(struct machine *machine, uint32_t port)
{
	struct carrier *c = port < machine->port_count ? machine->by_port[port] : NULL;

	if (port == machine->virq_port) {
		check_domains(machine);
	} else if (c) {
		ask(c);
	}
}

static void on_evtchn(evutil_socket_t fd, short what, void *arg)
{
	struct machine *machine = arg;
	uint32_t ports[256];
	ssize_t size = read((int)fd, ports, sizeof(ports));

	(void)what;
	if (size < 0) {
		if (errno == EFBIG) {
			/* The kernel's queue overflowed: look at all rings. */
			ioctl((int)fd, _IOC(_IOC_NONE, 'E', 5, 0), 0);
			check_domains(machine);
			for (size_t i = 0; i < machine->port_count; i++) {
				if (machine->by_port[i]) {
					ask(machine->by_port[i]);
				}
			}
			server_flush(machine->server);
		}
		return;
	}
	/* Unmasked first: what comes while a ring is looked at is an event of its own. */
	if (write((int)fd, ports, (size_t)size) != size) {
		engine_log(machine->server->engine, "/dev/xen/evtchn: %s", strerror(errno));
	}
	for (size_t i = 0; i < (size_t)size / sizeof(*ports); i++) {
		on_port(machine, ports[i]);
	}
	server_flush(machine->server);
}

/* ---- Start and end ----------------------------------------------------------- */

static int open_device(int *fd, const char *path, struct vl_error *error)
{
	int rc;

	*fd = open(path, O_RDWR | O_CLOEXEC);
	if (*fd < 0) {
		rc = -errno;
		return vl_error_set(error, rc,
				    "%s: %s (is this a control domain, and the kernel's module "
				    "loaded?)",
				    path, strerror(-rc));
	}
	return 0;
}

int machine_open(struct server *server, struct machine **out, struct vl_error *error)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct bind_virq virq = { VIRQ_DOM_EXC };
	int port, rc;

	if (!machine) {
		return vl_error_set(error, -ENOMEM, "out of memory");
	}
	machine->server = server;
	machine->evtchn = machine->gntdev = machine->backend = -1;
	TAILQ_INIT(&machine->waiting);
	rc = open_device(&machine->evtchn, "/dev/xen/evtchn", error);
	rc = rc ? rc : open_device(&machine->gntdev, "/dev/xen/gntdev", error);
	rc = rc ? rc : open_device(&machine->backend, "/dev/xen/xenbus_backend", error);
	rc = rc ? rc : core_open(&machine->core, error);
	if (rc == 0) {
		port = ioctl(machine->evtchn, EVTCHN_BIND_VIRQ, &virq);
		if (port < 0) {
			rc = vl_error_set(error, -errno,
					  "VIRQ_DOM_EXC is taken: another store daemon runs?");
		} else {
			machine->virq_port = (unsigned int)port;
		}
	}
	if (rc == 0) {
		machine->event = event_new(server->base, machine->evtchn, EV_READ | EV_PERSIST,
					   on_evtchn, machine);
		machine->turn = evtimer_new(server->base, on_turn, machine);
		if (!machine->event || !machine->turn || event_add(machine->event, NULL)) {
			rc = vl_error_set(error, -ENOMEM, "out of memory");
		}
	}
	if (rc) {
		machine_close(machine);
		return rc;
	}
	*out = machine;
	return 0;
}

int machine_start(struct machine *machine, struct vl_error *error)
{
	struct engine *engine = machine->server->engine;
	struct domain *domain;
	int port, rc;

	for (unsigned int i = 0; i < DOMID_END; i++) {
		domain = engine->domain[i];
		if (domain && machine_attach(machine, domain, true)) {
			/* It has ended meanwhile. */
			domain_release(engine, (uint16_t)i);
		}
	}
	if (!domain_find(engine, 0)) {
		port = ioctl(machine->backend, BACKEND_EVTCHN);
		rc = port <= 0 ? -ENODEV : domain_introduce(engine, 0, 0, (uint32_t)port);
		if (rc) {
			return vl_error_set(error, rc,
					    "the kernel's own ring cannot be reached through "
					    "/dev/xen/xenbus_backend");
		}
	}
	state_commit(engine);
	check_domains(machine);
	return 0;
}

void machine_close(struct machine *machine)
{
	if (machine->event) {
		event_free(machine->event);
	}
	if (machine->turn) {
		event_free(machine->turn);
	}
	core_close(machine->core);
	for (int *fd = (int[]){ machine->evtchn, machine->gntdev, machine->backend, -1 }; *fd >= 0;
	     fd++) {
		close(*fd);
	}
	free(machine->by_port);
	free(machine);
}
