#include "agents/plan/limits.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES  1024
#define NO_LIMIT    INT64_C(0x7000000000000000) /* version 1 writes a number near this one for "none" */

static bool read_text(const char *root, const char *path, char *text, size_t size)
{
    char full[PATH_BYTES + 256];
    snprintf(full, sizeof full, "%s%s", root, path);
    FILE *file = fopen(full, "re");
    size_t n = file ? fread(text, 1, size - 1, file) : 0;
    text[n] = '\0';
    if (file)
        fclose(file);
    return n > 0;
}

static int64_t read_number(const char *root, const char *folder, const char *file)
{
    char path[PATH_BYTES], text[64];
    snprintf(path, sizeof path, "%.900s/%s", folder, file);
    return read_text(root, path, text, sizeof text) ? strtoll(text, NULL, 10) : -1;
}

static void tighten_cpus(struct ifm_limits *out, double cpus)
{
    if (cpus > 0 && (out->cpus <= 0 || cpus < out->cpus))
        out->cpus = cpus;
}

static void tighten_memory(struct ifm_limits *out, int64_t bytes)
{
    if (bytes > 0 && bytes < NO_LIMIT && (!out->memory_bytes || bytes < out->memory_bytes))
        out->memory_bytes = bytes;
}

/* "50000 100000" or "max 100000" */
static void version2(const char *root, const char *folder, struct ifm_limits *out)
{
    char path[PATH_BYTES], text[64], *end;
    snprintf(path, sizeof path, "%.900s/cpu.max", folder);
    if (read_text(root, path, text, sizeof text) && strncmp(text, "max", 3) != 0) {
        double quota = strtod(text, &end);
        double period = strtod(end, NULL);
        tighten_cpus(out, period > 0 ? quota / period : 0);
    }
    tighten_memory(out, read_number(root, folder, "memory.max")); /* "max" reads as 0 */
}

static void version1(const char *root, const char *folder, struct ifm_limits *out)
{
    int64_t quota = read_number(root, folder, "cpu.cfs_quota_us");
    int64_t period = read_number(root, folder, "cpu.cfs_period_us");
    if (quota > 0 && period > 0)
        tighten_cpus(out, (double)quota / (double)period);
    tighten_memory(out, read_number(root, folder, "memory.limit_in_bytes"));
}

/* The group and all above it, up to the mount point. */
static void upward(const char *root, const char *mount, const char *group,
                   void (*read)(const char *, const char *, struct ifm_limits *), struct ifm_limits *out)
{
    char folder[PATH_BYTES];
    if (strstr(group, ".."))
        group = ""; /* a group outside of what this container sees */
    snprintf(folder, sizeof folder, "%.200s%.600s", mount, group);
    size_t least = strlen(mount);
    for (;;) {
        size_t len = strlen(folder);
        while (len > least && folder[len - 1] == '/')
            folder[--len] = '\0';
        read(root, folder, out);
        char *slash = len > least ? strrchr(folder, '/') : NULL;
        if (!slash || (size_t)(slash - folder) < least)
            break;
        *slash = '\0';
    }
}

/* "0::/user.slice" (version 2), "4:cpu,cpuacct:/docker/x" (version 1) */
static void one_line(const char *root, char *line, struct ifm_limits *out)
{
    char mount[256], *colon = strchr(line, ':'), *group = colon ? strchr(colon + 1, ':') : NULL;
    if (!group)
        return;
    *group++ = '\0';
    if (!colon[1]) {
        upward(root, "/sys/fs/cgroup", group, version2, out);
        upward(root, "/sys/fs/cgroup/unified", group, version2, out);
        return;
    }
    if (!strstr(colon + 1, "cpu") && !strstr(colon + 1, "memory"))
        return;
    snprintf(mount, sizeof mount, "/sys/fs/cgroup/%.200s", colon + 1);
    upward(root, mount, group, version1, out);
}

void ifm_limits_read(const char *root, struct ifm_limits *out)
{
    static const char *const mounts[] = { "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/memory" };
    char text[8192], *rest = NULL;
    *out = (struct ifm_limits){ .cpus = 0 };
    version2(root, "/sys/fs/cgroup", out);
    for (size_t i = 0; i < 2; i++)
        version1(root, mounts[i], out);
    if (!read_text(root, "/proc/self/cgroup", text, sizeof text))
        return;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        one_line(root, line, out);
}
