#include "daemon/http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG 512

union any_address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static bool parse(const char *address, int port, union any_address *out, socklen_t *len)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, address, &out->four.sin_addr) == 1) {
        out->four.sin_family = AF_INET;
        out->four.sin_port = htons((uint16_t)port);
        *len = sizeof out->four;
        return true;
    }
    if (inet_pton(AF_INET6, address, &out->six.sin6_addr) == 1) {
        out->six.sin6_family = AF_INET6;
        out->six.sin6_port = htons((uint16_t)port);
        *len = sizeof out->six;
        return true;
    }
    return false;
}

static int bind_error(int errno_value, const char *address, int port, struct ifm_err *err)
{
    switch (errno_value) {
    case EADDRINUSE:
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "http",
                           "port %d of %s is in use; stop what uses it, or choose another with --port N "
                           "(--port 0 takes any free one)", port, address);
    case EADDRNOTAVAIL:
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "http",
                           "%s is not an address of this machine; --listen 127.0.0.1 always is", address);
    case EACCES:
    case EPERM:
        return ifm_err_set(err, IFM_ERR_PERMISSION, "http",
                           "port %d needs a privilege; choose one above 1023 with --port N", port);
    default: return ifm_err_errno(err, errno_value, "http", "cannot listen");
    }
}

static int open_socket(const union any_address *to, socklen_t len, int *errno_value)
{
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, &to->any, len) == 0 && listen(fd, LISTEN_BACKLOG) == 0) {
        return fd;
    }
    *errno_value = errno;
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

int ifm_listen_open(const char *address, int *port, int *fd, struct ifm_err *err)
{
    union any_address to, bound;
    socklen_t len = 0, bound_len = sizeof bound;
    if (!parse(address, *port, &to, &len)) {
        return ifm_err_set(err, IFM_ERR_USAGE, "http",
                           "“%s” is not an address; --listen takes one such as 127.0.0.1 or ::1", address);
    }
    int errno_value = 0;
    *fd = open_socket(&to, len, &errno_value);
    if (*fd < 0) {
        return bind_error(errno_value, address, *port, err);
    }
    if (getsockname(*fd, &bound.any, &bound_len) == 0) {
        *port = ntohs(bound.any.sa_family == AF_INET ? bound.four.sin_port : bound.six.sin6_port);
    }
    return 0;
}

bool ifm_listen_is_loopback(const char *address)
{
    union any_address to;
    socklen_t len = 0;
    if (!parse(address, 0, &to, &len)) {
        return false;
    }
    return to.any.sa_family == AF_INET ? (ntohl(to.four.sin_addr.s_addr) >> 24) == 127
                                       : IN6_IS_ADDR_LOOPBACK(&to.six.sin6_addr);
}
