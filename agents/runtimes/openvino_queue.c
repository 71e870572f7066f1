/* Several inferences at once: a ring of infer requests. A request is used again as soon as it has finished,
 * also when nobody has waited for its inference yet, so that submit blocks only while all of them compute. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/runtimes/openvino.h"

#define PLACE(sequence) ((sequence) % OV_PENDING_MAX)
#define NEVER           UINT64_MAX /* a slot that was not used yet */

/* On a thread of the library, when the inference of this slot has finished. */
static void finished(void *argument)
{
    struct ov_slot *slot = argument;
    struct ov_state *s = slot->owner;
    pthread_mutex_lock(&s->queue.lock);
    s->queue.done[PLACE(slot->sequence)] = true;
    slot->busy = false;
    pthread_cond_broadcast(&s->queue.changed);
    pthread_mutex_unlock(&s->queue.lock);
}

static size_t advised(struct ov_state *s)
{
    char *value = NULL;
    long long count = s->requests;
    if (count == 0 && s->api.ov_compiled_model_get_property(
                          s->compiled, "OPTIMAL_NUMBER_OF_INFER_REQUESTS", &value) == 0) {
        count = value ? strtoll(value, NULL, 10) : 1;
        s->api.ov_free(value);
    }
    return count < 1 ? 1 : count > OV_REQUESTS_MAX ? OV_REQUESTS_MAX : (size_t)count;
}

int ov_queue_make(struct ov_state *s)
{
    const size_t wanted = advised(s);
    pthread_mutex_init(&s->queue.lock, NULL);
    pthread_cond_init(&s->queue.changed, NULL);
    s->queue.made = true;
    for (size_t i = 0; i < wanted; i++) {
        struct ov_slot *slot = &s->queue.slots[i];
        slot->owner = s;
        slot->sequence = NEVER;
        slot->request = i == 0 ? s->request : NULL;
        if (i > 0 && ov_make_request(s, &slot->request) != 0) {
            return -1;
        }
        s->queue.count++;
    }
    return 0;
}

/* The callback comes with the first use: who never submits has none. */
static int start(struct ov_state *s, struct ov_slot *slot, bool used)
{
    slot->callback = (struct ov_callback){ finished, slot };
    const int status =
        used ? 0 : s->api.ov_infer_request_set_callback(slot->request, &slot->callback);
    return status == 0 ? s->api.ov_infer_request_start_async(slot->request) : status;
}

/* A free slot, taken for the next inference; NULL: as many as may be are submitted and not waited for. */
static struct ov_slot *take(struct ov_state *s)
{
    struct ov_slot *slot = NULL;
    pthread_mutex_lock(&s->queue.lock);
    const bool room = s->queue.submitted - s->queue.waited < OV_PENDING_MAX;
    while (room && !slot) {
        for (size_t i = 0; !slot && i < s->queue.count; i++) {
            slot = s->queue.slots[i].busy ? NULL : &s->queue.slots[i];
        }
        if (!slot) {
            pthread_cond_wait(&s->queue.changed, &s->queue.lock);
        }
    }
    if (slot) {
        slot->busy = true;
    }
    pthread_mutex_unlock(&s->queue.lock);
    return slot;
}

static int submit_failed(struct ov_state *s, struct ov_slot *slot, const char *reason)
{
    snprintf(s->failure, sizeof s->failure, "%s", reason);
    if (slot) {
        pthread_mutex_lock(&s->queue.lock);
        slot->busy = false;
        pthread_mutex_unlock(&s->queue.lock);
    }
    return -1;
}

int ov_submit(void *state)
{
    struct ov_state *s = state;
    struct ov_slot *slot = take(s);
    if (!slot) {
        return submit_failed(s, NULL, "too many inferences were submitted and not waited for");
    }
    const uint64_t previous = slot->sequence;
    const bool used = previous != NEVER;
    /* the callback comes a moment before the request is ready again, and this also says how it went */
    const bool failed = used && s->api.ov_infer_request_wait(slot->request) != 0;
    pthread_mutex_lock(&s->queue.lock);
    if (failed && previous >= s->queue.waited) {
        s->queue.failed[PLACE(previous)] = true;
        snprintf(s->failure, sizeof s->failure, "%s", ov_reason(s));
    }
    slot->sequence = s->queue.submitted++;
    s->queue.done[PLACE(slot->sequence)] = s->queue.failed[PLACE(slot->sequence)] = false;
    pthread_mutex_unlock(&s->queue.lock);
    return start(s, slot, used) == 0 ? 0 : submit_failed(s, slot, ov_reason(s));
}

int ov_wait(void *state)
{
    struct ov_state *s = state;
    pthread_mutex_lock(&s->queue.lock);
    const uint64_t sequence = s->queue.waited;
    if (sequence == s->queue.submitted) {
        pthread_mutex_unlock(&s->queue.lock);
        snprintf(s->failure, sizeof s->failure, "nothing was submitted");
        return -1;
    }
    while (!s->queue.done[PLACE(sequence)]) {
        pthread_cond_wait(&s->queue.changed, &s->queue.lock);
    }
    bool failed = s->queue.failed[PLACE(sequence)];
    ov_request *holder = NULL; /* still this inference's, so that it can be asked how it went */
    for (size_t i = 0; i < s->queue.count; i++) {
        if (s->queue.slots[i].sequence == sequence && !s->queue.slots[i].busy) {
            holder = s->queue.slots[i].request;
            s->queue.last = i;
        }
    }
    s->queue.waited++;
    if (holder && !failed && s->api.ov_infer_request_wait(holder) != 0) {
        snprintf(s->failure, sizeof s->failure, "%s", ov_reason(s));
        failed = true;
    }
    pthread_mutex_unlock(&s->queue.lock);
    return failed ? -1 : 0;
}

void ov_queue_end(struct ov_state *s)
{
    if (!s->queue.made) {
        return;
    }
    for (size_t i = 0; i < s->queue.count; i++) { /* also those that nobody waited for */
        s->api.ov_infer_request_wait(s->queue.slots[i].request);
    }
    for (size_t i = 1; i < OV_REQUESTS_MAX; i++) {
        if (s->queue.slots[i].request) {
            s->api.ov_infer_request_free(s->queue.slots[i].request);
        }
    }
    pthread_mutex_destroy(&s->queue.lock);
    pthread_cond_destroy(&s->queue.changed);
    s->queue.made = false;
}
