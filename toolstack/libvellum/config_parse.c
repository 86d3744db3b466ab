/* SPDX-License-Identifier: MIT */
/*
 * xl.cfg syntax, second half: tokens become settings, each key once.  Called by
 * config.c; what keys mean is config_schema.c's.  A later setting of a key
 * replaces an earlier one, as with xl; "+=" adds to it.
 */
#include "libvellum/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void setting_clear(struct config_setting *setting)
{
	for (size_t i = 0; i < setting->count; i++) {
		free(setting->atoms[i].text);
	}
	free(setting->atoms);
	free(setting->key);
	memset(setting, 0, sizeof(*setting));
}

void config_settings_free(struct config_settings *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		setting_clear(&settings->settings[i]);
	}
	free(settings->settings);
	settings->settings = NULL;
	settings->count = 0;
}

/* Takes *text over. */
static int add_atom(struct config_ctx *ctx, struct config_setting *setting, char **text,
		    unsigned int depth)
{
	struct config_atom *atoms;

	if (setting->count >= CONFIG_MAX_ATOMS) {
		return config_fail(ctx, "the list of %.40s is too long", setting->key);
	}
	/* Grown in powers of two. */
	if ((setting->count & (setting->count - 1)) == 0) {
		size_t room = setting->count ? setting->count * 2 : 1;

		atoms = realloc(setting->atoms, room * sizeof(*atoms));
		if (!atoms) {
			return config_no_memory(ctx);
		}
		setting->atoms = atoms;
	}
	setting->atoms[setting->count++] =
		(struct config_atom){ .text = *text, .line = ctx->line, .depth = depth };
	*text = NULL;
	return 0;
}

static int unexpected(struct config_ctx *ctx, const char *key, enum config_token token,
		      const char *value)
{
	if (token == CONFIG_TOKEN_END || token == CONFIG_TOKEN_NEWLINE) {
		return config_fail(ctx, "the value of %.40s is missing or not complete", key);
	}
	if (token == CONFIG_TOKEN_IDENT && (!strcmp(value, "True") || !strcmp(value, "False"))) {
		return config_fail(ctx, "%.40s: write 1 or 0 for %s", key, value);
	}
	if (token == CONFIG_TOKEN_IDENT) {
		return config_fail(ctx, "%.40s: \"%.40s\" needs quotes", key, value);
	}
	return config_fail(ctx, "%.40s: a value is expected here", key);
}

/* The rest of a list, behind its "[". */
static int parse_list(struct config_ctx *ctx, struct config_lexer *lexer,
		      struct config_setting *setting)
{
	enum config_token token;
	unsigned int depth = 1;
	bool value_next = true; /* else a comma or an end */
	int rc;

	while (depth) {
		rc = config_lex(lexer, ctx, &token);
		if (rc) {
			return rc;
		}
		if (token == CONFIG_TOKEN_NEWLINE) {
			continue;
		}
		if (token == CONFIG_TOKEN_CLOSE) {
			depth--;
			value_next = false;
		} else if (token == CONFIG_TOKEN_COMMA && !value_next) {
			value_next = true;
		} else if (token == CONFIG_TOKEN_OPEN && value_next) {
			if (depth++ == CONFIG_MAX_DEPTH) {
				return config_fail(ctx, "the lists of %.40s are nested too deeply",
						   setting->key);
			}
		} else if ((token == CONFIG_TOKEN_STRING || token == CONFIG_TOKEN_NUMBER) &&
			   value_next) {
			rc = add_atom(ctx, setting, &lexer->value, depth);
			if (rc) {
				return rc;
			}
			value_next = false;
		} else if (token == CONFIG_TOKEN_END) {
			ctx->line = setting->line;
			return config_fail(ctx, "the list of %.40s is not closed by ]",
					   setting->key);
		} else if (!value_next) {
			return config_fail(ctx, "%.40s: a comma or ] is expected here",
					   setting->key);
		} else {
			return unexpected(ctx, setting->key, token, lexer->value);
		}
	}
	return 0;
}

static int parse_value(struct config_ctx *ctx, struct config_lexer *lexer,
		       struct config_setting *setting)
{
	enum config_token token;
	int rc = config_lex(lexer, ctx, &token);

	if (rc) {
		return rc;
	}
	if (token == CONFIG_TOKEN_OPEN) {
		setting->list = true;
		rc = parse_list(ctx, lexer, setting);
	} else if (token == CONFIG_TOKEN_STRING || token == CONFIG_TOKEN_NUMBER) {
		rc = add_atom(ctx, setting, &lexer->value, 0);
	} else {
		rc = unexpected(ctx, setting->key, token, lexer->value);
	}
	if (rc) {
		return rc;
	}
	rc = config_lex(lexer, ctx, &token);
	if (!rc && token != CONFIG_TOKEN_NEWLINE && token != CONFIG_TOKEN_SEMICOLON &&
	    token != CONFIG_TOKEN_END) {
		rc = config_fail(ctx, "something follows the value of %.40s on its line",
				 setting->key);
	}
	return rc;
}

/* old += new; new keeps nothing that old has taken. */
static int append(struct config_ctx *ctx, struct config_setting *old, struct config_setting *new)
{
	size_t first, second;
	char *text;
	int rc = 0;

	ctx->line = new->line;
	if (old->list != new->list) {
		return config_fail(ctx, "%.40s += cannot add a %s to a %s", new->key,
				   new->list ? "list" : "string", old->list ? "list" : "string");
	}
	if (old->list) {
		for (size_t i = 0; !rc && i < new->count; i++) {
			ctx->line = new->atoms[i].line;
			rc = add_atom(ctx, old, &new->atoms[i].text, new->atoms[i].depth);
		}
		return rc;
	}
	first = strlen(old->atoms[0].text);
	second = strlen(new->atoms[0].text);
	text = malloc(first + second + 1);
	if (!text) {
		return config_no_memory(ctx);
	}
	memcpy(text, old->atoms[0].text, first);
	memcpy(text + first, new->atoms[0].text, second + 1);
	free(old->atoms[0].text);
	old->atoms[0].text = text;
	return 0;
}

/* Puts a setting among the others; it is taken over or cleared. */
static int store(struct config_ctx *ctx, struct config_settings *settings,
		 struct config_setting *new)
{
	struct config_setting *old = NULL, *grown;
	int rc;

	for (size_t i = 0; i < settings->count && !old; i++) {
		if (!strcmp(settings->settings[i].key, new->key)) {
			old = &settings->settings[i];
		}
	}
	if (old && new->append) {
		rc = append(ctx, old, new);
		setting_clear(new);
		return rc;
	}
	if (old) {
		/* An argument is there to replace; in one file it is a slip. */
		ctx->line = new->line;
		rc = old->file == new->file ?
			     config_warn(ctx, "%.40s is set again: line %u is without effect",
					 new->key, old->line) :
			     0;
		setting_clear(old);
		*old = *new;
		return rc;
	}
	if (settings->count >= CONFIG_MAX_SETTINGS) {
		setting_clear(new);
		return config_fail(ctx, "there are more than %d settings", CONFIG_MAX_SETTINGS);
	}
	grown = realloc(settings->settings, (settings->count + 1) * sizeof(*grown));
	if (!grown) {
		setting_clear(new);
		return config_no_memory(ctx);
	}
	settings->settings = grown;
	grown[settings->count++] = *new;
	return 0;
}

/* One statement, from its key, which lexer->value has. */
static int parse_statement(struct config_ctx *ctx, struct config_lexer *lexer,
			   struct config_settings *settings)
{
	struct config_setting setting = { .key = lexer->value,
					  .file = ctx->file,
					  .line = lexer->token_line };
	enum config_token token;
	int rc;

	lexer->value = NULL;
	rc = config_lex(lexer, ctx, &token);
	if (!rc && token != CONFIG_TOKEN_SET && token != CONFIG_TOKEN_APPEND) {
		ctx->line = setting.line;
		rc = config_fail(ctx, "= is expected after \"%.40s\"", setting.key);
	}
	setting.append = token == CONFIG_TOKEN_APPEND;
	if (!rc) {
		rc = parse_value(ctx, lexer, &setting);
	}
	if (rc) {
		setting_clear(&setting);
		return rc;
	}
	return store(ctx, settings, &setting);
}

int config_parse_text(struct config_ctx *ctx, const char *text, size_t size,
		      struct config_settings *settings)
{
	struct config_lexer lexer = { .text = text, .size = size, .line = ctx->line };
	enum config_token token;
	int rc;

	do {
		rc = config_lex(&lexer, ctx, &token);
		if (rc || token == CONFIG_TOKEN_NEWLINE || token == CONFIG_TOKEN_SEMICOLON) {
			continue;
		}
		if (token == CONFIG_TOKEN_IDENT) {
			rc = parse_statement(ctx, &lexer, settings);
		} else if (token != CONFIG_TOKEN_END) {
			rc = config_fail(ctx, "a key is expected at the start of a setting");
		}
	} while (!rc && token != CONFIG_TOKEN_END);
	free(lexer.value);
	return rc;
}

/* A whole override whose value has no quotes: what stands there is the string. */
static int store_plain(struct config_ctx *ctx, const char *key, size_t key_size, const char *value,
		       bool append, struct config_settings *settings)
{
	struct config_setting setting = { .file = ctx->file, .line = ctx->line, .append = append };
	size_t size = strlen(value);
	char *text;
	int rc;

	while (size && isspace((unsigned char)value[size - 1])) {
		size--;
	}
	setting.key = strndup(key, key_size);
	text = strndup(value, size);
	if (!setting.key || !text) {
		rc = config_no_memory(ctx);
	} else if (!config_text_valid(text, true)) {
		rc = config_fail(ctx, "the value of %.40s has control characters or is not UTF-8",
				 setting.key);
	} else {
		rc = add_atom(ctx, &setting, &text, 0);
	}
	free(text);
	if (rc) {
		setting_clear(&setting);
		return rc;
	}
	return store(ctx, settings, &setting);
}

int config_parse_override(struct config_ctx *ctx, const char *text,
			  struct config_settings *settings)
{
	const char *value;
	size_t key_size = 0;
	bool add;

	if (strlen(text) > VL_CONFIG_MAX_SIZE) {
		return config_fail(ctx, "it is too long");
	}
	while (isalnum((unsigned char)text[key_size]) || text[key_size] == '_') {
		key_size++;
	}
	value = text + key_size + strspn(text + key_size, " \t");
	add = value[0] == '+' && value[1] == '=';
	if (!key_size || isdigit((unsigned char)text[0]) || (!add && value[0] != '=')) {
		return config_fail(ctx, "it is not of the form key=value");
	}
	value += add ? 2 : 1;
	value += strspn(value, " \t");
	/* A shell has eaten the quotes of name="x": they are not asked for here. */
	if (*value == '\0' || strchr("\"'[", *value) || strchr(value, ';') || strchr(value, '\n')) {
		return config_parse_text(ctx, text, strlen(text), settings);
	}
	return store_plain(ctx, text, key_size, value, add, settings);
}
