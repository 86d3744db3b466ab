/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1 as the loader left it, turned into boot_info.  Called once, on
 * the early page tables, before anything is allocated: the loader's own
 * structures may lie in memory that the heap gets later, so every text is
 * copied.  Never trusts a count; what does not fit is left out, with a word.
 */
#include <x86.h>

#include <hv/boot.h>
#include <hv/printk.h>
#include <hv/string.h>

#define INFO_CMDLINE 0x004u
#define INFO_MODULES 0x008u
#define INFO_MMAP 0x040u
#define INFO_LOADER 0x200u

struct multiboot_info {
	uint32_t flags, unused[3];
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t unused2[3];
	uint32_t boot_loader_name;
};

struct multiboot_module {
	uint32_t start, end, string, reserved;
};

struct multiboot_mmap {
	uint32_t size; /* of the rest */
	uint64_t addr, len;
	uint32_t type;
} packed_struct;

struct boot_info boot_info;

static INIT_DATA char text[8192];
static INIT_DATA size_t text_used;

/* The early tables show the first 4 GiB in the direct map. */
static INIT_TEXT const void *at(uint32_t paddr)
{
	return (const void *)(DIRECT_VIRT + paddr);
}

/* Copies a text, without its first word if that is a file's name; 0: none. */
static INIT_TEXT const char *keep_text(uint32_t paddr, bool skip_name)
{
	const char *s = at(paddr);
	char *dst = text + text_used;
	size_t room = sizeof(text) - text_used;
	size_t n;

	if (paddr == 0 || room < 2) {
		return "";
	}
	while (*s == ' ') {
		s++;
	}
	while (skip_name && *s != ' ' && *s != '\0') {
		s++;
	}
	while (*s == ' ') {
		s++;
	}
	n = str_copy(dst, s, room);
	text_used += MIN(n, room - 1) + 1;
	return dst;
}

static INIT_TEXT void add_memory(uint64_t start, uint64_t size, uint32_t type)
{
	uint64_t end;

	if (size == 0 || add_overflow(start, size, &end)) {
		return;
	}
	if (boot_info.memory_count == BOOT_MEMMAP_MAX) {
		pr_warn("memory map: only the first %u entries are used", BOOT_MEMMAP_MAX);
		return;
	}
	boot_info.memory[boot_info.memory_count++] = (struct boot_memory){ start, size, type };
}

static INIT_TEXT void read_memory(const struct multiboot_info *mbi)
{
	uint32_t used = 0;

	if ((mbi->flags & INFO_MMAP) == 0) {
		return; /* boot_mem.c says that there is no RAM */
	}
	while (used + sizeof(struct multiboot_mmap) <= mbi->mmap_length) {
		const struct multiboot_mmap *m = at(mbi->mmap_addr + used);

		if (m->size < sizeof(*m) - sizeof(m->size)) {
			break;
		}
		add_memory(m->addr, m->len, m->type);
		used += m->size + (uint32_t)sizeof(m->size);
	}
}

static INIT_TEXT void read_modules(const struct multiboot_info *mbi, bool skip_name)
{
	const struct multiboot_module *mods = at(mbi->mods_addr);
	uint32_t i;

	for (i = 0; i < mbi->mods_count; i++) {
		if (i == BOOT_MODULES_MAX) {
			pr_warn("only the first %u boot modules are used", i);
			break;
		}
		if (mods[i].end <= mods[i].start) {
			pr_warn("boot module %u is empty", i);
		}
		boot_info.module[i] = (struct boot_module){
			.start = mods[i].start,
			.end = MAX(mods[i].end, mods[i].start),
			.cmdline = keep_text(mods[i].string, skip_name),
		};
		boot_info.module_count = i + 1;
	}
}

INIT_TEXT void multiboot_parse(uint32_t info)
{
	const struct multiboot_info *mbi = at(info);
	bool skip_name;

	boot_info.cmdline = "";
	boot_info.loader = "unknown loader";
	if ((mbi->flags & INFO_LOADER) != 0) {
		boot_info.loader = keep_text(mbi->boot_loader_name, false);
	}
	/* Of the loaders in use only GRUB 2 leaves the file's name out. */
	skip_name = strncmp(boot_info.loader, "GRUB 2", 6) != 0;
	if ((mbi->flags & INFO_CMDLINE) != 0) {
		boot_info.cmdline = keep_text(mbi->cmdline, skip_name);
	}
	read_memory(mbi);
	if ((mbi->flags & INFO_MODULES) != 0) {
		read_modules(mbi, skip_name);
	}
}
