# SPDX-License-Identifier: MIT
obj-y += ctl.o
obj-y += ctl_linux.o
obj-y += ctl_memory.o
obj-y += decompress.o
obj-y += file_io.o
obj-y += kernel_image.o
