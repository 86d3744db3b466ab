/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces of the control domain over rtnetlink: found by name, put
 * into a bridge, renamed, brought up.  Private to libvellum.
 *
 * Errors: see error.h.
 */
#ifndef LIBVELLUM_NETLINK_H
#define LIBVELLUM_NETLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "libvellum/error.h"

struct netlink {
	int fd; /* 0: none */
	uint32_t sequence;
};

struct netlink_link {
	int index;
	uint32_t mtu;
	bool bridge;
	char name[IF_NAMESIZE];
};

/** Closed by netlink_close(), which takes a structure of zeros as well. */
int netlink_open(struct netlink *netlink, struct vl_error *error);
void netlink_close(struct netlink *netlink);

/** Could an interface have that name? */
bool netlink_name_valid(const char *name);
/** Returns 1, or 0: there is no such interface. */
int netlink_find(struct netlink *netlink, const char *name, struct netlink_link *link,
		 struct vl_error *error);
/** Returns how many bridges there are; *link is the last of them. */
int netlink_bridges(struct netlink *netlink, struct netlink_link *link, struct vl_error *error);

/** The interface must be down. */
int netlink_rename(struct netlink *netlink, int index, const char *name, struct vl_error *error);
int netlink_set_mtu(struct netlink *netlink, int index, uint32_t mtu, struct vl_error *error);
/** master: index of the bridge. */
int netlink_set_master(struct netlink *netlink, int index, int master, struct vl_error *error);
/** Up as a port only: the control domain itself neither speaks ARP nor multicast on it. */
int netlink_set_up(struct netlink *netlink, int index, struct vl_error *error);

#endif
