/* SPDX-License-Identifier: MIT */
/* vl vcpu-list: where virtual CPUs run and may run. */
#include <errno.h>
#include <stdio.h>

#include "output.h"
#include "verbs.h"

static void print_row(const struct domain *domain, const struct vl_vcpu_info *vcpu,
		      uint32_t host_cpus)
{
	char name[OUTPUT_NAME_SIZE], cpus[OUTPUT_CPUS_SIZE];

	printf("%-32s %5u %5u", output_name(domain->name, name, sizeof(name)), domain->info.domid,
	       vcpu->vcpu);
	if (vcpu->flags & VL_VCPU_up) {
		printf("%5u %3c%c- ", vcpu->cpu, vcpu->flags & VL_VCPU_running ? 'r' : '-',
		       vcpu->flags & VL_VCPU_blocked ? 'b' : '-');
	} else {
		printf("%5c %3c%cp ", '-', '-', '-');
	}
	output_cpus(vcpu->affinity, host_cpus, cpus);
	/* Soft affinity, a preference only, is not something that the core has. */
	printf("%9.1f  %s / all\n", (double)vcpu->cpu_time / 1e9, cpus);
}

static json_t *cpu_array(uint64_t cpus, uint32_t host_cpus)
{
	json_t *array = json_array();

	for (uint32_t cpu = 0; cpu < host_cpus && cpu < 64; cpu++) {
		if (cpus >> cpu & 1) {
			output_add(&array, json_integer(cpu));
		}
	}
	return array;
}

static json_t *row_json(const struct domain *domain, const struct vl_vcpu_info *vcpu,
			uint32_t host_cpus)
{
	bool up = vcpu->flags & VL_VCPU_up;

	return json_pack("{s:o, s:i, s:i, s:o, s:b, s:b, s:b, s:f, s:o}", "name",
			 output_json_string(domain->name), "domid", (int)domain->info.domid, "vcpu",
			 (int)vcpu->vcpu, "cpu", up ? json_integer(vcpu->cpu) : json_null(),
			 "online", up, "running", up && (vcpu->flags & VL_VCPU_running), "blocked",
			 up && (vcpu->flags & VL_VCPU_blocked), "cpu_seconds",
			 (double)vcpu->cpu_time / 1e9, "affinity",
			 cpu_array(vcpu->affinity, host_cpus));
}

/* all: of whatever domains there are; one that goes meanwhile is not missed. */
static int show(struct cli *cli, const struct domains *domains, bool all)
{
	struct vl_vcpu_info vcpus[VL_VCPUS_MAX];
	json_t *array = cli->json ? json_array() : NULL;
	struct vl_host_info host;
	struct vl_error error;
	int rc, count;

	rc = vl_ctl_host(cli->host.ctl, &host, &error);
	if (rc == 0 && !cli->json) {
		printf("%-32s %5s %5s %5s %5s %9s %s\n", "Name", "ID", "VCPU", "CPU", "State",
		       "Time(s)", "Affinity (Hard / Soft)");
	}
	for (size_t i = 0; i < domains->count && rc >= 0; i++) {
		const struct domain *domain = &domains->list[i];

		count = rc = vl_ctl_vcpus(cli->host.ctl, domain->info.domid, vcpus, &error);
		if (rc == -ESRCH && all) {
			rc = 0;
		}
		for (int v = 0; v < count; v++) {
			if (cli->json) {
				output_add(&array, row_json(domain, &vcpus[v], host.cpus));
			} else {
				print_row(domain, &vcpus[v], host.cpus);
			}
		}
	}
	if (rc < 0) {
		json_decref(array);
		return cli_fail("%s", error.text);
	}
	return cli->json ? output_json(array) : CLI_OK;
}

int cmd_vcpu_list(struct cli *cli, int argc, char **argv)
{
	struct domains domains;
	bool go_on;
	int rc = cli_no_options(cli, argc, argv, &go_on);

	if (!go_on) {
		return rc;
	}
	rc = domains_get(cli, argv + optind, argc - optind, &domains);
	if (rc == CLI_OK) {
		rc = show(cli, &domains, optind == argc);
		domains_free(&domains);
	}
	return rc;
}
