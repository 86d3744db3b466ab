/* SPDX-License-Identifier: MIT */
/*
 * What a domain does to PCI devices: messages mapped and given back,
 * configuration writes by ports, device frames mapped and stored to.
 */
#include "gen.h"

#include <xen/event_channel.h>
#include <xen/physdev.h>

#include <hv/irq.h>
#include <hv/mm.h>

static uint16_t gen_bdf(struct input *in)
{
	static const uint16_t bdfs[] = { FAKE_PCI_MSIX, FAKE_PCI_MSIX,	   FAKE_PCI_MSI,
					 FAKE_PCI_MSI,	FAKE_PCI_UNPLACED, FAKE_PCI_BRIDGE,
					 FAKE_PCI_HOST };
	uint8_t kind = in_u8(in);

	return kind < 0xf8 ? bdfs[kind % ARRAY_SIZE(bdfs)] : in_u16(in);
}

static unsigned int gen_register(struct input *in)
{
	static const uint8_t regs[] = { 0x04, 0x10, 0x14, 0x18, 0x50, 0x60, 0x64, 0x68, 0x6c };
	uint8_t kind = in_u8(in);

	return kind < 0xe0 ? regs[kind % ARRAY_SIZE(regs)] + (kind >> 6) : in_u8(in);
}

static uint32_t gen_value(struct input *in)
{
	static const uint32_t values[] = { 0,	       ~0u,	   FAKE_BAR | 4, 0x80008000,
					   0x810081,   0x00010001, 0x00070007,	 0xfee00000,
					   0xfee01000, 0x10100 };
	uint8_t kind = in_u8(in);

	return kind < 0xd0 ? values[kind % ARRAY_SIZE(values)] : in_u32(in);
}

static unsigned long gen_frame(struct input *in)
{
	switch (in_u8(in) & 7) {
	case 0:
	case 1:
		return (FAKE_BAR + FAKE_TABLE) >> PAGE_SHIFT;
	case 2:
		return (FAKE_BAR >> PAGE_SHIFT) + (in_u8(in) & 1);
	case 3:
		return FAKE_TIMER >> PAGE_SHIFT;
	case 4:
		return 0xffffe + (in_u8(in) & 1); /* a table whose size is asked for */
	default:
		return (FAKE_MMCFG >> PAGE_SHIFT) + gen_bdf(in);
	}
}

/* A call of its own kernel, as far as it still runs one. */
static void call(unsigned long nr, uint64_t cmd, const void *arg, size_t size)
{
	struct vcpu *v = fake_running();

	if (v != NULL && v->in_kernel) {
		try_put(FAKE_ARGS, arg, size);
		v->regs.rip = fake_va(FAKE_PFN_CODE, 0);
		v->regs.rsp = fake_va(FAKE_PFN_STACK, 0xe00);
		(void)fake_hypercall(nr, (const uint64_t[5]){ cmd, FAKE_ARGS });
	}
}

static void map_message(struct input *in)
{
	uint16_t bdf = gen_bdf(in);
	uint8_t kind = in_u8(in);
	struct physdev_map_pirq m = { .domid = DOMID_SELF,
				      .type = MAP_PIRQ_TYPE_MSI_SEG,
				      .index = -1,
				      .pirq = -1,
				      .bus = bdf >> 8,
				      .devfn = bdf & 0xff,
				      .entry_nr = kind & 7,
				      .table_base = kind & 0x80 ? FAKE_BAR : 0 };

	if (kind & 0x20) {
		m.type = in_u8(in) % 6;
		m.entry_nr = (int)in_u32(in);
		m.pirq = (int8_t)in_u8(in);
	}
	call(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m, sizeof(m));
}

void gen_pci(struct input *in, struct fake_guest *g)
{
	struct physdev_unmap_pirq u = { .domid = DOMID_SELF };
	struct evtchn_bind_pirq b = { 0 };
	unsigned int reg, bytes;

	for (unsigned int n = in_u8(in) & 7; n > 0 && fake_running() != NULL; n--) {
		uint8_t kind = in_u8(in);

		switch (kind & 7) {
		case 0:
			map_message(in);
			break;
		case 1:
			u.pirq = FAKE_GSIS + (in_u8(in) & 7);
			call(__HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq, &u, sizeof(u));
			break;
		case 2:
			b.pirq = FAKE_GSIS + (in_u8(in) & 7);
			call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, &b, sizeof(b));
			break;
		case 3:
		case 4:
			reg = gen_register(in);
			bytes = 1u << (kind >> 3) % 3;
			ioport_write(g->d, 0xcf8, 4,
				     0x80000000 | (uint32_t)gen_bdf(in) << 8 | (reg & 0xfc));
			ioport_write(g->d, (uint16_t)(0xcfc + (reg & 3)), bytes, gen_value(in));
			break;
		case 5:
			fake_pci_reset(kind & 8 ? FAKE_PCI_MSIX : FAKE_PCI_MSI);
			break;
		default:
			if (fake_running()->in_kernel) {
				fake_running()->regs.rip = fake_va(FAKE_PFN_CODE, 0);
				(void)fake_hypercall(
					__HYPERVISOR_update_va_mapping,
					(const uint64_t[5]){ fake_va(39, 0),
							     gen_frame(in) << PAGE_SHIFT | 0x67,
							     UVMF_INVLPG | UVMF_ALL });
			}
			if (fake_running() != NULL && fake_running()->in_kernel) {
				fake_running()->regs.rip = fake_va(FAKE_PFN_CODE, 0);
				reg = kind & 8 ? gen_register(in) : in_u16(in) & 0x1ff;
				(void)fake_guest_store(fake_va(39, reg), gen_value(in),
						       1u << (kind >> 4 & 3));
			}
			break;
		}
		(void)fake_pci_check();
	}
}
