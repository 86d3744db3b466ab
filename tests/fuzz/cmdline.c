/* SPDX-License-Identifier: MIT */
/* Any boot line parses or warns; options stay in their ranges. */
#include "fake.h"

#include <stdlib.h>

#include <hv/check.h>
#include <hv/cmdline.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	char *line = malloc(size + 1);

	if (!ready) {
		static const struct fake_config config = { .low_frames = 2048, .cpus = 1 };

		fake_init(&config);
		fake_snapshot();
		ready = true;
	}
	fake_restore();
	memcpy(line, data, size);
	line[size] = '\0';
	cmdline_parse(line, false);
	cmdline_parse(line, true);
	CHECK(memchr(options.text, 0, sizeof(options.text)) != NULL);
	CHECK(options.loglvl >= -1 && options.loglvl <= 3);
	free(line);
	return 0;
}
