/* SPDX-License-Identifier: MIT */
/* Any bytes that begin like JSON.  See config_forms.h. */
#include "config_forms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The others are config_cfg.c's. */
	if (size && data[0] == '{') {
		check_text((const char *)data, size, NULL);
	}
	return 0;
}
