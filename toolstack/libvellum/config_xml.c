/* SPDX-License-Identifier: MIT */
/*
 * libvirt's domain XML, read and written by the program vl-xml: whoever needs no XML
 * loads none of libxml2, and a hostile document meets a process that can do nothing.
 * Called by config.c and vl.  That program, and tests, link toolstack/xml in place of
 * this file.
 */
#include "libvellum/paths.h"
#include "libvellum/xml_ask.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* It takes hundredths of a second; a machine may be slow. */
#define LIMIT_MS 60000

/*
 * The running program's neighbour, wherever both were installed.  Who runs with the
 * rights of another may have chosen where the program seems to lie.
 */
static bool beside(char path[PATH_MAX])
{
	ssize_t length = getauxval(AT_SECURE) ? -1 : readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	path[length > 0 ? length : 0] = '\0';
	slash = strrchr(path, '/');
	if (!slash || slash - path >= PATH_MAX - 8) {
		return false;
	}
	memcpy(slash, "/vl-xml", sizeof("/vl-xml"));
	return access(path, X_OK) == 0;
}

static struct xml_asked asked(char path[PATH_MAX])
{
	const char *named = secure_getenv("VL_XML");
	const char *program = named && *named ? named : beside(path) ? path : VL_XML_PROGRAM;

	return (struct xml_asked){ program, LIMIT_MS };
}

int config_xml_read(struct config_ctx *ctx, const char *text, size_t size,
		    struct config_draft *draft)
{
	char path[PATH_MAX];
	struct xml_asked program = asked(path);

	return xml_ask_read(&program, ctx, text, size, draft);
}

int vl_config_xml(const struct vl_config *config, char **text, struct vl_error *error)
{
	char path[PATH_MAX];
	struct xml_asked program = asked(path);

	return xml_ask_write(&program, config, text, error);
}
