/* SPDX-License-Identifier: MIT */
/*
 * Ends of guests.  Called by guests.c alone, for each scan again as long as a
 * guest is there that has ended: every step looks whether it was done before, so
 * that a vld that begins in the middle finishes it.  Slow work is a job's.
 */
#include "ending.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/sched.h>

#include "client.h"
#include "ends.h"
#include "guests.h"
#include "job.h"
#include "restart.h"
#include "say.h"
#include "viewer.h"

static const char *const action_names[] = {
	[VL_ACTION_DESTROY] = "destroy",
	[VL_ACTION_RESTART] = "restart",
	[VL_ACTION_RENAME_RESTART] = "rename-restart",
	[VL_ACTION_PRESERVE] = "preserve",
	[VL_ACTION_COREDUMP_DESTROY] = "coredump-destroy",
	[VL_ACTION_COREDUMP_RESTART] = "coredump-restart",
	[VL_ACTION_SOFT_RESET] = "soft-reset",
};

const char *vld_reason_name(unsigned int reason)
{
	switch (reason) {
	case SHUTDOWN_poweroff:
		return "poweroff";
	case SHUTDOWN_reboot:
		return "reboot";
	case SHUTDOWN_suspend:
		return "suspend";
	case SHUTDOWN_crash:
		return "crash";
	case SHUTDOWN_watchdog:
		return "watchdog";
	case SHUTDOWN_soft_reset:
		return "soft-reset";
	case END_DESTROYED:
		return "destroyed";
	case END_UNKNOWN:
		return "unknown";
	default:
		return "other";
	}
}

static enum vl_action action_for(const struct vld_actions *actions, unsigned int reason)
{
	switch (reason) {
	case SHUTDOWN_poweroff:
		return actions->poweroff;
	case SHUTDOWN_reboot:
		return actions->reboot;
	case SHUTDOWN_watchdog:
		return actions->watchdog;
	case SHUTDOWN_soft_reset:
		return actions->soft_reset;
	default:
		return actions->crash;
	}
}

/* What is not offered becomes what comes nearest, with a line that says so. */
static enum vl_action action_offered(const struct guest *guest, enum vl_action action)
{
	enum vl_action offered;

	switch (action) {
	case VL_ACTION_COREDUMP_DESTROY:
		offered = VL_ACTION_DESTROY;
		break;
	case VL_ACTION_COREDUMP_RESTART:
		offered = VL_ACTION_RESTART;
		break;
	case VL_ACTION_SOFT_RESET:
		offered = VL_ACTION_DESTROY;
		break;
	default:
		return action;
	}
	say("%s: %s is not offered yet: %s instead", guest_name(guest), action_names[action],
	    action_names[offered]);
	return offered;
}

/* It may have been renamed while it ran: what follows is under the name it has now. */
static void take_name(struct guest *guest)
{
	struct vld_host *host = guest->vld->host;
	struct scroll_header *header = guest->console.scroll.header;
	char *name = NULL;

	if (!header->ended && host->name(host, guest->domid, &name, NULL) == 0 && name && *name) {
		snprintf(header->name, SCROLL_NAME_SIZE, "%s", name);
	}
	free(name);
}

/* Takes the last output and writes the end down, once. */
static void end_note(struct guest *guest, unsigned int reason, const char *action)
{
	struct vld *vld = guest->vld;
	struct console *console = &guest->console;
	struct scroll_header *header = console->scroll.header;
	struct vl_crash_reason crash = { "" };
	char line[512];

	console_drain(console);
	if (header->ended) {
		console->over = true;
		return;
	}
	if (reason == SHUTDOWN_crash &&
	    vld->host->crash_reason(vld->host, guest->domid, &crash, NULL)) {
		crash.text[0] = '\0';
	}
	crash.text[sizeof(crash.text) - 1] = '\0';
	snprintf(line, sizeof(line), "%s (domain %u) has ended: %s%s%s; action: %s", header->name,
		 guest->domid, vld_reason_name(reason), crash.text[0] ? ": " : "", crash.text,
		 action);
	say("%s", line);
	guest_log_line(&console->log, &console->scroll, line);
	ends_add(vld, guest, reason, action, crash.text);
	header->ended = vld_seconds();
	console->over = true;
	viewers_more(console);
}

/* The end is complete: who waits for it is told. */
static void end_complete(struct guest *guest, enum guest_state state)
{
	guest->state = state;
	guest->console.scroll.header->settled = 1;
	client_ended(guest->vld, guest->domid);
}

/* Later each time; the timer scans again. */
static void guest_retry(struct guest *guest)
{
	uint64_t delay = guest->vld->options.retry;

	guest->retry = vld_seconds() + (delay << (guest->failures < 5 ? guest->failures : 5));
	guest->failures++;
}

static void end_done(struct vld *vld, const struct job *job, int rc, const char *text)
{
	struct guest *guest = guests_get(vld, job->domid);

	if (rc < 0) {
		/* The domain may be gone nevertheless: then no scan finds it again. */
		vld->unfinished = true;
		vld->sweep_due = vld_seconds() + 1;
	}
	if (!guest) {
		return;
	}
	guest->job = false;
	if (rc < 0) {
		guest_retry(guest);
		say("%s (domain %u) could not be ended: %s; tried again", guest_name(guest),
		    guest->domid, text);
		return;
	}
	guest->failures = 0;
	if (job->kind == JOB_RENAME) {
		snprintf(guest->console.scroll.header->name, SCROLL_NAME_SIZE, "%s", job->text);
		end_complete(guest, GUEST_PRESERVED);
		restart_due(vld);
	}
	guests_scan_soon(vld, 0);
}

/* How much of a name may have more behind it: whole characters, as half of one of
 * several bytes would be no name. */
static int stem_length(const char *name)
{
	int length = (int)strnlen(name, 100);

	while (length > 0 && ((unsigned char)name[length] & 0xc0) == 0x80) {
		length--;
	}
	return length;
}

/* A new name for the one that stays: NAME-1, NAME-2, ... */
static int other_name(struct guest *guest, char *name, size_t size)
{
	struct vld_host *host = guest->vld->host;
	int length = stem_length(guest_name(guest));

	for (unsigned int number = 1; number < 1000; number++) {
		uint16_t domid;
		int rc;

		snprintf(name, size, "%.*s-%u", length, guest_name(guest), number);
		rc = host->find(host, name, &domid, NULL);
		/* It may have this one already, from an attempt that failed later. */
		if (rc == -ESRCH || (rc == 0 && domid == guest->domid)) {
			return 0;
		}
	}
	return -EEXIST;
}

static void end_begin(struct guest *guest, enum job_kind kind)
{
	struct vld *vld = guest->vld;
	struct job_spec spec = { .kind = kind, .domid = guest->domid, .done = end_done };
	char name[SCROLL_NAME_SIZE] = "";

	if (guest->job || vld_seconds() < guest->retry) {
		return;
	}
	if (kind == JOB_RENAME && other_name(guest, name, sizeof(name))) {
		say("%s: no free name to preserve it under", guest_name(guest));
		return;
	}
	spec.text = name;
	guest->job = true;
	if (job_start(vld, &spec)) {
		guest->job = false;
		say("%s: no memory to end it now", guest_name(guest));
	}
}

/* A restart is written down before anything of the guest goes away. */
static void end_restart(struct guest *guest, const char *json, unsigned int reason)
{
	const struct scroll_header *header = guest->console.scroll.header;
	uint64_t ended = header->ended;
	uint64_t uptime = ended > header->started ? ended - header->started : 0;

	restart_plan(guest->vld, guest_name(guest), guest->domid, json, uptime,
		     vld_reason_name(reason));
}

/*
 * Nothing is known about what is to happen.  A guest without a record is somebody
 * else's.  One whose record is damaged can only be taken away: nobody could start
 * it anew, and what has ended would keep its memory and its disks.  All else may
 * pass; damage is looked at twice, as a reader without memory sees it, too.
 */
static bool record_later(struct guest *guest, int rc, const struct vl_error *error)
{
	bool damaged = rc == -EINVAL || rc == -EFBIG;

	if (rc == 0 || rc == -ENOENT || (damaged && guest->failures > 0)) {
		return false;
	}
	if (guest->failures == 0) {
		say("%s (domain %u) has ended, and: %s; tried again", guest_name(guest),
		    guest->domid, error->text);
	}
	guest_retry(guest);
	guest->state = GUEST_ENDING;
	return true;
}

static enum vl_action action_without_record(const struct guest *guest, int rc,
					    const struct vl_error *error)
{
	enum vl_action action = rc == -ENOENT ? VL_ACTION_PRESERVE : VL_ACTION_DESTROY;

	if (!guest->console.scroll.header->ended) {
		say("%s: %s; %s", guest_name(guest), error->text,
		    rc == -ENOENT ? "it stays as it is" : "it is destroyed");
	}
	return action;
}

void ending_shutdown(struct guest *guest, unsigned int reason)
{
	struct vld *vld = guest->vld;
	struct vld_actions actions;
	enum vl_action action;
	struct vl_error error;
	char *json = NULL;
	int rc;

	if (guest->state == GUEST_PRESERVED || guest->state == GUEST_ENDED || guest->job ||
	    vld_seconds() < guest->retry) {
		return;
	}
	take_name(guest);
	rc = vld->host->config(vld->host, guest->domid, &actions, &json, &error);
	if (record_later(guest, rc, &error)) {
		return;
	}
	action = rc ? action_without_record(guest, rc, &error) :
		      action_offered(guest, action_for(&actions, reason));
	guest->state = GUEST_ENDING;
	end_note(guest, reason, action_names[action]);
	console_detach(&guest->console);
	switch (action) {
	case VL_ACTION_PRESERVE:
		end_complete(guest, GUEST_PRESERVED);
		break;
	case VL_ACTION_RENAME_RESTART:
		end_restart(guest, json, reason);
		end_begin(guest, JOB_RENAME);
		break;
	case VL_ACTION_RESTART:
		end_restart(guest, json, reason);
		end_begin(guest, JOB_END);
		break;
	default:
		end_begin(guest, JOB_END);
		break;
	}
	free(json);
}

void ending_gone(struct guest *guest)
{
	if (guest->state == GUEST_ENDED) {
		return;
	}
	end_note(guest, guest->seen ? END_DESTROYED : END_UNKNOWN, "none");
	console_detach(&guest->console);
	end_complete(guest, GUEST_ENDED);
	restart_due(guest->vld);
}

void ending_dying(struct vld *vld, uint16_t domid)
{
	struct vl_error error;
	int rc = vld->host->destroy_again(vld->host, domid, &error);

	/* Who still maps its frames lets go some time; the store tells of that. */
	if (rc == -EBUSY) {
		guests_scan_soon(vld, 2000);
	} else if (rc && rc != -ESRCH) {
		say("domain %u is dying, and: %s", domid, error.text);
	}
}
