/* SPDX-License-Identifier: MIT */
/*
 * A configuration as libvirt's domain XML, by libxml2.  Called by answer.c.
 * Whatever has a row with a path in the tables is written by
 * it; what libvirt has no word for goes into <metadata> and into attributes,
 * both of our own namespace.  Every function says whether it has succeeded; that
 * a text could not be made is seen by the handler of errors alone.
 */
#include "libvellum/config_internal.h"
#include "xml/config_xml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	xmlDocPtr document;
	xmlNodePtr root;
	xmlNsPtr ns;
};

static xmlNodePtr add(xmlNodePtr parent, xmlNsPtr ns, const char *name, const char *text)
{
	xmlNodePtr node;

	if (!parent) {
		return NULL;
	}
	/* A node without a namespace of its own would take its parent's. */
	node = xmlNewTextChild(parent, ns, config_xml_text(name), config_xml_text(text));
	if (node && !ns) {
		xmlSetNs(node, NULL);
	}
	return node;
}

static bool set(xmlNodePtr node, const char *name, const char *text)
{
	return node && xmlNewProp(node, config_xml_text(name), config_xml_text(text));
}

static bool set_ours(const struct writer *writer, xmlNodePtr node, const char *name,
		     const char *text)
{
	return node && xmlNewNsProp(node, writer->ns, config_xml_text(name), config_xml_text(text));
}

/* The child of that name, made if it is not there. */
static xmlNodePtr open_child(xmlNodePtr parent, xmlNsPtr ns, const char *name)
{
	xmlNodePtr child = parent ? parent->children : NULL;

	/* A name may be missing where there was no memory for it. */
	while (child && (!child->name || strcmp((const char *)child->name, name) != 0)) {
		child = child->next;
	}
	return child ? child : add(parent, ns, name, NULL);
}

/* Adds the element that a path leads to. */
static bool put(const struct writer *writer, const char *path, const char *text)
{
	xmlNodePtr node = writer->root;
	xmlNsPtr ns = NULL;
	const char *slash;

	while ((slash = strchr(path, '/'))) {
		char name[32];

		snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		if (!strcmp(name, "guest")) {
			ns = writer->ns;
		}
		node = open_child(node, ns, name);
		path = slash + 1;
	}
	return add(node, ns, path, text) != NULL;
}

static bool put_fields(const struct writer *writer, const struct vl_config *config)
{
	char buffer[CONFIG_TEXT_SIZE];

	for (const struct config_key *key = config_keys; key->name; key++) {
		const char *text = key->xml ? config_get_text(config, key, buffer) : NULL;

		if (text && !put(writer, key->xml, text)) {
			return false;
		}
	}
	return true;
}

/* "element@attribute" in a device, or "@attribute" of our own. */
static bool put_device_fields(const struct writer *writer, xmlNodePtr device,
			      const struct config_key *keys, const void *base)
{
	char buffer[CONFIG_TEXT_SIZE], name[32];

	for (; keys->name; keys++) {
		const char *at = keys->xml ? strchr(keys->xml, '@') : NULL;
		const char *text = at ? config_get_text(base, keys, buffer) : NULL;
		bool good;

		if (!text) {
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int)(at - keys->xml), keys->xml);
		good = *name ? set(open_child(device, NULL, name), at + 1, text) :
			       set_ours(writer, device, at + 1, text);
		if (!good) {
			return false;
		}
	}
	return true;
}

static bool put_memory(const struct writer *writer, const char *name, uint64_t kib)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, kib);
	return set(add(writer->root, NULL, name, text), "unit", "KiB");
}

static bool put_vcpus(const struct writer *writer, const struct vl_config *config)
{
	char text[CONFIG_TEXT_SIZE];
	xmlNodePtr node, pin;

	snprintf(text, sizeof(text), "%" PRIu32, config->maxvcpus);
	node = add(writer->root, NULL, "vcpu", text);
	snprintf(text, sizeof(text), "%" PRIu32, config->vcpus);
	if (!set(node, "placement", "static") || !set(node, "current", text)) {
		return false;
	}
	if (config->cpus_count == 1) {
		config_cpus_text(config->cpus[0], text);
		return set(node, "cpuset", text);
	}
	for (size_t i = 0; i < config->cpus_count; i++) {
		pin = add(open_child(writer->root, NULL, "cputune"), NULL, "vcpupin", NULL);
		snprintf(text, sizeof(text), "%zu", i);
		if (!set(pin, "vcpu", text)) {
			return false;
		}
		config_cpus_text(config->cpus[i], text);
		if (!set(pin, "cpuset", text)) {
			return false;
		}
	}
	return true;
}

static bool put_ranges(const struct writer *writer, const struct vl_config *config)
{
	char text[80];

	for (size_t i = 0; i < config->iomem_count; i++) {
		const struct vl_range_config *range = &config->iomem[i];

		snprintf(text, sizeof(text), "%" PRIx64 ",%" PRIx64 "@%" PRIx64, range->first,
			 range->count, range->gfn);
		if (!put(writer, "metadata/guest/iomem", text)) {
			return false;
		}
	}
	for (size_t i = 0; i < config->ioport_count; i++) {
		const struct vl_range_config *range = &config->ioports[i];

		snprintf(text, sizeof(text), "%" PRIx64 "-%" PRIx64, range->first,
			 range->first + range->count - 1);
		if (!put(writer, "metadata/guest/ioports", text)) {
			return false;
		}
	}
	return true;
}

static bool put_disk(const struct writer *writer, xmlNodePtr devices, const struct vl_disk *from)
{
	bool block = from->target && !strncmp(from->target, "/dev/", 5);
	xmlNodePtr disk = add(devices, NULL, "disk", NULL), driver;

	if (!set(disk, "type", block ? "block" : "file") ||
	    !set(disk, "device", from->cdrom ? "cdrom" : "disk")) {
		return false;
	}
	driver = add(disk, NULL, "driver", NULL);
	if (!set(driver, "name", block ? "phy" : "file") || !set(driver, "type", "raw") ||
	    !set(driver, "discard", from->discard ? "unmap" : "ignore")) {
		return false;
	}
	if (from->target &&
	    !set(add(disk, NULL, "source", NULL), block ? "dev" : "file", from->target)) {
		return false;
	}
	return put_device_fields(writer, disk, config_disk_keys, from) &&
	       set(open_child(disk, NULL, "target"), "bus", "xen") &&
	       (!from->readonly || add(disk, NULL, "readonly", NULL)) &&
	       (!from->shared || add(disk, NULL, "shareable", NULL));
}

/* An element for each address, its prefix apart. */
static bool put_addresses(xmlNodePtr vif, const char *ip)
{
	while (ip && *ip) {
		xmlNodePtr node = add(vif, NULL, "ip", NULL);
		size_t size = strcspn(ip, " "), address = strcspn(ip, " /");
		char *text = strndup(ip, size);
		bool good = text;

		if (good && address < size) {
			text[address] = '\0';
			good = set(node, "prefix", text + address + 1);
		}
		good = good && set(node, "address", text);
		free(text);
		if (!good) {
			return false;
		}
		ip += size + (ip[size] == ' ');
	}
	return true;
}

static bool put_vif(const struct writer *writer, xmlNodePtr devices, const struct vl_vif *from,
		    bool numbered)
{
	xmlNodePtr vif = add(devices, NULL, "interface", NULL);
	char number[16];

	snprintf(number, sizeof(number), "%" PRIu32, from->devid);
	return set(vif, "type", from->bridge ? "bridge" : "ethernet") &&
	       (!numbered || set_ours(writer, vif, "devid", number)) &&
	       put_device_fields(writer, vif, config_vif_keys, from) &&
	       put_addresses(vif, from->ip);
}

/* Numbers are given to all or to none: the reader counts what has none. */
static bool put_vifs(const struct writer *writer, xmlNodePtr devices,
		     const struct vl_config *config)
{
	bool numbered = false;

	for (size_t i = 0; i < config->vif_count; i++) {
		numbered |= config->vifs[i].devid != i;
	}
	for (size_t i = 0; i < config->vif_count; i++) {
		if (!put_vif(writer, devices, &config->vifs[i], numbered)) {
			return false;
		}
	}
	return true;
}

static bool put_controller(xmlNodePtr devices, const struct vl_config *config)
{
	xmlNodePtr node;
	char text[16];

	if (!config->max_grant_frames && !config->max_event_channels) {
		return true;
	}
	node = add(devices, NULL, "controller", NULL);
	if (!set(node, "type", "xenbus") || !set(node, "index", "0")) {
		return false;
	}
	if (config->max_grant_frames) {
		snprintf(text, sizeof(text), "%" PRIu32, config->max_grant_frames);
		if (!set(node, "maxGrantFrames", text)) {
			return false;
		}
	}
	if (config->max_event_channels) {
		snprintf(text, sizeof(text), "%" PRIu32, config->max_event_channels);
		return set(node, "maxEventChannels", text);
	}
	return true;
}

static bool put_devices(const struct writer *writer, const struct vl_config *config)
{
	xmlNodePtr devices = add(writer->root, NULL, "devices", NULL), console, target;

	for (size_t i = 0; i < config->disk_count; i++) {
		if (!put_disk(writer, devices, &config->disks[i])) {
			return false;
		}
	}
	console = add(devices, NULL, "console", NULL);
	target = add(console, NULL, "target", NULL);
	return put_vifs(writer, devices, config) && set(console, "type", "pty") &&
	       set(target, "type", "xen") && set(target, "port", "0") &&
	       put_controller(devices, config);
}

static bool put_os(const struct writer *writer, const struct vl_config *config)
{
	xmlNodePtr type = add(open_child(writer->root, NULL, "os"), NULL, "type", "linux");
	xmlNodePtr features;

	if (!set(type, "arch", "x86_64") || !set(type, "machine", "xenpv")) {
		return false;
	}
	if (!config->e820_host) {
		return true;
	}
	features = add(add(writer->root, NULL, "features", NULL), NULL, "xen", NULL);
	return set(add(features, NULL, "e820_host", NULL), "state", "on");
}

static bool put_config(struct writer *writer, const struct vl_config *config)
{
	writer->root = xmlNewDocNode(writer->document, NULL, config_xml_text("domain"), NULL);
	if (!writer->root) {
		return false;
	}
	xmlDocSetRootElement(writer->document, writer->root);
	writer->ns =
		xmlNewNs(writer->root, config_xml_text(CONFIG_XML_NS), config_xml_text("vellum"));
	return writer->ns && set(writer->root, "type", "xen") && put_fields(writer, config) &&
	       put_memory(writer, "memory", config->maxmem_kib) &&
	       put_memory(writer, "currentMemory", config->memory_kib) &&
	       put_vcpus(writer, config) && put_os(writer, config) && put_ranges(writer, config) &&
	       put_devices(writer, config);
}

int vl_config_xml(const struct vl_config *config, char **text, struct vl_error *error)
{
	struct writer writer = { .document = NULL };
	struct config_xml_quiet quiet;
	xmlChar *bytes = NULL;
	int size;

	*text = NULL;
	config_xml_begin(&quiet);
	writer.document = xmlNewDoc(config_xml_text("1.0"));
	if (writer.document && put_config(&writer, config)) {
		xmlDocDumpFormatMemoryEnc(writer.document, &bytes, &size, "UTF-8", 1);
	}
	xmlFreeDoc(writer.document);
	config_xml_end(&quiet);
	if (bytes && !quiet.no_memory) {
		*text = strdup((const char *)bytes);
	}
	xmlFree(bytes);
	return *text ? 0 :
		       vl_error_set(error, -ENOMEM,
				    "not enough memory to write a configuration as XML");
}
