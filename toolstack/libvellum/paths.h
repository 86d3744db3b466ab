/* SPDX-License-Identifier: MIT */
/* Where the toolstack keeps what, and who owns it. */
#ifndef LIBVELLUM_PATHS_H
#define LIBVELLUM_PATHS_H

/** Cleared by a reboot, as the guests are. */
#define VL_RUN_DIR "/run/vellum"
/** vld's socket. */
#define VL_VLD_SOCKET VL_RUN_DIR "/vld.sock"
/** The last guests that have ended, and why (vld; for its form see vld(8) in docs/). */
#define VL_ENDED_FILE VL_RUN_DIR "/ended.json"
/** DOMID.json: the configuration of each guest that was made (guest.c). */
#define VL_GUESTS_DIR VL_RUN_DIR "/guests"
/** One lock file for each name while a guest of it is made (guest.c). */
#define VL_LOCK_DIR VL_RUN_DIR "/lock"
/** Unpacked kernels, by content (kernel_cache.c). */
#define VL_CACHE_DIR "/var/cache/vellum"
/** guest-NAME.log: consoles (vld). */
#define VL_LOG_DIR "/var/log/vellum"
/** What vl itself is to do (config_tool.c); VL_CONF in its environment names another one. */
#define VL_CONF_FILE "/etc/vellum/vl.conf"
/** GRUB's PV image, of Debian's grub-xen-host. */
#define VL_PVGRUB "/usr/lib/grub-xen/grub-x86_64-xen.bin"
/** Reads and writes XML, for libvellum (config_xml.c), if there is no vl-xml beside the
 *  running program; VL_XML in the environment names another one. */
#define VL_XML_PROGRAM "/usr/sbin/vl-xml"

#endif
