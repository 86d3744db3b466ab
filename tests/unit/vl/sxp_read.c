/* SPDX-License-Identifier: MIT */
/* See sxp_read.h. */
#include "sxp_read.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sxp_free(struct sxp_node *node)
{
	for (size_t i = 0; i < node->count; i++) {
		sxp_free(&node->items[i]);
	}
	free(node->items);
	free(node->text);
}

static bool is_number(const char *text)
{
	static regex_t regex;
	static bool ready;

	if (!ready) {
		ready = regcomp(&regex, "^[-+]?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$",
				REG_EXTENDED | REG_NOSUB) == 0;
	}
	return regexec(&regex, text, 0, NULL, 0) == 0;
}

static void skip(const char **at)
{
	while (isspace((unsigned char)**at)) {
		++*at;
	}
}

static bool read_node(const char **at, struct sxp_node *node);

static bool read_list(const char **at, struct sxp_node *node)
{
	const char *before;

	for (++*at;;) {
		before = *at;
		skip(at);
		if (**at == ')') {
			++*at;
			return true;
		}
		/* None before the first element, and some before each other one. */
		if ((before == *at) != (node->count == 0)) {
			return false;
		}
		node->items = reallocarray(node->items, node->count + 1, sizeof(*node));
		if (!read_node(at, &node->items[node->count++])) {
			return false;
		}
	}
}

static bool read_node(const char **at, struct sxp_node *node)
{
	size_t length = strcspn(*at, " \t\n\v\f\r()");

	*node = (struct sxp_node){ .kind = SXP_LIST };
	if (**at == '(') {
		return read_list(at, node);
	}
	node->text = strndup(*at, length);
	node->kind = is_number(node->text) ? SXP_NUMBER : SXP_WORD;
	*at += length;
	return length > 0;
}

bool sxp_read(const char *text, struct sxp_node *all)
{
	bool good = true;

	*all = (struct sxp_node){ .kind = SXP_LIST };
	for (skip(&text); *text && good; skip(&text)) {
		all->items = reallocarray(all->items, all->count + 1, sizeof(*all));
		good = read_node(&text, &all->items[all->count++]);
	}
	return good;
}

const struct sxp_node *sxp_nth(const struct sxp_node *list, const char *key, size_t n)
{
	for (size_t i = 0; list && i < list->count; i++) {
		const struct sxp_node *item = &list->items[i];

		if (item->kind == SXP_LIST && item->count && item->items[0].kind == SXP_WORD &&
		    !strcmp(item->items[0].text, key) && n-- == 0) {
			return item;
		}
	}
	return NULL;
}

const char *sxp_value(const struct sxp_node *list, const char *key, int kind)
{
	const struct sxp_node *item = sxp_nth(list, key, 0);

	if (!item || item->count != 2 || (int)item->items[1].kind != kind) {
		return "(none)";
	}
	return item->items[1].text;
}

void sxp_shape(const struct sxp_node *node, char *text, size_t size)
{
	size_t at = strlen(text);

	for (size_t i = 0; i < node->count; i++) {
		if (node->items[i].kind == SXP_LIST) {
			snprintf(text + at, size - at, "(");
			sxp_shape(&node->items[i], text, size);
			at = strlen(text);
			at += (size_t)snprintf(text + at, size - at, ")");
		} else if (i == 0) {
			at += (size_t)snprintf(text + at, size - at, "%s", node->items[i].text);
		}
	}
}

char *sxp_meaning(const struct sxp_node *item)
{
	char *text = calloc(1, 1);
	size_t length = 0;

	for (size_t i = 1; i < item->count; i++) {
		const char *c = item->items[i].text;

		text = realloc(text, length + strlen(c) + 2);
		if (i > 1) {
			text[length++] = ' ';
		}
		while (*c) {
			char digits[4] = "";

			if (*c == '\\') {
				memcpy(digits, c + 1, 3);
				text[length++] = (char)strtoul(digits, NULL, 8);
				c += 4;
			} else if (*c == '\'') {
				c++;
			} else {
				text[length++] = *c++;
			}
		}
	}
	text[length] = '\0';
	return text;
}
