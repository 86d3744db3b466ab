/* SPDX-License-Identifier: MIT */
/*
 * vld: what outlives a command.  Consoles of all guests, their logs, and what
 * happens when a guest has ended.  Here are the command line and the signals;
 * all else is in server.c and behind it.
 */
#include "vld.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <generated/version.h>

#include "libvellum/paths.h"
#include "process.h"
#include "say.h"

static const char usage[] =
	"usage: vld [option...]\n"
	"  -D, --daemon            go to the background; messages to LOGDIR/vld.log\n"
	"      --scrollback=KIB    kept of each guest's output (128)\n"
	"      --log-limit=KIB     size of a log file before it is rotated (1024)\n"
	"      --log-stamps        a time stamp before each line of a log\n"
	"      --burst=KIB         output a guest may write at once (1024)\n"
	"      --rate=KIB          and in each second when that is used up (64)\n"
	"      --keep=SECONDS      scroll-back of an ended guest stays so long (600)\n"
	"      --min-uptime=SECONDS  a guest that ends earlier is restarted later (10)\n"
	"      --run-dir=DIR       (" VL_RUN_DIR ")\n"
	"      --log-dir=DIR       (" VL_LOG_DIR ")\n"
	"  -h, --help; -V, --version\n";

enum {
	OPT_SCROLLBACK = 256,
	OPT_LOG_LIMIT,
	OPT_LOG_STAMPS,
	OPT_BURST,
	OPT_RATE,
	OPT_KEEP,
	OPT_MIN_UPTIME,
	OPT_RUN_DIR,
	OPT_LOG_DIR
};

static const struct option long_options[] = {
	{ "daemon", no_argument, NULL, 'D' },
	{ "scrollback", required_argument, NULL, OPT_SCROLLBACK },
	{ "log-limit", required_argument, NULL, OPT_LOG_LIMIT },
	{ "log-stamps", no_argument, NULL, OPT_LOG_STAMPS },
	{ "burst", required_argument, NULL, OPT_BURST },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "keep", required_argument, NULL, OPT_KEEP },
	{ "min-uptime", required_argument, NULL, OPT_MIN_UPTIME },
	{ "run-dir", required_argument, NULL, OPT_RUN_DIR },
	{ "log-dir", required_argument, NULL, OPT_LOG_DIR },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* A number from min to max, or the end with a sentence. */
static uint32_t number(const char *text, uint32_t min, uint32_t max)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || value < min || value > max) {
		fprintf(stderr, "vld: %s is not a number from %u to %u\n", text, min, max);
		exit(2);
	}
	return (uint32_t)value;
}

static void option_take(struct vld_options *options, int option, const char *value)
{
	switch (option) {
	case OPT_SCROLLBACK:
		options->scrollback = (uint64_t)number(value, 4, 1 << 20) * 1024;
		break;
	case OPT_LOG_LIMIT:
		options->log_limit = (uint64_t)number(value, 16, UINT32_MAX) * 1024;
		break;
	case OPT_LOG_STAMPS:
		options->log_stamps = true;
		break;
	case OPT_BURST:
		options->burst = (uint64_t)number(value, 2, 1 << 20) * 1024;
		break;
	case OPT_RATE:
		options->rate = (uint64_t)number(value, 1, 1 << 20) * 1024;
		break;
	case OPT_KEEP:
		options->keep = number(value, 0, 1 << 30);
		break;
	case OPT_MIN_UPTIME:
		options->min_uptime = number(value, 0, 1 << 30);
		break;
	case OPT_RUN_DIR:
		options->run_dir = value;
		break;
	case OPT_LOG_DIR:
		options->log_dir = value;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	case 'V':
		puts("vld " VELLUM_VERSION " (" VELLUM_CHANGESET ")");
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

static void stop_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

/* Each guest costs a descriptor, each viewer one. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int serve(const struct vld_options *options, bool daemon)
{
	struct vl_error error;
	struct event stop[2];
	struct vld_host *host;
	struct vld *vld;
	char path[4096];
	int rc;

	if (mkdir(options->run_dir, 0755) && errno != EEXIST) {
		say("%s: %s", options->run_dir, strerror(errno));
		return 1;
	}
	rc = process_lock(options->run_dir, &error);
	if (!rc) {
		rc = host_real_open(&host, &error);
	}
	if (rc) {
		say("%s", error.text);
		return 1;
	}
	snprintf(path, sizeof(path), "%s/vld.log", options->log_dir);
	if (daemon && ((mkdir(options->log_dir, 0750) && errno != EEXIST) || say_open(path))) {
		say("%s cannot be written", path);
	}
	rc = vld_start(&vld, options, host, &error);
	if (rc) {
		say("%s", error.text);
		host_real_close(host);
		return 1;
	}
	evsignal_assign(&stop[0], vld->base, SIGTERM, stop_event, vld->base);
	evsignal_assign(&stop[1], vld->base, SIGINT, stop_event, vld->base);
	event_add(&stop[0], NULL);
	event_add(&stop[1], NULL);
	process_ready();
	rc = event_base_dispatch(vld->base);
	event_del(&stop[0]);
	event_del(&stop[1]);
	vld_stop(vld);
	host_real_close(host);
	return rc < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct vld_options options = vld_defaults;
	struct vl_error error;
	bool daemon = false;
	int option;

	options.run_dir = VL_RUN_DIR;
	options.log_dir = VL_LOG_DIR;
	while ((option = getopt_long(argc, argv, "DhV", long_options, NULL)) != -1) {
		if (option == 'D') {
			daemon = true;
		} else {
			option_take(&options, option, optarg);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vld: what is %s?\n%s", argv[optind], usage);
		return 2;
	}
	/* A full disk and a viewer that is gone are told by the call that meets them. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	raise_limits();
	if (daemon && process_daemon(&error)) {
		say("%s", error.text);
		return 1;
	}
	return serve(&options, daemon);
}
