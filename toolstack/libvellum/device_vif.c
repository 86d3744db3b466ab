/* SPDX-License-Identifier: MIT */
/*
 * Networks for the kernel's xen-netback: the driver makes the interface
 * vifDOMID.N, we put it into a bridge.  A user's script does that in our place
 * if the configuration names one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "libvellum/device_part.h"

#define BUILTIN_SCRIPT "vif-bridge"
/* The one that a host gets which was not set up otherwise. */
#define DEFAULT_BRIDGE "vlbr0"

int vl_vif_make_mac(uint8_t mac[6], struct vl_error *error)
{
	static const uint8_t prefix[3] = { 0x00, 0x16, 0x3e };

	if (getrandom(mac + 3, 3, 0) != 3) {
		return vl_error_set(error, -errno, "no random numbers for a MAC address: %s",
				    strerror(errno));
	}
	memcpy(mac, prefix, sizeof(prefix));
	return 0;
}

/* Which bridge it shall be; "" for a script, whose business that is. */
static int find_bridge(struct netlink *netlink, const struct vl_vif *vif, const char *name,
		       char bridge[IF_NAMESIZE], struct vl_error *error)
{
	struct netlink_link link;
	const char *wanted = vif->bridge ? vif->bridge : DEFAULT_BRIDGE;
	int rc = netlink_find(netlink, wanted, &link, error);

	if (rc < 0) {
		return rc;
	}
	if (vif->bridge && (!rc || !link.bridge)) {
		return vl_error_set(error, -ENODEV,
				    rc ? "%s: %s is no bridge" : "%s: there is no bridge %s", name,
				    wanted);
	}
	if (!rc || !link.bridge) {
		rc = netlink_bridges(netlink, &link, error);
		if (rc < 0) {
			return rc;
		}
		if (rc != 1) {
			return vl_error_set(error, -ENODEV,
					    rc ? "%s: no bridge is named, and there are %d" :
						 "%s: there is no bridge on this host",
					    name, rc);
		}
	}
	snprintf(bridge, IF_NAMESIZE, "%s", link.name);
	return 0;
}

int vif_check(struct netlink *netlink, const struct vl_vif *vif, uint32_t number,
	      struct vl_error *error)
{
	char script[DEVICE_SCRIPT_SIZE], bridge[IF_NAMESIZE], name[48];
	struct netlink_link link;
	int rc;

	snprintf(name, sizeof(name), "network interface %u", number);
	if (vif->backend && !device_backend_is_ours(vif->backend)) {
		return vl_error_set(error, -EOPNOTSUPP,
				    "%s: only the control domain can be its backend, not %s", name,
				    vif->backend);
	}
	if (vif->mac[0] & 1) {
		return vl_error_set(error, -EINVAL, "%s: its MAC address is a multicast address",
				    name);
	}
	if (vif->vifname) {
		if (!netlink_name_valid(vif->vifname)) {
			return vl_error_set(error, -EINVAL, "%s: no interface can be named \"%s\"",
					    name, vif->vifname);
		}
		rc = netlink_find(netlink, vif->vifname, &link, error);
		if (rc) {
			return rc < 0 ? rc :
					vl_error_set(error, -EEXIST,
						     "%s: there is an interface %s already", name,
						     vif->vifname);
		}
	}
	rc = device_script_path(vif->script, BUILTIN_SCRIPT, name, script, error);
	if (rc || *script) {
		return rc;
	}
	return find_bridge(netlink, vif, name, bridge, error);
}

int vif_prepare(struct netlink *netlink, struct device *device, struct vl_error *error)
{
	const struct vl_vif *vif = device->vif;
	int rc = device_script_path(vif->script, BUILTIN_SCRIPT, device->name, device->script,
				    error);

	if (rc) {
		return rc;
	}
	if (*device->script) {
		snprintf(device->bridge, sizeof(device->bridge), "%s",
			 vif->bridge ? vif->bridge : "");
		return 0;
	}
	return find_bridge(netlink, vif, device->name, device->bridge, error);
}

void vif_nodes(struct nodes *nodes, const struct device *device)
{
	const struct vl_vif *vif = device->vif;
	const uint8_t *m = vif->mac;
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		 m[5]);

	nodes_dir(nodes, "%s", device->frontend);
	nodes_make(nodes, "", device->domid, 0);
	nodes_put(nodes, "backend", "%s", device->backend);
	nodes_put(nodes, "backend-id", "0");
	nodes_put(nodes, "handle", "%u", device->number);
	nodes_put(nodes, "mac", "%s", mac);
	if (vif->mtu) {
		nodes_put(nodes, "mtu", "%u", vif->mtu);
	}
	nodes_put(nodes, "state", "%d", DEVICE_INITIALISING);

	nodes_dir(nodes, "%s", device->backend);
	nodes_make(nodes, "", 0, device->domid);
	nodes_put(nodes, "frontend", "%s", device->frontend);
	nodes_put(nodes, "frontend-id", "%u", device->domid);
	nodes_put(nodes, "online", "1");
	nodes_put(nodes, "handle", "%u", device->number);
	nodes_put(nodes, "mac", "%s", mac);
	/* netback does not start without this node, whatever stands in it. */
	nodes_put_text(nodes, "script", device->script);
	nodes_put(nodes, "bridge", "%s", device->bridge);
	nodes_put(nodes, "type", "vif");
	if (vif->ip) {
		nodes_put_text(nodes, "ip", vif->ip);
	}
	if (vif->vifname) {
		nodes_put(nodes, "vifname", "%s", vif->vifname);
	}
	if (vif->rate) {
		nodes_put(nodes, "rate", "%ju,%u", (uintmax_t)vif->rate, vif->rate_interval);
	}
	if (vif->mtu) {
		nodes_put(nodes, "mtu", "%u", vif->mtu);
	}
	nodes_put(nodes, "state", "%d", DEVICE_INITIALISING);
}

/* Name, MTU, bridge, up: after this the guest can talk. */
static int join_bridge(struct netlink *netlink, const struct device *device,
		       const struct netlink_link *link, struct vl_error *error)
{
	const struct vl_vif *vif = device->vif;
	struct netlink_link bridge;
	uint32_t mtu;
	int rc = netlink_find(netlink, device->bridge, &bridge, error);

	if (rc <= 0) {
		return rc < 0 ? rc :
				vl_error_set(error, -ENODEV, "%s: the bridge %s has gone",
					     device->name, device->bridge);
	}
	/* A port with a smaller MTU would make the bridge's smaller. */
	mtu = vif->mtu ? vif->mtu : bridge.mtu;
	rc = vif->vifname ? netlink_rename(netlink, link->index, vif->vifname, error) : 0;
	if (!rc && mtu && mtu != link->mtu) {
		rc = netlink_set_mtu(netlink, link->index, mtu, error);
	}
	if (!rc) {
		rc = netlink_set_master(netlink, link->index, bridge.index, error);
	}
	return rc ? rc : netlink_set_up(netlink, link->index, error);
}

int vif_start(struct vl_host *host, struct netlink *netlink, struct device *device,
	      struct vl_error *error)
{
	struct netlink_link link;
	struct vl_error why;
	char name[IF_NAMESIZE];
	int rc;

	snprintf(name, sizeof(name), "vif%u.%u", device->domid, device->number);
	rc = netlink_find(netlink, name, &link, error);
	if (rc <= 0) {
		return rc;
	}
	if (*device->script) {
		rc = device_script_run(host, device->script, "vif", device->domid, device->number,
				       name, "online", device->name, error);
		return rc ? rc : 1;
	}
	rc = join_bridge(netlink, device, &link, &why);
	if (rc) {
		return vl_error_set(error, rc, "%s: %s", device->name, why.text);
	}
	/* netback connects only after this, as after a script. */
	rc = vl_store_writef(host->store, 0, device->backend, "hotplug-status", error, "connected");
	return rc ? rc : 1;
}
