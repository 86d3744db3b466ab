/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of the reader of libvirt's domain XML share.  Only
 * config_xml_read.c and config_xml_device.c include it.
 *
 * Errors: see error.h.
 */
#ifndef XML_CONFIG_XML_READ_H
#define XML_CONFIG_XML_READ_H

#include "libvellum/config_internal.h"
#include "xml/config_xml.h"

/* Longer than every path that is known. */
#define CONFIG_XML_PATH 64

struct config_xml {
	struct config_ctx *ctx;
	struct config_draft *draft;
	uint64_t cpuset; /* of <vcpu>; 0: none */
	uint64_t pins[CONFIG_MAX_VCPUS];
	bool pinned;
};

/** Messages are about this node from now on. */
static inline void config_xml_line(struct config_xml *xml, const xmlNode *node)
{
	long line = xmlGetLineNo((xmlNodePtr)(uintptr_t)node);

	xml->ctx->line = line > 0 ? (unsigned int)line : 0;
}

/** All text in a node; xmlFree() it. */
int config_xml_content(struct config_ctx *ctx, const xmlNode *node, char **text);
/** An attribute, of our namespace or of none; null if it is not there; xmlFree() it. */
int config_xml_attribute(struct config_ctx *ctx, const xmlNode *node, const char *name, bool ours,
			 char **text);
/** The first element of that name in a node. */
xmlNode *config_xml_child(const xmlNode *node, const char *name);

int config_xml_read_disk(struct config_xml *xml, const xmlNode *node);
int config_xml_read_interface(struct config_xml *xml, const xmlNode *node);
int config_xml_read_controller(struct config_xml *xml, const xmlNode *node);

#endif
