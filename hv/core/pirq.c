/* SPDX-License-Identifier: MIT */
/*
 * Which domain gets which hardware interrupt.  A pirq below the number of
 * IO-APIC lines is that line (GSI); those above are for messages.  A pirq is
 * first mapped to a domain (physdev.c), then bound to one of its ports
 * (evtchn_op.c).  The x86 code reports interrupts to pirq_fired(), with no lock
 * held, and keeps vectors and controllers to itself.  Owns d->pirq_port[] and the
 * table below, all under the pirq lock.
 *
 * A level-triggered line stays masked at its controller from the moment it
 * fired until the guest says that it is done; a guest that never does blocks
 * that line only.  A message needs no end.  It is written, and masked if it can
 * be, when it is mapped, and sent to the port's vCPU's CPU while it is bound.
 *
 * An event is sent without the pirq lock, because the event lock ranks below
 * it.  In between the port may go away or another one may come; then the send
 * finds nothing, or raises one event too many, and both are harmless.
 */
#include <hv/irq.h>

#include <arch/irq.h>

#include <hv/evtchn.h>
#include <hv/pci.h>

static struct pirq_line {
	const struct vcpu *v; /* of the owner's port it is bound to, NULL: to none */
	uint16_t owner;	      /* domain it is mapped to, if mapped */
	uint16_t bdf, entry;  /* of the device, if msi */
	bool mapped, msi;
} lines[PIRQ_MAX];

spinlock_t pirq_lock = SPINLOCK_INIT(RANK_PIRQ);

/* Takes the pirq lock; the line if d has it mapped, otherwise NULL. */
static struct pirq_line *lock_line(const struct domain *d, unsigned int pirq)
{
	struct pirq_line *line = &lines[index_nospec(pirq, PIRQ_MAX)];

	spin_lock(&pirq_lock);
	return pirq < PIRQ_MAX && line->mapped && line->owner == d->id ? line : NULL;
}

/* Makes the hardware do as the line says: deliver while it is bound.  Pirq lock held. */
static int program(unsigned int pirq, const struct pirq_line *line)
{
	bool on = line->v != NULL;
	unsigned int cpu = on ? READ_ONCE(line->v->cpu) : this_cpu()->id;
	uint32_t address, data;
	int rc = 0;

	if (line->msi) {
		rc = arch_msi_message(pirq, cpu, &address, &data);
		if (rc == 0 && !pci_msi_write(line->bdf, line->entry, address, data, on)) {
			rc = -XEN_ENODEV;
		}
	} else if (on) {
		rc = arch_pirq_enable(pirq, cpu);
	} else {
		arch_pirq_eoi(pirq, true);
	}
	return rc;
}

/* To a port and its vCPU, or (0, NULL) to none.  Pirq lock held. */
static int bind_line(struct domain *d, unsigned int pirq, struct pirq_line *line, uint32_t port,
		     const struct vcpu *v)
{
	/* The port must be there when the first interrupt comes. */
	WRITE_ONCE(d->pirq_port[pirq], port);
	line->v = v;
	return program(pirq, line);
}

/* Ends the mapping.  Pirq lock held. */
static void unmap(unsigned int pirq, struct pirq_line *line)
{
	bool lost = line->msi && !pci_msi_write(line->bdf, line->entry, 0, 0, false);

	if (lost) {
		/* It may go on sending: pirq and vector stay taken, by nobody. */
		pr_warn("PCI %04x does not answer, an interrupt vector is lost", line->bdf);
	} else if (line->msi) {
		arch_msi_free(pirq);
	}
	*line = (struct pirq_line){ .mapped = lost, .owner = DOMID_INVALID };
}

int pirq_map_gsi(struct domain *d, unsigned int gsi)
{
	struct pirq_line *line;
	int rc;

	if (gsi >= PIRQ_MAX || gsi >= arch_gsi_count) {
		return -XEN_EINVAL;
	}
	spin_lock(&pirq_lock);
	line = &lines[index_nospec(gsi, PIRQ_MAX)];
	if (!line->mapped) {
		line->owner = d->id;
		line->mapped = true;
	}
	rc = line->owner == d->id ? 0 : -XEN_EBUSY;
	spin_unlock(&pirq_lock);
	return rc;
}

/* A line of its own for the entry, which must be nobody's.  Lock held. */
static int choose_line(uint16_t bdf, unsigned int entry)
{
	int pirq = -XEN_ENOSPC;

	for (unsigned int i = PIRQ_MAX; i-- > arch_gsi_count;) {
		if (!lines[i].mapped) {
			pirq = (int)i;
		} else if (lines[i].bdf == bdf && lines[i].entry == entry) {
			return -XEN_EEXIST;
		}
	}
	return pirq;
}

int pirq_map_msi(struct domain *d, uint16_t bdf, unsigned int entry)
{
	struct pirq_line line = {
		.owner = d->id, .mapped = true, .msi = true, .bdf = bdf, .entry = (uint16_t)entry
	};
	int pirq, rc;

	spin_lock(&pirq_lock);
	pirq = choose_line(bdf, entry);
	rc = MIN(pirq, 0);
	if (rc == 0) {
		rc = program((unsigned int)pirq, &line);
		if (rc == 0) {
			lines[pirq] = line;
		} else {
			arch_msi_free((unsigned int)pirq);
		}
	}
	spin_unlock(&pirq_lock);
	return rc != 0 ? rc : pirq;
}

bool pirq_restore_msi(uint16_t bdf, bool msix)
{
	bool found = false;

	for (unsigned int i = 0; i < PIRQ_MAX; i++) {
		struct pirq_line *line = &lines[i];

		if (line->msi && line->bdf == bdf && (line->entry != PCI_MSI_PLAIN) == msix) {
			found = program(i, line) == 0 || found;
		}
	}
	return found;
}

int pirq_unmap(struct domain *d, unsigned int pirq)
{
	struct pirq_line *line = lock_line(d, pirq);
	int rc = 0;

	if (line == NULL) {
		rc = -XEN_EINVAL;
	} else if (line->v != NULL) {
		rc = -XEN_EBUSY;
	} else {
		unmap(pirq, line);
	}
	spin_unlock(&pirq_lock);
	return rc;
}

int pirq_bind(struct domain *d, unsigned int pirq, uint32_t port, struct vcpu *v)
{
	struct pirq_line *line = lock_line(d, pirq);
	int rc = -XEN_EINVAL;

	if (line != NULL && line->v != NULL) {
		rc = -XEN_EEXIST;
	} else if (line != NULL) {
		rc = bind_line(d, pirq, line, port, v);
		if (rc != 0) {
			(void)bind_line(d, pirq, line, 0, NULL);
		}
	}
	spin_unlock(&pirq_lock);
	return rc;
}

void pirq_set_affinity(struct domain *d, unsigned int pirq, struct vcpu *v)
{
	struct pirq_line *line = lock_line(d, pirq);

	if (line != NULL && line->v != NULL) {
		(void)bind_line(d, pirq, line, v != NULL ? d->pirq_port[pirq] : 0, v);
	}
	spin_unlock(&pirq_lock);
}

int pirq_eoi(struct domain *d, unsigned int pirq)
{
	const struct pirq_line *line = lock_line(d, pirq);

	if (line != NULL && line->v != NULL) {
		arch_pirq_eoi(pirq, false);
	}
	spin_unlock(&pirq_lock);
	return line != NULL ? 0 : -XEN_EINVAL;
}

void pirq_domain_destroy(struct domain *d)
{
	for (unsigned int pirq = 0; pirq < PIRQ_MAX; pirq++) {
		pirq_set_affinity(d, pirq, NULL);
		(void)pirq_unmap(d, pirq);
	}
}

void pirq_fired(unsigned int pirq)
{
	struct pirq_line *line;
	struct domain *d;
	uint16_t owner;

	if (pirq >= PIRQ_MAX) {
		return;
	}
	spin_lock(&pirq_lock);
	line = &lines[pirq];
	owner = line->v != NULL ? line->owner : DOMID_INVALID;
	/* In flight while it was unbound: silence it.  Or its vCPU has moved. */
	if (line->v == NULL || READ_ONCE(line->v->cpu) != this_cpu()->id) {
		(void)program(pirq, line);
	}
	spin_unlock(&pirq_lock);

	d = domain_get(owner);
	if (d != NULL) {
		evtchn_send_pirq(d, pirq);
		domain_put(d);
	}
}
