/* SPDX-License-Identifier: MIT */
/* A machine for vld, see fake.h. */
#include "fake.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libvellum/file_io.h"
#include "vld/guests.h"

/* For what happens at once where the machine has time for it. */
#define LIMIT_MS 20000

static struct fake *of(struct vld_host *host)
{
	return (struct fake *)host;
}

static struct fake_domain *domain_of(struct vld_host *host, unsigned int domid)
{
	struct fake_domain *domain = &of(host)->shared->domains[domid % FAKE_DOMAINS];

	return domid < FAKE_DOMAINS && domain->there ? domain : NULL;
}

static int none(struct vl_error *error)
{
	return vl_error_set(error, -ESRCH, "there is no such domain");
}

static int fake_list(struct vld_host *host, struct vl_domain_info **list, size_t *count,
		     struct vl_error *error)
{
	(void)error;
	*list = calloc(FAKE_DOMAINS, sizeof(**list));
	*count = 0;
	for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
		if (domain_of(host, i)) {
			(*list)[(*count)++] = domain_of(host, i)->info;
		}
	}
	return 0;
}

static int fake_destroy_again(struct vld_host *host, uint16_t domid, struct vl_error *error)
{
	struct fake_domain *domain = domain_of(host, domid);

	if (!domain) {
		return none(error);
	}
	if (domain->busy > 0 || domain->mapped) {
		domain->busy -= domain->busy > 0;
		return vl_error_set(error, -EBUSY, "others map its frames");
	}
	domain->there = false;
	return 0;
}

static int fake_crash_reason(struct vld_host *host, uint16_t domid, struct vl_crash_reason *reason,
			     struct vl_error *error)
{
	struct fake_domain *domain = domain_of(host, domid);

	if (!domain) {
		return none(error);
	}
	*reason = domain->crash;
	return 0;
}

static int fake_name(struct vld_host *host, uint16_t domid, char **name, struct vl_error *error)
{
	struct fake_domain *domain = domain_of(host, domid);

	*name = domain ? strdup(domain->name) : NULL;
	return domain ? 0 : none(error);
}

static int fake_find(struct vld_host *host, const char *name, uint16_t *domid,
		     struct vl_error *error)
{
	for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
		struct fake_domain *domain = domain_of(host, i);
		char number[8];

		snprintf(number, sizeof(number), "%u", i);
		if (domain && (strcmp(domain->name, name) == 0 || strcmp(number, name) == 0)) {
			*domid = (uint16_t)i;
			return 0;
		}
	}
	return none(error);
}

static int fake_console_port(struct vld_host *host, uint16_t domid, uint32_t *port,
			     struct vl_error *error)
{
	*port = domid;
	return domain_of(host, domid) ? 0 : none(error);
}

static int fake_config(struct vld_host *host, uint16_t domid, struct vld_actions *actions,
		       char **json, struct vl_error *error)
{
	struct fake_domain *domain = domain_of(host, domid);

	if (!domain || !domain->has_config) {
		return vl_error_set(error, -ENOENT, "domain %u has no record", domid);
	}
	if (domain->config_fails) {
		return vl_error_set(error, domain->config_fails, "its record is not to be read");
	}
	*actions = domain->actions;
	*json = strdup(domain->name);
	return 0;
}

static int fake_watch_fd(struct vld_host *host)
{
	return of(host)->watch_event;
}

static int fake_watch_take(struct vld_host *host, struct vl_error *error)
{
	eventfd_t count;

	if (of(host)->shared->no_store) {
		return vl_error_set(error, -ECONNRESET, "the store daemon went away");
	}
	return eventfd_read(of(host)->watch_event, &count) == 0;
}

static int fake_reopen(struct vld_host *host, struct vl_error *error)
{
	return of(host)->shared->no_store ? vl_error_set(error, -ECONNREFUSED, "no store") : 0;
}

static int fake_map(struct vld_host *host, uint16_t domid, struct xencons_interface **page,
		    struct vl_error *error)
{
	struct fake_domain *domain = domain_of(host, domid);

	if (!domain) {
		return none(error);
	}
	domain->mapped = true;
	*page = &domain->page;
	return 0;
}

static void fake_unmap(struct vld_host *host, struct xencons_interface *page)
{
	for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
		struct fake_domain *domain = &of(host)->shared->domains[i];

		if (&domain->page == page) {
			domain->mapped = false;
		}
	}
}

static int fake_bind(struct vld_host *host, uint16_t domid, uint32_t port, struct vl_error *error)
{
	struct fake_domain *domain = domain_of(host, domid);

	if (!domain || domain->broken_port) {
		return vl_error_set(error, -EINVAL, "port %u of domain %u", port, domid);
	}
	domain->bound = true;
	return domid + 100;
}

static void fake_unbind(struct vld_host *host, int port)
{
	of(host)->shared->domains[port - 100].bound = false;
}

static void fake_notify(struct vld_host *host, int port)
{
	of(host)->shared->domains[port - 100].notified++;
}

static int fake_port_fd(struct vld_host *host)
{
	return of(host)->port_event;
}

static int fake_port_take(struct vld_host *host, uint32_t *ports, size_t count)
{
	eventfd_t value;
	int taken = 0;

	eventfd_read(of(host)->port_event, &value);
	for (unsigned int i = 0; i < FAKE_DOMAINS && (size_t)taken < count; i++) {
		if (__atomic_exchange_n(&of(host)->shared->domains[i].pending, false,
					__ATOMIC_ACQ_REL)) {
			ports[taken++] = i + 100;
		}
	}
	return taken;
}

static void fake_port_done(struct vld_host *host, uint32_t port)
{
	(void)host;
	(void)port;
}

/* A child waits here until the test lets it go on. */
static void hold(struct fake_shared *shared, const bool *flag)
{
	if (__atomic_load_n(flag, __ATOMIC_ACQUIRE)) {
		__atomic_add_fetch(&shared->holds, 1, __ATOMIC_ACQ_REL);
		for (int i = 0; i < 60000 && __atomic_load_n(flag, __ATOMIC_ACQUIRE); i++) {
			usleep(1000);
		}
	}
}

static int fake_guest_end(struct vld_host *host, uint16_t domid, struct vl_error *error)
{
	struct fake_shared *shared = of(host)->shared;
	struct fake_domain *domain = domain_of(host, domid);

	shared->ends++;
	hold(shared, &shared->hold_end);
	if (domain && (!shared->end_fails || shared->end_fails_late)) {
		domain->info.flags |= VL_DOMAIN_dying;
		fake_destroy_again(host, domid, NULL);
		fake_changed(of(host));
	}
	return shared->end_fails ?
		       vl_error_set(error, shared->end_fails, "it does not want to end") :
		       0;
}

static int fake_guest_rename(struct vld_host *host, uint16_t domid, const char *name,
			     struct vl_error *error)
{
	struct fake_domain *domain = domain_of(host, domid);

	if (!domain) {
		return none(error);
	}
	snprintf(domain->name, sizeof(domain->name), "%s", name);
	return 0;
}

static int fake_guest_start(struct vld_host *host, const char *json, bool (*wanted)(void *arg),
			    void *arg, struct vl_error *error)
{
	struct fake_shared *shared = of(host)->shared;
	struct fake_domain *domain;
	uint16_t domid;

	hold(shared, &shared->hold_start);
	if (shared->start_fails) {
		return vl_error_set(error, shared->start_fails, "no memory for it");
	}
	if (fake_find(host, json, &domid, NULL) == 0) {
		return vl_error_set(error, -EEXIST, "a guest of that name is there");
	}
	shared->starts++;
	domain = fake_add(of(host), json);
	hold(shared, &shared->hold_run);
	if (!shared->deaf && !wanted(arg)) {
		domain->there = false;
		return vl_error_set(error, -ECANCELED, "cancelled");
	}
	domain->unpaused++;
	return domain->info.domid;
}

static int fake_sweep(struct vld_host *host, struct vl_error *error)
{
	(void)error;
	of(host)->shared->sweeps++;
	return 0;
}

static const struct vld_host fake_ops = {
	.list = fake_list,
	.destroy_again = fake_destroy_again,
	.crash_reason = fake_crash_reason,
	.name = fake_name,
	.find = fake_find,
	.console_port = fake_console_port,
	.config = fake_config,
	.watch_fd = fake_watch_fd,
	.watch_take = fake_watch_take,
	.reopen = fake_reopen,
	.map = fake_map,
	.unmap = fake_unmap,
	.bind = fake_bind,
	.unbind = fake_unbind,
	.notify = fake_notify,
	.port_fd = fake_port_fd,
	.port_take = fake_port_take,
	.port_done = fake_port_done,
	.guest_end = fake_guest_end,
	.guest_rename = fake_guest_rename,
	.guest_start = fake_guest_start,
	.sweep = fake_sweep,
};

void fake_begin(struct fake *fake)
{
	*fake = (struct fake){ .ops = fake_ops, .folder = "/tmp/vellum-vld-XXXXXX" };
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(fake->folder));
	snprintf(fake->run, sizeof(fake->run), "%s/run", fake->folder);
	snprintf(fake->logs, sizeof(fake->logs), "%s/log", fake->folder);
	fake->shared = mmap(NULL, sizeof(*fake->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_NOT_EQUAL_FATAL(fake->shared, MAP_FAILED);
	fake->shared->next = 1;
	fake->port_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fake->watch_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fake_end(struct fake *fake)
{
	nftw(fake->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	munmap(fake->shared, sizeof(*fake->shared));
	close(fake->port_event);
	close(fake->watch_event);
}

void fake_changed(struct fake *fake)
{
	eventfd_write(fake->watch_event, 1);
}

struct fake_domain *fake_add(struct fake *fake, const char *name)
{
	uint16_t domid = fake->shared->next++;
	struct fake_domain *domain = &fake->shared->domains[domid];

	CU_ASSERT_FATAL(domid < FAKE_DOMAINS);
	memset(domain, 0, sizeof(*domain));
	domain->info.domid = domid;
	domain->info.created = domid * 1000u;
	domain->info.handle[0] = (uint8_t)domid;
	domain->has_config = true;
	domain->actions =
		(struct vld_actions){ VL_ACTION_DESTROY, VL_ACTION_RESTART, VL_ACTION_DESTROY,
				      VL_ACTION_DESTROY, VL_ACTION_SOFT_RESET };
	snprintf(domain->name, sizeof(domain->name), "%s", name);
	domain->there = true;
	fake_changed(fake);
	return domain;
}

struct fake_domain *fake_add_old(struct vld *vld, struct fake *fake, const char *name)
{
	struct fake_domain *domain = fake_add(fake, name);

	fake_run(vld, 20);
	guests_get(vld, domain->info.domid)->console.scroll.header->started -= 100;
	return domain;
}

void fake_shutdown(struct fake *fake, struct fake_domain *domain, unsigned int reason)
{
	domain->info.shutdown_reason = reason;
	domain->info.flags |= VL_DOMAIN_shutdown;
	fake_changed(fake);
}

void fake_send(struct fake *fake, struct fake_domain *domain)
{
	__atomic_store_n(&domain->pending, true, __ATOMIC_RELEASE);
	eventfd_write(fake->port_event, 1);
}

size_t fake_print(struct fake *fake, struct fake_domain *domain, const char *data, size_t size)
{
	struct xencons_interface *page = &domain->page;
	uint32_t prod = page->out_prod;
	uint32_t cons = __atomic_load_n(&page->out_cons, __ATOMIC_ACQUIRE);
	size_t done = 0;

	while (done < size && prod - cons < sizeof(page->out)) {
		page->out[MASK_XENCONS_IDX(prod++, page->out)] = data[done++];
	}
	__atomic_store_n(&page->out_prod, prod, __ATOMIC_RELEASE);
	fake_send(fake, domain);
	return done;
}

size_t fake_typed(struct fake_domain *domain, char *data, size_t size)
{
	struct xencons_interface *page = &domain->page;
	size_t done = 0;

	while (done < size && page->in_cons != page->in_prod) {
		data[done++] = page->in[MASK_XENCONS_IDX(page->in_cons++, page->in)];
	}
	return done;
}

struct vld_options fake_options(const struct fake *fake)
{
	struct vld_options options = vld_defaults;

	options.run_dir = fake->run;
	options.log_dir = fake->logs;
	options.jobs_inline = true;
	options.retry = 10000; /* no test runs so long: they say when it is time */
	return options;
}

struct vld *fake_vld(struct fake *fake)
{
	struct vld_options options = fake_options(fake);
	struct vl_error error = { "" };
	struct vld *vld;

	if (vld_start(&vld, &options, &fake->ops, &error)) {
		CU_FAIL_FATAL("vld does not start");
	}
	fake_run(vld, 15);
	return vld;
}

struct vld *fake_again(struct fake *fake, struct vld *vld)
{
	vld_stop(vld);
	return fake_vld(fake);
}

/* Events have come, or a scan is about to be made. */
static bool busy(struct vld *vld)
{
	struct pollfd fds[2] = { { .fd = vld->host->port_fd(vld->host), .events = POLLIN },
				 { .fd = -1, .events = POLLIN } };

	if (vld->watching) {
		fds[1].fd = vld->host->watch_fd(vld->host);
	}
	return poll(fds, 2, 0) > 0 || (event_pending(&vld->scan_timer, EV_TIMEOUT, NULL) &&
				       vld->scan_due <= vld_ms() + 10);
}

void fake_run(struct vld *vld, unsigned int ms)
{
	uint64_t until = vld_ms() + ms, limit = until + LIMIT_MS;

	do {
		event_base_loop(vld->base, EVLOOP_NONBLOCK);
		usleep(500);
	} while (vld_ms() < until || (busy(vld) && vld_ms() < limit));
	/* On a busy machine the time may have passed in one sleep. */
	for (int i = 0; i < 3; i++) {
		event_base_loop(vld->base, EVLOOP_NONBLOCK);
	}
}

char *fake_file(const char *folder, const char *name)
{
	char path[300], *text;
	void *data;
	size_t size;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (file_read(path, (size_t)64 << 20, &data, &size, NULL)) {
		return strdup("");
	}
	text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	free(data);
	return text;
}

int fake_connect(const struct fake *fake)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/vld.sock", fake->run);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

size_t fake_receive(struct vld *vld, int fd, unsigned int ms, char *data, size_t size)
{
	unsigned int quiet = 0;
	size_t done = 0;

	/* Rounds and not time: the machine may stand still for longer than that. */
	while (quiet < 2 * ms || busy(vld)) {
		ssize_t count;

		event_base_loop(vld->base, EVLOOP_NONBLOCK);
		count = recv(fd, data + done, size - done, MSG_DONTWAIT);
		done += count > 0 ? (size_t)count : 0;
		if (count == 0 && done < size) {
			break;
		}
		quiet = count > 0 ? 0 : quiet + 1;
		usleep(count > 0 ? 0 : 500);
	}
	return done;
}

char *fake_ask(struct vld *vld, int fd, const char *line)
{
	static char answer[65536];
	uint64_t until = vld_ms() + LIMIT_MS;
	size_t done = 0;

	CU_ASSERT_EQUAL(send(fd, line, strlen(line), MSG_NOSIGNAL), (ssize_t)strlen(line));
	do {
		event_base_loop(vld->base, EVLOOP_NONBLOCK);
		while (done + 1 < sizeof(answer) && recv(fd, answer + done, 1, MSG_DONTWAIT) == 1) {
			if (answer[done++] == '\n') {
				answer[done] = '\0';
				return answer;
			}
		}
		usleep(500);
	} while (vld_ms() < until);
	answer[done] = '\0';
	return answer;
}
