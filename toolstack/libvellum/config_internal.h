/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the configuration share: where a message belongs, the
 * settings that xl.cfg syntax gives, the tables of keys, and values as text.
 * Only config*.c include it.
 *
 * Errors: see error.h; config_fail() puts file and line before the sentence.
 */
#ifndef LIBVELLUM_CONFIG_INTERNAL_H
#define LIBVELLUM_CONFIG_INTERNAL_H

#include <errno.h>

#include "libvellum/config.h"

/* Far beyond every real configuration; what is hostile stops here. */
#define CONFIG_MAX_SETTINGS 1024
#define CONFIG_NAME_MAX 128
#define CONFIG_MAX_ATOMS 4096
#define CONFIG_MAX_DEVICES 256
#define CONFIG_MAX_WARNINGS 64
#define CONFIG_MAX_DEPTH 4
#define CONFIG_MAX_VCPUS 64
/* What the core has for a domain: it refuses more, but cannot say which key it was.
 * tests/check/t-limits compares. */
#define CONFIG_MAX_GRANT_FRAMES 512
#define CONFIG_MAX_MAPTRACK_FRAMES 1024
#define CONFIG_MAX_IOMEM 8
#define CONFIG_ALL_CPUS UINT64_MAX
#define CONFIG_NO_DEVID UINT32_MAX

/** Where messages go, and what they are about. */
struct config_ctx {
	const char *file;
	unsigned int line; /* 0: none to name */
	struct vl_warnings *warnings;
	struct vl_error *error;
};

/* ---- config_message.c ---- */

/** -EINVAL with "FILE:LINE: sentence". */
__attribute__((format(printf, 2, 3))) int config_fail(const struct config_ctx *ctx,
						      const char *format, ...);
/** -ENOMEM, here so that an analyzer sees that it is never 0. */
static inline int config_no_memory(const struct config_ctx *ctx)
{
	(void)vl_error_set(ctx->error, -ENOMEM, "%.120s: not enough memory", ctx->file);
	return -ENOMEM;
}
/** Adds a warning; 0 or -ENOMEM. */
__attribute__((format(printf, 2, 3))) int config_warn(const struct config_ctx *ctx,
						      const char *format, ...);

/* ---- config_lex.c ---- */

enum config_token {
	CONFIG_TOKEN_END,
	CONFIG_TOKEN_NEWLINE,
	CONFIG_TOKEN_IDENT,
	CONFIG_TOKEN_NUMBER,
	CONFIG_TOKEN_STRING,
	CONFIG_TOKEN_SEMICOLON,
	CONFIG_TOKEN_COMMA,
	CONFIG_TOKEN_OPEN,
	CONFIG_TOKEN_CLOSE,
	CONFIG_TOKEN_SET,
	CONFIG_TOKEN_APPEND
};

struct config_lexer {
	const char *text;
	size_t size, at;
	unsigned int line; /* of the next byte */
	unsigned int token_line;
	char *value; /* of an IDENT, NUMBER or STRING; whoever takes it leaves null */
};

/** The next token; ctx->line becomes its line. */
int config_lex(struct config_lexer *lexer, struct config_ctx *ctx, enum config_token *token);

/* ---- config_parse.c ---- */

struct config_atom {
	char *text;
	unsigned int line;
	unsigned int depth; /* 1: directly in the list */
};

/** key = value: one atom, or a list of them. */
struct config_setting {
	char *key;
	const char *file;
	unsigned int line;
	bool list;
	bool append; /* to what another form has set */
	struct config_atom *atoms;
	size_t count;
};

struct config_settings {
	struct config_setting *settings;
	size_t count;
};

/** Adds what a text sets to settings; ctx->line is the number of its first line. */
int config_parse_text(struct config_ctx *ctx, const char *text, size_t size,
		      struct config_settings *settings);
/** The same of "key=value" from a command line, whose value needs no quotes. */
int config_parse_override(struct config_ctx *ctx, const char *text,
			  struct config_settings *settings);
void config_settings_free(struct config_settings *settings);

/* ---- config_schema.c ---- */

enum config_type {
	CONFIG_STRING,
	CONFIG_LINES, /* a string that may have tabs and line feeds */
	CONFIG_ARGS,  /* the same; a list is joined with blanks */
	CONFIG_BOOL,
	CONFIG_U32,
	CONFIG_U64,
	CONFIG_MIB, /* MiB in a file, KiB in the structure and in JSON */
	CONFIG_ACTION,
	CONFIG_UUID,
	CONFIG_MAC,
	CONFIG_ADDRESSES,
	CONFIG_FIRMWARE,
	/* These are done by name: they are no single field. */
	CONFIG_TYPE,
	CONFIG_ROOT,
	CONFIG_EXTRA,
	CONFIG_CPUS,
	CONFIG_DISKS,
	CONFIG_VIFS,
	CONFIG_IOMEM,
	CONFIG_IOPORTS,
	CONFIG_ACCEPTED,  /* and nothing is done, nor need be */
	CONFIG_NO_EFFECT, /* on a paravirtualized guest */
	CONFIG_NOT_YET
};

/** As max: the value is kept, and nothing is done with it; reading one warns. */
#define CONFIG_IDLE 1

/** A key of the configuration, or of a disk or an interface in it. */
struct config_key {
	const char *name;
	const char *alias; /* null: none */
	enum config_type type;
	size_t offset;	   /* of the field */
	uint64_t min, max; /* of numbers; of text and yes or no, max may be CONFIG_IDLE */
	const char *json;  /* path in JSON; null: none, or by hand */
	const char *xml;   /* path in <domain>, "element@attribute"; null: the same */
	const char *help;
};

/* Each ends in a row without a name. */
extern const struct config_key config_keys[], config_disk_keys[], config_vif_keys[];

const struct config_key *config_key_find(const struct config_key *keys, const char *name);
const struct config_key *config_key_find_json(const struct config_key *keys, const char *path);
const struct config_key *config_key_find_xml(const struct config_key *keys, const char *path);

/** A configuration in the making. */
struct config_draft {
	struct vl_config *config;
	char *root, *extra;
	bool cpus_each; /* the masks are of one vCPU each */
};

/** Applies settings to the draft, unknown keys being warned about. */
int config_apply(struct config_ctx *ctx, struct config_draft *draft,
		 const struct config_settings *settings);

/* ---- config_finish.c ---- */

struct vl_config *config_new(void);
/** Defaults, and whatever needs more than one key to be checked. */
int config_finish(struct config_ctx *ctx, struct config_draft *draft);
/** Warns about what GRUB leaves unused, with the lines where settings set it. */
int config_warn_unused(struct config_ctx *ctx, const struct vl_config *config,
		       const struct config_settings *settings);

/* ---- config_value.c ---- */

#define CONFIG_TEXT_SIZE 256 /* enough for every value that is no string */

/** -EINVAL: no guest can be named so; null is no name, either. */
int config_name_check(const char *name, struct vl_error *error);
/** All digits: that would be a number of a domain. */
bool config_name_is_number(const char *name);
/** Whether it is UTF-8 without control characters (but tabs and line feeds, if `lines`). */
bool config_text_valid(const char *text, bool lines);
/** The same, for a message: "?" in its place where it is not. */
const char *config_text_shown(const char *text);
/** Into *field, whose old value is freed; "" becomes null. */
int config_set_string(struct config_ctx *ctx, const char *key, char **field, const char *text,
		      bool lines);
/** Decimal, octal and hexadecimal as in C. */
int config_number(struct config_ctx *ctx, const char *key, const char *text, uint64_t min,
		  uint64_t max, uint64_t *number);
/** Into the field of base, a vl_config, vl_disk or vl_vif. */
int config_set_text(struct config_ctx *ctx, void *base, const struct config_key *key,
		    const char *text);
/** Into the field, of U32, U64 and MIB (then KiB); the range is checked. */
int config_set_number(struct config_ctx *ctx, void *base, const struct config_key *key,
		      uint64_t number);
/** Warns about a field that has a value, if nothing is done with it. */
int config_warn_idle(struct config_ctx *ctx, const void *base, const struct config_key *key);
/** Of U32, U64, MIB (KiB), BOOL. */
uint64_t config_get_number(const void *base, const struct config_key *key);
/** The field as text: null where it says nothing; in buffer, or the string itself. */
const char *config_get_text(const void *base, const struct config_key *key,
			    char buffer[CONFIG_TEXT_SIZE]);
static inline char **config_string_field(const void *base, const struct config_key *key)
{
	return (char **)((char *)(uintptr_t)base + key->offset);
}

int config_cpus_parse(struct config_ctx *ctx, const char *key, const char *text, uint64_t *mask);
void config_cpus_text(uint64_t mask, char buffer[CONFIG_TEXT_SIZE]);
int config_iomem_parse(struct config_ctx *ctx, const char *text, struct vl_range_config *range);
/** Warns about a number of a guest's own page that a range is given. */
int config_warn_gfn(struct config_ctx *ctx, const struct vl_range_config *range);
int config_ioports_parse(struct config_ctx *ctx, const char *text, struct vl_range_config *range);
int config_action_parse(struct config_ctx *ctx, const char *key, const char *text,
			enum vl_action *action);
const char *config_action_name(enum vl_action action);

/* ---- config_disk.c, config_vif.c ---- */

/** Refuses what cannot be served, whichever form it came from. */
int config_disk_format(struct config_ctx *ctx, const char *text, enum vl_disk_format *format);
int config_disk_finish(struct config_ctx *ctx, struct vl_disk *disk);
/** Makes room for one more at the end; it is zeroed. */
int config_disk_add(struct config_ctx *ctx, struct vl_config *config, struct vl_disk **disk);
int config_vif_add(struct config_ctx *ctx, struct vl_config *config, struct vl_vif **vif);
/** Of I/O memory, or of ports. */
int config_range_add(struct config_ctx *ctx, struct vl_config *config, bool memory,
		     struct vl_range_config **range);
int config_disk_parse(struct config_ctx *ctx, const char *spec, struct vl_disk *disk);
int config_vif_parse(struct config_ctx *ctx, const char *spec, struct vl_vif *vif);

/* ---- config_json_read.c, config_xml.c ---- */

struct json_t;

/** From what jansson has read. */
int config_json_take(struct config_ctx *ctx, struct json_t *root, struct config_draft *draft);
int config_json_read(struct config_ctx *ctx, const char *text, size_t size,
		     struct config_draft *draft);
/** The program vl-xml does it; in that program, and in tests, toolstack/xml does. */
int config_xml_read(struct config_ctx *ctx, const char *text, size_t size,
		    struct config_draft *draft);

#endif
