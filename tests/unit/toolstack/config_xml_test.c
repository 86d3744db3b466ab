/* SPDX-License-Identifier: MIT */
/* Configurations as libvirt's domain XML: files, errors, exact round trips. */
#include "config_help.h"

#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#define DOMAIN "<domain type='xen'>\n<name>g</name>\n<os><kernel>/k</kernel></os>\n"

/* A guest that is booted with a kernel of the control domain. */
static void test_kernel(void)
{
	struct vl_config *config =
		config_warned("<?xml version=\"1.0\"?>\n"
			      "<!-- a comment -->\n"
			      "<domain type='xen' id='5'>\n"
			      "  <name>web&amp;more</name>\n"
			      "  <uuid> 01234567-89ab-cdef-0123-456789abcdef\n </uuid>\n"
			      "  <title>Web</title>\n"
			      "  <memory unit='GiB'>1</memory>\n"
			      "  <currentMemory>524288</currentMemory>\n"
			      "  <vcpu placement='static' cpuset='0-3,^1' current='2'>4</vcpu>\n"
			      "  <os>\n"
			      "    <type arch='x86_64' machine='xenpv'>linux</type>\n"
			      "    <kernel>/boot/vmlinuz</kernel>\n"
			      "    <initrd>/boot/initrd</initrd>\n"
			      "    <cmdline>root=/dev/xvda1 &lt;x&gt; </cmdline>\n"
			      "  </os>\n"
			      "  <features><xen><e820_host state='on'/></xen></features>\n"
			      "  <clock offset='utc' adjustment='reset'/>\n"
			      "  <on_poweroff>destroy</on_poweroff>\n"
			      "  <on_reboot>restart</on_reboot>\n"
			      "  <on_crash>coredump-restart</on_crash>\n"
			      "  <cputune><shares>1024</shares></cputune>\n"
			      "  <devices>\n"
			      "    <disk type='block' device='disk'>\n"
			      "      <driver name='phy' type='raw'/>\n"
			      "      <source dev='/dev/vg/web'/>\n"
			      "      <target dev='xvda' bus='xen'/>\n"
			      "    </disk>\n"
			      "    <disk type='file' device='cdrom'>\n"
			      "      <driver name='tap' type='aio' discard='ignore'/>\n"
			      "      <source file='/srv/x.iso'/>\n"
			      "      <target dev='xvdb'/>\n"
			      "      <readonly/>\n      <shareable/>\n"
			      "      <backenddomain name='drv'/>\n"
			      "    </disk>\n"
			      "    <interface type='bridge'>\n"
			      "      <mac address='00:16:3e:66:92:9c'/>\n"
			      "      <source bridge='xenbr1'/>\n"
			      "      <script path='vif-bridge'/>\n"
			      "      <ip address='10.0.0.1' family='ipv4' prefix='24'/>\n"
			      "      <ip address='fe80::1'/>\n"
			      "      <target dev='web0'/>\n"
			      "      <mtu size='9000'/>\n"
			      "      <bandwidth><outbound average='1000'/></bandwidth>\n"
			      "    </interface>\n"
			      "    <console type='pty'><target type='xen' port='0'/></console>\n"
			      "    <input type='mouse' bus='xen'/>\n"
			      "    <controller type='xenbus' index='0' maxGrantFrames='64' "
			      "maxEventChannels='2047'/>\n"
			      "  </devices>\n"
			      "</domain>\n",
			      "x.cfg:17: e820_host has no effect here");
	const struct vl_vif *vif;

	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	vif = config->vifs;
	CU_ASSERT_STRING_EQUAL(config->name, "web&more");
	CU_ASSERT_TRUE(config->has_uuid);
	CU_ASSERT_EQUAL(config->maxmem_kib, 1 << 20);
	CU_ASSERT_EQUAL(config->memory_kib, 1 << 19);
	CU_ASSERT_EQUAL(config->vcpus, 2);
	CU_ASSERT_EQUAL(config->maxvcpus, 4);
	CU_ASSERT_EQUAL(config->cpus_count, 1);
	CU_ASSERT_EQUAL(config->cpus[0], 0xd);
	CU_ASSERT_STRING_EQUAL(config->kernel, "/boot/vmlinuz");
	CU_ASSERT_STRING_EQUAL(config->ramdisk, "/boot/initrd");
	CU_ASSERT_STRING_EQUAL(config->cmdline, "root=/dev/xvda1 <x> ");
	CU_ASSERT_TRUE(config->e820_host);
	CU_ASSERT_EQUAL(config->on_crash, VL_ACTION_COREDUMP_RESTART);
	CU_ASSERT_EQUAL(config->weight, 1024);
	CU_ASSERT_EQUAL_FATAL(config->disk_count, 2);
	CU_ASSERT_STRING_EQUAL(config->disks[0].target, "/dev/vg/web");
	CU_ASSERT_FALSE(config->disks[0].readonly);
	CU_ASSERT_TRUE(config->disks[0].discard);
	CU_ASSERT_TRUE(config->disks[1].cdrom);
	CU_ASSERT_FALSE(config->disks[1].discard);
	CU_ASSERT_TRUE(config->disks[1].shared);
	CU_ASSERT_FALSE(config->disks[0].shared);
	CU_ASSERT_STRING_EQUAL(config->disks[1].backend, "drv");
	CU_ASSERT_EQUAL_FATAL(config->vif_count, 1);
	CU_ASSERT_STRING_EQUAL(vif->bridge, "xenbr1");
	CU_ASSERT_STRING_EQUAL(vif->script, "vif-bridge");
	CU_ASSERT_STRING_EQUAL(vif->ip, "10.0.0.1/24 fe80::1");
	CU_ASSERT_STRING_EQUAL(vif->vifname, "web0");
	CU_ASSERT_EQUAL(vif->mac[5], 0x9c);
	CU_ASSERT_EQUAL(vif->mtu, 9000);
	CU_ASSERT_EQUAL(vif->rate, 51200);
	CU_ASSERT_EQUAL(vif->rate_interval, 50000);
	CU_ASSERT_EQUAL(config->max_grant_frames, 64);
	CU_ASSERT_EQUAL(config->max_event_channels, 2047);
	vl_config_free(config);
}

/* With a bootloader, pins of each vCPU, and things that are not there. */
static void test_bootloader(void)
{
	struct vl_config *config = config_warned(
		"<domain type=\"xen\" xmlns:o=\"urn:other\">\n"
		"<name>g</name>\n"
		"<memory>2000</memory>\n"
		"<vcpu cpuset='4'>3</vcpu>\n"
		"<cputune>\n<vcpupin vcpu='0' cpuset='1'/>\n<vcpupin vcpu='2' cpuset='2,3'/>\n"
		"<period>5</period>\n</cputune>\n"
		"<bootloader>/usr/bin/pygrub</bootloader>\n"
		"<bootloader_args>-q</bootloader_args>\n"
		"<metadata><o:any><o:thing/></o:any></metadata>\n"
		"<o:commandline/>\n"
		"<devices>\n<graphics type='vnc'/>\n"
		"<disk><source file='/a'/>\n<target dev='xvda'/>\n<serial>5</serial></disk>\n"
		"<interface type='ethernet'>\n<vlan/></interface>\n"
		"</devices>\n</domain>",
		"x.cfg:8: <period> is not known or not supported, and without effect\n"
		"x.cfg:11: bootloader_args has no effect here\n"
		"x.cfg:13: <commandline> is not known, and without effect\n"
		"x.cfg:15: <graphics> is not known or not supported, and without effect\n"
		"x.cfg:18: <serial> is not known or not supported, and without effect\n"
		"x.cfg:20: <vlan> is not known or not supported, and without effect");

	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_STRING_EQUAL(config->bootloader, "/usr/bin/pygrub");
	CU_ASSERT_STRING_EQUAL(config->bootloader_args, "-q");
	CU_ASSERT_EQUAL(config->memory_kib, 2000);
	CU_ASSERT_EQUAL(config->cpus_count, 3);
	CU_ASSERT_EQUAL(config->cpus[0], 2);
	CU_ASSERT_EQUAL(config->cpus[1], 0x10);
	CU_ASSERT_EQUAL(config->cpus[2], 0xc);
	vl_config_free(config);
}

/* With the line of the element, of an attribute that of the device. */
static void test_idle(void)
{
	vl_config_free(config_warned(
		"<domain type='xen' xmlns:v='urn:vellum:guest'>\n"
		"<name>g</name><os><kernel>/k</kernel></os>\n"
		"<metadata><v:guest>\n<v:nomigrate>yes</v:nomigrate>\n"
		"<v:driver_domain>yes</v:driver_domain>\n<v:iomem>f0,1@2</v:iomem>\n"
		"</v:guest></metadata>\n"
		"<features><xen><e820_host state='off'/></xen></features>\n"
		"<devices>\n<interface type='bridge' v:gatewaydev='eth0'/></devices></domain>",
		"x.cfg:4: nomigrate has no effect here\n"
		"x.cfg:5: driver_domain has no effect here\n"
		"x.cfg:6: iomem: the GFN 2 has no effect here\n"
		"x.cfg:10: gatewaydev has no effect here"));
}

static void test_units(void)
{
	static const struct {
		const char *text;
		uint64_t kib;
	} cases[] = {
		{ "<memory>5000</memory>", 5000 },
		{ "<memory unit='b'>1048577</memory>", 1025 },
		{ "<memory unit='KB'>2048</memory>", 2000 },
		{ "<memory unit='k'>7000</memory>", 7000 },
		{ "<memory unit='MB'>2</memory>", 1954 },
		{ "<memory unit='M'>1</memory>", 1024 },
		{ "<memory unit='MiB'> 2 </memory>", 2048 },
		{ "<memory unit='GB'>1</memory>", 976563 },
		{ "<memory unit='G'>1</memory>", 1 << 20 },
		{ "<memory unit='T'>1</memory>", 1 << 30 },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct vl_config *config;

		snprintf(text, sizeof(text), DOMAIN "%s</domain>", cases[i].text);
		config = config_good(text);
		CU_ASSERT_PTR_NOT_NULL_FATAL(config);
		CU_ASSERT_EQUAL(config->maxmem_kib, cases[i].kib);
		vl_config_free(config);
	}
}

static void test_errors(void)
{
	static const char *const cases[][2] = {
		{ "<domain>",
		  "x.cfg:1: this is no XML: Premature end of data in tag domain line 1" },
		{ "<", "x.cfg:1: this is no XML: StartTag: invalid element name" },
		{ "<a></b>",
		  "x.cfg:1: this is no XML: Opening and ending tag mismatch: a line 1 and b" },
		{ "<domain type='xen'>&x;</domain>",
		  "x.cfg:1: this is no XML: Entity 'x' not defined" },
		{ "<!DOCTYPE domain [<!ENTITY x 'y'>]><domain type='xen'>&x;</domain>",
		  "x.cfg: a document type (<!DOCTYPE) is not allowed" },
		{ "<!DOCTYPE domain SYSTEM 'http://127.0.0.1:1/x'><domain type='xen'/>",
		  "x.cfg: a document type (<!DOCTYPE) is not allowed" },
		{ "<network/>", "x.cfg:1: <domain> is expected, not <network>" },
		{ "\n<domain type='kvm'/>", "x.cfg:2: only <domain type='xen'> is supported" },
		{ "<domain/>", "x.cfg:1: only <domain type='xen'> is supported" },
		{ "<domain type='xen'/>", "x.cfg: the guest has no name" },
		{ DOMAIN "<os><type>hvm</type></os></domain>",
		  "x.cfg:4: HVM guests are not supported: only <type>linux</type> is" },
		{ DOMAIN "<os><type>xenpvh</type></os></domain>",
		  "x.cfg:4: PVH guests are not supported: only <type>linux</type> is" },
		{ DOMAIN "<os><type>exe</type></os></domain>",
		  "x.cfg:4: \"exe\" is no type of a guest, \"linux\" is" },
		{ DOMAIN "<memory unit='acre'>1</memory></domain>",
		  "x.cfg:4: memory: \"acre\" is no unit" },
		{ DOMAIN "<memory>lots</memory></domain>",
		  "x.cfg:4: memory: \"lots\" is no number" },
		{ DOMAIN "<memory unit='TiB'>99999999</memory></domain>",
		  "x.cfg:4: memory: 99999999 is not between 1 and 16777215" },
		{ DOMAIN "<currentMemory unit='TiB'>17</currentMemory></domain>",
		  "x.cfg:4: memory: 18253611008 KiB is not between 1024 and 17179869184" },
		{ DOMAIN "<vcpu>65</vcpu></domain>",
		  "x.cfg:4: maxvcpus: 65 is not between 1 and 64" },
		{ DOMAIN "<vcpu current='3'>2</vcpu></domain>",
		  "x.cfg: vcpus is more than maxvcpus" },
		{ DOMAIN "<vcpu cpuset='x'>2</vcpu></domain>",
		  "x.cfg:4: cpuset is no list of CPUs, as \"0-3,^1\" or \"all\" are" },
		{ DOMAIN "<cputune><vcpupin vcpu='1'/></cputune></domain>",
		  "x.cfg:4: vcpupin is to have vcpu= and cpuset=" },
		{ DOMAIN "<cputune><vcpupin vcpu='64' cpuset='1'/></cputune></domain>",
		  "x.cfg:4: vcpu: 64 is not between 0 and 63" },
		{ DOMAIN "<cputune><shares>0</shares></cputune></domain>",
		  "x.cfg:4: cpu_weight: 0 is not between 1 and 65535" },
		{ DOMAIN "<uuid>5</uuid></domain>", "x.cfg:4: uuid: \"5\" is no UUID" },
		{ DOMAIN "<on_crash>weep</on_crash></domain>",
		  "x.cfg:4: on_crash: \"weep\" is no action" },
		{ DOMAIN "<devices>\n<disk type='network'/></devices></domain>",
		  "x.cfg:5: a disk with type='network' is not supported, only 'file' and 'block'" },
		{ DOMAIN "<devices>\n<disk device='floppy'/></devices></domain>",
		  "x.cfg:5: a disk with device='floppy' is not supported, only 'disk' and 'cdrom'" },
		{ DOMAIN "<devices>\n<disk/></devices></domain>",
		  "x.cfg:5: a disk has no virtual device (vdev)" },
		{ DOMAIN "<devices>\n<disk><target dev='xvda'/></disk></devices></domain>",
		  "x.cfg:5: the disk xvda has no target" },
		{ DOMAIN "<devices>\n<disk><driver type='qcow2'/></disk></devices></domain>",
		  "x.cfg:5: disks of format qcow2 are not supported: convert the image with "
		  "\"qemu-img convert -O raw\"" },
		{ DOMAIN "<devices>\n<interface type='network'/></devices></domain>",
		  "x.cfg:5: an interface with type='network' is not supported, only 'bridge' and "
		  "'ethernet'" },
		{ DOMAIN "<devices>\n<interface><mac address='5'/></interface></devices></domain>",
		  "x.cfg:5: mac: \"5\" is no MAC address" },
		{ DOMAIN "<name>a\nb</name></domain>",
		  "x.cfg:4: name has control characters or is not UTF-8" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		config_refused(cases[i][0], cases[i][1]);
	}
}

/* Deep nesting and many attributes end in a sentence. */
static void test_limits(void)
{
	size_t count = 100000;
	char *text = malloc(count * 4 + 100);
	struct vl_config *config;
	struct vl_error error = { "" };
	char *end = text;

	for (size_t i = 0; i < count; i++) {
		end = stpcpy(end, "<a>");
	}
	CU_ASSERT_NOT_EQUAL(vl_config_parse(text, (size_t)(end - text), "x", NULL, 0, &config, NULL,
					    &error),
			    0);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "this is no XML: Excessive depth"));
	end = stpcpy(text, "<domain type='xen' xmlns:v='urn:vellum:guest'><metadata><v:guest>\n");
	for (size_t i = 1; i <= 9; i++) {
		end = stpcpy(end, "<v:iomem>1,1</v:iomem>\n");
	}
	(void)stpcpy(end, "</v:guest></metadata></domain>");
	config_refused(text, "x.cfg:10: iomem has more than 8 ranges");
	free(text);
}

/* The form is libvirt's: an element here and there. */
static void test_written(void)
{
	struct vl_config *config = config_good(
		CONFIG_BASE "memory=64\nvcpus=2\nmaxvcpus=4\ncap=5\nextra='a<b'\n"
			    "disk=['/dev/x,,xvda,r,direct-io-safe']\n"
			    "vif=['bridge=br0,ip=10.0.0.1/24,gatewaydev=e0,rate=10Mb/s']\n");
	static const char *const parts[] = {
		"<domain xmlns:vellum=\"urn:vellum:guest\" type=\"xen\">",
		"<memory unit=\"KiB\">65536</memory>",
		"<vcpu placement=\"static\" current=\"2\">4</vcpu>",
		"<type arch=\"x86_64\" machine=\"xenpv\">linux</type>",
		"<cmdline>a&lt;b</cmdline>",
		"<vellum:cap>5</vellum:cap>",
		"<disk type=\"block\" device=\"disk\" vellum:direct-io-safe=\"yes\">",
		"<source dev=\"/dev/x\"/>",
		"<target dev=\"xvda\" bus=\"xen\"/>",
		"<readonly/>",
		"<interface type=\"bridge\" vellum:gatewaydev=\"e0\" "
		"vellum:rate=\"62500\" vellum:rate-interval=\"50000\">",
		"<ip prefix=\"24\" address=\"10.0.0.1\"/>",
		"<console type=\"pty\">",
	};
	char *text;

	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_EQUAL_FATAL(vl_config_xml(config, &text, NULL), 0);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (!strstr(text, parts[i])) {
			printf("\n  missing: %s\n%s\n", parts[i], text);
			CU_FAIL("an element is missing");
		}
	}
	free(text);
	vl_config_free(config);
}

static void test_round_trips(void)
{
	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct vl_config *config = config_random(seed), *again;
		struct vl_warnings warnings;
		struct vl_error error = { "" };
		const char *difference;
		char *text;

		CU_ASSERT_EQUAL_FATAL(vl_config_xml(config, &text, &error), 0);
		if (vl_config_parse(text, strlen(text), "x.xml", NULL, 0, &again, &warnings,
				    &error)) {
			printf("\n  %s\n%s\n", error.text, text);
			CU_FAIL_FATAL("what was written is refused");
		}
		CU_ASSERT_EQUAL(config_other_warnings(&warnings), 0);
		difference = config_difference(config, again);
		if (difference) {
			printf("\n  %s differs\n%s\n", difference, text);
		}
		CU_ASSERT_PTR_NULL_FATAL(difference);
		vl_warnings_free(&warnings);
		vl_config_free(config);
		vl_config_free(again);
		free(text);
	}
}

/* From one form to the next and the next. */
static void test_all_forms(void)
{
	struct vl_config *config = config_good(
		CONFIG_BASE "uuid='01234567-89ab-cdef-0123-456789abcdef'\nmemory=64\nmaxmem=128\n"
			    "vcpus=2\nmaxvcpus=3\ncpus=['1','2-3']\ncap=50\ncpu_weight=300\n"
			    "root='/dev/xvda'\nextra='quiet'\non_crash='preserve'\n"
			    "disk=['phy:vg/x,xvda,w','/y,,xvdb,r,no-discard',',hdc:cdrom,r']\n"
			    "vif=['bridge=a,rate=1MB/s@20ms','ip=10.0.0.1']\n"
			    "iomem=['f0,2@3']\nioports=['3f8']\nnomigrate=1\n");
	struct vl_config *from_json, *from_xml;
	char *json, *xml;

	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_EQUAL_FATAL(vl_config_json(config, &json, NULL), 0);
	from_json = config_good(json);
	CU_ASSERT_PTR_NOT_NULL_FATAL(from_json);
	CU_ASSERT_EQUAL_FATAL(vl_config_xml(from_json, &xml, NULL), 0);
	from_xml = config_good(xml);
	CU_ASSERT_PTR_NOT_NULL_FATAL(from_xml);
	CU_ASSERT_PTR_NULL(config_difference(config, from_json));
	CU_ASSERT_PTR_NULL(config_difference(config, from_xml));
	free(json);
	free(xml);
	vl_config_free(config);
	vl_config_free(from_json);
	vl_config_free(from_xml);
}

CU_TestInfo config_xml_tests[] = {
	{ "a guest with a kernel", test_kernel },
	{ "a guest with a bootloader", test_bootloader },
	{ "keys that change nothing", test_idle },
	{ "units of memory", test_units },
	{ "errors", test_errors },
	{ "limits", test_limits },
	{ "what is written", test_written },
	{ "random round trips", test_round_trips },
	{ "all forms", test_all_forms },
	CU_TEST_INFO_NULL,
};
