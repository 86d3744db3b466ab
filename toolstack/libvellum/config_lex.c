/* SPDX-License-Identifier: MIT */
/*
 * xl.cfg syntax, first half: bytes become tokens.  Called by config_parse.c
 * alone.  A file may be written by anyone: each byte is looked at within the
 * bounds of the text, and a string that comes out is UTF-8 without control
 * characters (tabs and line feeds may be written as escapes).
 */
#include "libvellum/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static int peek(const struct config_lexer *lexer, size_t ahead)
{
	size_t left = lexer->size - lexer->at;

	return ahead < left ? (unsigned char)lexer->text[lexer->at + ahead] : -1;
}

/* Up to the token: blanks, a carriage return at a line's end, a comment. */
static void skip_blanks(struct config_lexer *lexer)
{
	int c;

	for (;;) {
		c = peek(lexer, 0);
		if (c == '#') {
			while (c != '\n' && c != -1) {
				lexer->at++;
				c = peek(lexer, 0);
			}
		}
		if (c != ' ' && c != '\t' && !(c == '\r' && peek(lexer, 1) == '\n')) {
			return;
		}
		lexer->at++;
	}
}

static int take_word(struct config_lexer *lexer, struct config_ctx *ctx)
{
	size_t start = lexer->at;

	/* Of a number's sign, if there is one. */
	lexer->at++;
	while (lexer->at < lexer->size && is_word(lexer->text[lexer->at])) {
		lexer->at++;
	}
	lexer->value = strndup(lexer->text + start, lexer->at - start);
	return lexer->value ? 0 : config_no_memory(ctx);
}

/* The value of up to `most` digits; the first one is known to be one. */
static unsigned int take_digits(struct config_lexer *lexer, unsigned int base, unsigned int most)
{
	unsigned int value = 0;
	int c;

	while (most--) {
		c = peek(lexer, 0);
		if (c == -1 || !(base == 16 ? isxdigit(c) : c >= '0' && c <= '7')) {
			break;
		}
		value = value * base + (unsigned int)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
		lexer->at++;
	}
	return value;
}

/* What stands behind a backslash. */
static int take_escape(struct config_lexer *lexer, struct config_ctx *ctx, char *out)
{
	static const char from[] = "nt\\'\"", to[] = "\n\t\\'\"";
	int c = peek(lexer, 0);
	const char *found = c > 0 ? strchr(from, c) : NULL;
	unsigned int value;

	if (found) {
		*out = to[found - from];
		lexer->at++;
		return 0;
	}
	if (c == 'x' && peek(lexer, 1) != -1 && isxdigit(peek(lexer, 1))) {
		lexer->at++;
		value = take_digits(lexer, 16, 2);
	} else if (c >= '0' && c <= '7') {
		value = take_digits(lexer, 8, 3);
	} else {
		return config_fail(ctx, "a backslash in a string is followed by something unknown");
	}
	*out = (char)value;
	/* 0 would end the string unseen. */
	return value && value < 256 ? 0 : config_fail(ctx, "an escape in a string is no character");
}

static int take_string(struct config_lexer *lexer, struct config_ctx *ctx)
{
	char quote = lexer->text[lexer->at++];
	size_t count = 0;
	int c, rc;

	/* What is decoded is never longer than what stands there. */
	lexer->value = malloc(lexer->size - lexer->at + 1);
	if (!lexer->value) {
		return config_no_memory(ctx);
	}
	while ((c = peek(lexer, 0)) != quote) {
		if (c == -1 || c == '\n') {
			return config_fail(ctx, "a string is not closed by %c on its line", quote);
		}
		lexer->at++;
		if (c == '\\') {
			rc = take_escape(lexer, ctx, &lexer->value[count]);
			if (rc) {
				return rc;
			}
		} else if (c == 0) {
			return config_fail(ctx, "a string has a byte 0x00");
		} else {
			lexer->value[count] = (char)c;
		}
		count++;
	}
	lexer->at++;
	lexer->value[count] = '\0';
	if (!config_text_valid(lexer->value, true)) {
		return config_fail(ctx, "a string has control characters or is not UTF-8");
	}
	return 0;
}

static int take_sign(struct config_lexer *lexer, struct config_ctx *ctx, int c,
		     enum config_token *token)
{
	static const char signs[] = ";,[]=";
	static const enum config_token tokens[] = { CONFIG_TOKEN_SEMICOLON, CONFIG_TOKEN_COMMA,
						    CONFIG_TOKEN_OPEN, CONFIG_TOKEN_CLOSE,
						    CONFIG_TOKEN_SET };
	const char *found = c ? strchr(signs, c) : NULL;

	if (found) {
		*token = tokens[found - signs];
		lexer->at++;
		return 0;
	}
	if (c == '+' && peek(lexer, 1) == '=') {
		*token = CONFIG_TOKEN_APPEND;
		lexer->at += 2;
		return 0;
	}
	if (isgraph(c)) {
		return config_fail(ctx,
				   "\"%c\" is not expected here: strings need quotes, and Python "
				   "code is not run",
				   c);
	}
	return config_fail(ctx, "a byte 0x%02x is not expected here", (unsigned int)c);
}

int config_lex(struct config_lexer *lexer, struct config_ctx *ctx, enum config_token *token)
{
	int c;

	free(lexer->value);
	lexer->value = NULL;
	skip_blanks(lexer);
	lexer->token_line = lexer->line;
	ctx->line = lexer->line;
	c = peek(lexer, 0);
	if (c == -1) {
		*token = CONFIG_TOKEN_END;
		return 0;
	}
	if (c == '\r') {
		/* Its line feed is next: skip_blanks() left it otherwise. */
		return config_fail(ctx, "a byte 0x0d is not expected here");
	}
	if (c == '\n') {
		lexer->at++;
		lexer->line++;
		*token = CONFIG_TOKEN_NEWLINE;
		return 0;
	}
	if (c == '"' || c == '\'') {
		*token = CONFIG_TOKEN_STRING;
		return take_string(lexer, ctx);
	}
	if (isdigit(c) || (c == '-' && peek(lexer, 1) != -1 && isdigit(peek(lexer, 1)))) {
		*token = CONFIG_TOKEN_NUMBER;
		return take_word(lexer, ctx);
	}
	if (is_word((char)c)) {
		*token = CONFIG_TOKEN_IDENT;
		return take_word(lexer, ctx);
	}
	return take_sign(lexer, ctx, c, token);
}
