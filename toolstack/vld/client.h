/* SPDX-License-Identifier: MIT */
/*
 * vld's socket: one line of JSON for each request and each answer.
 *
 *   {"do": "console", "guest": NAME, "from": POS}   scroll-back and console: raw
 *       bytes follow the answer, both ways; "scrollback": false shows only what
 *       comes from now on
 *   {"do": "wait", "domid": N}     answered when that domain has ended
 *   {"do": "status"}
 *   {"do": "forget", "guest": NAME}    a restart that is due is cancelled
 *
 * Answers have "ok": true, or "ok": false with "error" (a sentence) and "errno"
 * (positive, Linux').  Only root, and who runs vld, may connect.
 */
#ifndef VLD_CLIENT_H
#define VLD_CLIENT_H

#include <stdint.h>

#include "vld.h"

#define CLIENT_LINE_MAX 4096
#define CLIENTS_MAX 4096

/** A connection has come; the descriptor is the client's from now on. */
void client_accept(struct vld *vld, int fd);
/** The end of that domain is complete. */
void client_ended(struct vld *vld, uint16_t domid);
/** Answers who cancelled the restart of that guest while it was under way. */
void client_forgotten(struct vld *vld, const char *name, int rc, const char *text);
void clients_free(struct vld *vld);

#endif
