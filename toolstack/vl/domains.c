/* SPDX-License-Identifier: MIT */
/*
 * The domains that a verb is about: what the core knows about each, with its
 * name of the store; and the wait for their end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/*
 * A domain can go between two questions.  Without a name is one that dies, or
 * that somebody else makes at this moment.  CLI_OK with *name null: it is gone.
 */
static int name_of(struct cli *cli, const struct vl_domain_info *info, char **name)
{
	struct vl_domain_info again;
	struct vl_error error;
	int rc = vl_guest_name(&cli->host, info->domid, name, &error);

	if (rc == 0) {
		return CLI_OK;
	}
	*name = NULL;
	if (rc != -ESRCH && rc != -ENOENT) {
		return cli_fail("%s", error.text);
	}
	rc = vl_ctl_info(cli->host.ctl, info->domid, &again, &error);
	if (rc == -ESRCH) {
		return CLI_OK;
	}
	if (rc) {
		return cli_fail("%s", error.text);
	}
	*name = strdup(again.flags & VL_DOMAIN_dying ? "(dying)" : "(unnamed)");
	return *name ? CLI_OK : cli_fail("there is no memory left");
}

static int add(struct cli *cli, struct domains *domains, const struct vl_domain_info *info)
{
	struct domain *domain = &domains->list[domains->count];
	int rc = name_of(cli, info, &domain->name);

	if (rc == CLI_OK && domain->name) {
		domain->info = *info;
		domains->count++;
	}
	return rc;
}

static int get_all(struct cli *cli, struct domains *domains)
{
	struct vl_domain_info *infos;
	struct vl_error error;
	size_t count;
	int rc = CLI_OK;

	if (vl_ctl_list(cli->host.ctl, 0, &infos, &count, &error)) {
		return cli_fail("%s", error.text);
	}
	domains->list = calloc(count ? count : 1, sizeof(*domains->list));
	if (!domains->list) {
		free(infos);
		return cli_fail("there is no memory left");
	}
	for (size_t i = 0; i < count && rc == CLI_OK; i++) {
		rc = add(cli, domains, &infos[i]);
	}
	free(infos);
	return rc;
}

static int get_named(struct cli *cli, char **names, int count, struct domains *domains)
{
	struct vl_domain_info info;
	struct vl_error error;
	uint16_t domid;
	int rc = CLI_OK;

	domains->list = calloc((size_t)count, sizeof(*domains->list));
	if (!domains->list) {
		return cli_fail("there is no memory left");
	}
	for (int i = 0; i < count && rc == CLI_OK; i++) {
		rc = cli_find(cli, names[i], &domid);
		if (rc == CLI_OK && vl_ctl_info(cli->host.ctl, domid, &info, &error)) {
			rc = cli_fail("%s", error.text);
		}
		if (rc == CLI_OK) {
			rc = add(cli, domains, &info);
		}
	}
	return rc;
}

int domains_get(struct cli *cli, char **names, int count, struct domains *domains)
{
	int rc = cli_host(cli);

	*domains = (struct domains){ 0 };
	if (rc == CLI_OK) {
		rc = count > 0 ? get_named(cli, names, count, domains) : get_all(cli, domains);
	}
	if (rc != CLI_OK) {
		domains_free(domains);
	}
	return rc;
}

void domains_free(struct domains *domains)
{
	for (size_t i = 0; i < domains->count; i++) {
		free(domains->list[i].name);
	}
	free(domains->list);
	*domains = (struct domains){ 0 };
}

/* ---- Their end --------------------------------------------------------------- */

#define RELEASE "@releaseDomain"
/* Should the store miss an end, the core is asked again after so long. */
#define LOOK_AGAIN_MS 5000
/* The same without a store: its daemon was ended, or is started anew. */
#define POLL_US 250000

int domains_wait_begin(struct cli *cli)
{
	struct vl_error error;

	if (vl_store_watch(cli->host.store, RELEASE, "vl", &error)) {
		return cli_fail("%s", error.text);
	}
	return CLI_OK;
}

/* 1: it has ended, which was said; 0: not yet; negative: an error, which was said. */
static int has_ended(struct cli *cli, uint16_t domid)
{
	struct vl_domain_info info;
	struct vl_error error;
	int rc = vl_ctl_info(cli->host.ctl, domid, &info, &error);

	if (rc == -ESRCH || (rc == 0 && (info.flags & VL_DOMAIN_dying))) {
		cli_say(cli, "Domain %u has been destroyed", domid);
		return 1;
	}
	if (rc) {
		cli_fail("%s", error.text);
		return -1;
	}
	if (info.flags & VL_DOMAIN_shutdown) {
		cli_say(cli, "Domain %u has been shut down, reason code %u", domid,
			info.shutdown_reason);
		return 1;
	}
	return 0;
}

/* Something may have changed: an event came, or time went by. */
static void wait_for_news(struct cli *cli, bool *watching)
{
	char *path, *token;
	struct vl_error error;
	int rc = 0;

	if (*watching) {
		rc = vl_store_event(cli->host.store, LOOK_AGAIN_MS, &path, &token, &error);
	}
	if (rc > 0) {
		free(path);
		free(token);
	}
	if (rc < 0) {
		*watching = false;
	}
	if (!*watching) {
		usleep(POLL_US);
	}
}

int domains_wait(struct cli *cli, const uint16_t *domids, size_t count)
{
	bool *ended = calloc(count ? count : 1, sizeof(*ended)), watching = true;
	size_t left = count;
	int rc = CLI_OK;

	if (!ended) {
		return cli_fail("there is no memory left");
	}
	while (rc == CLI_OK) {
		for (size_t i = 0; i < count && rc == CLI_OK; i++) {
			int end = ended[i] ? 0 : has_ended(cli, domids[i]);

			if (end < 0) {
				rc = CLI_FAIL;
			} else if (end > 0) {
				ended[i] = true;
				left--;
			}
		}
		if (left == 0) {
			break;
		}
		if (rc == CLI_OK) {
			wait_for_news(cli, &watching);
		}
	}
	free(ended);
	return rc;
}
