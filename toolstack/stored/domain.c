/* SPDX-License-Identifier: MIT */
/*
 * Domains that the store serves by a ring: when they come, stop and go, and who
 * is told. Called by request.c for what the toolstack says and by who hears of
 * the core's domains. How a ring is reached is the host's matter.
 */
#include <errno.h>
#include <stdlib.h>

#include "stored/engine.h"

struct domain *domain_find(const struct engine *engine, uint16_t domid)
{
	return domid < DOMID_END ? engine->domain[domid] : NULL;
}

int domain_add(struct engine *engine, uint16_t domid, uint64_t frame, uint32_t port,
	       struct domain **out)
{
	struct domain *domain = calloc(1, sizeof(*domain));

	if (!domain) {
		return -ENOMEM;
	}
	*domain = (struct domain){ .domid = domid, .target = domid, .frame = frame, .port = port };
	domain->conn = conn_new(engine, domid, true);
	if (!domain->conn) {
		free(domain);
		return -ENOMEM;
	}
	engine->domain[domid] = domain;
	engine->gone[domid] = false;
	*out = domain;
	return 0;
}

void domain_remove(struct engine *engine, struct domain *domain)
{
	uint16_t domid = domain->domid;
	struct domain *other;

	engine->domain[domid] = NULL;
	stale_mark(engine, domid);
	conn_free(domain->conn);
	free(domain);
	/* A domain that gets this number later is not the one whose rights were given. */
	for (unsigned int i = 0; i < DOMID_END; i++) {
		other = engine->domain[i];
		if (other && other->target == domid) {
			other->target = other->conn->who.target = other->domid;
			state_domain(engine, other);
		}
	}
}

static int attach(struct engine *engine, struct domain *domain)
{
	int rc = engine->host->attach(engine->host->arg, domain, false);

	if (rc) {
		engine_log(engine, "domain %u: its ring cannot be reached: error %d", domain->domid,
			   -rc);
		return -EINVAL;
	}
	state_domain(engine, domain);
	return 0;
}

/* A known domain has another ring, or another port: as after it was resumed. */
static int introduce_again(struct engine *engine, struct domain *domain, uint64_t frame,
			   uint32_t port)
{
	int rc;

	if (domain->frame == frame && domain->port == port && !domain->conn->broken) {
		return 0;
	}
	engine->host->detach(engine->host->arg, domain);
	conn_reset(domain->conn);
	domain->conn->broken = false;
	domain->frame = frame;
	domain->port = port;
	domain->shutdown = false;
	rc = attach(engine, domain);
	if (rc) {
		state_release(engine, domain->domid);
		domain_remove(engine, domain);
	}
	return rc;
}

int domain_introduce(struct engine *engine, uint16_t domid, uint64_t frame, uint32_t port)
{
	struct domain *domain = domain_find(engine, domid);
	int rc;

	if (domain) {
		rc = introduce_again(engine, domain, frame, port);
	} else {
		rc = domain_add(engine, domid, frame, port, &domain);
		if (rc == 0) {
			rc = attach(engine, domain);
			if (rc) {
				domain_remove(engine, domain);
			}
		}
	}
	if (rc == 0) {
		watch_fire_special(engine, PATH_INTRODUCE);
	}
	return rc;
}

static void drop(struct engine *engine, struct domain *domain)
{
	engine->host->detach(engine->host->arg, domain);
	state_release(engine, domain->domid);
	domain_remove(engine, domain);
}

int domain_release(struct engine *engine, uint16_t domid)
{
	struct domain *domain = domain_find(engine, domid);

	if (!domain) {
		return -ENOENT;
	}
	drop(engine, domain);
	watch_fire_special(engine, PATH_RELEASE);
	return 0;
}

int domain_resume(struct engine *engine, uint16_t domid)
{
	struct domain *domain = domain_find(engine, domid);

	if (!domain) {
		return -ENOENT;
	}
	domain->shutdown = false;
	state_domain(engine, domain);
	return 0;
}

int domain_set_target(struct engine *engine, uint16_t domid, uint16_t target)
{
	struct domain *domain = domain_find(engine, domid);

	if (!domain || !domain_find(engine, target)) {
		return -ENOENT;
	}
	domain->target = domain->conn->who.target = target;
	state_domain(engine, domain);
	return 0;
}

void domain_check(struct engine *engine, const struct domain_state *states, size_t count)
{
	struct domain *domain;
	bool fire = false;
	size_t at = 0;

	/* Domain 0 is the one that this process runs in. */
	for (unsigned int domid = 1; domid < DOMID_END; domid++) {
		domain = engine->domain[domid];
		if (!domain) {
			continue;
		}
		while (at < count && states[at].domid < domid) {
			at++;
		}
		if (at == count || states[at].domid != domid) {
			drop(engine, domain);
			fire = true;
		} else if (states[at].shutdown && !domain->shutdown) {
			domain->shutdown = true;
			state_domain(engine, domain);
			fire = true;
		}
	}
	if (fire) {
		watch_fire_special(engine, PATH_RELEASE);
	}
	state_commit(engine);
}
