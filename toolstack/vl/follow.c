/* SPDX-License-Identifier: MIT */
/*
 * Guests on their way to an end, for ask.c.
 *
 * A request can get lost: a kernel takes it before there is a program that could
 * end the guest (in an initramfs, say), or while it reboots anyway.  So it is
 * repeated until the guest has ended, and a guest that is to be off, but comes to
 * an end of another kind, is not started anew; where it has been already, the new
 * life is followed.  Domains are told apart by their time of creation: numbers
 * come again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/sched.h>

#include "ask.h"
#include "libvellum/common.h"
#include "restarts.h"

/* Should the store miss an end, the core is asked again after so long. */
#define LOOK_AGAIN_MS 5000u
/* A request is repeated after so long, then after twice that, ... */
#define GAP_MS 10000u
#define GAP_MAX_MS 60000u
/* vld does within that what follows from an end. */
#define SETTLE_MS 60000

struct target {
	uint16_t domid;
	uint64_t created;
	int64_t asked; /* when it was last, in milliseconds */
	int64_t gap;   /* until it is asked again */
	bool over;
};

struct follow {
	struct cli *cli;
	const struct ask *ask;
	struct target *list;
	size_t count;
	int64_t begun;
	int rc;
};

/* The target is that domain from now on; it is asked if it runs. */
static void target_ask(struct follow *follow, struct target *target,
		       const struct vl_domain_info *info)
{
	*target = (struct target){
		.domid = (uint16_t)info->domid,
		.created = info->created,
		.asked = vl_now_ms(),
		.gap = GAP_MS,
	};
	if (!has_ended(info) && ask_domain(follow->cli, follow->ask, info) != CLI_OK) {
		follow->rc = CLI_FAIL;
		target->over = true;
	}
}

static int target_add(struct follow *follow, const struct vl_domain_info *info)
{
	struct target *list;

	list = realloc(follow->list, (follow->count + 1) * sizeof(*list));
	if (!list) {
		follow->rc = cli_fail("there is no memory left");
		return -ENOMEM;
	}
	follow->list = list;
	target_ask(follow, &list[follow->count++], info);
	return 0;
}

/* The domain has ended: is that the end of the guest, too? */
static void target_settle(struct follow *follow, struct target *target)
{
	const struct ask *ask = follow->ask;
	struct cli *cli = follow->cli;
	struct vl_domain_info info;
	struct vl_error error;
	struct vl_end end;
	uint16_t domid;
	int rc;

	target->over = true;
	if (!ask->for_off || !restarts_end(target->domid, SETTLE_MS, &end) ||
	    !strstr(end.action, "restart") || (!strcmp(end.reason, "poweroff") && !ask->for_good)) {
		return;
	}
	rc = restarts_forget(cli, end.name, &error);
	if (rc) {
		follow->rc = rc > 0 ? follow->rc : cli_fail("%s", error.text);
		return;
	}
	/* It has a new life, perhaps, and that is what counts. */
	rc = restarts_find(cli, end.name, true, &domid, &error);
	if (rc < 0 && rc != -ESRCH) {
		follow->rc = cli_fail("%s", error.text);
	}
	if (rc > 0 && domid != target->domid &&
	    vl_ctl_info(cli->host.ctl, domid, &info, NULL) == 0) {
		target_ask(follow, target, &info);
	}
}

static void target_look(struct follow *follow, struct target *target)
{
	struct cli *cli = follow->cli;
	struct vl_domain_info info;
	struct vl_error error;
	int64_t now = vl_now_ms();
	int rc = vl_ctl_info(cli->host.ctl, target->domid, &info, &error);

	if (rc == 0 && info.created != target->created) {
		rc = -ESRCH;
	}
	if (rc == -ESRCH || (rc == 0 && (info.flags & VL_DOMAIN_dying))) {
		cli_say(cli, "Domain %u has been destroyed", target->domid);
		target_settle(follow, target);
	} else if (rc) {
		follow->rc = cli_fail("%s", error.text);
		target->over = true;
	} else if (info.flags & VL_DOMAIN_shutdown) {
		cli_say(cli, "Domain %u has been shut down, reason code %u", target->domid,
			info.shutdown_reason);
		target->over = true;
		if (info.shutdown_reason != SHUTDOWN_suspend) {
			target_settle(follow, target);
		}
	} else if (now - target->asked >= target->gap) {
		cli_say(cli, "Domain %u has not ended yet and is asked again", target->domid);
		/* It may end just now: the next look tells. */
		vl_guest_ask(&cli->host, target->domid, follow->ask->what, NULL);
		target->asked = now;
		target->gap = target->gap * 2 < GAP_MAX_MS ? target->gap * 2 : GAP_MAX_MS;
	}
}

bool domain_ended(struct cli *cli, uint16_t domid, uint64_t created)
{
	struct vl_domain_info now;
	int rc = vl_ctl_info(cli->host.ctl, domid, &now, NULL);

	return rc == -ESRCH ||
	       (!rc && (now.created != created ||
			(has_ended(&now) && now.shutdown_reason != SHUTDOWN_suspend)));
}

static bool is_known(const struct follow *follow, const struct vl_domain_info *info)
{
	for (size_t i = 0; i < follow->count; i++) {
		if (follow->list[i].domid == info->domid &&
		    follow->list[i].created == info->created) {
			return true;
		}
	}
	return false;
}

/* "All, for good" means those, too, that began to live meanwhile. */
static bool follow_more(struct follow *follow)
{
	struct cli *cli = follow->cli;
	struct vl_domain_info *infos;
	struct vl_error error;
	size_t count, before = follow->count;
	int rc;

	if (!follow->ask->all || !follow->ask->for_good) {
		return false;
	}
	rc = restarts_forget_all(cli);
	follow->rc = follow->rc == CLI_OK ? rc : follow->rc;
	if (vl_ctl_list(cli->host.ctl, 1, &infos, &count, &error)) {
		follow->rc = cli_fail("%s", error.text);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (!has_ended(&infos[i]) && !is_known(follow, &infos[i]) &&
		    target_add(follow, &infos[i])) {
			break;
		}
	}
	free(infos);
	return follow->count > before;
}

/* The limit is over: whoever is left is destroyed, and named. */
static void follow_cut(struct follow *follow)
{
	struct cli *cli = follow->cli;

	for (size_t i = 0; i < follow->count; i++) {
		const struct target *target = &follow->list[i];
		char *name = NULL;

		if (target->over) {
			continue;
		}
		if (vl_guest_name(&cli->host, target->domid, &name, NULL)) {
			name = NULL;
		}
		follow->rc =
			cli_fail("guest %s (domain %u) has not ended within %llu s and is "
				 "destroyed",
				 name ? name : "without a name", target->domid, follow->ask->limit);
		free(name);
		restarts_destroy(cli, target->domid);
	}
}

static bool follow_round(struct follow *follow)
{
	bool running = false;

	for (size_t i = 0; i < follow->count; i++) {
		if (!follow->list[i].over) {
			target_look(follow, &follow->list[i]);
		}
		running = running || !follow->list[i].over;
	}
	return running;
}

static void follow_wait(struct follow *follow)
{
	int64_t limit = (int64_t)follow->ask->limit * 1000, wait, passed;

	while (follow_round(follow) || follow_more(follow)) {
		passed = vl_now_ms() - follow->begun;
		if (limit && passed >= limit) {
			follow_cut(follow);
			break;
		}
		wait = limit && limit - passed < LOOK_AGAIN_MS ? limit - passed : LOOK_AGAIN_MS;
		domains_wait_news(follow->cli, (int)wait);
	}
}

/* Nobody waits, but one that has just ended is to be off all the same. */
static void follow_ended(struct follow *follow)
{
	for (size_t i = 0; i < follow->count; i++) {
		struct target *target = &follow->list[i];

		while (!target->over && domain_ended(follow->cli, target->domid, target->created)) {
			target_settle(follow, target);
		}
	}
}

int follow(struct cli *cli, const struct ask *ask, const struct vl_domain_info *list, size_t count)
{
	struct follow follow = { .cli = cli, .ask = ask, .begun = vl_now_ms() };
	size_t waiting = 0;

	if (ask->wait && domains_wait_begin(cli) != CLI_OK) {
		return CLI_FAIL;
	}
	/* All are asked, even if one of them cannot be. */
	for (size_t i = 0; i < count && target_add(&follow, &list[i]) == 0; i++) {}
	for (size_t i = 0; i < follow.count; i++) {
		waiting += !follow.list[i].over;
	}
	if (!ask->wait) {
		follow_ended(&follow);
	} else if (waiting > 0 || ask->for_good) {
		if (waiting > 0) {
			cli_say(cli, "Waiting for %zu domain%s", waiting, waiting > 1 ? "s" : "");
		}
		follow_wait(&follow);
	}
	free(follow.list);
	return follow.rc;
}
