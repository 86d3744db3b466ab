/* SPDX-License-Identifier: MIT */
/*
 * The program that reads and writes XML, as it is asked: started for one text, which
 * goes to its standard input; the answer comes from its standard output, and is
 * checked as if anybody could have written it.  Only config_xml.c and tests include it.
 *
 * Asked "read", it answers with a JSON object:
 *   "warnings"  a list of objects with "line" (0: none) and "text"
 *   "error"     the same, with "errno", if there is one; otherwise:
 *   "config"    what the document says, in the form of vl_config_json(), before
 *               defaults and what needs more than one key to be checked
 *   "cpus_each" whether affinities in it are of one vCPU each
 * Asked "write", it is given a configuration as JSON and answers with the document.
 *
 * Errors: see error.h.
 */
#ifndef LIBVELLUM_XML_ASK_H
#define LIBVELLUM_XML_ASK_H

#include "libvellum/config_internal.h"

/* Both ways: what is escaped in one form may be longer in another. */
#define XML_ASK_MAX_SIZE (VL_CONFIG_MAX_SIZE * 8)

struct xml_asked {
	const char *program;
	int limit_ms;
};

int xml_ask_read(const struct xml_asked *asked, struct config_ctx *ctx, const char *text,
		 size_t size, struct config_draft *draft);
/** *text is malloc'd. */
int xml_ask_write(const struct xml_asked *asked, const struct vl_config *config, char **text,
		  struct vl_error *error);

#endif
