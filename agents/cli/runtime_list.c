/* inferometer runtime list: what is known, what is installed, what is missing and how to get it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/cli/format.h"
#include "agents/cli/probe.h"
#include "agents/cli/row.h"
#include "agents/cli/runtime.h"
#include "core/installed.h"
#include "core/mem.h"

#define PLACES       32
#define REMEDY_BYTES 160
#define SHORT_HASH   12

enum state { READY, BROKEN, MISSING, PLANNED };
static const char *const state_words[] = { "ready", "broken", "missing", "planned" };
static const char *const kind_words[] = { "built_in", "vendor", "compiled", "planned" };

struct item {
    const char *name;
    const struct ifm_runtime_row *row; /* NULL: somebody's own module, or exec */
    const struct ifm_installed_place *place; /* NULL: not in a folder of ours */
    struct ifm_probe probe;
    enum state state;
    bool is_default; /* what --runtime NAME alone takes */
    int64_t bytes;   /* on disk */
    const char *kind, *version, *summary;
    char remedy[REMEDY_BYTES]; /* a command; "": none */
    struct ifm_err why;        /* text "": nothing to say */
};

struct listing {
    struct ifm_cli *cli;
    char *const *modules; /* names of those that are there */
    size_t count; /* items so far */
};

/* -- Printing -----------------------------------------------------------------------------------
 */
static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static const char *path_of(const struct item *it)
{
    const char *path = it->probe.library_file.path;
    return path        ? path
           : it->place ? it->place->folder
                       : NULL;
}

static const char *or_null(const char *text)
{
    return text && *text ? text : NULL;
}

static void json_item(struct ifm_jw *w, const struct item *it)
{
    const struct ifm_msg_library *file = &it->probe.library_file;
    const char *texts[][2] = { { "name", it->name },
                               { "version", it->version },
                               { "providers", it->probe.providers },
                               { "library", it->probe.library },
                               { "problem", or_null(it->why.text) },
                               { "remedy", or_null(it->remedy) },
                               { "kind", it->kind },
                               { "state", state_words[it->state] },
                               { "source", file->source     ? file->source
                                           : it->place ? "installed"
                                                            : NULL },
                               { "path", path_of(it) },
                               { "folder", it->place ? it->place->folder : NULL },
                               { "library_sha256", file->sha256 },
                               { "alias", it->row ? it->row->alias : NULL },
                               { "formats", it->row ? or_null(it->row->formats) : NULL },
                               { "summary", or_null(it->summary) } };
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "available");
    ifm_jw_bool(w, it->state == READY);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ifm_jw_key(w, texts[i][0]);
        ifm_jw_string(w, texts[i][1]);
    }
    ifm_jw_key(w, "default");
    ifm_jw_bool(w, it->is_default);
    ifm_jw_key(w, "bytes");
    ifm_jw_i64(w, it->bytes);
    ifm_jw_end(w, '}');
}

static const char *const columns[] = { "runtime", "version", "state",  "default", "source", "MB",
                                       "sha256",  "path",    "providers", "problem" };

static void row_item(struct ifm_cli *cli, const struct item *it)
{
    struct ifm_buf *out = &cli->out;
    char size[IFM_FORMAT_MAX] = "";
    if (it->bytes != IFM_JSON_ABSENT)
        snprintf(size, sizeof size, "%.1f", (double)it->bytes / 1e6);
    const struct ifm_msg_library *file = &it->probe.library_file;
    const char *texts[] = { it->name,     it->version,     state_words[it->state],
                            it->is_default ? "yes" : "no", file->source,
                            size,         file->sha256,    path_of(it),
                            it->probe.providers,           it->why.text };
    bool md = cli->format == IFM_FORMAT_MD;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ifm_buf_adds(out, md ? "| " : i ? "," : "");
        if (!md)
            ifm_csv_text(out, texts[i]);
        for (const char *at = md ? or_empty(texts[i]) : ""; *at; at++)
            ifm_buf_addf(out, *at == '|' ? "\\%c" : "%c", *at);
        ifm_buf_adds(out, md ? " " : "");
    }
    ifm_buf_adds(out, md ? "|\n" : "\n");
}

/* What a person is told in place of providers. */
static void human_state(struct ifm_cli *cli, const struct item *it)
{
    struct ifm_buf *out = &cli->out;
    if (it->state == READY) {
        ifm_buf_adds(out, it->probe.providers ? it->probe.providers : or_empty(it->summary));
        return;
    }
    ifm_buf_addf(out, "%s%s%s", it->state == PLANNED ? ifm_cli_dim(cli) : ifm_cli_red(cli),
                 state_words[it->state], ifm_cli_plain(cli));
    if (it->state == MISSING && it->remedy[0])
        ifm_buf_addf(out, "; run: %s", it->remedy);
    else
        ifm_buf_addf(out, ": %s", it->why.text);
}

static void human_item(struct ifm_cli *cli, const struct item *it)
{
    struct ifm_buf *out = &cli->out;
    const struct ifm_msg_library *file = &it->probe.library_file;
    const char *path = path_of(it);
    char size[IFM_FORMAT_MAX] = "";
    if (it->bytes != IFM_JSON_ABSENT)
        ifm_format_bytes((double)it->bytes, size);
    ifm_buf_addf(out, "%-12s %-10s %-8s %9s  ", it->name, or_empty(it->version),
                 it->is_default && it->place ? "default" : "", size);
    human_state(cli, it);
    ifm_buf_addc(out, '\n');
    if (it->state == BROKEN && it->remedy[0])
        ifm_buf_addf(out, "%-12s to %s it, run: %s\n", "",
                     strstr(it->remedy, " install ") ? "repair" : "remove", it->remedy);
    if (path)
        ifm_buf_addf(out, "%-12s %s%s%s%s%s%.*s%s\n", "", ifm_cli_dim(cli), path,
                     file->source ? ", " : "", or_empty(file->source),
                     file->sha256 ? ", sha256 " : "", SHORT_HASH, or_empty(file->sha256),
                     ifm_cli_plain(cli));
}

static void print_item(struct listing *l, const struct item *it)
{
    struct ifm_cli *cli = l->cli;
    struct ifm_jw w;
    l->count++;
    if (cli->format == IFM_FORMAT_HUMAN) {
        human_item(cli, it);
    } else if (cli->format == IFM_FORMAT_MD || cli->format == IFM_FORMAT_CSV) {
        row_item(cli, it);
    } else {
        if (cli->format == IFM_FORMAT_JSON && l->count > 1)
            ifm_buf_addc(&cli->out, ',');
        ifm_jw_init(&w, &cli->out);
        json_item(&w, it);
        if (cli->format == IFM_FORMAT_NDJSON)
            ifm_buf_addc(&cli->out, '\n');
    }
}

static void print_head(struct ifm_cli *cli)
{
    const size_t n = sizeof columns / sizeof *columns;
    bool md = cli->format == IFM_FORMAT_MD;
    if (cli->format == IFM_FORMAT_JSON)
        ifm_buf_adds(&cli->out, "{\"v\":1,\"items\":[");
    if (!md && cli->format != IFM_FORMAT_CSV)
        return;
    for (size_t i = 0; i < n; i++)
        ifm_buf_addf(&cli->out, "%s%s%s", md ? "| " : i ? "," : "", columns[i], md ? " " : "");
    ifm_buf_adds(&cli->out, md ? "|\n" : "\n");
    for (size_t i = 0; md && i < n; i++)
        ifm_buf_adds(&cli->out, i + 1 < n ? "|---" : "|---|\n");
}

/* -- Asking -------------------------------------------------------------------------------------
 */
static void remedy(struct item *it, const char *verb, const char *version)
{
    snprintf(it->remedy, sizeof it->remedy, "inferometer runtime %s %.40s%s%.60s", verb, it->name,
             version ? "@" : "", or_empty(version));
}

/* Why a folder cannot be used, as far as that shows without loading anything. */
static bool look_at_folder(struct item *it)
{
    const struct ifm_installed_place *place = it->place;
    struct ifm_installed found;
    if (!place->whole) {
        ifm_err_set(&it->why, IFM_ERR_CONFIG, "", "the folder has no runtime.json");
        return false;
    }
    if (ifm_installed_version(it->name, place->version, &found, &it->why))
        return false;
    if (found.folder && strcmp(found.folder, place->folder) != 0)
        ifm_err_set(&it->why, IFM_ERR_CONFIG, "", "hidden by the same version in %.120s",
                    found.folder);
    else if (found.library && access(found.library, R_OK))
        ifm_err_set(&it->why, IFM_ERR_CONFIG, "", "its library %.120s is not there", found.library);
    else if (found.module && access(found.module, R_OK))
        ifm_err_set(&it->why, IFM_ERR_CONFIG, "", "its module %.120s is not there", found.module);
    ifm_installed_done(&found);
    return !it->why.text[0];
}

static void one_version(struct listing *l, const struct ifm_runtime_row *row,
                        const struct ifm_installed_place *place, bool is_default)
{
    struct item it = { .name = row->name,
                       .row = row,
                       .place = place,
                       .kind = kind_words[row->kind],
                       .summary = row->summary,
                       .version = place->version,
                       .is_default = is_default,
                       .bytes = ifm_runtime_folder_bytes(place->folder) };
    bool good = look_at_folder(&it) &&
                ifm_probe_version(row->name, place->version, &it.probe, &it.why) == 0;
    if (!good) {
        it.state = BROKEN;
        remedy(&it, ifm_runtime_is_pinned(row->name, place->version) ? "install" : "remove",
               place->version);
    }
    print_item(l, &it);
    ifm_probe_done(&it.probe);
}

static bool has_module(const struct listing *l, const char *name)
{
    for (size_t i = 0; l->modules[i]; i++)
        if (strcmp(l->modules[i], name) == 0)
            return true;
    return false;
}

/* A worker that could not use it: because it is not there, or because what is there is unfit. */
static void explain(const struct listing *l, struct item *it)
{
    bool absent = it->row && strstr(it->why.text, "runtime install") != NULL;
    it->state = absent ? MISSING : BROKEN;
    if (absent) {
        remedy(it, "install", NULL);
    } else if (it->row && it->row->kind == IFM_RUNTIME_VENDOR && !has_module(l, it->name)) {
        it->state = MISSING;
        ifm_err_set(&it->why, IFM_ERR_UNAVAILABLE, "", "this build has no module for it");
    }
}

/* Not in a folder of ours: built in, planned, of an environment, of the system, or missing.
 * broken: a folder of it was listed already, so that it is not missing too. */
static void one_name(struct listing *l, const char *name, const struct ifm_runtime_row *row,
                     bool broken)
{
    struct item it = { .name = name,
                       .row = row,
                       .kind = row ? kind_words[row->kind] : "own",
                       .summary = row ? row->summary : "",
                       .bytes = IFM_JSON_ABSENT };
    struct stat info;
    if (row && row->kind == IFM_RUNTIME_PLANNED) {
        it.state = PLANNED;
        ifm_err_set(&it.why, IFM_ERR_UNAVAILABLE, "", "%s comes with a later version", row->summary);
    } else if (ifm_probe_runtime(name, &it.probe, &it.why)) {
        explain(l, &it);
    } else {
        it.version = it.probe.version;
        it.is_default = true;
        if (it.probe.library_file.path && stat(it.probe.library_file.path, &info) == 0)
            it.bytes = (int64_t)info.st_size;
    }
    if (!broken || it.state == READY)
        print_item(l, &it);
    ifm_probe_done(&it.probe);
}

/* Which folder --runtime NAME takes; "" for none. */
static void default_folder(const char *name, char *folder, size_t size)
{
    struct ifm_installed found;
    folder[0] = '\0';
    if (ifm_installed_find(name, &found, NULL))
        return;
    if (found.folder)
        snprintf(folder, size, "%s", found.folder);
    ifm_installed_done(&found);
}

static void one_runtime(struct listing *l, const struct ifm_runtime_row *row)
{
    struct ifm_installed_place places[PLACES];
    char folder[sizeof places->folder];
    size_t whole = 0, count = ifm_installed_list(row->name, places, PLACES);
    default_folder(row->name, folder, sizeof folder);
    for (size_t i = 0; i < count; i++) {
        one_version(l, row, &places[i], strcmp(places[i].folder, folder) == 0);
        whole += places[i].whole;
    }
    if (!whole) /* a library of an environment or of the system serves then */
        one_name(l, row->name, row, count > 0);
}

static void exec_item(struct listing *l)
{
    struct item it = { .name = IFM_RUNTIME_EXEC,
                       .kind = kind_words[IFM_RUNTIME_BUILT_IN],
                       .summary = "any program that prints its latencies",
                       .is_default = true,
                       .bytes = IFM_JSON_ABSENT };
    print_item(l, &it);
}

int ifm_runtime_list(struct ifm_cli *cli, struct ifm_err *err)
{
    struct listing l = { .cli = cli };
    char **names;
    int rc = ifm_place_runtimes(&names, err);
    if (rc)
        return rc;
    l.modules = names;
    if (!has_module(&l, "null")) { /* every build has it: this is not the folder of our modules */
        ifm_free(names);
        return ifm_err_set(err, IFM_ERR_CONFIG, "",
                           "no runtime modules are found beside this program; reinstall, or set "
                           "INFEROMETER_MODULE_DIR");
    }
    print_head(cli);
    for (const struct ifm_runtime_row *row = ifm_runtime_rows; row->name; row++)
        if (row->kind != IFM_RUNTIME_PLANNED)
            one_runtime(&l, row);
    exec_item(&l);
    for (size_t i = 0; names[i]; i++)
        if (!ifm_runtime_find(names[i]))
            one_name(&l, names[i], NULL, false);
    for (const struct ifm_runtime_row *row = ifm_runtime_rows; row->name; row++)
        if (row->kind == IFM_RUNTIME_PLANNED)
            one_name(&l, row->name, row, false);
    if (cli->format == IFM_FORMAT_JSON)
        ifm_buf_adds(&cli->out, "]}\n");
    ifm_free(names);
    return 0;
}
