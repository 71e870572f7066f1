/* ifm-schemas DIR: writes DIR/<name>.schema.json for every message of core/msg.h. */
#include <stdio.h>

#include "core/msg.h"

static int write_schema(const char *folder, const struct ifm_table *table, struct ifm_err *err)
{
    struct ifm_buf text, path;
    ifm_buf_init(&text, 1024 * 1024);
    ifm_buf_init(&path, 4096);
    ifm_json_schema(table, &text);
    ifm_buf_addf(&path, "%s/%s.schema.json", folder, table->name);
    int rc = ifm_buf_check(&text, err);
    if (rc == 0)
        rc = ifm_buf_check(&path, err);
    if (rc == 0)
        rc = ifm_buf_write_file(path.data, text.data, text.len, err);
    ifm_buf_done(&path);
    ifm_buf_done(&text);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: ifm-schemas DIR\n");
        return ifm_err_exit(IFM_ERR_USAGE);
    }
    for (const struct ifm_table *const *table = ifm_msg_tables; *table; table++) {
        struct ifm_err err = IFM_ERR_INIT;
        if (write_schema(argv[1], *table, &err)) {
            fprintf(stderr, "ifm-schemas: %s\n", err.text);
            return ifm_err_exit(err.code);
        }
    }
    return 0;
}
