#include "agents/model/tempdir.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int ifm_tempdir_make(struct ifm_tempdir *dir, struct ifm_err *err)
{
    if (dir->path[0])
        return 0;
    const char *base = getenv("TMPDIR");
    char path[sizeof dir->path];
    int n = snprintf(path, sizeof path, "%s/inferometer-XXXXXX",
                     base && base[0] == '/' ? base : "/tmp");
    if (n < 0 || (size_t)n >= sizeof path)
        return ifm_err_set(err, IFM_ERR_CONFIG, "tempdir", "TMPDIR is too long a path");
    if (!mkdtemp(path)) /* mode 0700 by definition */
        return ifm_err_errno(err, errno, "tempdir",
                             "cannot make a temporary folder (TMPDIR names its place)");
    snprintf(dir->path, sizeof dir->path, "%s", path);
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)walk;
    return kind == FTW_DP ? rmdir(path) : unlink(path);
}

void ifm_tempdir_done(struct ifm_tempdir *dir)
{
    if (dir->path[0])
        nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    dir->path[0] = '\0';
}
