#include "agents/samplers/source.h"
#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool ifm_source_open(struct ifm_source *source, const struct ifm_sampler_host *host,
                     const char *format, ...)
{
    char path[IFM_SOURCE_PATH_MAX];
    struct stat st;
    va_list args;
    source->handle = 0;
    const int root = snprintf(path, sizeof path, "%s", host->sysroot ? host->sysroot : "");
    if (root < 0 || (size_t)root >= sizeof path) {
        return false;
    }
    va_start(args, format);
    const int len = vsnprintf(path + root, sizeof path - (size_t)root, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof path - (size_t)root) {
        return false;
    }
    /* O_NONBLOCK: a FIFO without a writer would otherwise hold the measurement for ever */
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return false;
    }
    source->handle = fd + 1;
    return true;
}

void ifm_source_close(struct ifm_source *source)
{
    if (source->handle > 0) {
        close(source->handle - 1);
    }
    source->handle = 0;
}

size_t ifm_source_text(const struct ifm_source *source, char *text, size_t size)
{
    const ssize_t n =
        ifm_source_is_open(source) ? pread(source->handle - 1, text, size - 1, 0) : -1;
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? strlen(text) : 0; /* ends at the first NUL of a binary file */
}

bool ifm_source_value(const struct ifm_source *source, int64_t *value)
{
    char text[64];
    const char *end = NULL;
    ifm_source_text(source, text, sizeof text);
    if (!ifm_source_number(text, &end, value)) {
        return false;
    }
    while (isspace((unsigned char)*end)) {
        end++;
    }
    return *end == '\0';
}

bool ifm_source_once(const struct ifm_sampler_host *host, const char *path, char *text, size_t size)
{
    struct ifm_source source;
    const bool there =
        ifm_source_open(&source, host, "%s", path) && ifm_source_text(&source, text, size) > 0;
    ifm_source_close(&source);
    return there;
}

/* Own digits instead of strtoll: no locale, no "0x", no "+", and a limit that leaves room for sums.
 */
bool ifm_source_number(const char *text, const char **end, int64_t *value)
{
    int64_t number = 0;
    while (*text == ' ' || *text == '\t') {
        text++;
    }
    const bool negative = *text == '-';
    text += negative;
    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    for (; isdigit((unsigned char)*text); text++) {
        const int digit = *text - '0';
        if (number > (IFM_SOURCE_NUMBER_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    if (*text != '\0' && !isspace((unsigned char)*text)) {
        return false;
    }
    if (end) {
        *end = text;
    }
    *value = negative ? -number : number;
    return true;
}

bool ifm_source_key(const char *text, const char *key, int64_t *value)
{
    const size_t len = strlen(key);
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) == 0 && (line[len] == ' ' || line[len] == ':')) {
            return ifm_source_number(line + len + 1, NULL, value);
        }
    }
    return false;
}
