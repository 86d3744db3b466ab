# SPDX-License-Identifier: MIT
obj-y := boot.o entry.o start.o traps.o mm.o evtchn.o time.o console.o user.o \
	smp.o string.o
# trap_save() returns twice by design; TRAP_TRY says what that means for locals.
guest_cflags += $(if $(findstring clang,$(CC)),,-Wno-clobbered)
