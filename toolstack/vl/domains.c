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

/* `name`: as the store has it, or null; takes it over. */
static int add(struct cli *cli, struct domains *domains, const struct vl_domain_info *info,
	       char *name)
{
	struct domain *domain = &domains->list[domains->count];
	int rc = CLI_OK;

	domain->name = name;
	if (!name) {
		rc = name_of(cli, info, &domain->name);
	}

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
	char **names;
	size_t count;
	int rc = CLI_OK;

	if (vl_ctl_list(cli->host.ctl, 0, &infos, &count, &error)) {
		return cli_fail("%s", error.text);
	}
	if (vl_guest_names(&cli->host, infos, count, &names, &error)) {
		free(infos);
		return cli_fail("%s", error.text);
	}
	domains->list = calloc(count ? count : 1, sizeof(*domains->list));
	if (!domains->list) {
		rc = cli_fail("there is no memory left");
	}
	for (size_t i = 0; domains->list && i < count && rc == CLI_OK; i++) {
		rc = add(cli, domains, &infos[i], names[i]);
		names[i] = NULL;
	}
	vl_guest_names_free(names, count);
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
			rc = add(cli, domains, &info, NULL);
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
/* So often is looked without a store: its daemon was ended, or is started anew. */
#define POLL_US 250000

int domains_wait_begin(struct cli *cli)
{
	struct vl_error error;

	if (vl_store_watch(cli->host.store, RELEASE, "vl", &error)) {
		return cli_fail("%s", error.text);
	}
	cli->watching = true;
	return CLI_OK;
}

void domains_wait_news(struct cli *cli, int timeout_ms)
{
	char *path, *token;
	struct vl_error error;
	int rc = 0;

	if (cli->watching) {
		rc = vl_store_event(cli->host.store, timeout_ms, &path, &token, &error);
	}
	if (rc > 0) {
		free(path);
		free(token);
	}
	if (rc < 0) {
		cli->watching = false;
	}
	if (!cli->watching) {
		usleep(POLL_US);
	}
}
