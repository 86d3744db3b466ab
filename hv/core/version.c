/* SPDX-License-Identifier: MIT */
/*
 * What this is, what it can do, and which of its habits a domain wants
 * changed: the calls xen_version and vm_assist, both open to every domain.
 * The level of the published interface is answered as the version, since
 * guests choose their ways by it; our own name stands in the extraversion and
 * the changeset.  Takes the domain lock for the domain's own assist bits.
 */
#include <hv/hypercall.h>

#include <xen/version.h>

#include <hv/cmdline.h>

#include <generated/version.h>

#define ABI_MAJOR 4
#define ABI_MINOR 17
#define EXTRAVERSION ".0-vellum"
#define CAPABILITIES "xen-3.0-x86_64 "
#define CHANGESET "Vellum " VELLUM_VERSION " " VELLUM_CHANGESET

_Static_assert(sizeof(EXTRAVERSION) <= XEN_EXTRAVERSION_LEN, "guest's buffer");
_Static_assert(sizeof(CHANGESET) <= XEN_CHANGESET_INFO_LEN, "guest's buffer");
_Static_assert(sizeof(options.text) <= sizeof(xen_commandline_t), "guest's buffer");

/*
 * Top-level tables may lie anywhere; PRESERVE_AD, CLEAR_PAGE and COPY_PAGE
 * exist. Linux stops without the available bits of grant mappings.
 */
#define FEATURES                                                                       \
	(1u << XENFEAT_pae_pgdir_above_4gb | 1u << XENFEAT_mmu_pt_update_preserve_ad | \
	 1u << XENFEAT_highmem_assist | 1u << XENFEAT_gnttab_map_avail_bits)

/* Those that hold for every 64-bit guest anyway, and the one that changes
 * something. */
#define ASSISTS                                                                       \
	(1u << VMASST_TYPE_writable_pagetables | 1u << VMASST_TYPE_pae_extended_cr3 | \
	 1u << VMASST_TYPE_runstate_update_flag)

static long give_text(guest_ptr_t to, const char *text)
{
	return copy_to_guest(to, text, strlen(text) + 1);
}

static long give_features(guest_ptr_t arg)
{
	struct xen_feature_info info;
	int rc = copy_from_guest(&info, arg, sizeof(info));

	if (rc != 0) {
		return rc;
	}
	if (info.submap_idx >= XENFEAT_NR_SUBMAPS) {
		return -XEN_EINVAL;
	}
	info.submap = FEATURES | (uint32_t)current_domain()->is_control << XENFEAT_dom0;
	return copy_to_guest(arg, &info, sizeof(info));
}

long do_xen_version(uint64_t cmd, uint64_t arg)
{
	static const struct xen_platform_parameters platform = {
		.virt_start = CORE_VIRT_START,
	};
	/* No user, host or date: the same source gives the same image. */
	static const struct xen_compile_info compile_info = {
		.compiler = "cc " __VERSION__, /* clang's has its name in it */
		.compile_by = "vellum",
	};
	const struct domain *currd = current_domain();
	guest_ptr_t to = guest_ptr(arg);

	switch ((int)cmd) {
	case XENVER_version:
		return ABI_MAJOR << 16 | ABI_MINOR;
	case XENVER_extraversion:
		return give_text(to, EXTRAVERSION);
	case XENVER_compile_info:
		return copy_to_guest(to, &compile_info, sizeof(compile_info));
	case XENVER_capabilities:
		return give_text(to, CAPABILITIES);
	case XENVER_changeset:
		return give_text(to, CHANGESET);
	case XENVER_platform_parameters:
		return copy_to_guest(to, &platform, sizeof(platform));
	case XENVER_get_features:
		return give_features(to);
	case XENVER_pagesize:
		return PAGE_SIZE;
	case XENVER_guest_handle:
		return copy_to_guest(to, currd->handle, sizeof(currd->handle));
	case XENVER_commandline:
		return give_text(to, currd->is_control ? options.text : "<denied>");
	case XENVER_build_id:
		/* The linker's note is not mapped while the core runs. */
		return -XEN_ENODATA;
	default:
		return -XEN_ENOSYS;
	}
}

long do_vm_assist(uint64_t cmd, uint64_t type)
{
	struct domain *d = current_domain();
	bool enable = (uint32_t)cmd == VMASST_CMD_enable;
	uint32_t bit = (uint32_t)type;

	if (!enable && (uint32_t)cmd != VMASST_CMD_disable) {
		return -XEN_ENOSYS;
	}
	if (bit >= 32 || !(ASSISTS & (1u << bit))) {
		return -XEN_EINVAL;
	}
	spin_lock(&d->lock);
	WRITE_ONCE(d->pv_features_assist,
		   (d->pv_features_assist & ~(1u << bit)) | (uint32_t)enable << bit);
	spin_unlock(&d->lock);
	return 0;
}
