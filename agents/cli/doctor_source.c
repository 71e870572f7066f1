/* Reading below a root, and the list of checks. Part of doctor.h. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agents/cli/doctor.h"

bool ifm_doctor_read_all(const char *root, const char *path, char *text, size_t size)
{
    char full[1024];
    snprintf(full, sizeof full, "%s%s", root, path);
    FILE *file = fopen(full, "re");
    if (!file) {
        text[0] = '\0';
        return false;
    }
    size_t n = fread(text, 1, size - 1, file);
    bool failed = ferror(file) != 0;
    text[failed ? 0 : n] = '\0';
    fclose(file);
    return !failed;
}

bool ifm_doctor_read(const char *root, const char *path, char *text, size_t size)
{
    if (!ifm_doctor_read_all(root, path, text, size))
        return false;
    text[strcspn(text, "\n")] = '\0';
    size_t len = strlen(text), from = strspn(text, " \t");
    while (len > from && isspace((unsigned char)text[len - 1]))
        len--;
    memmove(text, text + from, len - from);
    text[len - from] = '\0';
    return true;
}

bool ifm_doctor_read_number(const char *root, const char *path, int64_t *value)
{
    char text[64], *end;
    if (!ifm_doctor_read(root, path, text, sizeof text))
        return false;
    *value = strtoll(text, &end, 10);
    return end != text;
}

/* Where the kernel has no list of them. Numbers may have gaps. */
static size_t by_folders(const char *root, int *cpus)
{
    size_t n = 0;
    for (int cpu = 0, missing = 0; n < IFM_DOCTOR_CPUS && missing < 8; cpu++) {
        char path[1024];
        snprintf(path, sizeof path, "%.900s/sys/devices/system/cpu/cpu%d", root, cpu);
        if (access(path, F_OK) == 0)
            cpus[n++] = cpu;
        else
            missing++;
    }
    return n;
}

size_t ifm_doctor_cpus(const char *root, int *cpus)
{
    char text[1024];
    size_t n = 0;
    if (!ifm_doctor_read(root, "/sys/devices/system/cpu/online", text, sizeof text))
        return by_folders(root, cpus);
    for (char *at = text; *at;) { /* "0-3,6" */
        char *end;
        long from = strtol(at, &end, 10), to = from;
        if (end == at || from < 0)
            break;
        if (*end == '-')
            to = strtol(end + 1, &end, 10);
        for (long cpu = from; cpu <= to && cpu < 65536 && n < IFM_DOCTOR_CPUS; cpu++)
            cpus[n++] = (int)cpu;
        at = *end == ',' ? end + 1 : end;
        if (*at && !isdigit((unsigned char)*at))
            break;
    }
    return n;
}

struct ifm_doctor_check *ifm_doctor_add(struct ifm_doctor *d, const char *name, int state,
                                        const char *format, ...)
{
    static struct ifm_doctor_check nowhere; /* the array has room for all of them; a test counts */
    struct ifm_doctor_check *check =
        d->count < IFM_DOCTOR_CHECKS ? &d->checks[d->count++] : &nowhere;
    va_list args;
    *check = (struct ifm_doctor_check){ .name = name, .state = state };
    va_start(args, format);
    vsnprintf(check->text, sizeof check->text, format, args);
    va_end(args);
    return check;
}

void ifm_doctor_remedy(struct ifm_doctor_check *check, const char *remedy, const char *command)
{
    snprintf(check->remedy, sizeof check->remedy, "%s", remedy);
    snprintf(check->command, sizeof check->command, "%s", command);
}

void ifm_doctor_look(const char *root, struct ifm_doctor *out)
{
    *out = (struct ifm_doctor){ .root = root };
    ifm_doctor_clocks(out);
    ifm_doctor_system(out);
    ifm_doctor_sources(out);
}

bool ifm_doctor_fit(const struct ifm_doctor *doctor)
{
    for (size_t i = 0; i < doctor->count; i++)
        if (doctor->checks[i].state == IFM_DOCTOR_PROBLEM)
            return false;
    return true;
}
