# The auditor: linked into the hypervisor with CONFIG_AUDIT, and into every test of
# the core on the fake machine. Pure C as hv/core is, under the same flags.

obj-y += pages.o events.o grants.o sched.o
