/* SPDX-License-Identifier: MIT */
/*
 * Text for people and scripts: names in tables, states, sets of CPUs, times,
 * UUIDs, JSON, and which form is wanted.  Everything goes to stdout; cli_run() looks whether that worked.
 */
#ifndef VL_OUTPUT_H
#define VL_OUTPUT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "libvellum/common.h"
#include "libvellum/config_tool.h"
#include "libvellum/ctl.h"

/** Room for a name of any length that a store allows, each byte escaped. */
#define OUTPUT_NAME_SIZE 4096
#define OUTPUT_STATE_SIZE 7
#define OUTPUT_UUID_SIZE VL_UUID_SIZE
#define OUTPUT_CPUS_SIZE 256
#define OUTPUT_TIME_SIZE 40

/** The six characters of "vl list"; see docs/vl.md. */
void output_state(const struct vl_domain_info *info, char state[OUTPUT_STATE_SIZE]);
/** Word for SHUTDOWN_*. */
const char *output_reason(uint32_t reason);
/** Bytes that are no visible ASCII, and backslashes, as \xNN; returns out. */
const char *output_name(const char *name, char *out, size_t size);
/** The same for text: blanks, newlines and tabs stay. */
const char *output_text(const char *text, size_t length, char *out, size_t size);
/** The same for a sentence that is to be the rest of a line: blanks stay. */
const char *output_line(const char *text, char *out, size_t size);
void output_uuid(const uint8_t uuid[16], char text[OUTPUT_UUID_SIZE]);
/** "0-3,5", or "all" if no CPU of those that there are is missing. */
void output_cpus(uint64_t cpus, uint32_t online, char text[OUTPUT_CPUS_SIZE]);
/** "98 days,  2:27:44"; brief: without seconds. */
void output_time(uint64_t seconds, bool brief, char text[OUTPUT_TIME_SIZE]);
/** A JSON string; escaped where the bytes are no UTF-8. */
json_t *output_json_string(const char *text);
/** Adds an item, which is taken; where memory runs out, *array becomes null. */
void output_add(json_t **array, json_t *item);
/**
 * In what form configurations are to be printed, as vl.conf says.  0, or a negative
 * errno after one sentence on stderr; quiet: without warnings.
 */
int output_format(bool quiet, enum vl_output_format *format);
/** Prints it, releases it; null: memory ran out.  Returns an exit code. */
int output_json(json_t *json);

#endif
