/* SPDX-License-Identifier: MIT */
/*
 * Options of the boot command line.  Parsed once at start-up by one CPU into
 * `options`; read-only afterwards.  An unknown option, or a value that does
 * not parse, warns with its text and start-up goes on.
 */
#ifndef HV_CMDLINE_H
#define HV_CMDLINE_H

struct options {
	uint64_t dom0_mem;	     /* bytes; 0: all but a reserve */
	uint64_t dom0_mem_max;	     /* bytes; 0: as dom0_mem */
	unsigned int dom0_max_vcpus; /* 0: one per CPU */
	unsigned int maxcpus;	     /* CPUs to bring up; 0: all */
	unsigned int com1_baud;	     /* 0: as the firmware left it */
	unsigned int com1_port;	     /* I/O port base, 0x3f8 */
	bool dom0_vcpus_pin;	     /* one CPU for each, for good */
	bool console_com1;
	bool noreboot;	 /* stop instead of restarting */
	bool unsafe_cpu; /* run guests though a mitigation lacks */
	bool no_smep, no_smap, no_xsave;
	int loglvl;	      /* enum loglevel */
	uint64_t dma_reserve; /* bytes kept free below 4 GiB; ~0: default */
	char text[1024];      /* the whole line, for xen_version and logs */
};
extern struct options options;

struct option {
	const char *name;
	/** Steps over what it knows of the value and stores that in *to. */
	bool (*parse)(const char **s, void *to);
	void *to;
	bool inverse; /* a flag that is kept as its opposite */
};

/**
 * Parses the boot line: first without `report`, silently and before the console
 * is set up, then with it, to print warnings; that changes nothing any more.
 */
void cmdline_parse(const char *line, bool report);
/**
 * Takes the options of a line up to its end or a lone "--", behind which *line
 * is then.  False: a value cannot be used; what it stored outside of `options`
 * is not undone.
 */
bool cmdline_walk(const char **line, const struct option *o, size_t count, bool report);
/** For struct option: an unsigned int; bytes, as an uint64_t. */
bool cmdline_count(const char **s, void *to);
bool cmdline_size(const char **s, void *to);

#endif
