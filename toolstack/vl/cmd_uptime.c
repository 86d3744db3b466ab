/* SPDX-License-Identifier: MIT */
/* vl uptime: for how long domains have been there. */
#include <stdio.h>
#include <time.h>

#include "output.h"
#include "verbs.h"

static uint64_t seconds_of(const struct vl_domain_info *info, const struct vl_host_info *host)
{
	return host->time > info->created ? (host->time - info->created) / 1000000000 : 0;
}

static void print_table(const struct domains *domains, const struct vl_host_info *host, bool brief)
{
	char name[OUTPUT_NAME_SIZE], text[OUTPUT_TIME_SIZE], clock[16] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm)) {
		strftime(clock, sizeof(clock), "%T", &tm);
	}
	if (!brief) {
		printf("%-33s %4s %s\n", "Name", "ID", "Uptime");
	}
	for (size_t i = 0; i < domains->count; i++) {
		const struct domain *domain = &domains->list[i];

		output_name(domain->name, name, sizeof(name));
		output_time(seconds_of(&domain->info, host), brief, text);
		if (brief) {
			printf(" %s up %s, %s (%d)\n", clock, text, name, domain->info.domid);
		} else {
			printf("%-33s %4d %s\n", name, domain->info.domid, text);
		}
	}
}

static int print_json(const struct domains *domains, const struct vl_host_info *host)
{
	json_t *array = json_array();

	for (size_t i = 0; i < domains->count; i++) {
		const struct domain *domain = &domains->list[i];

		output_add(&array,
			   json_pack("{s:o, s:i, s:I}", "name", output_json_string(domain->name),
				     "domid", (int)domain->info.domid, "uptime_seconds",
				     (json_int_t)seconds_of(&domain->info, host)));
	}
	return output_json(array);
}

int cmd_uptime(struct cli *cli, int argc, char **argv)
{
	struct vl_host_info host;
	struct vl_error error;
	struct domains domains;
	bool brief = false;
	int option, rc;

	while ((option = cli_option(cli, argc, argv, "s", NULL)) != CLI_END) {
		if (option != 's') {
			return cli->status;
		}
		brief = true;
	}
	rc = domains_get(cli, argv + optind, argc - optind, &domains);
	if (rc != CLI_OK) {
		return rc;
	}
	if (vl_ctl_host(cli->host.ctl, &host, &error)) {
		rc = cli_fail("%s", error.text);
	} else if (cli->json) {
		rc = print_json(&domains, &host);
	} else {
		print_table(&domains, &host, brief);
	}
	domains_free(&domains);
	return rc;
}
