#include "daemon/http/origin.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 255

/* Splits "name", "name:port", "[v6]" or "[v6]:port"; name loses its brackets. */
static bool split_host(const char *host, char name[HOST_MAX + 1], bool *v6)
{
    *v6 = host[0] == '[';
    const char *start = *v6 ? host + 1 : host;
    size_t len = strcspn(start, *v6 ? "]" : ":");
    if (len == 0 || len > HOST_MAX) {
        return false;
    }
    memcpy(name, start, len);
    name[len] = '\0';
    const char *rest = start + len;
    if (*v6) {
        if (*rest++ != ']') {
            return false;
        }
    }
    if (*rest == '\0') {
        return true;
    }
    size_t digits = *rest == ':' ? strspn(rest + 1, "0123456789") : 0;
    return digits >= 1 && digits <= 5 && rest[1 + digits] == '\0';
}

static bool is_loopback(const char *name, bool v6)
{
    struct in6_addr six;
    struct in_addr four;
    if (v6) {
        return inet_pton(AF_INET6, name, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    }
    return inet_pton(AF_INET, name, &four) == 1 && (ntohl(four.s_addr) >> 24) == 127;
}

bool ifm_origin_host_allowed(const char *host, const char *const *names, size_t count)
{
    char name[HOST_MAX + 1];
    bool v6 = false;
    if (!host || !split_host(host, name, &v6)) {
        return false;
    }
    if (is_loopback(name, v6) || (!v6 && strcasecmp(name, "localhost") == 0)) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool ifm_origin_same(const char *origin, const char *host)
{
    if (!origin) {
        return true;
    }
    const char *authority = NULL;
    if (strncasecmp(origin, "http://", 7) == 0) {
        authority = origin + 7;
    } else if (strncasecmp(origin, "https://", 8) == 0) {
        authority = origin + 8;
    }
    return authority && host && strcasecmp(authority, host) == 0;
}
