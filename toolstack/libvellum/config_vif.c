/* SPDX-License-Identifier: MIT */
/*
 * One network interface: an entry of "vif=", key=value pairs with commas
 * between them.  Called by config_schema.c, and for its list by the readers of
 * the other forms.
 */
#include "libvellum/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How often a limited interface gets its credit, if nothing else is said. */
#define DEFAULT_INTERVAL 50000u
#define SECOND UINT64_C(1000000)

void vl_vif_clear(struct vl_vif *vif)
{
	free(vif->bridge);
	free(vif->ip);
	free(vif->vifname);
	free(vif->script);
	free(vif->backend);
	free(vif->gatewaydev);
	memset(vif, 0, sizeof(*vif));
}

int config_vif_add(struct config_ctx *ctx, struct vl_config *config, struct vl_vif **vif)
{
	struct vl_vif *vifs;

	if (config->vif_count >= CONFIG_MAX_DEVICES) {
		return config_fail(ctx, "there are more than %d interfaces", CONFIG_MAX_DEVICES);
	}
	vifs = realloc(config->vifs, (config->vif_count + 1) * sizeof(*vifs));
	if (!vifs) {
		return config_no_memory(ctx);
	}
	config->vifs = vifs;
	*vif = &vifs[config->vif_count++];
	memset(*vif, 0, sizeof(**vif));
	(*vif)->devid = CONFIG_NO_DEVID;
	return 0;
}

/* A number with one of the units behind it, times that unit's factor. */
static bool take_quantity(const char **text, const char *const *units, const uint64_t *factors,
			  uint64_t *value)
{
	size_t best = 0, best_size = 0;
	char *end;

	if (!isdigit((unsigned char)**text)) {
		return false;
	}
	errno = 0;
	*value = strtoull(*text, &end, 10);
	for (size_t i = 0; units[i]; i++) {
		size_t size = strlen(units[i]);

		if (size > best_size && !strncmp(end, units[i], size)) {
			best = i;
			best_size = size;
		}
	}
	*text = end + best_size;
	/* 10^18 is far beyond every network, and leaves room to multiply. */
	if (errno || !best_size || *value > UINT64_C(1000000000000000000) / factors[best]) {
		return false;
	}
	*value *= factors[best];
	return true;
}

/* 10Mb/s@20ms: bits or bytes in a second, and how often credit is given. */
static int set_rate(struct config_ctx *ctx, struct vl_vif *vif, const char *text)
{
	static const char *const units[] = { "b", "Kb", "Mb", "Gb", "B", "KB", "MB", "GB", NULL };
	/* Of bits: a byte is eight. */
	static const uint64_t bits[] = {
		1, 1000, 1000000, 1000000000, 8, 8000, 8000000, 8000000000
	};
	static const char *const times[] = { "us", "ms", "s", NULL };
	static const uint64_t micros[] = { 1, 1000, 1000000 };
	const char *at = text;
	uint64_t rate, interval = DEFAULT_INTERVAL;
	bool good = take_quantity(&at, units, bits, &rate) && !strncmp(at, "/s", 2);

	if (good && at[2] == '@') {
		at += 3;
		good = take_quantity(&at, times, micros, &interval) && *at == '\0';
	} else if (good) {
		good = at[2] == '\0';
	}
	if (!good) {
		return config_fail(ctx, "rate: \"%.40s\" is no rate, as \"10Mb/s@20ms\" is",
				   config_text_shown(text));
	}
	if (!interval || interval > UINT32_MAX || rate / 8 > UINT64_MAX / interval) {
		return config_fail(ctx, "rate: %.40s is out of range", text);
	}
	vif->rate = rate / 8 * interval / SECOND;
	vif->rate_interval = (uint32_t)interval;
	if (!vif->rate || vif->rate > UINT32_MAX) {
		return config_fail(ctx, "rate: %.40s is out of range", text);
	}
	return 0;
}

/* Keys that an emulated card would have, or that need what is not here. */
static int set_other(struct config_ctx *ctx, const char *name, const char *value)
{
	static const char *const without_effect[] = { "model", "accel", "vlan", "trusted",
						      "untrusted" };

	if (!strcmp(name, "type")) {
		if (!strcmp(value, "ioemu")) {
			return config_fail(ctx, "emulated network cards (type=ioemu) are not "
						"supported");
		}
		return !*value || !strcmp(value, "vif") || !strcmp(value, "netfront") ?
			       0 :
			       config_fail(ctx, "type: \"%.40s\" is no type of an interface",
					   config_text_shown(value));
	}
	for (size_t i = 0; i < sizeof(without_effect) / sizeof(*without_effect); i++) {
		if (!strcmp(name, without_effect[i])) {
			return config_warn(ctx, "%s has no effect on an interface", name);
		}
	}
	return config_fail(ctx, "\"%.40s\" is not known for an interface", config_text_shown(name));
}

/* *given: a bit for each key that came before. */
static int set_pair(struct config_ctx *ctx, struct vl_vif *vif, const char *name, const char *value,
		    uint64_t *given)
{
	const struct config_key *key = config_key_find(config_vif_keys, name);
	uint64_t bit;
	int rc;

	if (!key || !strcmp(name, "rate_interval")) {
		return set_other(ctx, name, value);
	}
	bit = UINT64_C(1) << (key - config_vif_keys);
	rc = *given & bit ? config_warn(ctx, "%s of an interface is set again", name) : 0;
	*given |= bit;
	if (rc) {
		return rc;
	}
	if (!strcmp(name, "rate") && *value) {
		return set_rate(ctx, vif, value);
	}
	/* An empty value is none. */
	return *value ? config_set_text(ctx, vif, key, value) : 0;
}

static char *trim(char *text)
{
	size_t size;

	text += strspn(text, " \t\n");
	size = strlen(text);
	while (size && isspace((unsigned char)text[size - 1])) {
		text[--size] = '\0';
	}
	return text;
}

static int parse_pairs(struct config_ctx *ctx, char *text, struct vl_vif *vif)
{
	char *comma, *equals, *name;
	uint64_t given = 0;
	int rc = 0;

	do {
		comma = strchr(text, ',');
		if (comma) {
			*comma = '\0';
		}
		equals = strchr(text, '=');
		if (equals) {
			*equals = '\0';
		}
		name = trim(text);
		if (*name || equals) {
			rc = set_pair(ctx, vif, name, equals ? trim(equals + 1) : "", &given);
		}
		text = comma ? comma + 1 : NULL;
	} while (!rc && text);
	return rc;
}

int config_vif_parse(struct config_ctx *ctx, const char *spec, struct vl_vif *vif)
{
	char *copy = strdup(spec);
	int rc;

	if (!copy) {
		return config_no_memory(ctx);
	}
	vif->devid = CONFIG_NO_DEVID;
	rc = parse_pairs(ctx, copy, vif);
	free(copy);
	return rc;
}

int vl_vif_parse(const char *spec, const char *what, struct vl_vif *vif,
		 struct vl_warnings *warnings, struct vl_error *error)
{
	struct config_ctx ctx = { .file = what, .warnings = warnings, .error = error };
	int rc;

	memset(vif, 0, sizeof(*vif));
	rc = config_text_valid(spec, true) ? config_vif_parse(&ctx, spec, vif) :
					     config_fail(&ctx, "it has control characters or is "
							       "not UTF-8");
	if (rc) {
		vl_vif_clear(vif);
	}
	return rc;
}
