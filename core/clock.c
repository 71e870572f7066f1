#include "core/clock.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CALIBRATION_PAIRS 100000
#define BRACKET_TRIES     16
/* Histogram of read-to-read differences: exact below 2,048 ns, 64 steps per octave from there to
 * 2^40 ns. It stands in for an array of 800 kB that would show in the peak memory of the process
 * being measured. */
#define EXACT_NS    2048
#define EXACT_LOG2  11
#define OCTAVE_LOG2 6
#define LAST_LOG2   40
#define BUCKETS     (EXACT_NS + ((LAST_LOG2 - EXACT_LOG2) << OCTAVE_LOG2))

static int64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t ifm_clock_boot_ns(void)
{
    return read_ns(CLOCK_BOOTTIME);
}

int64_t ifm_clock_raw_ns(void)
{
    return read_ns(CLOCK_MONOTONIC_RAW);
}

int64_t ifm_clock_wall_ms(void)
{
    return read_ns(CLOCK_REALTIME) / 1000000;
}

static size_t bucket_of(int64_t delta_ns)
{
    if (delta_ns < EXACT_NS)
        return delta_ns < 0 ? 0 : (size_t)delta_ns;
    int log2 = 63 - __builtin_clzll((unsigned long long)delta_ns);
    if (log2 >= LAST_LOG2)
        return BUCKETS - 1;
    size_t step = (size_t)(delta_ns >> (log2 - OCTAVE_LOG2)) & ((1u << OCTAVE_LOG2) - 1);
    return EXACT_NS + ((size_t)(log2 - EXACT_LOG2) << OCTAVE_LOG2) + step;
}

static int64_t bucket_low_ns(size_t bucket)
{
    if (bucket < EXACT_NS)
        return (int64_t)bucket;
    size_t octave = (bucket - EXACT_NS) >> OCTAVE_LOG2,
           step = (bucket - EXACT_NS) & ((1u << OCTAVE_LOG2) - 1);
    return (int64_t)(((size_t)1 << OCTAVE_LOG2) + step) << (octave + EXACT_LOG2 - OCTAVE_LOG2);
}

static int64_t bucket_at_rank(const uint32_t *counts, uint32_t rank)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += counts[i];
        if (seen >= rank)
            return bucket_low_ns(i);
    }
    return bucket_low_ns(BUCKETS - 1);
}

void ifm_clock_point(struct ifm_clock_point *out)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < BRACKET_TRIES; i++) {
        const int64_t before = ifm_clock_ns(), raw = ifm_clock_raw_ns(), boot = ifm_clock_boot_ns(),
                      after = ifm_clock_ns();
        if (after - before >= best)
            continue;
        best = after - before;
        *out = (struct ifm_clock_point){ .monotonic_ns = before + (after - before) / 2,
                                         .raw_ns = raw,
                                         .boot_ns = boot };
    }
}

double ifm_clock_ratio(const struct ifm_clock_point *begin, const struct ifm_clock_point *end)
{
    const int64_t raw = end->raw_ns - begin->raw_ns;
    return raw >= IFM_CLOCK_RATIO_LEAST_NS
               ? (double)(end->monotonic_ns - begin->monotonic_ns) / (double)raw
               : 0.0;
}

int64_t ifm_clock_suspended_ns(const struct ifm_clock_point *begin,
                               const struct ifm_clock_point *end)
{
    const int64_t slept =
        (end->boot_ns - begin->boot_ns) - (end->monotonic_ns - begin->monotonic_ns);
    return slept >= IFM_CLOCK_SUSPEND_LEAST_NS ? slept : 0;
}

static void read_source(char *source, size_t size)
{
    snprintf(source, size, "unknown");
    int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                  O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    char text[32];
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0)
        return;
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (text[0])
        snprintf(source, size, "%s", text);
}

void ifm_clock_calibrate(struct ifm_clock_calibration *out)
{
    uint32_t counts[BUCKETS] = { 0 };
    struct ifm_clock_point begin, end;
    int64_t resolution = INT64_MAX;
    ifm_clock_point(&begin);
    for (int i = 0; i < CALIBRATION_PAIRS; i++) {
        int64_t first = ifm_clock_ns(), delta = ifm_clock_ns() - first;
        if (delta > 0 && delta < resolution)
            resolution = delta;
        counts[bucket_of(delta)]++;
    }
    ifm_clock_point(&end);
    /* A tick so coarse that no pair saw it pass: the calibration's own length is all that is known.
     */
    out->resolution_ns = resolution != INT64_MAX ? resolution : 1000000;
    out->overhead_ns = bucket_at_rank(counts, CALIBRATION_PAIRS / 2);
    out->jitter_ns = bucket_at_rank(counts, CALIBRATION_PAIRS / 10000 * 9999);
    const int64_t raw_elapsed = end.raw_ns - begin.raw_ns;
    out->raw_ratio = raw_elapsed > 0
                         ? (double)(end.monotonic_ns - begin.monotonic_ns) / (double)raw_elapsed
                         : 0.0;
    read_source(out->source, sizeof out->source);
}

/* -- Time stamps: proleptic Gregorian days since 1970-01-01, after H. Hinnant's days_from_civil  */

#define DAY_MS         86400000
#define YEAR_0_DAYS    (-719528) /* 0000-01-01 */
#define YEAR_9999_DAYS 2932896   /* 9999-12-31 */

static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153; /* March is 0 */
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

void ifm_clock_format(int64_t wall_ms, char text[IFM_TIME_TEXT_MAX])
{
    int64_t days = wall_ms / DAY_MS, ms = wall_ms % DAY_MS;
    if (ms < 0) {
        ms += DAY_MS;
        days--;
    }
    if (days < YEAR_0_DAYS) {
        days = YEAR_0_DAYS;
        ms = 0;
    } else if (days > YEAR_9999_DAYS) {
        days = YEAR_9999_DAYS;
        ms = DAY_MS - 1;
    }
    int year, month, day;
    date_from_days(days, &year, &month, &day);
    snprintf(text, IFM_TIME_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)year % 10000u, (unsigned)month % 100u, (unsigned)day % 100u,
             (unsigned)(ms / 3600000) % 100u, (unsigned)(ms / 60000 % 60),
             (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000));
}

/* Exactly `digits` decimal digits, then *text stands behind them; -1 when one is missing. */
static int take_digits(const char **text, int digits)
{
    int value = 0;
    for (; digits > 0; digits--, (*text)++) {
        if (**text < '0' || **text > '9')
            return -1;
        value = value * 10 + (**text - '0');
    }
    return value;
}

static bool take_char(const char **text, char wanted)
{
    if (**text != wanted)
        return false;
    (*text)++;
    return true;
}

static bool take_date(const char **text, int64_t *days)
{
    static const int lengths[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int year = take_digits(text, 4);
    if (year < 0 || !take_char(text, '-'))
        return false;
    int month = take_digits(text, 2);
    if (month < 1 || month > 12 || !take_char(text, '-'))
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    int day = take_digits(text, 2);
    if (day < 1 || day > lengths[month - 1] + (month == 2 && leap))
        return false;
    *days = days_from_date(year, month, day);
    return true;
}

/* HH:MM:SS and a fraction of 1 to 9 digits, of which three count. Second 60 is a leap second. */
static bool take_time(const char **text, int64_t *ms)
{
    int hour = take_digits(text, 2);
    if (hour < 0 || hour > 23 || !take_char(text, ':'))
        return false;
    int minute = take_digits(text, 2);
    if (minute < 0 || minute > 59 || !take_char(text, ':'))
        return false;
    int second = take_digits(text, 2);
    if (second < 0 || second > 60)
        return false;
    int64_t fraction_ns = 0;
    if (take_char(text, '.')) {
        int digits = 0;
        for (; digits < 9 && **text >= '0' && **text <= '9'; digits++, (*text)++)
            fraction_ns = fraction_ns * 10 + (**text - '0');
        if (digits == 0)
            return false;
        for (; digits < 9; digits++)
            fraction_ns *= 10;
    }
    *ms = ((int64_t)hour * 60 + minute) * 60000 + (int64_t)second * 1000 + fraction_ns / 1000000;
    return true;
}

static bool take_offset(const char **text, int64_t *ms)
{
    *ms = 0;
    if (take_char(text, 'Z') || take_char(text, 'z'))
        return true;
    int sign = **text == '-' ? -1 : 1;
    if (!take_char(text, '+') && !take_char(text, '-'))
        return false;
    int hours = take_digits(text, 2);
    if (hours < 0 || hours > 23 || !take_char(text, ':'))
        return false;
    int minutes = take_digits(text, 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *ms = sign * ((int64_t)hours * 60 + minutes) * 60000;
    return true;
}

int ifm_clock_parse(const char *text, int64_t *wall_ms)
{
    int64_t days, ms = 0, offset = 0;
    if (!text || !take_date(&text, &days))
        return -1;
    if (*text != '\0') {
        if (!take_char(&text, 'T') && !take_char(&text, 't'))
            return -1;
        if (!take_time(&text, &ms) || !take_offset(&text, &offset) || *text != '\0')
            return -1;
    }
    *wall_ms = days * DAY_MS + ms - offset;
    return 0;
}
