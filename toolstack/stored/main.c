/* SPDX-License-Identifier: MIT */
/*
 * vl-stored, the store daemon: options, start, event loop, end. The manual page
 * is docs/vl-stored.md. An end by a signal leaves the state where it is, as a
 * kill does: the next process goes on from there.
 */
#include <errno.h>
#include <fcntl.h>
#include <generated/version.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "libvellum/paths.h"
#include "stored/server.h"

static const char usage[] =
	"usage: vl-stored [options]\n"
	"The store of Vellum: serves clients of the control domain and guests.\n"
	"\n"
	"  -D, --daemon            go to the background when it serves\n"
	"      --socket PATH       listen there (" VL_STORE_SOCKET ")\n"
	"      --state DIR         keep the state there, for a restart (" VL_RUN_DIR ")\n"
	"      --quota NAME=VALUE  limit for each guest; --quota help lists them\n"
	"      --no-rings          no guests: only the socket\n"
	"      --version           print the version\n"
	"  -h, --help              print this\n";

struct options {
	const char *socket, *state;
	bool daemon, no_rings;
	struct quotas quotas;
};

static bool use_syslog;

/* ---- The host of the engine -------------------------------------------------- */

static int host_attach(void *arg, struct domain *domain, bool resumed)
{
	const struct server *server = arg;

	return server->machine ? machine_attach(server->machine, domain, resumed) : -ENODEV;
}

static void host_detach(void *arg, struct domain *domain)
{
	const struct server *server = arg;

	if (server->machine) {
		machine_detach(server->machine, domain);
	}
}

static void host_log(void *arg, const char *text)
{
	(void)arg;
	if (use_syslog) {
		syslog(LOG_NOTICE, "%s", text);
	} else {
		fprintf(stderr, "vl-stored: %s\n", text);
	}
}

void server_flush(struct server *server)
{
	struct conn *conn;

	while ((conn = TAILQ_FIRST(&server->engine->ready))) {
		TAILQ_REMOVE(&server->engine->ready, conn, of_ready);
		conn->ready = false;
		if (conn->ring) {
			machine_serve(conn);
		} else {
			sock_flush(conn);
		}
	}
	state_compact(server->engine, false);
}

/* ---- Options ----------------------------------------------------------------- */

static int fail(const char *text)
{
	fprintf(stderr, "vl-stored: %s\n", text);
	return 1;
}

static void print_quotas(const struct quotas *quotas)
{
	for (unsigned int i = 0; i < QUOTA_COUNT; i++) {
		printf("%-18s %10u  %s\n", quota_name((enum quota)i), quotas->limit[i],
		       quota_meaning((enum quota)i));
	}
}

static int parse_quota(struct quotas *quotas, char *text)
{
	char *value = strchr(text, '=');

	if (value) {
		*value++ = '\0';
	}
	if (!value || quota_set(quotas, text, value)) {
		fprintf(stderr,
			"vl-stored: --quota wants NAME=VALUE with a known name and a value from 1 "
			"to 2147483647, not '%s%s%s'; --quota help lists the names\n",
			text, value ? "=" : "", value ? value : "");
		return 2;
	}
	return 0;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *options)
{
	enum {
		SOCKET = 256,
		STATE,
		QUOTA,
		NO_RINGS,
		VERSION
	};
	static const struct option longs[] = {
		{ "daemon", no_argument, NULL, 'D' },
		{ "socket", required_argument, NULL, SOCKET },
		{ "state", required_argument, NULL, STATE },
		{ "quota", required_argument, NULL, QUOTA },
		{ "no-rings", no_argument, NULL, NO_RINGS },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "Dh", longs, NULL)) != -1) {
		switch (c) {
		case 'D':
			options->daemon = true;
			break;
		case SOCKET:
			options->socket = optarg;
			break;
		case STATE:
			options->state = optarg;
			break;
		case QUOTA:
			if (strcmp(optarg, "help") == 0) {
				print_quotas(&options->quotas);
				return 0;
			}
			if (parse_quota(&options->quotas, optarg)) {
				return 2;
			}
			break;
		case NO_RINGS:
			options->no_rings = true;
			break;
		case VERSION:
			printf("vl-stored %s (%s)\n", VELLUM_VERSION, VELLUM_CHANGESET);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs("Try 'vl-stored --help'.\n", stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vl-stored: '%s' is no option\n", argv[optind]);
		return 2;
	}
	return -1;
}

/* ---- Start ------------------------------------------------------------------- */

/* The lock is held until the process ends; nobody else uses this state meanwhile. */
static int lock_state(const char *folder, struct vl_error *error)
{
	char path[4096];
	int fd, rc;

	if (mkdir(folder, 0755) && errno != EEXIST) {
		rc = -errno;
		return vl_error_set(error, rc, "%s cannot be made: %s", folder, strerror(-rc));
	}
	snprintf(path, sizeof(path), "%s/store.lock", folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		rc = -errno;
		return vl_error_set(error, rc, "%s: %s", path, strerror(-rc));
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return vl_error_set(error, -EBUSY, "another vl-stored uses %s already", folder);
	}
	return 0;
}

static int open_state(struct engine *engine, const char *folder, struct vl_error *error)
{
	char path[4096];
	struct vl_error cause;
	int rc;

	snprintf(path, sizeof(path), "%s/store.state", folder);
	rc = state_open(engine, path, &cause);
	if (rc == -EBADMSG || rc == -ENODATA) {
		return vl_error_set(error, rc, "%.150s; remove %.60s to begin with an empty store",
				    cause.text, path);
	}
	return rc ? vl_error_set(error, rc, "%s", cause.text) : 0;
}

/* Tells who started us that clients can come: see sd_notify(3). */
static void tell_service_manager(void)
{
	static const char ready[] = "READY=1";
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t size = path ? strlen(path) : 0;
	int fd;

	if (size < 2 || size >= sizeof(address.sun_path)) {
		return;
	}
	memcpy(address.sun_path, path, size);
	if (path[0] == '@') {
		address.sun_path[0] = '\0';
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		sendto(fd, ready, sizeof(ready) - 1, MSG_NOSIGNAL, (struct sockaddr *)&address,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
		close(fd);
	}
}

/* In the child returns the pipe on which to say that it serves; the parent waits for that. */
static int go_to_background(void)
{
	int ends[2];
	char byte;
	pid_t pid;

	if (pipe(ends)) {
		return -1;
	}
	pid = fork();
	if (pid < 0) {
		return -1;
	}
	if (pid > 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(ends[0]);
	setsid();
	return ends[1];
}

static void finish_background(int fd)
{
	int null = open("/dev/null", O_RDWR);

	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		close(null);
	}
	if (chdir("/") || write(fd, "", 1) != 1) {
		syslog(LOG_NOTICE, "%s", strerror(errno));
	}
	close(fd);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	struct timespec now;

	(void)fd;
	(void)what;
	clock_gettime(CLOCK_MONOTONIC, &now);
	server->engine->now = (uint64_t)now.tv_sec;
	engine_tick(server->engine);
}

static int start(struct server *server, const struct options *options, struct vl_error *error)
{
	struct timeval second = { .tv_sec = 1 };
	struct event *term, *interrupt, *tick;
	int rc = lock_state(options->state, error);

	if (rc == 0 && !options->no_rings) {
		rc = machine_open(server, &server->machine, error);
	}
	rc = rc ? rc : open_state(server->engine, options->state, error);
	rc = rc ? rc : sock_listen(server, options->socket, error);
	if (rc == 0 && server->machine) {
		rc = machine_start(server->machine, error);
	}
	if (rc) {
		return rc;
	}
	term = evsignal_new(server->base, SIGTERM, on_signal, server->base);
	interrupt = evsignal_new(server->base, SIGINT, on_signal, server->base);
	tick = event_new(server->base, -1, EV_PERSIST, on_tick, server);
	if (!term || !interrupt || !tick || event_add(term, NULL) || event_add(interrupt, NULL) ||
	    event_add(tick, &second)) {
		return vl_error_set(error, -ENOMEM, "out of memory");
	}
	on_tick(-1, 0, server);
	server_flush(server);
	return 0;
}

static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	struct options options = { .socket = VL_STORE_SOCKET,
				   .state = VL_RUN_DIR,
				   .quotas = quota_defaults };
	struct server server = { .listen_fd = -1 };
	const struct engine_host host = { host_attach, host_detach, host_log, &server };
	struct vl_error error = { "" };
	int background = -1, rc = parse(argc, argv, &options);

	if (rc >= 0) {
		return rc;
	}
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	allow_many_files();
	if (options.daemon) {
		background = go_to_background();
		if (background < 0) {
			return fail("cannot go to the background");
		}
	}
	server.base = event_base_new();
	server.engine = server.base ? engine_new(&host) : NULL;
	if (!server.engine) {
		return fail("out of memory");
	}
	server.engine->quotas = options.quotas;
	if (start(&server, &options, &error)) {
		return fail(error.text);
	}
	if (options.daemon) {
		openlog("vl-stored", LOG_PID, LOG_DAEMON);
		use_syslog = true;
		finish_background(background);
	}
	tell_service_manager();
	rc = event_base_dispatch(server.base);
	unlink(options.socket);
	return rc < 0 ? fail("the event loop ended") : 0;
}
