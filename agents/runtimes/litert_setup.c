/* Loading TensorFlow Lite's library and a delegate's, and making an interpreter ready: shapes first, then
 * who computes, then memory, so that every delegate sees the shapes that will be measured. */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "agents/runtimes/litert.h"

#define INSTALL     "inferometer runtime install litert"
#define SYSTEM      "libtensorflowlite_c.so"
#define OPTIONS_MAX 32

#define FAIL(...) litert_host->fail(litert_host->context, __VA_ARGS__)

/* -- What the library says ------------------------------------------------------------------------ */
void litert_forget(struct litert_state *s)
{
    s->said[0] = '\0';
}

/* A failed check begins with the file of the vendor's own build: "/somewhere/kernels/pad.cc:12 rank was not true". */
static const char *without_folder(const char *text)
{
    const char *start = text;
    for (const char *p = text; text[0] == '/' && *p && *p != ' '; p++) {
        start = *p == '/' ? p + 1 : start;
    }
    return start;
}

/* The first message is the cause, what follows says who had to give up. */
void litert_report(void *state, const char *format, va_list args)
{
    struct litert_state *s = state;
    char text[512];
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\r\n")] = '\0';
    litert_host->log(litert_host->context, IFM_LOG_DEBUG, "%s", text);
    if (!s->said[0]) {
        snprintf(s->said, sizeof s->said, "%.*s", (int)sizeof s->said - 1, without_folder(text));
    }
}

int litert_refuse(const struct litert_state *s, const char *what)
{
    return s->said[0] ? FAIL("%s: %s", what, s->said) : FAIL("%s; the library gave no reason", what);
}

/* -- Libraries ------------------------------------------------------------------------------------ */
static bool fill(struct litert_state *s, const char **missing)
{
    void *symbol = NULL;
    *missing = NULL;
#define X(result, name, parameters)                    \
    symbol = dlsym(s->library, "TfLite" #name);        \
    memcpy(&s->api.name, &symbol, sizeof s->api.name); \
    *missing = symbol || *missing ? *missing : "TfLite" #name;
    LITERT_REQUIRED(X)
#undef X
#define X(result, name, parameters)             \
    symbol = dlsym(s->library, "TfLite" #name); \
    memcpy(&s->api.name, &symbol, sizeof s->api.name);
    LITERT_OPTIONAL(X)
    LITERT_LATER(X)
#undef X
    return !*missing;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The loader says "path: reason". */
static int no_library(const char *path)
{
    const char *text = dlerror();
    const size_t len = strlen(path);
    text = text ? text : "no reason";
    text += strncmp(text, path, len) == 0 && strncmp(text + len, ": ", 2) == 0 ? len + 2 : 0;
    if (litert_host->library_path) {
        FAIL("LiteRT's library %.40s cannot be loaded (%.60s); repair it with: " INSTALL, base_name(path), text);
    } else {
        FAIL("LiteRT (TensorFlow Lite) is not installed (no %s); install it with: " INSTALL, path);
    }
    return IFM_RUNTIME_UNAVAILABLE;
}

int litert_library(struct litert_state *s)
{
    const char *path = litert_host->library_path ? litert_host->library_path : SYSTEM, *missing = NULL;
    if (s->library) {
        return 0;
    }
    for (const char *const *p = litert_host->preloads; p && *p; p++) {
        if (!dlopen(*p, RTLD_NOW | RTLD_GLOBAL)) {
            litert_host->log(litert_host->context, IFM_LOG_WARN, "%s", dlerror());
        }
    }
    s->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!s->library) {
        return no_library(path);
    }
    if (!fill(s, &missing)) {
        memset(&s->api, 0, sizeof s->api);
        FAIL("%.60s is not TensorFlow Lite's C library (no %s); install one with: " INSTALL, base_name(path), missing);
        return IFM_RUNTIME_UNAVAILABLE;
    }
    return 0;
}

const char *litert_provider(const struct litert_state *s)
{
    return s->plain.external ? s->delegate_name : s->provider == LITERT_BUILTIN ? "builtin" : "xnnpack";
}

static struct litert_state *plugin_owner; /* a plug-in's report has no argument for it */
static void plugin_report(const char *text)
{
    if (plugin_owner && text && !plugin_owner->said[0]) {
        snprintf(plugin_owner->said, sizeof plugin_owner->said, "%.*s", (int)strcspn(text, "\r\n"), text);
    }
}

static int load_plugin(struct litert_state *s)
{
    const char *name = base_name(s->delegate);
    if (s->plugin) {
        return 0;
    }
    s->plugin = dlopen(s->delegate, RTLD_NOW | RTLD_LOCAL);
    if (!s->plugin) {
        const char *reason = dlerror();
        FAIL("the delegate %.60s cannot be loaded: %.100s", name, reason ? reason : "no reason");
        return IFM_RUNTIME_UNAVAILABLE;
    }
    void *create = dlsym(s->plugin, "tflite_plugin_create_delegate"),
         *destroy = dlsym(s->plugin, "tflite_plugin_destroy_delegate");
    if (!create || !destroy) {
        FAIL("%.60s is no delegate: it has no tflite_plugin_create_delegate and tflite_plugin_destroy_delegate",
             name);
        return IFM_RUNTIME_UNAVAILABLE;
    }
    memcpy(&s->plugin_create, &create, sizeof create);
    memcpy(&s->plugin_destroy, &destroy, sizeof destroy);
    snprintf(s->delegate_name, sizeof s->delegate_name, "%.*s", (int)strcspn(name, "."), name);
    return 0;
}

/* -- Delegates ------------------------------------------------------------------------------------ */
static int make_external(struct litert_state *s, struct litert_session *session)
{
    static char texts[OPTIONS_MAX][256];
    const char *keys[OPTIONS_MAX], *values[OPTIONS_MAX];
    if (s->delegate_options.count > OPTIONS_MAX) {
        return FAIL("at most %d delegate options are possible", OPTIONS_MAX);
    }
    for (size_t i = 0; i < s->delegate_options.count; i++) {
        snprintf(texts[i], sizeof texts[i], "%s", s->delegate_options.items[i]);
        char *equals = strchr(texts[i], '=');
        if (!equals || equals == texts[i]) {
            return FAIL("delegate-option '%.60s' is not KEY=VALUE", s->delegate_options.items[i]);
        }
        *equals = '\0';
        keys[i] = texts[i];
        values[i] = equals + 1;
    }
    litert_forget(s);
    plugin_owner = s;
    session->external = s->plugin_create(keys, values, s->delegate_options.count, plugin_report);
    plugin_owner = NULL;
    if (!session->external) {
        char what[100];
        snprintf(what, sizeof what, "the delegate %s refuses to work here", s->delegate_name);
        litert_refuse(s, what);
        return IFM_RUNTIME_UNAVAILABLE;
    }
    return 0;
}

static int apply(struct litert_state *s, struct litert_session *session, tfl_delegate *delegate, const char *name)
{
    char what[100];
    litert_forget(s);
    const int status = (int)s->api.InterpreterModifyGraphWithDelegate(session->interpreter, delegate);
    if (status == TFL_OK) {
        return 0;
    }
    if (delegate == session->xnnpack && session->external && status == TFL_APPLICATION_ERROR) {
        session->xnnpack_refused = true; /* the delegate before it made the graph fast to change */
        return 0;
    }
    snprintf(what, sizeof what, "%s cannot take this model", name);
    return litert_refuse(s, what);
}

static int make_xnnpack(struct litert_state *s, struct litert_session *session)
{
    struct tfl_xnnpack_options options = s->api.XNNPackDelegateOptionsDefault();
    options.num_threads = (int32_t)s->threads;
    session->xnnpack = s->api.XNNPackDelegateCreate(&options);
    return session->xnnpack ? 0 : FAIL("XNNPACK refuses to work here; use --provider builtin");
}

static int delegates(struct litert_state *s, struct litert_session *session)
{
    const bool xnnpack = s->provider == LITERT_XNNPACK;
    int status = 0;
    litert_look(s, session, &session->whole);
    if (s->delegate && *s->delegate) {
        status = make_external(s, session);
        status = status ? status : apply(s, session, session->external, s->delegate_name);
        if (status == 0 && xnnpack) {
            litert_look(s, session, &session->after_external);
        }
    }
    if (status == 0 && xnnpack) {
        status = make_xnnpack(s, session);
        status = status ? status : apply(s, session, session->xnnpack, "XNNPACK");
    }
    if (status == 0) {
        litert_look(s, session, &session->left);
        session->after_external = session->external && !xnnpack ? session->left : session->after_external;
    }
    return status;
}

/* -- Sessions ------------------------------------------------------------------------------------- */
static int check_wishes(struct litert_state *s)
{
    const bool xnnpack = s->provider == LITERT_XNNPACK, delegate = s->delegate && *s->delegate;
    if ((xnnpack || delegate) && !s->api.InterpreterModifyGraphWithDelegate) {
        FAIL("this TensorFlow Lite takes no delegates; use --provider builtin");
        return IFM_RUNTIME_UNAVAILABLE;
    }
    if (xnnpack && (!s->api.XNNPackDelegateOptionsDefault || !s->api.XNNPackDelegateCreate ||
                    !s->api.XNNPackDelegateDelete)) {
        FAIL("this TensorFlow Lite has no XNNPACK; use --provider builtin");
        return IFM_RUNTIME_UNAVAILABLE;
    }
    return delegate ? load_plugin(s) : 0;
}

int litert_session_open(struct litert_state *s, struct litert_session *session, tfl_telemetry *profiler)
{
    const int status = check_wishes(s);
    if (status != 0) {
        return status;
    }
    session->options = s->api.InterpreterOptionsCreate();
    if (!session->options) {
        return FAIL("TensorFlow Lite cannot start");
    }
    s->api.InterpreterOptionsSetErrorReporter(session->options, litert_report, s);
    if (s->threads > 0) {
        s->api.InterpreterOptionsSetNumThreads(session->options, (int32_t)s->threads);
    }
    if (profiler) {
        s->api.InterpreterOptionsSetTelemetryProfiler(session->options, profiler);
    }
    litert_forget(s);
    session->interpreter = s->api.InterpreterCreate(s->model, session->options);
    return session->interpreter ? 0 : litert_refuse(s, "TensorFlow Lite cannot run the model");
}

static int resize(struct litert_state *s, struct litert_session *session, int32_t index)
{
    const struct ifm_tensor *given = &s->inputs[index];
    const tfl_tensor *t = s->api.InterpreterGetInputTensor(session->interpreter, index);
    int dims[IFM_MAX_RANK] = { 0 };
    bool same = s->api.TensorNumDims(t) == given->rank;
    for (int32_t d = 0; d < given->rank; d++) {
        if (given->dims[d] < 0 || given->dims[d] > INT_MAX) {
            return FAIL("input '%.60s': a dimension of %lld is not possible", given->name, (long long)given->dims[d]);
        }
        dims[d] = (int)given->dims[d];
        same = same && s->api.TensorDim(t, d) == dims[d];
    }
    litert_forget(s);
    if (!same && (int)s->api.InterpreterResizeInputTensor(session->interpreter, index, dims, given->rank) != TFL_OK) {
        return litert_refuse(s, "an input cannot take this shape");
    }
    return 0;
}

static int copy_input(struct litert_state *s, struct litert_session *session, int32_t index)
{
    const struct ifm_tensor *given = &s->inputs[index];
    const tfl_tensor *t = s->api.InterpreterGetInputTensor(session->interpreter, index);
    void *data = s->api.TensorData(t);
    const size_t bytes = s->api.TensorByteSize(t);
    if (litert_dtype(s->api.TensorType(t)) != given->dtype || bytes != given->bytes || (!data && bytes > 0)) {
        return FAIL("input '%.60s' holds %zu bytes where the model wants %zu, or another type", given->name,
                    given->bytes, bytes);
    }
    if (bytes > 0) {
        memcpy(data, given->data, bytes); /* the interpreter never writes over its inputs */
    }
    return 0;
}

int litert_session_inputs(struct litert_state *s, struct litert_session *session)
{
    int status = 0;
    for (size_t i = 0; status == 0 && i < s->in.count; i++) {
        status = copy_input(s, session, (int32_t)i);
    }
    return status;
}

int litert_session_ready(struct litert_state *s, struct litert_session *session)
{
    int status = 0;
    for (size_t i = 0; status == 0 && i < s->in.count; i++) {
        status = resize(s, session, (int32_t)i);
    }
    if (status == 0) {
        status = delegates(s, session);
    }
    litert_forget(s);
    if (status == 0 && (int)s->api.InterpreterAllocateTensors(session->interpreter) != TFL_OK) {
        status = litert_refuse(s, "TensorFlow Lite cannot make the model ready");
    }
    status = status == 0 ? litert_session_inputs(s, session) : status;
    litert_forget(s);
    return status;
}

void litert_session_close(struct litert_state *s, struct litert_session *session)
{
    if (session->interpreter) {
        s->api.InterpreterDelete(session->interpreter);
    }
    if (session->external) {
        s->plugin_destroy(session->external);
    }
    if (session->xnnpack) {
        s->api.XNNPackDelegateDelete(session->xnnpack);
    }
    for (size_t i = 0; i < session->look_count; i++) {
        s->api.OpaqueDelegateDelete(session->lookers[i]);
    }
    if (session->options) {
        s->api.InterpreterOptionsDelete(session->options);
    }
    *session = (struct litert_session){ .options = NULL };
}
