# SPDX-License-Identifier: MIT
prog-y += vl-script
vl-script-y := main.o
