/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces by rtnetlink, with libmnl: one socket, one request and its
 * answer at a time.  Called by device_vif.c.  Never makes or removes an
 * interface: netback does.
 */
#include "libvellum/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_SIZE 512u
/* As much as the kernel ever sends at once of a list of links. */
#define ANSWER_SIZE ((size_t)32 << 10)

static int failed(struct vl_error *error, const char *what)
{
	int code = errno;

	return vl_error_set(error, -code, "%s: %s", what, strerror(code));
}

int netlink_open(struct netlink *netlink, struct vl_error *error)
{
	*netlink = (struct netlink){ 0 };
	netlink->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!netlink->socket) {
		return failed(error, "cannot ask the kernel for its network interfaces");
	}
	if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int rc = failed(error, "cannot ask the kernel for its network interfaces");

		netlink_close(netlink);
		return rc;
	}
	netlink->port = mnl_socket_get_portid(netlink->socket);
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->socket) {
		mnl_socket_close(netlink->socket);
		netlink->socket = NULL;
	}
}

bool netlink_name_valid(const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size >= IF_NAMESIZE || !strcmp(name, ".") || !strcmp(name, "..")) {
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		if (name[i] <= ' ' || name[i] > '~' || strchr("/:%", name[i])) {
			return false;
		}
	}
	return true;
}

static struct nlmsghdr *request(struct netlink *netlink, void *buffer, uint16_t type,
				uint16_t flags, int index, unsigned int up_mask, unsigned int up)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info;

	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	header->nlmsg_seq = ++netlink->sequence;
	info = mnl_nlmsg_put_extra_header(header, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	info->ifi_index = index;
	info->ifi_change = up_mask;
	info->ifi_flags = up;
	return header;
}

/* Sends, then hands every message of the answer to `each`.  Returns 0 or a
 * negative errno without a sentence: what it means depends on the request. */
static int transact(struct netlink *netlink, const struct nlmsghdr *header, mnl_cb_t each,
		    void *arg)
{
	char *buffer = malloc(ANSWER_SIZE);
	ssize_t got;
	int more = MNL_CB_OK, rc;

	if (!buffer) {
		return -ENOMEM;
	}
	rc = mnl_socket_sendto(netlink->socket, header, header->nlmsg_len) < 0 ? -errno : 0;
	while (!rc && more > MNL_CB_STOP) {
		got = mnl_socket_recvfrom(netlink->socket, buffer, ANSWER_SIZE);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		more = got < 0 ? MNL_CB_ERROR :
				 mnl_cb_run(buffer, (size_t)got, header->nlmsg_seq, netlink->port,
					    each, arg);
		if (more == MNL_CB_ERROR) {
			rc = -errno;
		}
	}
	free(buffer);
	return rc;
}

/* libmnl's loops over attributes convert a long to an int: its callbacks do not. */
static int take_kind(const struct nlattr *attribute, void *arg)
{
	struct netlink_link *link = arg;

	if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND &&
	    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0) {
		link->bridge = !strcmp(mnl_attr_get_str(attribute), "bridge");
	}
	return MNL_CB_OK;
}

static int take_attribute(const struct nlattr *attribute, void *arg)
{
	struct netlink_link *link = arg;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_IFNAME:
		if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0) {
			snprintf(link->name, sizeof(link->name), "%s", mnl_attr_get_str(attribute));
		}
		break;
	case IFLA_MTU:
		if (mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0) {
			link->mtu = mnl_attr_get_u32(attribute);
		}
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attribute, take_kind, link);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static void parse_link(const struct nlmsghdr *header, struct netlink_link *link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);

	*link = (struct netlink_link){ .index = info->ifi_index };
	mnl_attr_parse(header, sizeof(*info), take_attribute, link);
}

static int take_link(const struct nlmsghdr *header, void *arg)
{
	if (header->nlmsg_type == RTM_NEWLINK) {
		parse_link(header, arg);
	}
	return MNL_CB_OK;
}

int netlink_find(struct netlink *netlink, const char *name, struct netlink_link *link,
		 struct vl_error *error)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *header;
	int rc;

	if (!netlink_name_valid(name)) {
		return 0;
	}
	*link = (struct netlink_link){ 0 };
	/* With an acknowledgement the answer has an end to wait for. */
	header = request(netlink, buffer, RTM_GETLINK, NLM_F_ACK, 0, 0, 0);
	mnl_attr_put_strz(header, IFLA_IFNAME, name);
	rc = transact(netlink, header, take_link, link);
	if (rc == -ENODEV) {
		return 0;
	}
	if (rc) {
		return vl_error_set(error, rc, "cannot look for the network interface %s: %s", name,
				    strerror(-rc));
	}
	return link->index > 0;
}

struct bridges {
	struct netlink_link *link;
	int count;
};

static int take_bridge(const struct nlmsghdr *header, void *arg)
{
	struct bridges *bridges = arg;
	struct netlink_link link;

	if (header->nlmsg_type == RTM_NEWLINK) {
		parse_link(header, &link);
		if (link.bridge) {
			*bridges->link = link;
			bridges->count++;
		}
	}
	return MNL_CB_OK;
}

int netlink_bridges(struct netlink *netlink, struct netlink_link *link, struct vl_error *error)
{
	struct bridges bridges = { .link = link };
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *header;
	int rc;

	header = request(netlink, buffer, RTM_GETLINK, NLM_F_DUMP, 0, 0, 0);
	rc = transact(netlink, header, take_bridge, &bridges);
	if (rc) {
		return vl_error_set(error, rc, "cannot list the network interfaces: %s",
				    strerror(-rc));
	}
	return bridges.count;
}

static int change(struct netlink *netlink, struct nlmsghdr *header, struct vl_error *error,
		  const char *what)
{
	int rc = transact(netlink, header, NULL, NULL);

	return rc ? vl_error_set(error, rc, "cannot %s: %s", what, strerror(-rc)) : 0;
}

int netlink_rename(struct netlink *netlink, int index, const char *name, struct vl_error *error)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *header = request(netlink, buffer, RTM_NEWLINK, NLM_F_ACK, index, 0, 0);

	if (!netlink_name_valid(name)) {
		return vl_error_set(error, -EINVAL, "no interface can be named \"%s\"", name);
	}
	mnl_attr_put_strz(header, IFLA_IFNAME, name);
	return change(netlink, header, error, "rename the interface");
}

int netlink_set_mtu(struct netlink *netlink, int index, uint32_t mtu, struct vl_error *error)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *header = request(netlink, buffer, RTM_NEWLINK, NLM_F_ACK, index, 0, 0);

	mnl_attr_put_u32(header, IFLA_MTU, mtu);
	return change(netlink, header, error, "set the MTU of the interface");
}

int netlink_set_master(struct netlink *netlink, int index, int master, struct vl_error *error)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *header = request(netlink, buffer, RTM_NEWLINK, NLM_F_ACK, index, 0, 0);

	mnl_attr_put_u32(header, IFLA_MASTER, (uint32_t)master);
	return change(netlink, header, error, "put the interface into the bridge");
}

int netlink_set_up(struct netlink *netlink, int index, struct vl_error *error)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *header = request(netlink, buffer, RTM_NEWLINK, NLM_F_ACK, index,
					  IFF_UP | IFF_NOARP | IFF_MULTICAST, IFF_UP | IFF_NOARP);

	return change(netlink, header, error, "bring the interface up");
}
