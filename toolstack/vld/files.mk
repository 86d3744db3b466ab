# SPDX-License-Identifier: MIT
# The engine is what unit tests link, too; see tests/rules.mk.
vld_engine := client.o console.o ends.o ending.o guest_log.o guests.o job.o restart.o ring.o \
	say.o scroll.o server.o status.o viewer.o
prog-y += vld
vld-y := $(vld_engine) host_device.o host_real.o process.o vld.o
vld-libs := -levent_core
