/* SPDX-License-Identifier: MIT */
/*
 * The fake machine itself: memory and its tables, snapshots, CPUs, time,
 * console, and the ends of the machine.  Tests call fake_init() once and
 * fake_restore() before each case; the core calls the arch_ functions.
 *
 * A snapshot has three parts.  Memory is a private mapping of a memory file:
 * written as shared until the snapshot, afterwards private, and given back by
 * dropping the private copies.  `fake` is copied.  So is the static data of
 * the core, found between two marker objects (mark/); sanitizers put their red
 * zones in between, hence the copy by words in a function they leave alone.
 */
#include "fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hv/boot.h>
#include <hv/check.h>
#include <hv/cmdline.h>
#include <hv/heap.h>
#include <hv/memory.h>
#include <hv/pci.h>
#include <hv/sched.h>

#define HIGH_START (1ul << (32 - PAGE_SHIFT))
#define CHUNK 256ul /* frames for which the frame table is all or none */

struct fake_machine fake;
unsigned long heap_fail_countdown;

bool heap_fail_hook(void)
{
	return heap_fail_countdown != 0 && --heap_fail_countdown == 0;
}
jmp_buf *fake_machine_end;

extern char core_data_begin[], core_data_end[];
extern char core_bss_begin[], core_bss_end[];

static struct {
	uint8_t *memory; /* the whole mapping */
	size_t size;
	size_t table_at, m2p_at;
	int file;
	struct fake_machine *fake;
	void *data, *bss;
	struct boot_info boot;
} keep;

/* ---- Memory ---------------------------------------------------------------- */

bool fake_is_ram(unsigned long mfn)
{
	const struct fake_config *c = &fake.config;

	if (mfn >= HIGH_START) {
		return mfn < HIGH_START + c->high_frames;
	}
	if (mfn >= c->low_frames || (mfn >= 0xa0 && mfn < 0x100) ||
	    (mfn >= FAKE_HOLE_START && mfn < FAKE_HOLE_END)) {
		return false;
	}
	return mfn < FAKE_RESERVED || mfn >= FAKE_RESERVED + FAKE_RESERVED_COUNT;
}

bool mfn_valid(unsigned long mfn)
{
	const struct fake_config *c = &fake.config;

	if (mfn >= HIGH_START) {
		return mfn < HIGH_START + c->high_frames;
	}
	return mfn < c->low_frames && (mfn < FAKE_HOLE_START || mfn >= FAKE_HOLE_END);
}

void *frame_ptr(unsigned long mfn)
{
	if (!fake_is_ram(mfn)) {
		fake_die("frame_ptr(%#lx): not RAM", mfn);
	}
	return keep.memory + (mfn << PAGE_SHIFT);
}

unsigned long ptr_frame(const void *p)
{
	size_t offset = (size_t)((const uint8_t *)p - keep.memory);
	unsigned long mfn = offset >> PAGE_SHIFT;

	if (offset >= keep.table_at || !fake_is_ram(mfn)) {
		fake_die("ptr_frame(%p): not in RAM", p);
	}
	return mfn;
}

static uint64_t *m2p_entry(unsigned long mfn)
{
	if (mfn >= frame_max) {
		fake_die("m2p entry %#lx beyond the last frame", mfn);
	}
	return (uint64_t *)(void *)(keep.memory + keep.m2p_at) + mfn;
}

void arch_m2p_set(unsigned long mfn, uint64_t pfn)
{
	WRITE_ONCE(*m2p_entry(mfn), pfn);
}

uint64_t arch_m2p_get(unsigned long mfn)
{
	return READ_ONCE(*m2p_entry(mfn));
}

static void add_ram(unsigned long start, unsigned long end)
{
	if (start < end) {
		heap_add(start, end);
	}
}

static void note_region(unsigned long start, unsigned long end, uint32_t type)
{
	if (start < end) {
		boot_info.memory[boot_info.memory_count++] =
			(struct boot_memory){ (uint64_t)start << PAGE_SHIFT,
					      (uint64_t)(end - start) << PAGE_SHIFT, type };
	}
}

static void describe_memory(void)
{
	const struct fake_config *c = &fake.config;
	const unsigned long reserved_end = FAKE_RESERVED + FAKE_RESERVED_COUNT;

	boot_info = (struct boot_info){ .cmdline = "", .loader = "fake" };
	note_region(0, 0xa0, 1);
	note_region(0x100, FAKE_HOLE_START, 1);
	note_region(FAKE_HOLE_END, FAKE_RESERVED, 1);
	note_region(FAKE_RESERVED, reserved_end, 2);
	note_region(reserved_end, c->low_frames, 1);
	note_region(HIGH_START, HIGH_START + c->high_frames, 1);
}

static void fill_tables(void)
{
	const struct fake_config *c = &fake.config;
	const unsigned long reserved_end = FAKE_RESERVED + FAKE_RESERVED_COUNT;
	unsigned long mfn;

	for (mfn = 0; mfn < frame_max; mfn++) {
		if (mfn == c->low_frames && c->high_frames != 0) {
			mfn = HIGH_START;
		}
		*m2p_entry(mfn) = M2P_INVALID;
		if (!mfn_valid(mfn)) {
			continue;
		}
		if (mfn < 0x100 || !fake_is_ram(mfn)) {
			*mfn_to_page(mfn) = (struct page){ .owner = OWNER_IO };
		} else if (mfn < FAKE_CORE_END) {
			*mfn_to_page(mfn) = (struct page){ .owner = OWNER_CORE };
		}
	}
	add_ram(FAKE_CORE_END, MIN(FAKE_HOLE_START, c->low_frames));
	add_ram(FAKE_HOLE_END, FAKE_RESERVED);
	add_ram(reserved_end, c->low_frames);
	add_ram(HIGH_START, HIGH_START + c->high_frames);
}

static void init_cpus(void)
{
	unsigned int i;

	for (i = 0; i < fake.config.cpus; i++) {
		struct percpu *p = &fake.percpu[i];

		p->id = i;
		p->apic_id = i * 2;
		p->acpi_id = i + 1;
		sched_init_cpu(p);
		fake.cpus[i].deadline = ~0ull;
	}
}

void fake_init(const struct fake_config *config)
{
	unsigned long frames = config->low_frames;

	CHECK(config->low_frames % CHUNK == 0 && config->low_frames > 0x400);
	CHECK(config->cpus >= 1 && config->cpus <= FAKE_CPUS);
	if (config->high_frames != 0) {
		frames = HIGH_START + config->high_frames;
	}
	fake.config = *config;
	fake.now = 1000000000;
	fake.seed = 1;
	fake.window_ns = 1000;

	keep.table_at = frames << PAGE_SHIFT;
	keep.m2p_at = keep.table_at + frames * sizeof(struct page);
	keep.size = (keep.m2p_at + frames * 8 + PAGE_SIZE - 1) & PAGE_MASK;
	keep.file = memfd_create("fake-memory", MFD_CLOEXEC);
	if (keep.file < 0 || ftruncate(keep.file, (off_t)keep.size) != 0) {
		fake_die("no memory file of %zu bytes", keep.size);
	}
	keep.memory = mmap(NULL, keep.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			   keep.file, 0);
	if (keep.memory == MAP_FAILED) {
		fake_die("no mapping of %zu bytes", keep.size);
	}
	frame_table = (struct page *)(void *)(keep.memory + keep.table_at);
	frame_max = frames;
	ram_frames = config->low_frames + config->high_frames;

	cmdline_parse("", false);
	options.console_com1 = true;
	init_cpus();
	describe_memory();
	memory_map_init();
	fill_tables();
	fake_pci_init();
	pci_init();
}

void fake_init_default(void)
{
	static const struct fake_config config = { .low_frames = 16384, .cpus = FAKE_CPUS };

	fake_init(&config);
	fake_snapshot();
}

/* ---- Snapshots ------------------------------------------------------------- */

__attribute__((no_sanitize("address", "undefined"))) static void
copy_words(void *dst, const void *src, size_t bytes)
{
	volatile uint64_t *to = dst;
	const volatile uint64_t *from = src;

	for (size_t i = 0; i < bytes / 8; i++) {
		if (to[i] != from[i]) {
			to[i] = from[i];
		}
	}
}

static size_t span(const char *begin, const char *end)
{
	return (size_t)((uintptr_t)end - (uintptr_t)begin) & ~(size_t)7;
}

static void check_markers(void)
{
	uintptr_t data = (uintptr_t)&options, bss = (uintptr_t)&control_domain;

	/* Either may be in either section; both must be inside. */
	if (!((data > (uintptr_t)core_bss_begin && data < (uintptr_t)core_bss_end) ||
	      (data > (uintptr_t)core_data_begin && data < (uintptr_t)core_data_end)) ||
	    bss < (uintptr_t)core_bss_begin || bss > (uintptr_t)core_bss_end) {
		fake_die("the core's data is not between the marker objects");
	}
}

void fake_snapshot(void)
{
	size_t data = span(core_data_begin, core_data_end);
	size_t bss = span(core_bss_begin, core_bss_end);

	check_markers();
	if (mmap(keep.memory, keep.size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, keep.file, 0) != keep.memory) {
		fake_die("the memory file cannot be mapped again");
	}
	keep.fake = malloc(sizeof(fake));
	keep.data = malloc(data);
	keep.bss = malloc(bss);
	*keep.fake = fake;
	keep.boot = boot_info;
	copy_words(keep.data, core_data_begin, data);
	copy_words(keep.bss, core_bss_begin, bss);
}

void fake_restore(void)
{
	madvise(keep.memory, keep.size, MADV_DONTNEED);
	fake = *keep.fake;
	boot_info = keep.boot;
	copy_words(core_data_begin, keep.data, span(core_data_begin, core_data_end));
	copy_words(core_bss_begin, keep.bss, span(core_bss_begin, core_bss_end));
	fake_machine_end = NULL;
}

/* ---- CPUs -------------------------------------------------------------------- */

#ifndef FAKE_THREADS
struct percpu *this_cpu(void)
{
	return &fake.percpu[fake.cpu];
}
#endif

struct percpu *percpu_of(unsigned int id)
{
	if (id >= fake.config.cpus) {
		fake_die("percpu_of(%u): there are %u CPUs", id, fake.config.cpus);
	}
	return &fake.percpu[id];
}

unsigned int cpu_count(void)
{
	return fake.config.cpus;
}

cpumask_t cpu_online_mask(void)
{
	return (1ull << fake.config.cpus) - 1;
}

#ifndef FAKE_THREADS
void fake_cpu_set(unsigned int cpu)
{
	CHECK(cpu < fake.config.cpus);
	fake.cpu = cpu;
}

void arch_kick_cpu(unsigned int cpu)
{
	if (cpu >= fake.config.cpus) {
		fake_die("kick of CPU %u", cpu);
	}
	fake.cpus[cpu].ipi = true;
	fake.ipis++;
}
#endif

/* ---- Time ---------------------------------------------------------------------- */

/* A tick is a nanosecond: (ticks << 1) * 2^31 >> 32. */
struct arch_clock arch_clock = {
	.mul = 0x80000000u, .shift = 1, .stable = true, .hz = 1000000000, .wallclock = 1700000000
};

#ifndef FAKE_THREADS
uint64_t arch_ticks(void)
{
	return fake.now;
}

uint64_t arch_now(void)
{
	return fake.now;
}

void arch_timer_arm(uint64_t deadline)
{
	fake.cpus[fake.cpu].deadline = deadline;
}
#endif

#ifndef FAKE_THREADS
void fake_advance(uint64_t ns)
{
	unsigned int i;

	if (add_overflow(fake.now, ns, &fake.now)) {
		fake_die("the clock went over its end");
	}
	for (i = 0; i < fake.config.cpus; i++) {
		if (fake.cpus[i].deadline <= fake.now) {
			fake.cpus[i].deadline = ~0ull;
			softirq_raise(i, SOFTIRQ_TIMER);
		}
	}
}

uint32_t fake_random(void)
{
	fake.seed = fake.seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(fake.seed >> 33);
}
#endif

/* ---- Console -------------------------------------------------------------------- */

void arch_console_write(const char *s, size_t n)
{
	size_t i;

	if (getenv("FAKE_CONSOLE") != NULL) {
		(void)!write(STDERR_FILENO, s, n);
	}
	for (i = 0; i < n; i++) {
		if (fake.console_used == sizeof(fake.console) - 1) {
			fake.console_used = 0;
		}
		fake.console[fake.console_used++] = s[i];
	}
	fake.console[fake.console_used] = '\0';
}

int arch_console_read(void)
{
	if (fake.input == NULL || *fake.input == '\0') {
		return -1;
	}
	return (unsigned char)*fake.input++;
}

bool fake_console_has(const char *text)
{
	return strstr(fake.console, text) != NULL;
}

void fake_console_clear(void)
{
	fake.console_used = 0;
	fake.console[0] = '\0';
}

/* ---- Ends ------------------------------------------------------------------------- */

void fake_die(const char *fmt, ...)
{
	char line[512];
	size_t from = fake.console_used > 6000 ? fake.console_used - 6000 : 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)!write(STDERR_FILENO, fake.console + from, fake.console_used - from);
	(void)!write(STDERR_FILENO, "fake machine: ", 14);
	(void)!write(STDERR_FILENO, line, MIN((size_t)n, sizeof(line) - 1));
	(void)!write(STDERR_FILENO, "\n", 1);
	abort();
}

static void noreturn_fn machine_end(bool *which, const char *what)
{
	*which = true;
	if (fake.panicking) {
		fake_die("the core panicked");
	}
	if (fake_machine_end == NULL) {
		fake_die("the core wants to %s the machine", what);
	}
	longjmp(*fake_machine_end, 1);
}

void arch_machine_restart(void)
{
	machine_end(&fake.restarted, "restart");
}

void arch_machine_poweroff(void)
{
	machine_end(&fake.powered_off, "power off");
}

void arch_machine_stop(void)
{
	machine_end(&fake.stopped, "stop");
}

/* Only panic() calls this. */
void arch_dump_core_state(void)
{
	fake.panicking = true;
}

void arch_free_init(void)
{
}
