/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces by rtnetlink: one socket, one request and its answer at a
 * time.  Called by device_vif.c.  Never makes or removes an interface: netback
 * does.  libmnl would do the same, but there is none to be linked statically.
 */
#include "libvellum/netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As much as the kernel ever sends at once of a list of links. */
#define ANSWER_SIZE ((size_t)32 << 10)

static int failed(struct vl_error *error, const char *what)
{
	int code = errno;

	return vl_error_set(error, -code, "%s: %s", what, strerror(code));
}

int netlink_open(struct netlink *netlink, struct vl_error *error)
{
	/* The port is given by the kernel with the first request. */
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	*netlink = (struct netlink){ 0 };
	if (fd < 0) {
		return failed(error, "cannot ask the kernel for its network interfaces");
	}
	netlink->fd = fd;
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->fd > 0) {
		close(netlink->fd);
		netlink->fd = 0;
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

/* ---- Requests -------------------------------------------------------------------- */

struct request {
	struct nlmsghdr header;
	struct ifinfomsg info;
	unsigned char attributes[RTA_SPACE(IF_NAMESIZE)]; /* one is enough */
};

static struct request request(struct netlink *netlink, uint16_t type, uint16_t flags, int index)
{
	return (struct request){
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
			    .nlmsg_type = type,
			    .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
			    .nlmsg_seq = ++netlink->sequence },
		.info = { .ifi_family = AF_UNSPEC, .ifi_index = index },
	};
}

/* At most IF_NAMESIZE bytes. */
static void put(struct request *request, uint16_t type, const void *value, size_t size)
{
	struct rtattr attribute = { .rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(size) };

	memcpy(request->attributes, &attribute, sizeof(attribute));
	memcpy(request->attributes + RTA_LENGTH(0), value, size);
	request->header.nlmsg_len += (uint32_t)RTA_SPACE(size);
}

/* ---- Answers --------------------------------------------------------------------- */

/* What is left of a message or of an attribute. */
struct bytes {
	const unsigned char *at;
	size_t size;
};

/* Takes the next attribute off; false: there is none, or it is broken. */
static bool take(struct bytes *from, unsigned int *type, struct bytes *value)
{
	struct rtattr attribute;
	size_t step;

	if (from->size < sizeof(attribute)) {
		return false;
	}
	memcpy(&attribute, from->at, sizeof(attribute));
	if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > from->size) {
		return false;
	}
	*type = attribute.rta_type & (unsigned int)NLA_TYPE_MASK;
	*value = (struct bytes){ from->at + RTA_LENGTH(0), attribute.rta_len - RTA_LENGTH(0) };
	step = RTA_ALIGN(attribute.rta_len);
	step = step < from->size ? step : from->size;
	*from = (struct bytes){ from->at + step, from->size - step };
	return true;
}

static bool is_text(struct bytes value)
{
	return memchr(value.at, '\0', value.size) != NULL;
}

static void parse_link(struct bytes message, struct netlink_link *link)
{
	struct bytes value, inner;
	struct ifinfomsg info;
	unsigned int type;

	*link = (struct netlink_link){ 0 };
	if (message.size < NLMSG_ALIGN(sizeof(info))) {
		return;
	}
	memcpy(&info, message.at, sizeof(info));
	link->index = info.ifi_index;
	message.at += NLMSG_ALIGN(sizeof(info));
	message.size -= NLMSG_ALIGN(sizeof(info));
	while (take(&message, &type, &value)) {
		if (type == IFLA_IFNAME && is_text(value)) {
			snprintf(link->name, sizeof(link->name), "%s", (const char *)value.at);
		} else if (type == IFLA_MTU && value.size == sizeof(link->mtu)) {
			memcpy(&link->mtu, value.at, sizeof(link->mtu));
		}
		while (type == IFLA_LINKINFO && take(&value, &type, &inner)) {
			if (type == IFLA_INFO_KIND && is_text(inner)) {
				link->bridge = !strcmp((const char *)inner.at, "bridge");
			}
			type = IFLA_LINKINFO;
		}
	}
}

/* Is called with each link of an answer. */
typedef void (*each_link)(const struct netlink_link *link, void *arg);

/* The messages of one datagram.  1: there is more to come; 0: that was all; negative:
 * what the kernel answered. */
static int run(struct bytes data, uint32_t sequence, each_link each, void *arg)
{
	struct netlink_link link;
	struct nlmsghdr header;
	int code = 0;
	size_t step;

	while (data.size >= sizeof(header)) {
		memcpy(&header, data.at, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > data.size) {
			return -EPROTO;
		}
		if (header.nlmsg_flags & NLM_F_DUMP_INTR) {
			return -EINTR;
		}
		if (header.nlmsg_seq == sequence && header.nlmsg_type == RTM_NEWLINK && each) {
			parse_link((struct bytes){ data.at + NLMSG_HDRLEN,
						   header.nlmsg_len - NLMSG_HDRLEN },
				   &link);
			each(&link, arg);
		}
		if (header.nlmsg_seq == sequence &&
		    (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE)) {
			/* Both begin with a number, an acknowledgement's is 0. */
			if (header.nlmsg_len >= NLMSG_HDRLEN + sizeof(code)) {
				memcpy(&code, data.at + NLMSG_HDRLEN, sizeof(code));
			}
			return code < 0 ? code : 0;
		}
		step = NLMSG_ALIGN(header.nlmsg_len);
		step = step < data.size ? step : data.size;
		data = (struct bytes){ data.at + step, data.size - step };
	}
	return 1;
}

/* Sends, then hands every link of the answer to `each`.  Returns 0 or a negative errno
 * without a sentence: what it means depends on the request. */
static int transact(struct netlink *netlink, const struct request *request, each_link each,
		    void *arg)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	unsigned char *buffer = malloc(ANSWER_SIZE);
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	socklen_t from_size;
	ssize_t got;
	int rc = 1;

	if (!buffer) {
		return -ENOMEM;
	}
	if (sendto(netlink->fd, request, request->header.nlmsg_len, 0,
		   (const struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
		rc = -errno;
	}
	while (rc > 0) {
		from_size = sizeof(from);
		got = recvfrom(netlink->fd, buffer, ANSWER_SIZE, MSG_TRUNC,
			       (struct sockaddr *)&from, &from_size);
		if (got < 0 && errno != EINTR) {
			rc = -errno;
		} else if (got > (ssize_t)ANSWER_SIZE) {
			rc = -ENOSPC;
		} else if (got >= 0 && from_size == sizeof(from) && from.nl_pid == 0) {
			/* Other processes can write to the socket, too: they are not heard. */
			rc = run((struct bytes){ buffer, (size_t)got }, request->header.nlmsg_seq,
				 each, arg);
		}
	}
	free(buffer);
	return rc;
}

/* ---- Links ----------------------------------------------------------------------- */

static void take_link(const struct netlink_link *link, void *arg)
{
	*(struct netlink_link *)arg = *link;
}

int netlink_find(struct netlink *netlink, const char *name, struct netlink_link *link,
		 struct vl_error *error)
{
	struct request message;
	int rc;

	if (!netlink_name_valid(name)) {
		return 0;
	}
	*link = (struct netlink_link){ 0 };
	/* With an acknowledgement the answer has an end to wait for. */
	message = request(netlink, RTM_GETLINK, NLM_F_ACK, 0);
	put(&message, IFLA_IFNAME, name, strlen(name) + 1);
	rc = transact(netlink, &message, take_link, link);
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

static void take_bridge(const struct netlink_link *link, void *arg)
{
	struct bridges *bridges = arg;

	if (link->bridge) {
		*bridges->link = *link;
		bridges->count++;
	}
}

int netlink_bridges(struct netlink *netlink, struct netlink_link *link, struct vl_error *error)
{
	struct bridges bridges = { .link = link };
	struct request message = request(netlink, RTM_GETLINK, NLM_F_DUMP, 0);
	int rc = transact(netlink, &message, take_bridge, &bridges);

	if (rc) {
		return vl_error_set(error, rc, "cannot list the network interfaces: %s",
				    strerror(-rc));
	}
	return bridges.count;
}

static int change(struct netlink *netlink, const struct request *message, struct vl_error *error,
		  const char *what)
{
	int rc = transact(netlink, message, NULL, NULL);

	return rc ? vl_error_set(error, rc, "cannot %s: %s", what, strerror(-rc)) : 0;
}

int netlink_rename(struct netlink *netlink, int index, const char *name, struct vl_error *error)
{
	struct request message = request(netlink, RTM_NEWLINK, NLM_F_ACK, index);

	if (!netlink_name_valid(name)) {
		return vl_error_set(error, -EINVAL, "no interface can be named \"%s\"", name);
	}
	put(&message, IFLA_IFNAME, name, strlen(name) + 1);
	return change(netlink, &message, error, "rename the interface");
}

int netlink_set_mtu(struct netlink *netlink, int index, uint32_t mtu, struct vl_error *error)
{
	struct request message = request(netlink, RTM_NEWLINK, NLM_F_ACK, index);

	put(&message, IFLA_MTU, &mtu, sizeof(mtu));
	return change(netlink, &message, error, "set the MTU of the interface");
}

int netlink_set_master(struct netlink *netlink, int index, int master, struct vl_error *error)
{
	struct request message = request(netlink, RTM_NEWLINK, NLM_F_ACK, index);

	put(&message, IFLA_MASTER, &master, sizeof(master));
	return change(netlink, &message, error, "put the interface into the bridge");
}

int netlink_set_up(struct netlink *netlink, int index, struct vl_error *error)
{
	struct request message = request(netlink, RTM_NEWLINK, NLM_F_ACK, index);

	message.info.ifi_change = IFF_UP | IFF_NOARP | IFF_MULTICAST;
	message.info.ifi_flags = IFF_UP | IFF_NOARP;
	return change(netlink, &message, error, "bring the interface up");
}
