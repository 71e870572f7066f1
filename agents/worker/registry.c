#include "agents/worker/registry.h"
#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/mem.h"
#include "core/opt.h"

#define PREFIX    "ifm_rt_"
#define SUFFIX    ".so"
#define STATE_MAX ((size_t)64 << 20)

const char *ifm_registry_alias(const char *name)
{
    const struct ifm_runtime_row *row = ifm_runtime_find(name);
    return row ? row->name : strcmp(name, "onnx") == 0 ? "onnxruntime" : name;
}

static bool is_name(const char *name)
{
    const size_t len = strlen(name);
    return len > 0 && len <= IFM_REGISTRY_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

int ifm_registry_folder(char *folder, size_t size, struct ifm_err *err)
{
    const char *chosen = getenv("INFEROMETER_MODULE_DIR");
    char program[PATH_MAX];
    int n = -1;
    if (chosen && *chosen) {
        n = snprintf(folder, size, "%s", chosen);
    } else {
        const ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
        program[len > 0 ? len : 0] = '\0';
        char *slash = strrchr(program, '/');
        if (slash) {
            *slash = '\0';
            n = snprintf(folder, size, "%s/../lib/inferometer", program);
        }
    }
    if (n < 0 || (size_t)n >= size) {
        return ifm_err_set(err, IFM_ERR_CONFIG, "registry",
                           "cannot tell where the runtime modules lie; set INFEROMETER_MODULE_DIR");
    }
    return 0;
}

/* -- Names ----------------------------------------------------------------------------------------
 */
static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct ifm_strings *names, const char *file)
{
    const size_t len = strlen(file), around = strlen(PREFIX SUFFIX);
    if (len <= around || strncmp(file, PREFIX, strlen(PREFIX)) != 0 ||
        strcmp(file + len - strlen(SUFFIX), SUFFIX) != 0) {
        return 0;
    }
    /* Two more than the count: this name and the NULL that ends the list. */
    char **grown = ifm_resize_array(names->items, names->count + 2, sizeof *grown);
    if (!grown) {
        return IFM_ERR_NOMEM;
    }
    names->items = grown;
    grown[names->count] = ifm_dup_bytes(file + strlen(PREFIX), len - around);
    grown[names->count + 1] = NULL;
    if (!grown[names->count]) {
        return IFM_ERR_NOMEM;
    }
    names->count++;
    return 0;
}

int ifm_registry_names(struct ifm_strings *names, struct ifm_err *err)
{
    char folder[PATH_MAX];
    *names = (struct ifm_strings){ .items = NULL };
    int code = ifm_registry_folder(folder, sizeof folder, err);
    DIR *dir = code == 0 ? opendir(folder) : NULL;
    if (code == 0 && !dir) {
        code = ifm_err_set(err, IFM_ERR_CONFIG, "registry",
                           "there is no folder of runtime modules at %s", folder);
    }
    for (struct dirent *e = dir ? readdir(dir) : NULL; code == 0 && e; e = readdir(dir)) {
        code = add_name(names, e->d_name);
        if (code != 0) {
            ifm_err_set(err, code, "registry", "out of memory");
        }
    }
    if (dir) {
        closedir(dir);
    }
    if (names->count > 1) {
        qsort(names->items, names->count, sizeof *names->items, by_text);
    }
    if (code != 0) {
        ifm_registry_names_done(names);
    }
    return code;
}

void ifm_registry_names_done(struct ifm_strings *names)
{
    for (size_t i = 0; i < names->count; i++) {
        ifm_free(names->items[i]);
    }
    ifm_free(names->items);
    *names = (struct ifm_strings){ .items = NULL };
}

static int unknown(const char *name, struct ifm_err *err)
{
    struct ifm_strings names;
    struct ifm_buf list;
    const int code = ifm_registry_names(&names, err);
    if (code != 0) {
        return code;
    }
    ifm_buf_init(&list, 4096);
    for (size_t i = 0; i < names.count; i++) {
        ifm_buf_addf(&list, "%s%s", i ? ", " : "", names.items[i]);
    }
    const char *near = names.count ? ifm_opt_nearest(name, (const char *const *)names.items) : NULL;
    ifm_err_set(err, IFM_ERR_USAGE, "runtime", "unknown runtime '%.40s'%s%s%s known: %s", name,
                near ? "; did you mean " : "", near ? near : "", near ? "?" : ";",
                list.data ? list.data : "none");
    ifm_buf_done(&list);
    ifm_registry_names_done(&names);
    return IFM_ERR_USAGE;
}

static int absent(const struct ifm_runtime_row *row, struct ifm_err *err)
{
    if (row->kind == IFM_RUNTIME_PLANNED) {
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "runtime",
                           "%s is planned and not there yet; see `inferometer runtime list`",
                           row->name);
    }
    if (row->kind == IFM_RUNTIME_COMPILED) {
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "runtime",
                           "%s is not installed; run: inferometer runtime install %s", row->summary,
                           row->name);
    }
    return unknown(row->name, err);
}

/* -- What the host lends --------------------------------------------------------------------------
 */
static void host_log(void *context, enum ifm_log_level level, const char *format, ...)
{
    struct ifm_registry_module *m = context;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (m->log) {
        ifm_logf(m->log, level, "%s", text);
    }
}

static int host_fail(void *context, const char *format, ...)
{
    struct ifm_registry_module *m = context;
    va_list args;
    va_start(args, format);
    ifm_err_vset(&m->said, IFM_ERR_INVALID, "runtime", format, args);
    va_end(args);
    return -1;
}

static void *host_alloc(void *context, size_t bytes)
{
    (void)context;
    return ifm_alloc(bytes);
}

static void host_free(void *context, void *pointer)
{
    (void)context;
    ifm_free(pointer);
}

int ifm_registry_failed(struct ifm_registry_module *m, const char *slot, int status, int code,
                        struct ifm_err *err)
{
    const bool timed = strcmp(slot, "run") == 0 || strcmp(slot, "sync") == 0 ||
                       strcmp(slot, "submit") == 0 || strcmp(slot, "wait") == 0;
    const char *text = timed && m->ops.errdetails ? m->ops.errdetails(m->state) : NULL;
    if (!text && m->said.code != 0) {
        text = m->said.text;
    }
    code = status == IFM_RUNTIME_UNAVAILABLE ? IFM_ERR_UNAVAILABLE : code;
    if (!text || !*text) {
        return ifm_err_set(err, code, m->ops.name,
                           "the runtime's %s failed with %d and gave no reason", slot, status);
    }
    return ifm_err_set(err, code, m->ops.name, "%s", text);
}

/* -- Checks ---------------------------------------------------------------------------------------
 */
static const char *missing_slot(const struct ifm_runtime_ops *o)
{
    const struct {
        bool there;
        const char *name;
    } needed[] = {
        { o->summary != NULL, "summary" },
        { o->probe != NULL, "probe" },
        { o->open != NULL, "open" },
        { o->describe != NULL, "describe" },
        { o->bind != NULL, "bind" },
        { o->run != NULL, "run" },
        { o->fetch != NULL, "fetch" },
        { o->close != NULL, "close" },
        { !(o->caps & IFM_CAP_ASYNC) || (o->submit && o->wait), "submit or wait (cap ASYNC)" },
        { (o->caps & IFM_CAP_ASYNC) || (!o->submit && !o->wait),
          "cap ASYNC (submit or wait is there)" },
        { !(o->caps & IFM_CAP_PROFILE) || (o->profile_start && o->profile_stop),
          "profile_start or profile_stop (cap PROFILE)" },
        { (o->caps & IFM_CAP_PROFILE) || (!o->profile_start && !o->profile_stop),
          "cap PROFILE (profile_start or profile_stop is there)" },
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!needed[i].there) {
            return needed[i].name;
        }
    }
    return NULL;
}

static size_t value_size(enum ifm_option_type type)
{
    switch (type) {
    case IFM_OPT_BOOL:
        return sizeof(bool);
    case IFM_OPT_DOUBLE:
        return sizeof(double);
    case IFM_OPT_STRING:
        return sizeof(const char *);
    case IFM_OPT_CHOICE:
        return sizeof(int);
    case IFM_OPT_LIST:
        return sizeof(struct ifm_option_list);
    default:
        return sizeof(int64_t);
    }
}

int ifm_registry_check(const struct ifm_runtime_ops *ops, const char *name, struct ifm_err *err)
{
    const size_t least = offsetof(struct ifm_runtime_ops, sync);
    struct ifm_runtime_ops known = { .abi = ops->abi };
    if (ops->abi != IFM_RUNTIME_ABI || ops->size < least) {
        return ifm_err_set(err, IFM_ERR_CONFIG, "registry",
                           "runtime module '%s' has ABI %u and %u bytes; this "
                           "worker needs ABI %u and at least %zu; build the module again",
                           name, ops->abi, ops->size, IFM_RUNTIME_ABI, least);
    }
    memcpy(&known, ops, ops->size < sizeof known ? ops->size : sizeof known);
    const char *missing = missing_slot(&known);
    if (missing) {
        return ifm_err_set(err, IFM_ERR_CONFIG, "registry", "runtime module '%s' lacks %s", name,
                           missing);
    }
    if (!known.name || strcmp(known.name, name) != 0) {
        return ifm_err_set(err, IFM_ERR_CONFIG, "registry", "runtime module '%s' calls itself '%s'",
                           name, known.name ? known.name : "");
    }
    if (known.state_size == 0 || known.state_size > STATE_MAX) {
        return ifm_err_set(err, IFM_ERR_CONFIG, "registry",
                           "runtime module '%s' asks for a state of %zu bytes; "
                           "1 to %zu are possible",
                           name, known.state_size, STATE_MAX);
    }
    for (const struct ifm_option *o = known.options; o && o->name; o++) {
        if (o->offset > known.state_size || known.state_size - o->offset < value_size(o->type)) {
            return ifm_err_set(err, IFM_ERR_CONFIG, "registry",
                               "option '%s' of runtime module '%s' lies "
                               "outside its state",
                               o->name, name);
        }
    }
    return 0;
}

/* -- Opening --------------------------------------------------------------------------------------
 */
static int load(struct ifm_registry_module *m, const char *name, struct ifm_err *err)
{
    char folder[PATH_MAX], path[PATH_MAX];
    int code = ifm_registry_folder(folder, sizeof folder, err);
    if (code != 0) {
        return code;
    }
    const int n = snprintf(path, sizeof path, "%s/" PREFIX "%s" SUFFIX, folder, name);
    if (!is_name(name) || n < 0 || (size_t)n >= sizeof path) {
        return unknown(name, err);
    }
    if (access(path, F_OK) != 0) { /* not the product's own: compiled when it was installed */
        const struct ifm_runtime_row *row = ifm_runtime_find(name);
        if (!m->installed.module) {
            return row ? absent(row, err) : unknown(name, err);
        }
        snprintf(path, sizeof path, "%s", m->installed.module);
    }
    m->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!m->handle) {
        return ifm_err_set(err, IFM_ERR_CONFIG, "registry", "runtime module cannot be loaded: %s",
                           dlerror());
    }
    void *symbol = dlsym(m->handle, "ifm_runtime_entry");
    ifm_runtime_entry_fn entry;
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from object to function pointer */
    if (!symbol) {
        return ifm_err_set(err, IFM_ERR_CONFIG, "registry",
                           "%s is not a runtime module: it has no "
                           "ifm_runtime_entry",
                           path);
    }
    const struct ifm_runtime_ops *ops = entry(&m->host);
    if (!ops) {
        return ifm_err_set(err, IFM_ERR_CONFIG, "registry", "runtime module '%s' refuses: %s", name,
                           m->said.code ? m->said.text : "no reason given");
    }
    code = ifm_registry_check(ops, name, err);
    if (code == 0) {
        memcpy(&m->ops, ops, ops->size < sizeof m->ops ? ops->size : sizeof m->ops);
    }
    return code;
}

int ifm_registry_open(struct ifm_registry_module *m, const char *name, const char *library,
                      const struct ifm_log *log, struct ifm_err *err)
{
    return ifm_registry_open_version(m, name, library, NULL, log, err);
}

/* What is installed of it: the version asked for, the one that the library belongs to, the newest. */
static int look_up(struct ifm_registry_module *m, const char *name, const char *library,
                   const char *version, struct ifm_err *err)
{
    if (!is_name(name)) {
        return 0;
    }
    if (library) { /* whatever is installed beside it may be broken */
        if (ifm_installed_of(name, library, &m->installed, NULL) == 0 && !m->installed.library) {
            ifm_installed_find(name, &m->installed, NULL);
        }
        return 0;
    }
    const int code = version ? ifm_installed_version(name, version, &m->installed, err)
                             : ifm_installed_find(name, &m->installed, err);
    return code == 0 && version && !m->installed.library
               ? ifm_err_set(err, IFM_ERR_UNAVAILABLE, "runtime",
                             "version %.40s of %s is not installed; run: inferometer runtime "
                             "install %s@%.40s",
                             version, name, name, version)
               : code;
}

int ifm_registry_open_version(struct ifm_registry_module *m, const char *name, const char *library,
                              const char *version, const struct ifm_log *log, struct ifm_err *err)
{
    *m = (struct ifm_registry_module){ .log = log };
    name = ifm_registry_alias(name);
    int code = look_up(m, name, library, version, err);
    if (code != 0) {
        return code;
    }
    m->host = (struct ifm_host){
        .abi = IFM_RUNTIME_ABI,
        .size = sizeof m->host,
        .context = m,
        .library_path = library ? library : m->installed.library,
        .preloads = library ? NULL : (const char *const *)m->installed.preloads,
        .log = host_log,
        .fail = host_fail,
        .alloc = host_alloc,
        .free = host_free,
    };
    code = load(m, name, err);
    if (code != 0) {
        return code;
    }
    m->state = ifm_alloc(m->ops.state_size);
    return m->state ? 0
                    : ifm_err_set(err, IFM_ERR_NOMEM, "registry",
                                  "out of memory for the runtime's state");
}

/* A map holds each key once, so the items of a list option come in one text. */
static int set_list(struct ifm_registry_module *m, const char *name, const char *text,
                    struct ifm_err *err)
{
    char **grown = ifm_resize_array(m->split.items, m->split.count + 1, sizeof *grown);
    if (grown) {
        m->split.items = grown;
        grown[m->split.count] = ifm_dup(text);
    }
    if (!grown || !grown[m->split.count]) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "registry", "out of memory");
    }
    int code = 0;
    for (char *item = grown[m->split.count++]; code == 0 && item;) {
        char *comma = strchr(item, ',');
        if (comma) {
            *comma = '\0';
        }
        code = ifm_opt_set(m->ops.options, m->state, name, item, err);
        item = comma ? comma + 1 : NULL;
    }
    return code;
}

static bool is_list(const struct ifm_option *rows, const char *name)
{
    for (; rows->name; rows++) {
        if (strcmp(rows->name, name) == 0) {
            return rows->type == IFM_OPT_LIST;
        }
    }
    return false;
}

int ifm_registry_options(struct ifm_registry_module *m, const struct ifm_map *options,
                         struct ifm_err *err)
{
    static const struct ifm_option none[] = { IFM_OPTION_END };
    const struct ifm_option *rows = m->ops.options ? m->ops.options : none;
    int code = ifm_opt_defaults(rows, m->state, err);
    for (size_t i = 0; code == 0 && i < options->count; i++) {
        const char *name = options->items[i].key, *value = options->items[i].value;
        code = is_list(rows, name) ? set_list(m, name, value, err)
                                   : ifm_opt_set(rows, m->state, name, value, err);
        if (code != 0) {
            ifm_err_prefix(err, "runtime %s", m->ops.name);
        }
    }
    return code;
}

static void close_state(struct ifm_registry_module *m)
{
    if (m->state) {
        m->ops.close(m->state);
        if (m->ops.options) {
            ifm_opt_done(m->ops.options, m->state);
        }
        ifm_free(m->state);
    }
    ifm_registry_names_done(&m->split);
    m->state = NULL;
}

int ifm_registry_restart(struct ifm_registry_module *m, const struct ifm_map *options,
                         struct ifm_err *err)
{
    close_state(m);
    m->state = ifm_alloc(m->ops.state_size);
    return m->state ? ifm_registry_options(m, options, err)
                    : ifm_err_set(err, IFM_ERR_NOMEM, "registry",
                                  "out of memory for the runtime's state");
}

void ifm_registry_close(struct ifm_registry_module *m)
{
    close_state(m);
    ifm_installed_done(&m->installed);
}
