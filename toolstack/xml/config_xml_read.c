/* SPDX-License-Identifier: MIT */
/*
 * A configuration from libvirt's domain XML, by libxml2.  Called by answer.c.
 * What libvirt's format has no word for is in a namespace of our own.  Nothing
 * is fetched, a document type is refused before anything in it is read, and
 * libxml2's own limits of depth and size hold.  Devices are config_xml_device.c's.
 * Elements that are not known are warned about with their line.
 */
#include "xml/config_xml_read.h"

#include <errno.h>
#include <libxml/parser.h>
#include <stdlib.h>
#include <string.h>

/* ---- What nodes say ---- */

int config_xml_content(struct config_ctx *ctx, const xmlNode *node, char **text)
{
	*text = (char *)xmlNodeGetContent((xmlNodePtr)(uintptr_t)node);
	return *text ? 0 : config_no_memory(ctx);
}

int config_xml_attribute(struct config_ctx *ctx, const xmlNode *node, const char *name, bool ours,
			 char **text)
{
	const xmlAttr *attribute = xmlHasNsProp((xmlNodePtr)(uintptr_t)node, config_xml_text(name),
						ours ? config_xml_text(CONFIG_XML_NS) : NULL);

	*text = NULL;
	return attribute ? config_xml_content(ctx, (const xmlNode *)attribute, text) : 0;
}

xmlNode *config_xml_child(const xmlNode *node, const char *name)
{
	for (xmlNode *child = node->children; child; child = child->next) {
		if (child->type == XML_ELEMENT_NODE && !strcmp((const char *)child->name, name)) {
			return child;
		}
	}
	return NULL;
}

/* Without the blanks around it. */
static char *trim(char *text)
{
	size_t size;

	text += strspn(text, " \t\r\n");
	size = strlen(text);
	while (size && strchr(" \t\r\n", text[size - 1])) {
		text[--size] = '\0';
	}
	return text;
}

/* A string is what stands there; other values may have blanks around them. */
static int set_field(struct config_ctx *ctx, struct vl_config *config, const struct config_key *key,
		     const xmlNode *node)
{
	bool string =
		key->type == CONFIG_STRING || key->type == CONFIG_LINES || key->type == CONFIG_ARGS;
	char *text;
	int rc = config_xml_content(ctx, node, &text);

	if (!rc) {
		rc = config_set_text(ctx, config, key, string ? text : trim(text));
		xmlFree(text);
	}
	return rc;
}

/* ---- Elements that are no single field ---- */

/* 512 with unit='MiB'; KiB without one.  Rounded up to KiB. */
static int get_kib(struct config_ctx *ctx, const xmlNode *node, const char *name, uint64_t *kib)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} units[] = {
		{ "b", 1 },	     { "bytes", 1 },	    { "KB", 1000 },
		{ "k", 1 << 10 },    { "KiB", 1 << 10 },    { "MB", 1000000 },
		{ "M", 1 << 20 },    { "MiB", 1 << 20 },    { "GB", 1000000000 },
		{ "G", 1 << 30 },    { "GiB", 1 << 30 },    { "TB", UINT64_C(1000000000000) },
		{ "T", 1ULL << 40 }, { "TiB", 1ULL << 40 },
	};
	uint64_t number = 0, bytes = 0;
	char *text, *unit;
	int rc = config_xml_attribute(ctx, node, "unit", false, &unit);

	if (rc) {
		return rc;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (!strcmp(unit ? unit : "KiB", units[i].name)) {
			bytes = units[i].bytes;
		}
	}
	if (!bytes) {
		rc = config_fail(ctx, "%s: \"%.40s\" is no unit", name, config_text_shown(unit));
	}
	xmlFree(unit);
	if (!rc) {
		rc = config_xml_content(ctx, node, &text);
	}
	if (rc) {
		return rc;
	}
	rc = config_number(ctx, name, trim(text), 1, (UINT64_MAX - 1023) / bytes, &number);
	xmlFree(text);
	*kib = (number * bytes + 1023) / 1024;
	return rc;
}

static int read_memory(struct config_xml *xml, const xmlNode *node)
{
	/* There "memory" is the most it may have. */
	const char *name = (const char *)node->name;
	const char *key = strcmp(name, "memory") ? "memory" : "maxmem";
	uint64_t kib;
	int rc = get_kib(xml->ctx, node, name, &kib);

	return rc ? rc :
		    config_set_number(xml->ctx, xml->draft->config,
				      config_key_find(config_keys, key), kib);
}

static int read_vcpu(struct config_xml *xml, const xmlNode *node)
{
	struct vl_config *config = xml->draft->config;
	char *text;
	int rc = set_field(xml->ctx, config, config_key_find(config_keys, "maxvcpus"), node);

	if (rc) {
		return rc;
	}
	config->vcpus = config->maxvcpus;
	rc = config_xml_attribute(xml->ctx, node, "current", false, &text);
	if (!rc && text) {
		rc = config_set_text(xml->ctx, config, config_key_find(config_keys, "vcpus"), text);
		xmlFree(text);
	}
	if (!rc) {
		rc = config_xml_attribute(xml->ctx, node, "cpuset", false, &text);
	}
	if (!rc && text) {
		rc = config_cpus_parse(xml->ctx, "cpuset", text, &xml->cpuset);
		xmlFree(text);
	}
	return rc;
}

static int read_vcpupin(struct config_xml *xml, const xmlNode *node)
{
	char *vcpu = NULL, *cpuset = NULL;
	uint64_t number;
	int rc = config_xml_attribute(xml->ctx, node, "vcpu", false, &vcpu);

	if (!rc) {
		rc = config_xml_attribute(xml->ctx, node, "cpuset", false, &cpuset);
	}
	if (!rc && (!vcpu || !cpuset)) {
		rc = config_fail(xml->ctx, "vcpupin is to have vcpu= and cpuset=");
	}
	if (!rc) {
		rc = config_number(xml->ctx, "vcpu", vcpu, 0, CONFIG_MAX_VCPUS - 1, &number);
	}
	if (!rc) {
		xml->pinned = true;
		rc = config_cpus_parse(xml->ctx, "cpuset", cpuset, &xml->pins[number]);
	}
	xmlFree(vcpu);
	xmlFree(cpuset);
	return rc;
}

static int read_os_type(struct config_xml *xml, const xmlNode *node)
{
	char *text, *type;
	int rc = config_xml_content(xml->ctx, node, &text);

	if (rc) {
		return rc;
	}
	type = trim(text);
	if (!strcmp(type, "hvm") || !strcmp(type, "xenpvh")) {
		rc = config_fail(xml->ctx,
				 "%s guests are not supported: only <type>linux</type> is",
				 strcmp(type, "hvm") ? "PVH" : "HVM");
	} else if (strcmp(type, "linux") != 0 && strcmp(type, "xen") != 0) {
		rc = config_fail(xml->ctx, "\"%.40s\" is no type of a guest, \"linux\" is",
				 config_text_shown(type));
	}
	xmlFree(text);
	return rc;
}

static int read_e820(struct config_xml *xml, const xmlNode *node)
{
	char *text;
	int rc = config_xml_attribute(xml->ctx, node, "state", false, &text);

	if (!rc) {
		rc = config_set_text(xml->ctx, xml->draft->config,
				     config_key_find(config_keys, "e820_host"), text ? text : "on");
	}
	xmlFree(text);
	return rc;
}

static int read_range(struct config_xml *xml, const xmlNode *node)
{
	struct vl_config *config = xml->draft->config;
	bool memory = !strcmp((const char *)node->name, "iomem");
	struct vl_range_config *range;
	char *text;
	int rc = config_range_add(xml->ctx, config, memory, &range);

	if (!rc) {
		rc = config_xml_content(xml->ctx, node, &text);
	}
	if (!rc) {
		rc = memory ? config_iomem_parse(xml->ctx, trim(text), range) :
			      config_ioports_parse(xml->ctx, trim(text), range);
		xmlFree(text);
	}
	return rc;
}

/* ---- All elements ---- */

/* Those that have others in them, */
static const char *const containers[] = { "os",		  "devices", "features",
					  "features/xen", "cputune", "metadata/guest" };

/* those done by hand, */
static const struct {
	const char *path;
	int (*read)(struct config_xml *xml, const xmlNode *node);
} elements[] = {
	{ "memory", read_memory },
	{ "currentMemory", read_memory },
	{ "vcpu", read_vcpu },
	{ "cputune/vcpupin", read_vcpupin },
	{ "os/type", read_os_type },
	{ "features/xen/e820_host", read_e820 },
	{ "metadata/guest/iomem", read_range },
	{ "metadata/guest/ioports", read_range },
	{ "devices/disk", config_xml_read_disk },
	{ "devices/interface", config_xml_read_interface },
	{ "devices/controller", config_xml_read_controller },
};

/* and those with nothing to do for. */
static const char *const accepted[] = { "clock",	   "description",
					"devices/console", "devices/emulator",
					"devices/input",   "devices/memballoon",
					"genid",	   "resource",
					"title",	   "os/boot" };

static bool listed(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], name)) {
			return true;
		}
	}
	return false;
}

static int read_children(struct config_xml *xml, const xmlNode *node, const char *prefix);

static int read_element(struct config_xml *xml, const xmlNode *node, const char *path)
{
	const struct config_key *key = config_key_find_xml(config_keys, path);
	char prefix[CONFIG_XML_PATH + 1];

	if (key) {
		return set_field(xml->ctx, xml->draft->config, key, node);
	}
	for (size_t i = 0; i < sizeof(elements) / sizeof(*elements); i++) {
		if (!strcmp(elements[i].path, path)) {
			return elements[i].read(xml, node);
		}
	}
	/* No deeper than the longest of these paths. */
	if (listed(containers, sizeof(containers) / sizeof(*containers), path)) {
		snprintf(prefix, sizeof(prefix), "%s/", path);
		return read_children(xml, node, prefix);
	}
	if (listed(accepted, sizeof(accepted) / sizeof(*accepted), path)) {
		return 0;
	}
	return config_warn(xml->ctx, "<%.60s> is not known or not supported, and without effect",
			   config_text_shown((const char *)node->name));
}

/* Of what is in <metadata>, only our own concerns us. */
static int read_metadata(struct config_xml *xml, const xmlNode *node)
{
	for (const xmlNode *child = node->children; child; child = child->next) {
		if (child->type == XML_ELEMENT_NODE && config_xml_ours(child->ns) &&
		    !strcmp((const char *)child->name, "guest")) {
			int rc = read_children(xml, child, "metadata/guest/");

			if (rc) {
				return rc;
			}
		}
	}
	return 0;
}

static int read_children(struct config_xml *xml, const xmlNode *node, const char *prefix)
{
	int rc = 0;

	for (const xmlNode *child = node->children; child && !rc; child = child->next) {
		char path[CONFIG_XML_PATH];
		int size;

		if (child->type != XML_ELEMENT_NODE) {
			continue;
		}
		config_xml_line(xml, child);
		size = snprintf(path, sizeof(path), "%s%s", prefix, (const char *)child->name);
		if (size < 0 || (size_t)size >= sizeof(path) ||
		    (child->ns && !config_xml_ours(child->ns))) {
			rc = config_warn(xml->ctx, "<%.60s> is not known, and without effect",
					 config_text_shown((const char *)child->name));
		} else if (!strcmp(path, "metadata")) {
			rc = read_metadata(xml, child);
		} else {
			rc = read_element(xml, child, path);
		}
	}
	return rc;
}

/* vcpupin is for one, cpuset for those that have none. */
static int finish_cpus(struct config_xml *xml)
{
	struct vl_config *config = xml->draft->config;
	size_t count = xml->pinned && config->maxvcpus ? config->maxvcpus : 1;

	if (!xml->pinned && !xml->cpuset) {
		return 0;
	}
	config->cpus = calloc(count, sizeof(*config->cpus));
	if (!config->cpus) {
		return config_no_memory(xml->ctx);
	}
	config->cpus_count = count;
	xml->draft->cpus_each = xml->pinned;
	for (size_t i = 0; i < count; i++) {
		uint64_t others = xml->cpuset ? xml->cpuset : CONFIG_ALL_CPUS;

		config->cpus[i] = xml->pins[i] ? xml->pins[i] : others;
	}
	return 0;
}

static int read_domain(struct config_xml *xml, const xmlNode *root)
{
	char *type;
	int rc;

	config_xml_line(xml, root);
	if (strcmp((const char *)root->name, "domain") != 0) {
		return config_fail(xml->ctx, "<domain> is expected, not <%.60s>",
				   config_text_shown((const char *)root->name));
	}
	rc = config_xml_attribute(xml->ctx, root, "type", false, &type);
	if (!rc && (!type || strcmp(type, "xen") != 0)) {
		rc = config_fail(xml->ctx, "only <domain type='xen'> is supported");
	}
	xmlFree(type);
	if (!rc) {
		rc = read_children(xml, root, "");
	}
	return rc ? rc : finish_cpus(xml);
}

/* ---- The document ---- */

/* Entities are declared in a document type: stop before the first one. */
static void refuse_doctype(void *context, const xmlChar *name, const xmlChar *external,
			   const xmlChar *system)
{
	xmlParserCtxtPtr parser = context;

	(void)name;
	(void)external;
	(void)system;
	*(bool *)parser->_private = true;
	xmlStopParser(parser);
}

static int parse_failed(struct config_ctx *ctx, xmlParserCtxtPtr parser, bool doctype)
{
	const xmlError *problem = xmlCtxtGetLastError(parser);
	char text[100] = "it ends too early";

	ctx->line = 0;
	if (doctype) {
		return config_fail(ctx, "a document type (<!DOCTYPE) is not allowed");
	}
	if (problem && problem->code == XML_ERR_NO_MEMORY) {
		return config_no_memory(ctx);
	}
	if (problem && problem->message) {
		ctx->line = problem->line > 0 ? (unsigned int)problem->line : 0;
		snprintf(text, sizeof(text), "%s", problem->message);
		text[strcspn(text, "\n")] = '\0';
	}
	return config_fail(ctx, "this is no XML: %s", config_text_shown(text));
}

static int read_document(struct config_ctx *ctx, xmlParserCtxtPtr parser, const char *text,
			 size_t size, struct config_draft *draft)
{
	struct config_xml xml = { .ctx = ctx, .draft = draft };
	bool doctype = false;
	xmlDocPtr document;
	int rc;

	parser->sax->internalSubset = refuse_doctype;
	parser->_private = &doctype;
	document = xmlCtxtReadMemory(parser, text, (int)size, NULL, NULL,
				     XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (!document || doctype || !xmlDocGetRootElement(document)) {
		rc = parse_failed(ctx, parser, doctype);
	} else {
		rc = read_domain(&xml, xmlDocGetRootElement(document));
	}
	xmlFreeDoc(document);
	return rc;
}

int config_xml_read(struct config_ctx *ctx, const char *text, size_t size,
		    struct config_draft *draft)
{
	struct config_xml_quiet quiet;
	xmlParserCtxtPtr parser;
	int rc;

	config_xml_begin(&quiet);
	parser = xmlNewParserCtxt();
	/* The size is below VL_CONFIG_MAX_SIZE, and so below INT_MAX. */
	rc = parser ? read_document(ctx, parser, text, size, draft) : config_no_memory(ctx);
	xmlFreeParserCtxt(parser);
	config_xml_end(&quiet);
	/* A text node that could not be made is not seen otherwise. */
	return !rc && quiet.no_memory ? config_no_memory(ctx) : rc;
}
