/* SPDX-License-Identifier: MIT */
/*
 * What vl-xml answers, as libvellum's xml_ask.h describes it.  Called by main.c and
 * tests.
 *
 * Errors: see error.h.
 */
#ifndef XML_ANSWER_H
#define XML_ANSWER_H

#include <stddef.h>

#include "libvellum/error.h"

/** The JSON object that says what is in a document, or what is wrong with it; malloc'd.
 *  Null: there was no memory even for that. */
char *xml_answer_read(const char *text, size_t size);
/** The document of a configuration; malloc'd. */
int xml_answer_write(const char *text, size_t size, char **document, struct vl_error *error);

#endif
