#include "core/cgroup.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/json.h"

#define TEXT_MAX 65536 /* mountinfo of a container host is long */

static bool read_text(const char *root, const char *path, char *text, size_t size)
{
    char full[PATH_MAX];
    const int n = snprintf(full, sizeof full, "%s%s", root, path);
    const int fd = n < 0 || (size_t)n >= sizeof full ? -1 : open(full, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && used < size - 1) { /* /proc gives a page at a time */
        got = read(fd, text + used, size - 1 - used);
        used += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    text[used] = '\0';
    return used > 0;
}

/* A word between commas. */
static bool has_word(const char *list, size_t len, const char *word)
{
    const size_t wanted = strlen(word);
    for (size_t at = 0; at + wanted <= len; at++) {
        const bool begins = at == 0 || list[at - 1] == ',';
        const bool ends = at + wanted == len || list[at + wanted] == ',';
        if (begins && ends && memcmp(list + at, word, wanted) == 0) {
            return true;
        }
    }
    return false;
}

/* From lines "4:memory:/a/b" (v1) or "0::/a/b" (v2): the path, cut off behind its line. */
static char *group_path(char *text, const char *controller)
{
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n'), *names = strchr(line, ':');
        char *path = names ? strchr(names + 1, ':') : NULL;
        const size_t len = path ? (size_t)(path - names - 1) : 0;
        if (path && (!end || path < end) &&
            (*controller ? has_word(names + 1, len, controller) : len == 0)) {
            if (end) {
                *end = '\0';
            }
            return path + 1;
        }
        line = end ? end + 1 : NULL;
    }
    return NULL;
}

struct mount {
    char root[PATH_MAX], point[PATH_MAX];
};

/* A mountinfo line: 36 35 98:0 ROOT POINT options [optional …] - TYPE source SUPER-OPTIONS */
static bool parse_mount(const char *line, const char *controller, struct mount *mount)
{
    char type[64] = "", super[1024] = "";
    const char *dash = strstr(line, " - ");
    _Static_assert(PATH_MAX == 4096, "the widths below are PATH_MAX - 1");
    if (!dash || sscanf(line, "%*s %*s %*s %4095s %4095s", mount->root, mount->point) != 2 ||
        sscanf(dash, " - %63s %*s %1023s", type, super) < 1) {
        return false;
    }
    return *controller ? strcmp(type, "cgroup") == 0 && has_word(super, strlen(super), controller)
                       : strcmp(type, "cgroup2") == 0;
}

static bool find_mount(char *text, const char *controller, struct mount *mount)
{
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');
        if (end) {
            *end = '\0';
        }
        if (parse_mount(line, controller, mount)) {
            return true;
        }
        line = end ? end + 1 : NULL;
    }
    return false;
}

static bool is_alone(const char *root, const char *folder, pid_t pid)
{
    char path[PATH_MAX], text[128], *end = NULL;
    const int n = snprintf(path, sizeof path, "%s/cgroup.procs", folder);
    if (n < 0 || (size_t)n >= sizeof path || !read_text(root, path, text, sizeof text)) {
        return false;
    }
    return strtoll(text, &end, 10) == (long long)pid && strcmp(end, "\n") == 0;
}

bool ifm_cgroup_folder(const char *root, enum ifm_cgroup_version version, char *folder, size_t size)
{
    static char text[TEXT_MAX]; /* too large for the stack of a small thread */
    static struct mount mount;
    const char *controller = version == IFM_CGROUP_V1 ? "memory" : "";
    char own[PATH_MAX];
    const char *path = read_text(root, "/proc/self/cgroup", text, sizeof text)
                           ? group_path(text, controller)
                           : NULL;
    if (!path || (size_t)snprintf(own, sizeof own, "%s", path) >= sizeof own ||
        !read_text(root, "/proc/self/mountinfo", text, sizeof text) ||
        !find_mount(text, controller, &mount)) {
        return false;
    }
    /* A container sees a mount whose root lies within the hierarchy. */
    const size_t shown = strcmp(mount.root, "/") == 0 ? 0 : strlen(mount.root);
    const bool within = strncmp(own, mount.root, shown) == 0 &&
                        (own[shown] == '/' || own[shown] == '\0'); /* not "/a" in "/ab" */
    const char *below = within ? own + shown : own;
    return (size_t)snprintf(folder, size, "%s%s", mount.point, strcmp(below, "/") ? below : "") <
           size;
}

static int64_t peak_of(const char *root, enum ifm_cgroup_version version, const char *file,
                       pid_t pid)
{
    char folder[PATH_MAX], path[PATH_MAX], number[64], *end = NULL;
    if (!ifm_cgroup_folder(root, version, folder, sizeof folder) || !is_alone(root, folder, pid) ||
        (size_t)snprintf(path, sizeof path, "%s/%s", folder, file) >= sizeof path ||
        !read_text(root, path, number, sizeof number)) {
        return IFM_JSON_ABSENT;
    }
    errno = 0;
    const long long bytes = strtoll(number, &end, 10);
    return errno || end == number || bytes < 0 ? IFM_JSON_ABSENT : (int64_t)bytes;
}

int64_t ifm_cgroup_peak(const char *root, pid_t pid)
{
    const int64_t v1 = peak_of(root, IFM_CGROUP_V1, "memory.max_usage_in_bytes", pid);
    return v1 != IFM_JSON_ABSENT ? v1 : peak_of(root, IFM_CGROUP_V2, "memory.peak", pid);
}
