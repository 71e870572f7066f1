#include "tests/lib/testlib.h"

#include <ftw.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"

/* -- Allocator --------------------------------------------------------------------------------- */
static atomic_size_t count, fail_at, outstanding, bytes, bytes_peak;

static bool must_fail(void)
{
    size_t n = atomic_fetch_add(&count, 1) + 1;
    return n == atomic_load(&fail_at);
}

static void note_more(size_t more)
{
    size_t now = atomic_fetch_add(&bytes, more) + more, peak = atomic_load(&bytes_peak);
    while (now > peak && !atomic_compare_exchange_weak(&bytes_peak, &peak, now))
        continue;
}

static void *hook_alloc(void *context, size_t len)
{
    (void)context;
    void *pointer = must_fail() ? NULL : malloc(len);
    if (!pointer)
        return NULL;
    memset(pointer, 0xA5, len); /* whoever relies on zeroes that nobody promised is found out */
    atomic_fetch_add(&outstanding, 1);
    note_more(malloc_usable_size(pointer));
    return pointer;
}

/* Always moves, so that a stale pointer is found by the address sanitizer. */
static void *hook_resize(void *context, void *pointer, size_t len)
{
    void *moved = hook_alloc(context, len);
    if (!moved || !pointer)
        return moved;
    size_t old = malloc_usable_size(pointer);
    memcpy(moved, pointer, old < len ? old : len);
    atomic_fetch_sub(&bytes, old);
    atomic_fetch_sub(&outstanding, 1);
    free(pointer);
    return moved;
}

static void hook_release(void *context, void *pointer)
{
    (void)context;
    atomic_fetch_sub(&bytes, malloc_usable_size(pointer));
    atomic_fetch_sub(&outstanding, 1);
    free(pointer);
}

void t_alloc_start(void)
{
    static const struct ifm_mem_hooks hooks = { hook_alloc, hook_resize, hook_release, NULL };
    atomic_store(&outstanding, 0);
    atomic_store(&bytes, 0);
    atomic_store(&bytes_peak, 0);
    t_alloc_fail_at(0);
    ifm_mem_set_hooks(&hooks);
}

void t_alloc_stop(void)
{
    ifm_mem_set_hooks(NULL);
}

void t_alloc_fail_at(size_t nth)
{
    atomic_store(&count, 0);
    atomic_store(&fail_at, nth);
}

size_t t_alloc_count(void)
{
    return atomic_load(&count);
}

size_t t_alloc_outstanding(void)
{
    return atomic_load(&outstanding);
}

size_t t_alloc_bytes_peak(void)
{
    return atomic_load(&bytes_peak);
}

static size_t sweep(const char *name, int (*action)(void *argument, struct ifm_err *err),
                    void *argument, bool strict)
{
    size_t failed = 0;
    t_alloc_start();
    for (size_t nth = 1;; nth++) {
        struct ifm_err err = IFM_ERR_INIT;
        t_alloc_fail_at(nth);
        int rc = action(argument, &err);
        bool reached = t_alloc_count() >= nth;
        if (t_alloc_outstanding() != 0)
            fail_msg("%s: allocation %zu failed and %zu blocks were left behind", name, nth,
                     t_alloc_outstanding());
        if (rc != 0 && (rc != IFM_ERR_NOMEM || err.code != IFM_ERR_NOMEM || !reached))
            fail_msg("%s: allocation %zu failed and gave %d, \"%s\"", name, nth, rc, err.text);
        if (rc == 0 && reached && strict)
            fail_msg("%s: allocation %zu failed and nobody noticed", name, nth);
        failed += rc != 0;
        if (!reached)
            break;
    }
    t_alloc_stop();
    return failed;
}

size_t t_sweep(const char *name, int (*action)(void *argument, struct ifm_err *err), void *argument)
{
    return sweep(name, action, argument, false);
}

size_t t_sweep_strict(const char *name, int (*action)(void *argument, struct ifm_err *err),
                      void *argument)
{
    return sweep(name, action, argument, true);
}

/* -- Files ------------------------------------------------------------------------------------- */
static char temp_dir[256];
static pid_t temp_owner;

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void remove_temp_dir(void)
{
    /* A forked child that ends by exit() must not take the folder with it. */
    if (temp_owner == getpid())
        nftw(temp_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *t_temp_dir(void)
{
    if (temp_dir[0])
        return temp_dir;
    const char *base = getenv("TMPDIR");
    snprintf(temp_dir, sizeof temp_dir, "%s/ifm-test-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(temp_dir))
        fail_msg("no temporary folder %s", temp_dir);
    temp_owner = getpid();
    atexit(remove_temp_dir);
    return temp_dir;
}

static char *join(const char *folder, const char *name)
{
    struct ifm_buf path;
    ifm_buf_init(&path, 64 * 1024);
    ifm_buf_addf(&path, "%s/%s", folder, name);
    char *text = ifm_buf_take(&path);
    if (!text)
        fail_msg("path too long: %s", name);
    return text;
}

static char *below(const char *variable, const char *relative)
{
    const char *folder = getenv(variable);
    if (!folder)
        fail_msg("%s is not set; run the test by ctest", variable);
    return join(folder, relative);
}

char *t_temp_path(const char *name)
{
    return join(t_temp_dir(), name);
}

char *t_source_path(const char *relative)
{
    return below("IFM_SOURCE_DIR", relative);
}

char *t_build_path(const char *relative)
{
    return below("IFM_BUILD_DIR", relative);
}

char *t_read(const char *path, size_t *len)
{
    struct ifm_buf buf;
    struct ifm_err err = IFM_ERR_INIT;
    ifm_buf_init(&buf, (size_t)64 * 1024 * 1024);
    if (ifm_buf_read_file(&buf, path, &err))
        fail_msg("%s", err.text);
    if (!buf.data)
        ifm_buf_room(&buf, 0); /* an empty file is an empty text */
    if (len)
        *len = buf.len;
    return ifm_buf_take(&buf);
}

void t_write(const char *path, const void *bytes_, size_t len)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        fail_msg("cannot write %s", path);
    size_t written = fwrite(bytes_, 1, len, file);
    if (fclose(file) != 0 || written != len)
        fail_msg("cannot write %s", path);
}

/* -- Assertions -------------------------------------------------------------------------------- */
void t_contains(const char *text, const char *part, const char *file, int line)
{
    if (text && strstr(text, part))
        return;
    print_error("\"%s\" does not contain \"%s\"\n", text ? text : "(null)", part);
    _fail(file, line);
}

void __lsan_disable(void) __attribute__((weak)); /* there with -fsanitize=address alone */
void __lsan_enable(void) __attribute__((weak));
void t_first_load(bool begins)
{
    void (*call)(void) = begins ? __lsan_disable : __lsan_enable;
    if (call) {
        call();
    }
}
