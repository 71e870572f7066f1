#include "agents/cli/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"

#define NONE "\xe2\x80\x93" /* – */

struct unit {
    double scale;
    const char *name;
};

static const struct unit ns_units[] = {
    { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "\xc2\xb5s" }, { 1, "ns" }
};
static const struct unit byte_units[] = { { 1e9, "GB" }, { 1e6, "MB" }, { 1e3, "kB" }, { 1, "B" } };

static const struct unit uj_units[] = {
    { 1e6, "J" }, { 1e3, "mJ" }, { 1, "\xc2\xb5J" }, { 1e-3, "nJ" }
};

static const struct unit *pick(const struct unit *units, double value)
{
    for (size_t i = 0; i < 3; i++)
        if (fabs(value) >= units[i].scale)
            return &units[i];
    return &units[3];
}

/* Four significant digits; whole numbers in the smallest unit. */
static int digits(double scaled, double scale)
{
    double size = fabs(scaled);
    if (scale <= 1 || size >= 1000)
        return 0;
    return size >= 100 ? 1 : size >= 10 ? 2 : 3;
}

static void with_unit(const struct unit *units, double value, char *text)
{
    if (isnan(value)) {
        snprintf(text, IFM_FORMAT_MAX, "%s", NONE);
        return;
    }
    const struct unit *unit = pick(units, value);
    double scaled = value / unit->scale;
    snprintf(text, IFM_FORMAT_MAX, "%.*f %s", digits(scaled, unit->scale), scaled, unit->name);
}

static void interval(const struct unit *units, double like, double low, double high, char *text)
{
    const struct unit *unit = pick(units, like);
    int n = digits(like / unit->scale, unit->scale);
    snprintf(text, IFM_FORMAT_MAX, "[%.*f .. %.*f]", n, low / unit->scale, n, high / unit->scale);
}

void ifm_format_ns(double ns, char *text)
{
    with_unit(ns_units, ns, text);
}

void ifm_format_ns_interval(double like, double low, double high, char *text)
{
    interval(ns_units, like, low, high, text);
}

void ifm_format_bytes(double bytes, char *text)
{
    with_unit(byte_units, bytes, text);
}

void ifm_format_bytes_interval(double like, double low, double high, char *text)
{
    interval(byte_units, like, low, high, text);
}

void ifm_format_uj(double microjoules, char *text)
{
    with_unit(uj_units, microjoules, text);
}

void ifm_format_uj_interval(double like, double low, double high, char *text)
{
    interval(uj_units, like, low, high, text);
}

static int rate_digits(double rate)
{
    return rate >= 1000 ? 0 : rate >= 100 ? 1 : rate >= 10 ? 2 : 3;
}

void ifm_format_rate(double per_second, char *text)
{
    if (isnan(per_second)) {
        snprintf(text, IFM_FORMAT_MAX, "%s", NONE);
        return;
    }
    char whole[IFM_FORMAT_MAX];
    if (per_second >= 1000 && per_second < 9e18) {
        ifm_format_count((int64_t)llround(per_second), whole);
        snprintf(text, IFM_FORMAT_MAX, "%.40s /s", whole);
    } else {
        snprintf(text, IFM_FORMAT_MAX, "%.*f /s", rate_digits(per_second), per_second);
    }
}

void ifm_format_rate_interval(double low, double high, char *text)
{
    snprintf(text, IFM_FORMAT_MAX, "[%.*f .. %.*f]", rate_digits(low), low, rate_digits(low), high);
}

void ifm_format_count(int64_t count, char *text)
{
    char plain[32];
    int len = snprintf(plain, sizeof plain, "%lld", (long long)count);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0 && plain[i - 1] != '-')
            text[at++] = ',';
        text[at++] = plain[i];
    }
    text[at] = '\0';
}

void ifm_format_time(const char *rfc3339, char *text)
{
    int64_t ms;
    struct tm parts;
    if (!rfc3339 || ifm_clock_parse(rfc3339, &ms)) {
        snprintf(text, IFM_FORMAT_MAX, "%s", NONE);
        return;
    }
    time_t seconds = (time_t)(ms / 1000);
    localtime_r(&seconds, &parts);
    strftime(text, IFM_FORMAT_MAX, "%Y-%m-%d %H:%M", &parts);
}

size_t ifm_format_width(const char *text)
{
    size_t n = 0;
    for (; text && *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}
