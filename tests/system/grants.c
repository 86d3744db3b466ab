/* SPDX-License-Identifier: MIT */
/*
 * Grants as a user program of Linux sees them: /dev/xen/gntalloc grants pages
 * to the domain itself, /dev/xen/gntdev maps and copies them.  Run by
 * t-grants.py as "grants ROUNDS"; prints figures, and ends with 0 if every byte
 * was where it had to be and every grant could be ended.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xen/sys/gntalloc.h>
#include <xen/sys/gntdev.h>

#define PAGE 4096
#define PAGES 40 /* more than a list of the core holds at once */
#define SOURCE_GREF 1
#define DEST_GREF 2

static union {
	struct ioctl_gntalloc_alloc_gref op;
	char room[sizeof(struct ioctl_gntalloc_alloc_gref) + PAGES * 4];
} alloc;
static union {
	struct ioctl_gntdev_map_grant_ref op;
	char room[sizeof(struct ioctl_gntdev_map_grant_ref) +
		  PAGES * sizeof(struct ioctl_gntdev_grant_ref)];
} map;

static int gntalloc, gntdev;

static void check(int good, const char *what)
{
	if (!good) {
		printf("GRANTS wrong: %s\n", what);
		perror("last error");
		exit(1);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t *mapped(int fd, uint64_t index)
{
	void *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)index);

	check(p != MAP_FAILED, "mmap");
	return p;
}

/* Both sides see what either writes. */
static void map_and_unmap(uint32_t *granted, uint32_t round)
{
	struct ioctl_gntdev_unmap_grant_ref unmap = { .count = PAGES };
	uint32_t *other;

	map.op.count = PAGES;
	for (unsigned int i = 0; i < PAGES; i++) {
		map.op.refs[i].domid = 0;
		map.op.refs[i].ref = alloc.op.gref_ids[i];
		granted[i * PAGE / 4 + 7] = round * 1000 + i;
	}
	check(ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, &map.op) == 0, "map ioctl");
	other = mapped(gntdev, map.op.index);
	for (unsigned int i = 0; i < PAGES; i++) {
		check(other[i * PAGE / 4 + 7] == round * 1000 + i, "read through the mapping");
		other[i * PAGE / 4 + 8] = ~round - i;
		check(granted[i * PAGE / 4 + 8] == ~round - i, "write through the mapping");
	}
	unmap.index = map.op.index;
	check(munmap(other, PAGES * PAGE) == 0, "munmap");
	check(ioctl(gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap) == 0, "unmap ioctl");
}

static void copy(uint32_t *granted, uint32_t round)
{
	static struct ioctl_gntdev_grant_copy_segment s[PAGES];
	static uint32_t local[PAGES][PAGE / 4] __attribute__((aligned(PAGE)));
	struct ioctl_gntdev_grant_copy op = { PAGES, s };

	for (unsigned int to = 0; to < 2; to++) {
		for (unsigned int i = 0; i < PAGES; i++) {
			memset(&s[i], 0, sizeof(s[i]));
			if (to) {
				local[i][3] = round + i;
				s[i].source.virt = local[i];
				s[i].dest.foreign.ref = alloc.op.gref_ids[i];
			} else {
				s[i].source.foreign.ref = alloc.op.gref_ids[i];
				s[i].dest.virt = local[i];
			}
			s[i].len = PAGE;
			s[i].flags = to ? DEST_GREF : SOURCE_GREF;
		}
		check(ioctl(gntdev, IOCTL_GNTDEV_GRANT_COPY, &op) == 0, "copy ioctl");
		for (unsigned int i = 0; i < PAGES; i++) {
			check(s[i].status == 0, "status of a copy");
			check(memcmp(local[i], granted + i * PAGE / 4, PAGE) == 0, "bytes copied");
		}
	}
}

int main(int argc, char **argv)
{
	uint32_t rounds = argc > 1 ? (uint32_t)atoi(argv[1]) : 10, i;
	struct ioctl_gntalloc_dealloc_gref end = { .count = PAGES };
	uint32_t *granted;
	double start;

	gntalloc = open("/dev/xen/gntalloc", O_RDWR);
	gntdev = open("/dev/xen/gntdev", O_RDWR);
	check(gntalloc >= 0 && gntdev >= 0, "devices");
	alloc.op = (struct ioctl_gntalloc_alloc_gref){ .flags = 1, .count = PAGES };
	check(ioctl(gntalloc, IOCTL_GNTALLOC_ALLOC_GREF, &alloc.op) == 0, "alloc ioctl");
	granted = mapped(gntalloc, alloc.op.index);
	start = now();
	for (i = 0; i < rounds; i++) {
		map_and_unmap(granted, i);
	}
	printf("map, touch, unmap: %.1f us a page\n", (now() - start) * 1e6 / rounds / PAGES);
	start = now();
	for (i = 0; i < rounds; i++) {
		copy(granted, i);
	}
	printf("copy: %.1f us a page\n", (now() - start) * 1e6 / rounds / PAGES / 2);
	end.index = alloc.op.index;
	check(munmap(granted, PAGES * PAGE) == 0, "munmap of granted pages");
	check(ioctl(gntalloc, IOCTL_GNTALLOC_DEALLOC_GREF, &end) == 0, "dealloc ioctl");
	return 0;
}
