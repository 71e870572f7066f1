#include "agents/agent/config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/json.h"

#define CONFIG_FILE_MAX 65536

struct config_file {
    char *daemon;
};
static const struct ifm_field config_fields[] = { { .name = "daemon",
                                                    .kind = IFM_FIELD_STRING,
                                                    .offset = offsetof(struct config_file, daemon),
                                                    .max = 500 },
                                                  { .name = NULL } };
static const struct ifm_table config_table = { .name = "config",
                                               .size = sizeof(struct config_file),
                                               .fields = config_fields };

/* Where the host begins; NULL when the text is not an http(s) address of a server. */
static const char *host_of(const char *url)
{
    static const char *const schemes[] = { "http://", "https://" };
    const char *host = NULL;
    for (size_t i = 0; i < 2; i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            host = url + strlen(schemes[i]);
    if (!host || strspn(host, "/:") || !*host)
        return NULL;
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= 0x20 || strchr("\"<>#?", *p))
            return NULL;
    return host;
}

static int use(const char *url, const char *origin, int code, struct ifm_daemon_address *out,
               struct ifm_err *err)
{
    size_t len = strlen(url);
    out->url[0] = '\0';
    if (strcmp(url, "none") == 0 || !len)
        return 0;
    if (!host_of(url) || len >= sizeof out->url)
        return ifm_err_set(
            err, code, "config",
            "%s: \"%.80s\" is not a daemon's address; give one like http://127.0.0.1:8417, or none",
            origin, url);
    snprintf(out->url, sizeof out->url, "%s", url);
    while (len && out->url[len - 1] == '/')
        out->url[--len] = '\0';
    snprintf(out->origin, sizeof out->origin, "%s", origin);
    return 0;
}

/* 1: this file decides, 0: it says nothing, negative: an error. */
static int from_file(const char *path, struct ifm_daemon_address *out, struct ifm_err *err)
{
    if (access(path, F_OK))
        return 0;
    struct ifm_buf text;
    struct config_file file = { 0 };
    ifm_buf_init(&text, CONFIG_FILE_MAX);
    int rc = ifm_buf_read_file(&text, path, err);
    if (!rc)
        rc = ifm_json_decode(&config_table, text.data ? text.data : "", text.len, &file, err);
    if (rc)
        rc = ifm_err_set(err, IFM_ERR_CONFIG, "config", "%s: %s", path,
                         err ? err->text : "unreadable");
    else if (file.daemon)
        rc = use(file.daemon, path, IFM_ERR_CONFIG, out, err) ? IFM_ERR_CONFIG : 1;
    ifm_json_free(&config_table, &file);
    ifm_buf_done(&text);
    return rc;
}

int ifm_config_daemon(const char *flag, struct ifm_daemon_address *out, struct ifm_err *err)
{
    *out = (struct ifm_daemon_address){ .url = "" };
    if (flag)
        return use(flag, "--daemon", IFM_ERR_USAGE, out, err);
    const char *environment = getenv("INFEROMETER_DAEMON");
    if (environment && *environment)
        return use(environment, "INFEROMETER_DAEMON", IFM_ERR_CONFIG, out, err);
    char user[4096];
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (base && base[0] == '/')
        snprintf(user, sizeof user, "%s/inferometer/config.json", base);
    else
        snprintf(user, sizeof user, "%s/.config/inferometer/config.json", home ? home : "");
    const char *files[] = { "inferometer.json", user, "/etc/inferometer/config.json" };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof files / sizeof *files; i++)
        rc = from_file(files[i], out, err);
    return rc < 0 ? rc : 0;
}
