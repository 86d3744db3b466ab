/* SPDX-License-Identifier: MIT */
/* Networks: nodes, and real interfaces in real bridges of our own network. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "fake_store.h"
#include "libvellum/device_part.h"
#include "guest_help.h"

#define BACKEND "/local/domain/0/backend/vif/7/0"
#define FRONTEND "/local/domain/7/device/vif/0"
#define ROOT "name='g'\nkernel='/k'\nmemory=8\n"

#define IS(path, text) \
	CU_ASSERT_STRING_EQUAL(fake_store_get(path) ? fake_store_get(path) : "(none)", text)

/* In which bridge an interface is, 0: in none. */
static int bridge_of(const char *name)
{
	char path[128], text[64] = "";
	FILE *file;
	int number = 0;

	snprintf(path, sizeof(path), "/sys/class/net/%s/master/ifindex", name);
	file = fopen(path, "r");
	if (file) {
		number = fgets(text, sizeof(text), file) ? atoi(text) : 0;
		fclose(file);
	}
	return number;
}

static struct ifreq interface(const char *name, unsigned long what)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	CU_ASSERT_EQUAL(ioctl(fd, what, &request), 0);
	close(fd);
	return request;
}

static void nodes_and_interface(void)
{
	struct vl_config *config = parse(
		ROOT "vif=['mac=00:16:3e:01:02:03,ip=10.0.0.5,rate=1000Kb/s,bridge=vlbr0']\n");

	if (machine_has_network()) {
		CU_ASSERT_EQUAL(vl_devices_check(config, &error), 0);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, config, &error), 0);
		IS(BACKEND "/frontend", FRONTEND);
		IS(BACKEND "/frontend-id", "7");
		IS(BACKEND "/handle", "0");
		IS(BACKEND "/mac", "00:16:3e:01:02:03");
		IS(BACKEND "/bridge", "vlbr0");
		IS(BACKEND "/ip", "10.0.0.5");
		IS(BACKEND "/script", "");
		IS(BACKEND "/online", "1");
		IS(BACKEND "/hotplug-status", "connected");
		CU_ASSERT_PTR_NOT_NULL(fake_store_get(BACKEND "/rate"));
		IS(FRONTEND "/backend", BACKEND);
		IS(FRONTEND "/handle", "0");
		IS(FRONTEND "/mac", "00:16:3e:01:02:03");
		IS(FRONTEND "/state", "1");
		CU_ASSERT_STRING_EQUAL(fake_store_perms(BACKEND), "n0r7");
		CU_ASSERT_STRING_EQUAL(fake_store_perms(FRONTEND), "n7r0");
		CU_ASSERT_EQUAL(interface("vif7.0", SIOCGIFMTU).ifr_mtu, 1400);
		CU_ASSERT_EQUAL(interface("vif7.0", SIOCGIFFLAGS).ifr_flags &
					(IFF_UP | IFF_NOARP | IFF_MULTICAST),
				IFF_UP | IFF_NOARP);
		/* sysfs shows the network in which it was mounted, so this may know nothing */
		CU_ASSERT(bridge_of("vif7.0") == 0 ||
			  bridge_of("vif7.0") == (int)if_nametoindex("vlbr0"));
		CU_ASSERT_EQUAL(vl_devices_detach(&host, 7, &error), 0);
		CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/0/backend/vif/7"));
		CU_ASSERT_EQUAL(if_nametoindex("vif7.0"), 0);
	}
	vl_config_free(config);
}

static void name_and_mtu(void)
{
	struct vl_config *config =
		parse(ROOT "vif=['vifname=web0,mtu=1300', 'mac=00:16:3e:00:00:02']\n");

	if (machine_has_network()) {
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, config, &error), 0);
		CU_ASSERT(if_nametoindex("web0") > 0);
		CU_ASSERT_EQUAL(if_nametoindex("vif7.0"), 0);
		CU_ASSERT(if_nametoindex("vif7.1") > 0);
		CU_ASSERT_EQUAL(interface("web0", SIOCGIFMTU).ifr_mtu, 1300);
		IS(FRONTEND "/mtu", "1300");
		/* The name is taken now. */
		CU_ASSERT_EQUAL(vl_devices_check(config, &error), -EEXIST);
		HAS(error.text, "network interface 0: there is an interface web0 already");
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 8, config, &error), -EEXIST);
		HAS(error.text, "network interface 0: cannot rename the interface: File exists");
		CU_ASSERT_EQUAL(if_nametoindex("vif8.0"), 0);
		CU_ASSERT_EQUAL(vl_devices_detach(&host, 7, &error), 0);
	}
	vl_config_free(config);
}

static void check_refuses(const char *vifs, const char *part)
{
	struct vl_config *config = parse(ROOT "vif=[%s]\n", vifs);

	error.text[0] = '\0';
	CU_ASSERT(vl_devices_check(config, &error) < 0);
	if (!strstr(error.text, part)) {
		printf("\"%s\" does not say \"%s\" ", error.text, part);
	}
	HAS(error.text, part);
	vl_config_free(config);
}

static void check_says_what_is_wrong(void)
{
	if (machine_has_network()) {
		check_refuses("'bridge=none'", "network interface 0: there is no bridge none");
		check_refuses("'bridge=lo'", "network interface 0: lo is no bridge");
		check_refuses("'script=/none/there'", "cannot execute its script /none/there");
		check_refuses("'backend=net'", "only the control domain can be its backend");
	}
}

static void which_bridge(void)
{
	struct vl_config *config = parse(ROOT "vif=['']\n");

	if (machine_has_network()) {
		CU_ASSERT_EQUAL(machine_bridge("other", true), 0);
		CU_ASSERT_EQUAL(vl_devices_check(config, &error), 0); /* vlbr0 */
		CU_ASSERT_EQUAL(machine_bridge("vlbr0", false), 0);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, config, &error), 0);
		IS(BACKEND "/bridge", "other"); /* the only one */
		CU_ASSERT_EQUAL(vl_devices_detach(&host, 7, &error), 0);
		CU_ASSERT_EQUAL(machine_bridge("third", true), 0);
		CU_ASSERT_EQUAL(vl_devices_check(config, &error), -ENODEV);
		HAS(error.text, "no bridge is named, and there are 2");
		CU_ASSERT_EQUAL(machine_bridge("other", false), 0);
		CU_ASSERT_EQUAL(machine_bridge("third", false), 0);
		CU_ASSERT_EQUAL(vl_devices_check(config, &error), -ENODEV);
		HAS(error.text, "there is no bridge on this host");
		CU_ASSERT_EQUAL(machine_bridge("vlbr0", true), 0);
	}
	vl_config_free(config);
}

static void a_script_is_run(void)
{
	char text[512], *seen;
	struct vl_config *config;

	snprintf(text, sizeof(text),
		 "echo \"$1 $2 $XENBUS_TYPE $XENBUS_PATH $vif $INTERFACE $script\" >> %s/seen",
		 folder);
	config = parse(ROOT "vif=['script=%s,bridge=none']\n", make_script("vif-mine", text));
	if (machine_has_network()) {
		CU_ASSERT_EQUAL(vl_devices_check(config, &error), 0);
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, config, &error), 0);
		IS(BACKEND "/script", in_folder("vif-mine"));
		IS(BACKEND "/bridge", "none");
		CU_ASSERT_EQUAL(vl_devices_detach(&host, 7, &error), 0);
		seen = read_text(in_folder("seen"));
		snprintf(text, sizeof(text),
			 "online type_if=vif vif backend/vif/7/0 vif7.0 vif7.0 %s/vif-mine\n"
			 "offline type_if=vif vif backend/vif/7/0 vif7.0 vif7.0 %s/vif-mine\n",
			 folder, folder);
		CU_ASSERT_STRING_EQUAL(seen ? seen : "", text);
		free(seen);
	}
	vl_config_free(config);
}

static void the_driver_refuses(void)
{
	struct vl_config *config = parse(ROOT "vif=['']\n");

	if (machine_has_network()) {
		drivers = DRIVERS_REFUSE;
		CU_ASSERT_EQUAL(vl_devices_attach(&host, 7, config, &error), -EIO);
		HAS(error.text, "network interface 0: its backend has failed (state 5): 19 it");
		drivers = DRIVERS_ABSENT;
		CU_ASSERT_EQUAL(device_attach_all(&host, 7, config, 100, &error), -ETIMEDOUT);
		HAS(error.text, "is the module xen-netback loaded?");
		CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/0/backend/vif/7"));
	}
	vl_config_free(config);
}

static void addresses_are_ours(void)
{
	uint8_t one[6], two[6];

	CU_ASSERT_EQUAL(vl_vif_make_mac(one, &error), 0);
	CU_ASSERT_EQUAL(vl_vif_make_mac(two, &error), 0);
	CU_ASSERT(one[0] == 0x00 && one[1] == 0x16 && one[2] == 0x3e);
	CU_ASSERT(memcmp(one, two, 6) != 0);
}

static void any_call_may_fail(void)
{
	struct vl_config *config = parse(ROOT "vif=['']\n");
	unsigned int open = descriptors(), n = 1;
	bool failed = machine_has_network();

	for (; failed && n < 300; n++) {
		fake_store_fail_at(n);
		if (!vl_devices_attach(&host, 7, config, &error)) {
			failed = fake_store_failed();
			CU_ASSERT_EQUAL(vl_devices_detach(&host, 7, &error), 0);
		}
		fake_store_failed();
		CU_ASSERT_PTR_NULL(fake_store_get("/local/domain/0/backend/vif/7"));
		CU_ASSERT_EQUAL(if_nametoindex("vif7.0"), 0);
		CU_ASSERT_EQUAL(descriptors(), open);
	}
	CU_ASSERT(n < 300);
	vl_config_free(config);
}

CU_TestInfo device_vif_tests[] = {
	{ "nodes and interface", nodes_and_interface },
	{ "name and MTU", name_and_mtu },
	{ "check says what is wrong", check_says_what_is_wrong },
	{ "which bridge", which_bridge },
	{ "a script is run", a_script_is_run },
	{ "the driver refuses", the_driver_refuses },
	{ "MAC addresses are made up", addresses_are_ours },
	{ "any call may fail", any_call_may_fail },
	CU_TEST_INFO_NULL,
};
