#include "agents/executors/memory_cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GROUP_NAME   "inferometer-%d-%u" /* process that made it, how many before */
#define REMOVE_TRIES 50 /* a killed member leaves some milliseconds after it was waited for */

static int open_file(const char *folder, const char *file, int flags)
{
    char path[PATH_MAX];
    const int n = snprintf(path, sizeof path, "%s/%s", folder, file);
    return n < 0 || (size_t)n >= sizeof path ? -1 : open(path, flags | O_CLOEXEC);
}

static bool put(const char *folder, const char *file, int64_t value)
{
    char text[32];
    const int n = snprintf(text, sizeof text, "%lld", (long long)value);
    const int fd = open_file(folder, file, O_WRONLY);
    const bool done = fd >= 0 && write(fd, text, (size_t)n) == n;
    if (fd >= 0)
        close(fd);
    return done;
}

static bool get(const char *folder, const char *file, char *text, size_t size)
{
    const int fd = open_file(folder, file, O_RDONLY);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* A child made in `parent` has files of the memory controller. */
static bool hands_memory_down(const char *parent)
{
    char controllers[512];
    return get(parent, "cgroup.subtree_control", controllers, sizeof controllers) &&
           strstr(controllers, "memory");
}

static bool find_parent(enum ifm_cgroup_version version, char *parent, size_t size)
{
    if (!ifm_cgroup_folder("", version, parent, size))
        return false;
    if (version == IFM_CGROUP_V1 || hands_memory_down(parent))
        return true;
    char *slash = strrchr(parent, '/');
    if (!slash || slash == parent)
        return false;
    *slash = '\0';
    return hands_memory_down(parent);
}

/* Swap counts: a phone has none to speak of, and a model that swaps is no measurement. */
static bool limit(const struct ifm_memory_cgroup *group, int64_t bytes)
{
    const char *folder = group->folder;
    if (group->version == IFM_CGROUP_V2) {
        put(folder, "memory.swap.max", 0); /* not there where the kernel has no swap accounting */
        return put(folder, "memory.max", bytes);
    }
    put(folder, "memory.swappiness", 0);
    if (!put(folder, "memory.limit_in_bytes", bytes))
        return false;
    put(folder, "memory.memsw.limit_in_bytes", bytes); /* the kernel wants it second */
    return true;
}

/* Groups that a killed inferometer left behind. One with a member cannot be removed. */
static void sweep(const char *parent)
{
    DIR *dir = opendir(parent);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        int owner = 0;
        unsigned number = 0;
        if (sscanf(e->d_name, GROUP_NAME, &owner, &number) == 2 && owner > 0 &&
            kill((pid_t)owner, 0) != 0 && errno == ESRCH)
            unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
    }
    if (dir)
        closedir(dir);
}

static bool make_in(struct ifm_memory_cgroup *group, enum ifm_cgroup_version version, int64_t bytes)
{
    static unsigned made; /* groups of one process have different names */
    char parent[PATH_MAX];
    group->version = version;
    if (!find_parent(version, parent, sizeof parent))
        return false;
    sweep(parent);
    const int n = snprintf(group->folder, sizeof group->folder, "%s/" GROUP_NAME, parent,
                           (int)getpid(), made++);
    if (n < 0 || (size_t)n >= sizeof group->folder || mkdir(group->folder, 0755)) {
        group->folder[0] = '\0';
        return false;
    }
    if (!limit(group, bytes)) {
        ifm_memory_cgroup_done(group);
        return false;
    }
    return true;
}

bool ifm_memory_cgroup_make(struct ifm_memory_cgroup *group, int64_t bytes)
{
    group->folder[0] = '\0';
    return bytes > 0 &&
           (make_in(group, IFM_CGROUP_V1, bytes) || make_in(group, IFM_CGROUP_V2, bytes));
}

bool ifm_memory_cgroup_enter(const struct ifm_memory_cgroup *group, pid_t pid)
{
    return group->folder[0] && put(group->folder, "cgroup.procs", pid);
}

int64_t ifm_memory_cgroup_kills(const struct ifm_memory_cgroup *group)
{
    char text[1024];
    const char *file = group->version == IFM_CGROUP_V1 ? "memory.oom_control" : "memory.events";
    if (!group->folder[0] || !get(group->folder, file, text, sizeof text))
        return -1;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "oom_kill ", 9) == 0)
            return strtoll(line + 9, NULL, 10);
    }
    return -1;
}

void ifm_memory_cgroup_done(struct ifm_memory_cgroup *group)
{
    const struct timespec a_moment = { .tv_nsec = 2000000 };
    for (int i = 0; group->folder[0] && i < REMOVE_TRIES; i++) {
        if (rmdir(group->folder) == 0 || errno != EBUSY)
            break;
        nanosleep(&a_moment, NULL);
    }
    group->folder[0] = '\0';
}
