/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines and messages: IO-APIC registers, the vectors of both, and the
 * dispatch of every interrupt that is no exception.  A line's state is covered
 * by irq_lock; vector_pirq is written before its vector can arrive.  A vector
 * means the same on all CPUs, so a message that moves keeps its data.
 *
 * Every interrupt is acknowledged before the guest sees it.  A level one is
 * masked in the IO-APIC first, and unmasked when the guest says it is done:
 * nothing stays in service in a local APIC, where it would hold back other
 * lines.
 */
#include <x86.h>

#include <arch/irq.h>

#include <hv/irq.h>

#define GSI_MAX 256
#define FIRST_VECTOR (VECTOR_DEVICE_FIRST + 16)
#define MSI_FIRST 0xfee00000ull /* doorbells of all local APICs */
#define MSI_END 0xfef00000ull

#define REG_VERSION 1
#define REG_ENTRY 0x10
#define ENTRY_ACTIVE_LOW 0x2000u
#define ENTRY_LEVEL 0x8000u
#define ENTRY_MASKED 0x10000u

struct line {
	const struct acpi_ioapic *ctl; /* write-once */
	uint8_t vector;		       /* 0: none yet */
	bool level, active_low;
	bool enabled;
	bool in_service; /* level: fired, masked until its EOI */
	bool is_core;	 /* a device of the core */
	uint8_t apic_id;
};

unsigned int arch_gsi_count;
static spinlock_t irq_lock = SPINLOCK_INIT(RANK_IRQ);
static struct line lines[GSI_MAX];		      /* irq lock */
static uint16_t vector_pirq[256];		      /* irq lock to write; 0: none, or 1 more */
static uint8_t msi_vector[PIRQ_MAX];		      /* irq lock; 0: none */
static unsigned int last_vector = VECTOR_DEVICE_LAST; /* irq lock; given out */

static uint32_t ioapic_read(const struct acpi_ioapic *c, uint32_t reg)
{
	c->regs[0] = reg;
	return c->regs[4];
}

static void ioapic_write(const struct acpi_ioapic *c, uint32_t reg, uint32_t v)
{
	c->regs[0] = reg;
	c->regs[4] = v;
}

/* Writes the line's entry as its state says. */
static void program(const struct line *l)
{
	uint32_t reg = REG_ENTRY + 2 * (l - lines - l->ctl->gsi_base);

	ioapic_write(l->ctl, reg + 1, (uint32_t)l->apic_id << 24);
	ioapic_write(l->ctl, reg,
		     l->vector | (l->level ? ENTRY_LEVEL : 0) |
			     (l->active_low ? ENTRY_ACTIVE_LOW : 0) |
			     (l->enabled && !l->in_service ? 0 : ENTRY_MASKED));
}

static struct line *find_line(unsigned int gsi)
{
	if (gsi >= arch_gsi_count) {
		return NULL;
	}
	gsi = index_nospec(gsi, GSI_MAX);
	return lines[gsi].ctl != NULL ? &lines[gsi] : NULL;
}

static INIT_TEXT void add_controller(struct acpi_ioapic *c)
{
	c->regs = map_device(c->address, 0x20, DEVICE_RW);
	c->lines = (ioapic_read(c, REG_VERSION) >> 16 & 0xff) + 1;
	if (c->gsi_base >= GSI_MAX || c->lines > GSI_MAX - c->gsi_base) {
		pr_warn("IO-APIC at %#x: lines from %u on are left out", c->address, c->gsi_base);
		c->lines = 0;
		return;
	}
	arch_gsi_count = MAX(arch_gsi_count, c->gsi_base + c->lines);
	for (unsigned int i = 0; i < c->lines; i++) {
		struct line *l = &lines[c->gsi_base + i];

		/* PCI lines by default; ISA ones are corrected below. */
		l->ctl = c;
		l->level = l->active_low = c->gsi_base + i >= 16;
		l->apic_id = this_cpu()->apic_id;
		program(l);
	}
}

INIT_TEXT void ioapic_init(void)
{
	for (unsigned int i = 0; i < acpi_info.ioapic_count; i++) {
		add_controller(&acpi_info.ioapic[i]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(acpi_info.isa); i++) {
		const struct acpi_override *o = &acpi_info.isa[i];
		struct line *l = find_line(o->gsi);

		if (o->set && l != NULL) {
			l->level = o->level;
			l->active_low = o->active_low;
			program(l);
		}
	}
	pr_info("IO-APIC: %u, %u lines", acpi_info.ioapic_count, arch_gsi_count);
}

/*
 * Takes a vector for the pirq unless it has one.  In turns, so that one given
 * back rests as long as can be: an interrupt that was on its way finds nobody.
 * irq lock held.
 */
static int assign_vector(uint8_t *vector, unsigned int pirq)
{
	for (unsigned int i = FIRST_VECTOR; *vector == 0 && i <= VECTOR_DEVICE_LAST; i++) {
		last_vector = last_vector == VECTOR_DEVICE_LAST ? FIRST_VECTOR : last_vector + 1;
		if (vector_pirq[last_vector] == 0 && last_vector != VECTOR_GUEST_INT80) {
			*vector = last_vector;
			WRITE_ONCE(vector_pirq[last_vector], pirq + 1);
		}
	}
	return *vector == 0 ? -XEN_ENOSPC : 0;
}

int ioapic_claim(unsigned int isa_irq)
{
	const struct acpi_override *o = &acpi_info.isa[isa_irq];
	struct line *l = find_line(o->set ? o->gsi : isa_irq);

	if (l == NULL || assign_vector(&l->vector, l - lines) < 0) {
		return -XEN_ENODEV;
	}
	l->is_core = true;
	l->enabled = true;
	program(l);
	return 0;
}

/* The line of the gsi, locked; NULL: there is none, or it is the core's. */
static struct line *lock_line(unsigned int gsi)
{
	struct line *l = find_line(gsi);

	if (l == NULL || l->is_core) {
		return NULL;
	}
	spin_lock(&irq_lock);
	return l;
}

static void unlock_line(const struct line *l)
{
	program(l);
	spin_unlock(&irq_lock);
}

int arch_gsi_setup(unsigned int gsi, bool level, bool active_low)
{
	struct line *l = lock_line(gsi);
	int rc = 0;

	if (l == NULL) {
		return -XEN_EBUSY;
	}
	if (!l->enabled) {
		l->level = level;
		l->active_low = active_low;
	} else if (l->level != level || l->active_low != active_low) {
		rc = -XEN_EBUSY;
	}
	unlock_line(l);
	return rc;
}

int arch_pirq_enable(unsigned int pirq, unsigned int cpu)
{
	struct line *l = lock_line(pirq);
	int rc;

	if (l == NULL) {
		return -XEN_EBUSY;
	}
	rc = assign_vector(&l->vector, pirq);
	if (rc == 0) {
		l->apic_id = percpu_of(cpu)->apic_id;
		l->enabled = true;
	}
	unlock_line(l);
	return rc;
}

void arch_pirq_eoi(unsigned int pirq, bool disable)
{
	struct line *l = lock_line(pirq);

	if (l != NULL) {
		l->enabled &= !disable;
		l->in_service = false;
		unlock_line(l);
	}
}

bool arch_pirq_needs_eoi(unsigned int pirq)
{
	const struct line *l = find_line(pirq);

	return l != NULL && l->level;
}

int arch_msi_message(unsigned int pirq, unsigned int cpu, uint32_t *address, uint32_t *data)
{
	int rc;

	spin_lock(&irq_lock);
	rc = assign_vector(&msi_vector[pirq], pirq);
	*address = MSI_FIRST | percpu_of(cpu)->apic_id << 12;
	*data = msi_vector[pirq];
	spin_unlock(&irq_lock);
	return rc;
}

void arch_msi_free(unsigned int pirq)
{
	spin_lock(&irq_lock);
	if (msi_vector[pirq] != 0) {
		WRITE_ONCE(vector_pirq[msi_vector[pirq]], 0);
		msi_vector[pirq] = 0;
	}
	spin_unlock(&irq_lock);
}

int arch_ioapic_read(uint64_t base, uint32_t reg, uint32_t *value)
{
	for (unsigned int i = 0; i < acpi_info.ioapic_count; i++) {
		const struct acpi_ioapic *c = &acpi_info.ioapic[i];

		if (c->address == base &&
		    (reg <= 2 || (reg >= REG_ENTRY && reg < REG_ENTRY + 2 * c->lines))) {
			spin_lock(&irq_lock);
			*value = ioapic_read(c, reg);
			spin_unlock(&irq_lock);
			return 0;
		}
	}
	return -XEN_EINVAL;
}

bool arch_iomem_denied(unsigned long mfn)
{
	uint64_t paddr = (uint64_t)mfn << PAGE_SHIFT;

	for (unsigned int i = 0; i < acpi_info.ioapic_count; i++) {
		if ((acpi_info.ioapic[i].address & PAGE_MASK) == paddr) {
			return true;
		}
	}
	return paddr == apic_base || (paddr >= MSI_FIRST && paddr < MSI_END);
}

static void device_interrupt(unsigned int vector)
{
	unsigned int pirq = READ_ONCE(vector_pirq[vector]) - 1u;
	struct line *l = find_line(pirq);

	if (l != NULL && l->is_core) {
		uart_interrupt();
		return;
	}
	if (l != NULL && l->level) {
		spin_lock(&irq_lock);
		l->in_service = true;
		unlock_line(l);
	}
	pirq_fired(pirq);
}

void irq_handle(unsigned int vector)
{
	switch (vector) {
	case VECTOR_KICK:
		/* Being interrupted is the message: the exit path looks. */
		break;
	case VECTOR_CALL:
		call_service();
		break;
	case VECTOR_TIMER:
		__atomic_fetch_or(&this_cpu()->softirq, SOFTIRQ_TIMER, __ATOMIC_RELAXED);
		break;
	case VECTOR_STOP:
		halt_forever();
	case VECTOR_SPURIOUS:
		return; /* without an EOI */
	default:
		device_interrupt(vector);
	}
	apic_eoi();
}
