/* SPDX-License-Identifier: MIT */
/*
 * What boot loaders leave, sane and damaged.  The bytes behind Multiboot 2's
 * information are poisoned, so that one read too far ends the test.
 */
#include "core_test.h"

#include <sanitizer/asan_interface.h>

#include <hv/boot.h>
#include <hv/mm.h>

#define MAGIC1 0x2badb002u
#define MAGIC2 0x36d76289u
#define ORDER 2u
#define AREA ((size_t)PAGE_SIZE << ORDER)

static uint8_t *area; /* frames of the fake machine */
static uint32_t area_at;
static uint32_t used;

static void begin(void)
{
	struct page *pg;

	fake_restore();
	pg = heap_alloc(ORDER, 32);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pg);
	area = frame_ptr(page_to_mfn(pg));
	area_at = (uint32_t)(page_to_mfn(pg) << PAGE_SHIFT);
	memset(&boot_info, 0, sizeof(boot_info));
	fake_console_clear();
	used = 8;
}

static void put(const void *data, size_t size)
{
	memcpy(area + used, data, size);
	used += (uint32_t)size;
}

static void put32(uint32_t value)
{
	put(&value, sizeof(value));
}

static void tag(uint32_t type, const void *data, uint32_t size)
{
	put32(type);
	put32(8 + size);
	put(data, size);
	used = (used + 7) & ~7u;
}

static void text_tag(uint32_t type, const char *text)
{
	tag(type, text, (uint32_t)strlen(text) + 1);
}

static void module_tag(uint32_t start, uint32_t end, const char *text)
{
	uint8_t bytes[64];

	memcpy(bytes, &start, 4);
	memcpy(bytes + 4, &end, 4);
	memcpy(bytes + 8, text, strlen(text) + 1);
	tag(3, bytes, 8 + (uint32_t)strlen(text) + 1);
}

/* Entries of one page each, a page apart. */
static void memory_tag(uint32_t count, uint32_t type)
{
	put32(6);
	put32(16 + 24 * count);
	put32(24);
	put32(0);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t entry[3] = { i * 2ull * PAGE_SIZE, PAGE_SIZE, type };

		put(entry, sizeof(entry));
	}
}

static void acpi_tag(uint32_t type, uint32_t size, uint8_t fill)
{
	uint8_t bytes[64];

	memset(bytes, fill, sizeof(bytes));
	tag(type, bytes, size);
}

static void parse(uint32_t total)
{
	memcpy(area, &total, sizeof(total));
	if (total < AREA) {
		ASAN_POISON_MEMORY_REGION(area + MAX(total, 8u), AREA - MAX(total, 8u));
	}
	multiboot_parse(MAGIC2, area_at);
	ASAN_UNPOISON_MEMORY_REGION(area, AREA);
}

/* All that is looked at. */
static void sane(void)
{
	begin();
	text_tag(1, "dom0_mem=1G  noreboot");
	text_tag(2, "GRUB 2.06");
	module_tag(0x400000, 0x500000, "root=/dev/xvda ro");
	module_tag(0x500000, 0x600000, "");
	acpi_tag(15, 36, 0x22);
	acpi_tag(14, 20, 0x11);
	tag(17, "unknown", 7);
	memory_tag(3, 1);
	memory_tag(1, 20);
	text_tag(0, "");
}

static void test_sane(void)
{
	sane();
	parse(used);
	OK(fake.console_used);
	CU_ASSERT_STRING_EQUAL(boot_info.cmdline, "dom0_mem=1G  noreboot");
	CU_ASSERT_STRING_EQUAL(boot_info.loader, "GRUB 2.06");
	EQ(boot_info.module_count, 2);
	EQ(boot_info.module[0].start, 0x400000);
	EQ(boot_info.module[0].end, 0x500000);
	CU_ASSERT_STRING_EQUAL(boot_info.module[0].cmdline, "root=/dev/xvda ro");
	CU_ASSERT_STRING_EQUAL(boot_info.module[1].cmdline, "");
	EQ(boot_info.memory_count, 4);
	EQ(boot_info.memory[2].start, 4 * PAGE_SIZE);
	EQ(boot_info.memory[2].size, PAGE_SIZE);
	EQ(boot_info.memory[2].type, 1);
	EQ(boot_info.memory[3].type, 2);
	EQ(boot_info.rsdp_size, 36);
	EQ(boot_info.rsdp[35], 0x22);
	EQ(boot_info.rsdp_addr, 0);
}

/* Cut off anywhere: no byte behind the end is read, and one line says it. */
static void test_cut_off(void)
{
	uint32_t whole;

	sane();
	whole = used - 8; /* the text of the end tag does not matter */
	for (uint32_t total = 0; total < whole; total++) {
		sane();
		parse(total);
		TRUE_(fake_console_has("boot information: "));
	}
	sane();
	parse(0xfffffff8);
	TRUE_(fake_console_has("boot information: bad size"));
}

static void test_bad_tags(void)
{
	/* Type, size, first word of the content. */
	static const uint32_t bad[][3] = {
		{ 1, 0, 0 },  { 1, 7, 0 },   { 1, 0xfffffff8, 0 }, { 1, 0xffffffff, 0 },
		{ 3, 8, 0 },  { 3, 15, 0 },  { 6, 8, 24 },	   { 6, 15, 24 },
		{ 6, 64, 0 }, { 6, 64, 19 }, { 77, 1, 0 },	   { 14, 5000, 0 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		uint32_t end;

		begin();
		put(bad[i], 12);
		put32(0);
		used += 64;
		end = used;
		text_tag(0, "");
		parse(used);
		TRUE_(fake_console_has("has a bad size, rest ignored"));
		/* And as the last thing there is. */
		begin();
		put(bad[i], 12);
		parse(end);
		TRUE_(fake_console_has("has a bad size, rest ignored"));
	}
	/* Huge entries: as many as fit, none. */
	begin();
	put32(6);
	put32(64);
	put32(0xffffffff);
	used += 56;
	text_tag(0, "");
	parse(used);
	OK(boot_info.memory_count);
}

static void test_too_many(void)
{
	begin();
	for (uint32_t i = 0; i < BOOT_MODULES_MAX + 2; i++) {
		module_tag(0x400000 + i * 0x1000, 0x401000 + i * 0x1000, "x");
	}
	memory_tag(BOOT_MEMMAP_MAX + 2, 1);
	text_tag(0, "");
	parse(used);
	EQ(boot_info.module_count, BOOT_MODULES_MAX);
	EQ(boot_info.memory_count, BOOT_MEMMAP_MAX);
	TRUE_(fake_console_has("boot modules are used"));
	TRUE_(fake_console_has("memory map: 2 entries are left out"));
}

/* Texts that together are longer than there is room: cut, always ended. */
static void test_long_texts(void)
{
	char text[6000];

	memset(text, 'x', sizeof(text));
	begin();
	tag(1, text, sizeof(text));
	tag(2, text, sizeof(text));
	module_tag(0x400000, 0x401000, "x");
	text_tag(0, "");
	parse(used);
	EQ(strlen(boot_info.cmdline), sizeof(text) - 1);
	TRUE_(strlen(boot_info.loader) < sizeof(text));
	EQ(boot_info.module_count, 1);
	CU_ASSERT_STRING_EQUAL(boot_info.module[0].cmdline, "");
}

static void test_strange_modules(void)
{
	begin();
	module_tag(0x400000, 0x500000, "");
	module_tag(0x4ff000, 0x501000, "");
	module_tag(0x600000, 0x500000, "");
	text_tag(0, "");
	parse(used);
	TRUE_(fake_console_has("boot modules 0 and 1 overlap"));
	TRUE_(fake_console_has("boot module 2 is empty"));
	EQ(boot_info.module[2].end, boot_info.module[2].start);
}

/* Any bytes: no read behind them, and what comes out is in its ranges. */
static void test_random_damage(void)
{
	uint32_t whole;

	for (unsigned int round = 0; round < 3000; round++) {
		uint32_t seed = round * 2654435761u;

		sane();
		whole = used;
		for (unsigned int n = 1 + round % 4; n > 0; n--) {
			seed = seed * 1664525u + 1013904223u;
			area[8 + (seed >> 8) % (whole - 8)] =
				(uint8_t)(round % 3 ? seed >> 24 : 0xff);
		}
		parse(whole);
		TRUE_(boot_info.module_count <= BOOT_MODULES_MAX);
		TRUE_(boot_info.memory_count <= BOOT_MEMMAP_MAX);
		TRUE_(boot_info.rsdp_size <= sizeof(boot_info.rsdp));
		TRUE_(strlen(boot_info.cmdline) + strlen(boot_info.loader) < 8192);
	}
}

/* Multiboot 1: as QEMU passes texts, with files' names, or as GRUB 2 does. */
static void old_style(const char *loader)
{
	uint32_t words[24] = { 0 };
	uint32_t memory[] = { 20, 0x1000, 0, 0x2000, 0, 1, /* size, start, size, type */
			      24, 0x9000, 0, 0x1000, 0, 2, 0 };
	uint32_t modules[] = { 0x400000, 0x401000, area_at + 600, 0 };

	words[0] = 0x4 | 0x8 | 0x40 | 0x200;
	words[4] = area_at + 500;
	words[5] = 1;
	words[6] = area_at + 400;
	words[11] = sizeof(memory);
	words[12] = area_at + 300;
	words[16] = area_at + 700;
	memcpy(area, words, sizeof(words));
	memcpy(area + 300, memory, sizeof(memory));
	memcpy(area + 400, modules, sizeof(modules));
	snprintf((char *)area + 500, 90, "  vellum.elf  noreboot x=1");
	snprintf((char *)area + 600, 90, "vmlinux root=/dev/xvda");
	snprintf((char *)area + 700, 90, "%s", loader);
	multiboot_parse(MAGIC1, area_at);
	EQ(boot_info.module_count, 1);
	EQ(boot_info.memory_count, 2);
	EQ(boot_info.memory[0].size, 0x2000);
	EQ(boot_info.memory[1].start, 0x9000);
	EQ(boot_info.memory[1].type, 2);
	OK(boot_info.rsdp_size);
}

static void test_multiboot1(void)
{
	begin();
	old_style("qemu");
	CU_ASSERT_STRING_EQUAL(boot_info.cmdline, "noreboot x=1");
	CU_ASSERT_STRING_EQUAL(boot_info.module[0].cmdline, "root=/dev/xvda");
	begin();
	old_style("GRUB 2.06");
	CU_ASSERT_STRING_EQUAL(boot_info.cmdline, "vellum.elf  noreboot x=1");
	CU_ASSERT_STRING_EQUAL(boot_info.module[0].cmdline, "vmlinux root=/dev/xvda");
}

CU_TestInfo multiboot_tests[] = {
	{ "Multiboot 2", test_sane },
	{ "Multiboot 2 cut off anywhere", test_cut_off },
	{ "tags of bad sizes", test_bad_tags },
	{ "more than there is room for", test_too_many },
	{ "long texts", test_long_texts },
	{ "overlapping and empty modules", test_strange_modules },
	{ "random damage", test_random_damage },
	{ "Multiboot 1", test_multiboot1 },
	CU_TEST_INFO_NULL,
};
