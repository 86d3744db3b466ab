# SPDX-License-Identifier: MIT
#
# Vellum's build: one non-recursive makefile. Every source folder lists its
# objects in a files.mk of its own (obj-y, obj-$(CONFIG_X), prog-y); the rules
# are here and, for tests, in tests/rules.mk. Start with "make help".

O ?= build
VERSION := 0.1

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
# Debian's own interpreter: the one that python3-kconfiglib is for.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.PHONY: all FORCE
all:
FORCE:

ifeq ($(V),1)
Q :=
say := @:
else
Q := @
say := @printf '  %-8s%s\n'
endif

# Write stdin to $@ unless it holds the same text already, so that only a real
# change makes dependants rebuild.
update = mkdir -p $(@D); cat > $@.tmp; if cmp -s $@.tmp $@; then rm -f $@.tmp; \
	else mv -f $@.tmp $@; fi

# "make run", "make debian", "make iso" and "make test" do all set-up they need: as root they
# install what is missing, before anything below looks for a tool; others are
# told what to do.
ifneq ($(filter run debian iso test,$(MAKECMDGOALS)),)
purposes := build run $(sort $(filter iso test,$(MAKECMDGOALS)) $(if $(filter test,$(MAKECMDGOALS)),iso))
ifneq ($(shell tests/deps/deps.sh ensure $(purposes) >&2 || echo failed),)
$(error packages are missing, see above)
endif
endif

# ---- Configuration ---------------------------------------------------------

KCONFIG := KCONFIG_CONFIG=$(O)/.config $(PYTHON) -m
AUTOCONF := $(O)/include/generated/autoconf.h
VERSION_H := $(O)/include/generated/version.h
kconfig_goals := menuconfig defconfig savedefconfig olddefconfig
no_config_goals := $(kconfig_goals) clean distclean deps deps-check help sloc \
	format format-check
need_config := $(or $(if $(MAKECMDGOALS),,y),\
	$(filter-out $(no_config_goals),$(MAKECMDGOALS)))

define need_kconfiglib
@mkdir -p $(O); $(PYTHON) -c 'import kconfiglib' 2>/dev/null || { \
echo "make: Debian package python3-kconfiglib is missing: run 'make deps' as root" >&2; \
exit 1; }
endef

.PHONY: $(kconfig_goals)
menuconfig olddefconfig:
	$(need_kconfiglib)
	$(Q)$(KCONFIG) $@ Kconfig

defconfig:
	$(need_kconfiglib)
	$(Q)$(KCONFIG) defconfig --kconfig Kconfig hv/defconfig

savedefconfig:
	$(need_kconfiglib)
	$(Q)$(KCONFIG) savedefconfig --kconfig Kconfig --out hv/defconfig

ifneq ($(need_config),)
# Without a configuration the default one is taken; after a change of Kconfig
# new symbols get their defaults and the rest stays as it was chosen.
$(O)/.config: Kconfig
	$(need_kconfiglib)
	$(Q)if [ -e $@ ]; then $(KCONFIG) olddefconfig Kconfig; \
	else $(KCONFIG) defconfig --kconfig Kconfig hv/defconfig; fi >/dev/null
	$(Q)touch $@

-include $(O)/.config
endif

$(O)/autoconf.stamp: $(O)/.config Kconfig
	$(Q)mkdir -p $(dir $(AUTOCONF))
	$(Q)$(KCONFIG) genconfig --header-path $(AUTOCONF) Kconfig
	$(Q)touch $@
$(AUTOCONF): $(O)/autoconf.stamp
	@test -e $@ || { rm -f $<; echo "$@ was removed: run make again" >&2; exit 1; }

changeset := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
$(VERSION_H): FORCE
	@printf '%s\n' '#define VELLUM_VERSION "$(VERSION)"' \
		'#define VELLUM_CHANGESET "$(changeset)"' | { $(update); }

# ---- Folders ---------------------------------------------------------------

# $(call folder,DIR,VARIABLE): append DIR's objects, with their path, to VARIABLE.
define folder_body
obj-y :=
-include $(1)/files.mk
$(2) := $$($(2)) $$(addprefix $(1)/,$$(obj-y))
endef
folder = $(eval $(call folder_body,$(1),$(2)))

# ---- Hypervisor ------------------------------------------------------------

# No segment registers of ours, no SSE state, no red zone below the stack: all
# three belong to the guest at any moment. Position-independent code is what
# runs at an address outside the top 2 GiB.
hv_warn := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wundef -Werror
# hv/x86 is there for the machine's half of a seam header; what hv/core includes
# by name is checked by tests/check/t-layers.
hv_include := -Iabi -Ihv/include -I$(O)/include -Ihv/x86
hv_force := -include $(AUTOCONF) -include hv/include/hv/compiler.h
hv_cflags := -std=gnu11 -ffreestanding -fpie -fvisibility=hidden -mno-red-zone \
	-mgeneral-regs-only -fno-strict-aliasing -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-common -fcf-protection=none \
	-ffile-prefix-map=$(CURDIR)=. -O3 -g $(hv_warn) $(hv_include) $(hv_force)
# No indirect branch that a guest's training of the predictors could steer
# (Spectre v2): each goes through a return. tests/check/t-branches looks.
hv_cflags += $(if $(findstring clang,$(CC)),-mretpoline,-mindirect-branch=thunk \
	-mindirect-branch-register) -fno-jump-tables
hv_aflags := -D__ASSEMBLY__ -fpie -ffile-prefix-map=$(CURDIR)=. -g -Wundef \
	-Werror $(hv_include) $(hv_force)
# clang knows that -static means -no-pie, and complains about hearing it twice.
no_pie := $(if $(findstring clang,$(CC)),,-no-pie)
hv_ldflags := -nostdlib -static $(no_pie) -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--build-id=sha1 -Wl,--fatal-warnings
hv_core_cflags := -Wconversion
hv_x86_cflags :=
# The small functions that make up every path are in other files than their
# callers: the whole core is compiled as one.  clang would need lld for that.
# string.c stays outside: the compiler makes calls of memcpy() up after linking.
hv_lto := $(if $(findstring clang,$(CC)),,-flto=auto)

$(call folder,hv/core,hv_core)
$(call folder,hv/x86,hv_x86)
$(call folder,tests/audit,audit)
$(call folder,tests/boot_guests,boot_guests)
hv_objs := $(addprefix $(O)/,$(hv_core) $(hv_x86) $(if $(CONFIG_AUDIT),$(audit)) $(boot_guests))
ASM_OFFSETS := $(O)/include/generated/asm_offsets.h
generated := $(AUTOCONF) $(VERSION_H)

$(O)/hv.flags: FORCE
	@echo '$(CC) $(hv_cflags) $(hv_core_cflags) $(hv_x86_cflags) $(hv_aflags) $(hv_lto) $(hv_ldflags) $(hv_objs)' | { $(update); }

define core_rule
$(O)/$(1)/%.o: $(1)/%.c $(O)/hv.flags | $(generated)
	$$(say) CC $$@
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(hv_cflags) $$(hv_core_cflags) $$(hv_lto) -MMD -MP -c -o $$@ $$<
endef
$(foreach d,hv/core tests/audit tests/boot_guests,$(eval $(call core_rule,$(d))))

$(O)/hv/core/string.o: hv_lto :=

$(O)/hv/x86/%.o: hv/x86/%.c $(O)/hv.flags | $(generated)
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(hv_cflags) $(hv_x86_cflags) $(hv_lto) -MMD -MP -c -o $@ $<

$(O)/hv/x86/%.o: hv/x86/%.S $(O)/hv.flags | $(generated) $(ASM_OFFSETS)
	$(say) AS $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(hv_aflags) -MMD -MP -c -o $@ $<

# Structure offsets for assembly: asm_offsets.c emits lines "->NAME value",
# which no assembler accepts and sed turns into #defines.
$(O)/hv/x86/asm_offsets.s: hv/x86/asm_offsets.c $(O)/hv.flags | $(generated)
	$(say) GEN $(ASM_OFFSETS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(hv_cflags) $(hv_x86_cflags) -MMD -MP -MT $@ -S -o $@ $<
$(ASM_OFFSETS): $(O)/hv/x86/asm_offsets.s
	$(Q)sed -nE 's/^.*->([A-Za-z0-9_]+) [$$]?(-?[0-9]+).*/#define \1 \2/p' $< | { $(update); }

$(O)/hv/x86/vellum.lds: hv/x86/vellum.lds.S $(O)/hv.flags | $(generated)
	$(say) LDS $@
	@mkdir -p $(@D)
	$(Q)$(CC) -E -P -x assembler-with-cpp -Ulinux -Uunix -D__ASSEMBLY__ \
		-D__LINKER_SCRIPT__ $(hv_include) -include $(AUTOCONF) \
		-MMD -MP -MT $@ -MF $@.d -o $@ $<

$(O)/vellum.elf: $(hv_objs) $(O)/hv/x86/vellum.lds $(O)/hv.flags
	$(say) LD $@
	$(Q)$(CC) $(if $(hv_lto),$(hv_lto) $(hv_cflags)) $(hv_ldflags) -Wl,-Map=$(O)/vellum.map \
		-T $(O)/hv/x86/vellum.lds -o $@ $(hv_objs)

# The hypervisor is built as soon as its folders list sources.
ifneq ($(and $(strip $(hv_core)),$(strip $(hv_x86)),$(wildcard hv/x86/vellum.lds.S)),)
all: $(O)/vellum.elf
have_hv := y
endif
hv: $(O)/vellum.elf
.PHONY: hv

# ---- Toolstack -------------------------------------------------------------

tool_warn := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wundef \
	-Werror
# libxml2's are for toolstack/xml, the one program that is linked with it, and tests.
tool_include := -Iabi -Itoolstack -Ihv/include -I$(O)/include -isystem /usr/include/libxml2
tool_cflags := -std=gnu11 -D_GNU_SOURCE -O2 -g -fPIE -fstack-protector-strong \
	-ffile-prefix-map=$(CURDIR)=. $(tool_warn) $(tool_include)
tool_libs := -llzma -lzstd -llz4 -lz -ljansson
tool_hard := -Wl,-z,relro -Wl,-z,now
tool_ldflags := -pie $(tool_hard)

# toolstack/libvellum becomes libvellum.a. Any other folder lists programs:
# prog-y += NAME, NAME-y := its objects, NAME-libs := further libraries, NAME-static := y:
# without shared libraries.
tool_folders := $(patsubst %/files.mk,%,$(wildcard toolstack/*/files.mk))
prog-y :=
prog_names :=
define tool_body
prog-y :=
$$(call folder,$(1),tool_objs)
prog_names += $$(prog-y)
$$(foreach p,$$(prog-y),$$(eval prog-$$(p) := $$(addprefix $(1)/,$$($$(p)-y))))
endef
$(call folder,toolstack/libvellum,libvellum)
$(foreach d,$(filter-out toolstack/libvellum,$(tool_folders)),$(eval $(call tool_body,$(d))))
progs := $(addprefix $(O)/bin/,$(prog_names))

$(O)/tool.flags: FORCE
	@echo '$(CC) $(tool_cflags) $(tool_ldflags) $(tool_libs) $(libvellum) $(foreach p,$(prog_names),$(prog-$(p)) $($(p)-static))' | { $(update); }

$(O)/toolstack/%.o: toolstack/%.c $(O)/tool.flags | $(VERSION_H)
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(tool_cflags) -MMD -MP -c -o $@ $<

# The one source that toolstack and core share: both build domains from ELF files.
tool_elf := $(O)/toolstack/hv/elf.o
$(tool_elf): hv/core/elf.c $(O)/tool.flags
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(tool_cflags) -MMD -MP -c -o $@ $<

$(O)/libvellum.a: $(addprefix $(O)/,$(libvellum)) $(tool_elf) $(O)/tool.flags
	$(say) AR $@
	$(Q)rm -f $@; ar rcs $@ $(filter %.o,$^)

define prog_rule
$(O)/bin/$(1): $(addprefix $(O)/,$(prog-$(1))) $(O)/libvellum.a
	$$(say) LD $$@
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $(if $($(1)-static),-static-pie $$(tool_hard),$$(tool_ldflags)) -o $$@ $$^ \
		$$(tool_libs) $($(1)-libs)
endef
$(foreach p,$(prog_names),$(eval $(call prog_rule,$(p))))

all: $(progs)

# ---- Install, clean, tidy --------------------------------------------------

DESTDIR ?=
PREFIX ?= /usr
.PHONY: install clean distclean deps deps-check format format-check lint help
install: all
	$(if $(DESTDIR),,$(error DESTDIR= is not set: give a directory, or / for this machine))
	$(if $(have_hv),$(Q)install -D -m 644 $(O)/vellum.elf $(DESTDIR)/boot/vellum.elf)
	$(Q)for p in $(prog_names); do \
		install -D -m 755 $(O)/bin/$$p $(DESTDIR)$(PREFIX)/sbin/$$p || exit 1; done
	$(Q)install -m 755 toolstack/network/vl-network $(DESTDIR)$(PREFIX)/sbin/vl-network
	$(Q)install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)/etc/vellum/auto
	$(Q)for unit in toolstack/systemd/*; do \
		sed 's|/usr/sbin/|$(PREFIX)/sbin/|g' $$unit | install -m 644 /dev/stdin \
			$(DESTDIR)$(PREFIX)/lib/systemd/system/$${unit##*/} || exit 1; done

# Keeps the configuration and what was downloaded.
clean:
	$(Q)rm -rf $(addprefix $(O)/,hv toolstack bin include san tsan race model fuzz guest guest-shim \
		tests check run log libvellum.a vellum.elf vellum.map vellum.iso autoconf.stamp) \
		$(O)/*.flags
distclean: clean
	$(Q)rm -rf $(O)/cache $(O)/.config $(O)/.config.old
	$(Q)rmdir $(O) 2>/dev/null || true

deps:
	$(Q)tests/deps/deps.sh install
deps-check:
	$(Q)tests/deps/deps.sh check

c_sources = $(shell git ls-files -co --exclude-standard '*.c' '*.h')
format:
	$(Q)clang-format -i $(c_sources)
format-check:
	$(Q)clang-format --dry-run -Werror $(c_sources)

# Left out: what C cannot avoid (two integers side by side; memcpy, for which
# there is no memcpy_s), the underscores of published names, products of two
# sizeof that are meant, and memcpy of bytes that are no string. cppcheck takes
# a published 64-bit constant for a 32-bit one in sched.c, and clang 14's
# analyzer does not see va_start() when it is given several files.
lint_skip := -clang-analyzer-valist.Uninitialized,-bugprone-sizeof-expression,-bugprone-not-null-terminated-result,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling
lint_checks := -*,readability-braces-around-statements,bugprone-*,clang-analyzer-*,cert-err34-c,$(lint_skip)
lint_tidy = clang-tidy --quiet --warnings-as-errors='*' --checks='$(lint_checks)'
lint_hv := $(patsubst %.o,%.c,$(hv_core) $(audit) $(boot_guests))
lint_tool := $(patsubst %.o,%.c,$(libvellum) $(foreach p,$(prog_names),$(prog-$(p))))
lint: $(generated)
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --platform=unix64 --inline-suppr \
		--enable=warning,portability --suppress=missingInclude \
		--suppress=shiftTooManyBits:hv/core/vtime.c \
		-Iabi -Ihv/include $(wildcard hv/core) toolstack
	$(if $(strip $(lint_hv)),$(Q)$(lint_tidy) $(lint_hv) -- -DCONFIG_AUDIT=1 $(filter-out -Werror -mindirect-branch%,$(hv_cflags)))
	$(if $(strip $(lint_tool)),$(Q)$(lint_tidy) $(lint_tool) -- $(filter-out -Werror,$(tool_cflags)))

help:
	@printf '%s\n' \
	'make              build the hypervisor and the toolstack into $$(O), default build' \
	'make run          boot Vellum under QEMU: a Debian control domain with guests' \
	'                  (MEM=3G SMP=2 HVARGS= KARGS=; FRESH=1: new disks; leave: Ctrl-A x)' \
	'make run QUICK=1  only a shell in the control domain, in seconds (VLSCRIPT=)' \
	'make iso          the same as one image, build/vellum.iso: CD or disk, BIOS or UEFI' \
	'make debian       the same with a whole Debian on a disk (DEBIAN=full: a compiler)' \
	'make test         unit tests, fuzzers in short, checks, system tests; one summary line' \
	'make unit         CUnit tests under ASan and UBSan (UNIT=core: one folder only)' \
	'make check        sizes, layers, headers, documents; programs outside a control domain' \
	'make system       boot tests under QEMU (T=boot: one only)' \
	'make fuzz         libFuzzer targets (FUZZ=target FUZZ_TIME=seconds)' \
	'make guests       micro-guests of tests/guest' \
	'make bench        all figures beside the bare kernel and Xen (make deps DEPS=bench)' \
	'make bench-toolstack  guests by vl beside Xen with xl: an hour' \
	'make bench-boot   boot time: bare kernel, Xen, Vellum (N=3)' \
	'make bench-store  the store daemon: cost of a request, operations a second' \
	'make sloc         lines of code by component' \
	'make lint format format-check      cppcheck and clang-tidy; clang-format' \
	'make menuconfig defconfig savedefconfig olddefconfig' \
	'make deps         install the Debian packages all this needs (as root)' \
	'make install DESTDIR=DIR [PREFIX=/usr]; make clean; make distclean' \
	'V=1 shows commands, O=DIR builds elsewhere, CC=clang builds with clang'

include tests/rules.mk

-include $(hv_objs:.o=.d) $(O)/hv/x86/asm_offsets.d $(O)/hv/x86/vellum.lds.d
-include $(tool_elf:.o=.d) $(patsubst %.o,$(O)/%.d,$(libvellum) $(foreach p,$(prog_names),$(prog-$(p))))
