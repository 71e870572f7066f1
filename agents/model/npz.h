/* .npz files (zip archives of .npy arrays, as numpy.savez writes them), unpacked into a private
 * folder so that a worker can read each array as a file; and bundles as .tar.zst, unpacked the same
 * way.
 *
 * Hostile input: no links, no "..", no absolute paths, no devices; numbers and sizes are limited.
 * Threading: one thread. Ownership: an unpacked list is freed with ifm_npz_done; the files stay. */
#ifndef IFM_NPZ_H
#define IFM_NPZ_H

#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

#define IFM_NPZ_ARRAYS_MAX   64
#define IFM_NPZ_BYTES_MAX    (INT64_C(4) << 30)
#define IFM_BUNDLE_FILES_MAX 4096
#define IFM_BUNDLE_BYTES_MAX (INT64_C(64) << 30)

struct ifm_npz_array {
    char *name, *file;
}; /* key without ".npy"; path of the unpacked file */
struct ifm_npz {
    struct ifm_npz_array *arrays;
    size_t count;
};

/* Writes folder/<prefix>-<index>.npy for each array. */
int ifm_npz_unpack(const char *path, const char *folder, const char *prefix, struct ifm_npz *out,
                   struct ifm_err *err);
void ifm_npz_done(struct ifm_npz *npz);

/* Unpacks a .tar.zst (or any tar that libarchive reads) below folder, which exists and is empty. */
int ifm_archive_unpack(const char *path, const char *folder, struct ifm_err *err);

/* Whether a path from an archive or a manifest is relative and plain: no "", ".", ".." parts, no
 * leading or doubled slash, no backslash or control characters, at most 512 bytes. */
int ifm_path_check(const char *path, const char *where, struct ifm_err *err);

#endif
