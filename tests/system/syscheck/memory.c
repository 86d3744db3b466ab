// SPDX-License-Identifier: MIT
/*
 * Address spaces: copy on write, page-table entries that move, change and go
 * away, and translations that other CPUs must forget in time.
 */
#define _GNU_SOURCE
#include "syscheck.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/shm.h>
#include <sys/uio.h>

#define MANY 2048UL /* pages: more than one page table's entries */

static void stamp(uint64_t *p, size_t count, uint64_t value)
{
	for (size_t i = 0; i < count; i++) {
		p[i * PAGE / 8] = value + i;
	}
}

static void check_stamp(const uint64_t *p, size_t count, uint64_t value)
{
	for (size_t i = 0; i < count; i++) {
		expect(p[i * PAGE / 8] == value + i, "page %zu holds %lx", i, p[i * PAGE / 8]);
	}
}

static void copy_on_write_body(void *p)
{
	check_stamp(p, MANY, 1000);
	stamp(p, MANY, 5000);
	check_stamp(p, MANY, 5000);
}

static void copy_on_write(void)
{
	uint64_t *p = pages(MANY, PROT_READ | PROT_WRITE);
	pid_t children[4];
	int status;

	stamp(p, MANY, 1000);
	for (size_t i = 0; i < COUNT(children); i++) {
		children[i] = must(fork());
		if (children[i] == 0) {
			copy_on_write_body(p);
			_exit(0);
		}
	}
	stamp(p, MANY / 2, 9000);
	for (size_t i = 0; i < COUNT(children); i++) {
		must(waitpid(children[i], &status, 0));
		expect_equal(status, 0);
	}
	check_stamp(p, MANY / 2, 9000);
	check_stamp(p + MANY / 2 * PAGE / 8, MANY / 2, 1000 + MANY / 2);
}

static void write_at(void *p)
{
	*(volatile char *)p = 1;
}

static void read_at(void *p)
{
	(void)*(volatile char *)p;
}

static void protect(void)
{
	char *p = pages(MANY, PROT_READ | PROT_WRITE);

	stamp((uint64_t *)p, MANY, 7);
	for (int round = 0; round < 4; round++) {
		for (size_t n = 1; n <= MANY; n *= 4) {
			size_t first = (MANY - n) / 2;

			must(mprotect(p + first * PAGE, n * PAGE, PROT_READ));
			expect(faults(write_at, p + first * PAGE), "written");
			expect(faults(write_at, p + (first + n - 1) * PAGE), "written");
			expect(!faults(read_at, p + first * PAGE), "not readable");
			must(mprotect(p + first * PAGE, n * PAGE, PROT_NONE));
			expect(faults(read_at, p + (first + n / 2) * PAGE), "read");
			must(mprotect(p + first * PAGE, n * PAGE, PROT_READ | PROT_WRITE));
			expect(!faults(read_at, p + first * PAGE), "not readable");
		}
	}
	check_stamp((uint64_t *)p, MANY, 7);
}

static void move(void)
{
	char *p = pages(MANY, PROT_READ | PROT_WRITE), *area, *q;

	stamp((uint64_t *)p, MANY, 11);
	/* To a 2 MB boundary and off it: whole tables and single entries move. */
	area = (char *)(((uintptr_t)pages(4 * MANY, PROT_NONE) + (2 << 20) - 1) & -(2UL << 20));
	q = must(mremap(p, MANY * PAGE, MANY * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area));
	check_stamp((uint64_t *)q, MANY, 11);
	expect(faults(read_at, p), "the old place is there");
	q = must(mremap(q, MANY * PAGE, MANY * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			area + (4 << 20) + (8 << 20)));
	check_stamp((uint64_t *)q, MANY, 11);
	p = must(mremap(q, MANY * PAGE, MANY * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			area + 5 * PAGE));
	check_stamp((uint64_t *)p, MANY, 11);
	p = must(mremap(p, MANY * PAGE, 100 * PAGE, 0));
	expect(faults(read_at, p + 100 * PAGE), "not cut");
	p = must(mremap(p, 100 * PAGE, 600 * PAGE, MREMAP_MAYMOVE));
	check_stamp((uint64_t *)p, 100, 11);
	expect_equal(*(uint64_t *)(p + 300 * PAGE), 0);
}

static void advise(void)
{
	uint64_t *p = pages(MANY, PROT_READ | PROT_WRITE);
	static unsigned char resident[MANY];
	size_t count = 0;

	stamp(p, MANY, 3);
	must(madvise((char *)p + 64 * PAGE, 512 * PAGE, MADV_DONTNEED));
	must(mincore(p, MANY * PAGE, resident));
	for (size_t i = 0; i < MANY; i++) {
		count += resident[i] & 1;
	}
	expect_equal(count, MANY - 512);
	for (size_t i = 64; i < 576; i++) {
		expect_equal(p[i * PAGE / 8], 0);
	}
	check_stamp(p, 64, 3);
	check_stamp(p + 576 * PAGE / 8, MANY - 576, 3 + 576);
	must(madvise(p, MANY * PAGE, MADV_FREE));
	expect(p[0] == 3 || p[0] == 0, "%lx", p[0]);
}

static void sparse(void)
{
	size_t size = 64UL << 30;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	expect(p != MAP_FAILED, "mmap");
	for (size_t at = 0; at < size; at += 1UL << 29) {
		p[at] = (char)(at >> 29);
	}
	for (size_t at = 0; at < size; at += 1UL << 29) {
		expect_equal(p[at], (char)(at >> 29));
	}
	/* A hole over several tables, filled again. */
	must(munmap(p + (8UL << 30), 8UL << 30));
	expect(faults(read_at, p + (9UL << 30)), "still there");
	expect(mmap(p + (8UL << 30), 8UL << 30, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED,
	       "mmap");
	expect_equal(p[9UL << 30], 0);
	must(munmap(p, size));
}

/* ---- Shared memory ---------------------------------------------------------------- */

static void answer(void *p)
{
	volatile uint32_t *words = p;

	for (uint32_t i = 1; i <= 1000; i++) {
		while (__atomic_load_n(&words[0], __ATOMIC_ACQUIRE) != i) {
			sched_yield();
		}
		words[PAGE / 4 * (i % 8) + 1] = i * 3;
		__atomic_store_n(&words[PAGE], i, __ATOMIC_RELEASE);
	}
}

static void shared(void)
{
	int fd = must(memfd_create("shared", 0)), id, status;
	volatile uint32_t *p, *q;
	pid_t pid;

	must(ftruncate(fd, 16 * (off_t)PAGE));
	p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	q = mmap(NULL, 16 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	expect(p != MAP_FAILED && q != MAP_FAILED, "mmap");
	pid = must(fork());
	if (pid == 0) {
		answer((void *)p);
		_exit(0);
	}
	for (uint32_t i = 1; i <= 1000; i++) {
		__atomic_store_n(&p[0], i, __ATOMIC_RELEASE);
		while (__atomic_load_n(&p[PAGE], __ATOMIC_ACQUIRE) != i) {
			sched_yield();
		}
		expect_equal(q[PAGE / 4 * (i % 8) + 1], i * 3);
	}
	must(waitpid(pid, &status, 0));
	expect_equal(status, 0);
	id = must(shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600));
	p = shmat(id, NULL, 0);
	q = shmat(id, NULL, SHM_RDONLY);
	must(shmctl(id, IPC_RMID, NULL));
	p[5] = 42;
	expect_equal(q[5], 42);
	expect(faults(write_at, (void *)q), "written");
}

/* ---- What other CPUs must forget ----------------------------------------------------- */

static volatile uint64_t *arena;
static volatile int stop;
static volatile uint64_t written;

static sigjmp_buf writer_fault;
static __thread bool is_writer;

static void writer_faulted(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	if (!is_writer) {
		_exit(3);
	}
	siglongjmp(writer_fault, 1);
}

static void *writer(void *cpu)
{
	is_writer = true;
	move_to((int)(intptr_t)cpu);
	sigsetjmp(writer_fault, 1);
	while (!stop) {
		arena[0]++;
		written++;
	}
	return NULL;
}

static void shoot_down(void)
{
	pthread_t thread;

	needs_cpus(2);
	move_to(0);
	arena = pages(1, PROT_READ | PROT_WRITE);
	on_signal(SIGSEGV, writer_faulted, 0);
	must(pthread_create(&thread, NULL, writer, (void *)1L));
	for (int i = 0; i < 100; i++) {
		uint64_t before = written, value;

		while (written == before) {}
		must(mprotect((void *)arena, PAGE, PROT_READ));
		value = arena[0];
		for (int n = 0; n < 20000; n++) {
			expect(arena[0] == value, "written after mprotect() returned");
		}
		must(mprotect((void *)arena, PAGE, PROT_READ | PROT_WRITE));
	}
	stop = 1;
	pthread_join(thread, NULL);
}

static void *reader(void *cpu)
{
	move_to((int)(intptr_t)cpu);
	while (!stop) {
		for (int i = 0; i < 8; i++) {
			written += arena[(unsigned)i * PAGE / 8] != 0;
		}
	}
	return NULL;
}

static void replaced(void)
{
	pthread_t thread;
	volatile uint64_t *fresh;

	needs_cpus(2);
	move_to(0);
	arena = pages(8, PROT_READ | PROT_WRITE);
	must(pthread_create(&thread, NULL, reader, (void *)1L));
	for (int i = 0; i < 50; i++) {
		stamp((uint64_t *)arena, 8, 1);
		must(madvise((void *)arena, 8 * PAGE, MADV_DONTNEED));
		/* The frames may serve others now: this CPU's new pages stay zero. */
		fresh = pages(64, PROT_READ | PROT_WRITE);
		for (size_t n = 0; n < 64; n++) {
			expect_equal(fresh[n * PAGE / 8], 0);
		}
		expect_equal(arena[PAGE / 8], 0);
		must(munmap((void *)fresh, 64 * PAGE));
	}
	stop = 1;
	pthread_join(thread, NULL);
}

/* ---- Code that is written -------------------------------------------------------------- */

static void new_code(void)
{
	uint8_t *p = pages(1, PROT_READ | PROT_WRITE | PROT_EXEC);
	uint8_t *q;
	int fd = must(memfd_create("code", 0));
	int (*volatile call)(void) = (int (*)(void))(void *)p;

	for (int i = 0; i < 200; i++) {
		memcpy(p, "\xb8\0\0\0\0\xc3", 6); /* mov $i, %eax; ret */
		p[1] = (uint8_t)i;
		expect_equal(call(), i);
	}
	must(ftruncate(fd, (off_t)PAGE));
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	q = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	call = (int (*)(void))(void *)q;
	for (int i = 0; i < 50; i++) {
		memcpy(p, "\xb8\0\0\0\0\xc3", 6);
		p[1] = (uint8_t)i;
		asm volatile("cpuid" : : "a"(0) : "rbx", "rcx", "rdx", "memory");
		expect_equal(call(), i);
	}
}

/* ---- Faults that user code resolves ------------------------------------------------------ */

static void *resolve(void *fd)
{
	static uint64_t page[PAGE / 8];
	struct uffd_msg message;

	for (uint64_t i = 0; i < 16; i++) {
		struct uffdio_copy copy = { .src = (uintptr_t)page, .len = PAGE };

		if (read((int)(intptr_t)fd, &message, sizeof(message)) != sizeof(message)) {
			break;
		}
		copy.dst = message.arg.pagefault.address & -PAGE;
		page[0] = copy.dst;
		must(ioctl((int)(intptr_t)fd, UFFDIO_COPY, &copy));
	}
	return NULL;
}

static void user_faults(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	uint64_t *p = pages(16, PROT_READ | PROT_WRITE);
	pthread_t thread;

	if (fd < 0) {
		skip("userfaultfd: %s", strerror(errno));
	}
	must(ioctl(fd, UFFDIO_API, &api));
	area.range.start = (uintptr_t)p;
	area.range.len = 16 * PAGE;
	must(ioctl(fd, UFFDIO_REGISTER, &area));
	must(pthread_create(&thread, NULL, resolve, (void *)(intptr_t)fd));
	for (size_t i = 0; i < 16; i++) {
		size_t n = i * 7 % 16;

		expect_equal(p[n * PAGE / 8], &p[n * PAGE / 8]);
	}
	pthread_join(thread, NULL);
}

/* Memory of another process, and dirty bits as the kernel keeps them. */
static void other_process(void)
{
	uint64_t *p = pages(4, PROT_READ | PROT_WRITE), value = 77;
	struct iovec local = { &value, 8 }, remote = { p + 1, 8 };
	pid_t pid;
	int status;

	p[1] = 5;
	pid = must(fork());
	if (pid == 0) {
		while (*(volatile uint64_t *)&p[1] != 77) {
			sched_yield();
		}
		_exit(0);
	}
	expect_equal(must(process_vm_writev(pid, &local, 1, &remote, 1, 0)), 8);
	must(waitpid(pid, &status, 0));
	expect_equal(status, 0);
	expect_equal(p[1], 5);
}

static void soft_dirty(void)
{
	uint64_t *p = pages(2, PROT_READ | PROT_WRITE), entry;
	int clear = open("/proc/self/clear_refs", O_WRONLY),
	    map = open("/proc/self/pagemap", O_RDONLY);

	p[0] = 1;
	p[PAGE / 8] = 1;
	if (clear < 0 || map < 0 || pread(map, &entry, 8, (off_t)((uintptr_t)p / PAGE * 8)) != 8 ||
	    !(entry >> 55 & 1) || write(clear, "4", 1) != 1) {
		skip("no soft-dirty bits");
	}
	p[PAGE / 8] = 2;
	must(pread(map, &entry, 8, (off_t)((uintptr_t)p / PAGE * 8)));
	expect_equal(entry >> 55 & 1, 0);
	must(pread(map, &entry, 8, (off_t)((uintptr_t)p / PAGE * 8 + 8)));
	expect_equal(entry >> 55 & 1, 1);
}

const struct check memory_checks[] = {
	{ "memory-copy-on-write", copy_on_write },
	{ "memory-protect", protect },
	{ "memory-move", move },
	{ "memory-advise", advise },
	{ "memory-sparse", sparse },
	{ "memory-shared", shared },
	{ "memory-shoot-down", shoot_down },
	{ "memory-replaced", replaced },
	{ "memory-new-code", new_code },
	{ "memory-user-faults", user_faults },
	{ "memory-other-process", other_process },
	{ "memory-soft-dirty", soft_dirty },
	{ NULL, NULL },
};
