/* What the end of a worker means: every way to die becomes a failure with one sentence. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/executors/executor.h"
#include "core/mem.h"

static const char *const step_words[] = { "start",  "probe",  "load",   "bind", "first",
                                          "warmup", "steady", "verify", "close" };
static const char *const failure_words[] = { "none",     "error",         "crash", "abort",
                                             "killed",   "out_of_memory", "hang",  "exit",
                                             "protocol", "interrupted" };

const char *ifm_step_name(int step)
{
    return step >= 0 && step <= IFM_STEP_CLOSE ? step_words[step] : step_words[0];
}

const char *ifm_failure_name(int failure)
{
    return failure >= 0 && failure <= IFM_FAIL_INTERRUPTED ? failure_words[failure]
                                                           : failure_words[1];
}

int64_t ifm_executor_oom_kills(void)
{
    char line[128];
    int64_t count = -1;
    FILE *file = fopen("/proc/vmstat", "re");
    while (file && count < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, "oom_kill ", 9) == 0)
            count = strtoll(line + 9, NULL, 10);
    if (file)
        fclose(file);
    return count;
}

/* "while loading the model": what was going on in words a user knows. */
static const char *during(int step)
{
    static const char *const words[] = { "before it said hello",
                                         "while probing the runtime",
                                         "while loading the model",
                                         "while binding inputs",
                                         "during the first inference or the warm-up",
                                         "during the warm-up",
                                         "during the timed inferences",
                                         "while checking outputs or reporting",
                                         "while closing the runtime" };
    return words[step >= 0 && step <= IFM_STEP_CLOSE ? step : 0];
}

static bool contains_any(const char *text, const char *const *words)
{
    for (size_t i = 0; text && words[i]; i++)
        if (strstr(text, words[i]))
            return true;
    return false;
}

/* Vendor libraries answer a refused allocation with an exception or an abort; their last words
 * tell. */
static bool says_out_of_memory(const char *text)
{
    static const char *const words[] = { "bad_alloc",
                                         "out of memory",
                                         "Out of memory",
                                         "Cannot allocate memory",
                                         "Failed to allocate memory",
                                         "Failed to allocate",
                                         NULL };
    return contains_any(text, words);
}

static bool ran_out_of_memory(const struct ifm_exec_request *request,
                              const struct ifm_collect *collect, const struct ifm_exec_end *end)
{
    bool limited = request->spec->memory_limit_bytes > 0;
    if (collect->failed)
        return collect->result->error_exit == 6 ||
               (limited && says_out_of_memory(collect->message));
    if (end->signal == SIGKILL) /* not ours: the kernel's OOM killer, which counts, or an operator */
        return end->oom_kills != 0;
    return limited && (end->signal != 0 || end->exit_status > 0) &&
           says_out_of_memory(end->stderr_text);
}

/* ": " and the last line of log text; nothing where there is none. */
static const char *last_line(const char *text, char line[122])
{
    size_t len = text ? strlen(text) : 0;
    while (len && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
        len--;
    size_t from = len;
    while (from && text[from - 1] != '\n')
        from--;
    size_t n = len - from < 119 ? len - from : 119;
    memcpy(line, ": ", 2);
    if (n)
        memcpy(line + 2, text + from, n);
    line[n ? n + 2 : 0] = '\0';
    return line;
}

static int failure_kind(const struct ifm_exec_request *request, const struct ifm_collect *collect,
                        const struct ifm_exec_end *end)
{
    if (end->interrupted)
        return IFM_FAIL_INTERRUPTED;
    if (end->timed_out)
        return IFM_FAIL_HANG;
    if (end->broken)
        return IFM_FAIL_PROTOCOL;
    if (ran_out_of_memory(request, collect, end))
        return IFM_FAIL_OUT_OF_MEMORY;
    if (collect->failed)
        return IFM_FAIL_ERROR;
    if (end->signal == SIGABRT)
        return IFM_FAIL_ABORT;
    if (end->signal == SIGTERM || end->signal == SIGINT || end->signal == SIGHUP ||
        end->signal == SIGKILL)
        return IFM_FAIL_KILLED;
    if (end->signal)
        return IFM_FAIL_CRASH;
    if (end->exit_status == 0 && collect->ended)
        return IFM_FAIL_NONE;
    return IFM_FAIL_EXIT;
}

static void starved(const struct ifm_exec_request *request, const struct ifm_exec_end *end,
                    const char *when, char *text, size_t size)
{
    const long long limit = (long long)request->spec->memory_limit_bytes;
    if (end->signal != SIGKILL)
        snprintf(text, size, "ran out of memory %s (limit %lld bytes)", when, limit);
    else if (limit > 0)
        snprintf(text, size, "killed %s by the kernel over its memory limit (limit %lld bytes)",
                 when, limit);
    else
        snprintf(text, size,
                 end->oom_kills > 0
                     ? "killed %s by the kernel, which was out of memory"
                     : "killed %s by a signal we did not send: most likely out of memory",
                 when);
}

/* The sentence before local paths are taken out. */
static void sentence(const struct ifm_exec_request *request, const struct ifm_collect *collect,
                     const struct ifm_exec_end *end, int failure, char *text, size_t size)
{
    const char *when = during(collect->step);
    char last[122];
    if (failure == IFM_FAIL_ERROR)
        snprintf(text, size, "%s",
                 collect->message[0] ? collect->message : "the worker reported an error");
    else if (failure == IFM_FAIL_INTERRUPTED)
        snprintf(text, size, "interrupted %s", when);
    else if (failure == IFM_FAIL_HANG)
        snprintf(text, size,
                 "did not end within %.4g s and was stopped %s; raise --timeout if it needs longer",
                 (double)request->spec->timeout_ns / 1e9, when);
    else if (failure == IFM_FAIL_PROTOCOL)
        snprintf(text, size, "the worker's events could not be read %s: %s", when,
                 end->protocol.text);
    else if (failure == IFM_FAIL_OUT_OF_MEMORY)
        starved(request, end, when, text, size);
    else if (failure == IFM_FAIL_ABORT)
        snprintf(text, size, "aborted %s%s", when, last_line(end->stderr_text, last));
    else if (failure == IFM_FAIL_CRASH)
        snprintf(text, size, "crashed %s with signal %d (%s)", when, end->signal,
                 strsignal(end->signal));
    else if (failure == IFM_FAIL_KILLED)
        snprintf(text, size, "was stopped %s by signal %d from outside", when, end->signal);
    else if (end->exit_status == 0)
        snprintf(text, size, "ended without its end mark %s, though its exit status was 0", when);
    else
        snprintf(text, size, "ended with exit status %lld %s%s", (long long)end->exit_status, when,
                 last_line(end->stderr_text, last));
}

static void scrub_in_place(char **text, const char *const *private_paths)
{
    char *scrubbed = ifm_scrub(*text, private_paths);
    if (scrubbed) {
        ifm_free(*text);
        *text = scrubbed;
    }
}

/* A worker's own sentences may name files too. */
static void scrub_remarks(struct ifm_msg_invocation *inv, const char *const *private_paths)
{
    struct ifm_msg_comparison *outputs = inv->verification.outputs.items;
    for (size_t i = 0; i < inv->warnings.count; i++)
        scrub_in_place(&inv->warnings.items[i], private_paths);
    for (size_t i = 0; i < inv->verification.outputs.count; i++)
        scrub_in_place(&outputs[i].reason, private_paths);
}

void ifm_outcome_set(const struct ifm_exec_request *request, const struct ifm_collect *collect,
                     const struct ifm_exec_end *end)
{
    struct ifm_exec_result *result = collect->result;
    struct ifm_msg_invocation *inv = &result->invocation;
    int failure = failure_kind(request, collect, end);
    scrub_remarks(inv, request->private_paths);
    inv->failure = failure;
    inv->status = failure != IFM_FAIL_NONE;
    inv->step = collect->step;
    inv->signal = end->signal ? end->signal : IFM_JSON_ABSENT;
    inv->exit_status = end->signal ? IFM_JSON_ABSENT : end->exit_status;
    if (failure == IFM_FAIL_NONE)
        return;
    result->out_of_memory_limit =
        failure == IFM_FAIL_OUT_OF_MEMORY && request->spec->memory_limit_bytes > 0;
    char text[640];
    sentence(request, collect, end, failure, text, sizeof text);
    char *scrubbed = ifm_scrub(text, request->private_paths);
    if (scrubbed) { /* one rule for cutting at a character boundary: that of struct ifm_err */
        struct ifm_err cut = IFM_ERR_INIT;
        ifm_err_set(&cut, IFM_ERR_MEASUREMENT, "", "%s", scrubbed);
        inv->failure_text = ifm_dup(cut.text);
    }
    ifm_free(scrubbed);
    inv->stderr_tail = end->stderr_text && end->stderr_text[0]
                           ? ifm_scrub(end->stderr_text, request->private_paths)
                           : NULL;
}
