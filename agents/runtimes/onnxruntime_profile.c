/* The operator profile of ONNX Runtime. A session profiles from its birth or never, so that profile_start
 * makes a second one, which stands in the place of the first until profile_stop. Its file lies in a folder
 * of its own and loses its name as soon as it is there: nothing is left behind, however the process ends. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/runtimes/onnxruntime.h"

#define SKIP      2                    /* inferences of the new session that are not counted */
#define TRACE_MAX ((off_t)256 << 20)   /* bytes; about 700,000 operator calls */

/* Opens the one file in the folder and takes its name away. */
static int take_file(const char *folder)
{
    int fd = -1;
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        if (e->d_name[0] == '.') {
            continue;
        }
        if (fd < 0) {
            fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        }
        unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir) {
        closedir(dir);
    }
    return fd;
}

static int make_session(struct onnx_state *s, const char *prefix)
{
    const char *written = s->optimized_model;
    s->optimized_model = NULL; /* the first session wrote it */
    const int status = onnx_session_options(s);
    s->optimized_model = written;
    if (status != 0) {
        return status;
    }
    TRY(EnableProfiling(s->options, prefix), "profile");
    TRY(CreateSession(s->env, s->model_path, s->options, &s->session),
        "the profiled session cannot be made");
    return 0;
}

void onnx_profile_end(struct onnx_state *s)
{
    if (!s->plain.active) {
        return;
    }
    if (s->binding) {
        s->api.ReleaseIoBinding(s->binding);
    }
    if (s->session) {
        s->api.ReleaseSession(s->session);
    }
    if (s->options) {
        s->api.ReleaseSessionOptions(s->options);
    }
    if (s->plain.fd >= 0) {
        close(s->plain.fd);
    }
    s->options = s->plain.options;
    s->session = s->plain.session;
    s->binding = s->plain.binding;
    s->plain.active = false;
}

int onnx_profile_start(void *state)
{
    struct onnx_state *s = state;
    const char *temp = getenv("TMPDIR");
    char folder[512], prefix[600];
    snprintf(folder, sizeof folder, "%.400s/inferometer-profile-XXXXXX", temp && *temp ? temp : "/tmp");
    if (s->plain.active || !s->model_path) {
        return onnx_host->fail(onnx_host->context, "a profile is running already");
    }
    if (!mkdtemp(folder)) {
        return onnx_host->fail(onnx_host->context, "cannot make the folder %.100s for the profile",
                               folder);
    }
    s->plain.active = true;
    s->plain.options = s->options;
    s->plain.session = s->session;
    s->plain.binding = s->binding;
    s->plain.fd = -1;
    s->options = NULL;
    s->session = NULL;
    s->binding = NULL;
    snprintf(prefix, sizeof prefix, "%s/p", folder);
    int status = make_session(s, prefix);
    s->plain.fd = take_file(folder);
    rmdir(folder);
    if (status == 0 && s->plain.fd < 0) {
        status = onnx_host->fail(onnx_host->context, "ONNX Runtime made no file for the profile");
    }
    if (status == 0) {
        status = onnx_bind_session(s);
    }
    for (int i = 0; status == 0 && i < SKIP; i++) {
        status = onnx_check(s, s->api.RunWithBinding(s->session, NULL, s->binding), "profile");
    }
    if (status != 0) {
        onnx_profile_end(s);
    }
    return status;
}

static int read_trace(int fd, struct ifm_op_profile *rows, size_t *row_count)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_size <= 0 || status.st_size > TRACE_MAX) {
        return onnx_host->fail(onnx_host->context,
                               "the profile is empty or larger than %lld bytes; profile fewer inferences",
                               (long long)TRACE_MAX);
    }
    const size_t size = (size_t)status.st_size;
    void *text = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED) {
        return onnx_host->fail(onnx_host->context, "the profile cannot be read");
    }
    const char *wrong = onnx_trace_read(text, size, SKIP, rows, row_count);
    munmap(text, size);
    return wrong ? onnx_host->fail(onnx_host->context, "ONNX Runtime's profile: %s", wrong) : 0;
}

int onnx_profile_stop(void *state, struct ifm_op_profile *rows, size_t *row_count)
{
    struct onnx_state *s = state;
    char *name = NULL;
    if (!s->plain.active) {
        return onnx_host->fail(onnx_host->context, "no profile is running");
    }
    int status = onnx_check(s, s->api.SessionEndProfiling(s->session, s->allocator, &name), "profile");
    if (name) {
        onnx_check(s, s->api.AllocatorFree(s->allocator, name), "profile");
    }
    if (status == 0) {
        status = read_trace(s->plain.fd, rows, row_count);
    }
    onnx_profile_end(s);
    return status;
}
