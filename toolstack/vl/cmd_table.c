/* SPDX-License-Identifier: MIT */
/*
 * All verbs: what they are called, what "vl help" says, and which function does
 * them.  The names are xl's.  Those that Vellum does not have are here as well,
 * with the reason in place of a summary, so that a script's author reads why,
 * and so that a prefix means the same as with xl.
 */
#include <stdio.h>
#include <string.h>

#include "verbs.h"

#define NOT_YET "it is not there yet"
#define NO_GRAPHICS "guests have no graphics, keyboards or sound"
#define NO_EMULATOR "guests have no emulated devices"
#define NO_TPM "there is no virtual TPM"
#define NO_USB "there is no USB for guests"
#define NO_RDT "the core does not manage the processor's caches"
#define NO_FLASK "there is no security module"
#define NO_POOLS "there is one pool of all CPUs"

#define REFUSE(verb, why)                                                          \
	{                                                                          \
		.name = (verb), .arguments = "", .summary = (why), .options = NULL \
	}

static const char create_options[] =
	"  -f, --defconfig=FILE  the configuration, instead of the first argument\n"
	"  -p                    leave the guest paused\n"
	"  -c                    attach to its console\n"
	"  -F                    stay until the guest has ended; see docs/vl.md for the exit code\n"
	"  -n, --dryrun          only print the configuration, as \"list -l\" does\n"
	"  -q, --quiet           no words but errors\n"
	"  -e, -d                accepted; without effect\n"
	"FILE is in xl.cfg syntax, libvirt domain XML or JSON; \"-\" is stdin.\n"
	"KEY=VALUE is a further line of it, in xl.cfg syntax.\n";
static const char list_options[] =
	"  -l, --long     configurations, as JSON, or as vl.conf says\n"
	"  -v, --verbose  also UUIDs, reasons of shutdowns and security labels; ends of guests\n"
	"  -Z, --context  also security labels (there are none)\n"
	"  -c, --cpupool  also CPU pools\n"
	"  -n, --numa     also affinity to NUMA nodes\n";
static const char info_options[] = "  -n, --numa  also CPUs and NUMA nodes\n"
				   "  -x          accepted; without effect\n"
				   "FIELD prints the value of this one alone.\n";
static const char console_options[] =
	"  -t pv          the kind of console: there is one\n"
	"  -n 0           its number: there is one\n"
	"  -e, --escape=CHAR  what detaches: a character, or ^ and a letter; default ^]\n"
	"  --status       instead: what vld knows of the consoles of all guests, or of one\n";
static const char reboot_options[] = "  -a  all guests\n"
				     "  -w  wait until they have ended\n"
				     "  -F  accepted; without effect\n";
static const char shutdown_options[] =
	"  -a               all guests\n"
	"  -w               wait until they have ended\n"
	"  --for-good       the same, and none is started anew, whatever its configuration says\n"
	"  --limit=SECONDS  wait no longer: those that have not ended then are destroyed\n"
	"  -F               accepted; without effect\n";
static const char sched_options[] =
	"  -d, --domain=GUEST     this one\n"
	"  -w, --weight=WEIGHT    set its weight, 1..65535 (default 256)\n"
	"  -c, --cap=CAP          set its cap in percent of one CPU; 0: none\n"
	"  -p, --cpupool=Pool-0   accepted; without effect\n"
	"  -s, --schedparam       show only the scheduler's parameters\n";

#define JSON VERB_JSON
#define DRY VERB_DRY_RUN

const struct verb verbs[] = {
	{ "create", cmd_create, DRY, "[OPTIONS] [FILE] [KEY=VALUE...]",
	  "Make a guest from a configuration and start it", create_options },
	{ "list", cmd_list, JSON, "[OPTIONS] [GUEST...]", "List domains", list_options },
	{ "info", cmd_info, JSON, "[-n] [FIELD]", "Show what the host has", info_options },
	{ "console", cmd_console, JSON, "[OPTIONS] GUEST|--status [GUEST]",
	  "Attach to a guest's console", console_options },
	{ "shutdown", cmd_shutdown, 0, "[OPTIONS] -a|GUEST", "Ask a guest to shut down",
	  shutdown_options },
	{ "reboot", cmd_reboot, 0, "[OPTIONS] -a|GUEST", "Ask a guest to reboot", reboot_options },
	{ "destroy", cmd_destroy, 0, "[-f] GUEST", "End a guest at once",
	  "  -f  accepted; without effect\n" },
	{ "pause", cmd_pause, 0, "GUEST", "Stop a guest's CPUs", NULL },
	{ "unpause", cmd_unpause, 0, "GUEST", "Let a paused guest run again", NULL },
	{ "rename", cmd_rename, 0, "GUEST NAME", "Give a guest another name", NULL },
	{ "domid", cmd_domid, 0, "GUEST", "Print the number of a guest", NULL },
	{ "domname", cmd_domname, 0, "DOMID", "Print the name of a guest", NULL },
	{ "uptime", cmd_uptime, JSON, "[-s] [GUEST...]", "Show how long domains have been there",
	  "  -s  short form\n" },
	{ "vm-list", cmd_vm_list, JSON, "", "List domains with their UUIDs", NULL },
	{ "dumpxml", cmd_dumpxml, VERB_OWN, "GUEST",
	  "Print a guest's configuration as libvirt domain XML", NULL },
	{ "vcpu-list", cmd_vcpu_list, JSON, "[GUEST...]", "List virtual CPUs", NULL },
	{ "vcpu-pin", cmd_vcpu_pin, DRY, "[-f] GUEST VCPU|all CPUS|all|- [all|-]",
	  "Set on which CPUs a virtual CPU may run",
	  "  -f, --force  accepted; without effect\n"
	  "CPUS is a list: 0-3,5,^2. - leaves it as it is.\n" },
	{ "sched-credit2", cmd_sched_credit2, JSON, "[-d GUEST [-w WEIGHT] [-c CAP]]",
	  "Show or set weights and caps", sched_options },
	{ "sched-credit", cmd_sched_credit, JSON, "[-d GUEST [-w WEIGHT] [-c CAP]]",
	  "Show or set weights and caps, in the older form", sched_options },
	{ "dmesg", cmd_dmesg, 0, "[-c]", "Print the core's messages",
	  "  -c, --clear  and let the next dmesg begin behind them\n" },
	{ "help", cmd_help, 0, "[VERB]", "Show this list, or how a verb is used", NULL },

	REFUSE("save", NOT_YET),
	REFUSE("restore", NOT_YET),
	REFUSE("migrate", NOT_YET),
	REFUSE("migrate-receive", NOT_YET),
	REFUSE("mem-set", NOT_YET),
	REFUSE("mem-max", NOT_YET),
	REFUSE("vcpu-set", NOT_YET),
	REFUSE("debug-keys", NOT_YET),
	REFUSE("block-attach", NOT_YET),
	REFUSE("block-detach", NOT_YET),
	REFUSE("block-list", NOT_YET),
	REFUSE("network-attach", NOT_YET),
	REFUSE("network-detach", NOT_YET),
	REFUSE("network-list", NOT_YET),
	REFUSE("config-update", NOT_YET),
	REFUSE("sysrq", NOT_YET),
	REFUSE("trigger", NOT_YET),
	REFUSE("dump-core", NOT_YET),
	REFUSE("suspend", NOT_YET),
	REFUSE("resume", NOT_YET),
	REFUSE("top", NOT_YET),
	REFUSE("claims", "memory is given at once, not claimed"),
	REFUSE("sharing", "guests share no memory"),
	REFUSE("set-parameters", "options of the core are set at its start"),
	REFUSE("channel-list", NOT_YET),
	REFUSE("devd", NOT_YET),
	REFUSE("xenstore-quota-get", NOT_YET),
	REFUSE("xenstore-quota-set", NOT_YET),
	REFUSE("sched-rtds", "there is one scheduler, with weights and caps"),
	REFUSE("cpupool-create", NO_POOLS),
	REFUSE("cpupool-list", NO_POOLS),
	REFUSE("cpupool-destroy", NO_POOLS),
	REFUSE("cpupool-rename", NO_POOLS),
	REFUSE("cpupool-cpu-add", NO_POOLS),
	REFUSE("cpupool-cpu-remove", NO_POOLS),
	REFUSE("cpupool-migrate", NO_POOLS),
	REFUSE("cpupool-numa-split", NO_POOLS),
	REFUSE("pci-attach", NOT_YET),
	REFUSE("pci-detach", NOT_YET),
	REFUSE("pci-list", NOT_YET),
	REFUSE("pci-assignable-add", NOT_YET),
	REFUSE("pci-assignable-remove", NOT_YET),
	REFUSE("pci-assignable-list", NOT_YET),
	REFUSE("vncviewer", NO_GRAPHICS),
	REFUSE("button-press", NO_EMULATOR),
	REFUSE("cd-insert", NO_EMULATOR),
	REFUSE("cd-eject", NO_EMULATOR),
	REFUSE("qemu-monitor-command", NO_EMULATOR),
	REFUSE("remus", "there is no continuous copy of a running guest"),
	REFUSE("vtpm-attach", NO_TPM),
	REFUSE("vtpm-detach", NO_TPM),
	REFUSE("vtpm-list", NO_TPM),
	REFUSE("vkb-attach", NO_GRAPHICS),
	REFUSE("vkb-detach", NO_GRAPHICS),
	REFUSE("vkb-list", NO_GRAPHICS),
	REFUSE("vdispl-attach", NO_GRAPHICS),
	REFUSE("vdispl-detach", NO_GRAPHICS),
	REFUSE("vdispl-list", NO_GRAPHICS),
	REFUSE("vsnd-attach", NO_GRAPHICS),
	REFUSE("vsnd-detach", NO_GRAPHICS),
	REFUSE("vsnd-list", NO_GRAPHICS),
	REFUSE("usbctrl-attach", NO_USB),
	REFUSE("usbctrl-detach", NO_USB),
	REFUSE("usbdev-attach", NO_USB),
	REFUSE("usbdev-detach", NO_USB),
	REFUSE("usb-list", NO_USB),
	REFUSE("psr-hwinfo", NO_RDT),
	REFUSE("psr-cmt-attach", NO_RDT),
	REFUSE("psr-cmt-detach", NO_RDT),
	REFUSE("psr-cmt-show", NO_RDT),
	REFUSE("psr-cat-set", NO_RDT),
	REFUSE("psr-cat-show", NO_RDT),
	REFUSE("psr-mba-set", NO_RDT),
	REFUSE("psr-mba-show", NO_RDT),
	REFUSE("getenforce", NO_FLASK),
	REFUSE("setenforce", NO_FLASK),
	REFUSE("loadpolicy", NO_FLASK),
	REFUSE("dt-overlay", "PCs have no device tree"),
	{ 0 },
};

/* Several fit: says which. */
static void say_ambiguous(const char *name)
{
	char text[1024];
	size_t at = 0;

	for (const struct verb *verb = verbs; verb->name; verb++) {
		if (!strncmp(verb->name, name, strlen(name))) {
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", at ? ", " : "",
					       verb->name);
			if (at >= sizeof(text)) {
				break;
			}
		}
	}
	cli_fail("%s can be one of: %s", name, text);
}

const struct verb *verb_find(const char *name)
{
	const struct verb *xl = NULL, *own = NULL;
	int xl_count = 0, own_count = 0;

	for (const struct verb *verb = verbs; verb->name && *name; verb++) {
		if (strncmp(verb->name, name, strlen(name)) != 0) {
			continue;
		}
		if (!verb->name[strlen(name)]) {
			return verb;
		}
		if (verb->flags & VERB_OWN) {
			own = verb;
			own_count++;
		} else {
			xl = verb;
			xl_count++;
		}
	}
	if (xl_count == 1) {
		return xl;
	}
	if (xl_count == 0 && own_count == 1) {
		return own;
	}
	if (xl_count + own_count == 0) {
		cli_fail("there is no verb \"%s\"; see \"vl help\"", name);
	} else {
		say_ambiguous(name);
	}
	return NULL;
}

void verb_help(const struct verb *verb)
{
	if (!verb->run) {
		printf("%s is not supported: %s\n", verb->name, verb->summary);
		return;
	}
	printf("Usage: vl %s%s%s\n\n%s.\n", verb->name, *verb->arguments ? " " : "",
	       verb->arguments, verb->summary);
	if (verb->options || (verb->flags & VERB_JSON)) {
		putchar('\n');
	}
	if (verb->options) {
		fputs(verb->options, stdout);
	}
	if (verb->flags & VERB_JSON) {
		puts("  --json  the same for programs");
	}
}
