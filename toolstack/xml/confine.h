/* SPDX-License-Identifier: MIT */
/* What vl-xml may still do while it has somebody's document: see confine.c. */
#ifndef XML_CONFINE_H
#define XML_CONFINE_H

/** 0, or a negative errno: this kernel cannot do it. */
int confine(void);

#endif
