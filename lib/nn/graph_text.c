/* A graph's text with other values in some statements. One built-in graph then serves weights that
 * were trained with another padding or eps, and a scorer file, which keeps the text, says what
 * runs. */
#include <stdio.h>
#include <string.h>

#include "nn/graph.h"

/* Return the index of the statement whose key is the line's first word, or -1. */
static int32_t statement_of(const char *line, const adi_statement *statements, int32_t count)
{
    line += strspn(line, " \t\r");
    const size_t n = strcspn(line, " \t\r\n");
    for (int32_t i = 0; i < count; i++)
        if (strlen(statements[i].key) == n && memcmp(line, statements[i].key, n) == 0)
            return i;
    return -1;
}

ad_status adi_graph_text_with(const adi_allocator *a, const char *text,
                              const adi_statement *statements, int32_t count, char **out_text)
{
    size_t room = strlen(text) + 1;
    uint32_t seen = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const int32_t i = statement_of(line, statements, count);
        room += i < 0 ? 0 : strlen(statements[i].key) + strlen(statements[i].value) + 2;
    }
    char *out = adi_alloc(a, room), *at = out;
    if (!out)
        return adi_fail_memory();
    for (const char *line = text; *line;) {
        const size_t length = strcspn(line, "\n");
        const int32_t i = statement_of(line, statements, count);
        if (i < 0) {
            memcpy(at, line, length);
            at += length;
        } else { /* twice where it was twice, so that the reader refuses it */
            at += snprintf(at, room - (size_t)(at - out), "%s %s", statements[i].key,
                           statements[i].value);
            seen |= 1u << i;
        }
        line += length;
        if (*line == '\n')
            *at++ = *line++;
    }
    *at = '\0';
    for (int32_t i = 0; i < count; i++)
        if (!(seen >> i & 1)) {
            adi_free(a, out);
            return adi_fail(AD_ERR_INVALID_ARGUMENT, "the network has no '%s' to choose",
                            statements[i].key);
        }
    *out_text = out;
    return AD_OK;
}
