/* SPDX-License-Identifier: MIT */
/*
 * The cache of unpacked kernels: found by content alone, never an error, never
 * more than its limit; and what is cut off an image.
 */
#include "libvellum/kernel_cache.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fake_alloc.h"
#include "fake_kernel.h"
#include "libvellum/file_io.h"
#include "libvellum/kernel_trim.h"
#include "pack.h"

#define EQ(a, b) CU_ASSERT_EQUAL((long)(a), (long)(b))
#define OK(x) EQ(x, 0)
#define SAYS(text_) CU_ASSERT_PTR_NOT_NULL(strstr(error.text, text_))

static struct vl_error error;
static struct fake_kernel elf;
static char dir[64], cache[96], path[96], entry[256];

static int shell(const char *command)
{
	char line[512];

	snprintf(line, sizeof(line), "cd %s && %s", dir, command);
	return system(line);
}

/* Bytes that are unlike for each salt and do not pack. */
static void noise(unsigned char *at, size_t size, unsigned int salt)
{
	for (size_t i = 0; i < size; i++) {
		salt = salt * 1103515245 + 12345;
		at[i] = (unsigned char)(salt >> 16);
	}
}

/* Writes a packed kernel: a gzip'd ELF file, and behind it what nobody reads, so
 * that `tail` changes content beyond the first 64 KiB alone. */
static void write_kernel(unsigned int salt, unsigned int tail)
{
	struct bytes plain, packed;
	unsigned char *all;

	fake_kernel_start(&elf, 2, 5 * 4096);
	fake_kernel_stock_notes(&elf);
	noise(elf.data + 4096, KERNEL_FILE - 4096, salt);
	plain = (struct bytes){ elf.data, elf.size };
	packed = pack_methods[0].pack(plain);
	all = malloc(100000);
	memset(all, 0, 100000);
	memcpy(all, packed.data, packed.size);
	all[99999] = (unsigned char)tail;
	OK(file_write(path, all, 100000, 0600, &error));
	free(all);
	bytes_free(&packed);
}

static void setup(void)
{
	strcpy(dir, "/tmp/vl-cache-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(cache, sizeof(cache), "%s/cache", dir);
	snprintf(path, sizeof(path), "%s/vmlinuz", dir);
	write_kernel(1, 0);
}

static void teardown(void)
{
	OK(shell("cd / && rm -rf $OLDPWD"));
}

/* Opens, and checks that the image is the one of the last write_kernel(). */
static int open_kernel(const char *where)
{
	struct vl_kernel *k;
	Elf64_Phdr ph;
	int cached, rc = vl_kernel_open(path, where, &k, &error);

	if (rc) {
		CU_ASSERT_NOT_EQUAL(error.text[0], '\0');
		return rc;
	}
	memcpy(&ph, (const unsigned char *)k->data + sizeof(Elf64_Ehdr) + sizeof(ph), sizeof(ph));
	CU_ASSERT_FATAL(ph.p_type == PT_LOAD && ph.p_offset + ph.p_filesz <= k->size);
	OK(memcmp((const unsigned char *)k->data + ph.p_offset, elf.data + 4096, ph.p_filesz));
	cached = k->cached;
	vl_kernel_close(k);
	return cached;
}

static void test_hit(void)
{
	setup();
	OK(open_kernel(NULL));
	OK(open_kernel(cache));
	EQ(open_kernel(cache), 1);
	/* By whatever name. */
	OK(shell("mv vmlinuz other && ln -s other vmlinuz"));
	EQ(open_kernel(cache), 1);
	OK(open_kernel(NULL));
	/* Another one; then the first again. */
	OK(shell("rm vmlinuz && mv other vmlinuz.old"));
	write_kernel(2, 0);
	OK(open_kernel(cache));
	EQ(open_kernel(cache), 1);
	write_kernel(1, 0);
	EQ(open_kernel(cache), 1);
	OK(shell("test $(ls cache | wc -l) = 2 && test $(stat -c %a cache) = 700"));
	teardown();
}

/* Each creation read all of an ELF file, and touched as much memory: it cost as
 * much as the rest of the creation, several times over. */
static void test_plain(void)
{
	setup();
	OK(file_write(path, elf.data, elf.size, 0644, &error));
	OK(open_kernel(cache));
	EQ(open_kernel(cache), 1);
	teardown();
}

/* The same size and beginning, so the same name of the entry. */
static void test_changed_tail(void)
{
	setup();
	OK(open_kernel(cache));
	write_kernel(1, 1);
	OK(open_kernel(cache));
	EQ(open_kernel(cache), 1);
	write_kernel(1, 0);
	OK(open_kernel(cache));
	OK(shell("test $(ls cache | wc -l) = 1"));
	teardown();
}

/* Seconds since the kernel was written to, as the cache counts them. */
static time_t age(void)
{
	struct stat st = { 0 };

	OK(stat(path, &st));
	return time(NULL) - st.st_ctim.tv_sec;
}
#define YOUNG 2

/* The bytes of the entry's copy changed: only a comparison finds out.  What is known
 * by its identity is not compared, but what is young or was touched is. */
static void test_identity(void)
{
	int cached = -1;
	const char *spoil = "e=$(echo cache/*.kernel); printf '\\125' | dd of=$e conv=notrunc bs=1 "
			    "seek=$(($(stat -c %s $e) - 50)) 2>/dev/null";

	/* Where the machine is so slow that it grows old meanwhile: again. */
	for (int i = 0; i < 20; i++) {
		setup();
		OK(open_kernel(cache));
		OK(shell(spoil));
		cached = open_kernel(cache); /* young: compared, and replaced */
		if (age() <= YOUNG) {
			break;
		}
		teardown();
	}
	OK(cached);
	while (age() <= YOUNG) {
		usleep(100000);
	}
	EQ(open_kernel(cache), 1); /* compared, and from now on known */
	OK(shell(spoil));
	EQ(open_kernel(cache), 1);
	/* Written to, with size and time as before. */
	OK(shell("touch -r vmlinuz time; cat vmlinuz > copy; cat copy > vmlinuz; "
		 "touch -r time vmlinuz"));
	OK(open_kernel(cache));
	teardown();
}

static void test_broken_entries(void)
{
	static const char *const ways[] = { "truncate -s -1 $e", "truncate -s 4096 $e",
					    "truncate -s 0 $e", "truncate -s +1 $e",
					    "printf x | dd of=$e conv=notrunc bs=1 2>/dev/null",
					    /* sizes that lie */
					    "printf '\\377\\377\\377\\377\\377\\377\\377\\377' | "
					    "dd of=$e conv=notrunc bs=1 seek=16 2>/dev/null",
					    "printf '\\0\\0\\0\\0\\377\\377\\377\\377' | "
					    "dd of=$e conv=notrunc bs=1 seek=24 2>/dev/null",
					    "rm $e && mkfifo $e", "rm $e && mkdir $e && touch $e/x",
					    "rm $e && ln -s /dev/zero $e" };

	for (unsigned int i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		setup();
		OK(open_kernel(cache));
		snprintf(entry, sizeof(entry), "e=$(echo cache/*.kernel); %s", ways[i]);
		OK(shell(entry));
		OK(open_kernel(cache));
		/* Replaced, where a file can replace it. */
		EQ(open_kernel(cache), strstr(ways[i], "mkdir") == NULL);
		OK(shell("! ls cache | grep -q new"));
		teardown();
	}
}

/* Nowhere to write, or a place that others can write to. */
static void test_no_cache(void)
{
	struct rlimit old, small = { 8192, RLIM_INFINITY };

	setup();
	OK(open_kernel("/proc/nothing/here"));
	OK(shell("touch cache"));
	OK(open_kernel(cache));
	OK(shell("rm cache && mkdir cache && chmod 777 cache"));
	OK(open_kernel(cache));
	OK(open_kernel(cache));
	OK(shell("chmod 700 cache && rmdir cache && mkdir real && ln -s real cache"));
	OK(open_kernel(cache));
	OK(open_kernel(cache));
	OK(shell("rm cache"));
	/* Full. */
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	OK(open_kernel(cache));
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	OK(shell("test $(ls cache | wc -l) = 0"));
	teardown();
}

static void test_limit(void)
{
	struct stat st;

	setup();
	for (unsigned int i = 1; i <= 4; i++) {
		write_kernel(i, 0);
		OK(open_kernel(cache));
		usleep(5000);
	}
	OK(shell("touch -d '2 hours ago' cache/77.new; touch cache/78.new"));
	write_kernel(1, 0);
	EQ(open_kernel(cache), 1); /* the youngest now */
	OK(shell("set -- cache/*.kernel; test $# = 4; cp $1 size"));
	snprintf(entry, sizeof(entry), "%s/size", dir);
	OK(stat(entry, &st));
	vl_kernel_cache_prune(cache, 2 * (size_t)st.st_size + 10000);
	OK(shell(
		"set -- cache/*.kernel; test $# = 2; test ! -e cache/77.new; test -e cache/78.new"));
	EQ(open_kernel(cache), 1);
	write_kernel(4, 0);
	EQ(open_kernel(cache), 1);
	write_kernel(2, 0);
	OK(open_kernel(cache));
	vl_kernel_cache_prune(cache, 0);
	OK(shell("! ls cache | grep -q kernel"));
	vl_kernel_cache_prune("/nowhere", 0);
	teardown();
}

static void test_bad_files(void)
{
	setup();
	OK(shell("mv vmlinuz kept"));
	EQ(open_kernel(cache), -ENOENT);
	OK(file_write(path, "no kernel", 9, 0600, &error));
	EQ(open_kernel(cache), -EINVAL);
	SAYS("vmlinuz: the file is no kernel image");
	OK(file_write(path, "", 0, 0600, &error));
	EQ(open_kernel(cache), -EINVAL);
	OK(shell("rm vmlinuz && mkfifo vmlinuz && (cat kept > vmlinuz &)"));
	OK(open_kernel(NULL));
	OK(shell("(cat kept > vmlinuz &)"));
	OK(open_kernel(cache));
	teardown();
}

static void test_failing_allocations(void)
{
	unsigned int n = 0;
	bool failed;
	int rc;

	setup();
	do {
		fake_alloc_fail_at(++n);
		rc = open_kernel(cache);
		failed = fake_alloc_failed();
		/* What only the cache wants is done without. */
		CU_ASSERT_TRUE(rc == 0 || rc == 1 || (failed && rc == -ENOMEM));
	} while (failed);
	CU_ASSERT_TRUE(n > 2);
	teardown();
}

static void test_trim(void)
{
	void *out = NULL;
	Elf64_Phdr *ph;
	size_t size;

	/* Two segments: the second of 16 KiB zeroes. */
	fake_kernel_start(&elf, 2, 5 * 4096);
	fake_kernel_stock_notes(&elf);
	memset(elf.data + 4096 + KERNEL_FILE, 0, KERNEL_FILE);
	EQ(kernel_trim(elf.data, elf.size, &out, &size), 1);
	CU_ASSERT_TRUE(size < elf.size);
	ph = (void *)((unsigned char *)out + sizeof(Elf64_Ehdr));
	EQ(ph[0].p_type, PT_NOTE);
	OK(memcmp((unsigned char *)out + ph[0].p_offset, elf.data + elf.notes,
		  elf.size - elf.notes));
	EQ(ph[1].p_filesz, KERNEL_FILE);
	OK(memcmp((unsigned char *)out + ph[1].p_offset, elf.data + 4096, KERNEL_FILE));
	EQ(ph[2].p_filesz, 0);
	EQ(ph[2].p_memsz, 5 * 4096);
	free(out);
	/* All the same bytes: it would not get smaller. */
	fake_kernel_segment(&elf, 0)->p_offset = 0;
	fake_kernel_segment(&elf, 0)->p_filesz = elf.size;
	fake_kernel_segment(&elf, 1)->p_offset = 0;
	fake_kernel_segment(&elf, 1)->p_filesz = elf.size;
	OK(kernel_trim(elf.data, elf.size, &out, &size));
}

/* Taking the mapping away was a tenth of making a guest; it is left to the process's end. */
static void test_left(void)
{
	struct vl_kernel *k, mapped;

	setup();
	OK(vl_kernel_open(path, cache, &k, &error));
	vl_kernel_leave(k); /* unpacked just now: nothing is mapped, all is freed */
	OK(vl_kernel_open(path, cache, &k, &error));
	mapped = *k;
	vl_kernel_leave(k);
	CU_ASSERT_FATAL(mapped.mapped > 0);
	OK(memcmp(mapped.data, ELFMAG, SELFMAG));
	OK(munmap(mapped.memory, mapped.mapped));
	teardown();
}

CU_TestInfo kernel_cache_tests[] = {
	{ "found by content", test_hit },
	{ "a kernel that is not packed", test_plain },
	{ "same beginning", test_changed_tail },
	{ "known by its identity", test_identity },
	{ "broken entries", test_broken_entries },
	{ "no cache", test_no_cache },
	{ "limit", test_limit },
	{ "bad files", test_bad_files },
	{ "each allocation fails", test_failing_allocations },
	{ "what is cut off", test_trim },
	{ "left to the end of the process", test_left },
	CU_TEST_INFO_NULL,
};
