/* SPDX-License-Identifier: MIT */
/*
 * Which guests have ended, when and why: the last hundred, in RUN_DIR/ended.json
 * for vl and others to read, and in memory for who asks vld.
 *
 * The file is {"ended": [...]}, the latest end last; each has name, domid, uuid,
 * when (seconds since 1970), reason, action, crash and console (its last lines).
 */
#ifndef VLD_ENDS_H
#define VLD_ENDS_H

#include "vld.h"

#define ENDS_MAX 100

/** Reads what an earlier vld has left; what cannot be read is begun anew. */
void ends_load(struct vld *vld);
/** Adds an end and writes the file. */
void ends_add(struct vld *vld, struct guest *guest, unsigned int reason, const char *action,
	      const char *crash);
/** The latest end of that domain, not to be freed; null. */
json_t *ends_find(struct vld *vld, uint16_t domid);
/** An answer with all of them, without what the consoles had; null: no memory. */
json_t *ends_json(const struct vld *vld);

#endif
