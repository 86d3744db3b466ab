/* SPDX-License-Identifier: MIT */
/*
 * Consoles of guests: shown on this terminal, and what vld knows about them.
 * vld has had a console since its guest was made, and remembers what it wrote:
 * nobody has to be there in time.
 */
#include "console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

/* A guest that was made just now may reach vld a little later than us. */
#define FIND_TRIES 50
#define FIND_US 100000

void console_say_end(const struct cli *cli, const struct vl_end *end)
{
	cli_say(cli, "Domain %u has ended: %s%s%s", end->domid, end->reason,
		end->crash[0] ? ": " : "", end->crash);
}

/* One of VL_CONSOLE_*, or a negative errno; vld is asked so often until it knows the guest. */
static int show(struct cli *cli, const char *guest, int escape, int tries, struct vl_error *error)
{
	const struct vl_console console = {
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.escape = escape,
		.scrollback = true,
	};
	struct vl_vld *vld;
	struct vl_end end;
	int rc = vl_vld_open(&vld, NULL, error);

	if (rc) {
		return rc;
	}
	fflush(stdout);
	rc = vl_vld_console(vld, guest, &console, &end, error);
	for (int i = 1; rc == -ESRCH && i < tries; i++) {
		usleep(FIND_US);
		rc = vl_vld_console(vld, guest, &console, &end, error);
	}
	vl_vld_close(vld);
	if (rc >= 0 && isatty(STDOUT_FILENO)) {
		fputc('\n', stderr); /* the prompt gets a line of its own */
	}
	if (rc == VL_CONSOLE_OVER) {
		console_say_end(cli, &end);
	}
	return rc;
}

int console_attach(struct cli *cli, const char *guest, int escape)
{
	struct vl_error error;

	return show(cli, guest, escape, FIND_TRIES, &error) < 0 ? cli_fail("%s", error.text) :
								  CLI_OK;
}

int console_kept(struct cli *cli, const char *guest, int escape, const struct vl_error *none)
{
	struct vl_error error;
	int rc = show(cli, guest, escape, 1, &error);

	if (rc == -ESRCH || rc == -ENOENT || rc == -ECONNREFUSED) {
		return cli_fail("%s", none->text);
	}
	return rc < 0 ? cli_fail("%s", error.text) : CLI_OK;
}

/* ---- Status -------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void print_guest(const json_t *guest)
{
	char name[OUTPUT_NAME_SIZE], log[OUTPUT_NAME_SIZE];

	printf("%-33s %4lld %-9s %-9s %7lld %10lld %s\n",
	       output_name(text_of(guest, "name"), name, sizeof(name)), number_of(guest, "domid"),
	       text_of(guest, "state"), text_of(guest, "console"), number_of(guest, "viewers"),
	       number_of(guest, "bytes"), output_name(text_of(guest, "log"), log, sizeof(log)));
}

static void print_restart(const json_t *restart)
{
	char name[OUTPUT_NAME_SIZE];

	printf("%-33s %4s restarts in %lld s\n",
	       output_name(text_of(restart, "name"), name, sizeof(name)), "-",
	       number_of(restart, "in"));
}

static bool is_named(const json_t *object, const char *guest)
{
	unsigned long long domid;

	return !guest || !strcmp(text_of(object, "name"), guest) ||
	       (cli_number(guest, VL_DOMID_END - 1, &domid) && json_object_get(object, "domid") &&
		number_of(object, "domid") == (long long)domid);
}

/* Takes out of the array what is not asked for; returns what is left. */
static size_t keep_named(json_t *array, const char *guest)
{
	for (size_t i = json_array_size(array); i > 0; i--) {
		if (!is_named(json_array_get(array, i - 1), guest)) {
			json_array_remove(array, i - 1);
		}
	}
	return json_array_size(array);
}

static int print_status(const struct cli *cli, const char *text, const char *guest)
{
	json_t *status = json_loads(text, 0, NULL), *guests, *restarts, *one;
	size_t index, count;

	guests = json_object_get(status, "guests");
	restarts = json_object_get(status, "restarts");
	if (!json_is_array(guests) || !json_is_array(restarts)) {
		json_decref(status);
		return cli_fail("vld's answer makes no sense");
	}
	count = keep_named(guests, guest);
	count += keep_named(restarts, guest);
	if (guest && count == 0) {
		json_decref(status);
		return cli_fail("vld knows no guest \"%s\"", guest);
	}
	if (cli->json) {
		one = json_pack("{s:O, s:O}", "guests", guests, "restarts", restarts);
		json_decref(status);
		return output_json(one);
	}
	printf("%-33s %4s %-9s %-9s %7s %10s %s\n", "Name", "ID", "State", "Console", "Viewers",
	       "Bytes", "Log");
	json_array_foreach(guests, index, one)
	{
		print_guest(one);
	}
	json_array_foreach(restarts, index, one)
	{
		print_restart(one);
	}
	json_decref(status);
	return CLI_OK;
}

int console_status(struct cli *cli, const char *guest)
{
	struct vl_error error;
	struct vl_vld *vld;
	char *text;
	int rc;

	if (vl_vld_open(&vld, NULL, &error)) {
		return cli_fail("%s", error.text);
	}
	rc = vl_vld_status(vld, &text, &error);
	vl_vld_close(vld);
	if (rc) {
		return cli_fail("%s", error.text);
	}
	rc = print_status(cli, text, guest);
	free(text);
	return rc;
}
