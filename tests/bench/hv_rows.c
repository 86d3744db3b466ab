/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls and event channels as a program of the control domain sees them,
 * through Linux's /dev/xen/privcmd and evtchn. Each costs an ioctl as well,
 * which row "ioctl" measures alone. The channel leads from the domain to
 * itself. On Xen the machine's memory is asked for, too: "MEMORY all KIB
 * free KIB"; Vellum tells in its log.
 */
#include "rows.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Linux's interface, <xen/privcmd.h> and <xen/evtchn.h>. */
struct call {
	uint64_t number, arg[5];
};
struct bind {
	unsigned int remote_domain, remote_port;
};
#define PRIVCMD_CALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct call))
#define EVTCHN_BIND_INTERDOMAIN _IOC(_IOC_NONE, 'E', 1, sizeof(struct bind))
#define EVTCHN_BIND_UNBOUND _IOC(_IOC_NONE, 'E', 2, sizeof(unsigned int))
#define EVTCHN_NOTIFY _IOC(_IOC_NONE, 'E', 4, sizeof(unsigned int))

#define XEN_VERSION 17
#define SYSCTL 35
#define NO_HYPERCALL 63
#define SYSCTL_PHYSINFO 3
#define SYSCTL_VERSION 0x15 /* of 4.17 */

static int privcmd, events;
static unsigned int port;

static int hypercall(uint64_t number, uint64_t arg0, uint64_t arg1)
{
	struct call call = { number, { arg0, arg1 } };

	return ioctl(privcmd, PRIVCMD_CALL, &call);
}

static void row_ioctl(long n)
{
	for (long i = 0; i < n; i++) {
		ioctl(privcmd, 0, 0);
	}
}

static void row_xen_version(long n)
{
	for (long i = 0; i < n; i++) {
		hypercall(XEN_VERSION, 0, 0);
	}
}

static void row_no_hypercall(long n)
{
	for (long i = 0; i < n; i++) {
		hypercall(NO_HYPERCALL, 0, 0);
	}
}

/* The driver masks a port until its event was read: only the first arrives. */
static void row_notify(long n)
{
	for (long i = 0; i < n; i++) {
		ioctl(events, EVTCHN_NOTIFY, &port);
	}
}

static void row_event_round_trip(long n)
{
	uint32_t got;

	for (long i = 0; i < n; i++) {
		ioctl(events, EVTCHN_NOTIFY, &port);
		if (read(events, &got, sizeof(got)) != sizeof(got) ||
		    write(events, &got, sizeof(got)) != sizeof(got)) {
			fail("event channel");
		}
	}
}

static const struct row rows[] = {
	{ "ioctl", row_ioctl, 10000 },
	{ "xen_version", row_xen_version, 10000 },
	{ "no_hypercall", row_no_hypercall, 10000 },
	{ "event_round_trip", row_event_round_trip, 4000 },
	{ "notify", row_notify, 10000 },
};

static void open_channel(void)
{
	struct bind bind = { 0, 0 };
	uint32_t got;
	int end = ioctl(events, EVTCHN_BIND_UNBOUND, &(unsigned int){ 0 });

	bind.remote_port = (unsigned int)end;
	if (end < 0 || ioctl(events, EVTCHN_BIND_INTERDOMAIN, &bind) < 0) {
		fail("binding an event channel");
	}
	port = (unsigned int)end;
	/* A new channel is pending once. */
	fcntl(events, F_SETFL, O_NONBLOCK);
	while (read(events, &got, sizeof(got)) == sizeof(got) &&
	       write(events, &got, sizeof(got)) == sizeof(got)) {}
	fcntl(events, F_SETFL, 0);
}

/* Xen's sysctl physinfo of 4.17: behind command, version and ten more 32-bit
 * words come all pages and the free ones. */
static void print_memory(void)
{
	static uint64_t request[32]; /* not on a page that may be copied on write */
	const uint32_t head[2] = { SYSCTL_PHYSINFO, SYSCTL_VERSION };

	memcpy(request, head, sizeof(head));
	if (hypercall(SYSCTL, (uintptr_t)request, 0) == 0) {
		printf("MEMORY all %llu free %llu\n", (unsigned long long)request[6] * 4,
		       (unsigned long long)request[7] * 4);
	}
}

size_t hv_rows(const struct row **list)
{
	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	events = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);
	*list = rows;
	if (privcmd < 0 || events < 0) {
		return 0;
	}
	print_memory();
	open_channel();
	return sizeof(rows) / sizeof(rows[0]);
}
