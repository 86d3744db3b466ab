/* SPDX-License-Identifier: MIT */
/* vl vm-list: UUIDs, numbers and names. */
#include <stdio.h>

#include "output.h"
#include "verbs.h"

int cmd_vm_list(struct cli *cli, int argc, char **argv)
{
	char name[OUTPUT_NAME_SIZE], uuid[OUTPUT_UUID_SIZE];
	struct domains domains;
	json_t *array = NULL;
	bool go_on;
	int rc = cli_no_options(cli, argc, argv, &go_on);

	if (!go_on) {
		return rc;
	}
	rc = cli_arguments(cli, argc, 0, 0);
	if (rc == CLI_OK) {
		rc = domains_get(cli, NULL, 0, &domains);
	}
	if (rc != CLI_OK) {
		return rc;
	}
	if (cli->json) {
		array = json_array();
	} else {
		puts("UUID                                  ID    name");
	}
	for (size_t i = 0; i < domains.count; i++) {
		const struct domain *domain = &domains.list[i];

		output_uuid(domain->info.handle, uuid);
		if (cli->json) {
			output_add(&array, json_pack("{s:s, s:i, s:o}", "uuid", uuid, "domid",
						     (int)domain->info.domid, "name",
						     output_json_string(domain->name)));
		} else {
			printf("%s  %d    %s\n", uuid, domain->info.domid,
			       output_name(domain->name, name, sizeof(name)));
		}
	}
	domains_free(&domains);
	return cli->json ? output_json(array) : CLI_OK;
}
