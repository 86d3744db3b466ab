/* SPDX-License-Identifier: MIT */
/*
 * vl list: domains with their memory, vCPUs, state and time.  Scripts read the
 * table by its columns, so that its form is xl's to the character; what is more
 * stands behind it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xen/sched.h>

#include "output.h"
#include "restarts.h"
#include "sxp.h"
#include "verbs.h"

struct columns {
	bool uuid, label, pool, nodes;
};

/* What the core said as it stopped the domain; false where it did not. */
static bool crash_reason(struct cli *cli, const struct vl_domain_info *info,
			 struct vl_crash_reason *reason)
{
	*reason = (struct vl_crash_reason){ "" };
	if (!(info->flags & VL_DOMAIN_shutdown) || info->shutdown_reason != SHUTDOWN_crash ||
	    vl_ctl_crash_reason(cli->host.ctl, info->domid, reason, NULL)) {
		return false;
	}
	reason->text[sizeof(reason->text) - 1] = '\0';
	return reason->text[0];
}

/* xl ends the row before it. */
static void print_crash(struct cli *cli, const struct vl_domain_info *info)
{
	char text[4 * sizeof(struct vl_crash_reason) + 1];
	struct vl_crash_reason reason;

	if (crash_reason(cli, info, &reason)) {
		printf("  crash: %s", output_line(reason.text, text, sizeof(text)));
	}
}

static void print_table(struct cli *cli, const struct domains *domains,
			const struct columns *columns)
{
	char name[OUTPUT_NAME_SIZE], state[OUTPUT_STATE_SIZE], uuid[OUTPUT_UUID_SIZE];

	printf("%-40s %5s %5s %5s\tState\tTime(s)", "Name", "ID", "Mem", "VCPUs");
	if (columns->uuid) {
		printf("   UUID                            Reason-Code\tSecurity Label");
	} else if (columns->label) {
		printf("   Security Label");
	}
	printf("%s%s\n", columns->pool ? "         Cpupool" : "",
	       columns->nodes ? " NODE Affinity" : "");
	for (size_t i = 0; i < domains->count; i++) {
		const struct vl_domain_info *info = &domains->list[i].info;

		output_state(info, state);
		printf("%-40s %5d %5" PRIu64 " %5d     %6s  %8.1f",
		       output_name(domains->list[i].name, name, sizeof(name)), info->domid,
		       info->frames / 256, (int)info->vcpus_up, state,
		       (double)info->cpu_time / 1e9);
		if (columns->uuid) {
			output_uuid(info->handle, uuid);
			printf(" %s", uuid);
			if (info->flags & VL_DOMAIN_shutdown) {
				printf(" %8x", info->shutdown_reason);
			} else {
				printf(" %8s", "-");
			}
		}
		if (columns->uuid || columns->label) {
			printf(" %16s", "-");
		}
		printf("%s%s", columns->pool ? "          Pool-0" : "",
		       columns->nodes ? "  any node" : "");
		if (columns->uuid) {
			print_crash(cli, info);
		}
		putchar('\n');
	}
}

/* ---- Guests that have ended ------------------------------------------------------ */

#define ENDED_MAX 20

static const char *end_word(const json_t *end, const char *key)
{
	const char *word = json_string_value(json_object_get(end, key));

	return word ? word : "";
}

/* Of these, or of all if none is named. */
static bool is_wanted(const json_t *end, char **names, int count)
{
	unsigned long long domid;

	for (int i = 0; i < count; i++) {
		if (!strcmp(names[i], end_word(end, "name")) ||
		    (cli_number(names[i], VL_DOMID_END - 1, &domid) &&
		     json_integer_value(json_object_get(end, "domid")) == (json_int_t)domid)) {
			return true;
		}
	}
	return count == 0;
}

static void print_end(const json_t *end)
{
	const char *crash = end_word(end, "crash");
	time_t when = (time_t)json_integer_value(json_object_get(end, "when"));
	char text[OUTPUT_NAME_SIZE], at[64] = "?";
	struct tm local;

	if (localtime_r(&when, &local)) {
		strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S", &local);
	}
	printf("%s (domain %lld) has ended at %s: ",
	       output_name(end_word(end, "name"), text, sizeof(text)),
	       (long long)json_integer_value(json_object_get(end, "domid")), at);
	printf("%s", output_line(end_word(end, "reason"), text, sizeof(text)));
	if (*crash) {
		printf(": %s", output_line(crash, text, sizeof(text)));
	}
	printf("; action: %s\n", output_line(end_word(end, "action"), text, sizeof(text)));
}

/* What vld has kept: the core and the store know nothing of them any more. */
static void print_ended(char **names, int count, bool rows)
{
	json_t *list = restarts_ended(), *end;
	size_t wanted = 0, index;

	for (size_t i = json_array_size(list); i > 0; i--) {
		if (wanted == ENDED_MAX || !is_wanted(json_array_get(list, i - 1), names, count)) {
			json_array_remove(list, i - 1);
		} else {
			wanted++;
		}
	}
	if (wanted > 0 && rows) {
		putchar('\n');
	}
	json_array_foreach(list, index, end)
	{
		print_end(end);
	}
	json_decref(list);
}

/* ---- JSON ------------------------------------------------------------------------ */

static int print_json(struct cli *cli, const struct domains *domains)
{
	char state[OUTPUT_STATE_SIZE], uuid[OUTPUT_UUID_SIZE];
	json_t *array = json_array();

	for (size_t i = 0; i < domains->count; i++) {
		const struct vl_domain_info *info = &domains->list[i].info;
		bool shutdown = info->flags & VL_DOMAIN_shutdown;
		struct vl_crash_reason crash;

		output_state(info, state);
		output_uuid(info->handle, uuid);
		output_add(&array,
			   json_pack("{s:o, s:i, s:s, s:I, s:I, s:i, s:i, s:s, s:o, s:o, s:f}",
				     "name", output_json_string(domains->list[i].name), "domid",
				     (int)info->domid, "uuid", uuid, "memory_kib",
				     (json_int_t)info->frames * 4, "max_memory_kib",
				     (json_int_t)info->max_frames * 4, "vcpus", (int)info->vcpus_up,
				     "max_vcpus", (int)info->vcpus_max, "state", state,
				     "shutdown_reason",
				     shutdown ? json_string(output_reason(info->shutdown_reason)) :
						json_null(),
				     "crash_reason",
				     crash_reason(cli, info, &crash) ?
					     output_json_string(crash.text) :
					     json_null(),
				     "cpu_seconds", (double)info->cpu_time / 1e9));
	}
	return output_json(array);
}

/* The control domain, and a guest that has no record, by what the core knows. */
static json_t *config_of_info(const struct domain *domain)
{
	const struct vl_domain_info *info = &domain->info;
	char uuid[OUTPUT_UUID_SIZE];

	output_uuid(info->handle, uuid);
	return json_pack("{s:{s:s, s:o, s:s}, s:{s:i, s:I, s:I}}", "c_info", "type", "pv", "name",
			 output_json_string(domain->name), "uuid", uuid, "b_info", "max_vcpus",
			 (int)info->vcpus_max, "max_memkb", (json_int_t)info->max_frames * 4,
			 "target_memkb", (json_int_t)info->frames * 4);
}

/* A new reference, or null: it was said why. */
static json_t *config_of(struct cli *cli, const struct domain *domain)
{
	struct vl_config *config;
	struct vl_error error;
	json_t *json;
	char *text;
	int rc = -ENOENT;

	if (!(domain->info.flags & VL_DOMAIN_control)) {
		rc = vl_guest_config(&cli->host, domain->info.domid, &config, &error);
	}
	if (rc == -ENOENT || rc == -ESRCH) {
		json = config_of_info(domain);
		if (!json) {
			cli_fail("there is no memory left");
		}
		return json;
	}
	if (rc == 0) {
		rc = vl_config_json(config, &text, &error);
		vl_config_free(config);
	}
	if (rc) {
		cli_fail("%s", error.text);
		return NULL;
	}
	json = json_loads(text, 0, NULL);
	free(text);
	if (!json) {
		cli_fail("the configuration of %s cannot be shown as JSON", domain->name);
	}
	return json;
}

/* They are all there before the first one is printed. */
static int print_sxp(const struct domains *domains, json_t *array)
{
	if (!array) {
		return cli_fail("there is no memory left");
	}
	for (size_t i = 0; i < domains->count; i++) {
		sxp_print(stdout, domains->list[i].name, &domains->list[i].info,
			  json_object_get(json_array_get(array, i), "config"));
	}
	json_decref(array);
	return CLI_OK;
}

static int print_long(struct cli *cli, const struct domains *domains, enum vl_output_format format)
{
	json_t *array = json_array(), *config;

	for (size_t i = 0; i < domains->count; i++) {
		config = config_of(cli, &domains->list[i]);
		if (!config) {
			json_decref(array);
			return CLI_FAIL;
		}
		output_add(&array, json_pack("{s:i, s:o}", "domid",
					     (int)domains->list[i].info.domid, "config", config));
	}
	return format == VL_OUTPUT_SXP ? print_sxp(domains, array) : output_json(array);
}

/* rc: of looking for the domains.  One that is gone is no domain, but has an end. */
static int list_table(struct cli *cli, char **names, int count, struct domains *domains,
		      const struct columns *columns, int rc)
{
	if (rc == CLI_OK) {
		print_table(cli, domains, columns);
	}
	if (columns->uuid && cli->open) {
		print_ended(names, count, rc == CLI_OK);
	}
	domains_free(domains);
	return rc;
}

int cmd_list(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "long", no_argument, NULL, 'l' },    { "verbose", no_argument, NULL, 'v' },
		{ "context", no_argument, NULL, 'Z' }, { "cpupool", no_argument, NULL, 'c' },
		{ "numa", no_argument, NULL, 'n' },    { 0 },
	};
	enum vl_output_format format = VL_OUTPUT_JSON;
	struct columns columns = { 0 };
	struct domains domains;
	bool details = false;
	int option, rc;

	while ((option = cli_option(cli, argc, argv, "lvZcn", longs)) != CLI_END) {
		switch (option) {
		case 'l':
			details = true;
			break;
		case 'v':
			columns.uuid = true;
			break;
		case 'Z':
			columns.label = true;
			break;
		case 'c':
			columns.pool = true;
			break;
		case 'n':
			columns.nodes = true;
			break;
		default:
			return cli->status;
		}
	}
	/* Nobody else is to suffer from a broken file. */
	if (details && !cli->json && output_format(false, &format)) {
		return CLI_FAIL;
	}
	rc = domains_get(cli, argv + optind, argc - optind, &domains);
	if (!details && !cli->json) {
		return list_table(cli, argv + optind, argc - optind, &domains, &columns, rc);
	}
	if (rc == CLI_OK) {
		rc = details ? print_long(cli, &domains, format) : print_json(cli, &domains);
	}
	domains_free(&domains);
	return rc;
}
