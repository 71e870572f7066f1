#include "agents/worker/cold.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPAN ((size_t)64 << 20) /* bytes that are looked at together */

/* -- Which files ----------------------------------------------------------------------------------
 */
/* Whether `name` holds weights of the model file `model`, both base names. */
static bool belongs(const char *name, const char *model)
{
    static const char *const endings[] = { ".bin", ".data", ".weights", ".params" };
    const size_t whole = strlen(model);
    const char *dot = strrchr(model, '.');
    const size_t stem = dot && dot > model ? (size_t)(dot - model) : whole;
    if (strncmp(name, model, whole) == 0) {
        return name[whole] == '\0' || name[whole] == '.' || name[whole] == '_';
    }
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (strncmp(name, model, stem) == 0 && strcmp(name + stem, endings[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Calls `each` with an open descriptor and the size of every regular file that belongs. */
static void for_each(const char *model, void (*each)(int fd, int64_t bytes, void *argument),
                     void *argument)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(model, '/'), *base = slash ? slash + 1 : model;
    const int len = slash ? (int)(slash - model) : 1;
    if ((size_t)snprintf(folder, sizeof folder, "%.*s%s", len, slash ? model : ".",
                         slash == model ? "/" : "") >= sizeof folder) {
        return;
    }
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        struct stat info;
        const int fd =
            belongs(e->d_name, base)
                ? openat(dirfd(dir), e->d_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
                : -1;
        if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
            each(fd, (int64_t)info.st_size, argument);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

/* -- What is done with them -----------------------------------------------------------------------
 */
static void evict(int fd, int64_t bytes, void *argument)
{
    (void)bytes;
    (void)argument;
    fsync(fd); /* dirty pages are not dropped */
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static void look(int fd, int64_t bytes, void *argument)
{
    static unsigned char in_core[SPAN >> 12]; /* pages of 4 KiB are the smallest */
    struct ifm_msg_cold *cold = argument;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int64_t at = 0; at < bytes; at += (int64_t)SPAN) {
        const size_t len = bytes - at < (int64_t)SPAN ? (size_t)(bytes - at) : SPAN;
        const size_t pages = (len + page - 1) / page;
        void *memory = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, at);
        cold->pages += (int64_t)pages;
        if (memory == MAP_FAILED || mincore(memory, len, in_core) != 0) {
            memset(in_core, 1, pages); /* not known: as warm as can be */
        }
        for (size_t i = 0; i < pages; i++) {
            cold->resident += in_core[i] & 1;
        }
        if (memory != MAP_FAILED) {
            munmap(memory, len);
        }
    }
}

void ifm_cold_evict(const char *model)
{
    if (model && *model) {
        for_each(model, evict, NULL);
    }
}

void ifm_cold_look(const char *model, struct ifm_msg_cold *cold)
{
    cold->pages = cold->resident = 0;
    if (model && *model) {
        for_each(model, look, cold);
    }
    if (cold->pages == 0) {
        cold->pages = cold->resident = IFM_JSON_ABSENT;
    }
}
