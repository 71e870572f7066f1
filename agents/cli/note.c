#include "agents/cli/note.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agents/agent/spool.h"
#include "core/mem.h"

#define WORDS_MAX 1024
#define TEXT_MAX  (256 * 1024)

static const struct ifm_field fields[] = {
    { .name = "cwd",
      .kind = IFM_FIELD_STRING,
      .offset = offsetof(struct ifm_note, cwd),
      .flags = IFM_FIELD_REQUIRED,
      .max = IFM_SPOOL_PATH_MAX },
    { .name = "argv",
      .kind = IFM_FIELD_STRINGS,
      .offset = offsetof(struct ifm_note, argv),
      .flags = IFM_FIELD_REQUIRED,
      .max = WORDS_MAX,
      .item_max = IFM_SPOOL_PATH_MAX },
    { .name = NULL }
};
static const struct ifm_table table = { "local", "", sizeof(struct ifm_note), fields };

static void path_of(const char *folder, char path[IFM_SPOOL_PATH_MAX])
{
    snprintf(path, IFM_SPOOL_PATH_MAX, "%.*s/local.json", IFM_SPOOL_PATH_MAX - 16, folder);
}

void ifm_note_write(const char *folder, int argc, char *const *argv)
{
    char cwd[IFM_SPOOL_PATH_MAX], path[IFM_SPOOL_PATH_MAX];
    struct ifm_buf text;
    struct ifm_jw w;
    if (!getcwd(cwd, sizeof cwd) || argc > WORDS_MAX)
        return;
    ifm_buf_init(&text, TEXT_MAX);
    ifm_jw_init(&w, &text);
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "v");
    ifm_jw_i64(&w, 1);
    ifm_jw_key(&w, "cwd");
    ifm_jw_string(&w, cwd);
    ifm_jw_key(&w, "argv");
    ifm_jw_begin(&w, '[');
    for (int i = 0; i < argc; i++)
        ifm_jw_string(&w, argv[i]);
    ifm_jw_end(&w, ']');
    ifm_jw_end(&w, '}');
    path_of(folder, path);
    if (!text.failed)
        ifm_buf_write_file(path, text.data, text.len, NULL);
    ifm_buf_done(&text);
}

int ifm_note_read(const char *folder, struct ifm_note *out, struct ifm_err *err)
{
    char path[IFM_SPOOL_PATH_MAX];
    struct ifm_buf text;
    memset(out, 0, sizeof *out);
    path_of(folder, path);
    if (access(path, F_OK))
        return ifm_err_set(err, IFM_ERR_NOT_FOUND, "", "the run has no note of where it was made");
    ifm_buf_init(&text, TEXT_MAX);
    int rc = ifm_buf_read_file(&text, path, err);
    if (!rc)
        rc = ifm_json_decode(&table, text.data ? text.data : "", text.len, out, err);
    ifm_buf_done(&text);
    return rc;
}

void ifm_note_done(struct ifm_note *note)
{
    ifm_json_free(&table, note);
}
