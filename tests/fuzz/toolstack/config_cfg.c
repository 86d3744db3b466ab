/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as xl.cfg syntax; what follows a 0 is an argument behind the file.
 * See config_forms.h.
 */
#include "config_forms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, 0, size) : NULL;
	size_t text_size = end ? (size_t)(end - data) : size;
	char *override = NULL;

	if (end) {
		override = strndup((const char *)end + 1, size - text_size - 1);
	}
	check_text((const char *)data, text_size, override);
	free(override);
	return 0;
}
