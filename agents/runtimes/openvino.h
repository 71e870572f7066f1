/* What the files of the OpenVINO module share: openvino.c has the slots, openvino_setup.c the vendor library,
 * openvino_model.c the model, openvino_compile.c its compilation, openvino_queue.c several inferences at once,
 * openvino_profile.c the operator profile. */
#ifndef IFM_OPENVINO_H
#define IFM_OPENVINO_H

#include <pthread.h>
#include "agents/runtimes/openvino_abi.h"
#include "inferometer/runtime.h"

#define OV_INSTALL      "inferometer runtime install openvino"
#define OV_PROPERTIES   16   /* given to a compilation at most */
#define OV_REQUESTS_MAX 64   /* inferences that compute at once */
#define OV_PENDING_MAX  4096 /* that are submitted and not waited for; a power of two */

struct ov_side { /* the model's inputs, or its outputs */
    size_t count;
    struct ifm_tensor_info info[IFM_MAX_TENSORS];
    char names[IFM_MAX_TENSORS][256];
};

struct ov_state;
struct ov_slot { /* one infer request */
    struct ov_state *owner;
    ov_request *request;
    struct ov_callback callback; /* the library keeps its address */
    uint64_t sequence; /* of the inference it computes, or computed last */
    bool busy;
};

struct ov_state {
    int64_t threads, streams, requests;
    int hint, precision;
    bool reshape;
    const char *provider, *cache;
    struct ifm_option_list properties; /* KEY=VALUE */

    void *library;
    struct ov_api api;
    char version[32], file[256], folder[4096];
    int type_shift; /* added to our numbers of element types, to get the library's */
    char device[64]; /* the provider as OpenVINO writes it */
    ov_core *core;
    ov_model *model;
    ov_compiled *compiled;
    ov_request *request; /* of run; that of slot 0 too */
    struct ov_side in, out;
    ov_tensor *inputs[IFM_MAX_TENSORS];
    ov_tensor *fetched[IFM_MAX_TENSORS];
    struct ifm_tensor outputs[IFM_MAX_TENSORS];
    char failure[256]; /* of the latest run, submit or wait */

    struct { /* submit and wait */
        struct ov_slot slots[OV_REQUESTS_MAX];
        size_t count;
        uint64_t submitted, waited;
        size_t last; /* slot of the inference that was waited for last */
        bool done[OV_PENDING_MAX], failed[OV_PENDING_MAX];
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool made;
    } queue;

    struct { /* another compiled model, with counters, that stands in the place of the plain one */
        bool active;
        ov_compiled *compiled;
        ov_request *request;
        struct ov_profile before; /* what was counted before the inferences that count */
        uint64_t inferences;
    } plain;
};

/* The one host of this process. */
extern const struct ifm_host *ov_host;

/* One line of the library's latest message, without its source files; valid until the next call. */
const char *ov_reason(struct ov_state *s);
/* 0, or host->fail with "what: reason". */
int ov_check(struct ov_state *s, int status, const char *what);
#define OV_TRY(call, what)                                                                         \
    do {                                                                                           \
        if (ov_check(s, s->api.call, what) != 0) {                                                 \
            return -1;                                                                             \
        }                                                                                          \
    } while (0)

int ov_choose_device(struct ov_state *s); /* provider to device */
int ov_type(const struct ov_state *s, enum ifm_dtype dtype);       /* the library's number */
enum ifm_dtype ov_dtype(const struct ov_state *s, int type);
int ov_library(struct ov_state *s);                                /* loads it, once */
void ov_devices(const struct ov_state *s, char *text, size_t size); /* comma-separated */
int ov_read(struct ov_state *s, const char *path);                 /* core, model, its sides */
int ov_compile(struct ov_state *s, bool counters);                 /* s->model into s->compiled */
/* A new request of s->compiled with the bound inputs. */
int ov_make_request(struct ov_state *s, ov_request **request);
int ov_effective(void *state, char *text, size_t text_size);
int ov_placement(void *state, struct ifm_placement *rows, size_t *row_count);

int ov_queue_make(struct ov_state *s); /* after s->request was made */
void ov_queue_end(struct ov_state *s); /* waits for what computes; accepts that none was made */
int ov_submit(void *state);
int ov_wait(void *state);

int ov_profile_start(void *state);
int ov_profile_stop(void *state, struct ifm_op_profile *rows, size_t *row_count);
void ov_profile_end(struct ov_state *s); /* puts the plain model back; accepts that it is there */

#endif
