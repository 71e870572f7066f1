#include "agents/cli/doctor_tune.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/cli/doctor.h"
#include "core/mem.h"

#define FOLDER     "/run/inferometer"
#define NOTE       FOLDER "/tune.json"
#define LOCK       FOLDER "/tune.lock"
#define PLACE_MAX  1024
#define NOTE_MAX   (1024 * 1024)
#define SETTINGS_MAX (IFM_DOCTOR_CPUS + 8)

static const struct ifm_field setting_fields[] = {
    { .name = "path", .kind = IFM_FIELD_STRING, .offset = offsetof(struct ifm_tune_setting, path), .flags = 1 },
    { .name = "old", .kind = IFM_FIELD_STRING, .offset = offsetof(struct ifm_tune_setting, old), .flags = 1 },
    { .name = "now", .kind = IFM_FIELD_STRING, .offset = offsetof(struct ifm_tune_setting, now), .flags = 1 },
    { .name = NULL }
};
static const struct ifm_table setting_table = { "setting", "", sizeof(struct ifm_tune_setting),
                                                setting_fields };
static const struct ifm_field note_fields[] = {
    { .name = "v", .kind = IFM_FIELD_I64, .offset = offsetof(struct ifm_tune, v), .flags = 1 },
    { .name = "pid", .kind = IFM_FIELD_I64, .offset = offsetof(struct ifm_tune, pid), .flags = 1 },
    { .name = "settings",
      .kind = IFM_FIELD_LIST,
      .offset = offsetof(struct ifm_tune, settings),
      .flags = 1,
      .max = SETTINGS_MAX,
      .table = &setting_table },
    { .name = NULL }
};
static const struct ifm_table note_table = { "tune", "", sizeof(struct ifm_tune), note_fields };

static void place(const char *root, const char *path, char out[PLACE_MAX])
{
    snprintf(out, PLACE_MAX, "%s%s", root, path);
}

static int refused(const char *path, int number, struct ifm_err *err)
{
    if (number == EACCES || number == EPERM || number == EROFS)
        return ifm_err_set(err, IFM_ERR_PERMISSION, "", "%s cannot be written (%s): run doctor as root",
                           path, strerror(number));
    return ifm_err_errno(err, number, "", path);
}

/* -- The lock and the note ----------------------------------------------------------------------- */
/* create false: a lock file that is not there is IFM_ERR_NOT_FOUND. Nobody else may open it: whoever can read a
 * file can lock it, and so keep the settings from ever being put back. */
static int lock(struct ifm_tune *tune, bool create, struct ifm_err *err)
{
    char path[PLACE_MAX];
    static const char *const folders[] = { "/run", FOLDER };
    for (size_t i = 0; create && i < 2; i++) {
        place(tune->root, folders[i], path);
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return refused(path, errno, err);
    }
    place(tune->root, LOCK, path);
    int fd = open(path, create ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == ENOENT ? ifm_err_set(err, IFM_ERR_NOT_FOUND, "", "nothing is tuned")
                               : refused(path, errno, err);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return ifm_err_set(err, IFM_ERR_BUSY, "",
                           "another `inferometer doctor --tune` holds this machine; end that one first");
    }
    tune->lock_fd = fd;
    return 0;
}

static void unlock(struct ifm_tune *tune)
{
    if (tune->lock_fd >= 0)
        close(tune->lock_fd); /* the file stays: removing it would let two hold locks of one name */
    tune->lock_fd = -1;
}

static int read_note(struct ifm_tune *tune, struct ifm_err *err)
{
    char path[PLACE_MAX];
    struct ifm_buf text;
    struct ifm_tune read;
    place(tune->root, NOTE, path);
    if (access(path, F_OK) != 0)
        return ifm_err_set(err, IFM_ERR_NOT_FOUND, "", "nothing is tuned");
    ifm_buf_init(&text, NOTE_MAX);
    int rc = ifm_buf_read_file(&text, path, err);
    if (!rc)
        rc = ifm_json_decode(&note_table, text.data ? text.data : "", text.len, &read, err);
    ifm_buf_done(&text);
    if (rc) {
        ifm_err_prefix(err, "%s", path);
        return rc;
    }
    tune->pid = read.pid;
    tune->settings = read.settings;
    return 0;
}

static int write_note(const struct ifm_tune *tune, struct ifm_err *err)
{
    char path[PLACE_MAX];
    struct ifm_buf text;
    place(tune->root, NOTE, path);
    ifm_buf_init(&text, NOTE_MAX);
    ifm_json_encode(&note_table, tune, &text);
    int rc = ifm_buf_check(&text, err);
    if (!rc)
        rc = ifm_buf_write_file(path, text.data, text.len, err); /* synced before it has its name */
    ifm_buf_done(&text);
    return rc;
}

static int forget(struct ifm_tune *tune, struct ifm_err *err)
{
    char path[PLACE_MAX];
    place(tune->root, NOTE, path);
    if (unlink(path) != 0 && errno != ENOENT)
        return refused(path, errno, err);
    return 0;
}

/* -- Settings ------------------------------------------------------------------------------------- */
static bool known_path(const char *path)
{
    return strncmp(path, "/sys/devices/system/cpu/", 24) == 0 && !strstr(path, "..");
}

static int write_value(const char *root, const char *path, const char *value, struct ifm_err *err)
{
    char full[PLACE_MAX], line[80];
    place(root, path, full);
    int len = snprintf(line, sizeof line, "%.70s\n", value);
    int fd = open(full, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0)
        return refused(full, errno, err);
    ssize_t n = write(fd, line, (size_t)len);
    int number = n < 0 ? errno : EIO;
    if (close(fd) != 0 && n == len) {
        number = errno;
        n = -1;
    }
    return n == len ? 0 : refused(full, number, err);
}

/* Wants `now` in a file that has another value. */
static int want(struct ifm_tune *tune, const char *path, const char *now, struct ifm_err *err)
{
    char old[64];
    if (!ifm_doctor_read(tune->root, path, old, sizeof old) || !old[0] || strcmp(old, now) == 0)
        return 0;
    struct ifm_tune_setting *items =
        ifm_resize_array(tune->settings.items, tune->settings.count + 1, sizeof *items);
    if (!items)
        return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    tune->settings.items = items;
    items[tune->settings.count] =
        (struct ifm_tune_setting){ .path = ifm_dup(path), .old = ifm_dup(old), .now = ifm_dup(now) };
    struct ifm_tune_setting *added = &items[tune->settings.count++];
    return added->path && added->old && added->now ? 0
                                                   : ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
}

static int collect(struct ifm_tune *tune, struct ifm_err *err)
{
    int cpus[IFM_DOCTOR_CPUS], rc = 0;
    size_t count = ifm_doctor_cpus(tune->root, cpus);
    for (size_t i = 0; !rc && i < count; i++) {
        char path[160], offered[256];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_available_governors",
                 cpus[i]);
        if (!ifm_doctor_read(tune->root, path, offered, sizeof offered) || !strstr(offered, "performance"))
            continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", cpus[i]);
        rc = want(tune, path, "performance", err);
    }
    if (!rc)
        rc = want(tune, "/sys/devices/system/cpu/intel_pstate/no_turbo", "1", err);
    if (!rc)
        rc = want(tune, "/sys/devices/system/cpu/cpufreq/boost", "0", err);
    return rc;
}

/* Last changed, first restored. The first failure is reported, the others are tried all the same. */
static int restore(struct ifm_tune *tune, struct ifm_err *err)
{
    const struct ifm_tune_setting *s = tune->settings.items;
    int rc = 0;
    tune->restored = tune->foreign = 0;
    for (size_t i = tune->settings.count; i-- > 0;) {
        char current[64];
        if (!known_path(s[i].path) || !ifm_doctor_read(tune->root, s[i].path, current, sizeof current) ||
            strcmp(current, s[i].old) == 0)
            continue; /* a processor that went away, or was not yet changed */
        if (strcmp(current, s[i].now) != 0) {
            tune->foreign++;
            continue;
        }
        int one = write_value(tune->root, s[i].path, s[i].old, rc ? NULL : err);
        rc = rc ? rc : one;
        tune->restored += one == 0;
    }
    return rc;
}

int ifm_tune_end(struct ifm_tune *tune, struct ifm_err *err)
{
    int rc = tune->settings.count ? restore(tune, err) : 0;
    if (!rc)
        rc = forget(tune, err);
    unlock(tune);
    return rc;
}

void ifm_tune_done(struct ifm_tune *tune)
{
    const char *root = tune->root;
    unlock(tune);
    ifm_json_free(&note_table, tune);
    *tune = (struct ifm_tune){ .root = root, .lock_fd = -1 };
}

/* With the lock held: what a dead process left is put back first, its old values are the true ones. */
static int note_and_apply(struct ifm_tune *tune, struct ifm_err *err)
{
    struct ifm_tune left = { .root = tune->root, .lock_fd = -1 };
    int rc = read_note(&left, err);
    rc = rc == IFM_ERR_NOT_FOUND ? 0 : rc ? rc : ifm_tune_end(&left, err);
    ifm_tune_done(&left);
    if (!rc)
        rc = collect(tune, err);
    if (!rc && tune->settings.count)
        rc = write_note(tune, err);
    if (rc)
        return rc;
    const struct ifm_tune_setting *s = tune->settings.items;
    for (size_t i = 0; !rc && i < tune->settings.count; i++)
        rc = write_value(tune->root, s[i].path, s[i].now, err);
    if (rc && restore(tune, NULL) == 0)
        forget(tune, NULL);
    return rc;
}

int ifm_tune_begin(const char *root, struct ifm_tune *tune, struct ifm_err *err)
{
    struct ifm_tune look = { .root = root, .lock_fd = -1 };
    *tune = (struct ifm_tune){ .v = 1, .pid = getpid(), .root = root, .lock_fd = -1 };
    int rc = collect(&look, err); /* nobody needs to be root to hear that there is nothing to do */
    char note[PLACE_MAX];
    place(root, NOTE, note);
    bool nothing = !look.settings.count && access(note, F_OK) != 0;
    ifm_tune_done(&look);
    if (rc || nothing)
        return rc;
    rc = lock(tune, true, err);
    if (!rc)
        rc = note_and_apply(tune, err);
    if (rc)
        ifm_tune_done(tune);
    return rc;
}

/* For those who may not try the lock. A number that was given to another process meanwhile says so wrongly. */
static bool owner_lives(const char *root)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_tune note = { .root = root, .lock_fd = -1 };
    bool lives = read_note(&note, &err) == 0 && note.pid > 0 && note.pid <= INT_MAX &&
                 (kill((pid_t)note.pid, 0) == 0 || errno == EPERM);
    ifm_tune_done(&note);
    return lives;
}

int ifm_tune_undo(const char *root, struct ifm_tune *tune, struct ifm_err *err)
{
    struct ifm_err absent = IFM_ERR_INIT;
    char path[PLACE_MAX];
    *tune = (struct ifm_tune){ .v = 1, .root = root, .lock_fd = -1 };
    place(root, NOTE, path);
    if (access(path, F_OK) != 0)
        return 0;
    int rc = lock(tune, false, err);
    if (rc == IFM_ERR_NOT_FOUND) /* somebody removed the lock's file: nobody holds it */
        rc = lock(tune, true, err);
    if (rc == IFM_ERR_PERMISSION && owner_lives(root))
        rc = ifm_err_set(err, IFM_ERR_BUSY, "", "`inferometer doctor --tune` of another user holds this machine");
    if (rc)
        return rc;
    rc = read_note(tune, &absent);
    if (rc == IFM_ERR_NOT_FOUND) { /* its owner ended in this moment */
        unlock(tune);
        return 0;
    }
    if (rc) {
        unlock(tune);
        return ifm_err_set(err, rc, "", "%s", absent.text);
    }
    return ifm_tune_end(tune, err);
}

const char *ifm_tune_root(void)
{
    const char *root = getenv("INFEROMETER_SYSROOT");
    return root ? root : "";
}

void ifm_tune_recover(void)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_tune tune;
    int rc = ifm_tune_undo(ifm_tune_root(), &tune, &err);
    if (!rc && tune.settings.count)
        fprintf(stderr, "inferometer: `doctor --tune` (process %lld) did not end by itself: %zu setting%s put back\n",
                (long long)tune.pid, tune.restored, tune.restored == 1 ? "" : "s");
    else if (rc && rc != IFM_ERR_BUSY)
        fprintf(stderr,
                "inferometer: `doctor --tune` did not end by itself and its settings still hold (%s); put them "
                "back with: sudo inferometer doctor --undo\n",
                err.text);
    ifm_tune_done(&tune);
}
