/* SPDX-License-Identifier: MIT */
/*
 * The auditor of event channels: every port in use has what it is bound to,
 * and what it is bound to knows the port.  Called by audit_all() in debug runs
 * and by tests, while no guest runs; so it takes no event lock, which lets it
 * look at two domains at once.  Changes nothing, and never looks at guest
 * memory, where anything may stand.
 */
#include "audit.h"

#include <xen/xen.h>

#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/printk.h>
#include <hv/vcpu.h>

#define REPORTS_MAX 20

static unsigned int differences;

static void expect(bool good, const struct domain *d, uint32_t port, const char *what)
{
	if (!good && differences++ < REPORTS_MAX) {
		pr_err("audit: d%u port %u: %s", d->id, port, what);
	}
}

static void audit_interdomain(struct domain *d, const struct evtchn *chn)
{
	struct domain *rd = chn->u.interdomain.remote;
	struct domain *found = rd != NULL ? domain_get(rd->id) : NULL;

	expect(rd != NULL && found == rd, d, chn->port, "remote domain is gone");
	if (found != NULL) {
		expect(found != rd || evtchn_joined(rd, chn->u.interdomain.remote_port, d,
						    chn->port) != NULL,
		       d, chn->port, "remote end does not point back");
		domain_put(found);
	}
}

static void audit_virq(struct domain *d, const struct evtchn *chn)
{
	unsigned int virq = chn->u.virq;
	const struct vcpu *v = NULL;

	if (virq < NR_VIRQS) {
		v = d->vcpu[virq_is_per_vcpu(virq) ? chn->vcpu : 0];
	}
	expect(v != NULL && v->virq_port[virq] == chn->port, d, chn->port,
	       "the vCPU's virq is bound elsewhere");
}

static void audit_port(struct domain *d, const struct evtchn *chn)
{
	if (chn->vcpu >= d->max_vcpus) {
		/* A port may wait for its first bind before there is a vCPU. */
		expect(chn->vcpu == 0 && chn->state == ECS_UNBOUND, d, chn->port,
		       "notifies no vCPU");
		return;
	}
	switch (chn->state) {
	case ECS_UNBOUND:
	case ECS_IPI:
		break;
	case ECS_INTERDOMAIN:
		audit_interdomain(d, chn);
		break;
	case ECS_VIRQ:
		audit_virq(d, chn);
		break;
	case ECS_PIRQ:
		expect(chn->u.pirq < PIRQ_MAX && d->pirq_port[chn->u.pirq] == chn->port, d,
		       chn->port, "the pirq is bound elsewhere");
		break;
	default:
		expect(false, d, chn->port, "in no state to be in");
		break;
	}
}

/* Each port on the list is free, and the list ends. */
static void audit_free_list(struct domain *d)
{
	uint32_t port = d->evtchn_free;
	uint32_t seen;
	bool good = true;

	for (seen = 0; good && port != 0; seen++) {
		/* A longer list than there are ports is a circle. */
		good = port < d->evtchn_valid && seen < d->evtchn_valid &&
		       evtchn_lookup(d, port) == NULL;
		expect(good, d, port, "on the free list twice, in use or beyond all groups");
		if (good) {
			port = evtchn_at(d, port)->u.next_free;
		}
	}
}

static void audit_virqs(struct domain *d, const struct vcpu *v)
{
	unsigned int virq;

	for (virq = 0; virq < NR_VIRQS; virq++) {
		uint32_t port = v->virq_port[virq];
		const struct evtchn *chn = evtchn_lookup(d, port);

		expect(port == 0 || (chn != NULL && chn->state == ECS_VIRQ && chn->u.virq == virq),
		       d, port, "a vCPU thinks it is its virq");
	}
}

static void audit_domain(struct domain *d)
{
	uint32_t port, used = 0;
	unsigned int i;

	for (port = 0; port < d->evtchn_valid; port++) {
		const struct evtchn *chn = evtchn_lookup(d, port);

		if (chn != NULL) {
			used++;
			expect(chn->port == port && port != 0, d, port, "has another number");
			audit_port(d, chn);
		}
	}
	expect(used == d->evtchn_count, d, used, "ports in use, not as many as counted");
	audit_free_list(d);
	for (i = 0; i < d->max_vcpus; i++) {
		audit_virqs(d, d->vcpu[i]);
	}
}

unsigned int audit_events(void)
{
	struct domain *d;

	differences = 0;
	for (d = domain_next(NULL); d != NULL; d = domain_next(d)) {
		audit_domain(d);
	}
	return differences;
}
