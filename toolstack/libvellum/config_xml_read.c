/* SPDX-License-Identifier: MIT */
/*
 * A configuration from libvirt's domain XML.  Called by config.c.
 */
#include "libvellum/config_internal.h"

int config_xml_read(struct config_ctx *ctx, const char *text, size_t size,
		    struct config_draft *draft)
{
	(void)text;
	(void)size;
	(void)draft;
	return config_fail(ctx, "XML is not supported");
}
