/* The only user of libcurl. */
#include "agents/agent/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/rng.h"

#define CONNECT_MS     3000
#define FIRST_PAUSE_MS 200

struct ifm_client {
    CURL *curl;
    struct curl_slist *headers;
    char base[512];
    int64_t patience_ms;
    int attempts;
    bool (*cancelled)(void);
    bool replayed;
    int64_t retry_after_s;
    struct ifm_rng rng;
    char error[CURL_ERROR_SIZE];
};

struct problem {
    char *title, *detail;
};
static const struct ifm_field problem_fields[] = { { .name = "title",
                                                     .kind = IFM_FIELD_STRING,
                                                     .offset = offsetof(struct problem, title),
                                                     .max = 4096 },
                                                   { .name = "detail",
                                                     .kind = IFM_FIELD_STRING,
                                                     .offset = offsetof(struct problem, detail),
                                                     .max = 4096 },
                                                   { .name = NULL } };
static const struct ifm_table problem_table = { .name = "problem",
                                                .size = sizeof(struct problem),
                                                .fields = problem_fields };

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct ifm_buf *body = arg;
    ifm_buf_add(body, bytes, size * count);
    return body->failed ? 0 : size * count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct ifm_client *client = arg;
    size_t len = size * count;
    if (len > 21 && strncasecmp(bytes, "idempotency-replayed:", 21) == 0)
        client->replayed = true;
    if (len > 12 && strncasecmp(bytes, "retry-after:", 12) == 0) {
        client->retry_after_s = 0;
        for (size_t i = 12; i < len && client->retry_after_s < 60; i++)
            if (bytes[i] >= '0' && bytes[i] <= '9')
                client->retry_after_s = client->retry_after_s * 10 + bytes[i] - '0';
    }
    return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    struct ifm_client *client = arg;
    return client->cancelled && client->cancelled();
}

static bool loopback(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 ||
           strncmp(host, "[::1]", 5) == 0;
}

int ifm_client_open(struct ifm_client **out, const struct ifm_client_options *options,
                    struct ifm_err *err)
{
    static bool ready;
    if (!ready && curl_global_init(CURL_GLOBAL_DEFAULT))
        return ifm_err_set(err, IFM_ERR_INTERNAL, "client", "libcurl cannot be started");
    ready = true;
    struct ifm_client *client = ifm_alloc(sizeof *client);
    if (client)
        client->curl = curl_easy_init();
    if (!client || !client->curl) {
        ifm_free(client);
        return ifm_err_set(err, IFM_ERR_NOMEM, "client", "out of memory");
    }
    snprintf(client->base, sizeof client->base, "%s", options->base_url);
    client->patience_ms = options->patience_ms ? options->patience_ms : 20000;
    client->attempts = options->attempts ? options->attempts : 4;
    client->cancelled = options->cancelled;
    ifm_rng_init(&client->rng, (uint64_t)ifm_clock_ns());
    client->headers = curl_slist_append(NULL, "Content-Type: application/json");
    client->headers = curl_slist_append(client->headers, "Expect:"); /* no extra round trip */
    *out = client;
    return 0;
}

void ifm_client_close(struct ifm_client *client)
{
    if (!client)
        return;
    curl_slist_free_all(client->headers);
    curl_easy_cleanup(client->curl);
    ifm_free(client);
}

static void set_up(struct ifm_client *client, const char *url, struct ifm_buf *reply)
{
    CURL *curl = client->curl;
    curl_easy_reset(curl); /* keeps the connection */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "inferometer");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)client->patience_ms);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, client);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    if (loopback(url)) /* a proxy for the outside cannot reach this machine's own daemon */
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
}

struct body {
    const char *bytes;
    size_t len, at;
};

static size_t on_read(char *to, size_t size, size_t count, void *arg)
{
    struct body *body = arg;
    size_t n = body->len - body->at < size * count ? body->len - body->at : size * count;
    memcpy(to, body->bytes + body->at, n);
    body->at += n;
    return n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct body *body = arg;
    if (origin != SEEK_SET || offset < 0 || (size_t)offset > body->len)
        return CURL_SEEKFUNC_FAIL;
    body->at = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static int code_of_status(long status)
{
    static const struct {
        long status;
        int code;
    } map[] = { { 400, IFM_ERR_BAD_REQUEST }, { 401, IFM_ERR_PERMISSION },
                { 403, IFM_ERR_PERMISSION },  { 404, IFM_ERR_NOT_FOUND },
                { 409, IFM_ERR_CONFLICT },    { 413, IFM_ERR_TOO_LARGE },
                { 415, IFM_ERR_MEDIA_TYPE },  { 421, IFM_ERR_MISDIRECTED },
                { 422, IFM_ERR_INVALID },     { 429, IFM_ERR_BUSY },
                { 503, IFM_ERR_BUSY } };
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (map[i].status == status)
            return map[i].code;
    return status >= 500 ? IFM_ERR_UNAVAILABLE : IFM_ERR_INVALID;
}

static int refused(struct ifm_client *client, long status, const struct ifm_buf *reply,
                   struct ifm_err *err)
{
    struct problem problem = { 0 };
    const char *said = NULL;
    if (reply->data &&
        ifm_json_decode(&problem_table, reply->data, reply->len, &problem, NULL) == 0)
        said = problem.detail ? problem.detail : problem.title;
    int rc = ifm_err_set(err, code_of_status(status), "daemon", "the daemon at %s answered %ld%s%s",
                         client->base, status, said ? ": " : "", said ? said : "");
    ifm_json_free(&problem_table, &problem);
    return rc;
}

/* One exchange. *again: worth repeating. */
static int once(struct ifm_client *client, const char *url, struct body *body,
                struct ifm_buf *reply, bool *again, struct ifm_err *err)
{
    set_up(client, url, reply);
    if (body) {
        body->at = 0;
        curl_easy_setopt(client->curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(client->curl, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(client->curl, CURLOPT_READDATA, body);
        curl_easy_setopt(client->curl, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(client->curl, CURLOPT_SEEKDATA, body);
        curl_easy_setopt(client->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)body->len);
        curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers);
    }
    client->replayed = false;
    client->retry_after_s = 0;
    client->error[0] = '\0';
    CURLcode code = curl_easy_perform(client->curl);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return ifm_err_set(err, IFM_ERR_INTERRUPTED, "client", "interrupted while talking to %s",
                           client->base);
    if (reply->failed)
        return ifm_buf_check(reply, err);
    long status = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (code) {
        *again = code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL;
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "daemon",
                           "the daemon at %s cannot be reached: %s", client->base,
                           client->error[0] ? client->error : curl_easy_strerror(code));
    }
    if (status >= 200 && status < 300)
        return 0;
    *again = status == 429 || status >= 500;
    return refused(client, status, reply, err);
}

static void pause_ms(const struct ifm_client *client, int64_t ms)
{
    while (ms > 0 && !(client->cancelled && client->cancelled())) {
        int64_t slice = ms < 50 ? ms : 50;
        nanosleep(&(struct timespec){ .tv_nsec = slice * 1000000 }, NULL);
        ms -= slice;
    }
}

static int exchange(struct ifm_client *client, const char *path, struct body *body,
                    struct ifm_buf *reply, struct ifm_err *err)
{
    char url[2048];
    int n = snprintf(url, sizeof url, "%s%s", client->base, path);
    if (n < 0 || (size_t)n >= sizeof url)
        return ifm_err_set(err, IFM_ERR_USAGE, "client", "the address is too long");
    int64_t end_ns = ifm_clock_ns() + client->patience_ms * 1000000, wait = FIRST_PAUSE_MS;
    for (int attempt = 1;; attempt++) {
        bool again = false;
        ifm_buf_reset(reply);
        int rc = once(client, url, body, reply, &again, err);
        if (!rc || !again || attempt >= client->attempts)
            return rc;
        int64_t jitter =
            (int64_t)ifm_rng_below(&client->rng, (uint64_t)wait); /* crowds come apart */
        int64_t ms = client->retry_after_s ? client->retry_after_s * 1000 : wait + jitter;
        if (ifm_clock_ns() + ms * 1000000 > end_ns)
            return rc;
        pause_ms(client, ms);
        wait *= 2;
    }
}

int ifm_client_put(struct ifm_client *client, const char *path, const void *bytes, size_t len,
                   bool *replayed, struct ifm_err *err)
{
    struct body body = { .bytes = bytes, .len = len };
    struct ifm_buf reply;
    ifm_buf_init(&reply, 1024 * 1024);
    int rc = exchange(client, path, &body, &reply, err);
    if (!rc && replayed)
        *replayed = client->replayed;
    ifm_buf_done(&reply);
    return rc;
}

int ifm_client_get(struct ifm_client *client, const char *path, struct ifm_buf *body,
                   struct ifm_err *err)
{
    return exchange(client, path, NULL, body, err);
}
