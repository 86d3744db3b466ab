/* SPDX-License-Identifier: MIT */
/*
 * Operations on domains, and CONTROL: their payloads and answers. Called
 * through the table in request.c; the work is domain.c's and control.c's.
 */
#include "stored/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int one_domid(const struct request *r, uint16_t *domid)
{
	const char *word;

	return request_one_word(r, &word) || !perm_parse_domid(word, domid) ? -EINVAL : 0;
}

int request_introduce(struct request *r)
{
	unsigned long long frame, port;
	const char *words[4];
	unsigned int count;
	uint16_t domid;
	char *end;
	int rc;

	if (request_split(r, words, 4, &count) || count < 3 ||
	    !perm_parse_domid(words[0], &domid)) {
		return -EINVAL;
	}
	/* Some clients print the frame as a signed number. */
	frame = strtoull(words[1], &end, 10);
	rc = *end || !words[1][0] ? -EINVAL : 0;
	port = strtoull(words[2], &end, 10);
	if (rc || *end || !words[2][0] || port == 0 || port > UINT32_MAX || domid == 0) {
		return -EINVAL;
	}
	rc = domain_introduce(r->engine, domid, frame, (uint32_t)port);
	return rc ? rc : request_reply_ok(r);
}

int request_release(struct request *r)
{
	uint16_t domid;
	int rc = one_domid(r, &domid);

	rc = rc ? rc : domid == 0 ? -EINVAL : domain_release(r->engine, domid);
	return rc ? rc : request_reply_ok(r);
}

int request_resume(struct request *r)
{
	uint16_t domid;
	int rc = one_domid(r, &domid);

	rc = rc ? rc : domain_resume(r->engine, domid);
	return rc ? rc : request_reply_ok(r);
}

int request_set_target(struct request *r)
{
	uint16_t domid, target;
	const char *words[2];
	unsigned int count;
	int rc;

	if (request_split(r, words, 2, &count) || count != 2 ||
	    !perm_parse_domid(words[0], &domid) || !perm_parse_domid(words[1], &target) ||
	    domid == 0) {
		return -EINVAL;
	}
	rc = domain_set_target(r->engine, domid, target);
	return rc ? rc : request_reply_ok(r);
}

int request_get_domain_path(struct request *r)
{
	char path[32];
	uint16_t domid;

	if (one_domid(r, &domid)) {
		return -EINVAL;
	}
	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	return request_reply_text(r, path);
}

int request_is_domain_introduced(struct request *r)
{
	uint16_t domid;

	if (one_domid(r, &domid)) {
		return -EINVAL;
	}
	return request_reply_text(r, domid == 0 || domain_find(r->engine, domid) ? "T" : "F");
}

int request_control(struct request *r)
{
	char answer[XENSTORE_PAYLOAD_MAX] = "OK";
	const char *words[8];
	unsigned int count;
	int rc;

	if (request_split(r, words, 8, &count) || count == 0) {
		return -EINVAL;
	}
	rc = control_handle(r->engine, words, count, answer, sizeof(answer));
	return rc ? rc : request_reply_text(r, answer);
}
