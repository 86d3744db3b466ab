# SPDX-License-Identifier: MIT
obj-y += decompress.o
obj-y += file_io.o
obj-y += kernel_image.o
