# Sources of hv/x86: the only place with assembly and machine registers.

obj-y += boot.o entry.o
obj-y += start.o cpu.o desc.o traps.o switch.o fpu.o patch.o
obj-y += apic.o ioapic.o pic.o acpi.o acpi_sleep.o smp.o clock.o
obj-y += paging.o boot_mem.o tlb.o uart.o pci.o ports.o
