/* Bundles: variants of one model with inputs, reference outputs and a manifest, as a folder or
 * .tar.zst. Opening checks everything that will be used: paths stay inside, files are plain, every
 * SHA-256 fits.
 *
 * Threading: one thread. Ownership: ifm_bundle_done frees; a .tar.zst is unpacked below the
 * caller's temporary folder, which the caller removes. Errors: IFM_ERR_INVALID names the file and
 * the rule. */
#ifndef IFM_BUNDLE_H
#define IFM_BUNDLE_H

#include "agents/model/tempdir.h"
#include "core/hash.h"
#include "core/json.h"

#define IFM_MANIFEST_MAX (1024 * 1024)

struct ifm_bundle_variant {
    char *name, *path, *format, *precision, *sha256;
};
struct ifm_bundle_file {
    char *path, *sha256, *made_by;
};
struct ifm_tolerance {
    double rtol, atol;
}; /* NAN: not given */
struct ifm_bundle_names {
    struct ifm_map inputs, outputs;
}; /* the bundle's name -> the variant's own */

struct ifm_tolerances {
    struct ifm_tolerance float32, float64, float16, bfloat16, int8, uint8, mixed;
};
struct ifm_manifest {
    int64_t v;
    char *model, *licence, *source;
    struct ifm_list variants;           /* ifm_bundle_variant */
    struct ifm_list inputs, references; /* ifm_bundle_file */
    struct ifm_tolerances tolerances;
    struct ifm_bundle_names *names; /* one for each variant, in the same order */
};

int ifm_manifest_decode(const char *text, size_t len, struct ifm_manifest *out,
                        struct ifm_err *err);
void ifm_manifest_done(struct ifm_manifest *manifest);
/* Tolerance for a precision; the defaults of the method where the bundle gives none. */
struct ifm_tolerance ifm_manifest_tolerance(const struct ifm_manifest *manifest,
                                            const char *precision);

struct ifm_bundle {
    char *folder;
    struct ifm_manifest manifest;
};
/* Whether path looks like a bundle: a folder with manifest.json, or a name that ends in .tar.zst.
 */
int ifm_bundle_is(const char *path);
int ifm_bundle_open(const char *path, struct ifm_tempdir *temp, struct ifm_bundle *out,
                    struct ifm_err *err);
void ifm_bundle_done(struct ifm_bundle *bundle);
/* folder/path, allocated. */
char *ifm_bundle_path(const struct ifm_bundle *bundle, const char *path);

#endif
