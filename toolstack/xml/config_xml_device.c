/* SPDX-License-Identifier: MIT */
/*
 * <disk>, <interface> and <controller> of libvirt's domain XML.  Called by
 * config_xml_read.c.  What has a row with a path in the tables of keys is read by
 * it; the rest is done by hand here.
 */
#include "xml/config_xml_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The fields whose paths are "element@attribute", or "@attribute" of our own. */
static int read_fields(struct config_xml *xml, const xmlNode *node, const struct config_key *keys,
		       void *base)
{
	for (; keys->name; keys++) {
		const char *at = keys->xml ? strchr(keys->xml, '@') : NULL;
		const xmlNode *from = node;
		char name[CONFIG_XML_PATH];
		char *text;
		int rc;

		if (!at) {
			continue;
		}
		if (at != keys->xml) {
			snprintf(name, sizeof(name), "%.*s", (int)(at - keys->xml), keys->xml);
			from = config_xml_child(node, name);
		}
		if (!from) {
			continue;
		}
		rc = config_xml_attribute(xml->ctx, from, at + 1, from == node, &text);
		if (!rc && text) {
			rc = config_set_text(xml->ctx, base, keys, text);
			xmlFree(text);
		}
		if (rc) {
			return rc;
		}
	}
	return 0;
}

/* Elements in a device that are not in the list are warned about. */
static int check_children(struct config_xml *xml, const xmlNode *node, const char *const *known)
{
	for (const xmlNode *child = node->children; child; child = child->next) {
		const char *const *name = known;
		int rc;

		if (child->type != XML_ELEMENT_NODE) {
			continue;
		}
		while (*name && strcmp(*name, (const char *)child->name) != 0) {
			name++;
		}
		config_xml_line(xml, child);
		rc = *name ? 0 :
			     config_warn(
				     xml->ctx,
				     "<%.60s> is not known or not supported, and without effect",
				     config_text_shown((const char *)child->name));
		config_xml_line(xml, node);
		if (rc) {
			return rc;
		}
	}
	return 0;
}

/* An attribute of an element within must be one of two words, if it is there. */
static int one_of(struct config_xml *xml, const xmlNode *node, const char *what, const char *name,
		  const char *first, const char *second, bool *is_second)
{
	char *text;
	int rc = node ? config_xml_attribute(xml->ctx, node, name, false, &text) : 0;

	*is_second = false;
	if (rc || !node || !text) {
		return rc;
	}
	*is_second = !strcmp(text, second);
	if (!*is_second && strcmp(text, first) != 0) {
		rc = config_fail(xml->ctx,
				 "%s with %s='%.40s' is not supported, only '%s' and '%s'", what,
				 name, config_text_shown(text), first, second);
	}
	xmlFree(text);
	return rc;
}

static int read_source(struct config_xml *xml, const xmlNode *node, bool block,
		       struct vl_disk *disk)
{
	const xmlNode *source = config_xml_child(node, "source");
	char *text = NULL;
	int rc = 0;

	if (source) {
		rc = config_xml_attribute(xml->ctx, source, block ? "dev" : "file", false, &text);
	}
	if (!rc && text) {
		rc = config_set_string(xml->ctx, "source", &disk->target, text, false);
	}
	xmlFree(text);
	return rc;
}

static int read_driver(struct config_xml *xml, const xmlNode *driver, struct vl_disk *disk)
{
	bool ignore = false;
	char *text;
	int rc;

	if (!driver) {
		return 0;
	}
	rc = config_xml_attribute(xml->ctx, driver, "type", false, &text);
	/* Of the old ways to serve a file, "aio" is one of a raw one. */
	if (!rc && text && strcmp(text, "aio") != 0) {
		rc = config_disk_format(xml->ctx, text, &disk->format);
	}
	xmlFree(text);
	if (!rc) {
		rc = one_of(xml, driver, "a driver", "discard", "unmap", "ignore", &ignore);
	}
	disk->discard = !ignore;
	return rc;
}

int config_xml_read_disk(struct config_xml *xml, const xmlNode *node)
{
	static const char *const known[] = { "driver",	 "source",    "target",
					     "readonly", "shareable", "backenddomain",
					     "address",	 "alias",     "script",
					     NULL };
	struct vl_disk *disk;
	bool block;
	int rc = config_disk_add(xml->ctx, xml->draft->config, &disk);

	if (!rc) {
		rc = one_of(xml, node, "a disk", "type", "file", "block", &block);
	}
	if (!rc) {
		rc = one_of(xml, node, "a disk", "device", "disk", "cdrom", &disk->cdrom);
	}
	if (!rc) {
		rc = read_source(xml, node, block, disk);
	}
	if (!rc) {
		rc = read_driver(xml, config_xml_child(node, "driver"), disk);
	}
	if (!rc) {
		rc = read_fields(xml, node, config_disk_keys, disk);
	}
	if (!rc) {
		rc = check_children(xml, node, known);
	}
	if (rc) {
		return rc;
	}
	disk->readonly = config_xml_child(node, "readonly") != NULL;
	disk->shared = config_xml_child(node, "shareable") != NULL;
	return config_disk_finish(xml->ctx, disk);
}

/* Adds an address to those that are there. */
static int add_address(struct config_xml *xml, const char *address, const char *prefix, char **ip)
{
	const struct config_key *key = config_key_find(config_vif_keys, "ip");
	struct vl_vif vif = { .ip = *ip };
	size_t size = (*ip ? strlen(*ip) : 0) + strlen(address) + (prefix ? strlen(prefix) : 0) + 3;
	char *text = malloc(size);
	int rc;

	if (!text) {
		return config_no_memory(xml->ctx);
	}
	snprintf(text, size, "%s%s%s%s%s", *ip ? *ip : "", *ip ? " " : "", address,
		 prefix ? "/" : "", prefix ? prefix : "");
	rc = config_set_text(xml->ctx, &vif, key, text);
	free(text);
	/* Either the old string or the new one; the other is gone. */
	*ip = vif.ip;
	return rc;
}

static int read_addresses(struct config_xml *xml, const xmlNode *node, struct vl_vif *vif)
{
	for (const xmlNode *child = node->children; child; child = child->next) {
		char *address = NULL, *prefix = NULL;
		int rc;

		if (child->type != XML_ELEMENT_NODE ||
		    strcmp((const char *)child->name, "ip") != 0) {
			continue;
		}
		rc = config_xml_attribute(xml->ctx, child, "address", false, &address);
		if (!rc) {
			rc = config_xml_attribute(xml->ctx, child, "prefix", false, &prefix);
		}
		if (!rc && address) {
			rc = add_address(xml, address, prefix, &vif->ip);
		}
		xmlFree(address);
		xmlFree(prefix);
		if (rc) {
			return rc;
		}
	}
	return 0;
}

/* libvirt's own limit: KiB a second.  Ours, if there, says it to the byte. */
static int read_bandwidth(struct config_xml *xml, const xmlNode *node, struct vl_vif *vif)
{
	const xmlNode *outbound = config_xml_child(node, "bandwidth");
	uint64_t average;
	char *text;
	int rc;

	outbound = outbound ? config_xml_child(outbound, "outbound") : NULL;
	if (!outbound || vif->rate) {
		return 0;
	}
	rc = config_xml_attribute(xml->ctx, outbound, "average", false, &text);
	if (!rc && text) {
		rc = config_number(xml->ctx, "average", text, 1, UINT32_MAX >> 6, &average);
		xmlFree(text);
		if (!rc) {
			vif->rate = average * 1024 / 20;
			vif->rate_interval = 50000;
		}
	}
	return rc;
}

static int read_devid(struct config_xml *xml, const xmlNode *node, struct vl_vif *vif)
{
	char *text;
	int rc = config_xml_attribute(xml->ctx, node, "devid", true, &text);

	if (!rc && text) {
		rc = config_set_text(xml->ctx, vif, config_key_find(config_vif_keys, "devid"),
				     text);
		xmlFree(text);
	}
	return rc;
}

int config_xml_read_interface(struct config_xml *xml, const xmlNode *node)
{
	static const char *const known[] = { "mac",    "source", "ip",	      "script",
					     "target", "mtu",	 "bandwidth", "backenddomain",
					     "model",  "alias",	 "address",   NULL };
	struct vl_vif *vif;
	bool unused;
	int rc = config_vif_add(xml->ctx, xml->draft->config, &vif);

	if (!rc) {
		rc = one_of(xml, node, "an interface", "type", "bridge", "ethernet", &unused);
	}
	if (!rc) {
		rc = read_fields(xml, node, config_vif_keys, vif);
	}
	if (!rc) {
		rc = read_devid(xml, node, vif);
	}
	if (!rc) {
		rc = read_addresses(xml, node, vif);
	}
	if (!rc) {
		rc = read_bandwidth(xml, node, vif);
	}
	return rc ? rc : check_children(xml, node, known);
}

/* The xenbus controller has limits of the guest; others are of no concern. */
int config_xml_read_controller(struct config_xml *xml, const xmlNode *node)
{
	static const char *const limits[][2] = { { "maxGrantFrames", "max_grant_frames" },
						 { "maxEventChannels", "max_event_channels" } };
	bool xenbus;
	char *text;
	int rc = config_xml_attribute(xml->ctx, node, "type", false, &text);

	xenbus = !rc && text && !strcmp(text, "xenbus");
	xmlFree(text);
	for (size_t i = 0; !rc && xenbus && i < 2; i++) {
		rc = config_xml_attribute(xml->ctx, node, limits[i][0], false, &text);
		if (!rc && text) {
			rc = config_set_text(xml->ctx, xml->draft->config,
					     config_key_find(config_keys, limits[i][1]), text);
			xmlFree(text);
		}
	}
	return rc;
}
