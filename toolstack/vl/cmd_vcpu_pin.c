/* SPDX-License-Identifier: MIT */
/* vl vcpu-pin: on which CPUs virtual ones may run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "verbs.h"

/* "3" or "0-3" within the CPUs there are. */
static bool parse_range(char *text, uint32_t online, uint64_t *cpus)
{
	unsigned long long first, last;
	char *dash = strchr(text, '-');

	if (dash) {
		*dash++ = '\0';
	}
	if (!cli_number(text, 63, &first) || !cli_number(dash ? dash : text, 63, &last) ||
	    first > last || last >= online) {
		return false;
	}
	for (*cpus = 0; first <= last; first++) {
		*cpus |= 1ull << first;
	}
	return true;
}

/* A list as xl takes it: ranges and, behind ^, what is left out of them. */
static int parse_cpus(const char *text, uint32_t online, uint64_t *cpus)
{
	char copy[512], *rest = copy, *word;
	uint64_t range;

	*cpus = 0;
	if (!strcmp(text, "all")) {
		*cpus = ~0ull;
		return CLI_OK;
	}
	if (strlen(text) >= sizeof(copy)) {
		return cli_fail("the list of CPUs is too long");
	}
	memcpy(copy, text, strlen(text) + 1);
	while ((word = strsep(&rest, ","))) {
		bool without = *word == '^';

		if (without) {
			word++;
		}
		if (!strcmp(word, "all")) {
			range = ~0ull;
		} else if (!parse_range(word, online, &range)) {
			return cli_fail("\"%s\" is not a list of the CPUs 0-%u", text, online - 1);
		}
		*cpus = without ? *cpus & ~range : *cpus | range;
	}
	return *cpus ? CLI_OK : cli_fail("\"%s\" leaves no CPU", text);
}

static int pin(struct cli *cli, uint16_t domid, const char *which, const char *text)
{
	struct vl_domain_info info;
	unsigned long long vcpu = 0, end;
	struct vl_host_info host;
	struct vl_error error;
	uint64_t cpus;
	int rc;

	if (vl_ctl_info(cli->host.ctl, domid, &info, &error) ||
	    vl_ctl_host(cli->host.ctl, &host, &error)) {
		return cli_fail("%s", error.text);
	}
	end = info.vcpus_max;
	if (strcmp(which, "all") != 0) {
		if (!cli_number(which, UINT32_MAX, &vcpu) || vcpu >= info.vcpus_max) {
			return cli_fail("\"%s\" is not one of the virtual CPUs 0-%u of domain %u",
					which, info.vcpus_max - 1, domid);
		}
		end = vcpu + 1;
	}
	if (!strcmp(text, "-")) {
		return CLI_OK;
	}
	rc = parse_cpus(text, host.cpus, &cpus);
	for (; rc == CLI_OK && vcpu < end && !cli->dry_run; vcpu++) {
		if (vl_ctl_set_affinity(cli->host.ctl, domid, (unsigned int)vcpu, cpus, &error)) {
			rc = cli_fail("%s", error.text);
		}
	}
	if (rc == CLI_OK && cli->dry_run) {
		char shown[OUTPUT_CPUS_SIZE];

		output_cpus(cpus, host.cpus, shown);
		printf("cpu: %s\n", shown);
	}
	return rc;
}

int cmd_vcpu_pin(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'f' },
		{ 0 },
	};
	const char *soft;
	uint16_t domid;
	int option, rc;

	while ((option = cli_option(cli, argc, argv, "f", longs)) != CLI_END) {
		if (option != 'f') {
			return cli->status;
		}
	}
	rc = cli_arguments(cli, argc, 3, 4);
	if (rc != CLI_OK) {
		return rc;
	}
	soft = argc - optind == 4 ? argv[optind + 3] : "-";
	if (strcmp(soft, "-") != 0 && strcmp(soft, "all") != 0) {
		return cli_fail("soft affinity is not supported: the core keeps to the hard one "
				"and prefers no CPU of it");
	}
	rc = cli_find(cli, argv[optind], &domid);
	return rc == CLI_OK ? pin(cli, domid, argv[optind + 1], argv[optind + 2]) : rc;
}
