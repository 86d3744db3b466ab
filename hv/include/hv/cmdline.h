/* SPDX-License-Identifier: MIT */
/*
 * Options of the boot command line.  Parsed once at start-up by one CPU into
 * `options`; read-only afterwards.  An unknown option, or a value that does
 * not parse, warns with its text and start-up goes on.
 */
#ifndef HV_CMDLINE_H
#define HV_CMDLINE_H

/* What stands on the command line of a guest's kernel module, before "--". */
struct guest_options {
	uint64_t mem;  /* bytes */
	uint64_t cpus; /* where its vCPUs may run; 0: anywhere */
	unsigned int vcpus;
	unsigned int weight, cap; /* sched_set_params() */
	bool bad;		  /* a value that cannot be used was among them */
};

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
	bool no_smep, no_smap, no_fsgsbase, no_xsave;
	struct guest_options guest; /* of the guest that is being built */
	int loglvl;		    /* enum loglevel */
	uint64_t dma_reserve;	    /* bytes kept free below 4 GiB; ~0: default */
	char text[1024];	    /* the whole line, for xen_version and logs */
};
extern struct options options;

/**
 * Parses the boot line: first without `report`, silently and before the console
 * is set up, then with it, to print warnings and change nothing.
 */
void cmdline_parse(const char *line, bool report);
/**
 * Parses what stands before "--" on a guest's module into options.guest;
 * returns what stands behind it.
 */
const char *cmdline_parse_guest(const char *line);

#endif
