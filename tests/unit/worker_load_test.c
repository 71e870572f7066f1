/* Inputs: what is assumed, what is refused, and the sentence that says why. */
#include "tests/lib/testlib.h"
#include <math.h>
#include <string.h>
#include "agents/worker/load.h"
#include "core/mem.h"
#include "core/tensor.h"

static const struct ifm_tensor_info image = { .name = "image",
                                              .dtype = IFM_DTYPE_F32,
                                              .rank = 4,
                                              .dims = { -1, 3, -1, 8 },
                                              .dim_names = { "batch", NULL, "height", NULL } };
static const struct ifm_tensor_info rate = { .name = "rate", .dtype = IFM_DTYPE_I64, .rank = 0 };
static const struct ifm_tensor_info pixels = {
    .name = "pixels", .dtype = IFM_DTYPE_U8, .rank = 2, .dims = { 1, 64 }
};

struct attempt {
    struct ifm_load load;
    struct ifm_msg_event event; /* its table frees the messages */
    struct ifm_err err;
};

static int try(struct attempt *a, const struct ifm_msg_spec *spec,
               const struct ifm_tensor_info *infos, size_t n)
{
    memset(a, 0, sizeof *a);
    ifm_json_init(&ifm_event_table, &a->event);
    return ifm_load_inputs(spec, infos, n, &a->load, &a->event.inputs, &a->err);
}

static void done(struct attempt *a)
{
    ifm_load_done(&a->load);
    ifm_json_free(&ifm_event_table, &a->event);
}

static const struct ifm_msg_tensor *message(const struct attempt *a, size_t i)
{
    return (const struct ifm_msg_tensor *)a->event.inputs.items + i;
}

static bool assumes(const struct attempt *a, size_t i, const char *text)
{
    const struct ifm_strings *notes = &message(a, i)->assumed;
    for (size_t n = 0; n < notes->count; n++) {
        if (strcmp(notes->items[n], text) == 0) {
            return true;
        }
    }
    return false;
}

static void what_nobody_said_is_written_down(void **state)
{
    const struct ifm_tensor_info infos[] = { image, rate, pixels };
    struct ifm_msg_spec spec = { .seed = 3 };
    struct attempt a;
    (void)state;
    assert_int_equal(try(&a, &spec, infos, 3), 0);
    assert_int_equal(a.load.count, 3);
    assert_true(assumes(&a, 0, "dim 0 (batch) = 1"));
    assert_true(assumes(&a, 0, "dim 2 (height) = 1"));
    assert_true(assumes(&a, 0, "values uniform in [0, 1)"));
    assert_true(assumes(&a, 1, "values uniform in [0, 1]"));
    assert_true(assumes(&a, 2, "values uniform in [0, 255]"));
    assert_int_equal(message(&a, 2)->assumed.count, 1);
    assert_string_equal(message(&a, 0)->source, "seeded");
    assert_int_equal(message(&a, 0)->model_dims.items[0], -1);
    assert_int_equal(message(&a, 0)->dims.items[2], 1);
    assert_string_equal(a.load.guessed, "image");
    done(&a);
}

static void batch_and_shape_leave_no_assumption(void **state)
{
    int64_t dims[] = { 2, 3, 5, 8 };
    struct ifm_msg_spec_input given = {
        .name = "image", .dims = { dims, 4 }, .low = -1, .high = 1
    };
    struct ifm_msg_spec spec = { .batch = 2, .inputs = { &given, 1 } };
    struct attempt a;
    (void)state;
    assert_int_equal(try(&a, &spec, &image, 1), 0);
    assert_int_equal(message(&a, 0)->assumed.count, 0);
    assert_int_equal(a.load.tensors[0].bytes, 2 * 3 * 5 * 8 * 4);
    assert_true(message(&a, 0)->low == -1 && message(&a, 0)->high == 1);
    assert_null(a.load.guessed);
    done(&a);
    spec = (struct ifm_msg_spec){ .batch = 7 };
    assert_int_equal(try(&a, &spec, &image, 1), 0);
    assert_int_equal(a.load.tensors[0].dims[0], 7);
    assert_false(assumes(&a, 0, "dim 0 (batch) = 1"));
    done(&a);
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    struct ifm_msg_spec spec = { .seed = 11 };
    struct attempt a, b, c;
    (void)state;
    assert_int_equal(try(&a, &spec, &image, 1), 0);
    assert_int_equal(try(&b, &spec, &image, 1), 0);
    spec.seed = 12;
    assert_int_equal(try(&c, &spec, &image, 1), 0);
    assert_memory_equal(a.load.tensors[0].data, b.load.tensors[0].data, a.load.tensors[0].bytes);
    assert_memory_not_equal(a.load.tensors[0].data, c.load.tensors[0].data,
                            a.load.tensors[0].bytes);
    done(&a);
    done(&b);
    done(&c);
}

static void a_batch_that_no_input_takes_is_refused(void **state)
{
    struct ifm_msg_spec spec = { .batch = 4 };
    struct attempt a;
    (void)state;
    t_assert_error(try(&a, &spec, &pixels, 1), IFM_ERR_INVALID, &a.err, "batch 4 is not possible");
    done(&a);
}

static void a_name_that_the_model_does_not_have_is_refused(void **state)
{
    struct ifm_msg_spec_input given = { .name = "imagee", .low = (double)NAN, .high = (double)NAN };
    struct ifm_msg_spec spec = { .inputs = { &given, 1 } };
    struct attempt a;
    (void)state;
    t_assert_error(try(&a, &spec, &image, 1), IFM_ERR_INVALID, &a.err, "did you mean image?");
    done(&a);
}

static void shapes_that_do_not_fit_are_refused_with_both(void **state)
{
    int64_t dims[] = { 1, 4, 5, 8 };
    struct ifm_msg_spec_input given = {
        .name = "image", .dims = { dims, 4 }, .low = (double)NAN, .high = (double)NAN
    };
    struct ifm_msg_spec spec = { .inputs = { &given, 1 } };
    struct attempt a;
    (void)state;
    t_assert_error(
        try(&a, &spec, &image, 1), IFM_ERR_INVALID, &a.err,
        "input 'image': the model wants float32 ?x3x?x8, the shape given is float32 1x4x5x8");
    done(&a);
    given.dims.count = 2;
    t_assert_error(try(&a, &spec, &image, 1), IFM_ERR_INVALID, &a.err, "1x4");
    done(&a);
    given.dims.count = 0;
    given.low = 2;
    given.high = 1;
    t_assert_error(try(&a, &spec, &image, 1), IFM_ERR_INVALID, &a.err, "range 2 to 1 is empty");
    done(&a);
}

static void huge_shapes_are_refused_before_memory_is_taken(void **state)
{
    int64_t dims[] = { 1000000000000, 3, 1000000000, 8 };
    struct ifm_msg_spec_input given = {
        .name = "image", .dims = { dims, 4 }, .low = (double)NAN, .high = (double)NAN
    };
    struct ifm_msg_spec spec = { .inputs = { &given, 1 } };
    struct attempt a;
    (void)state;
    assert_true(try(&a, &spec, &image, 1) < 0);
    assert_true(strlen(a.err.text) > 10);
    done(&a);
}

/* -- Files ----------------------------------------------------------------------------------------
 */
static char *write_npy(const char *name, enum ifm_dtype dtype, const int64_t *dims, int32_t rank)
{
    struct ifm_tensor t;
    struct ifm_err err = IFM_ERR_INIT;
    char *path = t_temp_path(name);
    assert_int_equal(ifm_tensor_new(&t, "x", dtype, dims, rank, 1 << 20, &err), 0);
    ifm_tensor_seed(&t, 5, 0, 1);
    assert_int_equal(ifm_npy_write(path, &t, &err), 0);
    ifm_tensor_done(&t);
    return path;
}

static void a_file_gives_shape_and_values(void **state)
{
    const int64_t dims[] = { 2, 3, 4, 8 };
    struct ifm_msg_spec_input given = { .name = "image",
                                        .file = write_npy("good.npy", IFM_DTYPE_F32, dims, 4),
                                        .low = (double)NAN,
                                        .high = (double)NAN };
    struct ifm_msg_spec spec = { .inputs = { &given, 1 } };
    struct attempt a;
    (void)state;
    assert_int_equal(try(&a, &spec, &image, 1), 0);
    assert_string_equal(message(&a, 0)->source, "file");
    assert_int_equal(message(&a, 0)->assumed.count, 0);
    assert_int_equal(message(&a, 0)->dims.items[2], 4);
    assert_true(isnan(message(&a, 0)->low));
    done(&a);
    ifm_free(given.file);
}

static void files_that_do_not_fit_are_refused_with_both(void **state)
{
    const int64_t dims[] = { 2, 3, 4, 8 };
    struct ifm_msg_spec_input given = { .name = "image", .low = (double)NAN, .high = (double)NAN };
    struct ifm_msg_spec spec = { .inputs = { &given, 1 } };
    struct attempt a;
    (void)state;
    given.file = write_npy("dtype.npy", IFM_DTYPE_F64, dims, 4);
    t_assert_error(try(&a, &spec, &image, 1), IFM_ERR_INVALID, &a.err,
                   "wants float32 ?x3x?x8, the file holds float64 2x3x4x8");
    done(&a);
    ifm_free(given.file);
    given.file = write_npy("rank.npy", IFM_DTYPE_F32, dims, 3);
    t_assert_error(try(&a, &spec, &image, 1), IFM_ERR_INVALID, &a.err,
                   "the file holds float32 2x3x4");
    done(&a);
    ifm_free(given.file);
    given.file = t_temp_path("text.npy");
    t_write(given.file, "hello", 5);
    t_assert_error(try(&a, &spec, &image, 1), IFM_ERR_INVALID, &a.err, "input 'image'");
    done(&a);
    ifm_free(given.file);
    given.file = t_temp_path("absent.npy");
    t_assert_error(try(&a, &spec, &image, 1), IFM_ERR_NOT_FOUND, &a.err, "input 'image'");
    done(&a);
    ifm_free(given.file);
}

static void a_type_without_a_word_cannot_be_fed(void **state)
{
    const struct ifm_tensor_info text = { .name = "prompt", .dtype = IFM_DTYPE_NONE };
    struct ifm_msg_spec spec = { .seed = 0 };
    struct attempt a;
    (void)state;
    t_assert_error(try(&a, &spec, &text, 1), IFM_ERR_UNSUPPORTED, &a.err, "'prompt'");
    done(&a);
}

/* -- Models that tell little (TorchScript, programs with bounds) ------------------------------- */
static const struct ifm_tensor_info untold = { .name = "x", .rank = -1 };

static void an_untold_shape_is_asked_for(void **state)
{
    struct ifm_msg_spec spec = { .seed = 3 };
    struct attempt a;
    (void)state;
    t_assert_error(try(&a, &spec, &untold, 1), IFM_ERR_INVALID, &a.err, "--shape x:");
    done(&a);
}

static void an_untold_shape_comes_from_the_user_and_its_type_is_assumed(void **state)
{
    int64_t dims[] = { 2, 3 };
    struct ifm_msg_spec_input given = {
        .name = (char[]){ "x" }, .dims = { dims, 2 }, .low = (double)NAN, .high = (double)NAN
    };
    struct ifm_msg_spec spec = { .seed = 3, .inputs = { &given, 1 } };
    struct attempt a;
    (void)state;
    assert_int_equal(try(&a, &spec, &untold, 1), 0);
    assert_int_equal(a.load.tensors[0].dtype, IFM_DTYPE_F32);
    assert_int_equal(a.load.tensors[0].rank, 2);
    assert_true(assumes(&a, 0, "type float32"));
    assert_int_equal(message(&a, 0)->model_dims.count, 0);
    done(&a);
}

static void an_open_dimension_takes_the_runtimes_bound(void **state)
{
    struct ifm_msg_spec spec = { .seed = 3 };
    struct attempt a;
    (void)state;
    memset(&a, 0, sizeof a);
    ifm_json_init(&ifm_event_table, &a.event);
    a.load.bounds[0][0] = 4;
    a.load.bounds[0][2] = 5;
    assert_int_equal(ifm_load_inputs(&spec, &image, 1, &a.load, &a.event.inputs, &a.err), 0);
    assert_int_equal(a.load.tensors[0].dims[0], 4);
    assert_int_equal(a.load.tensors[0].dims[2], 5);
    assert_true(assumes(&a, 0, "dim 0 (batch) = 4"));
    done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_said_is_written_down),
        cmocka_unit_test(batch_and_shape_leave_no_assumption),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(a_batch_that_no_input_takes_is_refused),
        cmocka_unit_test(a_name_that_the_model_does_not_have_is_refused),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused_with_both),
        cmocka_unit_test(huge_shapes_are_refused_before_memory_is_taken),
        cmocka_unit_test(a_file_gives_shape_and_values),
        cmocka_unit_test(files_that_do_not_fit_are_refused_with_both),
        cmocka_unit_test(a_type_without_a_word_cannot_be_fed),
        cmocka_unit_test(an_untold_shape_is_asked_for),
        cmocka_unit_test(an_untold_shape_comes_from_the_user_and_its_type_is_assumed),
        cmocka_unit_test(an_open_dimension_takes_the_runtimes_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
