/* What `run` measures: a model file, a variant of a bundle, or a runtime that makes its own work.
 * From what was typed to paths, hashes, inputs and references that a spec can carry.
 *
 * Threading: one thread. Ownership: ifm_subject_done frees and removes the temporary folder.
 * Errors: name what was typed and what to do; nothing is left behind. */
#ifndef IFM_SUBJECT_H
#define IFM_SUBJECT_H

#include "agents/model/bundle.h"
#include "core/msg.h"
#include "inferometer/option.h"

struct ifm_subject_asked {
    const char *model;   /* path; NULL: none */
    const char *runtime; /* as typed; NULL: by the format */
    const char *variant; /* of a bundle; NULL: the first that a runtime here reads */
    const char *name;    /* instead of the file's; NULL */
    struct ifm_option_list inputs, shapes, ranges; /* "name=F.npy", "name:1x3x224", "name:0..255" */
    const char *expect;                            /* .npz; NULL */
    double rtol, atol;                             /* negative: not given */
};
struct ifm_subject {
    char runtime[32];
    char *path; /* NULL: none */
    char *model, *variant, *format, *sha256, *precision;
    int64_t bytes;
    struct ifm_list inputs; /* ifm_msg_spec_input */
    struct ifm_list expect; /* ifm_msg_spec_expect */
    struct ifm_map hashes;  /* "input.NAME" -> sha256 of the file */
    char *reference;        /* who made the reference; NULL */
    struct ifm_bundle bundle;
    struct ifm_tempdir temp;
    char **command;  /* exec: the program's path and its arguments, NULL-terminated; NULL: a model */
    char *arguments; /* exec: for people and the configuration, without local folders */
};
int ifm_subject_open(const struct ifm_subject_asked *asked, struct ifm_subject *out,
                     struct ifm_err *err);
void ifm_subject_done(struct ifm_subject *subject);
/* "onnx" of "a.onnx"; "" when the name tells nothing. */
void ifm_subject_format(const char *path, char format[16]);
/* Runtime that reads a format by default; NULL: none known. */
const char *ifm_subject_runtime(const char *format);

#endif
