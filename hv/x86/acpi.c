/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables, as far as the core needs them: CPUs, IO-APICs and interrupt
 * overrides from the MADT, power and reset registers from the FADT, and the
 * power-off values of the DSDT's _S5_ object.  Read once at start-up into
 * acpi_info.  Firmware is not trusted: lengths and checksums are checked, and
 * a broken table is left out with one line, which gives a single CPU without
 * interrupt lines at worst.  Never executes AML.
 */
#include <x86.h>

#include <hv/cmdline.h>
#include <hv/printk.h>
#include <hv/string.h>

#define LOW_MEMORY 0x100000u
#define TABLE_MAX 0x200000u

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} packed_struct;
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

struct acpi_info acpi_info;

static INIT_TEXT uint64_t get(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);
	return v;
}

static INIT_TEXT bool checksum_ok(const uint8_t *p, size_t n)
{
	uint8_t sum = 0;

	while (n-- > 0) {
		sum = (uint8_t)(sum + *p++);
	}
	return sum == 0;
}

/* The whole table at paddr if it is sane; NULL, with a line, if not. */
static INIT_TEXT const uint8_t *map_table(uint64_t paddr, const char *wanted,
					  uint32_t *length)
{
	const struct acpi_header *h;
	const uint8_t *table;

	h = map_firmware(paddr, sizeof(*h));
	if (h == NULL || (wanted != NULL && memcmp(h->signature, wanted, 4))) {
		return NULL;
	}
	*length = h->length;
	if (*length < sizeof(*h) || *length > TABLE_MAX) {
		pr_warn("ACPI: table %.4s has a bad length, ignored",
			h->signature);
		return NULL;
	}
	table = map_firmware(paddr, *length);
	if (table != NULL && !checksum_ok(table, *length)) {
		pr_warn("ACPI: table %.4s has a bad checksum, ignored",
			h->signature);
		return NULL;
	}
	return table;
}

/* ---- MADT ---------------------------------------------------------------- */

static INIT_TEXT void add_cpu(uint32_t apic, uint32_t acpi, uint32_t flags)
{
	struct acpi_info *info = &acpi_info;
	unsigned int i;

	if ((flags & 1) == 0) {
		return;
	}
	for (i = 0; i < MIN(info->cpu_count, CONFIG_NR_CPUS); i++) {
		if (info->cpu[i].apic_id == apic) {
			return;
		}
	}
	if (info->cpu_count < CONFIG_NR_CPUS) {
		info->cpu[info->cpu_count] = (struct acpi_cpu){ apic, acpi };
	}
	info->cpu_count++;
}

static INIT_TEXT void add_override(const uint8_t *e)
{
	uint8_t irq = e[3];
	uint16_t flags = (uint16_t)get(e + 8, 2);

	if (irq >= ARRAY_SIZE(acpi_info.isa)) {
		return;
	}
	acpi_info.isa[irq] = (struct acpi_override){
		.gsi = (uint32_t)get(e + 4, 4),
		.set = true,
		/* 0 means as the bus: ISA is edge, active high. */
		.active_low = (flags & 3) == 3,
		.level = (flags >> 2 & 3) == 3,
	};
}

static INIT_TEXT void parse_madt_entry(const uint8_t *e, uint8_t length)
{
	struct acpi_info *info = &acpi_info;

	if (e[0] == 0 && length >= 8) {
		add_cpu(e[3], e[2], (uint32_t)get(e + 4, 4));
	} else if (e[0] == 1 && length >= 12 &&
		   info->ioapic_count < ACPI_IOAPICS_MAX) {
		info->ioapic[info->ioapic_count++] = (struct acpi_ioapic){
			.id = e[2],
			.address = (uint32_t)get(e + 4, 4),
			.gsi_base = (uint32_t)get(e + 8, 4),
		};
	} else if (e[0] == 2 && length >= 10) {
		add_override(e);
	} else if (e[0] == 9 && length >= 16) {
		add_cpu((uint32_t)get(e + 4, 4), (uint32_t)get(e + 12, 4),
			(uint32_t)get(e + 8, 4));
	}
}

static INIT_TEXT void parse_madt(uint64_t paddr)
{
	uint32_t length, at = 44;
	const uint8_t *t = map_table(paddr, "APIC", &length);

	if (t == NULL || length < at) {
		return;
	}
	acpi_info.lapic_address = (uint32_t)get(t + 36, 4);
	while (at + 2 <= length) {
		uint8_t size = t[at + 1];

		if (size < 2 || size > length - at) {
			pr_warn("ACPI: MADT entry at %u is broken, rest ignored",
				at);
			break;
		}
		parse_madt_entry(t + at, size);
		at += size;
	}
	acpi_info.valid = acpi_info.cpu_count > 0;
}

/* ---- FADT and _S5_ ------------------------------------------------------- */

/* One small integer of a package; moves *at on.  False: something else. */
static INIT_TEXT bool aml_integer(const uint8_t *t, uint32_t length,
				  uint32_t *at, uint8_t *value)
{
	if (*at + 1 >= length) {
		return false;
	}
	switch (t[*at]) {
	case 0x00: /* ZeroOp */
	case 0x01: /* OneOp */
		*value = t[*at];
		*at += 1;
		return true;
	case 0x0a: /* BytePrefix */
		*value = t[*at + 1];
		*at += 2;
		return true;
	default:
		return false;
	}
}

/* Looks for Name (_S5_, Package {a, b, ...}) in the bytes of the DSDT. */
static INIT_TEXT void parse_dsdt(uint64_t paddr)
{
	uint32_t length, i, at;
	const uint8_t *t = map_table(paddr, "DSDT", &length);
	uint8_t a, b;

	if (t == NULL) {
		return;
	}
	for (i = 37; i + 12 < length; i++) {
		if (memcmp(t + i, "_S5_", 4) != 0 || t[i + 4] != 0x12 ||
		    (t[i - 1] != 0x08 && t[i - 1] != '\\')) {
			continue;
		}
		/* Length of 1 to 4 bytes, then the number of elements. */
		at = i + 5 + (t[i + 5] >> 6) + 1 + 1;
		if (aml_integer(t, length, &at, &a) &&
		    aml_integer(t, length, &at, &b)) {
			acpi_info.s5_known = true;
			acpi_info.s5_typ_a = a & 7;
			acpi_info.s5_typ_b = b & 7;
		}
		return;
	}
}

/* A register block: the 64-bit generic address if it names a port. */
static INIT_TEXT uint16_t port_of(const uint8_t *t, uint32_t length,
				  uint32_t old, uint32_t generic)
{
	uint64_t address;

	if (length >= generic + 12 && t[generic] == 1) {
		address = get(t + generic + 4, 8);
		if (address != 0 && address < 0x10000) {
			return (uint16_t)address;
		}
	}
	return (uint16_t)get(t + old, 4);
}

static INIT_TEXT void parse_fadt(uint64_t paddr)
{
	struct acpi_info *info = &acpi_info;
	uint32_t length, flags;
	const uint8_t *t = map_table(paddr, "FACP", &length);
	uint64_t dsdt;

	if (t == NULL || length < 116) {
		return;
	}
	flags = (uint32_t)get(t + 112, 4);
	info->smi_cmd = (uint16_t)get(t + 48, 4);
	info->acpi_enable = t[52];
	info->pm1a_cnt = port_of(t, length, 64, 172);
	info->pm1b_cnt = port_of(t, length, 68, 184);
	info->pm_timer = port_of(t, length, 76, 208);
	info->pm_timer_32 = (flags >> 8 & 1) != 0;
	if (length >= 129 && (flags >> 10 & 1) != 0) {
		info->reset_supported = true;
		info->reset_space = t[116];
		info->reset_address = get(t + 120, 8);
		info->reset_value = t[128];
	}
	dsdt = get(t + 40, 4);
	if (length >= 148 && get(t + 140, 8) != 0) {
		dsdt = get(t + 140, 8);
	}
	if (dsdt != 0) {
		parse_dsdt(dsdt);
	}
}

/* ---- Finding the tables -------------------------------------------------- */

static INIT_TEXT const uint8_t *scan_rsdp(const uint8_t *low, uint32_t start,
					  uint32_t end)
{
	uint32_t at;

	for (at = start & ~15u; at + 36 <= end; at += 16) {
		if (memcmp(low + at, "RSD PTR ", 8) == 0 &&
		    checksum_ok(low + at, 20)) {
			return low + at;
		}
	}
	return NULL;
}

static INIT_TEXT const uint8_t *find_rsdp(void)
{
	const uint8_t *low = map_firmware(0, LOW_MEMORY);
	const uint8_t *rsdp = NULL;
	uint32_t ebda;

	if (low == NULL) {
		return NULL;
	}
	ebda = (uint32_t)get(low + 0x40e, 2) << 4;
	if (ebda >= 0x400 && ebda < 0xa0000) {
		rsdp = scan_rsdp(low, ebda, ebda + 1024);
	}
	if (rsdp == NULL) {
		rsdp = scan_rsdp(low, 0xe0000, LOW_MEMORY);
	}
	return rsdp;
}

static INIT_TEXT void parse_table(uint64_t paddr)
{
	const struct acpi_header *h = map_firmware(paddr, sizeof(*h));

	if (h == NULL) {
		return;
	}
	if (memcmp(h->signature, "APIC", 4) == 0) {
		parse_madt(paddr);
	} else if (memcmp(h->signature, "FACP", 4) == 0) {
		parse_fadt(paddr);
	}
}

static INIT_TEXT void parse_root(const uint8_t *rsdp)
{
	unsigned int width = 8;
	const uint8_t *root = NULL;
	uint32_t length = 0, at;

	if (rsdp[15] >= 2 && get(rsdp + 24, 8) != 0) {
		root = map_table(get(rsdp + 24, 8), "XSDT", &length);
	}
	if (root == NULL) {
		width = 4;
		root = map_table(get(rsdp + 16, 4), "RSDT", &length);
	}
	if (root == NULL) {
		return;
	}
	at = sizeof(struct acpi_header);
	for (; at + width <= length; at += width) {
		parse_table(get(root + at, width));
	}
}

INIT_TEXT void acpi_init(void)
{
	const uint8_t *rsdp = find_rsdp();

	if (rsdp != NULL) {
		parse_root(rsdp);
	}
	if (!acpi_info.valid) {
		pr_warn("ACPI: no usable %s; one CPU, no interrupt lines",
			rsdp == NULL ? "root pointer" : "MADT");
	}
}
