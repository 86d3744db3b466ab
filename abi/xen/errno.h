/* SPDX-License-Identifier: MIT */
/*
 * The errors that hypercalls return, as negative numbers: XEN_EPERM and so
 * on, an enumeration.
 *
 * The list is a macro list. A source that defines XEN_ERRNO(name, value)
 * before it includes this file gets its own expansion of every line, as often
 * as it likes; the enumeration is defined by the first plain inclusion. Not
 * all of these are returned by Vellum; XEN_ERESTART never reaches a guest.
 */
#ifndef XEN_ERRNO

#ifndef VL_ABI_XEN_ERRNO_H
#define VL_ABI_XEN_ERRNO_H

#if !defined(__ASSEMBLY__) && !defined(__ASSEMBLER__)
#define VL_XEN_ERRNO_ENUM
#define XEN_ERRNO(name, value) XEN_##name = value,
enum xen_errno {
#endif

#endif

#endif /* XEN_ERRNO */

#ifdef XEN_ERRNO

	XEN_ERRNO(EPERM, 1)	      /* not allowed */
	XEN_ERRNO(ENOENT, 2)	      /* no such thing */
		XEN_ERRNO(ESRCH, 3)   /* no such domain */
		XEN_ERRNO(EINTR, 4)   /* interrupted; core and toolstack only */
		XEN_ERRNO(EIO, 5)     /* device failed */
		XEN_ERRNO(ENXIO, 6)   /* no such address */
		XEN_ERRNO(E2BIG, 7)   /* list too long */
		XEN_ERRNO(ENOEXEC, 8) /* not a kernel */
		XEN_ERRNO(EBADF, 9)   /* bad handle */
		XEN_ERRNO(ECHILD, 10) XEN_ERRNO(EAGAIN, 11) /* not now, try again */
		XEN_ERRNO(EWOULDBLOCK, 11)		    /* the same */
		XEN_ERRNO(ENOMEM, 12)			    /* out of memory */
		XEN_ERRNO(EACCES, 13)			    /* refused by policy */
		XEN_ERRNO(EFAULT, 14)			    /* guest memory cannot be reached */
		XEN_ERRNO(EBUSY, 16)			    /* in use */
		XEN_ERRNO(EEXIST, 17)			    /* there already */
		XEN_ERRNO(EXDEV, 18)			    /* across devices */
		XEN_ERRNO(ENODEV, 19)			    /* no such device */
		XEN_ERRNO(ENOTDIR, 20) XEN_ERRNO(EISDIR, 21)
			XEN_ERRNO(EINVAL, 22) /* argument out of range */
		XEN_ERRNO(ENFILE, 23) XEN_ERRNO(EMFILE, 24) XEN_ERRNO(ENOSPC, 28) /* no room left */
		XEN_ERRNO(EROFS, 30) XEN_ERRNO(EMLINK, 31) XEN_ERRNO(EDOM, 33)
			XEN_ERRNO(ERANGE, 34)			/* result does not fit */
		XEN_ERRNO(EDEADLK, 35) XEN_ERRNO(EDEADLOCK, 35) /* the same */
		XEN_ERRNO(ENAMETOOLONG, 36) XEN_ERRNO(ENOLCK, 37)
			XEN_ERRNO(ENOSYS, 38)			/* call not offered */
		XEN_ERRNO(ENOTEMPTY, 39) XEN_ERRNO(ENODATA, 61) /* nothing to return */
		XEN_ERRNO(ETIME, 62)				/* time has passed */
		XEN_ERRNO(EBADMSG, 74) XEN_ERRNO(EOVERFLOW, 75) /* number too large */
		XEN_ERRNO(EILSEQ, 84) XEN_ERRNO(ERESTART, 85)	/* continue the call; core only */
		XEN_ERRNO(ENOTSOCK, 88) XEN_ERRNO(EMSGSIZE, 90)
			XEN_ERRNO(EOPNOTSUPP, 95) /* not for this object */
		XEN_ERRNO(EADDRINUSE, 98) XEN_ERRNO(EADDRNOTAVAIL, 99)
			XEN_ERRNO(ENOBUFS, 105) /* buffer too small */
		XEN_ERRNO(EISCONN, 106) XEN_ERRNO(ENOTCONN, 107) XEN_ERRNO(ETIMEDOUT, 110)
			XEN_ERRNO(ECONNREFUSED, 111)

#undef XEN_ERRNO
#endif /* XEN_ERRNO */

#ifdef VL_XEN_ERRNO_ENUM
#undef VL_XEN_ERRNO_ENUM
};
#endif
