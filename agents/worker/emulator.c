#include "agents/worker/emulator.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Only what may stand in a message: the name goes into results. */
static void take_name(const char *text, char *name, size_t size)
{
    const char *slash = strrchr(text, '/');
    snprintf(name, size, "%s", slash ? slash + 1 : text);
    name[strcspn(name, " \t\r\n")] = '\0';
    for (char *p = name; *p; p++) {
        *p = *p > 0x20 && *p < 0x7f ? *p : '_';
    }
}

bool ifm_emulator_of_links(const char *self, const char *thread, char *name, size_t size)
{
    name[0] = '\0';
    if (!self || !thread || strcmp(self, thread) == 0) {
        return false;
    }
    take_name(thread, name, size);
    return name[0] != '\0';
}

/* Every processor of the one family has such a line, and none of the other. */
bool ifm_emulator_of_processor(const char *machine, const char *cpuinfo, char *name, size_t size)
{
    const bool arm = strcmp(machine, "aarch64") == 0 || strncmp(machine, "arm", 3) == 0;
    const bool x86 = strcmp(machine, "x86_64") == 0 || (machine[0] == 'i' && strcmp(machine + 1, "686") == 0);
    name[0] = '\0';
    if (cpuinfo && ((arm && strstr(cpuinfo, "vendor_id")) || (x86 && strstr(cpuinfo, "CPU implementer")))) {
        snprintf(name, size, "unknown");
    }
    return name[0] != '\0';
}

static const char *read_link(const char *path, char *text, size_t size)
{
    const ssize_t len = readlink(path, text, size - 1);
    text[len > 0 ? len : 0] = '\0';
    return len > 0 ? text : NULL;
}

static const char *read_start(const char *path, char *text, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[len > 0 ? len : 0] = '\0';
    return len > 0 ? text : NULL;
}

bool ifm_emulator_find(char *name, size_t size)
{
    const char *given = getenv("INFEROMETER_EMULATOR");
    char path[64], self[PATH_MAX], thread[PATH_MAX], cpuinfo[2048];
    struct utsname machine;
    if (given && *given) {
        take_name(given, name, size);
        return name[0] != '\0';
    }
    snprintf(path, sizeof path, "/proc/self/task/%ld/exe", (long)syscall(SYS_gettid));
    if (ifm_emulator_of_links(read_link("/proc/self/exe", self, sizeof self), read_link(path, thread, sizeof thread),
                              name, size)) {
        return true;
    }
    return uname(&machine) == 0 &&
           ifm_emulator_of_processor(machine.machine, read_start("/proc/cpuinfo", cpuinfo, sizeof cpuinfo), name, size);
}
