#include "agents/agent/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"

#define PUSHED_MAX     65536
#define NAME_MAX_BYTES 64

static int root_path(char path[IFM_SPOOL_PATH_MAX], struct ifm_err *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n;
    if (state && state[0] == '/')
        n = snprintf(path, IFM_SPOOL_PATH_MAX, "%s/inferometer/runs", state);
    else if (home && home[0] == '/')
        n = snprintf(path, IFM_SPOOL_PATH_MAX, "%s/.local/state/inferometer/runs", home);
    else
        return ifm_err_set(err, IFM_ERR_CONFIG, "runs",
                           "neither XDG_STATE_HOME nor HOME says where to keep runs");
    if (n < 0 || n > IFM_SPOOL_PATH_MAX - 2 * IFM_UUID_TEXT - NAME_MAX_BYTES)
        return ifm_err_set(err, IFM_ERR_CONFIG, "runs", "the folder for runs has too long a path");
    return 0;
}

static void file_path(const char *folder, const char *name, char path[IFM_SPOOL_PATH_MAX])
{
    int n = snprintf(path, IFM_SPOOL_PATH_MAX, "%s/%s", folder, name);
    if (n < 0 || n >= IFM_SPOOL_PATH_MAX)
        path[0] = '\0'; /* opening "" fails, which is the answer */
}

void ifm_spool_invocation_path(const char *folder, int64_t n, char path[IFM_SPOOL_PATH_MAX])
{
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "invocation-%04lld.json", (long long)n);
    file_path(folder, name, path);
}

static int make_folders(const char *path, struct ifm_err *err)
{
    char part[IFM_SPOOL_PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(part, 0700) && errno != EEXIST) {
            char what[160];
            snprintf(what, sizeof what, "cannot make the folder %.100s", part);
            return ifm_err_errno(err, errno, "runs", what);
        }
        if (!slash)
            return 0;
        *slash = '/';
    }
}

int ifm_spool_folder(const char *id, char folder[IFM_SPOOL_PATH_MAX], struct ifm_err *err)
{
    char root[IFM_SPOOL_PATH_MAX];
    int rc = root_path(root, err);
    if (!rc)
        file_path(root, id, folder);
    return rc;
}

int ifm_spool_begin(struct ifm_spool *spool, const char *id, struct ifm_err *err)
{
    char lock[IFM_SPOOL_PATH_MAX];
    spool->lock_fd = -1;
    int rc = ifm_spool_folder(id, spool->folder, err);
    if (!rc)
        rc = make_folders(spool->folder, err);
    if (rc)
        return rc;
    file_path(spool->folder, "lock", lock);
    spool->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (spool->lock_fd < 0 || flock(spool->lock_fd, LOCK_EX | LOCK_NB))
        return ifm_err_errno(err, errno, "runs", "cannot lock the run's folder");
    return 0;
}

static int put(const char *folder, const char *name, const struct ifm_table *table,
               const void *message, struct ifm_err *err)
{
    char path[IFM_SPOOL_PATH_MAX];
    struct ifm_buf json;
    ifm_buf_init(&json, IFM_SPOOL_BODY_MAX);
    ifm_json_encode(table, message, &json);
    int rc = ifm_buf_check(&json, err);
    file_path(folder, name, path);
    if (!rc)
        rc = ifm_buf_write_file(path, json.data, json.len, err);
    if (rc)
        ifm_err_prefix(err, "keeping the run");
    ifm_buf_done(&json);
    return rc;
}

int ifm_spool_put_invocation(struct ifm_spool *spool, const struct ifm_msg_invocation *invocation,
                             struct ifm_err *err)
{
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "invocation-%04lld.json", (long long)invocation->n);
    return put(spool->folder, name, &ifm_invocation_table, invocation, err);
}

int ifm_spool_put_open(struct ifm_spool *spool, const struct ifm_msg_run *run, struct ifm_err *err)
{
    return put(spool->folder, "run.open.json", &ifm_run_table, run, err);
}

int ifm_spool_finish(struct ifm_spool *spool, const struct ifm_msg_run *run, struct ifm_err *err)
{
    char path[IFM_SPOOL_PATH_MAX];
    int rc = put(spool->folder, "run.json", &ifm_run_table, run, err);
    if (!rc) {
        file_path(spool->folder, "run.open.json", path);
        unlink(path);
    }
    return rc;
}

void ifm_spool_discard(struct ifm_spool *spool)
{
    DIR *dir = spool->folder[0] ? opendir(spool->folder) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    if (spool->folder[0])
        rmdir(spool->folder);
    ifm_spool_end(spool);
}

void ifm_spool_end(struct ifm_spool *spool)
{
    char path[IFM_SPOOL_PATH_MAX];
    if (spool->lock_fd < 0 || !spool->folder[0])
        return;
    file_path(spool->folder, "lock", path);
    unlink(path);
    close(spool->lock_fd);
    spool->lock_fd = -1;
}

static int newest_first(const void *a, const void *b)
{
    /* version 7 UUIDs begin with the time they were made */
    return strcmp(((const struct ifm_spool_entry *)b)->id, ((const struct ifm_spool_entry *)a)->id);
}

int ifm_spool_list(struct ifm_spool_entry **entries, size_t *count, struct ifm_err *err)
{
    char root[IFM_SPOOL_PATH_MAX];
    *entries = NULL;
    *count = 0;
    int rc = root_path(root, err);
    DIR *dir = rc ? NULL : opendir(root);
    if (!rc && !dir && errno != ENOENT)
        return ifm_err_errno(err, errno, "runs", "cannot read the folder of runs");
    size_t room = 0;
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        if (!ifm_uuid_valid(entry->d_name))
            continue;
        if (*count == room) {
            room = room ? room * 2 : 64;
            struct ifm_spool_entry *more = ifm_resize_array(*entries, room, sizeof *more);
            if (!more) {
                rc = ifm_err_set(err, IFM_ERR_NOMEM, "runs", "out of memory while listing runs");
                break;
            }
            *entries = more;
        }
        snprintf((*entries)[*count].id, IFM_UUID_TEXT, "%.36s", entry->d_name);
        ++*count;
    }
    if (dir)
        closedir(dir);
    if (rc) {
        ifm_free(*entries);
        *entries = NULL;
        *count = 0;
    } else if (*count) {
        qsort(*entries, *count, sizeof **entries, newest_first);
    }
    return rc;
}

static bool there(const char *folder, const char *name)
{
    char path[IFM_SPOOL_PATH_MAX];
    file_path(folder, name, path);
    return access(path, F_OK) == 0;
}

enum ifm_spool_state ifm_spool_state_of(const char *folder)
{
    if (there(folder, "run.json"))
        return IFM_SPOOL_FINISHED;
    char path[IFM_SPOOL_PATH_MAX];
    file_path(folder, "lock", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return IFM_SPOOL_UNFINISHED;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return held ? IFM_SPOOL_RUNNING : IFM_SPOOL_UNFINISHED;
}

int64_t ifm_spool_invocations(const char *folder)
{
    char path[IFM_SPOOL_PATH_MAX];
    int64_t n = 0;
    for (; n < IFM_INVOCATIONS_MAX; n++) {
        ifm_spool_invocation_path(folder, n, path);
        if (access(path, F_OK))
            break;
    }
    return n;
}

static int read_message(const char *path, const struct ifm_table *table, void *out,
                        struct ifm_err *err)
{
    struct ifm_buf text;
    ifm_json_init(table, out); /* callers free it also where the file could not be read */
    ifm_buf_init(&text, IFM_SPOOL_BODY_MAX);
    int rc = ifm_buf_read_file(&text, path, err);
    if (!rc)
        rc = ifm_json_decode(table, text.data ? text.data : "", text.len, out, err);
    if (rc && err && err->code == IFM_ERR_BAD_REQUEST)
        err->code = rc = IFM_ERR_INVALID;
    if (rc) {
        const char *base = strrchr(path, '/');
        bool pointer = err && err->where[0] == '/';
        ifm_err_prefix(err, "%s%s%s", base ? base + 1 : path, pointer ? " " : "",
                       pointer ? err->where : "");
    }
    ifm_buf_done(&text);
    return rc;
}

int ifm_spool_read_run(const char *folder, struct ifm_msg_run *out, struct ifm_err *err)
{
    char path[IFM_SPOOL_PATH_MAX];
    file_path(folder, there(folder, "run.json") ? "run.json" : "run.open.json", path);
    return read_message(path, &ifm_run_table, out, err);
}

int ifm_spool_read_invocation(const char *folder, int64_t n, struct ifm_msg_invocation *out,
                              struct ifm_err *err)
{
    char path[IFM_SPOOL_PATH_MAX];
    ifm_spool_invocation_path(folder, n, path);
    return read_message(path, &ifm_invocation_table, out, err);
}

int ifm_spool_recover(const char *folder, struct ifm_err *err)
{
    struct ifm_msg_run run;
    struct ifm_spool spool = { .lock_fd = -1 };
    int rc = ifm_spool_read_run(folder, &run, err);
    if (rc)
        return rc;
    run.status = 1; /* interrupted */
    run.invocations = ifm_spool_invocations(folder);
    snprintf(spool.folder, sizeof spool.folder, "%s", folder);
    rc = ifm_spool_finish(&spool, &run, err);
    char lock[IFM_SPOOL_PATH_MAX];
    file_path(folder, "lock", lock);
    unlink(lock);
    ifm_json_free(&ifm_run_table, &run);
    return rc;
}

static bool has_line(const char *text, const char *line)
{
    size_t len = strlen(line);
    for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (strncmp(at, line, len) == 0 && (at[len] == '\n' || !at[len]))
            return true;
    return false;
}

bool ifm_spool_pushed(const char *folder, const char *url)
{
    char path[IFM_SPOOL_PATH_MAX];
    struct ifm_buf text;
    if (!there(folder, "pushed"))
        return false;
    file_path(folder, "pushed", path);
    ifm_buf_init(&text, PUSHED_MAX);
    bool found = ifm_buf_read_file(&text, path, NULL) == 0 && text.data &&
                 (!url || has_line(text.data, url));
    ifm_buf_done(&text);
    return found;
}

int ifm_spool_mark_pushed(const char *folder, const char *url, struct ifm_err *err)
{
    char path[IFM_SPOOL_PATH_MAX];
    struct ifm_buf text;
    if (ifm_spool_pushed(folder, url))
        return 0;
    file_path(folder, "pushed", path);
    ifm_buf_init(&text, PUSHED_MAX);
    if (there(folder, "pushed"))
        ifm_buf_read_file(&text, path, NULL);
    ifm_buf_addf(&text, "%s\n", url);
    int rc = ifm_buf_check(&text, err);
    if (!rc)
        rc = ifm_buf_write_file(path, text.data, text.len, err);
    ifm_buf_done(&text);
    return rc;
}
