/* SPDX-License-Identifier: MIT */
/*
 * What the core counts, for tests that compare it before and after: lines
 * "NAME VALUE". Run in the control domain.
 */
#include <stdio.h>

#include "libvellum/ctl.h"

int main(void)
{
	struct vl_error error = { "" };
	struct vl_host_info host;
	struct vl_domain_info domain;
	struct vl_ctl *ctl;

	if (vl_ctl_open(&ctl, &error) < 0 || vl_ctl_host(ctl, &host, &error) < 0 ||
	    vl_ctl_info(ctl, 0, &domain, &error) < 0) {
		fprintf(stderr, "vlstate: %s\n", error.text);
		return 1;
	}
	printf("domains %u\n", host.domains);
	printf("free-frames %llu\n", (unsigned long long)host.free_frames);
	printf("control-frames %llu\n", (unsigned long long)domain.frames);
	printf("control-ports %u\n", domain.ports);
	vl_ctl_close(ctl);
	return 0;
}
