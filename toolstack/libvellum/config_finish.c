/* SPDX-License-Identifier: MIT */
/*
 * A configuration before and after its keys are known: what holds where nothing
 * is said, and the checks that need more than one key.  Called by config.c for
 * every form, so that all of them give the same structure.
 */
#include "libvellum/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MEMORY (UINT64_C(128) * 1024)
#define DEFAULT_WEIGHT 256

struct vl_config *config_new(void)
{
	struct vl_config *config = calloc(1, sizeof(*config));

	if (config) {
		config->weight = DEFAULT_WEIGHT;
		config->on_poweroff = VL_ACTION_DESTROY;
		config->on_reboot = VL_ACTION_RESTART;
		config->on_crash = VL_ACTION_DESTROY;
		config->on_watchdog = VL_ACTION_DESTROY;
		config->on_soft_reset = VL_ACTION_SOFT_RESET;
	}
	return config;
}

bool config_name_is_number(const char *name)
{
	return *name && strspn(name, "0123456789") == strlen(name);
}

int config_name_check(const char *name, struct vl_error *error)
{
	if (!name || !*name) {
		return vl_error_set(error, -EINVAL, "the guest has no name");
	}
	if (strlen(name) > CONFIG_NAME_MAX) {
		return vl_error_set(error, -EINVAL,
				    "the name of the guest is longer than %d characters",
				    CONFIG_NAME_MAX);
	}
	if (!config_text_valid(name, false)) {
		return vl_error_set(error, -EINVAL,
				    "the guest's name has control characters or is not UTF-8");
	}
	for (const char *c = name; *c; c++) {
		if ((unsigned char)*c <= ' ' || *c == '/' || *c == 127) {
			return vl_error_set(error, -EINVAL,
					    "a guest's name has no blanks, slashes or control "
					    "characters");
		}
	}
	if (config_name_is_number(name) || *name == '.' || !strcmp(name, "Domain-0")) {
		return vl_error_set(error, -EINVAL,
				    "no guest can be named %s: that could be a number, a hidden "
				    "file or the control domain",
				    name);
	}
	return 0;
}

static int check_name(struct config_ctx *ctx, const char *name)
{
	struct vl_error error;

	return config_name_check(name, &error) ? config_fail(ctx, "%s", error.text) : 0;
}

/* cmdline, or root and extra. */
static int finish_cmdline(struct config_ctx *ctx, struct config_draft *draft)
{
	const char *root = draft->root, *extra = draft->extra;
	size_t size;
	char *text;

	if (!root && !extra) {
		return 0;
	}
	if (draft->config->cmdline) {
		return config_warn(ctx, "root and extra are without effect beside cmdline");
	}
	size = (root ? strlen(root) : 0) + (extra ? strlen(extra) : 0) + sizeof("root= ");
	text = malloc(size);
	if (!text) {
		return config_no_memory(ctx);
	}
	snprintf(text, size, "%s%s%s%s", root ? "root=" : "", root ? root : "",
		 root && extra ? " " : "", extra ? extra : "");
	draft->config->cmdline = text;
	return 0;
}

static int finish_memory(struct config_ctx *ctx, struct vl_config *config)
{
	if (!config->memory_kib) {
		config->memory_kib = config->maxmem_kib ? config->maxmem_kib : DEFAULT_MEMORY;
	}
	if (!config->maxmem_kib) {
		config->maxmem_kib = config->memory_kib;
	}
	return config->memory_kib <= config->maxmem_kib ?
		       0 :
		       config_fail(ctx, "memory is more than maxmem");
}

static int finish_vcpus(struct config_ctx *ctx, struct vl_config *config)
{
	if (!config->vcpus) {
		config->vcpus = 1;
	}
	if (!config->maxvcpus) {
		config->maxvcpus = config->vcpus;
	}
	return config->vcpus <= config->maxvcpus ? 0 :
						   config_fail(ctx, "vcpus is more than maxvcpus");
}

/* A mask for each vCPU, as many as there are. */
static int complete_cpus(struct config_ctx *ctx, struct vl_config *config)
{
	uint64_t *masks;
	int rc;

	if (config->cpus_count > config->maxvcpus) {
		rc = config_warn(ctx, "cpus is for more virtual CPUs than the guest has");
		if (rc) {
			return rc;
		}
	}
	masks = calloc(config->maxvcpus, sizeof(*masks));
	if (!masks) {
		return config_no_memory(ctx);
	}
	for (size_t i = 0; i < config->maxvcpus; i++) {
		masks[i] = i < config->cpus_count ? config->cpus[i] : CONFIG_ALL_CPUS;
	}
	free(config->cpus);
	config->cpus = masks;
	config->cpus_count = config->maxvcpus;
	return 0;
}

/* One form for one meaning: none given, one for all, or as many as vCPUs. */
static int finish_cpus(struct config_ctx *ctx, struct config_draft *draft)
{
	struct vl_config *config = draft->config;
	bool same = true;
	int rc;

	if (config->cpus_count && draft->cpus_each) {
		rc = complete_cpus(ctx, config);
		if (rc) {
			return rc;
		}
	}
	for (size_t i = 1; i < config->cpus_count; i++) {
		same = same && config->cpus[i] == config->cpus[0];
	}
	if (same && config->cpus_count) {
		config->cpus_count = config->cpus[0] == CONFIG_ALL_CPUS ? 0 : 1;
	}
	if (!config->cpus_count) {
		free(config->cpus);
		config->cpus = NULL;
	}
	return 0;
}

static int finish_disks(struct config_ctx *ctx, struct vl_config *config)
{
	uint32_t first, second;

	for (size_t i = 0; i < config->disk_count; i++) {
		/* config_disk_finish() has made sure that there are numbers. */
		(void)vl_vdev_number(config->disks[i].vdev, &first);
		for (size_t j = 0; j < i; j++) {
			(void)vl_vdev_number(config->disks[j].vdev, &second);
			if (first == second) {
				return config_fail(ctx, "two disks are %.40s",
						   config->disks[i].vdev);
			}
		}
	}
	return 0;
}

static bool devid_taken(const struct vl_config *config, size_t count, uint32_t devid)
{
	for (size_t i = 0; i < count; i++) {
		if (config->vifs[i].devid == devid) {
			return true;
		}
	}
	return false;
}

static int finish_vifs(struct config_ctx *ctx, struct vl_config *config)
{
	uint32_t devid = 0;

	for (size_t i = 0; i < config->vif_count; i++) {
		struct vl_vif *vif = &config->vifs[i];

		if (vif->devid != CONFIG_NO_DEVID && devid_taken(config, i, vif->devid)) {
			return config_fail(ctx, "two interfaces have the number %u", vif->devid);
		}
	}
	for (size_t i = 0; i < config->vif_count; i++) {
		if (config->vifs[i].devid == CONFIG_NO_DEVID) {
			while (devid_taken(config, config->vif_count, devid)) {
				devid++;
			}
			config->vifs[i].devid = devid;
		}
	}
	return 0;
}

/* Of a key that is set, in whatever form; the place is known of xl.cfg syntax. */
static int warn_unused(struct config_ctx *ctx, const char *key, const char *beside,
		       const struct config_settings *settings)
{
	struct config_ctx place = *ctx;

	place.line = 0;
	for (size_t i = 0; i < settings->count; i++) {
		const struct config_setting *setting = &settings->settings[i];

		if (strcmp(setting->key, key) == 0) {
			place.file = setting->file;
			place.line = setting->line;
		}
	}
	return config_warn(&place, "%s has no effect here, beside %s", key, beside);
}

int config_warn_unused(struct config_ctx *ctx, const struct vl_config *config,
		       const struct config_settings *settings)
{
	const char *loader = config->firmware ? "firmware" : "bootloader";
	int rc = 0;

	if (!config->firmware && !config->bootloader) {
		return 0;
	}
	if (config->kernel) {
		rc = warn_unused(ctx, "kernel", loader, settings);
	}
	if (!rc && config->ramdisk) {
		rc = warn_unused(ctx, "ramdisk", loader, settings);
	}
	if (!rc && config->firmware && config->bootloader) {
		rc = warn_unused(ctx, "bootloader", loader, settings);
	}
	return rc;
}

int config_finish(struct config_ctx *ctx, struct config_draft *draft)
{
	struct vl_config *config = draft->config;
	int rc;

	ctx->line = 0;
	rc = check_name(ctx, config->name);
	if (!rc) {
		rc = finish_cmdline(ctx, draft);
	}
	if (!rc && !config->kernel && !config->bootloader && !config->firmware) {
		rc = config_fail(ctx, "the guest has neither a kernel nor a bootloader");
	}
	if (!rc) {
		rc = finish_memory(ctx, config);
	}
	if (!rc) {
		rc = finish_vcpus(ctx, config);
	}
	if (!rc) {
		rc = finish_cpus(ctx, draft);
	}
	if (!rc) {
		rc = finish_disks(ctx, config);
	}
	return rc ? rc : finish_vifs(ctx, config);
}
