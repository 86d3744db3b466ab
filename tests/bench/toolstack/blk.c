/* SPDX-License-Identifier: MIT */
/*
 * What reads of a block device cost, past the page cache:
 *
 *   blk DEVICE LABEL SECONDS
 *   BLK LABEL depth1 NS depth32 NS sequential NS
 *
 * Nanoseconds for a random read of 4 KiB with one and with 32 of them in flight,
 * and for each MiB of a sequential read.
 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096u
#define MIB (1u << 20)
#define DEPTH_MAX 32

static int device;
static uint64_t size;
static char *buffer;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The same sequence each time. */
static uint64_t random_block(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 20) % (size / BLOCK) * BLOCK;
}

static void submit(aio_context_t context, struct iocb *request, unsigned int slot)
{
	*request = (struct iocb){ .aio_fildes = (uint32_t)device,
				  .aio_lio_opcode = IOCB_CMD_PREAD,
				  .aio_buf = (uintptr_t)(buffer + slot * BLOCK),
				  .aio_nbytes = BLOCK,
				  .aio_offset = (int64_t)random_block(),
				  .aio_data = slot };
	if (syscall(SYS_io_submit, context, 1, &request) != 1) {
		fail("io_submit");
	}
}

static double at_random(unsigned int depth, int64_t duration)
{
	aio_context_t context = 0;
	struct iocb requests[DEPTH_MAX];
	struct io_event events[DEPTH_MAX];
	int64_t begin = now(), taken;
	long done = 0;

	if (syscall(SYS_io_setup, depth, &context) != 0) {
		fail("io_setup");
	}
	for (unsigned int i = 0; i < depth; i++) {
		submit(context, &requests[i], i);
	}
	while ((taken = now() - begin) < duration) {
		long got = syscall(SYS_io_getevents, context, 1, depth, events, NULL);

		for (long i = 0; i < got; i++) {
			if (events[i].res != BLOCK) {
				fail("a read");
			}
			submit(context, &requests[events[i].data], (unsigned int)events[i].data);
		}
		done += got;
	}
	syscall(SYS_io_destroy, context);
	return (double)taken / (double)done;
}

static double in_sequence(int64_t duration)
{
	int64_t begin = now(), taken;
	uint64_t offset = 0, done = 0;

	while ((taken = now() - begin) < duration) {
		if (offset + MIB > size) {
			offset = 0;
		}
		if (pread(device, buffer, MIB, (off_t)offset) != MIB) {
			fail("a read");
		}
		offset += MIB;
		done++;
	}
	return (double)taken / (double)done;
}

int main(int argc, char **argv)
{
	int64_t duration;
	double depth1, depth32;

	if (argc != 4) {
		fputs("usage: blk DEVICE LABEL SECONDS\n", stderr);
		return 2;
	}
	duration = (int64_t)(atof(argv[3]) * 1e9);
	device = open(argv[1], O_RDONLY | O_DIRECT);
	if (device < 0 || ioctl(device, BLKGETSIZE64, &size) != 0) {
		fail(argv[1]);
	}
	buffer = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED) {
		fail("mmap");
	}
	at_random(1, duration / 8);
	depth1 = at_random(1, duration);
	depth32 = at_random(DEPTH_MAX, duration);
	printf("BLK %s depth1 %.0f depth32 %.0f sequential %.0f\n", argv[2], depth1, depth32,
	       in_sequence(duration));
	return 0;
}
