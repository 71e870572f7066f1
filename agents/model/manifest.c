/* manifest.json by field tables. */
#include <math.h>
#include <string.h>

#include "agents/model/bundle.h"
#include "agents/model/npz.h"
#include "core/mem.h"

#define IFM_TOLERANCE_MAX 1000000000 /* as in a spec */

#define F(type, field, field_kind, ...)                                                            \
    {                                                                                              \
        .name = #field, .kind = field_kind, .offset = offsetof(struct type, field), __VA_ARGS__    \
    }

static const struct ifm_field variant_fields[] = {
    F(ifm_bundle_variant, name, IFM_FIELD_STRING, .flags = IFM_FIELD_REQUIRED, .max = 128),
    F(ifm_bundle_variant, path, IFM_FIELD_STRING, .flags = IFM_FIELD_REQUIRED, .max = 512),
    F(ifm_bundle_variant, format, IFM_FIELD_STRING, .flags = IFM_FIELD_REQUIRED, .max = 32),
    F(ifm_bundle_variant, precision, IFM_FIELD_STRING, .max = 32),
    F(ifm_bundle_variant, sha256, IFM_FIELD_STRING, .flags = IFM_FIELD_REQUIRED | IFM_FIELD_SHA256),
    { .name = NULL }
};
static const struct ifm_table variant_table = { .name = "bundle-variant",
                                                .size = sizeof(struct ifm_bundle_variant),
                                                .fields = variant_fields };

static const struct ifm_field file_fields[] = {
    F(ifm_bundle_file, path, IFM_FIELD_STRING, .flags = IFM_FIELD_REQUIRED, .max = 512),
    F(ifm_bundle_file, sha256, IFM_FIELD_STRING, .flags = IFM_FIELD_REQUIRED | IFM_FIELD_SHA256),
    F(ifm_bundle_file, made_by, IFM_FIELD_STRING, .max = 512),
    { .name = NULL }
};
static const struct ifm_table file_table = { .name = "bundle-file",
                                             .size = sizeof(struct ifm_bundle_file),
                                             .fields = file_fields };

static const struct ifm_field tolerance_fields[] = { F(ifm_tolerance, rtol, IFM_FIELD_F64,
                                                       .min = 0, .max = IFM_TOLERANCE_MAX),
                                                     F(ifm_tolerance, atol, IFM_FIELD_F64,
                                                       .min = 0, .max = IFM_TOLERANCE_MAX),
                                                     { .name = NULL } };
static const struct ifm_table tolerance_table = { .name = "bundle-tolerance",
                                                  .size = sizeof(struct ifm_tolerance),
                                                  .fields = tolerance_fields };
static const struct ifm_field tolerances_fields[] = {
    F(ifm_tolerances, float32, IFM_FIELD_OBJECT, .table = &tolerance_table),
    F(ifm_tolerances, float64, IFM_FIELD_OBJECT, .table = &tolerance_table),
    F(ifm_tolerances, float16, IFM_FIELD_OBJECT, .table = &tolerance_table),
    F(ifm_tolerances, bfloat16, IFM_FIELD_OBJECT, .table = &tolerance_table),
    F(ifm_tolerances, int8, IFM_FIELD_OBJECT, .table = &tolerance_table),
    F(ifm_tolerances, uint8, IFM_FIELD_OBJECT, .table = &tolerance_table),
    F(ifm_tolerances, mixed, IFM_FIELD_OBJECT, .table = &tolerance_table),
    { .name = NULL }
};
static const struct ifm_table tolerances_table = { .name = "bundle-tolerances",
                                                   .size = sizeof(struct ifm_tolerances),
                                                   .fields = tolerances_fields };

static const struct ifm_field names_fields[] = { F(ifm_bundle_names, inputs, IFM_FIELD_MAP),
                                                 F(ifm_bundle_names, outputs, IFM_FIELD_MAP),
                                                 { .name = NULL } };
static const struct ifm_table names_table = { .name = "bundle-names",
                                              .size = sizeof(struct ifm_bundle_names),
                                              .fields = names_fields };

static const struct ifm_field manifest_fields[] = {
    F(ifm_manifest, v, IFM_FIELD_I64, .flags = IFM_FIELD_REQUIRED, .min = 1, .max = 1),
    F(ifm_manifest, model, IFM_FIELD_STRING, .flags = IFM_FIELD_REQUIRED, .max = 128),
    F(ifm_manifest, licence, IFM_FIELD_STRING, .max = 128),
    F(ifm_manifest, source, IFM_FIELD_STRING, .max = 1024),
    F(ifm_manifest, variants, IFM_FIELD_LIST, .flags = IFM_FIELD_REQUIRED, .max = 64,
      .table = &variant_table),
    F(ifm_manifest, inputs, IFM_FIELD_LIST, .max = 64, .table = &file_table),
    F(ifm_manifest, references, IFM_FIELD_LIST, .max = 64, .table = &file_table),
    F(ifm_manifest, tolerances, IFM_FIELD_OBJECT, .table = &tolerances_table),
    { .name = NULL }
};
static const struct ifm_table manifest_table = { .name = "bundle-manifest",
                                                 .size = sizeof(struct ifm_manifest),
                                                 .fields = manifest_fields };

/* "names" is keyed by the variants' own names, so its table is made once those are known. */
static int decode_names(const char *text, size_t len, struct ifm_manifest *manifest,
                        struct ifm_err *err)
{
    const struct ifm_bundle_variant *variants = manifest->variants.items;
    size_t count = manifest->variants.count;
    struct ifm_field *fields = ifm_alloc_array(count + 1, sizeof *fields);
    manifest->names = ifm_alloc_array(count ? count : 1, sizeof *manifest->names);
    if (!fields || !manifest->names) {
        ifm_free(fields);
        return ifm_err_set(err, IFM_ERR_NOMEM, "manifest", "out of memory");
    }
    for (size_t i = 0; i < count; i++)
        fields[i] = (struct ifm_field){ .name = variants[i].name,
                                        .kind = IFM_FIELD_OBJECT,
                                        .offset = i * sizeof *manifest->names,
                                        .table = &names_table };
    struct ifm_table keyed = { .name = "bundle-names-by-variant",
                               .size = count * sizeof *manifest->names,
                               .fields = fields };
    struct ifm_field top_fields[2] = {
        { .name = "names", .kind = IFM_FIELD_OBJECT, .table = &keyed }, { .name = NULL }
    };
    struct ifm_table top = { .name = "bundle-names-top", .size = keyed.size, .fields = top_fields };
    int rc = ifm_json_decode(&top, text, len, manifest->names, err);
    ifm_free(fields);
    return rc;
}

static int check_paths(const struct ifm_manifest *manifest, struct ifm_err *err)
{
    const struct ifm_bundle_variant *variants = manifest->variants.items;
    const struct ifm_bundle_file *inputs = manifest->inputs.items,
                                 *references = manifest->references.items;
    int rc = 0;
    for (size_t i = 0; !rc && i < manifest->variants.count; i++)
        rc = ifm_path_check(variants[i].path, "/variants", err);
    for (size_t i = 0; !rc && i < manifest->inputs.count; i++)
        rc = ifm_path_check(inputs[i].path, "/inputs", err);
    for (size_t i = 0; !rc && i < manifest->references.count; i++)
        rc = ifm_path_check(references[i].path, "/references", err);
    return rc;
}

int ifm_manifest_decode(const char *text, size_t len, struct ifm_manifest *out, struct ifm_err *err)
{
    int rc = ifm_json_decode(&manifest_table, text, len, out, err);
    if (!rc && !out->variants.count)
        rc = ifm_err_set(err, IFM_ERR_INVALID, "/variants", "a bundle needs at least one variant");
    if (!rc)
        rc = check_paths(out, err);
    if (!rc)
        rc = decode_names(text, len, out, err);
    if (rc) {
        ifm_manifest_done(out);
        ifm_err_prefix(err, "manifest.json%s%s", err && err->where[0] == '/' ? " " : "",
                       err && err->where[0] == '/' ? err->where : "");
        if (err && err->code == IFM_ERR_BAD_REQUEST)
            err->code = rc = IFM_ERR_INVALID;
    }
    return rc;
}

void ifm_manifest_done(struct ifm_manifest *manifest)
{
    for (size_t i = 0; manifest->names && i < manifest->variants.count; i++)
        ifm_json_free(&names_table, &manifest->names[i]);
    ifm_free(manifest->names);
    manifest->names = NULL;
    ifm_json_free(&manifest_table, manifest);
}

static struct ifm_tolerance pick(const struct ifm_tolerances *all, const char *precision)
{
    const struct {
        const char *name;
        struct ifm_tolerance value;
    } rows[] = { { "float64", all->float64 },   { "float16", all->float16 },
                 { "bfloat16", all->bfloat16 }, { "int8", all->int8 },
                 { "uint8", all->uint8 },       { "mixed", all->mixed } };
    for (size_t i = 0; precision && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(precision, rows[i].name) == 0)
            return rows[i].value;
    return all->float32;
}

struct ifm_tolerance ifm_manifest_tolerance(const struct ifm_manifest *manifest,
                                            const char *precision)
{
    struct ifm_tolerance given = { NAN, NAN }, out = { 1e-4, 1e-5 };
    if (precision && (strcmp(precision, "float16") == 0 || strcmp(precision, "bfloat16") == 0))
        out = (struct ifm_tolerance){ 0.01, 0.0025 };
    if (manifest)
        given = pick(&manifest->tolerances, precision);
    if (given.rtol >= 0 && (given.rtol > 0 || given.atol > 0)) {
        out.rtol = given.rtol;
        out.atol = given.atol >= 0 ? given.atol : 0;
    }
    return out;
}
