/* Reading a model, and what it says of its inputs and outputs. */
#include <stdio.h>
#include <string.h>
#include "agents/runtimes/openvino.h"

static int describe_port(struct ov_state *s, const ov_port *port, struct ov_side *side, size_t i,
                         const char *kind)
{
    struct ifm_tensor_info *info = &side->info[i];
    struct ov_partial_shape shape = { .dims = NULL };
    char *name = NULL;
    int type = -1;
    if (s->api.ov_port_get_any_name(port, &name) == 0 && name && *name) {
        snprintf(side->names[i], sizeof side->names[i], "%s", name);
    } else { /* OpenVINO's own IR may leave names out */
        snprintf(side->names[i], sizeof side->names[i], "%s_%zu", kind, i);
    }
    s->api.ov_free(name);
    info->name = side->names[i];
    OV_TRY(ov_port_get_element_type(port, &type), info->name);
    info->dtype = ov_dtype(s, type);
    OV_TRY(ov_port_get_partial_shape(port, &shape), info->name);
    const int64_t rank = shape.rank.min == shape.rank.max ? shape.rank.max : -1;
    for (int64_t d = 0; d < rank && d < IFM_MAX_RANK; d++) {
        info->dims[d] = shape.dims[d].min == shape.dims[d].max ? shape.dims[d].max : -1;
    }
    s->api.ov_partial_shape_free(&shape);
    if (rank > IFM_MAX_RANK || (rank < 0 && strcmp(kind, "input") == 0)) {
        return ov_host->fail(ov_host->context,
                             rank < 0 ? "%s %.60s has an open number of dimensions, at most %d can be measured"
                                      : "%s %.60s has more dimensions than the %d that can be measured",
                             kind, info->name, IFM_MAX_RANK);
    }
    info->rank = rank < 0 ? 0 : (int32_t)rank; /* of an output, known after the first inference */
    return 0;
}

static int describe_side(struct ov_state *s, struct ov_side *side, bool input)
{
    const char *kind = input ? "input" : "output";
    OV_TRY(ov_model_inputs_size(s->model, &side->count), "inputs");
    if (!input) {
        OV_TRY(ov_model_outputs_size(s->model, &side->count), "outputs");
    }
    if (side->count > IFM_MAX_TENSORS) {
        return ov_host->fail(ov_host->context, "the model has %zu %ss; at most %d can be measured",
                             side->count, kind, IFM_MAX_TENSORS);
    }
    for (size_t i = 0; i < side->count; i++) {
        ov_port *port = NULL;
        int status = ov_check(s,
                              input ? s->api.ov_model_const_input_by_index(s->model, i, &port)
                                    : s->api.ov_model_const_output_by_index(s->model, i, &port),
                              kind);
        if (status == 0) {
            status = describe_port(s, port, side, i, kind);
            s->api.ov_output_const_port_free(port);
        }
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

int ov_read(struct ov_state *s, const char *path)
{
    int status = ov_choose_device(s);
    if (status != 0) {
        return status;
    }
    OV_TRY(ov_core_create(&s->core), "OpenVINO cannot start");
    OV_TRY(ov_core_read_model(s->core, path, NULL, &s->model), "OpenVINO cannot read the model");
    status = describe_side(s, &s->in, true);
    return status == 0 ? describe_side(s, &s->out, false) : status;
}
