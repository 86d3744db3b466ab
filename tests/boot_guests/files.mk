# Guests from boot modules and their console: for tests and demonstrations, linked into
# debug builds of the hypervisor. Pure C as hv/core is, under the same flags.

obj-$(CONFIG_BOOT_GUESTS) += boot_guests.o options.o guest_console.o
