/* From event lines to a result. The order of events is checked as far as the meaning depends on it.
 */
#include <string.h>

#include "agents/executors/executor.h"
#include "core/clock.h"
#include "core/mem.h"

static const char *const event_words[] = { "hello",   "loaded", "warm", "samples",
                                           "metrics", "result", "error" };

/* Moves a pointer or a list out of the decoded event, so that freeing the event leaves it alone. */
static void take_text(char **to, char **from)
{
    if (*from) {
        ifm_free(*to);
        *to = *from;
        *from = NULL;
    }
}

static void take_library(struct ifm_msg_library *to, struct ifm_msg_library *from)
{
    take_text(&to->name, &from->name);
    take_text(&to->version, &from->version);
    take_text(&to->sha256, &from->sha256);
    take_text(&to->source, &from->source);
    take_text(&to->path, &from->path);
    to->bytes = from->bytes;
}

static void take_hello(struct ifm_collect *collect, struct ifm_msg_event *event)
{
    struct ifm_exec_result *r = collect->result;
    collect->first_event_ns = ifm_clock_ns();
    take_text(&r->runtime, &event->runtime);
    take_text(&r->runtime_version, &event->runtime_version);
    take_text(&r->providers, &event->providers);
    take_text(&r->library, &event->library);
    take_text(&r->worker_version, &event->worker_version);
    take_text(&r->invocation.emulator, &event->emulator);
    take_library(&r->library_file, &event->library_file);
    ifm_free(r->invocation.clock.source); /* of an earlier hello */
    r->invocation.clock = event->clock;
    event->clock.source = NULL;
    collect->step = IFM_STEP_LOAD;
}

static void free_tensors(struct ifm_list *list)
{
    /* only this field is set: the event's own table knows how to free it */
    struct ifm_msg_event event = { 0 };
    event.inputs = *list;
    ifm_json_free(&ifm_event_table, &event);
    *list = (struct ifm_list){ 0 };
}

static void take_list(struct ifm_list *to, struct ifm_list *from)
{
    if (from->count && !to->count) {
        *to = *from;
        *from = (struct ifm_list){ 0 };
    }
}

static void take_loaded(struct ifm_collect *collect, struct ifm_msg_event *event)
{
    struct ifm_exec_result *r = collect->result;
    r->invocation.load_ns = event->load_ns;
    take_list(&r->inputs, &event->inputs);
    take_list(&r->outputs, &event->outputs);
    take_text(&r->effective, &event->effective);
    take_list(&r->invocation.placement, &event->placement);
    take_text(&r->invocation.precision, &event->precision);
    if (event->library_file.bytes > 0)
        r->library_file.bytes = event->library_file.bytes;
    collect->step = IFM_STEP_FIRST;
}

static void take_warm(struct ifm_collect *collect, const struct ifm_msg_event *event)
{
    struct ifm_msg_invocation *inv = &collect->result->invocation;
    inv->warmup_end = event->warmup_end;
    inv->cold = event->cold;
    inv->first_inference_ns = event->first_inference_ns;
    inv->warmup_iterations = event->warmup_iterations;
    inv->warmup_ns = event->warmup_ns;
    collect->step = IFM_STEP_STEADY;
}

static int take_samples(struct ifm_collect *collect, struct ifm_msg_event *event,
                        struct ifm_err *err)
{
    struct ifm_list *list = &collect->result->invocation.samples;
    struct ifm_msg_block *items = ifm_resize_array(list->items, list->count + 1, sizeof *items);
    if (!items)
        return ifm_err_set(err, IFM_ERR_NOMEM, "samples",
                           "out of memory while taking a block of samples");
    items[list->count++] = event->samples;
    list->items = items;
    event->samples.block = (struct ifm_block){ 0 };
    event->samples.gaps = (struct ifm_block){ 0 };
    event->samples.lateness = (struct ifm_block){ 0 };
    collect->step = IFM_STEP_VERIFY;
    return 0;
}

static bool memory_known(const struct ifm_msg_memory *memory)
{
    return memory->peak_rss_bytes > 0 || memory->anon_bytes > 0;
}

static void take_numbers(struct ifm_msg_invocation *inv, const struct ifm_msg_event *event)
{
    if (event->unfinished > 0)
        inv->unfinished = event->unfinished;
    if (event->iterations <= 0)
        return;
    inv->iterations = event->iterations;
    inv->steady_ns = event->steady_ns;
    inv->cpu_ns = event->cpu_ns;
    inv->involuntary_switches = event->involuntary_switches;
    inv->voluntary_switches = event->voluntary_switches;
    inv->batch_calls = event->batch_calls;
    inv->query_calls = event->query_calls;
    inv->suspended_ns = event->suspended_ns;
    inv->clock_ratio = event->clock_ratio;
    inv->end_reason = event->end_reason;
}

static bool end_known(const struct ifm_msg_memory_end *memory)
{
    return memory->pss_bytes > 0 || memory->uss_bytes > 0 || memory->cgroup_peak_bytes > 0 ||
           memory->allocator_peak_bytes > 0;
}

static void take_lists(struct ifm_exec_result *result, struct ifm_msg_event *event)
{
    struct ifm_msg_invocation *inv = &result->invocation;
    take_list(&inv->lanes, &event->lanes);
    take_list(&inv->energy, &event->energy);
    if (event->profile.inferences > 0 && !result->profile.ops.count) {
        result->profile = event->profile;
        event->profile = (struct ifm_msg_profile){ .inferences = 0 };
    }
    if (event->allocations.inferences > 0)
        result->allocations = event->allocations;
    if (event->accuracy.samples > 0 && result->accuracy.samples == 0) {
        result->accuracy = event->accuracy;
        event->accuracy = (struct ifm_msg_accuracy){ .samples = 0 };
    }
}

/* metrics and result carry the same fields; the later one wins where it says something. */
static void take_metrics(struct ifm_collect *collect, struct ifm_msg_event *event)
{
    struct ifm_msg_invocation *inv = &collect->result->invocation;
    if (memory_known(&event->memory_load))
        inv->memory_load = event->memory_load;
    if (memory_known(&event->memory_first))
        inv->memory_first = event->memory_first;
    if (memory_known(&event->memory_steady))
        inv->memory_steady = event->memory_steady;
    if (event->own_array_bytes > 0)
        inv->own_array_bytes = event->own_array_bytes;
    if (end_known(&event->memory_end))
        inv->memory_end = event->memory_end;
    inv->sandboxed = inv->sandboxed || event->sandboxed;
    take_numbers(inv, event);
    take_lists(collect->result, event);
    if (event->verification.outputs.count || event->verification.state) {
        for (size_t i = 0; i < inv->verification.outputs.count; i++) {
            struct ifm_msg_comparison *old = inv->verification.outputs.items;
            ifm_free(old[i].output);
            ifm_free(old[i].reason);
            ifm_free(old[i].rule);
            ifm_free(old[i].against);
        }
        ifm_free(inv->verification.outputs.items);
        inv->verification = event->verification;
        event->verification = (struct ifm_msg_verification){ 0 };
    }
    inv->deterministic = inv->deterministic || event->deterministic;
    if (event->warnings.count && !inv->warnings.count) {
        inv->warnings = event->warnings;
        event->warnings = (struct ifm_strings){ 0 };
    }
    if (event->outputs.count) { /* now with the shapes that the outputs really had */
        free_tensors(&collect->result->outputs);
        take_list(&collect->result->outputs, &event->outputs);
    }
}

static void take_error(struct ifm_collect *collect, const struct ifm_msg_event *event)
{
    collect->failed = true;
    collect->ended = true;
    if (event->step >= collect->step || event->step != IFM_STEP_START)
        collect->step = event->step;
    collect->result->error_exit = event->exit_status;
    size_t len = event->message ? strlen(event->message) : 0;
    if (len > IFM_ERR_TEXT_MAX)
        len = IFM_ERR_TEXT_MAX;
    if (len)
        memcpy(collect->message, event->message, len);
    collect->message[len] = '\0';
}

int ifm_collect_line(struct ifm_collect *collect, const char *line, size_t len, struct ifm_err *err)
{
    if (!len)
        return 0;
    if (collect->ended)
        return ifm_err_set(err, IFM_ERR_INVALID, "events",
                           "the worker wrote on after its end mark");
    struct ifm_msg_event event;
    int rc = ifm_json_decode(&ifm_event_table, line, len, &event, err);
    if (rc)
        return rc;
    if (event.event != IFM_EVENT_HELLO && event.event != IFM_EVENT_ERROR &&
        !collect->first_event_ns)
        rc = ifm_err_set(err, IFM_ERR_INVALID, "events",
                         "the worker's first event was \"%s\", not \"hello\"",
                         event_words[event.event]);
    else if (event.event == IFM_EVENT_HELLO)
        take_hello(collect, &event);
    else if (event.event == IFM_EVENT_LOADED)
        take_loaded(collect, &event);
    else if (event.event == IFM_EVENT_WARM)
        take_warm(collect, &event);
    else if (event.event == IFM_EVENT_SAMPLES)
        rc = take_samples(collect, &event, err);
    else if (event.event == IFM_EVENT_ERROR)
        take_error(collect, &event);
    else
        take_metrics(collect, &event);
    if (!rc && event.event == IFM_EVENT_RESULT) {
        collect->ended = true;
        collect->step = IFM_STEP_CLOSE;
    }
    ifm_json_free(&ifm_event_table, &event);
    return rc;
}

void ifm_exec_result_done(struct ifm_exec_result *result)
{
    ifm_json_free(&ifm_invocation_table, &result->invocation);
    ifm_free(result->runtime);
    ifm_free(result->runtime_version);
    ifm_free(result->providers);
    ifm_free(result->library);
    ifm_free(result->worker_version);
    ifm_free(result->effective);
    free_tensors(&result->inputs);
    free_tensors(&result->outputs);
    struct ifm_msg_event event = { .profile = result->profile,
                                   .accuracy = result->accuracy,
                                   .library_file = result->library_file };
    ifm_json_free(&ifm_event_table, &event);
    memset(result, 0, sizeof *result);
}
