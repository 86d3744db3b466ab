/* SPDX-License-Identifier: MIT */
/*
 * vl-unpack: the ELF file inside a kernel image, for loaders that take nothing
 * else. Exit code 0: done; 1: the image or a file is at fault, one sentence on
 * stderr says how; 2: called wrongly.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "libvellum/file_io.h"
#include "libvellum/kernel_image.h"

static void usage(FILE *to)
{
	fputs("usage: vl-unpack [-v] IMAGE OUT\n"
	      "Write the ELF kernel inside IMAGE (bzImage, or ELF packed by\n"
	      "gzip, xz, zstd or lz4, or plain ELF) to OUT.\n"
	      "  -v  say what was found\n",
	      to);
}

static int unpack(const char *from, const char *to, int verbose)
{
	struct kernel_image image;
	struct vl_error error;
	void *data;
	size_t size;
	int rc;

	rc = file_read(from, KERNEL_IMAGE_LIMIT, &data, &size, &error);
	if (rc) {
		fprintf(stderr, "vl-unpack: %s\n", error.text);
		return 1;
	}
	rc = kernel_image_unpack(data, size, KERNEL_IMAGE_LIMIT, &image, &error);
	free(data);
	if (rc) {
		fprintf(stderr, "vl-unpack: %s: %s\n", from, error.text);
		return 1;
	}
	rc = file_write(to, image.elf, image.size, 0666, &error);
	if (rc) {
		fprintf(stderr, "vl-unpack: %s\n", error.text);
	} else if (verbose) {
		printf("%s: %spacking %s, %zu bytes -> %s, %zu bytes\n", from,
		       image.bzimage ? "bzImage, " : "", image.packing, size, to, image.size);
	}
	kernel_image_free(&image);
	return rc ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "verbose", no_argument, NULL, 'v' },
		{ 0 },
	};
	int verbose = 0, option;

	while ((option = getopt_long(argc, argv, "hv", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			usage(stdout);
			return 0;
		case 'v':
			verbose = 1;
			break;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (argc - optind != 2) {
		usage(stderr);
		return 2;
	}
	return unpack(argv[optind], argv[optind + 1], verbose);
}
