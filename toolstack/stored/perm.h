/* SPDX-License-Identifier: MIT */
/*
 * Who may do what with a node. The first permission names the owner, who may do
 * everything, and says what domains may that no later one names. The control
 * domain is never asked here.
 */
#ifndef STORED_PERM_H
#define STORED_PERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stored/tree.h"

/** Room for one permission as text: a letter, a number, a zero. */
#define PERM_ROOM 8
/** Numbers of domains are below this (DOMID_FIRST_RESERVED of the published interface). */
#define DOMID_END 0x7ff0u

/** On whose behalf something is done. */
struct who {
	uint16_t domid;
	uint16_t target; /* it has this one's rights as well; its own number: nobody's */
	bool privileged; /* may do everything */
};

/** "r5" and the like. */
bool perm_parse(const char *text, struct vl_perm *perm);
void perm_print(const struct vl_perm *perm, char text[PERM_ROOM]);
/** A number of a domain in decimal digits, below DOMID_END. */
bool perm_parse_domid(const char *text, uint16_t *domid);
bool perm_is_owner(const struct content *content, const struct who *who);
/** access: VL_PERM_*; all of it is wanted. */
bool perm_allows(const struct content *content, const struct who *who, unsigned int access);

#endif
