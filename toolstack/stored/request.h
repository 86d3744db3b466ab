/* SPDX-License-Identifier: MIT */
/* Between request.c, which has the table of operations, and request_domain.c. */
#ifndef STORED_REQUEST_H
#define STORED_REQUEST_H

/* Before xs_wire.h, which then has the table of errors. */
#include <errno.h>

#include "stored/engine.h"

struct request {
	struct engine *engine;
	struct conn *conn;
	const struct xsd_sockmsg *message;
	const char *payload; /* with a zero behind its end */
	size_t size;
	struct tx *tx;
	enum quota quota; /* the one in the way, for the error's text */
	char path[PATH_ROOM];
};

int request_reply_text(struct request *r, const char *text);
int request_reply_ok(struct request *r);
/** Strings that each end in a zero; -EINVAL: bytes are left behind the last zero, or there are more
 *  than max. */
int request_split(const struct request *r, const char **words, unsigned int max,
		  unsigned int *count);
/** Exactly one string. */
int request_one_word(const struct request *r, const char **word);

int request_introduce(struct request *r);
int request_release(struct request *r);
int request_resume(struct request *r);
int request_set_target(struct request *r);
int request_get_domain_path(struct request *r);
int request_is_domain_introduced(struct request *r);
int request_control(struct request *r);

#endif
