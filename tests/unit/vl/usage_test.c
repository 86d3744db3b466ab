/* SPDX-License-Identifier: MIT */
/* Verbs by name and prefix, help, options with mistakes, hosts that are not ready. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vl/verbs.h"
#include "world.h"

static void prefixes(void)
{
	EXPECT("domi web", 0, "3\n", "");
	EXPECT("domn 3", 0, "web\n", "");
	EXPECT("dumpx 3", 0, "<domain type='xen'><name>web</name></domain>\n", "");
	/* As with xl, which has no dumpxml. */
	EXPECT("dump web", 1, "", "vl: dump-core is not supported: it is not there yet\n");
	EXPECT("debug R", 1, "", "vl: debug-keys is not supported: it is not there yet\n");
	EXPECT("sched-cred", 1, "", "vl: sched-cred can be one of: sched-credit2, sched-credit\n");
	EXPECT("dom web", 1, "", "vl: dom can be one of: domid, domname\n");
	EXPECT("re", 1, "", "vl: re can be one of: reboot, rename, restore, resume, remus\n");
	EXPECT("sched-credit -s", 0,
	       "Cpupool Pool-0: tslice=10ms ratelimit=0us migration-delay=0us\n", "");
	EXPECT("reset web", 1, "", "vl: there is no verb \"reset\"; see \"vl help\"\n");
	EXPECT("listing", 1, "", "vl: there is no verb \"listing\"; see \"vl help\"\n");
	EXPECT("", 1, "", "vl: a verb is missing; see \"vl help\"\n");
	EXPECT(" x", 1, "", "vl: there is no verb \"\"; see \"vl help\"\n");
}

/* Those of xl. */
static const char *const known[] = {
	"create",
	"destroy",
	"shutdown",
	"reboot",
	"list",
	"info",
	"console",
	"pause",
	"unpause",
	"domid",
	"domname",
	"rename",
	"dmesg",
	"uptime",
	"help",
	"vm-list",
	"save",
	"restore",
	"migrate",
	"migrate-receive",
	"mem-set",
	"mem-max",
	"vcpu-list",
	"vcpu-pin",
	"vcpu-set",
	"sched-credit2",
	"sched-credit",
	"debug-keys",
	"block-attach",
	"block-detach",
	"block-list",
	"network-attach",
	"network-detach",
	"network-list",
	"config-update",
	"sysrq",
	"trigger",
	"dump-core",
	"suspend",
	"resume",
	"top",
	"cpupool-create",
	"cpupool-list",
	"cpupool-destroy",
	"cpupool-rename",
	"cpupool-cpu-add",
	"cpupool-cpu-remove",
	"cpupool-migrate",
	"cpupool-numa-split",
	"sched-rtds",
	"claims",
	"sharing",
	"set-parameters",
	"channel-list",
	"devd",
	"xenstore-quota-get",
	"xenstore-quota-set",
	"pci-assignable-add",
	"pci-assignable-remove",
	"pci-assignable-list",
	"pci-attach",
	"pci-detach",
	"pci-list",
	"vncviewer",
	"button-press",
	"cd-insert",
	"cd-eject",
	"qemu-monitor-command",
	"remus",
	"vtpm-attach",
	"vtpm-detach",
	"vtpm-list",
	"vkb-attach",
	"vkb-detach",
	"vkb-list",
	"vdispl-attach",
	"vdispl-detach",
	"vdispl-list",
	"vsnd-attach",
	"vsnd-detach",
	"vsnd-list",
	"usbctrl-attach",
	"usbctrl-detach",
	"usbdev-attach",
	"usbdev-detach",
	"usb-list",
	"psr-hwinfo",
	"psr-cmt-attach",
	"psr-cmt-detach",
	"psr-cmt-show",
	"psr-cat-set",
	"psr-cat-show",
	"psr-mba-set",
	"psr-mba-show",
	"getenforce",
	"setenforce",
	"loadpolicy",
	"dt-overlay",
};

/* Every verb of xl is known; one that is refused says why in one sentence. */
static void refusals(void)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const struct verb *verb = verb_find(known[i]);

		CU_ASSERT_PTR_NOT_NULL_FATAL(verb);
		CU_ASSERT_TEXT(verb->name, known[i]);
	}
	for (const struct verb *verb = verbs; verb->name; verb++) {
		const struct result *result;

		if (verb->run) {
			continue;
		}
		result = run(verb->name);
		CU_ASSERT_EQUAL(result->rc, 1);
		CU_ASSERT_PTR_NOT_NULL(strstr(result->err, " is not supported: "));
		CU_ASSERT_PTR_EQUAL(strchr(result->err, '\n'),
				    result->err + strlen(result->err) - 1);
	}
	EXPECT("vncviewer web", 1, "",
	       "vl: vncviewer is not supported: guests have no graphics, keyboards or sound\n");
	EXPECT("help vncviewer", 0,
	       "vncviewer is not supported: guests have no graphics, keyboards or sound\n", "");
}

static void help(void)
{
	const struct result *result = run("help");

	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_TEXT(result->err, "");
	for (const struct verb *verb = verbs; verb->name; verb++) {
		char line[64];

		snprintf(line, sizeof(line), "\n  %-15s ", verb->name);
		CU_ASSERT_EQUAL(strstr(result->out, line) != NULL, verb->run != NULL);
	}
	CU_ASSERT_EQUAL(run("--help")->rc, 0);
	CU_ASSERT_EQUAL(run("-h")->rc, 0);
	EXPECT("help pause", 0, "Usage: vl pause GUEST\n\nStop a guest's CPUs.\n", "");
	EXPECT("pause --help", 0, "Usage: vl pause GUEST\n\nStop a guest's CPUs.\n", "");
	EXPECT("pause -h", 0, "Usage: vl pause GUEST\n\nStop a guest's CPUs.\n", "");
	EXPECT("help vm-l", 0,
	       "Usage: vl vm-list\n\nList domains with their UUIDs.\n\n"
	       "  --json  the same for programs\n",
	       "");
	EXPECT("help nothing", 1, "", "vl: there is no verb \"nothing\"; see \"vl help\"\n");
	/* Each verb's own, also without a control domain. */
	world.no_core = "this is no control domain";
	for (const struct verb *verb = verbs; verb->run; verb++) {
		char line[64];

		snprintf(line, sizeof(line), "%s --help", verb->name);
		CU_ASSERT_EQUAL(run(line)->rc, 0);
	}
}

static void version(void)
{
	const struct result *result = run("--version");

	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_EQUAL(strncmp(result->out, "vl 0.1 (", 8), 0);
}

static void option_mistakes(void)
{
	EXPECT("list -x", 2, "", "vl: list: there is no option -x; see \"vl help list\"\n");
	EXPECT("list -lx", 2, "", "vl: list: there is no option -x; see \"vl help list\"\n");
	EXPECT("list -xl web", 2, "", "vl: list: there is no option -x; see \"vl help list\"\n");
	EXPECT("list web -x --long", 2, "",
	       "vl: list: there is no option -x; see \"vl help list\"\n");
	EXPECT("list --lang", 2, "", "vl: list: there is no option --lang; see \"vl help list\"\n");
	EXPECT("list --long=3", 2, "", "vl: list: option --long=3 takes no value\n");
	EXPECT("create --d x", 2, "",
	       "vl: create: several options begin with --d; see \"vl help create\"\n");
	EXPECT("create --def", 2, "", "vl: create: option --def wants a value\n");
	EXPECT("create -qf", 2, "", "vl: create: option -f wants a value\n");
	EXPECT("-x list", 2, "", "vl: there is no global option -x; see \"vl help\"\n");
	EXPECT("--jsen list", 2, "", "vl: there is no global option --jsen; see \"vl help\"\n");
	EXPECT("pause --json web", 2, "",
	       "vl: pause: there is no option --json; see \"vl help pause\"\n");
	EXPECT("--json pause web", 2, "", "vl: pause has no --json\n");
	EXPECT("-N pause web", 1, "", "vl: pause has no dry run\n");
	EXPECT("vm-list web", 2, "", "vl: vm-list: there are too many arguments: vl vm-list\n");
	EXPECT("pause", 2, "", "vl: pause: there are too few arguments: vl pause GUEST\n");
	CU_ASSERT_TEXT(world.calls, "");
}

/* Every verb but create, with arguments that would do, on a host that is not ready. */
static void host_not_ready(void)
{
	static const char *const lines[] = {
		"list",		 "list -l",	 "console web",	     "shutdown web",
		"shutdown -a",	 "reboot web",	 "destroy web",	     "pause web",
		"unpause web",	 "rename web a", "domid web",	     "domname 3",
		"uptime",	 "vm-list",	 "dumpxml web",	     "vcpu-list",
		"sched-credit2", "sched-credit", "vcpu-pin web 0 1", "sched-credit2 -d 3 -w 1",
	};

	world.no_store = "the store daemon does not run";
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		EXPECT(lines[i], 1, "", "vl: the store daemon does not run\n");
	}
	/* These two need no store. */
	CU_ASSERT_EQUAL(run("info")->rc, 0);
	CU_ASSERT_EQUAL(run("dmesg")->rc, 0);
	world.no_core = "/dev/xen/privcmd\ncannot\x1b be opened";
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		EXPECT(lines[i], 1, "", "vl: /dev/xen/privcmd cannot\\x1b be opened\n");
	}
	EXPECT("info", 1, "", "vl: /dev/xen/privcmd cannot\\x1b be opened\n");
	EXPECT("dmesg", 1, "", "vl: /dev/xen/privcmd cannot\\x1b be opened\n");
}

/* A full disk under the output is a failure, too. */
static void output_lost(void)
{
	int saved, full = open("/dev/full", O_WRONLY);
	int rc;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(full, STDOUT_FILENO);
	rc = cli_run(2, (char *[]){ "vl", "list", NULL });
	clearerr(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(full);
	CU_ASSERT_EQUAL(rc, 1);
}

static void end_all(int n)
{
	(void)n;
	for (size_t i = 1; i < world.count; i++) {
		world.domains[i].gone = true;
	}
}

/* One failure is one line, which begins with "vl: ", whatever came before it. */
static void check_failure(const struct result *result)
{
	const char *line = strncmp(result->err, "vl: ", 4) ? strstr(result->err, "\nvl: ") : "";
	const char *end = result->err + strlen(result->err);

	CU_ASSERT(result->rc == 1 || result->rc == 2 || result->rc == 3 || result->rc == 6);
	CU_ASSERT_PTR_NOT_NULL(line);
	CU_ASSERT(end > result->err && end[-1] == '\n');
}

/* Command lines of words that belong together, or do not. */
static void random_words(void)
{
	static const char *const words[] = {
		"-a",	       "-c",	   "-d",     "-e",	 "-F",	     "-f",
		"-l",	       "-n",	   "-p",     "-q",	 "-s",	     "-t",
		"-v",	       "-w",	   "-x",     "-N",	 "-T",	     "--json",
		"--help",      "--status", "--long", "--",	 "-",	     "",
		"web",	       "db",	   "0",	     "3",	 "-1",	     "65536",
		"99999999999", "all",	   "0-3,^2", "name=new", "bad=1",    "a=b=c",
		"=",	       "^a",	   "pv",     "\x1b[2J",	 "\xff\xfe", "%s%n",
		"nr_cpus",     "--d",	   "--w=1",  "-dweb",	 "-w512",    "Pool-0",
		"x\ny",
	};
	const unsigned int count = sizeof(words) / sizeof(*words);
	unsigned int state = 1, verb_count = 0;

	while (verbs[verb_count].name) {
		verb_count++;
	}
	for (int round = 0; round < 20000; round++) {
		const char *args[8] = { NULL };
		const struct result *result;
		int at = 0;

		for (unsigned int i = 0; i < 7; i++) {
			state = state * 1103515245u + 12345u;
			if (i == 1) {
				args[at++] = verbs[(state >> 16) % verb_count].name;
			} else if (state >> 30 && (i > 0 || state >> 29 == 7)) {
				args[at++] = words[(state >> 16) % count];
			}
		}
		if (round % 64 == 0) {
			world_reset();
			world.event = end_all;
		}
		result = run_args(args);
		if (result->rc != 0) {
			check_failure(result);
		}
	}
}

CU_TestInfo usage_tests[] = {
	{ "prefixes", prefixes },
	{ "refusals", refusals },
	{ "help", help },
	{ "version", version },
	{ "option_mistakes", option_mistakes },
	{ "host_not_ready", host_not_ready },
	{ "output_lost", output_lost },
	{ "random_words", random_words },
	CU_TEST_INFO_NULL,
};
