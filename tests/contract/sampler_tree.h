/* Copies of the recorded trees that a test changes while samplers read them.
 *
 * Ownership: what is returned as char * is the caller's, from ifm_alloc; the files go with
 * t_temp_dir(). */
#ifndef IFM_SAMPLER_TREE_H
#define IFM_SAMPLER_TREE_H

#include "tests/lib/testlib.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/mem.h"

static char tree_from[1024], tree_to[1024];

static inline int tree_copy_entry(const char *path, const struct stat *st, int kind,
                                  struct FTW *ftw)
{
    char target[2048];
    (void)st, (void)ftw;
    snprintf(target, sizeof target, "%s%s", tree_to, path + strlen(tree_from));
    if (kind == FTW_D) {
        return mkdir(target, 0755);
    }
    size_t len = 0;
    char *text = t_read(path, &len);
    t_write(target, text, len);
    ifm_free(text);
    return 0;
}

/* A fresh copy of tests/data/sysroot/<name>, as <copy> in the temporary folder. */
static inline char *tree_copy(const char *name, const char *copy)
{
    char relative[256];
    snprintf(relative, sizeof relative, "tests/data/sysroot/%s", name);
    char *source = t_source_path(relative), *target = t_temp_path(copy);
    snprintf(tree_from, sizeof tree_from, "%s", source);
    snprintf(tree_to, sizeof tree_to, "%s", target);
    assert_int_equal(nftw(source, tree_copy_entry, 16, FTW_PHYS), 0);
    ifm_free(source);
    return target;
}

/* Writes a file of the tree in place: samplers hold its descriptor, as they hold one of the
 * kernel's. */
static inline void tree_set(const char *tree, const char *path, const char *text)
{
    char full[2048];
    snprintf(full, sizeof full, "%s/%s", tree, path);
    const int fd = open(full, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(ftruncate(fd, (off_t)strlen(text)), 0);
    close(fd);
}

#endif
