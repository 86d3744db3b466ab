/* SPDX-License-Identifier: MIT */
/*
 * Weights and caps.  The core has one scheduler for all CPUs; both of xl's
 * verbs show and set the same two numbers of a domain.
 */
#include "sched.h"

#include <stdio.h>
#include <string.h>

#include "output.h"

struct sched_request {
	const char *guest, *weight, *cap; /* null: not given */
	bool parameters;
};

static int show(struct cli *cli, const struct sched_request *request, const char *parameters)
{
	char *names[] = { (char *)request->guest }, name[OUTPUT_NAME_SIZE];
	json_t *array = cli->json ? json_array() : NULL;
	struct domains domains = { 0 };
	int rc = CLI_OK;

	if (!request->parameters || request->guest) {
		rc = domains_get(cli, names, request->guest ? 1 : 0, &domains);
	}
	if (rc != CLI_OK) {
		json_decref(array);
		return rc;
	}
	if (!cli->json && !request->guest) {
		printf("Cpupool Pool-0: %s\n", parameters);
	}
	if (!cli->json && !request->parameters) {
		printf("%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
	}
	for (size_t i = 0; i < domains.count; i++) {
		const struct domain *domain = &domains.list[i];

		if (cli->json) {
			output_add(&array, json_pack("{s:o, s:i, s:i, s:i}", "name",
						     output_json_string(domain->name), "domid",
						     (int)domain->info.domid, "weight",
						     (int)domain->info.weight, "cap",
						     (int)domain->info.cap));
		} else {
			printf("%-33s %4d %6d %4d\n", output_name(domain->name, name, sizeof(name)),
			       domain->info.domid, (int)domain->info.weight, (int)domain->info.cap);
		}
	}
	domains_free(&domains);
	return cli->json ? output_json(array) : CLI_OK;
}

static int set(struct cli *cli, const struct sched_request *request)
{
	unsigned long long weight, cap;
	struct vl_domain_info info;
	struct vl_sched sched;
	struct vl_error error;
	uint16_t domid;
	int rc = CLI_OK;

	if (request->weight && (!cli_number(request->weight, 65535, &weight) || weight == 0)) {
		return cli_fail("\"%s\" is not a weight, which is 1..65535", request->weight);
	}
	if (request->cap && !cli_number(request->cap, UINT32_MAX, &cap)) {
		return cli_fail("\"%s\" is not a cap, which is a percentage, or 0 for none",
				request->cap);
	}
	rc = cli_find(cli, request->guest, &domid);
	if (rc != CLI_OK) {
		return rc;
	}
	if (vl_ctl_info(cli->host.ctl, domid, &info, &error)) {
		return cli_fail("%s", error.text);
	}
	sched.weight = request->weight ? (uint32_t)weight : info.weight;
	sched.cap = request->cap ? (uint32_t)cap : info.cap;
	if (sched.cap > 100 * info.vcpus_max) {
		return cli_fail("a cap of %u is more than the %u virtual CPUs of domain %u can "
				"use, which is %u",
				sched.cap, info.vcpus_max, domid, 100 * info.vcpus_max);
	}
	if (vl_ctl_set_sched(cli->host.ctl, domid, &sched, &error)) {
		return cli_fail("%s", error.text);
	}
	return CLI_OK;
}

/* CLI_END: all were taken; else cli->status. */
static int options_of(struct cli *cli, int argc, char **argv, struct sched_request *request)
{
	static const struct option longs[] = {
		{ "domain", required_argument, NULL, 'd' },
		{ "weight", required_argument, NULL, 'w' },
		{ "cap", required_argument, NULL, 'c' },
		{ "cpupool", required_argument, NULL, 'p' },
		{ "schedparam", no_argument, NULL, 's' },
		{ "ratelimit_us", required_argument, NULL, 'r' },
		{ "tslice_ms", required_argument, NULL, 't' },
		{ 0 },
	};
	int option;

	while ((option = cli_option(cli, argc, argv, "d:w:c:p:sr:t:", longs)) != CLI_END) {
		switch (option) {
		case 'd':
			request->guest = optarg;
			break;
		case 'w':
			request->weight = optarg;
			break;
		case 'c':
			request->cap = optarg;
			break;
		case 's':
			request->parameters = true;
			break;
		case 'p':
			if (strcmp(optarg, "Pool-0") != 0 && strcmp(optarg, "0") != 0) {
				cli->status = cli_fail("there is no CPU pool \"%s\": all CPUs are "
						       "in Pool-0",
						       optarg);
				return CLI_STOP;
			}
			break;
		case 'r':
		case 't':
			cli->status = cli_fail("the scheduler has no such parameter to set: "
					       "weights and caps are all");
			return CLI_STOP;
		default:
			return option;
		}
	}
	return CLI_END;
}

int sched_credit(struct cli *cli, int argc, char **argv, const char *parameters)
{
	struct sched_request request = { 0 };
	int rc;

	if (options_of(cli, argc, argv, &request) != CLI_END) {
		return cli->status;
	}
	rc = cli_arguments(cli, argc, 0, 0);
	if (rc != CLI_OK) {
		return rc;
	}
	if (!request.weight && !request.cap) {
		return show(cli, &request, parameters);
	}
	if (!request.guest) {
		return cli_usage("%s: say with -d whose weight or cap is set", cli->verb->name);
	}
	return set(cli, &request);
}
