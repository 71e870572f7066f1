/* inferometer completion: scripts for bash, zsh and fish, from the table of verbs. */
#include <stdio.h>
#include <string.h>

#include "agents/cli/cli.h"

struct completion_options {
    struct ifm_cli_common common;
};
static const struct ifm_option completion_options[] = { IFM_CLI_COMMON_ROWS, IFM_OPTION_END };

static bool on_by_default(const struct ifm_option *row)
{
    return row->type == IFM_OPT_BOOL && row->fallback && strcmp(row->fallback, "true") == 0;
}

/* "a|b" -> "a b" */
static void words(struct ifm_buf *out, const char *choices)
{
    for (; *choices; choices++)
        ifm_buf_addc(out, *choices == '|' ? ' ' : *choices);
}

/* What is offered for the value of an option; NULL: nothing but files. */
static const char *values(const struct ifm_option *row)
{
    return row->type == IFM_OPT_CHOICE ? row->choices : NULL;
}

/* -- bash ------------------------------------------------------------------------------------------ */

static void bash_verb(struct ifm_buf *out, const struct ifm_verb *verb)
{
    ifm_buf_addf(out, "    %s)\n        case $prev in\n", verb->name);
    for (const struct ifm_option *row = verb->options; row->name; row++) {
        if (row->type == IFM_OPT_BOOL)
            continue;
        ifm_buf_addf(out, "        --%s", row->name);
        if (row->letter)
            ifm_buf_addf(out, "|-%c", row->letter);
        ifm_buf_adds(out, ") ");
        if (values(row)) {
            ifm_buf_adds(out, "COMPREPLY=($(compgen -W \"");
            words(out, values(row));
            ifm_buf_adds(out, "\" -- \"$cur\")); ");
        }
        ifm_buf_adds(out, "return ;;\n");
    }
    ifm_buf_adds(out, "        esac\n        options=\"");
    for (const struct ifm_option *row = verb->options; row->name; row++)
        ifm_buf_addf(out, "%s--%s%s", row == verb->options ? "" : " ", on_by_default(row) ? "no-" : "", row->name);
    ifm_buf_adds(out, "\"\n        ;;\n");
}

static void bash(struct ifm_buf *out)
{
    ifm_buf_adds(out, "# bash completion of inferometer; made by `inferometer completion bash`\n"
                      "_inferometer() {\n"
                      "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= options= i\n"
                      "    COMPREPLY=()\n"
                      "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                      "        case ${COMP_WORDS[i]} in -*) ;; *) verb=${COMP_WORDS[i]}; break ;; esac\n"
                      "    done\n"
                      "    if [[ -z $verb || ( $verb == help && $prev == help && $cur != -* ) ]]; then\n"
                      "        COMPREPLY=($(compgen -W \"");
    for (size_t i = 0; ifm_verbs[i]; i++)
        ifm_buf_addf(out, "%s%s", i ? " " : "", ifm_verbs[i]->name);
    ifm_buf_adds(out, "\" -- \"$cur\"))\n        return\n    fi\n    case $verb in\n");
    for (size_t i = 0; ifm_verbs[i]; i++)
        bash_verb(out, ifm_verbs[i]);
    /* an empty answer lets bash offer files */
    ifm_buf_adds(out, "    esac\n    [[ $cur == -* ]] && COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
                      "    return 0\n}\ncomplete -o default -F _inferometer inferometer ifm\n");
}

/* -- zsh ------------------------------------------------------------------------------------------- */

/* Inside '…[…]…': quotes end the word, brackets and colons the part. */
static void zsh_text(struct ifm_buf *out, const char *text)
{
    for (; text && *text; text++) {
        if (*text == '\'')
            ifm_buf_adds(out, "'\\''");
        else if (strchr("[]:\\", *text))
            ifm_buf_addf(out, "\\%c", *text);
        else
            ifm_buf_addc(out, *text);
    }
}

static void zsh_option(struct ifm_buf *out, const struct ifm_option *row, bool letter)
{
    bool value = row->type != IFM_OPT_BOOL;
    ifm_buf_addf(out, "        '%s", row->type == IFM_OPT_LIST ? "*" : "");
    if (letter)
        ifm_buf_addf(out, "-%c%s[", row->letter, value ? "+" : "");
    else
        ifm_buf_addf(out, "--%s%s%s[", on_by_default(row) ? "no-" : "", row->name, value ? "=" : "");
    zsh_text(out, row->help);
    ifm_buf_addc(out, ']');
    if (value) {
        ifm_buf_addc(out, ':');
        zsh_text(out, row->value ? row->value : "VALUE");
        if (values(row)) {
            ifm_buf_adds(out, ":(");
            words(out, values(row));
            ifm_buf_addc(out, ')');
        } else {
            ifm_buf_adds(out, ":_files");
        }
    }
    ifm_buf_adds(out, "' \\\n");
}

static void zsh(struct ifm_buf *out)
{
    ifm_buf_adds(out, "#compdef inferometer ifm\n# made by `inferometer completion zsh`\n_inferometer() {\n"
                      "    local -a verbs\n    verbs=(\n");
    for (size_t i = 0; ifm_verbs[i]; i++) {
        ifm_buf_addf(out, "        '%s:", ifm_verbs[i]->name);
        zsh_text(out, ifm_verbs[i]->summary);
        ifm_buf_adds(out, "'\n");
    }
    ifm_buf_adds(out, "    )\n    if (( CURRENT == 2 )); then\n        _describe command verbs\n        return\n"
                      "    fi\n    local verb=$words[2]\n    shift words\n    (( CURRENT-- ))\n"
                      "    case $verb in\n    help)\n        _describe command verbs\n        ;;\n");
    for (size_t i = 0; ifm_verbs[i]; i++) {
        if (strcmp(ifm_verbs[i]->name, "help") == 0)
            continue;
        ifm_buf_addf(out, "    %s)\n        _arguments \\\n", ifm_verbs[i]->name);
        for (const struct ifm_option *row = ifm_verbs[i]->options; row->name; row++) {
            zsh_option(out, row, false);
            if (row->letter)
                zsh_option(out, row, true);
        }
        ifm_buf_adds(out, "        '*:file:_files'\n        ;;\n");
    }
    ifm_buf_adds(out, "    esac\n}\n_inferometer \"$@\"\n");
}

/* -- fish ------------------------------------------------------------------------------------------ */

static void fish_text(struct ifm_buf *out, const char *text)
{
    ifm_buf_addc(out, '\'');
    for (; text && *text; text++) {
        if (*text == '\'' || *text == '\\')
            ifm_buf_addc(out, '\\');
        ifm_buf_addc(out, *text);
    }
    ifm_buf_addc(out, '\'');
}

static void fish(struct ifm_buf *out)
{
    ifm_buf_adds(out, "# fish completion of inferometer; made by `inferometer completion fish`\n"
                      "complete -c ifm -w inferometer\n");
    for (size_t i = 0; ifm_verbs[i]; i++) {
        const struct ifm_verb *verb = ifm_verbs[i];
        ifm_buf_addf(out, "complete -c inferometer -n __fish_use_subcommand -f -a %s -d ", verb->name);
        fish_text(out, verb->summary);
        ifm_buf_addf(out, "\ncomplete -c inferometer -n '__fish_seen_subcommand_from help' -f -a %s\n", verb->name);
        for (const struct ifm_option *row = verb->options; row->name; row++) {
            ifm_buf_addf(out, "complete -c inferometer -n '__fish_seen_subcommand_from %s' -l %s%s", verb->name,
                         on_by_default(row) ? "no-" : "", row->name);
            if (row->letter)
                ifm_buf_addf(out, " -s %c", row->letter);
            if (values(row)) {
                ifm_buf_adds(out, " -x -a '");
                words(out, values(row));
                ifm_buf_addc(out, '\'');
            } else if (row->type != IFM_OPT_BOOL) {
                ifm_buf_adds(out, " -r");
            }
            ifm_buf_adds(out, " -d ");
            fish_text(out, row->help);
            ifm_buf_addc(out, '\n');
        }
    }
}

static int run_completion(struct ifm_cli *cli, void *options, int argc, char **argv, struct ifm_err *err)
{
    static const struct {
        const char *shell;
        void (*make)(struct ifm_buf *out);
    } shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
    (void)options;
    int rc = ifm_cli_arguments(argc, argv, 1, 1, "a shell: bash, zsh or fish", err);
    if (rc)
        return rc;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (strcmp(argv[0], shells[i].shell) == 0) {
            shells[i].make(&cli->out);
            return 0;
        }
    return ifm_err_set(err, IFM_ERR_USAGE, "", "\"%.40s\" is no shell that is known here: bash, zsh or fish",
                       argv[0]);
}

const struct ifm_verb ifm_verb_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .summary = "a script that completes commands and options",
    .examples = "  source <(inferometer completion bash)\n"
                "  inferometer completion zsh -o ~/.zfunc/_inferometer\n"
                "  inferometer completion fish -o ~/.config/fish/completions/inferometer.fish\n",
    .notes = "An installed Inferometer has them in place already.\n",
    .options = completion_options,
    .options_size = sizeof(struct completion_options),
    .run = run_completion
};
