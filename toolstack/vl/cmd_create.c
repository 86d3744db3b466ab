/* SPDX-License-Identifier: MIT */
/*
 * vl create: makes a guest of a configuration, starts it, and stays with it if
 * that is wanted.  Its exit codes tell why a guest was not made: libxl's numbers
 * without their sign.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "libvellum/vld_client.h"
#include "output.h"
#include "verbs.h"

/* Exit codes: ERROR_FAIL, ERROR_NOMEM, ERROR_INVAL, ERROR_TIMEDOUT. */
enum {
	CREATE_FAIL = 3,
	CREATE_NO_MEMORY = 5,
	CREATE_INVALID = 6,
	CREATE_TIMEOUT = 9
};

struct create_request {
	const char *file; /* null: overrides alone */
	const char **overrides;
	size_t override_count;
	bool paused, console, foreground, quiet, dry_run;
};

static int exit_code(int rc)
{
	switch (rc) {
	case -ENOMEM:
		return CREATE_NO_MEMORY;
	case -EINVAL:
		return CREATE_INVALID;
	case -ETIMEDOUT:
		return CREATE_TIMEOUT;
	default:
		return CREATE_FAIL;
	}
}

static int fail(int rc, const struct vl_error *error)
{
	cli_fail("%s", error->text);
	return exit_code(rc);
}

/* ---- The configuration --------------------------------------------------------- */

static int read_config(const struct create_request *request, struct vl_config **config)
{
	/* So that a dry run's output is JSON and nothing else. */
	FILE *words = request->dry_run ? stderr : stdout;
	const char *name = request->file ? request->file : "command line", *path = request->file;
	struct vl_warnings warnings = { 0 };
	struct vl_error error;
	int rc;

	if (request->file && !strcmp(request->file, "-")) {
		name = "<stdin>";
		path = "/dev/stdin";
	}
	if (!request->quiet) {
		fprintf(words, "Parsing config from %s\n", name);
		fflush(words);
	}
	if (path) {
		rc = vl_config_read(path, request->overrides, request->override_count, config,
				    &warnings, &error);
	} else {
		rc = vl_config_parse("", 0, name, request->overrides, request->override_count,
				     config, &warnings, &error);
	}
	for (size_t i = 0; i < warnings.count && !request->quiet; i++) {
		cli_fail("warning: %s", warnings.text[i]);
	}
	vl_warnings_free(&warnings);
	return rc ? fail(rc, &error) : CLI_OK;
}

static int print_config(const struct vl_config *config)
{
	struct vl_error error;
	json_t *json;
	char *text;
	int rc = vl_config_json(config, &text, &error);

	if (rc) {
		return fail(rc, &error);
	}
	json = json_loads(text, 0, NULL);
	free(text);
	/* As "list -l" shows it; there is no number yet. */
	return output_json(json ? json_pack("{s:n, s:o}", "domid", "config", json) : NULL);
}

/* ---- The guest ----------------------------------------------------------------- */

static void print_step(void *arg, const char *step)
{
	const struct cli *cli = arg;

	if (cli->carriage_return) {
		fprintf(stderr, "\r\033[K%s", step);
	} else if (cli->verbose > 0) {
		cli_say(cli, "%s", step);
	}
}

/*
 * Where a guest that ended is to start anew, vld makes it, under its name and
 * with another number; *domid becomes that.
 */
#define RESTART_POLL_US 50000
#define RESTART_POLLS 1200 /* a minute */
static bool find_next(struct cli *cli, const char *name, uint16_t *domid)
{
	struct vl_error error;
	uint16_t next;

	for (int i = 0; i < RESTART_POLLS; i++) {
		if (vl_guest_find(&cli->host, name, &next, &error) == 0 && next != *domid) {
			*domid = next;
			return true;
		}
		usleep(RESTART_POLL_US);
	}
	return false;
}

static enum vl_action action_for(const struct vl_config *config, const char *reason)
{
	if (!strcmp(reason, "poweroff")) {
		return config->on_poweroff;
	}
	if (!strcmp(reason, "reboot")) {
		return config->on_reboot;
	}
	if (!strcmp(reason, "crash")) {
		return config->on_crash;
	}
	if (!strcmp(reason, "watchdog")) {
		return config->on_watchdog;
	}
	return VL_ACTION_DESTROY;
}

/* Stays until it has ended for good: 0 if it did so by itself and without a fault. */
static int stay(struct cli *cli, const struct vl_config *config, uint16_t domid)
{
	struct vl_error error;
	enum vl_action action;
	char *reason;
	bool well;

	for (;;) {
		if (vl_vld_wait(domid, -1, &reason, &error)) {
			return cli_fail("%s", error.text);
		}
		action = action_for(config, reason);
		well = !strcmp(reason, "poweroff") || !strcmp(reason, "reboot") ||
		       !strcmp(reason, "suspend");
		cli_say(cli, "Domain %u has ended: %s", domid, reason);
		free(reason);
		if (action != VL_ACTION_RESTART && action != VL_ACTION_COREDUMP_RESTART) {
			return well ? CLI_OK : CLI_FAIL;
		}
		if (!find_next(cli, config->name, &domid)) {
			return cli_fail("guest %s was not started anew", config->name);
		}
		cli_say(cli, "Domain %u is guest %s now", domid, config->name);
	}
}

static int start(struct cli *cli, const struct create_request *request,
		 const struct vl_config *config, uint16_t domid)
{
	struct vl_error error, ignored;
	char number[8];
	int rc = CLI_OK;

	if (!request->paused) {
		rc = vl_ctl_unpause(cli->host.ctl, domid, &error);
		if (rc) {
			vl_guest_destroy(&cli->host, domid, &ignored);
			return fail(rc, &error);
		}
	}
	if (request->console) {
		snprintf(number, sizeof(number), "%u", domid);
		rc = console_attach(number, CONSOLE_ESCAPE);
	}
	if (request->foreground && rc == CLI_OK) {
		rc = stay(cli, config, domid);
	}
	return rc;
}

static int create(struct cli *cli, const struct create_request *request)
{
	struct vl_config *config;
	struct vl_error error;
	uint16_t domid;
	int rc = read_config(request, &config);

	if (rc != CLI_OK) {
		return rc;
	}
	if (request->dry_run) {
		rc = print_config(config);
		vl_config_free(config);
		return rc;
	}
	rc = vl_host_open(&cli->host, &error);
	if (rc == 0) {
		cli->open = true;
		rc = vl_guest_create(&cli->host, config, &domid, print_step, cli, &error);
		if (cli->carriage_return) {
			fputs("\r\033[K", stderr);
		}
	}
	rc = rc ? fail(rc, &error) : start(cli, request, config, domid);
	vl_config_free(config);
	return rc;
}

/* ---- The command line ------------------------------------------------------------ */

static int options_of(struct cli *cli, int argc, char **argv, struct create_request *request)
{
	static const struct option longs[] = {
		{ "defconfig", required_argument, NULL, 'f' },
		{ "dryrun", no_argument, NULL, 'n' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "debug", no_argument, NULL, 'd' },
		{ "paused", no_argument, NULL, 'p' },
		{ "ignore-global-affinity-masks", no_argument, NULL, 'd' },
		{ "vncviewer", no_argument, NULL, 'V' },
		{ "vncviewer-autopass", no_argument, NULL, 'V' },
		{ 0 },
	};
	int option;

	while ((option = cli_option(cli, argc, argv, "f:nqdpceFVA", longs)) != CLI_END) {
		switch (option) {
		case 'f':
			request->file = optarg;
			break;
		case 'n':
			request->dry_run = true;
			break;
		case 'q':
			request->quiet = true;
			break;
		case 'p':
			request->paused = true;
			break;
		case 'c':
			request->console = true;
			break;
		case 'F':
			request->foreground = true;
			break;
		case 'd':
		case 'e': /* vld follows a guest, no process of this verb does */
			break;
		case 'V':
		case 'A':
			cli->status = cli_usage("create: a VNC viewer is not supported: guests "
						"have no graphics");
			return CLI_STOP;
		default:
			return option;
		}
	}
	return CLI_END;
}

/* The first argument is the file unless it is KEY=VALUE or -f named one. */
static int arguments_of(int argc, char **argv, struct create_request *request)
{
	int at = optind;

	if (!request->file && at < argc && !strchr(argv[at], '=')) {
		request->file = argv[at++];
	}
	for (; at < argc; at++) {
		if (!strchr(argv[at], '=')) {
			return cli_usage("create: \"%s\" is not KEY=VALUE, and the configuration "
					 "is %s already",
					 argv[at],
					 request->file ? request->file : "the command line");
		}
		request->overrides[request->override_count++] = argv[at];
	}
	if (!request->file && request->override_count == 0) {
		return cli_usage("create: a configuration is missing: vl create %s",
				 "[OPTIONS] [FILE] [KEY=VALUE...]");
	}
	return CLI_OK;
}

int cmd_create(struct cli *cli, int argc, char **argv)
{
	struct create_request request = { .dry_run = cli->dry_run };
	int rc;

	if (options_of(cli, argc, argv, &request) != CLI_END) {
		return cli->status;
	}
	request.overrides = calloc((size_t)argc + 1, sizeof(*request.overrides));
	if (!request.overrides) {
		cli_fail("there is no memory left");
		return CREATE_NO_MEMORY;
	}
	rc = arguments_of(argc, argv, &request);
	if (rc == CLI_OK) {
		rc = create(cli, &request);
	}
	free(request.overrides);
	return rc;
}
