/* SPDX-License-Identifier: MIT */
/*
 * Start and stop of a vld, and the events that come from outside: the store,
 * ports, connections and the clock.  Called by main() in vld.c and by tests.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "ends.h"
#include "guests.h"
#include "job.h"
#include "libvellum/file_io.h"
#include "restart.h"
#include "say.h"
#include "vld.h"

#define PORTS_AT_ONCE 64

const struct vld_options vld_defaults = {
	.scrollback = UINT64_C(128) * 1024,
	.log_limit = UINT64_C(1024) * 1024,
	.burst = UINT64_C(1024) * 1024,
	.rate = UINT64_C(64) * 1024,
	.keep = 600,
	.keep_count = 64,
	.quiet = 60,
	.min_uptime = 10,
	.delay_min = 1,
	.retry = 2,
	.delay_max = 300,
};

int vld_path(const struct vld *vld, const char *name, char *path, size_t size)
{
	int length = snprintf(path, size, "%s/%s", vld->options.run_dir, name);

	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

uint64_t vld_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t vld_seconds(void)
{
	return vld_ms() / 1000;
}

#define SCAN_GAP_MS 5u

static void watch_event(evutil_socket_t fd, short what, void *arg)
{
	struct vld *vld = arg;
	struct vl_error error;
	int rc = vld->host->watch_take(vld->host, &error);

	(void)fd;
	(void)what;
	if (rc < 0) {
		say("%s; vld waits for it", error.text);
		event_del(&vld->watch_event);
		vld->watching = false;
	} else if (rc > 0) {
		/* At once, since whoever ends a guest waits for us, but not for each of many. */
		guests_scan_soon(vld, vld_ms() - vld->scanned < SCAN_GAP_MS ? SCAN_GAP_MS : 0);
	}
}

static void watch_begin(struct vld *vld)
{
	event_assign(&vld->watch_event, vld->base, vld->host->watch_fd(vld->host),
		     EV_READ | EV_PERSIST, watch_event, vld);
	event_add(&vld->watch_event, NULL);
	vld->watching = true;
}

static void port_event(evutil_socket_t fd, short what, void *arg)
{
	struct vld *vld = arg;
	uint32_t ports[PORTS_AT_ONCE];
	int count = vld->host->port_take(vld->host, ports, PORTS_AT_ONCE);

	(void)fd;
	(void)what;
	for (int i = 0; i < count; i++) {
		/* First: what comes during the work is an event of its own. */
		vld->host->port_done(vld->host, ports[i]);
		guests_port(vld, ports[i]);
	}
}

static void listen_event(evutil_socket_t fd, short what, void *arg)
{
	int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (client >= 0) {
		client_accept(arg, client);
	}
}

/*
 * A creation that is killed leaves its lock's file, and its end is that of a client
 * of ours: so we look a moment later, and again while there are files.  Which of
 * them somebody holds, a job finds out.
 */
#define SWEEP_SECONDS 5

static bool has_files(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	bool found = false;

	while (folder && !found && (entry = readdir(folder)) != NULL) {
		found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	}
	if (folder) {
		closedir(folder);
	}
	return found;
}

static void sweep_done(struct vld *vld, const struct job *job, int rc, const char *text)
{
	(void)job;
	(void)rc;
	(void)text;
	vld->sweeping = false;
}

static void sweep_left(struct vld *vld, uint64_t now)
{
	struct job_spec spec = { .kind = JOB_SWEEP, .done = sweep_done };
	char path[4096];

	if (!vld->sweep_due || now < vld->sweep_due || vld->sweeping) {
		return;
	}
	vld->sweep_due = 0;
	if (vld->unfinished ||
	    (vld_path(vld, "lock", path, sizeof(path)) == 0 && has_files(path))) {
		vld->sweep_due = now + SWEEP_SECONDS;
		vld->sweeping = job_start(vld, &spec) == 0;
		vld->unfinished = vld->unfinished && !vld->sweeping;
	}
}

static void scan_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	guests_scan(arg);
}

/* Once a second: what waits for a time, and a store that was away. */
static void tick_event(evutil_socket_t fd, short what, void *arg)
{
	struct vld *vld = arg;
	uint64_t now = vld_seconds();

	(void)fd;
	(void)what;
	if (!vld->watching && vld->host->reopen(vld->host, NULL) == 0) {
		say("the store is there again");
		watch_begin(vld);
		guests_scan_soon(vld, 0);
	}
	for (struct guest *guest = vld->guests; guest; guest = guest->next) {
		if (guest->state == GUEST_ENDING && !guest->job && now >= guest->retry) {
			guests_scan_soon(vld, 0);
		}
		if (guest->console.log.failing) {
			/* It may have nothing more to say itself. */
			guest_log_update(&guest->console.log, &guest->console.scroll);
		}
		console_rest(&guest->console, now);
	}
	guests_expire(vld);
	restart_due(vld);
	sweep_left(vld, now);
}

static int make_folder(const struct vld *vld, const char *name, struct vl_error *error)
{
	char path[4096];
	int rc = vld_path(vld, name, path, sizeof(path));

	if (!rc && mkdir(path, 0700) && errno != EEXIST) {
		rc = -errno;
	}
	return rc ? vl_error_set(error, rc, "%s: %s", path, strerror(-rc)) : 0;
}

static int make_folders(struct vld *vld, struct vl_error *error)
{
	int rc;

	if (mkdir(vld->options.run_dir, 0755) && errno != EEXIST) {
		rc = -errno;
		return vl_error_set(error, rc, "%s: %s", vld->options.run_dir, strerror(-rc));
	}
	if (mkdir(vld->options.log_dir, 0750) && errno != EEXIST) {
		say("%s: %s; guests have no log files", vld->options.log_dir, strerror(errno));
	}
	rc = make_folder(vld, "console", error);
	return rc ? rc : make_folder(vld, "restart", error);
}

/* What a vld or a creation was writing when it was killed. */
static void sweep(const struct vld *vld)
{
	static const char *const folders[] = { ".", "restart", "guests", "console" };
	char path[4096];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (vld_path(vld, folders[i], path, sizeof(path)) == 0) {
			file_sweep(path);
		}
	}
}

static int listen_begin(struct vld *vld, struct vl_error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int rc = vld_path(vld, "vld.sock", address.sun_path, sizeof(address.sun_path));

	if (rc) {
		return vl_error_set(error, rc, "the run directory's name is too long");
	}
	vld->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	unlink(address.sun_path);
	mask = umask(0177);
	if (vld->listen_fd < 0 ||
	    bind(vld->listen_fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(vld->listen_fd, 128)) {
		rc = -errno;
		vl_error_set(error, rc, "%s: %s", address.sun_path, strerror(-rc));
	}
	umask(mask);
	if (!rc) {
		event_assign(&vld->listen_event, vld->base, vld->listen_fd, EV_READ | EV_PERSIST,
			     listen_event, vld);
		event_add(&vld->listen_event, NULL);
	}
	return rc;
}

int vld_start(struct vld **result, const struct vld_options *options, struct vld_host *host,
	      struct vl_error *error)
{
	struct timeval second = { .tv_sec = 1 };
	struct vld *vld = calloc(1, sizeof(*vld));
	int rc;

	if (!vld) {
		return vl_error_set(error, -ENOMEM, "no memory");
	}
	vld->options = *options;
	vld->host = host;
	vld->listen_fd = -1;
	vld->sweep_due = 1; /* what died while no vld ran */
	vld->base = event_base_new();
	if (!vld->base) {
		free(vld);
		return vl_error_set(error, -ENOMEM, "no event loop");
	}
	event_assign(&vld->scan_timer, vld->base, -1, 0, scan_event, vld);
	event_assign(&vld->tick_timer, vld->base, -1, EV_PERSIST, tick_event, vld);
	event_assign(&vld->port_event, vld->base, host->port_fd(host), EV_READ | EV_PERSIST,
		     port_event, vld);
	rc = make_folders(vld, error);
	if (!rc) {
		rc = listen_begin(vld, error);
	}
	if (rc) {
		vld_stop(vld);
		return rc;
	}
	sweep(vld);
	event_add(&vld->tick_timer, &second);
	event_add(&vld->port_event, NULL);
	watch_begin(vld);
	ends_load(vld);
	restart_load(vld);
	guests_recover(vld);
	guests_scan(vld);
	restart_due(vld);
	*result = vld;
	return 0;
}

void vld_stop(struct vld *vld)
{
	clients_free(vld);
	guests_free(vld);
	jobs_free(vld);
	restart_free(vld);
	json_decref(vld->ends);
	if (vld->watching) {
		event_del(&vld->watch_event);
	}
	if (vld->listen_fd >= 0) {
		close(vld->listen_fd);
	}
	event_base_free(vld->base);
	free(vld);
}
