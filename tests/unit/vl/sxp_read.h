/* SPDX-License-Identifier: MIT */
/*
 * Reads nested lists back, by the rules of the cluster manager that reads them: a
 * list is "(" elements ")", with white space between elements, none behind "("; an
 * element is a list, or all up to white space or a parenthesis, and a number if
 * all of that is one.  There are no quotes.
 */
#ifndef TESTS_UNIT_VL_SXP_READ_H
#define TESTS_UNIT_VL_SXP_READ_H

#include <stdbool.h>
#include <stddef.h>

struct sxp_node {
	enum {
		SXP_LIST,
		SXP_WORD,
		SXP_NUMBER
	} kind;
	char *text; /* of words and numbers */
	struct sxp_node *items;
	size_t count;
};

/** All of a text, as one list of what is in it; to be freed also if that is false. */
bool sxp_read(const char *text, struct sxp_node *all);
/** What is in it. */
void sxp_free(struct sxp_node *node);
/** The n-th list in a list that begins with the word. */
const struct sxp_node *sxp_nth(const struct sxp_node *list, const char *key, size_t n);
/** The value of a key that has one, of the kind. */
const char *sxp_value(const struct sxp_node *list, const char *key, int kind);
/** Keys of all lists, in their order, behind text: "domain(domid)(image(linux))". */
void sxp_shape(const struct sxp_node *node, char *text, size_t size);
/** What was meant, malloc'd: the words behind the key, without quotes and escapes. */
char *sxp_meaning(const struct sxp_node *item);

#endif
