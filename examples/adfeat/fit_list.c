/* What there is to choose from, as the library's tables say it. */
#include "fit_list.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit_method.h"

enum { COLUMN = 28, WIDTH = 80 };

int fit_list_print(void)
{
    for (int32_t i = 0; i < ad_method_count(); i++) {
        ad_method_info m = {.struct_size = sizeof m};
        if (ad_method_get_info(i, &m))
            return cli_fail_library();
        printf("%s%s\n  source  %s\n  needs   %s\n", i ? "\n" : "", m.name, m.source, m.needs);
    }
    return cli_finish_output();
}

/* A head and a text in two columns; what is too long goes on in the second. */
static void print_row(const char *head, int column, const char *text)
{
    int at = printf("%-*s", column, head);
    if (strlen(head) >= (size_t)column) {
        printf("\n%*s", column, "");
        at = column;
    }
    while (*text) {
        const int n = (int)strcspn(text, " ");
        if (at > column && at + 1 + n > WIDTH) {
            printf("\n%*s", column, "");
            at = column;
        }
        at += printf("%s%.*s", at > column ? " " : "", n, text);
        text += n;
        text += strspn(text, " ");
    }
    putchar('\n');
}

/* " (1 to 1024, or auto)", where there is something to say. */
static void describe_range(const ad_option_info *o, char *out, size_t size)
{
    const int number = o->kind == AD_OPTION_INTEGER || o->kind == AD_OPTION_REAL;
    char range[80] = "", words[300] = "";
    size_t n = 0;
    if (number && fabs(o->high) < 1e9)
        snprintf(range, sizeof range, "%.10g to %.10g", o->low, o->high);
    for (const char *c = o->words; *c && n + 2 < sizeof words; c++)
        n += (size_t)snprintf(words + n, sizeof words - n, *c == '|' ? ", " : "%c", *c);
    out[0] = '\0';
    if (*range || *words)
        snprintf(out, size, " (%s%s%s)", range, *range && *words ? ", or " : "", words);
}

static int print_option(const char *method, int32_t index)
{
    ad_option_info o = {.struct_size = sizeof o};
    char head[160], range[400], text[800];
    if (ad_method_get_option(method, index, &o))
        return cli_fail_library();
    snprintf(head, sizeof head, "  %s=%s", o.key, o.fallback);
    describe_range(&o, range, sizeof range);
    snprintf(text, sizeof text, "%s%s", o.says, range);
    print_row(head, COLUMN, text);
    return CLI_OK;
}

static void print_preset(const char *name, const char *says)
{
    char head[80];
    snprintf(head, sizeof head, "  %s", name);
    print_row(head, COLUMN, says);
}

int fit_list_options(const char *method, int *out_code)
{
    ad_method_info m = {.struct_size = sizeof m};
    *out_code = CLI_OK;
    if (!fit_method_find(method, &m))
        return 0;
    printf("usage: adfeat fit %s --weights W --data DIR -o FILE [options]\n\n", m.name);
    print_row("source", 8, m.source);
    print_row("needs", 8, m.needs);
    printf("\nIts own options with their defaults, each set by --set KEY=VALUE; 'adfeat fit\n"
           "--help' has the others.\n\n");
    for (int32_t i = 0; i < m.option_count && *out_code == CLI_OK; i++)
        *out_code = print_option(m.name, i);
    if (m.preset_count && *out_code == CLI_OK)
        printf("\nPresets, for --preset; other options change them, wherever they stand:\n\n");
    for (int32_t i = 0; i < m.preset_count && *out_code == CLI_OK; i++) {
        const char *name, *says;
        *out_code = ad_method_get_preset(m.name, i, &name, &says) ? cli_fail_library() : CLI_OK;
        if (*out_code == CLI_OK)
            print_preset(name, says);
    }
    if (*out_code == CLI_OK)
        *out_code = cli_finish_output();
    return 1;
}
