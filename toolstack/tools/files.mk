# SPDX-License-Identifier: MIT
prog-y += vl-unpack
vl-unpack-y := vl-unpack.o
