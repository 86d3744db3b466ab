/* SPDX-License-Identifier: MIT */
/*
 * The one table of keys: what each is called in xl.cfg syntax, in JSON and in
 * libvirt's XML, its type, its field and its range; and how settings of xl.cfg
 * syntax are applied.  Called by config.c and by the readers and writers of the
 * other forms.  A key that means nothing here is in it, too: then a warning can
 * say why.  docs/vl.cfg.md describes the keys; tests/check/t-docs compares.
 */
#include "libvellum/config_internal.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(type, name) offsetof(struct type, name)
#define CONFIG(name) FIELD(vl_config, name)
#define DISK(name) FIELD(vl_disk, name)
#define VIF(name) FIELD(vl_vif, name)
/* 16 TiB */
#define MAX_MIB (1u << 24)
#define GUEST "metadata/guest/"

/* clang-format off: one row is one line, or two. */
const struct config_key config_keys[] = {
	{ "name", NULL, CONFIG_STRING, CONFIG(name), 0, 0, "c_info/name", "name",
	  "name of the guest" },
	{ "uuid", NULL, CONFIG_UUID, CONFIG(uuid), 0, 0, "c_info/uuid", "uuid",
	  "its UUID; one is made up otherwise" },
	{ "type", NULL, CONFIG_TYPE, 0, 0, 0, "c_info/type", NULL, "\"pv\"" },
	{ "builder", NULL, CONFIG_TYPE, 0, 0, 0, NULL, NULL, "the older \"generic\"" },
	{ "kernel", NULL, CONFIG_STRING, CONFIG(kernel), 0, 0, "b_info/kernel", "os/kernel",
	  "file of the kernel" },
	{ "ramdisk", NULL, CONFIG_STRING, CONFIG(ramdisk), 0, 0, "b_info/ramdisk", "os/initrd",
	  "file of the initial ramdisk" },
	{ "cmdline", NULL, CONFIG_LINES, CONFIG(cmdline), 0, 0, "b_info/cmdline", "os/cmdline",
	  "the kernel's command line" },
	{ "root", NULL, CONFIG_ROOT, 0, 0, 0, NULL, NULL, "root=VALUE on the command line" },
	{ "extra", NULL, CONFIG_EXTRA, 0, 0, 0, NULL, NULL, "more of the command line" },
	{ "bootloader", NULL, CONFIG_STRING, CONFIG(bootloader), 0, 0, "b_info/type.pv/bootloader",
	  "bootloader", "program that finds the kernel" },
	{ "bootloader_args", "bootargs", CONFIG_ARGS, CONFIG(bootloader_args), 0, CONFIG_IDLE,
	  "b_info/type.pv/bootloader_args", "bootloader_args", "its arguments" },
	{ "firmware", NULL, CONFIG_FIRMWARE, CONFIG(firmware), 0, 0, "b_info/type.pv/firmware",
	  GUEST "firmware", "\"pvgrub64\"" },

	{ "memory", NULL, CONFIG_MIB, CONFIG(memory_kib), 1, MAX_MIB, "b_info/target_memkb", NULL,
	  "MiB at the start" },
	{ "maxmem", NULL, CONFIG_MIB, CONFIG(maxmem_kib), 1, MAX_MIB, "b_info/max_memkb", NULL,
	  "MiB it may ever have" },
	{ "vcpus", NULL, CONFIG_U32, CONFIG(vcpus), 1, CONFIG_MAX_VCPUS, NULL, NULL,
	  "virtual CPUs at the start" },
	{ "maxvcpus", NULL, CONFIG_U32, CONFIG(maxvcpus), 1, CONFIG_MAX_VCPUS, "b_info/max_vcpus",
	  NULL, "virtual CPUs it may ever have" },
	{ "cpus", "cpu", CONFIG_CPUS, 0, 0, 0, NULL, NULL, "CPUs that it may run on" },
	{ "cpu_weight", NULL, CONFIG_U32, CONFIG(weight), 1, 65535, "b_info/sched_params/weight",
	  "cputune/shares", "its share of busy CPUs" },
	{ "cap", "cpu_cap", CONFIG_U32, CONFIG(cap), 0, UINT64_C(100) * CONFIG_MAX_VCPUS,
	  "b_info/sched_params/cap", GUEST "cap", "percent of one CPU at most; 0: no limit" },

	{ "on_poweroff", NULL, CONFIG_ACTION, CONFIG(on_poweroff), 0, 0, "on_poweroff",
	  "on_poweroff", "when it has switched itself off" },
	{ "on_reboot", NULL, CONFIG_ACTION, CONFIG(on_reboot), 0, 0, "on_reboot", "on_reboot",
	  "when it wants to reboot" },
	{ "on_crash", NULL, CONFIG_ACTION, CONFIG(on_crash), 0, 0, "on_crash", "on_crash",
	  "when it has crashed" },
	{ "on_watchdog", NULL, CONFIG_ACTION, CONFIG(on_watchdog), 0, 0, "on_watchdog",
	  GUEST "on_watchdog", "when its watchdog has run out" },
	{ "on_soft_reset", NULL, CONFIG_ACTION, CONFIG(on_soft_reset), 0, 0, "on_soft_reset",
	  GUEST "on_soft_reset", "when it asks for a soft reset" },

	{ "disk", NULL, CONFIG_DISKS, 0, 0, 0, NULL, NULL, "its disks" },
	{ "vif", NULL, CONFIG_VIFS, 0, 0, 0, NULL, NULL, "its network interfaces" },
	{ "iomem", NULL, CONFIG_IOMEM, 0, 0, 0, NULL, NULL, "I/O memory it may map" },
	{ "ioports", NULL, CONFIG_IOPORTS, 0, 0, 0, NULL, NULL, "I/O ports it may use" },

	{ "max_grant_frames", NULL, CONFIG_U32, CONFIG(max_grant_frames), 0,
	  CONFIG_MAX_GRANT_FRAMES, "b_info/max_grant_frames", NULL,
	  "frames of its grant table at most" },
	{ "max_maptrack_frames", NULL, CONFIG_U32, CONFIG(max_maptrack_frames), 0,
	  CONFIG_MAX_MAPTRACK_FRAMES, "b_info/max_maptrack_frames", GUEST "max_maptrack_frames",
	  "frames that account for its mappings of grants at most" },
	{ "max_event_channels", NULL, CONFIG_U32, CONFIG(max_event_channels), 0, 131072,
	  "b_info/event_channels", NULL, "event channels at most" },
	{ "nomigrate", NULL, CONFIG_BOOL, CONFIG(nomigrate), 0, CONFIG_IDLE,
	  "b_info/disable_migrate", GUEST "nomigrate", "it is never migrated" },
	{ "driver_domain", NULL, CONFIG_BOOL, CONFIG(driver_domain), 0, CONFIG_IDLE,
	  "c_info/driver_domain", GUEST "driver_domain", "it serves devices to others" },
	{ "e820_host", NULL, CONFIG_BOOL, CONFIG(e820_host), 0, CONFIG_IDLE,
	  "b_info/type.pv/e820_host", NULL, "it sees the host's memory map" },

#define ACCEPTED(name)                                                 \
	{                                                              \
		name, NULL, CONFIG_ACCEPTED, 0, 0, 0, NULL, NULL, NULL \
	}
	ACCEPTED("localtime"),
	ACCEPTED("rtc_timeoffset"),
	ACCEPTED("max_grant_version"),
	ACCEPTED("run_hotplug_scripts"),
#define NOT_YET(name)                                                 \
	{                                                             \
		name, NULL, CONFIG_NOT_YET, 0, 0, 0, NULL, NULL, NULL \
	}
	NOT_YET("bootloader_restrict"),
	NOT_YET("bootloader_user"),
	NOT_YET("channel"),
	NOT_YET("cpus_soft"),
	NOT_YET("init_seclabel"),
	NOT_YET("irqs"),
	NOT_YET("p9"),
	NOT_YET("pci"),
	NOT_YET("pci_msitranslate"),
	NOT_YET("pci_permissive"),
	NOT_YET("pci_power_mgmt"),
	NOT_YET("pci_seize"),
	NOT_YET("pool"),
	NOT_YET("pvcalls"),
	NOT_YET("seclabel"),
	NOT_YET("tsc_mode"),
	NOT_YET("usbctrl"),
	NOT_YET("usbdev"),
	NOT_YET("vdispl"),
	NOT_YET("vfb"),
	NOT_YET("virtio"),
	NOT_YET("vkb"),
	NOT_YET("vnuma"),
	NOT_YET("vsnd"),
	NOT_YET("vtpm"),
	NOT_YET("xenstore_feature_mask"),
	NOT_YET("xenstore_quota"),
#define NO_EFFECT(name)                                                 \
	{                                                               \
		name, NULL, CONFIG_NO_EFFECT, 0, 0, 0, NULL, NULL, NULL \
	}
	NO_EFFECT("acpi"),
	NO_EFFECT("acpi_firmware"),
	NO_EFFECT("altp2m"),
	NO_EFFECT("apic"),
	NO_EFFECT("bios"),
	NO_EFFECT("bios_path_override"),
	NO_EFFECT("boot"),
	NO_EFFECT("cpuid"),
	NO_EFFECT("device_model"),
	NO_EFFECT("device_model_args"),
	NO_EFFECT("device_model_override"),
	NO_EFFECT("device_model_stubdomain_override"),
	NO_EFFECT("device_model_user"),
	NO_EFFECT("device_model_version"),
	NO_EFFECT("dm_restrict"),
	NO_EFFECT("gfx_passthru"),
	NO_EFFECT("hap"),
	NO_EFFECT("hdtype"),
	NO_EFFECT("hpet"),
	NO_EFFECT("keymap"),
	NO_EFFECT("msr_relaxed"),
	NO_EFFECT("nestedhvm"),
	NO_EFFECT("nographic"),
	NO_EFFECT("nx"),
	NO_EFFECT("opengl"),
	NO_EFFECT("pae"),
	NO_EFFECT("parallel"),
	NO_EFFECT("passthrough"),
	NO_EFFECT("pvh"),
	NO_EFFECT("pvshim"),
	NO_EFFECT("pvshim_path"),
	NO_EFFECT("rdm"),
	NO_EFFECT("sdl"),
	NO_EFFECT("serial"),
	NO_EFFECT("shadow_memory"),
	NO_EFFECT("soundhw"),
	NO_EFFECT("spice"),
	NO_EFFECT("spicehost"),
	NO_EFFECT("spicepasswd"),
	NO_EFFECT("spiceport"),
	NO_EFFECT("stdvga"),
	NO_EFFECT("timer_mode"),
	NO_EFFECT("usb"),
	NO_EFFECT("usbdevice"),
	NO_EFFECT("vga"),
	NO_EFFECT("videoram"),
	NO_EFFECT("viridian"),
	NO_EFFECT("vnc"),
	NO_EFFECT("vnc_autopass"),
	NO_EFFECT("vncconsole"),
	NO_EFFECT("vncdisplay"),
	NO_EFFECT("vnclisten"),
	NO_EFFECT("vncpasswd"),
	NO_EFFECT("vncunused"),
	NO_EFFECT("vncviewer"),
	NO_EFFECT("vpt_align"),
	NO_EFFECT("xen_platform_pci"),
	{ NULL, NULL, CONFIG_ACCEPTED, 0, 0, 0, NULL, NULL, NULL }
};

const struct config_key config_disk_keys[] = {
	{ "target", NULL, CONFIG_STRING, DISK(target), 0, 0, "pdev_path", NULL,
	  "block device or file of the control domain" },
	{ "vdev", NULL, CONFIG_STRING, DISK(vdev), 0, 0, "vdev", "target@dev",
	  "what the guest sees it as" },
	{ "script", NULL, CONFIG_STRING, DISK(script), 0, 0, "script", "script@path",
	  "program that makes a block device of the target" },
	{ "backend", NULL, CONFIG_STRING, DISK(backend), 0, 0, "backend_domname",
	  "backenddomain@name", "domain that serves it" },
	{ "direct-io-safe", NULL, CONFIG_BOOL, DISK(direct_io_safe), 0, 0, "direct_io_safe",
	  "@direct-io-safe", "reads and writes may bypass caches" },
	{ "shared", NULL, CONFIG_BOOL, DISK(shared), 0, 0, "shared", NULL,
	  "other guests may use it, too" },
	{ "discard", NULL, CONFIG_BOOL, DISK(discard), 0, 0, "discard_enable", NULL,
	  "the guest may discard blocks" },
	{ NULL, NULL, CONFIG_ACCEPTED, 0, 0, 0, NULL, NULL, NULL }
};

const struct config_key config_vif_keys[] = {
	{ "devid", NULL, CONFIG_U32, VIF(devid), 0, CONFIG_MAX_DEVICES - 1, "devid", NULL,
	  "its number" },
	{ "backend", NULL, CONFIG_STRING, VIF(backend), 0, 0, "backend_domname",
	  "backenddomain@name", "domain that serves it" },
	{ "mac", NULL, CONFIG_MAC, VIF(mac), 0, 0, "mac", "mac@address",
	  "its address; one is made up otherwise" },
	{ "ip", NULL, CONFIG_ADDRESSES, VIF(ip), 0, 0, "ip", NULL,
	  "addresses that the guest may use" },
	{ "bridge", NULL, CONFIG_STRING, VIF(bridge), 0, 0, "bridge", "source@bridge",
	  "bridge of the control domain that it is put into" },
	{ "vifname", NULL, CONFIG_STRING, VIF(vifname), 0, 0, "ifname", "target@dev",
	  "its name in the control domain" },
	{ "script", NULL, CONFIG_STRING, VIF(script), 0, 0, "script", "script@path",
	  "program that sets it up" },
	{ "gatewaydev", "netdev", CONFIG_STRING, VIF(gatewaydev), 0, CONFIG_IDLE, "gatewaydev",
	  "@gatewaydev", "interface of the control domain for routes" },
	{ "rate", NULL, CONFIG_U64, VIF(rate), 0, UINT32_MAX, "rate_bytes_per_interval", "@rate",
	  "bytes that it may send in an interval" },
	{ "rate_interval", NULL, CONFIG_U32, VIF(rate_interval), 0, UINT32_MAX,
	  "rate_interval_usecs", "@rate-interval", "the interval in microseconds" },
	{ "mtu", NULL, CONFIG_U32, VIF(mtu), 68, 65535, "mtu", "mtu@size", "bytes of a packet" },
	{ NULL, NULL, CONFIG_ACCEPTED, 0, 0, 0, NULL, NULL, NULL }
};
/* clang-format on */

const struct config_key *config_key_find(const struct config_key *keys, const char *name)
{
	for (; keys->name; keys++) {
		if (!strcmp(keys->name, name) || (keys->alias && !strcmp(keys->alias, name))) {
			return keys;
		}
	}
	return NULL;
}

const struct config_key *config_key_find_json(const struct config_key *keys, const char *path)
{
	for (; keys->name; keys++) {
		if (keys->json && !strcmp(keys->json, path)) {
			return keys;
		}
	}
	return NULL;
}

const struct config_key *config_key_find_xml(const struct config_key *keys, const char *path)
{
	for (; keys->name; keys++) {
		if (keys->xml && !strcmp(keys->xml, path)) {
			return keys;
		}
	}
	return NULL;
}

/* ---- Applying settings ---- */

static int apply_type(struct config_ctx *ctx, const struct config_key *key, const char *text)
{
	bool type = !strcmp(key->name, "type");

	if (!strcmp(text, type ? "pv" : "generic") || (!type && !strcmp(text, "linux"))) {
		return 0;
	}
	if (!strcmp(text, "hvm")) {
		return config_fail(ctx, "HVM guests are not supported: only type=\"pv\" is");
	}
	if (!strcmp(text, "pvh")) {
		return config_fail(ctx, "PVH guests are not supported: only type=\"pv\" is");
	}
	return config_fail(ctx, "%s: \"%.40s\" is not supported, only \"%s\" is", key->name,
			   config_text_shown(text), type ? "pv" : "generic");
}

static int apply_cpus(struct config_ctx *ctx, struct config_draft *draft,
		      const struct config_setting *setting)
{
	uint64_t *masks = setting->count ? calloc(setting->count, sizeof(*masks)) : NULL;
	int rc = 0;

	if (setting->count && !masks) {
		return config_no_memory(ctx);
	}
	for (size_t i = 0; !rc && i < setting->count; i++) {
		ctx->line = setting->atoms[i].line;
		rc = config_cpus_parse(ctx, setting->key, setting->atoms[i].text, &masks[i]);
	}
	if (rc) {
		free(masks);
		return rc;
	}
	free(draft->config->cpus);
	draft->config->cpus = masks;
	draft->config->cpus_count = setting->count;
	draft->cpus_each = setting->list;
	return 0;
}

static int add_device(struct config_ctx *ctx, struct vl_config *config, enum config_type type,
		      const char *spec)
{
	struct vl_range_config *range;
	struct vl_disk *disk;
	struct vl_vif *vif;
	int rc;

	switch (type) {
	case CONFIG_DISKS:
		rc = config_disk_add(ctx, config, &disk);
		return rc ? rc : config_disk_parse(ctx, spec, disk);
	case CONFIG_VIFS:
		rc = config_vif_add(ctx, config, &vif);
		return rc ? rc : config_vif_parse(ctx, spec, vif);
	case CONFIG_IOMEM:
		rc = config_range_add(ctx, config, true, &range);
		return rc ? rc : config_iomem_parse(ctx, spec, range);
	default:
		rc = config_range_add(ctx, config, false, &range);
		return rc ? rc : config_ioports_parse(ctx, spec, range);
	}
}

/* "disk=" replaces what an earlier form has given. */
static void remove_devices(struct vl_config *config, enum config_type type)
{
	if (type == CONFIG_DISKS) {
		while (config->disk_count) {
			vl_disk_clear(&config->disks[--config->disk_count]);
		}
	} else if (type == CONFIG_VIFS) {
		while (config->vif_count) {
			vl_vif_clear(&config->vifs[--config->vif_count]);
		}
	} else if (type == CONFIG_IOMEM) {
		config->iomem_count = 0;
	} else {
		config->ioport_count = 0;
	}
}

static int apply_devices(struct config_ctx *ctx, struct config_draft *draft,
			 const struct config_key *key, const struct config_setting *setting)
{
	int rc = 0;

	if (!setting->list) {
		return config_fail(ctx, "%s is to be a list: %s = [ \"...\" ]", key->name,
				   key->name);
	}
	if (!setting->append) {
		remove_devices(draft->config, key->type);
	}
	for (size_t i = 0; !rc && i < setting->count; i++) {
		ctx->line = setting->atoms[i].line;
		rc = setting->atoms[i].depth == 1 ?
			     add_device(ctx, draft->config, key->type, setting->atoms[i].text) :
			     config_fail(ctx, "the list of %s has a list in it", key->name);
	}
	return rc;
}

/* All the strings of a list, or the one, with blanks between them. */
static int apply_arguments(struct config_ctx *ctx, struct config_draft *draft,
			   const struct config_key *key, const struct config_setting *setting)
{
	size_t size = 1, used = 0;
	char *text;
	int rc;

	for (size_t i = 0; i < setting->count; i++) {
		size += strlen(setting->atoms[i].text) + 1;
	}
	text = malloc(size);
	if (!text) {
		return config_no_memory(ctx);
	}
	for (size_t i = 0; i < setting->count; i++) {
		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "",
					 setting->atoms[i].text);
	}
	text[used] = '\0';
	rc = config_set_text(ctx, draft->config, key, text);
	free(text);
	return rc;
}

/* += to a string that another form has set: "cmdline" is what it is for. */
static int append_text(struct config_ctx *ctx, struct config_draft *draft,
		       const struct config_key *key, const char *more)
{
	const char *old = *config_string_field(draft->config, key);
	size_t size = strlen(old) + strlen(more) + 1;
	char *text = malloc(size);
	int rc;

	if (!text) {
		return config_no_memory(ctx);
	}
	snprintf(text, size, "%s%s", old, more);
	rc = config_set_text(ctx, draft->config, key, text);
	free(text);
	return rc;
}

static int apply_single(struct config_ctx *ctx, struct config_draft *draft,
			const struct config_key *key, const struct config_setting *setting)
{
	const char *text;

	if (setting->list) {
		return config_fail(ctx, "%s is to be a single value, not a list", key->name);
	}
	text = setting->atoms[0].text;
	switch (key->type) {
	case CONFIG_TYPE:
		return apply_type(ctx, key, text);
	case CONFIG_ROOT:
		return config_set_string(ctx, key->name, &draft->root, text, true);
	case CONFIG_EXTRA:
		return config_set_string(ctx, key->name, &draft->extra, text, true);
	case CONFIG_STRING:
	case CONFIG_LINES:
		if (setting->append && *config_string_field(draft->config, key)) {
			return append_text(ctx, draft, key, text);
		}
		break;
	default:
		break;
	}
	return config_set_text(ctx, draft->config, key, text);
}

static int apply(struct config_ctx *ctx, struct config_draft *draft,
		 const struct config_setting *setting)
{
	const struct config_key *key = config_key_find(config_keys, setting->key);

	ctx->file = setting->file;
	ctx->line = setting->line;
	if (!key) {
		return config_warn(ctx, "%.60s is not known", setting->key);
	}
	switch (key->type) {
	case CONFIG_ACCEPTED:
		return 0;
	case CONFIG_NO_EFFECT:
		return config_warn(ctx, "%s has no effect on a paravirtualized guest", key->name);
	case CONFIG_NOT_YET:
		return config_warn(ctx, "%s is not supported and without effect", key->name);
	case CONFIG_CPUS:
		return apply_cpus(ctx, draft, setting);
	case CONFIG_DISKS:
	case CONFIG_VIFS:
	case CONFIG_IOMEM:
	case CONFIG_IOPORTS:
		return apply_devices(ctx, draft, key, setting);
	case CONFIG_ARGS:
		return apply_arguments(ctx, draft, key, setting);
	default:
		return apply_single(ctx, draft, key, setting);
	}
}

int config_apply(struct config_ctx *ctx, struct config_draft *draft,
		 const struct config_settings *settings)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < settings->count; i++) {
		rc = apply(ctx, draft, &settings->settings[i]);
	}
	return rc;
}
