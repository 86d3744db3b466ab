/* SPDX-License-Identifier: MIT */
/*
 * libvirt's domain XML, read and written by the program vl-xml: whoever needs no XML
 * loads none of libxml2, and a hostile document meets a process that can do nothing.
 * Called by config.c and vl.  That program, and tests, link toolstack/xml in place of
 * this file.
 */
#include "libvellum/paths.h"
#include "libvellum/xml_ask.h"

#include <stdlib.h>

/* It takes hundredths of a second; a machine may be slow. */
#define LIMIT_MS 60000

static struct xml_asked asked(void)
{
	const char *path = secure_getenv("VL_XML");

	return (struct xml_asked){ path && *path ? path : VL_XML_PROGRAM, LIMIT_MS };
}

int config_xml_read(struct config_ctx *ctx, const char *text, size_t size,
		    struct config_draft *draft)
{
	struct xml_asked program = asked();

	return xml_ask_read(&program, ctx, text, size, draft);
}

int vl_config_xml(const struct vl_config *config, char **text, struct vl_error *error)
{
	struct xml_asked program = asked();

	return xml_ask_write(&program, config, text, error);
}
