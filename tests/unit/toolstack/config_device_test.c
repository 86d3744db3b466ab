/* SPDX-License-Identifier: MIT */
/* Entries of disk= and vif=, and the numbers of virtual devices. */
#include "config_help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

static void test_vdev(void)
{
	static const struct {
		const char *vdev;
		uint32_t number;
	} good[] = {
		{ "d0", 0xca00 },
		{ "d0p0", 0xca00 },
		{ "xvda", 0xca00 },
		{ "xvda0", 0xca00 },
		{ "d1p2", 0xca12 },
		{ "xvdb2", 0xca12 },
		{ "d536p37", 1u << 28 | 536 << 8 | 37 },
		{ "xvdtq37", 1u << 28 | 536 << 8 | 37 },
		{ "xvdp15", 0xcaff },
		{ "xvdp16", 1u << 28 | 15 << 8 | 16 },
		{ "xvdq", 1u << 28 | 16 << 8 },
		{ "xvdz", 1u << 28 | 25 << 8 },
		{ "xvdaa", 1u << 28 | 26 << 8 },
		{ "xvdab1", 1u << 28 | 27 << 8 | 1 },
		{ "xvdzz", 1u << 28 | 701 << 8 },
		{ "xvdaaa", 1u << 28 | 702 << 8 },
		{ "d1048575p255", 1u << 28 | 1048575 << 8 | 255 },
		{ "sda", 0x800 },
		{ "sdb3", 0x813 },
		{ "sdp15", 0x8ff },
		{ "hda", 0x300 },
		{ "hda63", 0x33f },
		{ "hdb1", 0x341 },
		{ "hdc", 0x1600 },
		{ "hdc2", 0x1602 },
		{ "hdd", 0x1640 },
		{ "51712", 51712 },
		{ "0xca10", 51728 },
		{ "0145000", 51712 },
	};
	static const char *const bad[] = {
		"",
		"x",
		"xvd",
		"xvd1",
		"xvdA",
		"xvda01",
		"xvda256",
		"xvda1x",
		"sdq",
		"sda16",
		"hde",
		"hda64",
		"d",
		"d0p",
		"d01",
		"d0p256",
		"d1p-1",
		"d 1",
		"-1",
		"12x",
		"d1048576",
		"xvdbduzzz",
		"vda",
		"536870912",
		"d99999999999999999999",
		"xvdaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"99999999999999999999",
	};
	uint32_t number;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		number = 0;
		CU_ASSERT_EQUAL(vl_vdev_number(good[i].vdev, &number), 0);
		if (number != good[i].number) {
			printf("\n  %s is %u\n", good[i].vdev, number);
		}
		CU_ASSERT_EQUAL(number, good[i].number);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CU_ASSERT_EQUAL(vl_vdev_number(bad[i], &number), -EINVAL);
	}
}

struct disk_case {
	const char *spec, *target, *vdev;
	bool readonly, cdrom;
	const char *script;
};

static void test_disks(void)
{
	static const struct disk_case cases[] = {
		/* The same one in four ways, */
		{ "/dev/vg/guest-volume,,hda", "/dev/vg/guest-volume", "hda", false, false, NULL },
		{ "/dev/vg/guest-volume,raw,hda,rw", "/dev/vg/guest-volume", "hda", false, false,
		  NULL },
		{ "format=raw, vdev=hda, access=rw, target=/dev/vg/guest-volume",
		  "/dev/vg/guest-volume", "hda", false, false, NULL },
		{ "raw:/dev/vg/guest-volume,hda,w", "/dev/vg/guest-volume", "hda", false, false,
		  NULL },
		/* a CD in five. */
		{ "/root/image.iso,,hdc,cdrom", "/root/image.iso", "hdc", true, true, NULL },
		{ "/root/image.iso,,hdc,,cdrom", "/root/image.iso", "hdc", true, true, NULL },
		{ "/root/image.iso,raw,hdc,devtype=cdrom", "/root/image.iso", "hdc", true, true,
		  NULL },
		{ "format=raw, vdev=hdc, access=ro, devtype=cdrom, target=/root/image.iso",
		  "/root/image.iso", "hdc", true, true, NULL },
		{ "raw:/root/image.iso,hdc:cdrom,ro", "/root/image.iso", "hdc", true, true, NULL },
		/* No medium. */
		{ ",hdc:cdrom,r", NULL, "hdc", true, true, NULL },
		{ ",,hdc,cdrom", NULL, "hdc", true, true, NULL },
		{ "vdev=hdc,devtype=cdrom", NULL, "hdc", true, true, NULL },
		{ "format=raw,vdev=hdc,devtype=cdrom,target=", NULL, "hdc", true, true, NULL },
		/* Prefixes. */
		{ "phy:/dev/vg/x,xvda,w", "/dev/vg/x", "xvda", false, false, NULL },
		{ "phy:vg/x,xvda1,r", "/dev/vg/x", "xvda1", true, false, NULL },
		{ "phy:/dev/vg/x,raw,xvda,w", "/dev/vg/x", "xvda", false, false, NULL },
		{ "phy:/dev/vg/x,,xvda,w", "/dev/vg/x", "xvda", false, false, NULL },
		{ "file:/srv/x.img,xvda,w", "/srv/x.img", "xvda", false, false, NULL },
		{ "tap:aio:/srv/x.img,xvda,w", "/srv/x.img", "xvda", false, false, NULL },
		{ "tap2:tapdisk:aio:/x,xvda,w!", "/x", "xvda", false, false, NULL },
		{ "drbd:res0,xvda,w", "res0", "xvda", false, false, "block-drbd" },
		{ "iscsi:iqn.x,xvda,w", "iqn.x", "xvda", false, false, "block-iscsi" },
		/* Named and positional, blanks, commas and a line feed in it. */
		{ "vdev=xvda, /a", "/a", "xvda", false, false, NULL },
		{ "  /a , raw , xvda , r ", "/a", "xvda", true, false, NULL },
		{ "/a,raw,xvda,r,\n", "/a", "xvda", true, false, NULL },
		{ "vdev=xvda,target=/a,b,cdrom ", "/a,b,cdrom ", "xvda", false, false, NULL },
		{ ",,xvda,target=/late", "/late", "xvda", false, false, NULL },
		{ "script=mine,vdev=xvda,target=a:b,c", "a:b,c", "xvda", false, false, "mine" },
		{ "/dev/disk/by-id/a=b,,xvda", "/dev/disk/by-id/a=b", "xvda", false, false, NULL },
		{ "vg/x,,d0p1", "/dev/vg/x", "d0p1", false, false, NULL },
		{ "/a,,51712,r", "/a", "51712", true, false, NULL },
		{ "/a,,xvda,backendtype=phy,specification=xen,trusted", "/a", "xvda", false, false,
		  NULL },
	};
	struct vl_warnings none = { 0 };
	struct vl_error error;
	struct vl_disk disk;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct disk_case *c = &cases[i];
		int rc = vl_disk_parse(c->spec, "disk", &disk, &none, &error);

		if (rc) {
			printf("\n  %s: %s\n", c->spec, error.text);
		}
		CU_ASSERT_EQUAL_FATAL(rc, 0);
		if (c->target) {
			CU_ASSERT_PTR_NOT_NULL_FATAL(disk.target);
			CU_ASSERT_STRING_EQUAL(disk.target, c->target);
		}
		CU_ASSERT_EQUAL(disk.format, c->target ? VL_DISK_RAW : VL_DISK_EMPTY);
		CU_ASSERT_STRING_EQUAL(disk.vdev, c->vdev);
		CU_ASSERT_EQUAL(disk.readonly, c->readonly);
		CU_ASSERT_EQUAL(disk.cdrom, c->cdrom);
		CU_ASSERT_TRUE(c->script ? disk.script && !strcmp(disk.script, c->script) :
					   !disk.script);
		CU_ASSERT_TRUE(disk.discard);
		CU_ASSERT_FALSE(disk.direct_io_safe);
		vl_disk_clear(&disk);
	}
	CU_ASSERT_EQUAL(none.count, 0);
}

static void test_disk_flags(void)
{
	struct vl_warnings warnings = { 0 };
	struct vl_disk disk;

	CU_ASSERT_EQUAL(vl_disk_parse("/a,,xvda,w,direct-io-safe,no-discard,backend=drv,"
				      "untrusted,backendtype=qdisk",
				      "disk", &disk, &warnings, NULL),
			0);
	CU_ASSERT_TRUE(disk.direct_io_safe);
	CU_ASSERT_FALSE(disk.discard);
	CU_ASSERT_STRING_EQUAL(disk.backend, "drv");
	CU_ASSERT_EQUAL(warnings.count, 2);
	CU_ASSERT_STRING_EQUAL(warnings.text[0], "disk: untrusted has no effect on a disk");
	CU_ASSERT_STRING_EQUAL(warnings.text[1],
			       "disk: backendtype=qdisk has no effect: the control domain's kernel "
			       "serves the disk");
	vl_warnings_free(&warnings);
	vl_disk_clear(&disk);
}

static void test_disk_errors(void)
{
	static const char *const cases[][2] = {
		{ "", "disk: a disk has no virtual device (vdev)" },
		{ "/a", "disk: a disk has no virtual device (vdev)" },
		{ "/a,xvda,w",
		  "disk: \"xvda\" is no format of a disk: \"raw\" is, or an empty one" },
		{ "/a,qcow2,xvda", "disk: disks of format qcow2 are not supported: convert the "
				   "image with \"qemu-img convert -O raw\"" },
		{ "qcow2:/a,xvda,w", "disk: disks of format qcow2 are not supported: convert the "
				     "image with \"qemu-img convert -O raw\"" },
		{ "/a,vhd,xvda", "disk: disks of format vhd are not supported: convert the "
				 "image with \"qemu-img convert -O raw\"" },
		{ "/a,,vda", "disk: \"vda\" is no virtual device, as \"xvda\" is" },
		{ "/a,,xvda,rx", "disk: \"rx\" is no access to a disk: \"r\" and \"w\" are" },
		{ "/a,,xvda,w,more", "disk: \"more\" is one value too many for a disk" },
		{ ",,xvda", "disk: the disk xvda has no target" },
		{ "/a,raw,format=raw,xvda", "disk: the format of a disk is given twice" },
		{ "/a,,xvda,vdev=xvdb", "disk: the vdev of a disk is given twice" },
		{ "/a,,xvda,target=/b", "disk: the target of a disk is given twice" },
		{ "/a,,xvda,discard,no-discard", "disk: discard of a disk is given twice" },
		{ "/a,,xvda,script=a,script=b", "disk: the script of a disk is given twice" },
		{ "/a,,xvda,colo-port=3", "disk: colo-port= is not known for a disk" },
		{ "/a,,xvda,devtype=tape", "disk: \"tape\" is no type of a disk: \"cdrom\" is" },
		{ "/a,,xvda,backendtype=standalone",
		  "disk: backendtype=standalone is not supported" },
		{ "/a,,xvda,specification=virtio",
		  "disk: specification=virtio is not supported, only xen is" },
		{ "/a\n/b,,xvda", "disk: target has control characters or is not UTF-8" },
		{ "/a\x01,,xvda", "disk: it has control characters or is not UTF-8" },
	};
	struct vl_error error;
	struct vl_disk disk;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CU_ASSERT_EQUAL(vl_disk_parse(cases[i][0], "disk", &disk, NULL, &error), -EINVAL);
		if (strcmp(error.text, cases[i][1])) {
			printf("\n  %s: %s\n", cases[i][0], error.text);
		}
		CU_ASSERT_STRING_EQUAL(error.text, cases[i][1]);
		CU_ASSERT_PTR_NULL(disk.vdev);
	}
}

static void test_vif(void)
{
	struct vl_error error;
	struct vl_vif vif;
	int rc = vl_vif_parse("mac=00:16:3E:74:3d:76, bridge = xenbr0 ,script=vif-route,"
			      "ip=10.0.0.1  fe80::1/64 ,vifname=g0,backend=net,gatewaydev=eth0,"
			      "rate=10Mb/s@20ms,mtu=9000,devid=3,type=vif",
			      "vif", &vif, NULL, &error);

	CU_ASSERT_EQUAL_FATAL(rc, 0);
	CU_ASSERT_EQUAL(memcmp(vif.mac, "\x00\x16\x3e\x74\x3d\x76", 6), 0);
	CU_ASSERT_STRING_EQUAL(vif.bridge, "xenbr0");
	CU_ASSERT_STRING_EQUAL(vif.script, "vif-route");
	CU_ASSERT_STRING_EQUAL(vif.ip, "10.0.0.1 fe80::1/64");
	CU_ASSERT_STRING_EQUAL(vif.vifname, "g0");
	CU_ASSERT_STRING_EQUAL(vif.backend, "net");
	CU_ASSERT_STRING_EQUAL(vif.gatewaydev, "eth0");
	CU_ASSERT_EQUAL(vif.rate, 25000);
	CU_ASSERT_EQUAL(vif.rate_interval, 20000);
	CU_ASSERT_EQUAL(vif.mtu, 9000);
	CU_ASSERT_EQUAL(vif.devid, 3);
	vl_vif_clear(&vif);
	CU_ASSERT_EQUAL(vl_vif_parse("", "vif", &vif, NULL, &error), 0);
	CU_ASSERT_EQUAL(vif.devid, UINT32_MAX);
	CU_ASSERT_PTR_NULL(vif.bridge);
	CU_ASSERT_EQUAL(vl_vif_parse("bridge=,mac=,netdev=eth1", "vif", &vif, NULL, &error), 0);
	CU_ASSERT_PTR_NULL(vif.bridge);
	CU_ASSERT_STRING_EQUAL(vif.gatewaydev, "eth1");
	vl_vif_clear(&vif);
}

static void test_rates(void)
{
	static const struct {
		const char *text;
		uint64_t rate;
		uint32_t interval;
	} good[] = {
		{ "1MB/s@20ms", 20000, 20000 },	   { "10Mb/s", 62500, 50000 },
		{ "250KB/s", 12500, 50000 },	   { "8b/s@1s", 1, 1000000 },
		{ "1GB/s@1000us", 1000000, 1000 }, { "100B/s@1s", 100, 1000000 },
		{ "64Kb/s@1s", 8000, 1000000 },	   { "1Gb/s", 6250000, 50000 },
	};
	static const char *const bad[] = { "10",       "10Mb",	  "Mb/s",   "10Mb/s@",
					   "10Mb/s@5", "10Mb/sx", "-1Mb/s", "10mb/s" };
	static const char *const range[] = { "0b/s",	  "7b/s",	  "1B/s@1us",
					     "10Mb/s@0s", "10Mb/s@5000s", "100000GB/s@1s" };
	struct vl_error error;
	struct vl_vif vif;
	char text[64], sentence[128];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(text, sizeof(text), "rate=%s", good[i].text);
		CU_ASSERT_EQUAL(vl_vif_parse(text, "vif", &vif, NULL, &error), 0);
		CU_ASSERT_EQUAL(vif.rate, good[i].rate);
		CU_ASSERT_EQUAL(vif.rate_interval, good[i].interval);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "rate=%s", bad[i]);
		snprintf(sentence, sizeof(sentence),
			 "vif: rate: \"%s\" is no rate, as \"10Mb/s@20ms\" is", bad[i]);
		CU_ASSERT_EQUAL(vl_vif_parse(text, "vif", &vif, NULL, &error), -EINVAL);
		CU_ASSERT_STRING_EQUAL(error.text, sentence);
	}
	for (size_t i = 0; i < sizeof(range) / sizeof(*range); i++) {
		snprintf(text, sizeof(text), "rate=%s", range[i]);
		snprintf(sentence, sizeof(sentence), "vif: rate: %s is out of range", range[i]);
		CU_ASSERT_EQUAL(vl_vif_parse(text, "vif", &vif, NULL, &error), -EINVAL);
		CU_ASSERT_STRING_EQUAL(error.text, sentence);
	}
}

static void test_vif_errors(void)
{
	static const char *const cases[][2] = {
		{ "mac=1:2:3:4:5:6", "vif: mac: \"1:2:3:4:5:6\" is no MAC address" },
		{ "mac=00:16:3e:00:00", "vif: mac: \"00:16:3e:00:00\" is no MAC address" },
		{ "mac=00:16:3e:00:00:01:02",
		  "vif: mac: \"00:16:3e:00:00:01:02\" is no MAC address" },
		{ "mac=01:16:3e:00:00:01", "vif: mac: 01:16:3e:00:00:01 is a multicast address" },
		/* That one was made up in its place. */
		{ "mac=00:00:00:00:00:00",
		  "vif: mac: 00:00:00:00:00:00 is no address of an interface" },
		{ "brigde=x", "vif: \"brigde\" is not known for an interface" },
		{ "x", "vif: \"x\" is not known for an interface" },
		{ "=x", "vif: \"\" is not known for an interface" },
		{ "rate_interval=5", "vif: \"rate_interval\" is not known for an interface" },
		{ "type=ioemu", "vif: emulated network cards (type=ioemu) are not supported" },
		{ "type=odd", "vif: type: \"odd\" is no type of an interface" },
		{ "mtu=10", "vif: mtu: 10 is not between 68 and 65535" },
		{ "devid=256", "vif: devid: 256 is not between 0 and 255" },
		{ "bridge=a\nb", "vif: bridge has control characters or is not UTF-8" },
	};
	struct vl_warnings warnings = { 0 };
	struct vl_error error;
	struct vl_vif vif;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CU_ASSERT_EQUAL(vl_vif_parse(cases[i][0], "vif", &vif, NULL, &error), -EINVAL);
		if (strcmp(error.text, cases[i][1])) {
			printf("\n  %s: %s\n", cases[i][0], error.text);
		}
		CU_ASSERT_STRING_EQUAL(error.text, cases[i][1]);
	}
	CU_ASSERT_EQUAL(vl_vif_parse("model=e1000,accel", "vif", &vif, &warnings, &error), 0);
	CU_ASSERT_EQUAL(warnings.count, 2);
	CU_ASSERT_STRING_EQUAL(warnings.text[0], "vif: model has no effect on an interface");
	vl_warnings_free(&warnings);
}

CU_TestInfo config_device_tests[] = {
	{ "numbers of virtual devices", test_vdev },
	{ "disks", test_disks },
	{ "flags of disks", test_disk_flags },
	{ "errors of disks", test_disk_errors },
	{ "an interface", test_vif },
	{ "rates", test_rates },
	{ "errors of interfaces", test_vif_errors },
	CU_TEST_INFO_NULL,
};
