/* Loading OpenVINO's library: its version, its numbers of element types, the devices that it could use. */
#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "agents/runtimes/openvino.h"

static const char *const sonames[] = { "libopenvino_c.so.2641", "libopenvino_c.so" };

/* Lines that name the library's own source, or only say that a part of it threw. */
static bool is_noise(const char *line, size_t len)
{
    static const char *const begins[] = { "Exception from ", "FrontEnd API failed with" };
    static const char failed[] = " failed at src/";
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        if (len >= strlen(begins[i]) && strncmp(line, begins[i], strlen(begins[i])) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i + sizeof failed - 1 <= len; i++) {
        if (strncmp(line + i, failed, sizeof failed - 1) == 0) {
            return true;
        }
    }
    return len == 0;
}

/* The lines that say something, joined. */
const char *ov_reason(struct ov_state *s)
{
    static char reason[240];
    size_t used = 0;
    char *text = s->api.ov_get_last_err_msg();
    reason[0] = '\0';
    for (const char *line = text; line && *line;) {
        const size_t len = strcspn(line, "\r\n");
        if (!is_noise(line, len)) {
            snprintf(reason + used, sizeof reason - used, "%s%.*s", used ? " " : "", (int)len, line);
            used = strlen(reason);
        }
        if (used + 2 >= sizeof reason) {
            break;
        }
        line += len + strspn(line + len, "\r\n");
    }
    s->api.ov_free(text);
    while (used && reason[used - 1] == ' ') {
        reason[--used] = '\0';
    }
    return used ? reason : "it gives no reason";
}

int ov_check(struct ov_state *s, int status, const char *what)
{
    return status == 0 ? 0 : ov_host->fail(ov_host->context, "%.90s: %s", what, ov_reason(s));
}

/* -- Element types ------------------------------------------------------------------------------- */
static const struct {
    int type;
    enum ifm_dtype dtype;
    size_t bytes;
} types[] = {
    { OV_TYPE_BOOLEAN, IFM_DTYPE_BOOL, 1 }, { OV_TYPE_BF16, IFM_DTYPE_BF16, 2 },
    { OV_TYPE_F16, IFM_DTYPE_F16, 2 },      { OV_TYPE_F32, IFM_DTYPE_F32, 4 },
    { OV_TYPE_F64, IFM_DTYPE_F64, 8 },      { OV_TYPE_I8, IFM_DTYPE_I8, 1 },
    { OV_TYPE_I16, IFM_DTYPE_I16, 2 },      { OV_TYPE_I32, IFM_DTYPE_I32, 4 },
    { OV_TYPE_I64, IFM_DTYPE_I64, 8 },      { OV_TYPE_U8, IFM_DTYPE_U8, 1 },
    { OV_TYPE_U16, IFM_DTYPE_U16, 2 },      { OV_TYPE_U32, IFM_DTYPE_U32, 4 },
    { OV_TYPE_U64, IFM_DTYPE_U64, 8 },
};

int ov_type(const struct ov_state *s, enum ifm_dtype dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].dtype == dtype) {
            return types[i].type + s->type_shift;
        }
    }
    return -1;
}

enum ifm_dtype ov_dtype(const struct ov_state *s, int type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].type + s->type_shift == type) {
            return types[i].dtype;
        }
    }
    return IFM_DTYPE_NONE;
}

/* Whether eight elements of each type take as many bytes as they should; a wrong number would be another type,
 * and nothing else would tell. */
static bool types_fit(struct ov_state *s, int shift)
{
    const int64_t eight = 8;
    struct ov_shape shape = { .dims = NULL };
    bool fit = s->api.ov_shape_create(1, &eight, &shape) == 0;
    for (size_t i = 0; fit && i < sizeof types / sizeof *types; i++) {
        ov_tensor *tensor = NULL;
        size_t bytes = 0;
        fit = s->api.ov_tensor_create(types[i].type + shift, shape, &tensor) == 0 &&
              s->api.ov_tensor_get_byte_size(tensor, &bytes) == 0 && bytes == 8 * types[i].bytes;
        if (tensor) {
            s->api.ov_tensor_free(tensor);
        }
    }
    s->api.ov_shape_free(&shape);
    return fit;
}

static bool learn_types(struct ov_state *s)
{
    for (s->type_shift = 0; s->type_shift < 2; s->type_shift++) {
        if (types_fit(s, s->type_shift)) {
            return true;
        }
    }
    return false;
}

/* -- The library --------------------------------------------------------------------------------- */
/* "2026.4.1-22982-…" -> "2026.4.1" */
static int read_version(struct ov_state *s)
{
    struct ov_version version = { .build = NULL };
    OV_TRY(ov_get_openvino_version(&version), "OpenVINO does not tell its version");
    const char *build = version.build ? version.build : "";
    snprintf(s->version, sizeof s->version, "%.*s", (int)strcspn(build, "-"), build);
    s->api.ov_version_free(&version);
    return 0;
}

static int look_up(struct ov_state *s, const char *path)
{
    bool all = true;
    Dl_info where = { .dli_fname = NULL };
#define X(result, name, parameters)                                                                \
    s->api.name = (result(*) parameters)(uintptr_t)dlsym(s->library, #name);                       \
    all = all && s->api.name;
    OV_FUNCTIONS(X)
#undef X
    if (all && read_version(s) == 0 && strtol(s->version, NULL, 10) >= OV_VERSION_LEAST &&
        learn_types(s)) {
        if (dladdr((void *)(uintptr_t)s->api.ov_core_create, &where) && where.dli_fname) {
            path = where.dli_fname;
        }
        const char *slash = strrchr(path, '/');
        snprintf(s->file, sizeof s->file, "%s", slash ? slash + 1 : path);
        snprintf(s->folder, sizeof s->folder, "%.*s", slash ? (int)(slash - path) : 0, path);
        return 0;
    }
    s->library = NULL; /* close must not use what is not there */
    ov_host->fail(ov_host->context,
                  "%.80s is not OpenVINO's C library of %d or later; install one with: " OV_INSTALL,
                  path, OV_VERSION_LEAST);
    return IFM_RUNTIME_UNAVAILABLE;
}

int ov_library(struct ov_state *s)
{
    const char *path = ov_host->library_path;
    if (s->library) {
        return 0;
    }
    for (const char *const *p = ov_host->preloads; p && *p; p++) {
        if (!dlopen(*p, RTLD_NOW | RTLD_GLOBAL)) {
            ov_host->log(ov_host->context, IFM_LOG_WARN, "%s", dlerror());
        }
    }
    for (size_t i = 0; !path && !s->library && i < sizeof sonames / sizeof *sonames; i++) {
        s->library = dlopen(sonames[i], RTLD_NOW | RTLD_LOCAL);
    }
    if (path) {
        s->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    if (!s->library) {
        ov_host->log(ov_host->context, IFM_LOG_DEBUG, "%s", dlerror());
        ov_host->fail(ov_host->context,
                      path ? "OpenVINO's library %.80s cannot be loaded; repair it with: " OV_INSTALL
                           : "OpenVINO is not installed (no %s); install it with: " OV_INSTALL,
                      path ? path : sonames[0]);
        return IFM_RUNTIME_UNAVAILABLE;
    }
    return look_up(s, path ? path : sonames[0]);
}

/* -- Devices ------------------------------------------------------------------------------------- */
/* What could be there: asking OpenVINO itself loads every plug-in, into the process that is measured. */
static const struct {
    const char *name, *plugin, *node; /* the driver's device file; NULL: none is needed */
} devices[] = {
    { "CPU", NULL, NULL },
    { "GPU", "libopenvino_intel_gpu_plugin.so", "/dev/dri/renderD128" },
    { "NPU", "libopenvino_intel_npu_plugin.so", "/dev/accel/accel0" },
    { "AUTO", "libopenvino_auto_plugin.so", NULL },
    { "HETERO", "libopenvino_hetero_plugin.so", NULL },
};

static bool is_there(const struct ov_state *s, size_t i)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", s->folder, devices[i].plugin ? devices[i].plugin : "");
    return (!devices[i].plugin || access(path, R_OK) == 0) &&
           (!devices[i].node || access(devices[i].node, F_OK) == 0);
}

void ov_devices(const struct ov_state *s, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof devices / sizeof *devices && used < size; i++) {
        if (is_there(s, i)) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? "," : "", devices[i].name);
        }
    }
}

/* Upper case, and no device of the list that is known to be missing: OpenVINO would name a library. */
int ov_choose_device(struct ov_state *s)
{
    char offered[128];
    snprintf(s->device, sizeof s->device, "%s", s->provider && *s->provider ? s->provider : "CPU");
    for (char *p = s->device; *p; p++) {
        *p = (char)toupper((unsigned char)*p);
    }
    for (const char *at = s->device; *at; at += strspn(at, ":,")) {
        const size_t word = strcspn(at, ":,"), len = strcspn(at, ".:,("); /* "GPU.1", "AUTO(…)" */
        for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
            if (strncmp(at, devices[i].name, len) == 0 && !devices[i].name[len] && !is_there(s, i)) {
                ov_devices(s, offered, sizeof offered);
                ov_host->fail(ov_host->context,
                              "OpenVINO cannot use provider %s on this machine; it offers %s",
                              devices[i].name, offered);
                return IFM_RUNTIME_UNAVAILABLE;
            }
        }
        at += word;
    }
    return 0;
}
