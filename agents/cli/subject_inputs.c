#include "agents/cli/subject_inputs.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/model/npz.h"
#include "agents/plan/keys.h"
#include "core/judge.h"
#include "core/mem.h"
#include "inferometer/runtime.h"

#define NAME_BYTES_MAX 256

static int no_memory(struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
}

/* The entry for an input, made when it is new. */
static struct ifm_msg_spec_input *input_entry(struct ifm_subject *subject, const char *name)
{
    struct ifm_msg_spec_input *items = subject->inputs.items;
    for (size_t i = 0; i < subject->inputs.count; i++)
        if (strcmp(items[i].name, name) == 0)
            return &items[i];
    items = ifm_resize_array(items, subject->inputs.count + 1, sizeof *items);
    char *copy = items ? ifm_dup(name) : NULL;
    if (items)
        subject->inputs.items = items;
    if (!copy)
        return NULL;
    items[subject->inputs.count] =
        (struct ifm_msg_spec_input){ .name = copy, .low = NAN, .high = NAN };
    return &items[subject->inputs.count++];
}

static int set_input_file(struct ifm_subject *subject, const char *name, const char *file,
                          struct ifm_err *err)
{
    char hex[IFM_SHA256_HEX], key[NAME_BYTES_MAX + 16];
    int rc = ifm_hash_file(file, hex, NULL, err);
    if (rc) {
        ifm_err_prefix(err, "input %.60s", name);
        return rc;
    }
    struct ifm_msg_spec_input *entry = input_entry(subject, name);
    if (!entry)
        return no_memory(err);
    ifm_free(entry->file);
    entry->file = ifm_dup(file);
    snprintf(key, sizeof key, "input.%.*s", NAME_BYTES_MAX, name);
    return entry->file ? ifm_map_set(&subject->hashes, key, hex, err) : no_memory(err);
}

/* precision NULL: tolerances, if any, were typed and hold whatever the runtime does. */
static int add_expect(struct ifm_subject *subject, const char *output, const char *file,
                      struct ifm_tolerance tolerance, const char *precision, struct ifm_err *err)
{
    struct ifm_msg_spec_expect *items =
        ifm_resize_array(subject->expect.items, subject->expect.count + 1, sizeof *items);
    if (!items)
        return no_memory(err);
    subject->expect.items = items;
    items[subject->expect.count++] = (struct ifm_msg_spec_expect){ .output = ifm_dup(output),
                                                                   .file = ifm_dup(file),
                                                                   .rtol = tolerance.rtol,
                                                                   .atol = tolerance.atol,
                                                                   .precision = ifm_dup(precision) };
    return 0;
}

static void drop_expect(struct ifm_subject *subject)
{
    struct ifm_msg_spec spec = { 0 };
    spec.expect = subject->expect;
    ifm_json_free(&ifm_spec_table, &spec);
    subject->expect = (struct ifm_list){ 0 };
}

static const char *mapped(const struct ifm_map *names, const char *name)
{
    const char *own = ifm_map_get(names, name);
    return own ? own : name;
}

static int unpack(struct ifm_subject *subject, const char *path, const char *prefix,
                  struct ifm_npz *npz, struct ifm_err *err)
{
    int rc = ifm_tempdir_make(&subject->temp, err);
    if (!rc)
        rc = ifm_npz_unpack(path, subject->temp.path, prefix, npz, err);
    return rc;
}

/* The first entry of a manifest's list, unpacked. *found false: the list is empty. */
static int unpack_first(struct ifm_subject *subject, const struct ifm_list *files,
                        const char *prefix, struct ifm_npz *npz, bool *found, struct ifm_err *err)
{
    const struct ifm_bundle_file *items = files->items;
    *found = files->count > 0;
    if (!*found)
        return 0;
    char *path = ifm_bundle_path(&subject->bundle, items[0].path);
    int rc = path ? unpack(subject, path, prefix, npz, err) : no_memory(err);
    ifm_free(path);
    return rc;
}

/* What the bundle says; NAN where it says nothing, so that the worker's rules decide. */
static struct ifm_tolerance bundle_tolerance(const struct ifm_manifest *manifest, const char *precision)
{
    const struct ifm_tolerance given = ifm_manifest_tolerance(manifest, precision),
                               other = ifm_manifest_tolerance(NULL, precision),
                               plain = ifm_manifest_tolerance(manifest, "float32");
    const bool exact = ifm_judge_rule_of(precision) == ifm_judge_rule_of("float32");
    bool none = given.rtol == other.rtol && given.atol == other.atol;
    if (!exact && given.rtol == plain.rtol && given.atol == plain.atol)
        none = true; /* the bundle names no such precision: those of float32 are not meant for it */
    return none ? (struct ifm_tolerance){ NAN, NAN } : given;
}

/* A variant that lists its names takes those arrays alone. */
static bool takes(const struct ifm_map *names, const char *name)
{
    return names->count == 0 || ifm_map_get(names, name);
}

static int bundle_inputs(struct ifm_subject *subject, const struct ifm_bundle_names *names,
                         struct ifm_err *err)
{
    struct ifm_npz npz = { 0 };
    bool found;
    int rc = unpack_first(subject, &subject->bundle.manifest.inputs, "input", &npz, &found, err);
    for (size_t i = 0; !rc && found && i < npz.count; i++)
        if (takes(&names->inputs, npz.arrays[i].name))
            rc = set_input_file(subject, mapped(&names->inputs, npz.arrays[i].name),
                                npz.arrays[i].file, err);
    ifm_npz_done(&npz);
    return rc;
}

int ifm_subject_bundle_arrays(struct ifm_subject *subject, size_t variant, struct ifm_err *err)
{
    const struct ifm_manifest *manifest = &subject->bundle.manifest;
    const struct ifm_bundle_names *names = &manifest->names[variant];
    const struct ifm_bundle_file *references = manifest->references.items;
    const char *precision = subject->precision ? subject->precision : "float32";
    const struct ifm_tolerance tolerance = bundle_tolerance(manifest, precision);
    struct ifm_npz npz = { 0 };
    bool found = false;
    int rc = bundle_inputs(subject, names, err);
    if (!rc)
        rc = unpack_first(subject, &manifest->references, "reference", &npz, &found, err);
    for (size_t i = 0; !rc && found && i < npz.count; i++)
        if (takes(&names->outputs, npz.arrays[i].name))
            rc = add_expect(subject, mapped(&names->outputs, npz.arrays[i].name),
                            npz.arrays[i].file, tolerance, precision, err);
    ifm_npz_done(&npz);
    if (!rc && found)
        subject->reference = ifm_dup(references[0].made_by);
    return rc;
}

/* -- What was typed -----------------------------------------------------------------------------
 */

/* "name<separator>rest": the name goes into a buffer. */
static int split(const char *text, const char *separator, bool last, const char *option,
                 char name[NAME_BYTES_MAX], const char **rest, struct ifm_err *err)
{
    const char *at = strstr(text, separator);
    for (const char *next = at; last && next; next = strstr(next + 1, separator))
        at = next; /* tensor names may hold a colon */
    if (!at || at == text || (size_t)(at - text) >= NAME_BYTES_MAX || !at[strlen(separator)])
        return ifm_err_set(err, IFM_ERR_USAGE, "", "--%s wants %s, got \"%.60s\"", option,
                           strcmp(option, "input") == 0   ? "NAME=FILE.npy"
                           : strcmp(option, "shape") == 0 ? "NAME:1x3x224x224"
                                                          : "NAME:LOW..HIGH",
                           text);
    memcpy(name, text, (size_t)(at - text));
    name[at - text] = '\0';
    *rest = at + strlen(separator);
    return 0;
}

static int one_input(struct ifm_subject *subject, const char *text, struct ifm_err *err)
{
    char name[NAME_BYTES_MAX], start[6] = "";
    const char *file;
    struct stat status;
    int rc = split(text, "=", false, "input", name, &file, err);
    if (rc)
        return rc;
    /* opening a FIFO would wait for whoever writes to it */
    bool other = stat(file, &status) == 0 && !S_ISREG(status.st_mode);
    if (other)
        return ifm_err_set(err, IFM_ERR_INVALID, "", "%.80s for input %.60s is not a plain file",
                           file, name);
    FILE *stream = fopen(file, "re");
    if (!stream) {
        char what[200];
        snprintf(what, sizeof what, "cannot read %.80s for input %.60s", file, name);
        return ifm_err_errno(err, errno, "", what);
    }
    size_t got = fread(start, 1, sizeof start, stream);
    fclose(stream);
    if (got != sizeof start || memcmp(start, "\x93NUMPY", 6) != 0)
        return ifm_err_set(err, IFM_ERR_INVALID, "",
                           "%.80s for input %.60s is not a .npy file; write one with "
                           "numpy.save",
                           file, name);
    return set_input_file(subject, name, file, err);
}

/* A bundle's reference was made from the bundle's own inputs: beside any other it says nothing. */
static void drop_bundle_reference(struct ifm_subject *subject, const struct ifm_map *before)
{
    bool same = before->count == subject->hashes.count;
    for (size_t i = 0; same && i < before->count; i++) {
        const char *now = ifm_map_get(&subject->hashes, before->items[i].key);
        same = now && strcmp(now, before->items[i].value) == 0;
    }
    if (same)
        return;
    drop_expect(subject);
    ifm_free(subject->reference);
    subject->reference = NULL;
}

static int inputs(const struct ifm_subject_asked *asked, struct ifm_subject *subject,
                  struct ifm_err *err)
{
    struct ifm_map before = { 0 };
    int rc = 0;
    for (size_t i = 0; !rc && i < subject->hashes.count; i++)
        rc = ifm_map_set(&before, subject->hashes.items[i].key, subject->hashes.items[i].value,
                         err);
    for (size_t i = 0; !rc && i < asked->inputs.count; i++)
        rc = one_input(subject, asked->inputs.items[i], err);
    if (!rc)
        drop_bundle_reference(subject, &before);
    ifm_map_done(&before);
    return rc;
}

static int one_shape(struct ifm_subject *subject, const char *text, struct ifm_err *err)
{
    char name[NAME_BYTES_MAX];
    const char *rest;
    int64_t dims[IFM_MAX_RANK];
    size_t rank = 0;
    int rc = split(text, ":", true, "shape", name, &rest, err);
    if (rc)
        return rc;
    while (*rest) {
        char *end;
        errno = 0;
        long long dim = strtoll(rest, &end, 10);
        if (end == rest || errno || dim < 1 || dim > INT64_C(1) << 40 || rank >= IFM_MAX_RANK ||
            (*end && *end != 'x') || (*end == 'x' && !end[1]))
            return ifm_err_set(err, IFM_ERR_USAGE, "",
                               "--shape %.60s: dimensions are 1 to %d positive numbers like "
                               "1x3x224x224",
                               text, IFM_MAX_RANK);
        dims[rank++] = dim;
        rest = *end ? end + 1 : end;
    }
    struct ifm_msg_spec_input *entry = input_entry(subject, name);
    int64_t *copy = entry ? (int64_t *)(void *)ifm_dup_bytes(dims, rank * sizeof *dims) : NULL;
    if (!copy)
        return no_memory(err);
    ifm_free(entry->dims.items);
    entry->dims = (struct ifm_ints){ .items = copy, .count = rank };
    return 0;
}

static int one_range(struct ifm_subject *subject, const char *text, struct ifm_err *err)
{
    char name[NAME_BYTES_MAX], *end, *end2 = NULL;
    const char *rest;
    int rc = split(text, ":", true, "range", name, &rest, err);
    if (rc)
        return rc;
    double low = strtod(rest, &end);
    double high = strncmp(end, "..", 2) == 0 ? strtod(end + 2, &end2) : NAN;
    if (end == rest || !end2 || *end2 || !isfinite(low) || !isfinite(high) || low > high)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "--range %.60s: wants NAME:LOW..HIGH, like image:0..255", text);
    struct ifm_msg_spec_input *entry = input_entry(subject, name);
    if (!entry)
        return no_memory(err);
    entry->low = low;
    entry->high = high;
    return 0;
}

static int expectations(const struct ifm_subject_asked *asked, struct ifm_subject *subject,
                        struct ifm_err *err)
{
    struct ifm_npz npz = { 0 };
    struct ifm_msg_spec_expect *items;
    int rc = 0;
    if (asked->expect) {
        const struct ifm_tolerance tolerance = { NAN, NAN };
        drop_expect(subject);
        ifm_free(subject->reference); /* it names the maker of the bundle's */
        subject->reference = NULL;
        rc = unpack(subject, asked->expect, "expect", &npz, err);
        if (rc)
            return rc;
        for (size_t i = 0; !rc && i < npz.count; i++)
            rc = add_expect(subject, npz.arrays[i].name, npz.arrays[i].file, tolerance, NULL, err);
        ifm_npz_done(&npz);
    }
    items = subject->expect.items;
    for (size_t i = 0; !rc && i < subject->expect.count; i++) {
        if (asked->rtol >= 0 || asked->atol >= 0) { /* typed: they are nobody's precision */
            ifm_free(items[i].precision);
            items[i].precision = NULL;
        }
        items[i].rtol = asked->rtol >= 0 ? asked->rtol : items[i].rtol;
        items[i].atol = asked->atol >= 0 ? asked->atol : items[i].atol;
    }
    if (!rc && !subject->expect.count && (asked->rtol >= 0 || asked->atol >= 0))
        rc = ifm_err_set(err, IFM_ERR_USAGE, "",
                         "--rtol and --atol need a reference: add --expect FILE.npz");
    return rc;
}

int ifm_subject_asked_arrays(const struct ifm_subject_asked *asked, struct ifm_subject *subject,
                             struct ifm_err *err)
{
    int rc = inputs(asked, subject, err);
    for (size_t i = 0; !rc && i < asked->shapes.count; i++)
        rc = one_shape(subject, asked->shapes.items[i], err);
    for (size_t i = 0; !rc && i < asked->ranges.count; i++)
        rc = one_range(subject, asked->ranges.items[i], err);
    return rc ? rc : expectations(asked, subject, err);
}
