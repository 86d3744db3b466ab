/* SPDX-License-Identifier: MIT */
/*
 * The shared page of a domain, and the connection that it carries. The page is
 * hostile: indices are read once and checked, bytes are copied out before they
 * are looked at. Nothing here knows how the page came to be mapped.
 */
#ifndef STORED_RING_H
#define STORED_RING_H

#include <stdbool.h>

#include "stored/engine.h"

/** A page that is new to the connection: both streams begin where the page says. */
void ring_start(struct conn *conn, struct xenstore_domain_interface *page);
/** A page that the process before this one has served; the connection is as state.c restored it. */
void ring_resume(struct conn *conn, struct xenstore_domain_interface *page);
/**
 * Takes and answers what is in the page, and puts into it what fits. Returns
 * whether the domain is to be notified. A broken connection says so in the page
 * and does nothing more.
 */
bool ring_serve(struct conn *conn, struct xenstore_domain_interface *page);
/** The same, but takes nothing: for output that others have caused, or a guest's own requests. */
bool ring_send(struct conn *conn, struct xenstore_domain_interface *page);
/**
 * Whether there is something to serve again. A domain sends no event for bytes that
 * it adds while it sees older ones still there, so whoever has served looks once
 * more: after he has notified, when what either side has written is to be seen.
 */
bool ring_more(const struct conn *conn, struct xenstore_domain_interface *page);

#endif
