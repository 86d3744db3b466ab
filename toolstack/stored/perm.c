/* SPDX-License-Identifier: MIT */
/* Pure functions on permissions; see perm.h. */
#include "stored/perm.h"

#include <stdio.h>
#include <string.h>

static const char letters[] = "nrwb"; /* by VL_PERM_* */

bool perm_parse_domid(const char *text, uint16_t *domid)
{
	unsigned int value = 0;
	size_t size = strnlen(text, 6);

	if (size == 0 || size > 5) {
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		value = value * 10 + (unsigned int)(text[i] - '0');
	}
	*domid = (uint16_t)value;
	return value < DOMID_END;
}

bool perm_parse(const char *text, struct vl_perm *perm)
{
	const char *letter = text[0] ? strchr(letters, text[0]) : NULL;

	if (!letter) {
		return false;
	}
	perm->access = (uint16_t)(letter - letters);
	return perm_parse_domid(text + 1, &perm->domid);
}

void perm_print(const struct vl_perm *perm, char text[PERM_ROOM])
{
	snprintf(text, PERM_ROOM, "%c%u", letters[perm->access & 3], perm->domid);
}

bool perm_is_owner(const struct content *content, const struct who *who)
{
	uint16_t owner = content->perms[0].domid;

	return who->privileged || owner == who->domid || owner == who->target;
}

static unsigned int allowed(const struct content *content, uint16_t domid)
{
	for (uint32_t i = 1; i < content->perm_count; i++) {
		if (content->perms[i].domid == domid) {
			return content->perms[i].access;
		}
	}
	return content->perms[0].access;
}

bool perm_allows(const struct content *content, const struct who *who, unsigned int access)
{
	if (perm_is_owner(content, who)) {
		return true;
	}
	return ((allowed(content, who->domid) | allowed(content, who->target)) & access) == access;
}
