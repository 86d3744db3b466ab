/* SPDX-License-Identifier: MIT */
/* See guest_help.h. */
#include "guest_help.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "fake_kernel.h"
#include "fake_store.h"
#include "libvellum/loop.h"

#define OPEN_MAX_DEVICES 16

struct fake_ctl *core;
struct vl_host host;
struct vl_error error;
char folder[64];
enum drivers drivers;

/* What the drivers hold open: the block device, or the interface. */
static struct {
	char path[128];
	int fd;
} held[OPEN_MAX_DEVICES];

static const char *no_loops, *no_network;

/* ---- The machine ----------------------------------------------------------------- */

static int netlink_request(struct nlmsghdr *header)
{
	struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
	char buffer[8192];
	ssize_t got;
	int rc = -EIO;

	if (socket && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    mnl_socket_sendto(socket, header, header->nlmsg_len) > 0) {
		got = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		rc = got > 0 && mnl_cb_run(buffer, (size_t)got, 0, 0, NULL, NULL) < 0 ? -errno : 0;
	}
	mnl_socket_close(socket);
	return rc;
}

int machine_bridge(const char *name, bool add)
{
	char buffer[1024];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct nlattr *info;

	header->nlmsg_type = add ? RTM_NEWLINK : RTM_DELLINK;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	mnl_nlmsg_put_extra_header(header, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(header, IFLA_IFNAME, name);
	if (add) {
		mnl_attr_put_u32(header, IFLA_MTU, 1400);
		info = mnl_attr_nest_start(header, IFLA_LINKINFO);
		mnl_attr_put_strz(header, IFLA_INFO_KIND, "bridge");
		mnl_attr_nest_end(header, info);
	}
	return netlink_request(header);
}

/* An interface as netback makes it: there, down, gone with its maker. */
static int make_interface(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void open_machine(void)
{
	dev_t device;
	int file, fd;

	file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file < 0 || ftruncate(file, 4096) < 0) {
		no_loops = "no temporary file in /tmp";
	} else if ((fd = loop_attach(file, "a test's file", false, &device, &error)) < 0) {
		no_loops = "no loop device can be made here";
	} else {
		close(fd);
	}
	close(file);

	if (unshare(CLONE_NEWNET) < 0) {
		no_network = "no network of our own (not root)";
	} else if (machine_bridge("vlbr0", true) < 0) {
		no_network = "no bridge can be made here";
	} else if ((fd = make_interface("probe")) < 0) {
		no_network = "no tap interface can be made here";
	} else {
		close(fd);
	}
}

int guest_suite(void)
{
	static bool open;

	if (!open) {
		open_machine();
		open = true;
	}
	return 0;
}

static bool has(const char *reason)
{
	if (reason) {
		printf("(skipped: %s) ", reason);
	}
	return !reason;
}

bool machine_has_loops(void)
{
	return has(no_loops);
}

bool machine_has_network(void)
{
	return has(no_network);
}

/* ---- The drivers --------------------------------------------------------------------- */

static void sysfs_path(unsigned int domid, unsigned int number, char path[256])
{
	snprintf(path, 256, "%s/sys/bus/xen-backend/devices/vbd-%u-%u/physical_device", folder,
		 domid, number);
}

static void make_sysfs(unsigned int domid, unsigned int number)
{
	char path[256];

	sysfs_path(domid, number, path);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
}

static void remove_sysfs(unsigned int domid, unsigned int number)
{
	char path[256];

	sysfs_path(domid, number, path);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

static void hold(const char *backend, int fd)
{
	for (size_t i = 0; i < OPEN_MAX_DEVICES; i++) {
		if (!*held[i].path) {
			snprintf(held[i].path, sizeof(held[i].path), "%s", backend);
			held[i].fd = fd;
			return;
		}
	}
	abort();
}

static void let_go(const char *backend)
{
	for (size_t i = 0; i < OPEN_MAX_DEVICES; i++) {
		if (*held[i].path && !strcmp(held[i].path, backend)) {
			close(held[i].fd);
			*held[i].path = '\0';
		}
	}
}

static const char *get(const char *backend, const char *name)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/%s", backend, name);
	return fake_store_get(path);
}

static bool starts_late(const char *backend)
{
	const char *state = get(backend, "state");

	return get(backend, "script") && state && !strcmp(state, "2");
}

/* xen-blkback opens what physical-device names. */
static bool start_disk(const char *backend, unsigned int domid, unsigned int number)
{
	unsigned int major, minor;
	const char *value = get(backend, "physical-device");
	char path[64];
	int fd;

	if (!value || sscanf(value, "%x:%x", &major, &minor) != 2) {
		return false;
	}
	/* Tests have loop devices and nothing else. */
	snprintf(path, sizeof(path), "/dev/loop%u", minor);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (major != 7 || fd < 0) {
		return false;
	}
	hold(backend, fd);
	make_sysfs(domid, number);
	return true;
}

static bool start_vif(const char *backend, unsigned int domid, unsigned int number)
{
	char name[64];
	int fd;

	if (!get(backend, "script")) {
		return false;
	}
	snprintf(name, sizeof(name), "vif%u.%u", domid, number);
	fd = make_interface(name);
	if (fd >= 0) {
		hold(backend, fd);
	}
	return fd >= 0;
}

static void fail(const char *backend, const char *state)
{
	char path[192];

	snprintf(path, sizeof(path), "/local/domain/0/error%s/error",
		 backend + strlen("/local/domain/0"));
	fake_store_set(path, "19 it does not like it");
	fake_store_set(state, "5");
}

/* Called for every change; looks for a state that the toolstack has written. */
static void drive(const char *state)
{
	unsigned int domid, number;
	char kind[4], backend[128];
	const char *value = fake_store_get(state);
	bool works;

	if (sscanf(state, "/local/domain/0/backend/%3[a-z]/%u/%u/state", kind, &domid, &number) !=
		    3 ||
	    !value || drivers == DRIVERS_ABSENT) {
		return;
	}
	snprintf(backend, sizeof(backend), "/local/domain/0/backend/%s/%u/%u", kind, domid, number);
	if (strcmp(state + strlen(backend), "/state") != 0) {
		/* It comes later from a script. */
		if (!strcmp(state + strlen(backend), "/physical-device") && starts_late(backend)) {
			start_disk(backend, domid, number);
		}
	} else if (!strcmp(value, "1")) {
		works = drivers != DRIVERS_REFUSE;
		if (works && !strcmp(kind, "vbd")) {
			works = get(backend, "script") || start_disk(backend, domid, number);
		} else if (works) {
			works = start_vif(backend, domid, number);
		}
		if (works) {
			fake_store_set(state, "2");
		} else {
			fail(backend, state);
		}
	} else if (!strcmp(value, "5") && drivers != DRIVERS_STUCK &&
		   !strcmp(get(backend, "online"), "0")) {
		let_go(backend);
		remove_sysfs(domid, number);
		fake_store_set(state, "6");
	}
}

/* ---- Files --------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
	(void)info;
	(void)type;
	(void)where;
	return remove(path);
}

void guest_setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/vl-guest-test-XXXXXX");
	if (!mkdtemp(folder)) {
		abort();
	}
	fake_store_install(true);
	fake_store_reset();
	core = fake_ctl_new((size_t)64 << 20);
	drivers = DRIVERS_WORK;
	fake_store_hook(drive);
	memset(&error, 0, sizeof(error));
	host = (struct vl_host){ .ctl = fake_ctl_open(core), .root = folder };
	if (vl_store_open(&host.store, NULL, &error)) {
		abort();
	}
}

void guest_teardown(void)
{
	for (size_t i = 0; i < OPEN_MAX_DEVICES; i++) {
		if (*held[i].path) {
			let_go(held[i].path);
		}
	}
	vl_store_close(host.store);
	vl_ctl_close(host.ctl);
	fake_ctl_free(core);
	fake_store_install(false);
	nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *in_folder(const char *name)
{
	static char paths[4][192];
	static unsigned int turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

const char *make_file(const char *name, size_t size)
{
	const char *path = in_folder(name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0) {
		abort();
	}
	close(fd);
	return path;
}

const char *make_kernel(void)
{
	static struct fake_kernel kernel;
	const char *path = in_folder("kernel");
	FILE *file = fopen(path, "w");

	fake_kernel_start(&kernel, 2, 5 * 4096);
	fake_kernel_stock_notes(&kernel);
	if (!file || fwrite(kernel.data, kernel.size, 1, file) != 1) {
		abort();
	}
	fclose(file);
	return path;
}

const char *make_script(const char *name, const char *text)
{
	const char *path = make_file(name, 0);
	FILE *file = fopen(path, "w");

	fprintf(file, "#!/bin/sh\n%s\n", text);
	fclose(file);
	chmod(path, 0700);
	return path;
}

char *read_text(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen(path, "r");

	if (!file) {
		free(text);
		return NULL;
	}
	if (fread(text, 1, 65535, file) == 0) {
		*text = '\0';
	}
	fclose(file);
	return text;
}

struct vl_config *parse(const char *text, ...)
{
	struct vl_config *config = NULL;
	char *whole = NULL;
	va_list args;

	va_start(args, text);
	if (vasprintf(&whole, text, args) < 0) {
		abort();
	}
	va_end(args);
	if (vl_config_parse(whole, strlen(whole), "test", NULL, 0, &config, NULL, &error)) {
		printf("%s: %s\n", whole, error.text);
		abort();
	}
	free(whole);
	return config;
}

/* A device goes a moment after its last descriptor. */
unsigned int loops(void)
{
	char path[64], text[256];
	unsigned int count = 0;
	FILE *file;

	for (unsigned int i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "/sys/block/loop%u/loop/backing_file", i);
		file = fopen(path, "r");
		if (file) {
			count += fgets(text, sizeof(text), file) && strstr(text, folder);
			fclose(file);
		}
	}
	return count;
}

static unsigned int counted;

static int count_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
	(void)info;
	/* Files of the test itself lie on top; kernels stay in the cache. */
	counted += type == FTW_F && where->level > 1 && !strstr(path, "/var/cache/");
	return 0;
}

unsigned int files_left(void)
{
	counted = 0;
	nftw(folder, count_entry, 8, FTW_PHYS);
	return counted;
}

unsigned int domains(void)
{
	unsigned int count = 0;

	for (uint16_t domid = 1; domid < FAKE_DOMAINS; domid++) {
		count += fake_ctl_domain(core, domid) != NULL;
	}
	return count;
}

unsigned int descriptors(void)
{
	unsigned int count = 0;
	DIR *dir = opendir("/proc/self/fd");

	while (dir && readdir(dir)) {
		count++;
	}
	closedir(dir);
	return count;
}

/* ---- Guests ------------------------------------------------------------------------ */

struct vl_config *small_guest(const char *name)
{
	return parse("name='%s'\nkernel='%s'\nmemory=8\n", name, make_kernel());
}

void no_guest_left(void)
{
	for (int i = 0; i < 100 && loops(); i++) {
		usleep(10000);
	}
	CU_ASSERT_EQUAL(domains(), 0);
	CU_ASSERT_EQUAL(core->free_frames, core->frames);
	CU_ASSERT_EQUAL(core->mapped, 0);
	CU_ASSERT_EQUAL(loops(), 0);
	CU_ASSERT_EQUAL(files_left(), 0);
	CU_ASSERT_EQUAL(fake_store_open(), 1);
	CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/1"));
	CU_ASSERT_PTR_NULL(fake_store_get("/vm/" GUEST_UUID));
	CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/0/backend/vbd/1"));
	CU_ASSERT(!fake_store_introduced(1));
}

struct vl_config *large_guest(void)
{
	const char *ramdisk = make_file("ramdisk", 100000), *image = make_file("image", 1 << 20);

	return parse("name='large'\nuuid='" GUEST_UUID "'\nkernel='%s'\nramdisk='%s'\n"
		     "extra='root=/dev/xvda quiet'\nmemory=8\nmaxmem=16\nvcpus=2\nmaxvcpus=3\n"
		     "cpus='1'\ncpu_weight=512\ncap=50\nioports=['3f8-3ff']\n"
		     "%s%s%s",
		     make_kernel(), ramdisk, machine_has_loops() ? "disk=['" : "#", image,
		     ",raw,xvda,rw']\n");
}
