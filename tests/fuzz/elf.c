/* SPDX-License-Identifier: MIT */
/* Kernel images as an attacker makes them: every answer must be consistent. */
#include <stdlib.h>
#include <string.h>

#include <hv/check.h>
#include <hv/elf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Its own block, so that a read beyond the end is seen. */
	uint8_t *copy = malloc(size + 1);
	struct elf_image e;
	struct elf_kernel k;
	struct elf_segment s;
	const char *error;

	memcpy(copy, data, size);
	copy = realloc(copy, size ? size : 1);
	if (elf_open(&e, copy, size) == NULL) {
		for (unsigned int i = 0; elf_load_segment(&e, i, &s); i++) {
			CHECK(s.offset <= size && s.filesz <= size - s.offset);
			CHECK(s.memsz >= s.filesz);
		}
		memset(&k, 0xee, sizeof(k));
		error = elf_kernel_info(&e, &k);
		CHECK(error != NULL || (k.vend > k.vstart && k.pend > k.pstart));
	}
	free(copy);
	return 0;
}
