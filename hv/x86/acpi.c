/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables, as far as the core needs them: CPUs, IO-APICs and interrupt
 * overrides from the MADT, power and reset registers from the FADT, the
 * power-off values of the DSDT's _S5_ object, and where PCI configuration,
 * timers and IOMMUs have their registers.  Read once at start-up into
 * acpi_info.  Firmware is not trusted: lengths and checksums are checked, and
 * a broken table is left out with one line, which gives a single CPU without
 * interrupt lines at worst.  Never executes AML.
 */
#include <x86.h>

#include <arch/irq.h>

#include <hv/boot.h>
#include <hv/pci.h>

#define LOW_MEMORY 0x100000u
#define TABLE_HEADER 36 /* bytes that all tables begin with, ACPI 5.2.6 */
#define TABLE_MAX 0x200000u
#define FADT_SIZE 244 /* as far as it is read: up to ACPI 5 */

struct acpi_info acpi_info;

static INIT_TEXT uint64_t get(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);
	return v;
}

static INIT_TEXT uint32_t table_length(const uint8_t *table)
{
	return get(table + 4, 4);
}

static INIT_TEXT bool checksum_ok(const uint8_t *p, size_t n)
{
	uint8_t sum = 0;

	while (n-- > 0) {
		sum += *p++;
	}
	return sum == 0;
}

/* The table at paddr, all of it; NULL if it is another one or broken. */
static INIT_TEXT const uint8_t *map_table(uint64_t paddr, const char *wanted)
{
	const uint8_t *table = map_device(paddr, TABLE_HEADER, KERNEL_RO);
	uint32_t length = table_length(table);

	if (memcmp(table, wanted, 4) != 0) {
		return NULL;
	}
	if (length >= TABLE_HEADER && length <= TABLE_MAX) {
		table = map_device(paddr, length, KERNEL_RO);
		if (checksum_ok(table, length)) {
			return table;
		}
	}
	pr_warn("ACPI: table %s has a bad length or checksum, ignored", wanted);
	return NULL;
}

/* ---- MADT ---------------------------------------------------------------- */

static INIT_TEXT void add_cpu(uint32_t apic, uint32_t acpi, uint32_t flags)
{
	if ((flags & 1) == 0) {
		return;
	}
	for (unsigned int i = 0; i < MIN(acpi_info.cpu_count, CONFIG_NR_CPUS); i++) {
		if (acpi_info.cpu[i].apic_id == apic) {
			return;
		}
	}
	if (acpi_info.cpu_count < CONFIG_NR_CPUS) {
		acpi_info.cpu[acpi_info.cpu_count] = (struct acpi_cpu){ apic, acpi };
	}
	acpi_info.cpu_count++;
}

static INIT_TEXT void parse_madt_entry(const uint8_t *e, uint8_t length)
{
	if (e[0] == 0 && length >= 8) {
		add_cpu(e[3], e[2], get(e + 4, 4));
	} else if (e[0] == 1 && length >= 12 && acpi_info.ioapic_count < ACPI_IOAPICS_MAX) {
		acpi_info.ioapic[acpi_info.ioapic_count++] = (struct acpi_ioapic){
			.address = get(e + 4, 4),
			.gsi_base = get(e + 8, 4),
		};
	} else if (e[0] == 2 && length >= 10 && e[3] < 16) {
		/* Flags 0 mean as the bus: ISA is edge, active high. */
		acpi_info.isa[e[3]] = (struct acpi_override){
			.gsi = get(e + 4, 4),
			.set = true,
			.active_low = (e[8] & 3) == 3,
			.level = (e[8] >> 2 & 3) == 3,
		};
	} else if (e[0] == 9 && length >= 16) {
		add_cpu(get(e + 4, 4), get(e + 12, 4), get(e + 8, 4));
	}
}

static INIT_TEXT void parse_madt(const uint8_t *t)
{
	for (uint32_t at = 44; at + 2 <= table_length(t); at += t[at + 1]) {
		if (t[at + 1] < 2 || t[at + 1] > table_length(t) - at) {
			pr_warn("ACPI: MADT entry at %u is broken, rest ignored", at);
			break;
		}
		parse_madt_entry(t + at, t[at + 1]);
	}
}

/* ---- FADT and _S5_ ------------------------------------------------------- */

/*
 * Looks for Name (_S5_, Package {a, b, ...}) in the bytes of the DSDT, where a
 * and b are small integers: themselves, or after a byte prefix.
 */
static INIT_TEXT void parse_dsdt(const uint8_t *t)
{
	for (uint32_t i = 37; i + 16 < table_length(t); i++) {
		/* Length of 1 to 4 bytes, then the number of elements. */
		const uint8_t *p = t + i + 7 + (t[i + 5] >> 6);

		if (memcmp(t + i, "_S5_\x12", 5) != 0 || (t[i - 1] != 0x08 && t[i - 1] != '\\')) {
			continue;
		}
		p += *p == 0x0a;
		acpi_info.s5_typ_a = *p++;
		p += *p == 0x0a;
		acpi_info.s5_typ_b = *p;
		acpi_info.s5_known = acpi_info.s5_typ_a < 8 && acpi_info.s5_typ_b < 8;
		return;
	}
}

/*
 * A register block: the generic address of newer tables if it is there and
 * names a port, or the 32-bit field.
 */
static INIT_TEXT uint16_t port_of(const uint8_t *t, uint32_t old, uint32_t generic)
{
	uint64_t address = t[generic] == 1 ? get(t + generic + 4, 8) : 0;

	if (address == 0) {
		address = get(t + old, 4);
	}
	return address < 0x10000 ? address : 0;
}

static INIT_TEXT void parse_fadt(const uint8_t *table)
{
	uint8_t t[FADT_SIZE] = { 0 }; /* what an old table has not is 0: absent */
	uint64_t dsdt;
	uint32_t flags;

	memcpy(t, table, MIN(table_length(table), sizeof(t)));
	flags = get(t + 112, 4);
	acpi_info.smi_cmd = get(t + 48, 4);
	acpi_info.acpi_enable = t[52];
	acpi_info.pm1a_cnt = port_of(t, 64, 172);
	acpi_info.pm1b_cnt = port_of(t, 68, 184);
	acpi_info.pm_timer = port_of(t, 76, 208);
	acpi_info.pm_timer_mask = (flags >> 8 & 1) != 0 ? ~0u : 0xffffff;
	/* Ports only: memory and PCI space would need more than a write. */
	if ((flags >> 10 & 1) != 0 && t[116] == 1) {
		acpi_info.reset_port = get(t + 120, 2);
		acpi_info.reset_value = t[128];
	}
	dsdt = get(t + 140, 8);
	table = map_table(dsdt != 0 ? dsdt : get(t + 40, 4), "DSDT");
	if (table != NULL) {
		parse_dsdt(table);
	}
}

/* ---- What may not be written to --------------------------------------------- */

static INIT_TEXT void parse_mcfg(const uint8_t *t)
{
	for (uint32_t at = 44; at + 16 <= table_length(t); at += 16) {
		uint64_t first = t[at + 10], buses = (uint8_t)(t[at + 11] - first) + 1u;

		/* Devices of other segments cannot be set up at all. */
		pci_add_range(get(t + at + 8, 2) == 0 ? PCI_WINDOW : PCI_REGISTERS,
			      get(t + at, 8) + (first << 20), buses << 20, first << 8);
	}
}

/* Linux waits for the timer's counter to move, and cannot start it. */
static INIT_TEXT void parse_hpet(const uint8_t *t)
{
	uint64_t base = table_length(t) >= 52 ? get(t + 44, 8) : 0;

	if (t[40] == 0 && base != 0) {
		pci_add_range(PCI_REGISTERS, base, 0x1000, 0);
		arch_mmio_write(base + 0x10, 4, 1);
	}
}

/* DMAR and IVRS are alike: at 48, records of type, length (at 2), base (at 8). */
static INIT_TEXT void parse_iommus(const uint8_t *t)
{
	for (uint32_t at = 48; at + 16 <= table_length(t); at += MAX(get(t + at + 2, 2), 4u)) {
		if (t[0] == 'D' ? get(t + at, 2) == 0 : (t[at] & ~1) == 0x10 || t[at] == 0x40) {
			pci_add_range(PCI_REGISTERS, get(t + at + 8, 8), 0x4000, 0);
		}
	}
}

/* ---- Finding the tables -------------------------------------------------- */

static INIT_TEXT bool is_rsdp(const uint8_t *p)
{
	return memcmp(p, "RSD PTR ", 8) == 0 && checksum_ok(p, 20);
}

/* From the boot loader, which had it from UEFI, or where a BIOS puts it. */
static INIT_TEXT const uint8_t *find_rsdp(void)
{
	const uint8_t *low = map_device(0, LOW_MEMORY, KERNEL_RO);

	if (is_rsdp(boot_info.rsdp)) {
		return boot_info.rsdp;
	}
	for (uint32_t at = 0x80000; at + TABLE_HEADER <= LOW_MEMORY; at += 16) {
		if (at == 0xa0000) {
			at = 0xe0000; /* nothing but screen and devices */
		}
		if (is_rsdp(low + at)) {
			return low + at;
		}
	}
	return NULL;
}

static const struct {
	char name[5];
	void (*parse)(const uint8_t *table);
} parsers[] = {
	{ "APIC", parse_madt }, { "FACP", parse_fadt },	  { "MCFG", parse_mcfg },
	{ "HPET", parse_hpet }, { "DMAR", parse_iommus }, { "IVRS", parse_iommus },
};

static INIT_TEXT void parse_root(const uint8_t *rsdp)
{
	uint64_t xsdt = rsdp[15] >= 2 ? get(rsdp + 24, 8) : 0;
	const uint8_t *root = xsdt != 0 ? map_table(xsdt, "XSDT") : NULL, *table;
	unsigned int width = root != NULL ? 8 : 4;

	if (root == NULL) {
		root = map_table(get(rsdp + 16, 4), "RSDT");
	}
	for (uint32_t at = TABLE_HEADER; root != NULL && at + width <= table_length(root);
	     at += width) {
		for (uint32_t i = 0; i < ARRAY_SIZE(parsers); i++) {
			table = map_table(get(root + at, width), parsers[i].name);
			if (table != NULL) {
				parsers[i].parse(table);
			}
		}
	}
}

INIT_TEXT void acpi_init(void)
{
	const uint8_t *rsdp = find_rsdp();

	if (rsdp != NULL) {
		parse_root(rsdp);
	}
	if (acpi_info.cpu_count == 0) {
		pr_warn("ACPI: no usable %s; one CPU, no interrupt lines",
			rsdp == NULL ? "root pointer" : "MADT");
	}
}
