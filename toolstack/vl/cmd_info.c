/* SPDX-License-Identifier: MIT */
/*
 * vl info: what the host has, as "key : value" lines whose keys, order and
 * units scripts know from xl.  The core is asked; the store is not needed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <xen/version.h>

#include "output.h"
#include "verbs.h"

struct host_facts {
	struct vl_host_info host;
	struct utsname names;
	unsigned int version;
	xen_extraversion_t extra;
	xen_capabilities_info_t caps;
	xen_changeset_info_t changeset;
	xen_commandline_t commandline;
	struct xen_compile_info compiled;
	struct xen_platform_parameters platform;
	unsigned int page_size;
};

/* How lines come out: all, one field bare, or as JSON. */
struct sink {
	const char *only; /* null: all */
	json_t *object;	  /* null: text */
	bool found, lost; /* the field; for want of memory */
};

static void put_text(struct sink *sink, const char *key, const char *text)
{
	char escaped[4 * sizeof(xen_commandline_t)];

	if (sink->only && strcmp(sink->only, key) != 0) {
		return;
	}
	sink->found = true;
	if (sink->object) {
		sink->lost |= json_object_set_new(sink->object, key, output_json_string(text)) != 0;
		return;
	}
	output_text(text, strlen(text), escaped, sizeof(escaped));
	if (sink->only) {
		puts(escaped);
	} else {
		printf("%-22s : %s\n", key, escaped);
	}
}

static void put_number(struct sink *sink, const char *key, uint64_t number)
{
	char text[24];

	if (sink->object && (!sink->only || !strcmp(sink->only, key))) {
		sink->found = true;
		sink->lost |= json_object_set_new(sink->object, key,
						  json_integer((json_int_t)number)) != 0;
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu64, number);
	put_text(sink, key, text);
}

static void put_machine(struct sink *sink, const struct host_facts *facts)
{
	const struct vl_host_info *host = &facts->host;
	const uint32_t *caps = host->hw_caps;
	char text[128];

	put_text(sink, "host", facts->names.nodename);
	put_text(sink, "release", facts->names.release);
	put_text(sink, "version", facts->names.version);
	put_text(sink, "machine", facts->names.machine);
	put_number(sink, "nr_cpus", host->cpus);
	put_number(sink, "max_cpu_id", host->cpus ? host->cpus - 1 : 0);
	/* One node of one socket without threads: the core tells no more. */
	put_number(sink, "nr_nodes", 1);
	put_number(sink, "cores_per_socket", host->cpus);
	put_number(sink, "threads_per_core", 1);
	snprintf(text, sizeof(text), "%u.%03u", host->cpu_khz / 1000, host->cpu_khz % 1000);
	put_text(sink, "cpu_mhz", text);
	snprintf(text, sizeof(text), "%08x:%08x:%08x:%08x:%08x:%08x:%08x:%08x", caps[0], caps[1],
		 caps[2], caps[3], caps[4], caps[5], caps[6], caps[7]);
	put_text(sink, "hw_caps", text);
	put_text(sink, "virt_caps", "pv");
	put_number(sink, "total_memory", host->frames / 256);
	put_number(sink, "free_memory", host->free_frames / 256);
	put_number(sink, "sharing_freed_memory", 0);
	put_number(sink, "sharing_used_memory", 0);
	put_number(sink, "outstanding_claims", 0);
	put_number(sink, "free_cpus", 0);
}

static void put_topology(const struct sink *sink, const struct vl_host_info *host)
{
	if (sink->only || sink->object) {
		return;
	}
	puts("cpu_topology           :\ncpu:    core    socket     node");
	for (uint32_t cpu = 0; cpu < host->cpus; cpu++) {
		printf("%3u:    %4u     %4d     %4d\n", cpu, cpu, 0, 0);
	}
	puts("device topology        :\ndevice           node\nNo device topology data available");
	puts("numa_info              :\nnode:    memsize    memfree    distances");
	printf("%4d:    %6" PRIu64 "     %6" PRIu64 "      10\n", 0, host->frames / 256,
	       host->free_frames / 256);
}

static void put_core(struct sink *sink, const struct host_facts *facts)
{
	char text[64];

	put_number(sink, "xen_major", facts->version >> 16);
	put_number(sink, "xen_minor", facts->version & 0xffff);
	put_text(sink, "xen_extra", facts->extra);
	snprintf(text, sizeof(text), "%u.%u%s", facts->version >> 16, facts->version & 0xffff,
		 facts->extra);
	put_text(sink, "xen_version", text);
	put_text(sink, "xen_caps", facts->caps);
	put_text(sink, "xen_scheduler", "credit2");
	put_number(sink, "xen_pagesize", facts->page_size);
	snprintf(text, sizeof(text), "virt_start=0x%lx", (unsigned long)facts->platform.virt_start);
	put_text(sink, "platform_params", text);
	put_text(sink, "xen_changeset", facts->changeset);
	put_text(sink, "xen_commandline", facts->commandline);
	put_text(sink, "cc_compiler", facts->compiled.compiler);
	put_text(sink, "cc_compile_by", facts->compiled.compile_by);
	put_text(sink, "cc_compile_domain", facts->compiled.compile_domain);
	put_text(sink, "cc_compile_date", facts->compiled.compile_date);
	/* The core does not know its build id. */
	put_text(sink, "build_id", "");
	put_number(sink, "xend_config_format", 4);
}

/* Texts of the core, with a zero at their end in any case. */
static int ask(struct vl_ctl *ctl, struct host_facts *facts, struct vl_error *error)
{
	const struct {
		unsigned int cmd;
		void *buffer;
		size_t size;
	} questions[] = {
		{ XENVER_extraversion, facts->extra, sizeof(facts->extra) },
		{ XENVER_capabilities, facts->caps, sizeof(facts->caps) },
		{ XENVER_changeset, facts->changeset, sizeof(facts->changeset) },
		{ XENVER_commandline, facts->commandline, sizeof(facts->commandline) },
		{ XENVER_compile_info, &facts->compiled, sizeof(facts->compiled) },
		{ XENVER_platform_parameters, &facts->platform, sizeof(facts->platform) },
	};
	int rc = vl_ctl_host(ctl, &facts->host, error);

	for (size_t i = 0; rc >= 0 && i < sizeof(questions) / sizeof(*questions); i++) {
		rc = vl_ctl_version(ctl, questions[i].cmd, questions[i].buffer, questions[i].size,
				    error);
	}
	if (rc >= 0) {
		rc = vl_ctl_version(ctl, XENVER_version, NULL, 0, error);
		facts->version = (unsigned int)rc;
	}
	if (rc >= 0) {
		rc = vl_ctl_version(ctl, XENVER_pagesize, NULL, 0, error);
		facts->page_size = (unsigned int)rc;
	}
	facts->extra[sizeof(facts->extra) - 1] = '\0';
	facts->caps[sizeof(facts->caps) - 1] = '\0';
	facts->changeset[sizeof(facts->changeset) - 1] = '\0';
	facts->commandline[sizeof(facts->commandline) - 1] = '\0';
	facts->compiled.compiler[sizeof(facts->compiled.compiler) - 1] = '\0';
	facts->compiled.compile_by[sizeof(facts->compiled.compile_by) - 1] = '\0';
	facts->compiled.compile_domain[sizeof(facts->compiled.compile_domain) - 1] = '\0';
	facts->compiled.compile_date[sizeof(facts->compiled.compile_date) - 1] = '\0';
	return rc < 0 ? rc : 0;
}

static int get_facts(struct host_facts *facts)
{
	struct vl_error error;
	struct vl_ctl *ctl;
	int rc;

	memset(facts, 0, sizeof(*facts));
	if (uname(&facts->names)) {
		return cli_fail("the kernel does not tell its name: %s", strerror(errno));
	}
	if (vl_ctl_open(&ctl, &error)) {
		return cli_fail("%s", error.text);
	}
	rc = ask(ctl, facts, &error);
	vl_ctl_close(ctl);
	return rc ? cli_fail("%s", error.text) : CLI_OK;
}

static int show(struct cli *cli, const char *only, bool numa)
{
	struct sink sink = { .only = only };
	struct host_facts facts;
	int rc = get_facts(&facts);

	if (rc != CLI_OK) {
		return rc;
	}
	if (cli->json) {
		sink.object = json_object();
		if (!sink.object) {
			return output_json(NULL);
		}
	}
	put_machine(&sink, &facts);
	if (numa) {
		put_topology(&sink, &facts.host);
	}
	put_core(&sink, &facts);
	if (only && !sink.found) {
		json_decref(sink.object);
		return cli_fail("info has no field \"%s\"", only);
	}
	if (sink.lost) {
		json_decref(sink.object);
		sink.object = NULL;
	}
	return cli->json ? output_json(sink.object) : CLI_OK;
}

int cmd_info(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "numa", no_argument, NULL, 'n' },
		{ 0 },
	};
	bool numa = false;
	int option, rc;

	while ((option = cli_option(cli, argc, argv, "nx", longs)) != CLI_END) {
		switch (option) {
		case 'n':
			numa = true;
			break;
		case 'x':
			break;
		default:
			return cli->status;
		}
	}
	rc = cli_arguments(cli, argc, 0, 1);
	return rc == CLI_OK ? show(cli, optind < argc ? argv[optind] : NULL, numa) : rc;
}
