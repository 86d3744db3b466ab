/* SPDX-License-Identifier: MIT */
/*
 * console_io: odd counts and buffers of other people.
 */
#include <test.h>

void test(void)
{
	static char text[] = "written in parts\n";
	char *page = page_alloc(), got[8];
	unsigned int i;

	for (i = 0; i < sizeof(text) - 1; i++) {
		EXPECT_RC(hyp_console_io(CONSOLEIO_write, 1, text + i), 0);
	}
	EXPECT_EFAULT(p, hyp_console_io(CONSOLEIO_write, 16, p));
	EXPECT_RC(hyp_console_io(CONSOLEIO_write, 16, (void *)M2P_POINTER), -XEN_EFAULT);
	EXPECT_RC(hyp_console_io(CONSOLEIO_write, 0, text), 0);
	(void)hyp_console_io(CONSOLEIO_write, -1, text);
	(void)hyp_console_io(CONSOLEIO_write, INT32_MIN, text);
	(void)hyp_console_io(CONSOLEIO_read, -1, text);
	(void)hyp_console_io(CONSOLEIO_read, INT32_MIN, text);
	EXPECT(text[0] == 'w');
	/* Runs off the page: what is readable may come out. */
	EXPECT_RC(map_frame(UNMAPPED + 0x100000000ul, virt_to_mfn(page), PTE_RO), 0);
	memset(page, '.', PAGE_SIZE);
	EXPECT_RC(hyp_console_io(CONSOLEIO_write, 0x7fffffff,
				 (char *)UNMAPPED + 0x100000000ul + PAGE_SIZE - 64),
		  -XEN_EFAULT);
	print("\n");
	EXPECT_RC(hyp_console_io(CONSOLEIO_read, sizeof(got), got), 0);
	EXPECT_RC(hyp_console_io(99, 1, text), -XEN_ENOSYS);
	/* Control characters and zeroes are only bytes. */
	EXPECT_RC(hyp_console_io(CONSOLEIO_write, 3, "\0\a\n"), 0);
}
