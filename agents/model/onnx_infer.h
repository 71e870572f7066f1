/* Shape inference of ONNX graphs: what its files share. One step is one node in file order, on shapes whose dynamic
 * dimensions are already set, so that every rule computes with plain numbers. Small integer tensors are followed too:
 * exporters compute the shapes of Reshape and Slice from Shape, Gather and Concat. Private to agents/model/onnx*.c.
 *
 * Threading, ownership: as graph.h. A rule returns false where it cannot tell; then what the file declares stays. */
#ifndef IFM_ONNX_INFER_H
#define IFM_ONNX_INFER_H

#include "agents/model/onnx.h"

struct ifm_onnx_step {
    struct ifm_onnx *onnx;
    struct ifm_graph *graph;
    const struct ifm_graph_node *node;
};
typedef struct ifm_graph_shape ifm_shape;
typedef bool ifm_onnx_rule(struct ifm_onnx_step *step, ifm_shape *out); /* of output 0 */

const ifm_shape *ifm_onnx_in(const struct ifm_onnx_step *step, size_t place); /* NULL: not there or not known */
const struct ifm_onnx_values *ifm_onnx_in_values(const struct ifm_onnx_step *step, size_t place);
void ifm_onnx_put(struct ifm_onnx_step *step, size_t place, const ifm_shape *shape); /* a further output */
int64_t ifm_onnx_int(const struct ifm_onnx_step *step, const char *name, int64_t otherwise);
/* INTS attribute of that name, else values of the input at place (SIZE_MAX: none); false: neither is known. */
bool ifm_onnx_list(const struct ifm_onnx_step *step, const char *name, size_t place, struct ifm_onnx_values *out);
bool ifm_onnx_axis(int64_t axis, int32_t rank, int32_t *out); /* a negative one counts from the end */
bool ifm_onnx_broadcast(const ifm_shape *a, const ifm_shape *b, ifm_shape *out);

ifm_onnx_rule *ifm_onnx_rule_window(const char *op); /* convolutions and pools; NULL: not among them */
ifm_onnx_rule *ifm_onnx_rule_move(const char *op);   /* what changes shapes without computing */
ifm_onnx_rule *ifm_onnx_rule_math(const char *op);   /* the rest */
/* Values of output 0 where they follow from values or shapes of the inputs. */
int ifm_onnx_follow(struct ifm_onnx_step *step);

#endif
