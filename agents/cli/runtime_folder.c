/* Folders of runtimes on disk. Every step goes through the descriptor of the folder above it and
 * refuses links, so that nothing outside is counted or deleted, whatever is swapped meanwhile. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/cli/runtime.h"

#define DEPTH_MAX   64
#define BLOCK_BYTES 512 /* st_blocks counts in these, whatever the file system's own block is */

static int open_folder(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The bytes of what lies in the folder, which it closes; with `remove` everything in it goes.
 * -1 with errno set. */
static int64_t walk(int folder, int depth, bool remove)
{
    DIR *dir = folder < 0 ? NULL : fdopendir(folder);
    int64_t bytes = 0;
    int failure = 0;
    if (!dir) {
        failure = errno;
        if (folder >= 0)
            close(folder);
        errno = failure;
        return -1;
    }
    if (depth > DEPTH_MAX)
        failure = ELOOP;
    for (struct dirent *e; !failure && (e = readdir(dir)) != NULL;) {
        struct stat info;
        if (is_dots(e->d_name))
            continue;
        if (fstatat(folder, e->d_name, &info, AT_SYMLINK_NOFOLLOW)) {
            failure = errno;
            break;
        }
        bool inner = S_ISDIR(info.st_mode);
        int64_t below = inner ? walk(open_folder(folder, e->d_name), depth + 1, remove) : 0;
        if (below < 0 || (remove && unlinkat(folder, e->d_name, inner ? AT_REMOVEDIR : 0)))
            failure = errno;
        else
            bytes += below + (int64_t)info.st_blocks * BLOCK_BYTES;
    }
    closedir(dir);
    errno = failure;
    return failure ? -1 : bytes;
}

int64_t ifm_runtime_folder_bytes(const char *folder)
{
    int64_t bytes = walk(open_folder(AT_FDCWD, folder), 0, false);
    return bytes < 0 ? IFM_JSON_ABSENT : bytes;
}

int ifm_runtime_folder_remove(const char *parent, const char *name, struct ifm_err *err)
{
    struct stat info;
    int above = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC), failure = 0;
    if (above < 0 || fstatat(above, name, &info, AT_SYMLINK_NOFOLLOW))
        failure = errno;
    else if (S_ISDIR(info.st_mode) && walk(open_folder(above, name), 0, true) < 0)
        failure = errno;
    else if (unlinkat(above, name, S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0))
        failure = errno;
    if (above >= 0)
        close(above);
    return failure ? ifm_err_errno(err, failure, "", "cannot delete all of the folder") : 0;
}
