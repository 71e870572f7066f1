#include "agents/worker/preload.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "agents/worker/registry.h"
#include "core/mem.h"
#include "core/wire.h"

#define MARK   "INFEROMETER_COUNTED" /* descriptor of the object, in the second start */
#define OBJECT "/proc/self/fd/%d"    /* how the loader finds it */

static bool tried; /* this is the second start */

void ifm_preload_settle(void)
{
    const char *mark = getenv(MARK), *list = getenv("LD_PRELOAD");
    char ours[32];
    if (!mark) {
        return;
    }
    tried = true; /* whoever set it: there is no third start */
    const int fd = (int)strtol(mark, NULL, 10);
    const size_t len = (size_t)snprintf(ours, sizeof ours, OBJECT, fd);
    unsetenv(MARK);
    if (!list || strncmp(list, ours, len) != 0 || (list[len] != '\0' && list[len] != ':')) {
        return; /* not by ifm_preload_again: neither descriptor nor list is ours */
    }
    close(fd);
    const char *others = strchr(list, ':');
    char *kept = others && others[1] ? ifm_dup(others + 1) : NULL; /* setenv may move it */
    if (kept) {
        setenv("LD_PRELOAD", kept, 1);
    } else {
        unsetenv("LD_PRELOAD");
    }
    ifm_free(kept);
}

bool ifm_preload_active(void)
{
    return dlsym(RTLD_DEFAULT, "ifm_count_start") != NULL;
}

static int spec_on_stdin(const struct ifm_msg_spec *spec, struct ifm_err *err)
{
    struct ifm_buf line;
    ifm_buf_init(&line, IFM_WIRE_SPEC_MAX);
    ifm_json_encode(&ifm_spec_table, spec, &line);
    ifm_buf_addc(&line, '\n');
    int code = ifm_buf_check(&line, err);
    const int fd = code == 0 ? memfd_create("spec", MFD_CLOEXEC) : -1;
    if (code == 0 && fd < 0) {
        code = ifm_err_errno(err, errno, "preload", "cannot keep the spec");
    }
    if (code == 0) {
        code = ifm_wire_write(fd, line.data, line.len, err);
    }
    if (code == 0 && (lseek(fd, 0, SEEK_SET) != 0 || dup2(fd, STDIN_FILENO) < 0)) {
        code = ifm_err_errno(err, errno, "preload", "cannot hand the spec over");
    }
    if (fd >= 0) {
        close(fd);
    }
    ifm_buf_done(&line);
    return code;
}

static int open_object(int *fd, struct ifm_err *err)
{
    char folder[PATH_MAX], path[PATH_MAX];
    const int code = ifm_registry_folder(folder, sizeof folder, err);
    if (code != 0) {
        return code;
    }
    const bool fits = (size_t)snprintf(path, sizeof path, "%s/ifm_count.so", folder) < sizeof path;
    *fd = fits ? open(path, O_RDONLY) : -1; /* not close-on-exec: the loader is to find it */
    return *fd >= 0 ? 0
                    : ifm_err_set(err, IFM_ERR_CONFIG, "preload",
                                  "ifm_count.so, which counts allocations, is not beside the "
                                  "runtime modules; reinstall");
}

static bool set_environment(int fd)
{
    const char *others = getenv("LD_PRELOAD");
    char number[16], *list = NULL;
    snprintf(number, sizeof number, "%d", fd);
    const size_t size = sizeof OBJECT ":" + sizeof number + (others ? strlen(others) : 0);
    list = ifm_alloc(size);
    if (!list) {
        return false;
    }
    snprintf(list, size, OBJECT "%s%s", fd, others ? ":" : "", others ? others : "");
    const bool set = setenv("LD_PRELOAD", list, 1) == 0 && setenv(MARK, number, 1) == 0;
    ifm_free(list);
    return set;
}

int ifm_preload_again(const struct ifm_msg_spec *spec, int events_fd, struct ifm_err *err)
{
    char program[PATH_MAX];
    int object = -1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    tried = true; /* a sanitizer has a malloc of its own that must come first */
#endif
    const ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (tried || len <= 0) {
        return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "preload",
                           "allocations cannot be counted here: this worker cannot be started with "
                           "another malloc in front of its own");
    }
    program[len] = '\0';
    int code = open_object(&object, err);
    if (code == 0) {
        code = spec_on_stdin(spec, err);
    }
    if (code == 0 && (!set_environment(object) || dup2(events_fd, STDOUT_FILENO) < 0)) {
        code = ifm_err_errno(err, errno, "preload", "cannot start the worker over");
    }
    if (code == 0) {
        execv(program, (char *const[]){ program, NULL });
        code = ifm_err_errno(err, errno, "preload", "cannot start the worker over");
    }
    if (object >= 0) {
        close(object);
    }
    return code;
}
