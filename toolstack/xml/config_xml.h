/* SPDX-License-Identifier: MIT */
/*
 * What the reader and the writer of libvirt's domain XML share: the namespace
 * of what that format has no word for, and quiet handling of libxml2's errors.
 * Only config_xml_*.c include it.
 */
#ifndef XML_CONFIG_XML_H
#define XML_CONFIG_XML_H

#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <stdbool.h>
#include <string.h>

#define CONFIG_XML_NS "urn:vellum:guest"

/** While it is set, libxml2 prints nothing in this thread. */
struct config_xml_quiet {
	xmlStructuredErrorFunc old;
	void *old_context;
	bool no_memory;
};

static inline void config_xml_error(void *context, xmlErrorPtr error)
{
	struct config_xml_quiet *quiet = context;

	/* Some functions fail without a return value that says so. */
	quiet->no_memory |= error && error->code == XML_ERR_NO_MEMORY;
}

static inline void config_xml_begin(struct config_xml_quiet *quiet)
{
	quiet->no_memory = false;
	quiet->old = xmlStructuredError;
	quiet->old_context = xmlStructuredErrorContext;
	xmlSetStructuredErrorFunc(quiet, config_xml_error);
}

static inline void config_xml_end(struct config_xml_quiet *quiet)
{
	xmlResetLastError();
	xmlSetStructuredErrorFunc(quiet->old_context, quiet->old);
}

static inline const xmlChar *config_xml_text(const char *text)
{
	return (const xmlChar *)text;
}

/** Whether the node has our namespace. */
static inline bool config_xml_ours(const xmlNs *ns)
{
	return ns && ns->href && !strcmp((const char *)ns->href, CONFIG_XML_NS);
}

#endif
