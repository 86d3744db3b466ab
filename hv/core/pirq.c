/* SPDX-License-Identifier: MIT */
/*
 * Which domain gets which hardware interrupt.  A pirq below the number of
 * IO-APIC lines is that line (GSI); those above are kept for messages, which
 * are not offered yet.  A pirq is first mapped to a domain (physdev.c), then
 * bound to one of its ports (evtchn_op.c).  The x86 code reports interrupts to
 * pirq_fired(), with no lock held, and keeps vectors and controllers to
 * itself.  Owns d->pirq_port[] and the table below, all under the pirq lock.
 *
 * A level-triggered line stays masked at its controller from the moment it
 * fired until the guest says that it is done (in_service); a guest that never
 * does blocks that line only.
 *
 * An event is sent without the pirq lock, because the event lock ranks below
 * it.  In between the port may go away or another one may come; then the send
 * finds nothing, or raises one event too many, and both are harmless.
 */
#include <hv/irq.h>

#include <arch/irq.h>

#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/lock.h>
#include <hv/vcpu.h>

static struct pirq_line {
	uint16_t owner; /* domain it is mapped to, if mapped */
	bool mapped;
	bool bound;	      /* to a port of the owner; delivery is on */
	bool in_service;      /* fired, and the guest's end is awaited */
	const struct vcpu *v; /* if bound: interrupts go to its CPU */
} lines[PIRQ_MAX];

static spinlock_t pirq_lock = SPINLOCK_INIT(RANK_PIRQ);

/* The line if d has it mapped, otherwise NULL. Pirq lock held. */
static struct pirq_line *line_of(const struct domain *d, unsigned int pirq)
{
	struct pirq_line *line = &lines[index_nospec(pirq, PIRQ_MAX)];

	return pirq < PIRQ_MAX && line->mapped && line->owner == d->id ? line : NULL;
}

/* As line_of, with the lock taken: NULL unless it is bound as well. */
static struct pirq_line *lock_bound(const struct domain *d, unsigned int pirq)
{
	struct pirq_line *line;

	spin_lock(&pirq_lock);
	line = line_of(d, pirq);
	return line != NULL && line->bound ? line : NULL;
}

/* Ends what the guest has in service. Pirq lock held. */
static void end_service(unsigned int pirq, struct pirq_line *line)
{
	if (line->in_service) {
		line->in_service = false;
		arch_pirq_eoi(pirq);
	}
}

/* Ends the binding. Pirq lock held. */
static void release(struct domain *d, unsigned int pirq, struct pirq_line *line)
{
	arch_pirq_disable(pirq);
	end_service(pirq, line);
	line->bound = false;
	WRITE_ONCE(d->pirq_port[pirq], 0);
}

int pirq_map_gsi(struct domain *d, unsigned int gsi)
{
	struct pirq_line *line;
	int rc = 0;

	if (gsi >= PIRQ_MAX || gsi >= arch_gsi_count()) {
		return -XEN_EINVAL;
	}
	spin_lock(&pirq_lock);
	line = &lines[index_nospec(gsi, PIRQ_MAX)];
	if (!line->mapped) {
		line->owner = d->id;
		line->mapped = true;
	} else if (line->owner != d->id) {
		rc = -XEN_EBUSY;
	}
	spin_unlock(&pirq_lock);
	return rc;
}

int pirq_unmap(struct domain *d, unsigned int pirq)
{
	struct pirq_line *line;
	int rc = 0;

	spin_lock(&pirq_lock);
	line = line_of(d, pirq);
	if (line == NULL) {
		rc = -XEN_EINVAL;
	} else if (line->bound) {
		rc = -XEN_EBUSY;
	} else {
		line->mapped = false;
	}
	spin_unlock(&pirq_lock);
	return rc;
}

int pirq_bind(struct domain *d, unsigned int pirq, uint32_t port, struct vcpu *v, bool share UNUSED)
{
	struct pirq_line *line;
	int rc = -XEN_EINVAL;

	spin_lock(&pirq_lock);
	line = line_of(d, pirq);
	if (line != NULL && line->bound) {
		rc = -XEN_EEXIST;
	} else if (line != NULL) {
		/* The port must be there when the first interrupt comes. */
		WRITE_ONCE(d->pirq_port[pirq], port);
		rc = arch_pirq_enable(pirq, READ_ONCE(v->cpu));
		line->bound = rc == 0;
		line->v = v;
		if (rc != 0) {
			WRITE_ONCE(d->pirq_port[pirq], 0);
		}
	}
	spin_unlock(&pirq_lock);
	return rc;
}

void pirq_unbind(struct domain *d, unsigned int pirq)
{
	struct pirq_line *line = lock_bound(d, pirq);

	if (line != NULL) {
		release(d, pirq, line);
	}
	spin_unlock(&pirq_lock);
}

void pirq_set_affinity(struct domain *d, unsigned int pirq, struct vcpu *v)
{
	struct pirq_line *line = lock_bound(d, pirq);

	if (line != NULL) {
		line->v = v;
		arch_pirq_set_cpu(pirq, READ_ONCE(v->cpu));
	}
	spin_unlock(&pirq_lock);
}

void pirq_eoi(struct domain *d, unsigned int pirq)
{
	struct pirq_line *line = lock_bound(d, pirq);

	/* Only a bound one is ever in service. */
	if (line != NULL) {
		end_service(pirq, line);
	}
	spin_unlock(&pirq_lock);
}

bool pirq_is_mapped(struct domain *d, unsigned int pirq)
{
	bool mapped;

	spin_lock(&pirq_lock);
	mapped = line_of(d, pirq) != NULL;
	spin_unlock(&pirq_lock);
	return mapped;
}

void pirq_domain_destroy(struct domain *d)
{
	spin_lock(&pirq_lock);
	for (unsigned int pirq = 0; pirq < PIRQ_MAX; pirq++) {
		struct pirq_line *line = line_of(d, pirq);

		if (line != NULL && line->bound) {
			release(d, pirq, line);
		}
		if (line != NULL) {
			line->mapped = false;
		}
	}
	spin_unlock(&pirq_lock);
}

void pirq_fired(unsigned int pirq)
{
	struct pirq_line *line;
	struct domain *d;
	uint16_t owner;
	bool bound;

	if (pirq >= PIRQ_MAX) {
		return;
	}
	spin_lock(&pirq_lock);
	line = &lines[pirq];
	owner = line->owner;
	bound = line->bound;
	line->in_service = arch_pirq_needs_eoi(pirq);
	if (!bound) {
		/* In flight while it was unbound: silence it. */
		arch_pirq_disable(pirq);
		end_service(pirq, line);
	} else if (READ_ONCE(line->v->cpu) != this_cpu()->id) {
		/* It has moved. */
		arch_pirq_set_cpu(pirq, READ_ONCE(line->v->cpu));
	}
	spin_unlock(&pirq_lock);

	d = bound ? domain_get(owner) : NULL;
	if (d != NULL) {
		evtchn_send_pirq(d, pirq);
		domain_put(d);
	}
}
