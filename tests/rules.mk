# SPDX-License-Identifier: MIT
#
# Rules for everything under tests/: unit tests and fuzzers of the real sources
# on a fake machine, micro-guests, source checks, system tests, benchmarks.
# Included by the top Makefile.

.PHONY: unit fuzz race model guests check system test run debian iso bench bench-boot bench-store bench-toolstack \
	release sloc initrd kernel

san := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
# What hv/core sees when it is compiled for the host. compiler.h comes before
# every source, tests included, as it does in the hypervisor itself.
# A name that libc has, too, is changed: libc's users must get libc's.
host_rename := -Dsched_yield=core_sched_yield
host_core_cflags := -std=gnu11 -D_GNU_SOURCE -DVELLUM_HOST=1 -g -O1 $(host_rename) \
	-fno-strict-aliasing -Wall -Wextra -Wundef -Werror $(filter-out -Ihv/x86,$(hv_include)) -Itests/fake \
	-Itests $(hv_force)
host_tool_cflags := -std=gnu11 -D_GNU_SOURCE -g -O1 $(tool_warn) \
	-Wno-conversion -Wno-missing-prototypes $(tool_include) -Itests

fake_src := $(wildcard tests/fake/*.c)
# The markers lie around the core's static data, for snapshots of it.
core_src := tests/fake/mark/begin.c $(patsubst %.o,%.c,$(hv_core) $(audit) $(boot_guests)) \
	tests/fake/mark/end.c
# XML is read in the same process here, where allocations can fail and fuzzers see it.
tool_src := $(patsubst %.o,%.c,$(filter-out %/config_xml.o,$(libvellum))) hv/core/elf.c \
	$(patsubst %.o,toolstack/xml/%.c,$(xml_engine))
test_libs := $(tool_libs) -lxml2
# A core and a store in memory below libvellum, and allocations that fail: the linker
# puts them in front of the real ones.
fake_ctl_src := $(wildcard tests/unit/toolstack/fake_*.c)
fake_store_names := open close read readf write writef mkdir remove list get_perms set_perms \
	queue queue_read flush begin end watch unwatch event introduce release
fake_ctl_link := $(foreach f,vl_ctl_open malloc calloc realloc reallocarray strdup strndup \
	$(addprefix vl_store_,$(fake_store_names)),-Wl,--wrap=$(f))
# The engine of the store daemon: what tests/unit/stored and the fuzzers of it link, too.
stored_src := $(patsubst %.o,toolstack/stored/%.c,$(stored_engine))
unit_under-stored := $(tool_src) $(stored_src)
fuzz_under-store_wire := $(tool_src) $(stored_src)
fuzz_under-store_ring := $(tool_src) $(stored_src)

# ---- Unit tests: one program for each folder of tests/unit -----------------
# Those of "core" get all of hv/core and tests/fake, those of "vl" all of
# toolstack/vl and fakes in place of libvellum, but for what reads vl.conf; any
# other gets libvellum.

unit_names := $(patsubst tests/unit/%/,%,$(dir $(wildcard tests/unit/*/main.c)))
unit_progs := $(addprefix $(O)/tests/unit-,$(unit_names))
unit_src = $(wildcard tests/unit/$(1)/*.c)

$(O)/san.flags: FORCE
	@echo '$(CC) $(san) $(host_core_cflags) $(host_tool_cflags)' | { $(update); }

san_core := hv/core tests/audit tests/boot_guests tests/fake tests/unit/core
unit_under-core = $(core_src) $(fake_src)
unit_under-vl = $(filter-out %/main.c,$(patsubst %.o,toolstack/vl/%.c,$(vl-y))) \
	$(patsubst %,toolstack/libvellum/%.c,config_lex config_message config_parse config_tool \
	config_value file_io)
san_tool := toolstack/libvellum toolstack/xml toolstack/stored toolstack/vl toolstack/vld \
	$(addprefix tests/unit/,$(filter-out core,$(unit_names)))

# $(call host_rule,OBJDIR,FOLDER,COMPILER,FLAGS,STAMP)
define host_rule
$(O)/$(1)/$(2)/%.o: $(2)/%.c $(O)/$(5) | $(generated)
	$$(say) CC $$@
	@mkdir -p $$(@D)
	$$(Q)$(3) $(4) -MMD -MP -c -o $$@ $$<
endef
# vld but for its main() and its devices: what tests/unit/vld links, too.
unit_more-vld := $(patsubst %.o,toolstack/vld/%.c,$(vld_engine))
unit_libs-vld := -levent_core
unit_libs-toolstack := -lmnl
unit_libs-vl := -Wl,--wrap=clock_gettime
fuzz_more-console_ring := toolstack/vld/ring.c toolstack/vld/scroll.c
$(foreach d,$(san_core),$(eval $(call host_rule,san,$(d),$(CC),$(san) $(host_core_cflags),san.flags)))
$(foreach d,$(san_tool),$(eval $(call host_rule,san,$(d),$(CC),$(san) $(host_tool_cflags),san.flags)))

define unit_rule
unit_objs-$(1) := $(patsubst %.c,$(O)/san/%.o,$(call unit_src,$(1)) \
	$(or $(unit_under-$(1)),$(tool_src) $(unit_more-$(1))))
$(O)/tests/unit-$(1): $$(unit_objs-$(1))
	$$(say) LD $$@
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(san) -o $$@ $$^ -lcunit $(if $(filter toolstack,$(1)),$(fake_ctl_link)) \
		$(if $(filter core,$(1)),,$(test_libs)) $($(1)-libs) $(unit_libs-$(1))
-include $$(unit_objs-$(1):.o=.d)
endef
$(foreach n,$(unit_names),$(eval $(call unit_rule,$(n))))

# The real vl-xml is asked, too.
$(O)/tests/unit-toolstack: | $(O)/bin/vl-xml

unit-build: $(unit_progs)
.PHONY: unit-build
UNIT ?= $(unit_names)
unit: $(addprefix $(O)/tests/unit-,$(UNIT))
	$(Q)$(PYTHON) tests/summary.py $(addprefix unit:,$^)

# ---- Races: tests/race, a thread for each CPU, under ThreadSanitizer --------

tsan := -fsanitize=thread -fno-omit-frame-pointer
RACE_TIME ?= 40
race_objs := $(patsubst %.c,$(O)/tsan/%.o,$(wildcard tests/race/*.c) $(core_src) $(fake_src))

$(O)/tsan.flags: FORCE
	@echo '$(CLANG) $(tsan) $(host_core_cflags)' | { $(update); }

# The auditor runs while all threads rest: instrumented it would only be slow.
$(foreach d,hv/core tests/boot_guests tests/fake tests/race,$(eval $(call host_rule,tsan,$(d),$(CLANG),$(tsan) -DFAKE_THREADS=1 $(host_core_cflags),tsan.flags)))
$(eval $(call host_rule,tsan,tests/audit,$(CLANG),-DFAKE_THREADS=1 $(host_core_cflags),tsan.flags))

$(O)/race/race: $(race_objs)
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(tsan) -o $@ $^ -lpthread
-include $(race_objs:.o=.d)

race: $(O)/race/race
	$(Q)$(if $(SABOTAGE),RACE_TIME=$(RACE_TIME) tests/race/sabotage.py $(O) $(SABOTAGE) $(race_objs),\
		O=$(O) RACE_TIME=$(RACE_TIME) tests/race/t-race $(STORM))

# ---- Models: tests/model, searched exhaustively by spin ----------------------

model:
	$(Q)O=$(O) MODEL=full $(PYTHON) tests/summary.py tap:tests/model/t-model

# ---- Fuzzers: tests/fuzz/NAME.c for the core, tests/fuzz/toolstack/NAME.c ---
# A fuzzer of the core may have more sources, in tests/fuzz/NAME/.

fuzz_core_names := $(basename $(notdir $(wildcard tests/fuzz/*.c)))
fuzz_tool_names := $(basename $(notdir $(wildcard tests/fuzz/toolstack/*.c)))
fuzz_names := $(fuzz_core_names) $(fuzz_tool_names)
fuzz_san := -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ ?= $(fuzz_names)
FUZZ_TIME ?= 60

$(O)/fuzz.flags: FORCE
	@echo '$(CLANG) $(fuzz_san) $(host_core_cflags) $(host_tool_cflags)' | { $(update); }

$(foreach d,hv/core tests/boot_guests,$(eval $(call host_rule,fuzz,$(d),$(CLANG),$(fuzz_san) $(host_core_cflags),fuzz.flags)))
# What compares a lot and tells a fuzzer nothing is compiled without coverage.
fuzz_plain := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
$(eval $(call host_rule,fuzz,toolstack/vld,$(CLANG),$(fuzz_san) $(host_tool_cflags),fuzz.flags))
$(eval $(call host_rule,fuzz,tests/fake,$(CLANG),$(fuzz_plain) $(host_core_cflags),fuzz.flags))
$(eval $(call host_rule,fuzz,tests/audit,$(CLANG),$(fuzz_plain) $(host_core_cflags),fuzz.flags))
$(eval $(call host_rule,fuzz,tests/fuzz,$(CLANG),$(fuzz_san) $(host_core_cflags),fuzz.flags))
$(eval $(call host_rule,fuzz,toolstack/libvellum,$(CLANG),$(fuzz_san) $(host_tool_cflags),fuzz.flags))
$(eval $(call host_rule,fuzz,tests/unit/toolstack,$(CLANG),$(fuzz_plain) $(host_tool_cflags),fuzz.flags))
$(eval $(call host_rule,fuzz,toolstack/xml,$(CLANG),$(fuzz_san) $(host_tool_cflags),fuzz.flags))
$(eval $(call host_rule,fuzz,toolstack/stored,$(CLANG),$(fuzz_san) $(host_tool_cflags),fuzz.flags))
$(eval $(call host_rule,fuzz,tests/fuzz/toolstack,$(CLANG),$(fuzz_san) $(host_tool_cflags),fuzz.flags))

# $(call fuzz_rule,NAME,SOURCES,LIBRARIES)
define fuzz_rule
fuzz_objs-$(1) := $(patsubst %.c,$(O)/fuzz/%.o,$(2))
$(O)/fuzz/$(1): $$(fuzz_objs-$(1))
	$$(say) LD $$@
	$$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined -o $$@ $$^ $(3)
-include $$(fuzz_objs-$(1):.o=.d)
endef
$(foreach n,$(fuzz_core_names),$(eval $(call fuzz_rule,$(n),tests/fuzz/$(n).c $(wildcard tests/fuzz/$(n)/*.c) $(core_src) $(fake_src),)))
$(foreach n,$(fuzz_tool_names),$(eval $(call fuzz_rule,$(n),tests/fuzz/toolstack/$(n).c \
	$(or $(fuzz_under-$(n)),$(tool_src) $(fake_ctl_src) $(fuzz_more-$(n))),\
	$(if $(fuzz_under-$(n)),,$(fake_ctl_link)) $(test_libs))))

# "make test" lets each run for seconds: tests/fuzz/t-fuzz has the names from here.
fuzz_progs := $(addprefix $(O)/fuzz/,$(fuzz_names))
fuzz-build: $(fuzz_progs)
.PHONY: fuzz-build
test_env := FUZZERS='$(fuzz_names)' CLANG='$(CLANG)'

# The corpus grows in $(O)/fuzz/corpus; committed seeds are in tests/fuzz/seeds.
fuzz: $(addprefix $(O)/fuzz/,$(FUZZ))
	$(Q)for t in $(FUZZ); do \
		mkdir -p $(O)/fuzz/corpus/$$t; seeds=tests/fuzz/seeds/$$t; \
		[ -d $$seeds ] || seeds=; \
		echo "fuzz $$t: $(FUZZ_TIME) s"; \
		$(O)/fuzz/$$t -max_total_time=$(FUZZ_TIME) -timeout=20 \
			-artifact_prefix=$(O)/fuzz/$$t- $(FUZZ_ARGS) \
			$(O)/fuzz/corpus/$$t $$seeds > $(O)/fuzz/$$t.log 2>&1 || \
			{ tail -n 60 $(O)/fuzz/$$t.log; exit 1; }; \
		tail -n 1 $(O)/fuzz/$$t.log; done

# ---- Micro-guests: tests/guest/NAME/main.c on guest-shim -------------------
# guest-shim/files.mk lists the shim's objects and may set guest_cflags and
# guest_aflags; guest-shim/guest.lds is the linker script.

guest_cflags := -std=gnu11 -ffreestanding -fno-pic -mcmodel=large \
	-mno-red-zone -mgeneral-regs-only -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-common -fcf-protection=none -O2 -g \
	-Wall -Wextra -Wshadow -Wundef -Werror
guest_ldflags := -nostdlib -static $(no_pie) -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--build-id=none
$(call folder,guest-shim,shim)
guest_include := -Iabi -Iguest-shim -Iguest-shim/include -Itests/guest -I$(O)/include
guest_names := $(patsubst tests/guest/%/,%,$(dir $(wildcard tests/guest/*/main.c)))
shim_objs := $(addprefix $(O)/,$(shim))

$(O)/guest.flags: FORCE
	@echo '$(CC) $(guest_cflags) $(guest_aflags) $(guest_include) $(guest_ldflags)' | { $(update); }

define guest_compile
$(O)/$(1)/%.o: $(1)/%.c $(O)/guest.flags
	$$(say) CC $$@
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(guest_cflags) $$(guest_include) -MMD -MP -c -o $$@ $$<
$(O)/$(1)/%.o: $(1)/%.S $(O)/guest.flags
	$$(say) AS $$@
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -D__ASSEMBLY__ $$(guest_aflags) $$(guest_include) -MMD -MP -c -o $$@ $$<
endef
$(eval $(call guest_compile,guest-shim))
$(eval $(call guest_compile,tests/guest))

define guest_rule
guest_objs-$(1) := $(patsubst %,$(O)/%.o,$(basename $(wildcard tests/guest/$(1)/*.c tests/guest/$(1)/*.S)))
$(O)/guest/$(1).elf: $$(guest_objs-$(1)) $(shim_objs) guest-shim/guest.lds
	$$(say) LD $$@
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(guest_ldflags) -T guest-shim/guest.lds -o $$@ $$(guest_objs-$(1)) $(shim_objs)
-include $$(guest_objs-$(1):.o=.d)
endef
$(foreach n,$(guest_names),$(eval $(call guest_rule,$(n))))
-include $(shim_objs:.o=.d)

guest_elfs := $(if $(strip $(shim)),$(guest_names:%=$(O)/guest/%.elf))
guests: $(guest_elfs)

# ---- Source checks ---------------------------------------------------------

# t-* print TAP; abi.sh compares the headers with Debian's libxen-dev.
CHECKS := $(addprefix tap:,$(sort $(wildcard tests/check/t-*))) \
	$(addprefix sum:,$(wildcard tests/check/abi.sh))
check_env := O=$(O) CC='$(CC)' HV_CFLAGS='$(hv_cflags)'
check: $(generated) $(O)/vellum.elf $(O)/libvellum.a $(progs)
	$(Q)$(check_env) $(PYTHON) tests/summary.py $(CHECKS)
sloc:
	$(Q)tests/check/sloc.sh

# ---- System tests and benchmarks under QEMU --------------------------------

# "make run" has guests.
MEM ?= $(if $(QUICK),2G,$(if $(filter run,$(MAKECMDGOALS)),3G,2G))
SMP ?= 2
HVARGS ?=
KARGS ?=
N ?= 3
RUN := $(O)/run

kernel: $(RUN)/vmlinux
$(RUN)/vmlinux: tests/system/getkernel.sh $(O)/bin/vl-unpack
	$(Q)tests/deps/deps.sh check run
	$(Q)O=$(O) KERNEL='$(KERNEL)' tests/system/getkernel.sh
initrd: $(RUN)/initrd.gz
$(RUN)/initrd.gz: tests/system/mkinitramfs.sh tests/system/init | $(RUN)/vmlinux
	$(say) INITRD $@
	$(Q)tests/deps/deps.sh check run
	$(Q)tests/system/mkinitramfs.sh -o $@

# A small guest, and a control domain that creates such: what tests of the
# toolstack boot, in seconds. See tests/system/control.py.
CONTROL := tests/system/control
mkinitramfs := tests/system/mkinitramfs.sh
$(RUN)/wild-jump: $(CONTROL)/wild-jump.c
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 $(tool_warn) -ffreestanding -fno-pie -nostdlib -static -o $@ $<
$(RUN)/initrd-guest.gz: $(mkinitramfs) $(CONTROL)/guest-init $(CONTROL)/guest-end $(RUN)/wild-jump | $(RUN)/vmlinux
	$(say) INITRD $@
	$(Q)$(mkinitramfs) -o $@ -i $(CONTROL)/guest-init -f $(CONTROL)/guest-end:/sbin/poweroff \
		-f $(CONTROL)/guest-end:/sbin/reboot -f $(RUN)/wild-jump -k $(RUN)/modules -m xen-blkfront -m xen-netfront -m ext4

control_modules := xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xen-blkback xen-netback bridge loop brd \
	tun veth ext4 virtio_net virtio_blk virtio_pci e1000 nf_tables nft_chain_nat nft_masq
$(RUN)/vlstate: $(CONTROL)/vlstate.c $(O)/libvellum.a
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(tool_cflags) $(tool_ldflags) -o $@ $^ $(tool_libs)
# The program in the document, as it stands there.
$(RUN)/start-guest: docs/libvellum.md tests/check/doc-block $(O)/libvellum.a
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)tests/check/doc-block $< c > $@.c
	$(Q)$(CC) -std=gnu11 -Wall -Wextra -Wshadow -Werror -Iabi -Itoolstack -o $@ $@.c $(O)/libvellum.a $(tool_libs)
# xenstore-utils are one program under many names.
control_programs := $(progs) $(RUN)/vlstate $(RUN)/start-guest $(addprefix xenstore-,chmod exists list ls read rm watch write) \
	dnsmasq nft mke2fs e2fsck strace
# GRUB for guests, and one as a guest's own disk has it. What it runs may have no
# comments: an apostrophe in one swallows the rest.
grub := /usr/lib/grub-xen/grub-x86_64-xen.bin
$(RUN)/pvboot.elf: $(CONTROL)/pvboot.cfg | $(RUN)/vmlinux
	$(say) GRUB $@
	$(Q)tests/deps/deps.sh check test
	$(Q)sed '/^#/d' $< > $@.cfg
	$(Q)grub-mkimage -O x86_64-xen -p /boot/grub -c $@.cfg -o $@ ext2 linux echo
control_files := $(RUN)/vmlinuz:/boot/vmlinuz $(RUN)/initrd-guest.gz:/boot/initrd-guest.gz \
	toolstack/network/vl-network $(CONTROL)/start $(O)/guest/crash.elf:/boot/crash.elf \
	$(grub):$(grub) $(RUN)/pvboot.elf:/boot/pvboot.elf
$(RUN)/initrd-vl.gz: $(mkinitramfs) tests/system/init toolstack/network/vl-network $(wildcard $(CONTROL)/*) \
		$(progs) $(RUN)/vlstate $(RUN)/start-guest $(O)/guest/crash.elf $(RUN)/initrd-guest.gz $(RUN)/pvboot.elf | $(RUN)/vmlinux
	$(say) INITRD $@
	$(Q)tests/deps/deps.sh check test
	$(Q)PATH=$$PATH:/usr/sbin:/sbin; $(mkinitramfs) -o $@ -k $(RUN)/modules \
		$(addprefix -m ,$(control_modules)) $(addprefix -f ,$(control_files)) \
		$(foreach p,$(control_programs),-l "$$(command -v $(p))")
.PHONY: control
control: $(RUN)/initrd-vl.gz

# A control domain with guests; QUICK=1: only a shell, in a few seconds.
run: all $(if $(QUICK),$(RUN)/vmlinux $(RUN)/initrd.gz)
	$(if $(QUICK),,$(Q)O=$(O) tests/system/demo.sh $(if $(FRESH),-f))
	$(Q)O=$(O) MEM='$(MEM)' SMP='$(SMP)' HVARGS='$(HVARGS)' KARGS='$(KARGS)' \
		DEMO='$(if $(QUICK),,1)' VLSCRIPT='$(VLSCRIPT)' tests/system/run.sh

# One image for CD and disk, BIOS and UEFI; boots what "make run" boots.
iso: $(O)/vellum.iso
$(O)/vellum.iso: tests/system/mkiso.sh $(O)/vellum.elf $(RUN)/vmlinux $(RUN)/initrd.gz $(O)/iso.flags
	$(say) ISO $@
	$(Q)O=$(O) HVARGS='$(HVARGS)' KARGS='$(KARGS)' tests/system/mkiso.sh $@
$(O)/iso.flags: FORCE
	@echo '$(HVARGS) $(KARGS)' | { $(update); }

# A whole Debian: DEBIAN=full has a compiler.
DEBIAN ?= small
debian: all
	$(Q)O=$(O) tests/system/mkroot.sh $(DEBIAN)
	$(Q)O=$(O) MEM='$(MEM)' SMP='$(SMP)' HVARGS='$(HVARGS)' KARGS='$(KARGS)' \
		DEBIAN=$(DEBIAN) tests/system/run.sh

# LONG=1, or T=, runs these, too: whole Debians as guests.
long_system := $(if $(LONG),,run)
SYSTEM := $(if $(T),$(T:%=tests/system/t-%.py),$(filter-out $(long_system:%=tests/system/t-%.py),\
	$(sort $(wildcard tests/system/t-*.py))))
ifneq ($(wildcard tests/guest/run.py),)
SYSTEM += $(if $(T),,tests/guest/run.py)
endif
system: all guests $(RUN)/vmlinux $(RUN)/initrd.gz $(RUN)/initrd-vl.gz
	$(Q)O=$(O) $(PYTHON) tests/summary.py $(addprefix tap:,$(SYSTEM))

# All of it. The system tests need the hypervisor: without its sources they are
# left out, and the summary says so.
test: all release guests $(O)/race/race $(unit_progs) $(fuzz_progs) $(generated) $(RUN)/vmlinux \
		$(RUN)/initrd.gz $(RUN)/initrd-vl.gz
	$(Q)$(check_env) $(test_env) $(PYTHON) tests/summary.py $(addprefix unit:,$(unit_progs)) \
		$(CHECKS) tap:tests/fuzz/t-fuzz tap:tests/race/t-race tap:tests/model/t-model \
		$(if $(have_hv),$(addprefix tap:,$(SYSTEM)) $(long_system:%=skip:t-%-without-LONG=1),skip:system)

bench-boot: all $(RUN)/vmlinux $(RUN)/initrd.gz
	$(Q)O=$(O) $(PYTHON) tests/bench/boot.py -n $(N) --json $(O)/bench-boot.json

# What the store daemon costs, with up to 10,000 guests' nodes.
bench-store: $(O)/bench/store $(O)/bin/vl-stored
	$(Q)$< $(O)/bin/vl-stored --json $(O)/bench-store.json
$(O)/bench/store: tests/bench/store.c tests/bench/store_client.c tests/bench/store_client.h $(O)/libvellum.a
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(tool_cflags) -o $@ $(filter-out %.h,$^) -lpthread

# Without CONFIG_DEBUG, in a build folder of its own: what figures are taken of.
RELEASE := $(O)/release
release:
	$(Q)mkdir -p $(RELEASE)
	$(Q)[ -e $(RELEASE)/.config ] || { $(MAKE) -s O=$(RELEASE) defconfig >/dev/null && \
		sed -i 's/^CONFIG_DEBUG=y/# CONFIG_DEBUG is not set/' $(RELEASE)/.config && \
		$(MAKE) -s O=$(RELEASE) olddefconfig >/dev/null; }
	$(Q)$(MAKE) -s O=$(RELEASE) hv

# Beside the bare kernel and Debian's Xen (make deps DEPS=bench), in one run.
bench: release $(RUN)/vmlinux
	$(Q)O=$(O) CC='$(CC)' $(PYTHON) tests/bench/bench.py --vellum $(RELEASE)/vellum.elf \
		--json $(O)/bench.json $(BENCH_ARGS)

# Guests by vl beside Debian's Xen with xl: takes an hour.
bench-toolstack: all release $(RUN)/vmlinux
	$(Q)O=$(O) CC='$(CC)' $(PYTHON) tests/bench/toolstack.py --vellum $(RELEASE)/vellum.elf \
		--json $(O)/bench-toolstack.json $(BENCH_ARGS)
