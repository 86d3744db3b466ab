/* SPDX-License-Identifier: MIT */
/*
 * The guests that vld knows.  Called by server.c for events of the store, ports
 * and timers, and by others to find a guest.  It decides that a guest has ended;
 * what follows from that is ending.c's.
 *
 * Nothing is remembered that the core and the run directory do not know better:
 * a scan gives the same whether vld was there all the time or begins now.
 */
#include "guests.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/sched.h>

#include "ending.h"
#include "say.h"

struct guest *guests_get(struct vld *vld, uint16_t domid)
{
	return domid < VL_DOMID_END ? vld->by_domid[domid] : NULL;
}

const char *guest_name(const struct guest *guest)
{
	return guest->console.scroll.header->name;
}

struct guest *guests_find(struct vld *vld, const char *name)
{
	struct guest *found = NULL;
	uint16_t domid;
	char *end;
	unsigned long number;

	/* Its name may have changed: the store knows. */
	if (vld->host->find(vld->host, name, &domid, NULL) == 0) {
		if (!guests_get(vld, domid)) {
			guests_scan(vld);
		}
		if (guests_get(vld, domid)) {
			return guests_get(vld, domid);
		}
	}
	for (struct guest *guest = vld->guests; guest; guest = guest->next) {
		if (strcmp(guest_name(guest), name) == 0 &&
		    (!found ||
		     guest->console.scroll.header->ended > found->console.scroll.header->ended)) {
			found = guest;
		}
	}
	if (found) {
		return found;
	}
	number = strtoul(name, &end, 10);
	if (end == name || *end || number >= VL_DOMID_END) {
		return NULL;
	}
	return guests_get(vld, (uint16_t)number);
}

static void guest_insert(struct vld *vld, struct guest *guest)
{
	guest->next = vld->guests;
	vld->guests = guest;
	vld->by_domid[guest->domid] = guest;
}

static void guest_free(struct vld *vld, struct guest *guest)
{
	struct guest **link = &vld->guests;

	while (*link != guest) {
		link = &(*link)->next;
	}
	*link = guest->next;
	vld->by_domid[guest->domid] = NULL;
	for (size_t port = 0; port < vld->by_port_count; port++) {
		if (vld->by_port[port] == guest) {
			vld->by_port[port] = NULL;
		}
	}
	console_close(&guest->console);
	free(guest);
}

/* Forgets a guest and the file of its scroll-back. */
static void guest_forget(struct vld *vld, struct guest *guest)
{
	char file[32], path[4096];

	snprintf(file, sizeof(file), "console/%u", guest->domid);
	if (vld_path(vld, file, path, sizeof(path)) == 0) {
		unlink(path);
	}
	guest_free(vld, guest);
}

static int port_remember(struct vld *vld, struct guest *guest, size_t port)
{
	if (port >= vld->by_port_count) {
		size_t count = (port + 64) & ~(size_t)63;
		struct guest **table = realloc(vld->by_port, count * sizeof(*table));

		if (!table) {
			return -ENOMEM;
		}
		memset(table + vld->by_port_count, 0,
		       (count - vld->by_port_count) * sizeof(*table));
		vld->by_port = table;
		vld->by_port_count = count;
	}
	vld->by_port[port] = guest;
	return 0;
}

void guests_port(struct vld *vld, uint32_t port)
{
	struct guest *guest = port < vld->by_port_count ? vld->by_port[port] : NULL;

	/* A port that was bound anew for another guest stays in the table of the
	 * last; only the one that has it now is meant. */
	if (guest && guest->console.port == (int)port) {
		console_event(&guest->console);
	}
}

static void guest_attach(struct vld *vld, struct guest *guest)
{
	struct console *console = &guest->console;
	struct vl_error error;
	int rc;

	if (console->ring.page || console->broken || console->over) {
		return;
	}
	rc = console_attach(console, &error);
	if (rc == 0 && console->port >= 0 &&
	    port_remember(vld, guest, (size_t)console->port) != 0) {
		console_detach(console);
		rc = vl_error_set(&error, -ENOMEM, "no memory");
	}
	if (rc && rc != -ENOENT && !guest->no_console_said) {
		say("%s (domain %u) has no console: %s", guest_name(guest), guest->domid,
		    error.text);
		guest->no_console_said = true;
	}
}

/* How far an earlier vld has got with it; whether it is still there, the scan says. */
static void guest_resume(struct guest *guest)
{
	const struct scroll_header *header = guest->console.scroll.header;

	if (header->ended) {
		guest->state = header->settled ? GUEST_PRESERVED : GUEST_ENDING;
		guest->console.over = true;
	}
}

/*
 * A new guest has the name that another one was started under, so that one was
 * renamed since: it leaves the log to the new one.
 */
static void leave_log(struct vld *vld, const char *name)
{
	for (struct guest *guest = vld->guests; guest; guest = guest->next) {
		char *now = NULL;

		if (guest->state == GUEST_RUNNING && strcmp(guest_name(guest), name) == 0 &&
		    vld->host->name(vld->host, guest->domid, &now, NULL) == 0 && now && *now &&
		    strcmp(now, name) != 0) {
			say("%s is named %s now, and so is its log", name, now);
			console_renamed(&guest->console, now);
		}
		free(now);
	}
}

static struct guest *guest_add(struct vld *vld, const struct vl_domain_info *info)
{
	struct scroll_owner owner = { .created = info->created, .domid = info->domid };
	struct guest *guest = calloc(1, sizeof(*guest));
	struct vl_error error = { "no memory" };
	char fallback[32], *name = NULL;

	memcpy(owner.handle, info->handle, sizeof(owner.handle));
	/* Without a name in the store it is not there yet for us: its creation is
	 * under way, and another event will come. */
	if (!guest || vld->host->name(vld->host, info->domid, &name, &error)) {
		free(guest);
		return NULL;
	}
	snprintf(fallback, sizeof(fallback), "domain-%u", info->domid);
	owner.name = name && *name ? name : fallback;
	leave_log(vld, owner.name);
	if (console_open(vld, &guest->console, &owner, &error)) {
		say("domain %u: %s", info->domid, error.text);
		free(name);
		free(guest);
		return NULL;
	}
	free(name);
	guest->vld = vld;
	guest->domid = info->domid;
	guest_resume(guest);
	guest_insert(vld, guest);
	return guest;
}

static bool guest_is(const struct guest *guest, const struct vl_domain_info *info)
{
	const struct scroll_header *header = guest->console.scroll.header;

	return header->created == info->created &&
	       memcmp(header->handle, info->handle, sizeof(header->handle)) == 0;
}

/* One domain of the core's list. */
static void scan_one(struct vld *vld, const struct vl_domain_info *info)
{
	struct guest *guest = guests_get(vld, info->domid);

	if (guest && !guest_is(guest, info)) {
		/* The number is another guest's now. */
		ending_gone(guest);
		guest_free(vld, guest);
		guest = NULL;
	}
	if (info->flags & VL_DOMAIN_dying) {
		if (guest && guest->state != GUEST_ENDED) {
			ending_gone(guest);
		}
		ending_dying(vld, info->domid);
		return;
	}
	if (!guest) {
		guest = guest_add(vld, info);
	}
	if (!guest) {
		return;
	}
	guest->seen = true;
	if (guest->state == GUEST_RUNNING) {
		guest_attach(vld, guest);
	}
	if ((info->flags & VL_DOMAIN_shutdown) && info->shutdown_reason != SHUTDOWN_suspend) {
		ending_shutdown(guest, info->shutdown_reason);
	}
}

/* Is the domain in the list, which is in order of numbers? */
static const struct vl_domain_info *listed(const struct vl_domain_info *list, size_t count,
					   uint16_t domid)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list[middle].domid == domid) {
			return &list[middle];
		}
		if (list[middle].domid < domid) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

void guests_scan(struct vld *vld)
{
	struct vl_domain_info *list;
	struct vl_error error;
	size_t count;

	vld->scanned = vld_ms();
	if (vld->host->list(vld->host, &list, &count, &error)) {
		say("the core does not list its domains: %s", error.text);
		guests_scan_soon(vld, 1000);
		return;
	}
	for (struct guest *guest = vld->guests; guest; guest = guest->next) {
		if (guest->state != GUEST_ENDED && !listed(list, count, guest->domid)) {
			ending_gone(guest);
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (list[i].domid != 0 && list[i].domid < VL_DOMID_END) {
			scan_one(vld, &list[i]);
		}
	}
	free(list);
	guests_expire(vld);
}

void guests_scan_soon(struct vld *vld, unsigned int ms)
{
	struct timeval wait = { ms / 1000, (ms % 1000) * 1000L };
	uint64_t due = vld_ms() + ms;

	if (event_pending(&vld->scan_timer, EV_TIMEOUT, NULL) && vld->scan_due <= due) {
		return;
	}
	vld->scan_due = due;
	event_add(&vld->scan_timer, &wait);
}

/* A file of the folder: the guest may be in the core's list, which is not known yet. */
static void recover_one(struct vld *vld, const char *file)
{
	struct guest *guest;
	char *end, path[4096], name[64];
	int rc;
	unsigned long domid = strtoul(file, &end, 10);

	if (*end || end == file || domid == 0 || domid >= VL_DOMID_END ||
	    snprintf(name, sizeof(name), "console/%lu", domid) < 0 ||
	    vld_path(vld, name, path, sizeof(path)) || guests_get(vld, (uint16_t)domid)) {
		return;
	}
	guest = calloc(1, sizeof(*guest));
	if (!guest) {
		return;
	}
	guest->vld = vld;
	guest->domid = (uint16_t)domid;
	rc = console_reopen(vld, &guest->console, path, NULL);
	if (rc) {
		if (rc == -EINVAL) {
			unlink(path); /* half made, or none of ours */
		}
		free(guest);
		return;
	}
	guest_insert(vld, guest);
	guest_resume(guest);
}

void guests_recover(struct vld *vld)
{
	char path[4096];
	struct dirent *entry;
	DIR *folder;

	if (vld_path(vld, "console", path, sizeof(path))) {
		return;
	}
	folder = opendir(path);
	if (!folder) {
		return;
	}
	while ((entry = readdir(folder)) != NULL) {
		recover_one(vld, entry->d_name);
	}
	closedir(folder);
}

void guests_expire(struct vld *vld)
{
	uint64_t now = vld_seconds();
	struct guest *next, *oldest;
	size_t ended;

	for (struct guest *guest = vld->guests; guest; guest = next) {
		next = guest->next;
		if (guest->state == GUEST_ENDED && !guest->console.viewers && !guest->job &&
		    now >= guest->console.scroll.header->ended + vld->options.keep) {
			guest_forget(vld, guest);
		}
	}
	do {
		ended = 0;
		oldest = NULL;
		for (struct guest *guest = vld->guests; guest; guest = guest->next) {
			if (guest->state != GUEST_ENDED || guest->job) {
				continue;
			}
			ended++;
			if (!oldest || guest->console.scroll.header->ended <
					       oldest->console.scroll.header->ended) {
				oldest = guest;
			}
		}
		if (oldest && ended > vld->options.keep_count) {
			guest_forget(vld, oldest);
		}
	} while (ended > vld->options.keep_count + 1);
}

void guests_free(struct vld *vld)
{
	while (vld->guests) {
		guest_free(vld, vld->guests);
	}
	free(vld->by_port);
	vld->by_port = NULL;
	vld->by_port_count = 0;
}
