/* What a node must be by its operator's definition: number of inputs and outputs, attributes and their types. */
#include <string.h>

#include "agents/model/onnx.h"

static bool standard_domain(struct ifm_onnx_bytes domain)
{
    return !domain.len || ifm_onnx_is(domain, "ai.onnx.ml") || ifm_onnx_is(domain, "ai.onnx.preview") ||
           ifm_onnx_is(domain, "ai.onnx.preview.training");
}

/* Operators that old converters wrote without anybody having defined them; accepted by everyone. */
static bool experimental(const struct ifm_onnx_node *node)
{
    static const char *const names[] = { "ATen",  "Affine", "ConstantFill", "Crop", "DynamicSlice", "GRUUnit",
                                         "GivenTensorFill", "ImageScaler", "ParametricSoftplus", "Scale",
                                         "ScaledTanh" };
    for (size_t i = 0; i < sizeof names / sizeof *names && !node->domain.len; i++)
        if (ifm_onnx_is(node->op, names[i]))
            return true;
    return false;
}

/* Version of a domain that is in force; -1: not imported. "ai.onnx" is another name of the standard one. */
static int64_t version_of(const struct ifm_onnx *onnx, struct ifm_onnx_bytes domain)
{
    int64_t version = -1;
    for (size_t i = 0; i < onnx->opset_count; i++)
        if (ifm_onnx_is(domain, onnx->opsets[i].domain) ||
            (!domain.len && version < 0 && strcmp(onnx->opsets[i].domain, "ai.onnx") == 0))
            version = onnx->opsets[i].version;
    return version;
}

static bool is_function(const struct ifm_onnx *onnx, const struct ifm_onnx_node *node)
{
    for (size_t i = 0; i < onnx->function_count && i < 4096; i++)
        if (ifm_onnx_same(onnx->functions[i].name, node->op) &&
            ifm_onnx_same(onnx->functions[i].domain, node->domain))
            return true;
    return false;
}

/* -- Attributes ---------------------------------------------------------------------------------- */
static int check_parts(struct ifm_onnx *onnx, const struct ifm_onnx_attribute *attribute)
{
    struct ifm_pb pb = attribute->whole;
    struct ifm_pb_field field;
    struct ifm_onnx_tensor tensor;
    const unsigned any = 1u << IFM_ONNX_TENSOR | 1u << IFM_ONNX_TENSORS | 1u << IFM_ONNX_SPARSE | 1u << IFM_ONNX_SPARSES;
    int rc = 0;
    if (!(attribute->fields & any))
        return 0;
    while (!rc && ifm_pb_next(&pb, &field) == 1) {
        if (field.type != IFM_PB_BYTES)
            continue;
        if (field.number == 5 || field.number == 10) {
            rc = ifm_onnx_tensor_read(onnx, ifm_pb_inside(&field), &tensor);
            if (!rc)
                rc = ifm_onnx_tensor_check(onnx, &tensor);
        } else if (field.number == 22 || field.number == 23) {
            rc = ifm_onnx_sparse(onnx, 0, ifm_pb_inside(&field), false);
        }
    }
    return rc;
}

int ifm_onnx_attribute_check(struct ifm_onnx *onnx, const struct ifm_onnx_attribute *attribute)
{
    if (!attribute->name.len)
        return IFM_ONNX_PROBLEM(onnx, "attribute-name", "an attribute has no name");
    if (onnx->ir_version >= 2 && !attribute->has_type)
        return IFM_ONNX_PROBLEM(onnx, "attribute-type", "attribute \"%.*s\" tells no type",
                                IFM_ONNX_ARG(attribute->name));
    bool fits = !attribute->used || !attribute->has_type ||
                (attribute->type > 0 && attribute->type < 15 && attribute->fields == 1u << attribute->type);
    if (!fits || attribute->used > 1)
        return IFM_ONNX_PROBLEM(onnx, "attribute-type", "attribute \"%.*s\" holds something else than its type tells",
                                IFM_ONNX_ARG(attribute->name));
    return check_parts(onnx, attribute);
}

/* -- Against the table --------------------------------------------------------------------------- */
/* Type letter of an attribute in a row's list; 0: not in it. */
static char letter_of(const char *list, struct ifm_onnx_bytes name)
{
    for (const char *p = list; *p;) {
        const char *word = *p == '!' ? p + 1 : p, *colon = strchr(word, ':');
        if (!colon)
            return 0;
        if ((size_t)(colon - word) == name.len && memcmp(word, name.bytes, name.len) == 0)
            return colon[1];
        p = colon[2] ? colon + 3 : colon + 2;
    }
    return 0;
}

static int check_known(struct ifm_onnx *onnx, const struct ifm_onnx_node *node, const struct ifm_onnx_op *op,
                       const struct ifm_onnx_attribute *attribute)
{
    static const char letters[] = "?fistgFISTGxXpP";
    char letter = letter_of(op->attributes, attribute->name);
    if (!letter && attribute->name.len > 1 && memcmp(attribute->name.bytes, "__", 2) == 0)
        return 0; /* a tool's own */
    if (!letter)
        return IFM_ONNX_PROBLEM(onnx, "attribute-unknown", "node \"%.*s\": %s has no attribute \"%.*s\"",
                                IFM_ONNX_ARG(node->name), op->name, IFM_ONNX_ARG(attribute->name));
    if (attribute->type < 0 || attribute->type > 14 || letters[attribute->type] != letter)
        return IFM_ONNX_PROBLEM(onnx, "attribute-type", "node \"%.*s\": attribute \"%.*s\" of %s has the wrong type",
                                IFM_ONNX_ARG(node->name), IFM_ONNX_ARG(attribute->name), op->name);
    return 0;
}

static bool has(const struct ifm_onnx_node *node, const char *name, size_t len)
{
    for (size_t i = 0; i < node->attribute_count; i++)
        if (node->attributes[i].name.len == len && memcmp(node->attributes[i].name.bytes, name, len) == 0)
            return true;
    return false;
}

static int check_attributes(struct ifm_onnx *onnx, const struct ifm_onnx_node *node,
                            const struct ifm_onnx_op *op)
{
    int rc = 0;
    for (size_t i = 0; i < node->attribute_count && !rc; i++) {
        const struct ifm_onnx_bytes name = node->attributes[i].name;
        rc = check_known(onnx, node, op, &node->attributes[i]);
        for (size_t k = 0; k < i && k < 64 && !rc; k++)
            if (ifm_onnx_same(node->attributes[k].name, name))
                rc = IFM_ONNX_PROBLEM(onnx, "duplicate-name", "node \"%.*s\" has attribute \"%.*s\" twice",
                                      IFM_ONNX_ARG(node->name), IFM_ONNX_ARG(name));
    }
    for (const char *p = strchr(op->attributes, '!'); p && !rc; p = strchr(p + 1, '!')) {
        size_t len = strcspn(p + 1, ":");
        if (!has(node, p + 1, len))
            rc = IFM_ONNX_PROBLEM(onnx, "attribute-missing", "node \"%.*s\": %s needs attribute \"%.*s\"",
                                  IFM_ONNX_ARG(node->name), op->name, (int)len, p + 1);
    }
    return rc;
}

static int check_count(struct ifm_onnx *onnx, const struct ifm_onnx_node *node, const struct ifm_onnx_op *op,
                       const char *what, size_t count, int least, int most)
{
    if (count >= (size_t)least && (most < 0 || count <= (size_t)most))
        return 0;
    return IFM_ONNX_PROBLEM(onnx, "node-arity", "node \"%.*s\": %s has %zu %s, %d to %d are allowed",
                            IFM_ONNX_ARG(node->name), op->name, count, what, least, most < 0 ? 9999 : most);
}

static int check_empty(struct ifm_onnx *onnx, const struct ifm_onnx_node *node, const struct ifm_onnx_op *op,
                       const char *kinds, const struct ifm_onnx_bytes *list, size_t count)
{
    size_t known = strlen(kinds);
    for (size_t i = 0; i < count && known; i++)
        if (kinds[i < known ? i : known - 1] == 's' && !list[i].len)
            return IFM_ONNX_PROBLEM(onnx, "node-empty", "node \"%.*s\": operand %zu of %s may not be left out",
                                    IFM_ONNX_ARG(node->name), i, op->name);
    return 0;
}

static int check_row(struct ifm_onnx *onnx, const struct ifm_onnx_node *node, const struct ifm_onnx_op *op)
{
    if (op->deprecated)
        return IFM_ONNX_PROBLEM(onnx, "op-deprecated", "node \"%.*s\": %s was withdrawn before this opset version",
                                IFM_ONNX_ARG(node->name), op->name);
    int rc = check_count(onnx, node, op, "inputs", node->input_count, op->min_in, op->max_in);
    if (!rc)
        rc = check_count(onnx, node, op, "outputs", node->output_count, op->min_out, op->max_out);
    if (!rc)
        rc = check_empty(onnx, node, op, op->in, node->inputs, node->input_count);
    if (!rc)
        rc = check_empty(onnx, node, op, op->out, node->outputs, node->output_count);
    return rc ? rc : check_attributes(onnx, node, op);
}

static int check_operator(struct ifm_onnx *onnx, const struct ifm_onnx_node *node, int64_t version)
{
    bool known;
    const struct ifm_onnx_op *op = ifm_onnx_op_find(node->domain, node->op, version, &known);
    if (op)
        return check_row(onnx, node, op);
    if (standard_domain(node->domain) && !(is_function(onnx, node) && node->domain.len))
        return IFM_ONNX_PROBLEM(onnx, "op-unknown", "node \"%.*s\": version %lld of domain \"%.*s\" has no operator %.*s",
                                IFM_ONNX_ARG(node->name), (long long)version, IFM_ONNX_ARG(node->domain),
                                IFM_ONNX_ARG(node->op));
    return 0;
}

int ifm_onnx_node_check(struct ifm_onnx *onnx, const struct ifm_onnx_node *node)
{
    int rc = 0;
    if (onnx->in_function && onnx->ir_version < 8)
        return 0; /* functions count from IR version 8 on */
    if (!node->op.len)
        return IFM_ONNX_PROBLEM(onnx, "node-op", "node \"%.*s\" names no operator", IFM_ONNX_ARG(node->name));
    if (!node->input_count && !node->output_count)
        return IFM_ONNX_PROBLEM(onnx, "node-empty", "node \"%.*s\" (%.*s) has no inputs and no outputs",
                                IFM_ONNX_ARG(node->name), IFM_ONNX_ARG(node->op));
    for (size_t i = 0; i < node->attribute_count && !rc; i++)
        rc = ifm_onnx_attribute_check(onnx, &node->attributes[i]);
    int64_t version = version_of(onnx, node->domain);
    if (rc || experimental(node) || !onnx->opset_count)
        return rc;
    if (version < 0)
        return IFM_ONNX_PROBLEM(onnx, "opset-import", "node \"%.*s\": domain \"%.*s\" is not imported",
                                IFM_ONNX_ARG(node->name), IFM_ONNX_ARG(node->domain));
    return check_operator(onnx, node, version);
}
