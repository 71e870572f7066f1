#include "daemon/analysis/accuracy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/stat.h"

#define TEXT_MAX 256

struct answers {
    bool same;              /* both answered the same samples */
    int64_t only_a, only_b; /* that one of the two got right; IFM_JSON_ABSENT: not known */
    double difference, p;   /* NAN: not known */
};

/* Not measured: 0 samples. A client may claim anything: more right than asked counts as nothing measured. */
static bool measured(const struct ifm_msg_accuracy *accuracy)
{
    return accuracy->samples > 0 && accuracy->correct >= 0 && accuracy->correct <= accuracy->samples;
}

static bool right(const struct ifm_block *bits, int64_t i)
{
    return bits->bytes[i / 8] >> (i % 8) & 1;
}

/* Bits that do not give the number that was told are none. */
static bool has_bits(const struct ifm_msg_accuracy *accuracy)
{
    int64_t correct = 0;
    if (!accuracy->correct_bits.bytes || (int64_t)accuracy->correct_bits.len != (accuracy->samples + 7) / 8) return false;
    for (int64_t i = 0; i < accuracy->samples; i++) correct += right(&accuracy->correct_bits, i);
    return correct == accuracy->correct;
}

static struct answers hold_against(const struct ifm_msg_accuracy *a, const struct ifm_msg_accuracy *b)
{
    struct answers out = { false, IFM_JSON_ABSENT, IFM_JSON_ABSENT, (double)NAN, (double)NAN };
    if (!a->labels_sha256 || !b->labels_sha256 || strcmp(a->labels_sha256, b->labels_sha256) != 0 ||
        a->samples != b->samples) {
        return out;
    }
    out.same = true;
    out.difference = ((double)b->correct - (double)a->correct) / (double)a->samples;
    if (!has_bits(a) || !has_bits(b)) return out;
    out.only_a = out.only_b = 0;
    for (int64_t i = 0; i < a->samples; i++) {
        bool in_a = right(&a->correct_bits, i), in_b = right(&b->correct_bits, i);
        out.only_a += in_a && !in_b;
        out.only_b += in_b && !in_a;
    }
    out.p = ifm_stat_mcnemar_p2(out.only_a, out.only_b);
    return out;
}

static void say(const struct ifm_msg_accuracy *a, const struct answers *answers, char text[TEXT_MAX])
{
    double points = 100 * fabs(answers->difference);
    const char *word = answers->difference < 0 ? "fewer" : "more";
    if (!answers->same) {
        snprintf(text, TEXT_MAX, "measured over other samples or labels: no difference is computed");
    } else if (isnan(answers->p)) {
        snprintf(text, TEXT_MAX, "B was right %.2f percentage points %s often over %lld samples; which ones was not kept, so "
                 "there is no test", points, answers->difference < 0 ? "less" : "more", (long long)a->samples);
    } else if (answers->only_a + answers->only_b == 0) {
        snprintf(text, TEXT_MAX, "both were right about the same of %lld samples", (long long)a->samples);
    } else {
        snprintf(text, TEXT_MAX, "B was right about %lld %s of %lld samples (%lld only A, %lld only B): %s, p = %.2g by "
                 "McNemar's exact test", (long long)llabs(answers->only_b - answers->only_a), word,
                 (long long)a->samples, (long long)answers->only_a, (long long)answers->only_b,
                 answers->p < 0.05 ? "a real difference" : "no difference shown", answers->p);
    }
}

static void write_side(struct ifm_jw *w, const char *key, const struct ifm_msg_accuracy *accuracy)
{
    double low, high;
    ifm_stat_wilson(accuracy->correct, accuracy->samples, 0.05, &low, &high);
    ifm_jw_key(w, key);
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "samples");
    ifm_jw_i64(w, accuracy->samples);
    ifm_jw_key(w, "correct");
    ifm_jw_i64(w, accuracy->correct);
    ifm_jw_key(w, "skipped");
    ifm_jw_i64(w, accuracy->skipped);
    ifm_jw_key(w, "value");
    ifm_jw_f64(w, (double)accuracy->correct / (double)accuracy->samples);
    ifm_jw_key(w, "low");
    ifm_jw_f64(w, low);
    ifm_jw_key(w, "high");
    ifm_jw_f64(w, high);
    ifm_jw_end(w, '}');
}

void ifm_accuracy_write(struct ifm_jw *w, const struct ifm_msg_run *a, const struct ifm_msg_run *b)
{
    char text[TEXT_MAX];
    if (!measured(&a->accuracy) || !measured(&b->accuracy)) {
        ifm_jw_raw(w, "null");
        return;
    }
    const struct answers answers = hold_against(&a->accuracy, &b->accuracy);
    say(&a->accuracy, &answers, text);
    ifm_jw_begin(w, '{');
    write_side(w, "a", &a->accuracy);
    write_side(w, "b", &b->accuracy);
    ifm_jw_key(w, "difference");
    ifm_jw_f64(w, answers.difference);
    ifm_jw_key(w, "p");
    ifm_jw_f64(w, answers.p);
    ifm_jw_key(w, "only_a");
    ifm_jw_i64(w, answers.only_a);
    ifm_jw_key(w, "only_b");
    ifm_jw_i64(w, answers.only_b);
    ifm_jw_key(w, "text");
    ifm_jw_string(w, text);
    ifm_jw_end(w, '}');
}

void ifm_precision_note(const struct ifm_msg_run *a, const struct ifm_msg_run *b, char text[IFM_PRECISION_NOTE_MAX])
{
    text[0] = '\0';
    if (a->precision && b->precision && strcmp(a->precision, b->precision) != 0) {
        snprintf(text, IFM_PRECISION_NOTE_MAX, "A computed in %.32s, B in %.32s", a->precision, b->precision);
    }
}
