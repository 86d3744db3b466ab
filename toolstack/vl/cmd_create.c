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
#include "libvellum/common.h"
#include "libvellum/file_io.h"
#include "output.h"
#include "restarts.h"
#include "sxp.h"
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

/* Before anything is read: with "-" that may take a while. */
static void say_source(const struct create_request *request, const char *name)
{
	/* So that a dry run's output is the configuration and nothing else. */
	FILE *words = request->dry_run ? stderr : stdout;

	if (!request->quiet) {
		cli_line(words, "Parsing config from %s", name);
		fflush(words);
	}
}

static int read_config(const struct create_request *request, struct vl_config **config)
{
	const char *name = request->file ? request->file : "command line";
	bool from_stdin = request->file && !strcmp(request->file, "-");
	struct vl_warnings warnings = { 0 };
	struct vl_error error;
	void *text = NULL;
	size_t size = 0;
	int rc = 0;

	if (from_stdin) {
		name = "<stdin>";
	}
	say_source(request, name);
	/* Not by the name /dev/stdin, which opens neither a socket nor somebody else's pipe. */
	if (from_stdin) {
		rc = file_read_fd(STDIN_FILENO, name, VL_CONFIG_MAX_SIZE, &text, &size, &error);
	}
	if (rc == 0 && request->file && !from_stdin) {
		rc = vl_config_read(request->file, request->overrides, request->override_count,
				    config, &warnings, &error);
	} else if (rc == 0) {
		rc = vl_config_parse(text ? text : "", size, name, request->overrides,
				     request->override_count, config, &warnings, &error);
	}
	free(text);
	for (size_t i = 0; i < warnings.count && !request->quiet; i++) {
		cli_fail("warning: %s", warnings.text[i]);
	}
	vl_warnings_free(&warnings);
	return rc ? fail(rc, &error) : CLI_OK;
}

static int print_config(const struct vl_config *config, enum vl_output_format format)
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
	if (json && format == VL_OUTPUT_SXP) {
		sxp_print(stdout, NULL, NULL, json);
		json_decref(json);
		return CLI_OK;
	}
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
 * with another number; *domid becomes that.  One that ends often is made later
 * and later.  -ESRCH: nobody makes it any more.  Neither vld nor the store need be
 * there all the time.
 */
#define NEXT_US 200000
#define SILENCE_MS 10000
static int find_next(struct cli *cli, const char *name, uint16_t *domid, struct vl_error *error)
{
	int64_t seen = vl_now_ms();
	uint16_t next;
	int due, rc;

	for (;;) {
		/* In this order: a restart that is not due any more has left the guest. */
		due = restarts_due(name);
		rc = vl_guest_find(&cli->host, name, &next, error);
		if (rc == 0 && next != *domid) {
			*domid = next;
			return 0;
		}
		if (rc == 0) {
			rc = -ESRCH; /* the old one still */
		}
		if (rc == -ESRCH && due == 0) {
			return rc;
		}
		if (rc == -ESRCH && due > 0) {
			seen = vl_now_ms();
		} else if (vl_now_ms() - seen > SILENCE_MS) {
			return rc != -ESRCH ? rc :
					      vl_error_set(error, -ETIMEDOUT,
							   "vld does not answer: guest %s is not "
							   "followed any more",
							   name);
		}
		usleep(NEXT_US);
	}
}

static bool ended_well(const struct vl_end *end)
{
	return !strcmp(end->reason, "poweroff") || !strcmp(end->reason, "reboot") ||
	       !strcmp(end->reason, "suspend");
}

/* vld may be started anew meanwhile: it finds its guests again. */
#define VLD_TRIES 50
#define VLD_US 200000
static int wait_for_end(struct vl_vld **vld, uint16_t domid, struct vl_end *end,
			struct vl_error *error)
{
	int rc = vl_vld_wait(*vld, domid, -1, end, error);

	for (int i = 0; rc == -ECONNRESET && i < VLD_TRIES; i++) {
		vl_vld_close(*vld);
		*vld = NULL;
		usleep(VLD_US);
		if (vl_vld_open(vld, NULL, error) == 0) {
			rc = vl_vld_wait(*vld, domid, -1, end, error);
		}
	}
	return rc;
}

/* Stays until it has ended for good: 0 if it did so by itself and without a fault. */
static int stay(struct cli *cli, struct vl_vld **vld, const char *first, uint16_t domid)
{
	char name[sizeof(((struct vl_end *)NULL)->name)];
	struct vl_error error;
	struct vl_end end;
	int rc;

	snprintf(name, sizeof(name), "%s", first);
	for (;;) {
		if (wait_for_end(vld, domid, &end, &error)) {
			return cli_fail("%s", error.text);
		}
		console_say_end(cli, &end);
		/* It lives on under the name that it had in the end.  A life that could not be
		 * begun is an end, too, and is tried again. */
		if (strstr(end.action, "restart")) {
			snprintf(name, sizeof(name), "%s", end.name);
		} else if (restarts_due(name) <= 0) {
			return ended_well(&end) ? CLI_OK : CLI_FAIL;
		}
		rc = find_next(cli, name, &domid, &error);
		if (rc == -ESRCH) {
			cli_say(cli, "Guest %s is not started anew", name);
			return ended_well(&end) ? CLI_OK : CLI_FAIL;
		}
		if (rc) {
			return cli_fail("%s", error.text);
		}
		cli_say(cli, "Domain %u is guest %s now", domid, name);
	}
}

/* It is there: what else was wanted. */
static int follow(struct cli *cli, const struct create_request *request, struct vl_vld **vld,
		  const char *name, uint16_t domid)
{
	char number[8];
	int rc = CLI_OK;

	if (request->console) {
		snprintf(number, sizeof(number), "%u", domid);
		rc = console_attach(cli, number, VL_CONSOLE_ESCAPE);
	}
	if (request->foreground && rc == CLI_OK) {
		rc = stay(cli, vld, name, domid);
	}
	return rc;
}

/*
 * Without vld a guest can be made, but not looked at or followed: that is known
 * before it is made.
 */
static int open_vld(const struct create_request *request, struct vl_vld **vld)
{
	struct vl_error error;
	int rc = vl_vld_open(vld, NULL, &error);

	if (rc == 0) {
		return CLI_OK;
	}
	*vld = NULL;
	if (request->console || request->foreground) {
		return fail(rc, &error);
	}
	cli_fail("warning: %s: until it runs nobody takes what the guest writes, and nothing "
		 "follows its end",
		 error.text);
	return CLI_OK;
}

static int make(struct cli *cli, const struct create_request *request,
		const struct vl_config *config)
{
	struct vl_error error;
	struct vl_vld *vld;
	uint16_t domid;
	int rc = vl_host_open(&cli->host, &error);

	if (rc) {
		return fail(rc, &error);
	}
	cli->open = true;
	cli->host.ends_soon = !request->console && !request->foreground;
	rc = open_vld(request, &vld);
	if (rc != CLI_OK) {
		return rc;
	}
	rc = request->paused ?
		     vl_guest_create(&cli->host, config, &domid, print_step, cli, &error) :
		     vl_guest_start(&cli->host, config, &domid, NULL, print_step, cli, &error);
	if (cli->carriage_return) {
		fputs("\r\033[K", stderr);
	}
	rc = rc ? fail(rc, &error) : follow(cli, request, &vld, config->name, domid);
	vl_vld_close(vld);
	return rc;
}

static int create(struct cli *cli, const struct create_request *request)
{
	enum vl_output_format format = VL_OUTPUT_JSON;
	struct vl_config *config;
	int rc = request->dry_run ? output_format(request->quiet, &format) : 0;

	if (rc) {
		return exit_code(rc);
	}
	rc = read_config(request, &config);
	if (rc != CLI_OK) {
		return rc;
	}
	rc = request->dry_run ? print_config(config, format) : make(cli, request, config);
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
