/* SPDX-License-Identifier: MIT */
/* The core, the store, guests and vld of world.h: what vl calls of libvellum. */
#include "world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xen/sched.h>
#include <time.h>
#include <xen/version.h>

#include "libvellum/vld_client.h"

struct world world;

static void called(const char *format, ...)
{
	size_t at = strlen(world.calls);
	va_list args;

	va_start(args, format);
	vsnprintf(world.calls + at, sizeof(world.calls) - at, format, args);
	va_end(args);
}

static int change(struct vl_error *error)
{
	return world.rc ? vl_error_set(error, world.rc, "%s", world.why) : 0;
}

struct world_domain *world_domain(uint16_t domid)
{
	for (size_t i = 0; i < world.count; i++) {
		if (world.domains[i].info.domid == domid && !world.domains[i].gone) {
			return &world.domains[i];
		}
	}
	return NULL;
}

static struct world_domain *need(uint16_t domid, struct vl_error *error)
{
	struct world_domain *domain = world_domain(domid);

	if (!domain) {
		vl_error_set(error, 0, "there is no domain %u", domid);
	}
	return domain;
}

struct world_domain *world_add(uint16_t domid, const char *name, uint32_t flags)
{
	struct world_domain *domain = &world.domains[world.count++];

	*domain = (struct world_domain){ .name = name };
	domain->info = (struct vl_domain_info){
		.domid = domid,
		.flags = flags,
		.vcpus_max = 2,
		.vcpus_up = 1,
		.weight = 256,
		.frames = 65536,
		.max_frames = 65792,
		.cpu_time = 12340000000ull,
		.created = domid * 1000000000ull,
	};
	for (unsigned int i = 0; i < 16 && domid; i++) {
		domain->info.handle[i] = (uint8_t)(domid * 16 + i);
	}
	for (unsigned int i = 0; i < 2; i++) {
		domain->vcpus[i] = (struct vl_vcpu_info){
			.vcpu = i,
			.flags = i ? 0 : VL_VCPU_up | VL_VCPU_blocked,
			.cpu = domid % 4,
			.cpu_time = i ? 0 : 12340000000ull,
			.affinity = i ? 0x5 : ~0ull,
		};
	}
	return domain;
}

void world_reset(void)
{
	struct world_domain *control;

	memset(&world, 0, sizeof(world));
	world.host = (struct vl_host_info){
		.cpus = 4,
		.cpu_khz = 2394454,
		.frames = 2097152,
		.free_frames = 1048576,
		.time = 8472867000000000ull, /* 98 days, 1:34:27 */
		.hw_caps = { 1, 2, 3, 4, 5, 6, 7, 0xdeadbeef },
	};
	world.log = "(core) one\n(d3) \x1b[31mred\n";
	world.end = "poweroff";
	world.action = "destroy";
	world.status = "{\"ok\": true, \"guests\": [{\"domid\": 3, \"name\": \"web\", "
		       "\"state\": \"running\", \"console\": \"attached\", \"bytes\": 4711, "
		       "\"viewers\": 1, \"log\": \"/var/log/web.log\"}], "
		       "\"restarts\": [{\"name\": \"mail\", \"in\": 12, \"count\": 3}]}";
	control = world_add(0, "Domain-0", VL_DOMAIN_control | VL_DOMAIN_running);
	control->info.vcpus_up = 2;
	control->vcpus[1].flags = VL_VCPU_up | VL_VCPU_running;
	world_add(3, "web", VL_DOMAIN_blocked)->config = "name=web";
	world_add(5, "db", VL_DOMAIN_paused)->config = "name=db";
}

/* The linker gives vl these: time passes as a test likes. */
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	int rc = __real_clock_gettime(clock, now);

	now->tv_sec += world.clock_s;
	return rc;
}

/* ---- ctl.h ----------------------------------------------------------------------- */

int vl_ctl_open(struct vl_ctl **ctl, struct vl_error *error)
{
	if (world.no_core) {
		return vl_error_set(error, -ENODEV, "%s", world.no_core);
	}
	*ctl = malloc(1);
	world.open++;
	return 0;
}

void vl_ctl_close(struct vl_ctl *ctl)
{
	if (ctl) {
		world.open--;
	}
	free(ctl);
}

int vl_ctl_pause(struct vl_ctl *ctl, uint16_t domid, struct vl_error *error)
{
	(void)ctl;
	called("pause %u\n", domid);
	return change(error);
}

int vl_ctl_unpause(struct vl_ctl *ctl, uint16_t domid, struct vl_error *error)
{
	(void)ctl;
	called("unpause %u\n", domid);
	return change(error);
}

int vl_ctl_set_sched(struct vl_ctl *ctl, uint16_t domid, const struct vl_sched *sched,
		     struct vl_error *error)
{
	(void)ctl;
	called("sched %u %u %u\n", domid, sched->weight, sched->cap);
	return change(error);
}

int vl_ctl_set_affinity(struct vl_ctl *ctl, uint16_t domid, unsigned int vcpu, uint64_t cpus,
			struct vl_error *error)
{
	(void)ctl;
	called("affinity %u %u %lx\n", domid, vcpu, (unsigned long)cpus);
	return change(error);
}

int vl_ctl_list(struct vl_ctl *ctl, uint16_t first, struct vl_domain_info **list, size_t *count,
		struct vl_error *error)
{
	(void)ctl;
	(void)error;
	*list = calloc(world.count + 1, sizeof(**list));
	*count = 0;
	for (size_t i = 0; i < world.count; i++) {
		if (!world.domains[i].gone && world.domains[i].info.domid >= first) {
			(*list)[(*count)++] = world.domains[i].info;
		}
	}
	return 0;
}

int vl_ctl_info(struct vl_ctl *ctl, uint16_t domid, struct vl_domain_info *info,
		struct vl_error *error)
{
	struct world_domain *domain = need(domid, error);

	(void)ctl;
	if (!domain) {
		return -ESRCH;
	}
	*info = domain->info;
	return 0;
}

int vl_ctl_vcpus(struct vl_ctl *ctl, uint16_t domid, struct vl_vcpu_info *list,
		 struct vl_error *error)
{
	struct world_domain *domain = need(domid, error);

	(void)ctl;
	if (domain && domain->goes) {
		domain->gone = true;
		domain = need(domid, error);
	}
	if (!domain) {
		return -ESRCH;
	}
	memcpy(list, domain->vcpus, domain->info.vcpus_max * sizeof(*list));
	return (int)domain->info.vcpus_max;
}

int vl_ctl_host(struct vl_ctl *ctl, struct vl_host_info *host, struct vl_error *error)
{
	(void)ctl;
	(void)error;
	*host = world.host;
	return 0;
}

int vl_ctl_log(struct vl_ctl *ctl, uint64_t *pos, void *buffer, size_t size, bool clear,
	       struct vl_error *error)
{
	size_t left = strlen(world.log) - *pos;

	(void)ctl;
	if (world.rc) {
		return change(error);
	}
	left = left < 7 ? left : 7; /* a few at a time */
	left = left < size ? left : size;
	memcpy(buffer, world.log + *pos, left);
	*pos += left;
	if (clear && left) {
		called("clear\n");
	}
	return (int)left;
}

int vl_ctl_crash_reason(struct vl_ctl *ctl, uint16_t domid, struct vl_crash_reason *reason,
			struct vl_error *error)
{
	struct world_domain *domain = need(domid, error);

	(void)ctl;
	if (!domain) {
		return -ESRCH;
	}
	snprintf(reason->text, sizeof(reason->text), "%s", domain->crash ? domain->crash : "");
	return 0;
}

int vl_ctl_version(struct vl_ctl *ctl, unsigned int cmd, void *buffer, size_t size,
		   struct vl_error *error)
{
	static const struct xen_compile_info compiled = { .compiler = "cc 12", .compile_by = "us" };
	static const struct xen_platform_parameters platform = { 0xffff800000000000ul };

	(void)ctl;
	if (world.rc) {
		return change(error);
	}
	switch (cmd) {
	case XENVER_version:
		return 4 << 16 | 17;
	case XENVER_pagesize:
		return 4096;
	case XENVER_extraversion:
		snprintf(buffer, size, ".0-vellum");
		return 0;
	case XENVER_capabilities:
		snprintf(buffer, size, "xen-3.0-x86_64 ");
		return 0;
	case XENVER_changeset:
		snprintf(buffer, size, "Vellum 0.1 abc");
		return 0;
	case XENVER_commandline:
		snprintf(buffer, size, "dom0_mem=1G console=com1");
		return 0;
	case XENVER_compile_info:
		memcpy(buffer, &compiled, sizeof(compiled));
		return 0;
	case XENVER_platform_parameters:
		memcpy(buffer, &platform, sizeof(platform));
		return 0;
	default:
		return vl_error_set(error, -ENOSYS, "the core does not know this");
	}
}

/* ---- store.h --------------------------------------------------------------------- */

int vl_store_watch(struct vl_store *store, const char *path, const char *token,
		   struct vl_error *error)
{
	(void)store;
	(void)token;
	(void)error;
	called("watch %s\n", path);
	return 0;
}

int vl_store_event(struct vl_store *store, int timeout_ms, char **path, char **token,
		   struct vl_error *error)
{
	(void)store;
	(void)timeout_ms;
	world.event(world.events++);
	if (world.store_lost) {
		return vl_error_set(error, -ECONNRESET, "the store daemon went away");
	}
	*path = strdup("@releaseDomain");
	*token = strdup("vl");
	return 1;
}

/* ---- guest.h --------------------------------------------------------------------- */

int vl_host_open(struct vl_host *host, struct vl_error *error)
{
	int rc = vl_ctl_open(&host->ctl, error);

	if (rc == 0 && world.no_store) {
		vl_ctl_close(host->ctl);
		return vl_error_set(error, -ECONNREFUSED, "%s", world.no_store);
	}
	return rc;
}

void vl_host_close(struct vl_host *host)
{
	vl_ctl_close(host->ctl);
}

static int make(const char *how, const struct vl_config *config, uint16_t *domid,
		void (*progress)(void *arg, const char *step), void *arg, struct vl_error *error)
{
	called("%s %s\n", how, config->name);
	snprintf(world.made, sizeof(world.made), "%s", config->name);
	if (progress) {
		progress(arg, "kernel");
		progress(arg, "memory");
	}
	*domid = 7;
	return change(error);
}

int vl_guest_create(struct vl_host *host, const struct vl_config *config, uint16_t *domid,
		    void (*progress)(void *arg, const char *step), void *arg,
		    struct vl_error *error)
{
	(void)host;
	return make("create", config, domid, progress, arg, error);
}

int vl_guest_start(struct vl_host *host, const struct vl_config *config, uint16_t *domid,
		   bool (*wanted)(void *arg), void (*progress)(void *arg, const char *step),
		   void *arg, struct vl_error *error)
{
	(void)host;
	(void)wanted;
	return make("start", config, domid, progress, arg, error);
}

int vl_guest_destroy(struct vl_host *host, uint16_t domid, struct vl_error *error)
{
	(void)host;
	called("destroy %u\n", domid);
	return need(domid, error) ? change(error) : -ESRCH;
}

int vl_guest_ask(struct vl_host *host, uint16_t domid, const char *what, struct vl_error *error)
{
	(void)host;
	called("ask %u %s\n", domid, what);
	if (world_domain(domid) && world_domain(domid)->ends) {
		world_domain(domid)->info.flags = VL_DOMAIN_shutdown;
		world_domain(domid)->info.shutdown_reason = SHUTDOWN_reboot;
		return vl_error_set(error, -EINVAL, "domain %u has ended already", domid);
	}
	return change(error);
}

int vl_guest_rename(struct vl_host *host, uint16_t domid, const char *name, struct vl_error *error)
{
	(void)host;
	called("rename %u %s\n", domid, name);
	return change(error);
}

int vl_guest_find(struct vl_host *host, const char *name, uint16_t *domid, struct vl_error *error)
{
	char number[8];

	(void)host;
	if (world.unnamed > 0) {
		world.unnamed--;
		return vl_error_set(error, -ESRCH, "there is no guest \"%s\"", name);
	}
	for (size_t i = 0; i < world.count; i++) {
		struct world_domain *domain = &world.domains[i];

		snprintf(number, sizeof(number), "%u", domain->info.domid);
		if (!domain->gone &&
		    (!strcmp(number, name) || (domain->name && !strcmp(domain->name, name)))) {
			*domid = domain->info.domid;
			domain->gone = world.loses;
			world.loses = false;
			return 0;
		}
	}
	return vl_error_set(error, -ESRCH, "there is no guest \"%s\"", name);
}

int vl_guest_name(struct vl_host *host, uint16_t domid, char **name, struct vl_error *error)
{
	struct world_domain *domain = need(domid, error);

	(void)host;
	if (!domain || !domain->name) {
		return vl_error_set(error, -ESRCH, "there is no domain %u", domid);
	}
	*name = strdup(domain->name);
	return 0;
}

int vl_guest_names(struct vl_host *host, const struct vl_domain_info *list, size_t count,
		   char ***names, struct vl_error *error)
{
	*names = calloc(count + 1, sizeof(**names));
	for (size_t i = 0; i < count; i++) {
		if (vl_guest_name(host, (uint16_t)list[i].domid, &(*names)[i], error)) {
			(*names)[i] = NULL;
		}
	}
	return 0;
}

void vl_guest_names_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(names[i]);
	}
	free(names);
}

int vl_guest_config(struct vl_host *host, uint16_t domid, struct vl_config **config,
		    struct vl_error *error)
{
	struct world_domain *domain = need(domid, error);

	(void)host;
	if (!domain || !domain->config) {
		return vl_error_set(error, -ENOENT, "domain %u has no record", domid);
	}
	return vl_config_parse(domain->config, strlen(domain->config), "record", NULL, 0, config,
			       NULL, error);
}

/* ---- vld_client.h ---------------------------------------------------------------- */

int vl_vld_open(struct vl_vld **vld, const char *path, struct vl_error *error)
{
	(void)path;
	if (world.no_vld) {
		return vl_error_set(error, -ENOENT, "%s", world.no_vld);
	}
	*vld = malloc(1);
	world.open++;
	return 0;
}

void vl_vld_close(struct vl_vld *vld)
{
	if (vld) {
		world.open--;
	}
	free(vld);
}

/* The guest that a test creates may be renamed while it runs. */
static const char *world_made(void)
{
	return world.renamed ? world.renamed : world.made[0] ? world.made : "web";
}

/* vld made it anew. */
void world_make_anew(void)
{
	world_add(8, world.renamed || world.made[0] ? world_made() : "new", 0);
	world.end = "poweroff";
	world.action = "destroy";
}

/* The end that the world has in store, of that domain. */
static void set_end(struct vl_end *end, uint16_t domid)
{
	*end = (struct vl_end){ .domid = domid };
	snprintf(end->name, sizeof(end->name), "%s",
		 domid >= 7 ? world_made() :
		 domid == 5 ? "db" :
			      "web");
	snprintf(end->reason, sizeof(end->reason), "%s", world.end);
	snprintf(end->action, sizeof(end->action), "%s", world.action);
	snprintf(end->crash, sizeof(end->crash), "%s", world.crash ? world.crash : "");
}

/* Of guests, of the one that a test creates, and of one that has ended. */
static bool has_console(const char *guest)
{
	struct vl_host host;
	uint16_t domid;

	return !strcmp(guest, "7") || (world.kept && !strcmp(guest, world.kept)) ||
	       vl_guest_find(&host, guest, &domid, NULL) == 0;
}

int vl_vld_console(struct vl_vld *vld, const char *guest, const struct vl_console *console,
		   struct vl_end *end, struct vl_error *error)
{
	(void)vld;
	if (!has_console(guest)) {
		return vl_error_set(error, -ESRCH, "vld knows no guest %s", guest);
	}
	if (world.late > 0) {
		world.late--;
		return vl_error_set(error, -ESRCH, "vld knows no guest %s", guest);
	}
	called("console %s %d%s\n", guest, console->escape,
	       console->scrollback ? " scrollback" : "");
	if (world.over || (world.kept && !strcmp(guest, world.kept))) {
		set_end(end, 3);
		return VL_CONSOLE_OVER;
	}
	return world.rc ? change(error) : VL_CONSOLE_LEFT;
}

int vl_vld_wait(struct vl_vld *vld, uint16_t domid, int timeout_ms, struct vl_end *end,
		struct vl_error *error)
{
	(void)vld;
	(void)timeout_ms;
	called("wait %u\n", domid);
	if (world.vld_restarts > 0) {
		world.vld_restarts--;
		return vl_error_set(error, -ECONNRESET, "vld went away");
	}
	if (world.rc) {
		return change(error);
	}
	set_end(end, domid);
	if (domid == 7 && !strcmp(world.action, "restart") && !world.asked) {
		world_make_anew();
	}
	return 0;
}

int vl_vld_status(struct vl_vld *vld, char **json, struct vl_error *error)
{
	(void)vld;
	if (world.asked) {
		world.asked(world.questions++);
	}
	if (!world.status) {
		return vl_error_set(error, -ECONNRESET, "vld went away");
	}
	*json = strdup(world.status);
	return 0;
}

int vl_vld_ended(struct vl_vld *vld, char **json, struct vl_error *error)
{
	(void)vld;
	if (!world.ended) {
		return vl_error_set(error, -ENOSYS, "there is no request \"ended\"");
	}
	*json = strdup(world.ended);
	return 0;
}

int vl_vld_forget(struct vl_vld *vld, const char *guest, struct vl_error *error)
{
	(void)vld;
	called("forget %s\n", guest);
	if (world.forget_fails) {
		return vl_error_set(error, world.forget_fails, "mail was started again");
	}
	if (!world.restarts || strcmp(world.restarts, guest) != 0) {
		return vl_error_set(error, -ESRCH, "no restart of %s is due", guest);
	}
	world.restarts = NULL;
	return 0;
}
