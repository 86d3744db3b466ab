/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1 or 2 as the loader left it, turned into boot_info.  Called once,
 * on the early page tables, before anything is allocated: the loader's own
 * structures may lie in memory that the heap gets later, so every text is
 * copied.  Never trusts a count or a size and never ends the start-up, since
 * options come from here: what is wrong is left out, with a word.  No lock.
 *
 * Multiboot 1 points to its parts, anywhere below 4 GiB.  Multiboot 2 is one
 * piece, a row of tags, and nothing outside of the piece is looked at.
 */
#include <hv/boot.h>

#include <arch/paging.h>

/* What the loader says it is. */
#define MULTIBOOT2_LOADER 0x36d76289u

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

/* Multiboot 2: the size of all, 4 bytes, then tags aligned to 8 bytes: type,
 * size without padding, content. */
#define TAG_HEAD 8u
#define TAG_END 0u
#define TAG_CMDLINE 1u
#define TAG_LOADER 2u
#define TAG_MODULE 3u /* start, end, text */
#define TAG_MMAP 6u   /* size of an entry, version, entries */
#define TAG_ACPI_OLD 14u
#define TAG_ACPI_NEW 15u
#define INFO_SIZE_MAX 0x1000000u

INIT_DATA struct boot_info boot_info;

static INIT_DATA char text[8192];
static INIT_DATA size_t text_used;
static INIT_DATA unsigned int memory_left_out;

/* The early tables show the first 4 GiB in the direct map. */
static INIT_TEXT const void *at(uint32_t paddr)
{
	return (const uint8_t *)frame_ptr(paddr >> PAGE_SHIFT) + (paddr & (PAGE_SIZE - 1));
}

/* Copies a text of less than `max` bytes, without its first word if that is a
 * file's name. */
static INIT_TEXT const char *keep_text(const char *s, size_t max, bool skip_name)
{
	const char *end = s + max;
	char *dst = text + text_used;
	size_t n, room = MIN(sizeof(text) - text_used, max);

	if (room < 2) {
		return "";
	}
	while (s < end && *s == ' ') {
		s++;
	}
	while (s < end && skip_name && *s != ' ' && *s != '\0') {
		s++;
	}
	while (s < end && *s == ' ') {
		s++;
	}
	for (n = 0; s + n < end && n < room - 1 && s[n] != '\0'; n++) {
		dst[n] = s[n];
	}
	dst[n] = '\0';
	text_used += n + 1;
	return dst;
}

static INIT_TEXT void add_memory(const struct boot_memory *m)
{
	uint64_t end;

	if (m->size == 0 || add_overflow(m->start, m->size, &end)) {
		return;
	}
	if (boot_info.memory_count == BOOT_MEMMAP_MAX) {
		memory_left_out++;
		return;
	}
	boot_info.memory[boot_info.memory_count] = *m;
	if (m->type > BOOT_MEMORY_BAD) { /* a loader's own, for code of UEFI */
		boot_info.memory[boot_info.memory_count].type = BOOT_MEMORY_RESERVED;
	}
	boot_info.memory_count++;
}

static INIT_TEXT void add_module(uint32_t start, uint32_t end, const char *cmdline)
{
	unsigned int n = boot_info.module_count;

	if (n == BOOT_MODULES_MAX) {
		pr_warn("only the first %u boot modules are used", n);
		return;
	}
	if (end <= start) {
		pr_warn("boot module %u is empty", n);
	}
	for (unsigned int i = 0; i < n; i++) {
		if (start < boot_info.module[i].end && end > boot_info.module[i].start) {
			pr_warn("boot modules %u and %u overlap", i, n);
		}
	}
	boot_info.module[n] = (struct boot_module){ start, MAX(start, end), cmdline };
	boot_info.module_count++;
}

/* ---- Multiboot 1 ------------------------------------------------------------------ */

static INIT_TEXT const char *text_at(uint32_t paddr, bool skip_name)
{
	return paddr != 0 ? keep_text(at(paddr), sizeof(text), skip_name) : "";
}

static INIT_TEXT void read_memory(const struct multiboot_info *mbi)
{
	const uint32_t head = sizeof(uint32_t);
	uint32_t size, used = 0;

	for (; used + head + sizeof(struct boot_memory) <= mbi->mmap_length; used += head + size) {
		size = *(const uint32_t *)at(mbi->mmap_addr + used);
		if (size < sizeof(struct boot_memory)) {
			break;
		}
		add_memory(at(mbi->mmap_addr + used + head));
	}
}

static INIT_TEXT void read_info(const struct multiboot_info *mbi)
{
	bool skip_name;

	if ((mbi->flags & INFO_LOADER) != 0) {
		boot_info.loader = text_at(mbi->boot_loader_name, false);
	}
	/* Of the loaders in use only GRUB 2 leaves the file's name out. */
	skip_name = strncmp(boot_info.loader, "GRUB 2", 6) != 0;
	if ((mbi->flags & INFO_CMDLINE) != 0) {
		boot_info.cmdline = text_at(mbi->cmdline, skip_name);
	}
	if ((mbi->flags & INFO_MMAP) != 0) {
		read_memory(mbi);
	}
	if ((mbi->flags & INFO_MODULES) != 0) {
		const struct multiboot_module *m = at(mbi->mods_addr);

		/* One too many is enough for the word about it. */
		for (uint32_t i = 0; i < MIN(mbi->mods_count, BOOT_MODULES_MAX + 1u); i++, m++) {
			add_module(m->start, m->end, text_at(m->string, skip_name));
		}
	}
}

/* ---- Multiboot 2 ------------------------------------------------------------------ */

/* The tag's content has `size` bytes; false if it needs more. */
static INIT_TEXT bool read_tag(const uint32_t *tag, uint32_t size)
{
	const char *content = (const char *)(tag + 2);
	uint32_t type = tag[0];

	if (type == TAG_CMDLINE) {
		boot_info.cmdline = keep_text(content, size, false);
	} else if (type == TAG_LOADER) {
		boot_info.loader = keep_text(content, size, false);
	} else if (type == TAG_MODULE && size >= 8) {
		add_module(tag[2], tag[3], keep_text(content + 8, size - 8, false));
	} else if (type == TAG_MMAP && size >= 8 && tag[2] >= sizeof(struct boot_memory)) {
		for (size -= 8; size >= tag[2]; size -= tag[2], content += tag[2]) {
			add_memory((const struct boot_memory *)(content + 8));
		}
	} else if ((type == TAG_ACPI_OLD || type == TAG_ACPI_NEW) && size > boot_info.rsdp_size) {
		/* The new one is the longer one, and wins. */
		boot_info.rsdp_size = MIN(size, sizeof(boot_info.rsdp));
		memcpy(boot_info.rsdp, content, boot_info.rsdp_size);
	} else {
		return type != TAG_MODULE && type != TAG_MMAP;
	}
	return true;
}

static INIT_TEXT void read_tags(const uint32_t *info)
{
	uint32_t used = TAG_HEAD, total = info[0] <= INFO_SIZE_MAX ? info[0] : 0;

	while (used + TAG_HEAD <= total) {
		const uint32_t *tag = info + used / sizeof(*info);
		uint32_t size = tag[1];

		if (tag[0] == TAG_END) {
			return;
		}
		if (size < TAG_HEAD || size > total - used || !read_tag(tag, size - TAG_HEAD)) {
			pr_err("boot information: tag %u has a bad size, rest ignored", tag[0]);
			return;
		}
		used += (size + 7) & ~7u;
	}
	pr_err("boot information: bad size, or no end tag");
}

INIT_TEXT void multiboot_parse(uint32_t magic, uint32_t info)
{
	boot_info.cmdline = "";
	boot_info.loader = "unknown loader";
	if (magic == MULTIBOOT2_LOADER) {
		read_tags(at(info));
	} else {
		read_info(at(info));
	}
	if (memory_left_out != 0) {
		pr_warn("memory map: %u entries are left out", memory_left_out);
	}
}
