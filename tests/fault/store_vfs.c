#include "tests/fault/store_vfs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sqlite3.h>

#include "core/rng.h"

/* -- What is remembered of each file ------------------------------------------------------------- */
struct change { struct change *next; bool truncate; sqlite3_int64 offset; int len; char bytes[]; };
struct shadow {
    struct shadow *next;
    char *path;
    char *synced; /* content at the last xSync; NULL: the file was not there */
    size_t synced_len, synced_room;
    struct change *first, **last; /* since then */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shadow *shadows;
static bool remembering, off, skipping;
static struct { unsigned kinds; int nth, code, seen; bool on; } fault;

static char *read_all(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    *len = 0;
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *bytes = malloc((size_t)size + 1);
    *len = fread(bytes, 1, (size_t)size, file);
    fclose(file);
    return bytes;
}

static void drop_changes(struct shadow *shadow)
{
    while (shadow->first) {
        struct change *change = shadow->first;
        shadow->first = change->next;
        free(change);
    }
    shadow->last = &shadow->first;
}

static void forget_content(struct shadow *shadow)
{
    free(shadow->synced);
    shadow->synced = NULL;
    shadow->synced_len = shadow->synced_room = 0;
    drop_changes(shadow);
}

static void resize_synced(struct shadow *shadow, size_t len)
{
    if (!shadow->synced || len > shadow->synced_room) {
        shadow->synced_room = 2 * len + 4096;
        shadow->synced = realloc(shadow->synced, shadow->synced_room);
    }
    if (len > shadow->synced_len) memset(shadow->synced + shadow->synced_len, 0, len - shadow->synced_len);
    shadow->synced_len = len;
}

/* What was written is now on the disk. */
static void take_synced(struct shadow *shadow)
{
    if (!shadow->synced) resize_synced(shadow, 0);
    for (const struct change *change = shadow->first; change; change = change->next) {
        size_t offset = (size_t)change->offset, end = offset + (size_t)change->len;
        if (change->truncate ? offset < shadow->synced_len : end > shadow->synced_len) {
            resize_synced(shadow, change->truncate ? offset : end);
        }
        if (change->len) memcpy(shadow->synced + offset, change->bytes, (size_t)change->len);
    }
    drop_changes(shadow);
}

static struct shadow *shadow_of(const char *path)
{
    if (!remembering || !path) return NULL;
    for (struct shadow *shadow = shadows; shadow; shadow = shadow->next) {
        if (strcmp(shadow->path, path) == 0) return shadow;
    }
    struct shadow *shadow = calloc(1, sizeof *shadow);
    shadow->path = strdup(path);
    shadow->last = &shadow->first;
    shadow->synced = read_all(path, &shadow->synced_len);
    shadow->synced_room = shadow->synced_len;
    shadow->next = shadows;
    shadows = shadow;
    return shadow;
}

static void note(struct shadow *shadow, bool truncate, const void *bytes, int len, sqlite3_int64 offset)
{
    if (!shadow) return;
    struct change *change = malloc(sizeof *change + (size_t)len);
    *change = (struct change){ .truncate = truncate, .offset = offset, .len = len };
    if (len) memcpy(change->bytes, bytes, (size_t)len);
    *shadow->last = change;
    shadow->last = &change->next;
}

void vfs_remember(void)
{
    remembering = true;
}

void vfs_power_off(void)
{
    pthread_mutex_lock(&lock);
    off = true;
    pthread_mutex_unlock(&lock);
}

static void apply(FILE *file, const struct change *change)
{
    if (change->truncate) {
        fflush(file);
        if (ftruncate(fileno(file), change->offset)) abort();
    } else {
        fseek(file, (long)change->offset, SEEK_SET);
        fwrite(change->bytes, 1, (size_t)change->len, file);
    }
}

static int restore(struct shadow *shadow, struct ifm_rng *rng, bool none)
{
    int count = 0;
    remove(shadow->path);
    FILE *file = shadow->synced || !none ? fopen(shadow->path, "w+b") : NULL;
    if (file && shadow->synced_len) fwrite(shadow->synced, 1, shadow->synced_len, file);
    for (struct change *change = shadow->first; change; change = change->next, count++) {
        if (file && !none && ifm_rng_below(rng, 2)) apply(file, change);
    }
    if (file) fclose(file);
    return count;
}

int vfs_power_cut(uint64_t seed)
{
    int count = 0;
    struct ifm_rng rng;
    ifm_rng_init(&rng, seed);
    while (shadows) {
        struct shadow *shadow = shadows;
        char name[4096];
        count += restore(shadow, &rng, seed == 0);
        snprintf(name, sizeof name, "%s-shm", shadow->path); /* shared memory does not outlive the power */
        remove(name);
        shadows = shadow->next;
        drop_changes(shadow);
        free(shadow->synced);
        free(shadow->path);
        free(shadow);
    }
    remembering = off = false;
    return count;
}

/* -- Faults -------------------------------------------------------------------------------------- */
void vfs_fail(unsigned kinds, int nth, int code, bool on)
{
    pthread_mutex_lock(&lock);
    fault.kinds = nth ? kinds : 0;
    fault.nth = nth;
    fault.code = code;
    fault.on = on;
    fault.seen = 0;
    pthread_mutex_unlock(&lock);
}

int vfs_seen(void)
{
    pthread_mutex_lock(&lock);
    int seen = fault.seen;
    pthread_mutex_unlock(&lock);
    return seen;
}

void vfs_skip_sync(bool skip)
{
    skipping = skip;
}

/* 0: go on. */
static int fails(unsigned kind)
{
    if (off && kind & (VFS_WRITE | VFS_SYNC | VFS_TRUNCATE | VFS_DELETE)) return SQLITE_IOERR;
    if (!(fault.kinds & kind)) return 0;
    fault.seen++;
    return fault.seen == fault.nth || (fault.on && fault.seen > fault.nth) ? fault.code : 0;
}

static int fails_locked(unsigned kind)
{
    pthread_mutex_lock(&lock);
    int code = fails(kind);
    pthread_mutex_unlock(&lock);
    return code;
}

/* -- Files --------------------------------------------------------------------------------------- */
struct shim { sqlite3_file base; const char *path; sqlite3_file *real; };

#define REAL(file) (((struct shim *)(file))->real)
#define METHODS(file) (REAL(file)->pMethods)

static int shim_close(sqlite3_file *file)
{
    return METHODS(file)->xClose(REAL(file));
}

static int shim_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    int code = fails_locked(VFS_READ);
    return code ? code : METHODS(file)->xRead(REAL(file), bytes, len, offset);
}

static int shim_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    pthread_mutex_lock(&lock);
    struct shadow *shadow = shadow_of(((struct shim *)file)->path);
    int code = fails(VFS_WRITE);
    if (!code) code = METHODS(file)->xWrite(REAL(file), bytes, len, offset);
    if (!code) note(shadow, false, bytes, len, offset);
    pthread_mutex_unlock(&lock);
    return code;
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    pthread_mutex_lock(&lock);
    struct shadow *shadow = shadow_of(((struct shim *)file)->path);
    int code = fails(VFS_TRUNCATE);
    if (!code) code = METHODS(file)->xTruncate(REAL(file), size);
    if (!code) note(shadow, true, NULL, 0, size);
    pthread_mutex_unlock(&lock);
    return code;
}

static int shim_sync(sqlite3_file *file, int flags)
{
    pthread_mutex_lock(&lock);
    struct shadow *shadow = shadow_of(((struct shim *)file)->path);
    int code = fails(VFS_SYNC);
    if (!code && !skipping && !remembering) code = METHODS(file)->xSync(REAL(file), flags);
    if (!code && shadow) take_synced(shadow);
    pthread_mutex_unlock(&lock);
    return code;
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
    int code = fails_locked(VFS_SIZE);
    return code ? code : METHODS(file)->xFileSize(REAL(file), size);
}

static int shim_lock(sqlite3_file *file, int level)
{
    int code = fails_locked(VFS_LOCK);
    return code ? code : METHODS(file)->xLock(REAL(file), level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
    return METHODS(file)->xUnlock(REAL(file), level);
}

static int shim_reserved(sqlite3_file *file, int *out)
{
    return METHODS(file)->xCheckReservedLock(REAL(file), out);
}

static int shim_control(sqlite3_file *file, int op, void *arg)
{
    return METHODS(file)->xFileControl(REAL(file), op, arg);
}

static int shim_sector(sqlite3_file *file)
{
    return METHODS(file)->xSectorSize(REAL(file));
}

static int shim_device(sqlite3_file *file)
{
    return METHODS(file)->xDeviceCharacteristics(REAL(file));
}

static int shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory)
{
    int code = fails_locked(VFS_SHM);
    return code ? code : METHODS(file)->xShmMap(REAL(file), page, size, extend, memory);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return METHODS(file)->xShmLock(REAL(file), offset, n, flags);
}

static void shim_shm_barrier(sqlite3_file *file)
{
    METHODS(file)->xShmBarrier(REAL(file));
}

static int shim_shm_unmap(sqlite3_file *file, int delete_flag)
{
    return METHODS(file)->xShmUnmap(REAL(file), delete_flag);
}

static const sqlite3_io_methods shim_methods = {
    .iVersion = 2, .xClose = shim_close, .xRead = shim_read, .xWrite = shim_write, .xTruncate = shim_truncate,
    .xSync = shim_sync, .xFileSize = shim_size, .xLock = shim_lock, .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved, .xFileControl = shim_control, .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_device, .xShmMap = shim_shm_map, .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier, .xShmUnmap = shim_shm_unmap,
};

/* -- The VFS ------------------------------------------------------------------------------------- */
static sqlite3_vfs *real_vfs;

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    struct shim *shim = (struct shim *)file;
    (void)vfs;
    file->pMethods = NULL;
    int code = fails_locked(VFS_OPEN);
    if (code) return code;
    pthread_mutex_lock(&lock);
    shadow_of(name); /* before the file is created: it counts as not there until it is synced */
    pthread_mutex_unlock(&lock);
    shim->path = name;
    shim->real = (sqlite3_file *)(shim + 1);
    code = real_vfs->xOpen(real_vfs, name, shim->real, flags, out_flags);
    if (shim->real->pMethods) file->pMethods = &shim_methods;
    return code;
}

static int shim_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    (void)vfs;
    pthread_mutex_lock(&lock);
    struct shadow *shadow = shadow_of(name);
    int code = fails(VFS_DELETE);
    if (!code) code = real_vfs->xDelete(real_vfs, name, skipping ? 0 : sync_dir);
    if (!code && shadow) forget_content(shadow);
    pthread_mutex_unlock(&lock);
    return code;
}

void vfs_register(void)
{
    static sqlite3_vfs shim;
    if (shim.zName) return;
    real_vfs = sqlite3_vfs_find(NULL);
    shim = *real_vfs; /* what is not replaced takes its own VFS only for xGetLastError and the like */
    shim.zName = VFS_NAME;
    shim.pNext = NULL;
    shim.szOsFile = (int)sizeof(struct shim) + real_vfs->szOsFile;
    shim.xOpen = shim_open;
    shim.xDelete = shim_delete;
    sqlite3_vfs_register(&shim, 0);
}
