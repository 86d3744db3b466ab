/* SPDX-License-Identifier: MIT */
/*
 * What the verbs of vl share: the run with its global flags, options, guests by
 * name or number, messages.
 *
 * A verb gets its arguments as main() would and returns vl's exit code.  Every
 * failure is told once, by the function that returns it: those below return an
 * exit code after one sentence on stderr.  One run at a time in a process:
 * options are read by getopt_long().
 */
#ifndef VL_CLI_H
#define VL_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "libvellum/guest.h"

/* Exit codes besides those of "vl create". */
enum {
	CLI_OK = 0,
	CLI_FAIL = 1, /* something went wrong */
	CLI_USAGE = 2 /* called wrongly */
};

struct cli {
	bool json, dry_run, force;
	bool carriage_return; /* progress on one line */
	bool timestamps;
	int verbose;
	const struct verb *verb;
	int status;	     /* with CLI_STOP */
	bool open;	     /* host is */
	bool watching;	     /* ends of domains; see domains_wait_begin() */
	struct vl_host host; /* see cli_host() */
};

#define VERB_JSON (1u << 0)    /* has --json */
#define VERB_OWN (1u << 1)     /* xl has none of that name: no match for a prefix of one of xl's */
#define VERB_DRY_RUN (1u << 2) /* -N changes nothing */

struct verb {
	const char *name;
	int (*run)(struct cli *cli, int argc, char **argv); /* null: refused */
	unsigned int flags;				    /* VERB_* */
	const char *arguments;				    /* for help; "" if there are none */
	const char *summary;				    /* one line; refused: the reason */
	const char *options;				    /* lines for help; null: none */
};

/** vl as a function: what main() does; returns the exit code. */
int cli_run(int argc, char **argv);

/* ---- Messages (stderr) ----------------------------------------------------------- */

/** "vl: " and the sentence; returns CLI_FAIL. */
__attribute__((format(printf, 1, 2))) int cli_fail(const char *format, ...);
/** The same; returns CLI_USAGE. */
__attribute__((format(printf, 1, 2))) int cli_usage(const char *format, ...);
/** A line of progress, with the time if that was asked for. */
__attribute__((format(printf, 2, 3))) void cli_say(const struct cli *cli, const char *format, ...);

/** A line of output that quotes what may hold any bytes: none of them is a control character. */
__attribute__((format(printf, 2, 3))) void cli_line(FILE *file, const char *format, ...);

/* ---- Arguments ------------------------------------------------------------------- */

#define CLI_END (-1)  /* no more options: arguments from optind on */
#define CLI_STOP (-2) /* leave with cli->status: help was shown, or a mistake */

/**
 * The next option of the verb, as getopt_long() tells it.  Adds -h, --help and, to
 * verbs that have it, --json.  longs may be null.
 */
int cli_option(struct cli *cli, int argc, char **argv, const char *shorts,
	       const struct option *longs);
/** For verbs without options; CLI_OK, or as cli->status. */
int cli_no_options(struct cli *cli, int argc, char **argv, bool *go_on);
/** There are min..max arguments from optind on, or CLI_USAGE. */
int cli_arguments(const struct cli *cli, int argc, int min, int max);
/** A number of base 10, and nothing else. */
bool cli_number(const char *text, unsigned long long max, unsigned long long *number);

/* ---- Guests ---------------------------------------------------------------------- */

/** Opens core and store as this is first called. */
int cli_host(struct cli *cli);
/** A guest by name or number. */
int cli_find(struct cli *cli, const char *name, uint16_t *domid);
/** The same, but not the control domain, which cannot be what the participle says. */
int cli_find_guest(struct cli *cli, const char *name, const char *participle, uint16_t *domid);

struct domain {
	struct vl_domain_info info;
	char *name; /* never null */
};
struct domains {
	struct domain *list;
	size_t count;
};
/** Those that are named, or all if none is, in order of their numbers. */
int domains_get(struct cli *cli, char **names, int count, struct domains *domains);
/** Fine for all 0, too. */
void domains_free(struct domains *domains);

/**
 * Waits for the end of a domain: until one has ended somewhere, or time went by.
 * The watch is there before the caller asks for an end: first domains_wait_begin().
 */
int domains_wait_begin(struct cli *cli);
void domains_wait_news(struct cli *cli, int timeout_ms);

#endif
