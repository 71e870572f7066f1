/* inferometerd: options, signals, and the order in which the parts start and stop. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/opt.h"
#include "daemon/http/listen.h"
#include "daemon/http/server.h"
#include "daemon/notify.h"
#include "daemon/routes/routes.h"

#define DRAIN_NS INT64_C(10000000000)
#define PATH_TEXT_MAX 4096

struct daemon_options {
    const char *data, *listen, *port_file;
    int64_t port, request_timeout_ns;
    struct ifm_option_list hosts;
    int log_format, log_level;
    bool check_config, version, help;
};

#define AT(field) offsetof(struct daemon_options, field)
static const struct ifm_option rows[] = {
    { .name = "data", .type = IFM_OPT_STRING, .offset = AT(data), .value = "DIR", .letter = 'd',
      .help = "folder of the database (default: $XDG_DATA_HOME/inferometer/data)" },
    { .name = "port", .type = IFM_OPT_INT, .offset = AT(port), .fallback = "8417", .min = 0, .max = 65535,
      .value = "N", .letter = 'p', .help = "TCP port; 0 takes any free one" },
    { .name = "listen", .type = IFM_OPT_STRING, .offset = AT(listen), .fallback = "127.0.0.1", .max = 64,
      .value = "ADDRESS", .help = "address to listen on" },
    { .name = "host", .type = IFM_OPT_LIST, .offset = AT(hosts), .value = "NAME",
      .help = "name besides localhost that browsers may use for this daemon" },
    { .name = "port-file", .type = IFM_OPT_STRING, .offset = AT(port_file), .value = "FILE",
      .help = "file that gets the port's number once the daemon is ready" },
    { .name = "request-timeout", .type = IFM_OPT_DURATION, .offset = AT(request_timeout_ns), .fallback = "30s",
      .min = 1000000000, .max = INT64_C(3600000000000), .value = "TIME",
      .help = "time for a request's head, and for its body, to arrive" },
    { .name = "log-format", .type = IFM_OPT_CHOICE, .offset = AT(log_format), .fallback = "auto",
      .choices = "auto|logfmt|json", .value = "FORMAT", .help = "form of the log on stderr" },
    { .name = "log-level", .type = IFM_OPT_CHOICE, .offset = AT(log_level), .fallback = "info",
      .choices = "error|warn|info|debug", .value = "LEVEL", .help = "info has one line for each request" },
    { .name = "check-config", .type = IFM_OPT_BOOL, .offset = AT(check_config),
      .help = "check options, port and data folder, then exit" },
    { .name = "version", .type = IFM_OPT_BOOL, .offset = AT(version), .help = "print the version and exit" },
    { .name = "help", .type = IFM_OPT_BOOL, .offset = AT(help), .letter = 'h', .help = "print this and exit" },
    IFM_OPTION_END
};

static int print_help(void)
{
    struct ifm_buf text;
    ifm_buf_init(&text, 65536);
    ifm_buf_adds(&text,
                 "Usage: inferometerd [options]\n"
                 "Stores benchmark runs and shows them in a browser.\n\n"
                 "Examples:\n"
                 "  inferometerd                         listen on http://127.0.0.1:8417\n"
                 "  inferometerd --port 0 --data ./data  any free port, data beside you\n"
                 "  inferometerd --check-config          would it start?\n\n"
                 "Options:\n");
    ifm_opt_help(rows, &text);
    int rc = ifm_buf_check(&text, NULL);
    if (!rc) {
        fputs(text.data, stdout);
    }
    ifm_buf_done(&text);
    return ifm_err_exit(rc);
}

/* One sentence on stderr, for people; the exit status says the rest. */
static int fail(const struct ifm_err *err)
{
    fprintf(stderr, "inferometerd: %s\n", err->text);
    return ifm_err_exit(err->code);
}

static int default_data_dir(char out[PATH_TEXT_MAX], struct ifm_err *err)
{
    const char *data_home = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int len = -1;
    if (data_home && data_home[0] == '/') {
        len = snprintf(out, PATH_TEXT_MAX, "%s/inferometer/data", data_home);
    } else if (home && home[0] == '/') {
        len = snprintf(out, PATH_TEXT_MAX, "%s/.local/share/inferometer/data", home);
    }
    if (len < 0 || len >= PATH_TEXT_MAX) {
        return ifm_err_set(err, IFM_ERR_CONFIG, "daemon",
                           "there is no home folder to keep data in; say where with --data DIR");
    }
    return 0;
}

/* Makes the folders above the data folder; the store makes the last one, private to the user. */
static int make_parents(const char *path, struct ifm_err *err)
{
    char part[PATH_TEXT_MAX];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) {
        return ifm_err_set(err, IFM_ERR_USAGE, "daemon", "the path of --data is too long");
    }
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0700) && errno != EEXIST) {
            int errno_value = errno, code = ifm_err_errno(NULL, errno_value, "daemon", part);
            return ifm_err_set(err, code, "daemon", "cannot make the folder %s: %s; choose another with --data DIR",
                               part, strerror(errno_value));
        }
        *slash = '/';
    }
    return 0;
}

struct parts {
    struct ifm_log log;
    struct ifm_store *store;
    struct ifm_routes_context routes;
    struct ifm_server *server;
    const char **hosts;
    int listen_fd, port;
};

/* The address that the daemon listens on may be in a Host header too, unless it stands for all of them. */
static int collect_hosts(const struct daemon_options *options, struct parts *parts, size_t *count,
                         struct ifm_err *err)
{
    parts->hosts = ifm_alloc_array(options->hosts.count + 1, sizeof *parts->hosts);
    if (!parts->hosts) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "daemon", "out of memory");
    }
    for (size_t i = 0; i < options->hosts.count; i++) {
        parts->hosts[i] = options->hosts.items[i];
    }
    *count = options->hosts.count;
    if (strcmp(options->listen, "0.0.0.0") != 0 && strcmp(options->listen, "::") != 0) {
        parts->hosts[(*count)++] = options->listen;
    }
    return 0;
}

static int open_parts(const struct daemon_options *options, struct parts *parts, struct ifm_err *err)
{
    char data_dir[PATH_TEXT_MAX];
    int rc = 0;
    if (options->data) {
        rc = snprintf(data_dir, sizeof data_dir, "%s", options->data) < (int)sizeof data_dir ? 0 : -1;
        rc = rc ? ifm_err_set(err, IFM_ERR_USAGE, "daemon", "the path of --data is too long") : 0;
    } else {
        rc = default_data_dir(data_dir, err);
    }
    parts->port = (int)options->port;
    rc = rc ? rc : ifm_listen_open(options->listen, &parts->port, &parts->listen_fd, err);
    rc = rc ? rc : make_parents(data_dir, err);
    return rc ? rc : ifm_store_open(&parts->store, data_dir, NULL, err);
}

static int start_server(const struct daemon_options *options, struct parts *parts, struct ifm_err *err)
{
    size_t host_count = 0;
    int rc = collect_hosts(options, parts, &host_count, err);
    if (rc) {
        return rc;
    }
    ifm_routes_init(&parts->routes, parts->store);
    const struct ifm_server_options server = {
        .listen_fd = parts->listen_fd,
        .routes = ifm_routes,
        .route_count = ifm_route_count,
        .context = &parts->routes,
        .hosts = parts->hosts,
        .host_count = host_count,
        .timeout_ns = options->request_timeout_ns,
        .log = &parts->log,
    };
    parts->listen_fd = -1; /* the server's from here, also when it fails */
    return ifm_server_start(&parts->server, &server, err);
}

static int announce(const struct daemon_options *options, const struct parts *parts, struct ifm_err *err)
{
    if (!ifm_listen_is_loopback(options->listen)) {
        ifm_logf(&parts->log, IFM_LOG_WARN,
                 "%s can be reached from other machines, and there is no log-in: whoever reaches it reads and "
                 "adds runs", options->listen);
    }
    if (options->port_file) {
        char text[16];
        int len = snprintf(text, sizeof text, "%d\n", parts->port);
        int rc = ifm_buf_write_file(options->port_file, text, (size_t)len, err);
        if (rc) {
            ifm_err_prefix(err, "cannot write --port-file");
            return rc;
        }
    }
    bool v6 = strchr(options->listen, ':') != NULL;
    printf("listening on http://%s%s%s:%d\n", v6 ? "[" : "", options->listen, v6 ? "]" : "", parts->port);
    fflush(stdout);
    ifm_notify("READY=1\nSTATUS=serving");
    return 0;
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Waits up to a second; 0 when none came. */
static int next_signal(const sigset_t *set, long wait_ns)
{
    struct timespec wait = { .tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000 };
    int got = sigtimedwait(set, NULL, &wait);
    return got > 0 ? got : 0;
}

static void serve(const struct parts *parts, const sigset_t *set)
{
    for (;;) {
        int got = next_signal(set, 1000000000);
        if (got == SIGTERM || got == SIGINT) {
            return;
        }
        if (got == SIGHUP) {
            ifm_logf(&parts->log, IFM_LOG_INFO, "there is no configuration file to read again");
        }
        ifm_server_sweep(parts->server);
    }
}

/* What was begun is finished, for at most ten seconds; a second signal leaves at once. */
static void drain(struct parts *parts, const sigset_t *set)
{
    ifm_notify("STOPPING=1");
    ifm_logf(&parts->log, IFM_LOG_INFO, "stopping: %zu requests to finish", ifm_server_active(parts->server));
    ifm_server_quiesce(parts->server);
    int64_t end = ifm_clock_ns() + DRAIN_NS;
    while (ifm_server_active(parts->server) > 0) {
        int got = next_signal(set, 50000000);
        ifm_server_sweep(parts->server); /* for clients that are gone */
        if (got == SIGTERM || got == SIGINT) {
            _exit(128 + got);
        }
        if (ifm_clock_ns() > end) {
            ifm_logf(&parts->log, IFM_LOG_WARN, "requests did not finish within 10 s; closing their connections");
            break;
        }
    }
}

static void close_parts(struct parts *parts)
{
    if (parts->listen_fd >= 0) {
        close(parts->listen_fd);
    }
    if (!ifm_server_stop(parts->server)) {
        /* A write that is not done still lends its memory to the store. Leaving now loses nothing that was
         * acknowledged; the database recovers from its log at the next start. */
        ifm_logf(&parts->log, IFM_LOG_ERROR, "a write does not end; leaving without closing the database");
        _exit(ifm_err_exit(IFM_ERR_INTERNAL));
    }
    ifm_store_close(parts->store);
    ifm_free(parts->hosts);
}

static int run(const struct daemon_options *options)
{
    static const enum ifm_log_format formats[] = { IFM_LOG_AUTO, IFM_LOG_LOGFMT, IFM_LOG_JSON };
    struct ifm_err err = IFM_ERR_INIT;
    struct parts parts = { .listen_fd = -1 };
    sigset_t set;
    block_signals(&set); /* before any thread, so that all inherit it */
    ifm_log_init(&parts.log, STDERR_FILENO, (enum ifm_log_level)options->log_level,
                 formats[options->log_format], "daemon");
    int rc = open_parts(options, &parts, &err);
    if (!rc && options->check_config) {
        puts("configuration ok");
    } else if (!rc) {
        rc = start_server(options, &parts, &err);
        rc = rc ? rc : announce(options, &parts, &err);
        if (!rc) {
            serve(&parts, &set);
            drain(&parts, &set);
        }
    }
    close_parts(&parts);
    return rc ? fail(&err) : 0;
}

int main(int argc, char **argv)
{
    struct daemon_options options;
    struct ifm_err err = IFM_ERR_INIT;
    int rest = 0;
    int rc = ifm_opt_defaults(rows, &options, &err);
    rc = rc ? rc : ifm_opt_parse(rows, &options, argc, argv, &rest, &err);
    if (!rc && rest > 0) {
        rc = ifm_err_set(&err, IFM_ERR_USAGE, "daemon", "“%s” is no option; see inferometerd --help", argv[0]);
    }
    int status = 0;
    if (rc) {
        status = fail(&err);
    } else if (options.help) {
        status = print_help();
    } else if (options.version) {
        printf("inferometerd %s%s%s, database schema %d\n", IFM_VERSION, IFM_GIT[0] ? ", git " : "", IFM_GIT,
               ifm_store_schema_version());
    } else {
        status = run(&options);
    }
    ifm_opt_done(rows, &options);
    return status;
}
