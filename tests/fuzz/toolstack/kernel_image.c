/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a kernel image: the outcome is an error with a sentence, or an
 * ELF file no larger than the limit.
 */
#include "libvellum/kernel_image.h"

#include <stdint.h>
#include <stdlib.h>

#define LIMIT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel_image image;
	struct vl_error error = { "" };

	if (kernel_image_unpack(data, size, LIMIT, &image, &error)) {
		if (error.text[0] == '\0') {
			abort();
		}
		return 0;
	}
	if (image.size > LIMIT) {
		abort();
	}
	kernel_image_free(&image);
	return 0;
}
