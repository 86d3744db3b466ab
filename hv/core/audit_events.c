/* SPDX-License-Identifier: MIT */
/*
 * The auditor of event channels: every port in use has what it is bound to,
 * and what it is bound to knows the port.  Called by audit_all() in debug runs
 * and by tests, while no guest runs; so it takes no event lock, which lets it
 * look at two domains at once.  Changes nothing, and never looks at guest
 * memory, where anything may stand.
 */
#include <hv/audit.h>

#include <xen/xen.h>

#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/irq.h>
#include <hv/printk.h>
#include <hv/vcpu.h>

#define REPORTS_MAX 20

static unsigned int differences;

static void report(const struct domain *d, uint32_t port, const char *what)
{
	if (differences++ < REPORTS_MAX) {
		pr_err("audit: d%u port %u: %s", d->id, port, what);
	}
}

static void expect(bool good, const struct domain *d, uint32_t port,
		   const char *what)
{
	if (!good) {
		report(d, port, what);
	}
}

static void audit_interdomain(struct domain *d, const struct evtchn *chn)
{
	struct domain *rd = chn->u.interdomain.remote;
	const struct evtchn *other;
	struct domain *found;

	found = rd != NULL ? domain_get(rd->id) : NULL;
	if (found != rd || rd == NULL) {
		report(d, chn->port, "remote domain is gone");
	} else {
		other = evtchn_lookup(rd, chn->u.interdomain.remote_port);
		expect(other != NULL && other->state == ECS_INTERDOMAIN &&
			       other->u.interdomain.remote == d &&
			       other->u.interdomain.remote_port == chn->port,
		       d, chn->port, "remote end does not point back");
	}
	if (found != NULL) {
		domain_put(found);
	}
}

static void audit_virq(struct domain *d, const struct evtchn *chn)
{
	unsigned int virq = chn->u.virq;
	const struct vcpu *v;

	if (virq >= NR_VIRQS) {
		report(d, chn->port, "no such virq");
		return;
	}
	v = d->vcpu[virq_is_per_vcpu(virq) ? chn->vcpu : 0];
	expect(v != NULL && v->virq_port[virq] == chn->port, d, chn->port,
	       "the vCPU's virq is bound elsewhere");
}

static void audit_port(struct domain *d, const struct evtchn *chn)
{
	if (chn->vcpu >= d->max_vcpus || d->vcpu[chn->vcpu] == NULL) {
		/* A port may wait for its first bind before there is a vCPU. */
		expect(chn->vcpu == 0 && chn->state == ECS_UNBOUND, d,
		       chn->port, "notifies no vCPU");
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
		expect(chn->u.pirq < PIRQ_MAX &&
			       d->pirq_port[chn->u.pirq] == chn->port,
		       d, chn->port, "the pirq is bound elsewhere");
		break;
	default:
		report(d, chn->port, "in no state to be in");
		break;
	}
}

/* Each port on the list is free, and the list ends. */
static void audit_free_list(struct domain *d)
{
	uint32_t port = d->evtchn_free;
	uint32_t seen = 0;

	while (port != 0) {
		const struct evtchn *group;

		if (port >= d->evtchn_valid) {
			report(d, port, "free beyond the last group");
			return;
		}
		group = d->evtchn_group[port / EVTCHN_GROUP];
		if (evtchn_lookup(d, port) != NULL) {
			report(d, port, "in use and on the free list");
			return;
		}
		if (++seen > d->evtchn_valid) {
			report(d, port, "the free list is a circle");
			return;
		}
		port = group[port % EVTCHN_GROUP].u.next_free;
	}
}

static void audit_virqs(struct domain *d)
{
	unsigned int i, virq;

	for (i = 0; i < d->max_vcpus; i++) {
		const struct vcpu *v = d->vcpu[i];

		for (virq = 0; v != NULL && virq < NR_VIRQS; virq++) {
			const struct evtchn *chn;

			if (v->virq_port[virq] == 0) {
				continue;
			}
			chn = evtchn_lookup(d, v->virq_port[virq]);
			expect(chn != NULL && chn->state == ECS_VIRQ &&
				       chn->u.virq == virq,
			       d, v->virq_port[virq],
			       "a vCPU thinks it is its virq");
		}
	}
}

static void audit_domain(struct domain *d)
{
	uint32_t port, used = 0;

	for (port = 1; port < d->evtchn_valid; port++) {
		const struct evtchn *chn = evtchn_lookup(d, port);

		if (chn == NULL) {
			continue;
		}
		used++;
		expect(chn->port == port, d, port, "has another number");
		audit_port(d, chn);
	}
	expect(used == d->evtchn_count, d, used,
	       "ports in use, not as many "
	       "as counted");
	audit_free_list(d);
	audit_virqs(d);
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
