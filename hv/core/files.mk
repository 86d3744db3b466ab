# Sources of hv/core: pure C, also compiled for the host against tests/fake.

obj-y += main.o
obj-y += hypercall.o multicall.o guest_access.o lock.o
obj-y += control.o domain.o crash.o vcpu.o vcpu_op.o guest_area.o
obj-y += sched.o sched_op.o timer.o vtime.o
obj-y += page.o pgtype.o pgvalidate.o pte.o mmu_update.o va_mapping.o
obj-y += mmuext.o mm_vcpu.o relinquish.o
obj-y += heap.o memory_op.o memory_exchange.o memory_map.o
obj-y += evtchn.o evtchn_op.o evtchn_2l.o evtchn_fifo.o
obj-y += gnttab.o gnttab_map.o gnttab_copy.o
obj-y += descriptor.o bounce.o trap_op.o cpuid.o
obj-y += emul.o emul_decode.o emul_io.o emul_pte.o guest_msr.o
obj-y += physdev.o pirq.o pci.o ioport.o platform.o
obj-y += version.o console_io.o
obj-y += cpu_vuln.o
obj-y += printk.o format.o panic.o cmdline.o string.o
obj-y += multiboot.o elf.o build.o build_layout.o
