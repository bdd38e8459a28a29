/* The text of a graph, taken or refused with a sentence. */
#ifndef ADFEAT_TESTS_GRAPH_READ_CASE_H
#define ADFEAT_TESTS_GRAPH_READ_CASE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/graph.h"

static const adi_allocator *const heap = &adi_default_allocator;

#define HEAD  "network n\ninput_size 32\nmean 0.1 0.2 0.3\nstd 0.4 0.5 0.6\n"
#define INPUT HEAD "input image : channels=3\n"            /* line 5 */
#define TAPPED "input image : channels=3\nrelu r <- image\ntap t <- r\n"
#define CONV  INPUT "conv2d c <- image : out=4 kernel=3\n" /* line 6 */

/* The text is put at the end of a heap block of its size: the parser may not count on a terminator. */
static inline ad_status read_text(const adi_allocator *a, const char *text, size_t length, adi_graph **out)
{
    char *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, text, length);
    const ad_status status = adi_graph_read(a, exact, length, out);
    free(exact);
    return status;
}

static inline adi_graph *accepted(const char *text)
{
    adi_graph *g = NULL;
    if (read_text(heap, text, strlen(text), &g) != AD_OK)
        fail_msg("%s, for:\n%s", ad_last_error_message(), text);
    return g;
}

static inline void refused_bytes(const char *text, size_t length, const char *sentence)
{
    adi_graph *g = (adi_graph *)(void *)&length;
    ad_status status = read_text(heap, text, length, &g);
    if (status == AD_OK) { /* as for a backbone */
        status = adi_graph_check_image(g);
        adi_graph_destroy(g);
        g = NULL;
    }
    if (status != AD_ERR_FORMAT || g)
        fail_msg("status %d, not a format error, for:\n%.400s", status, text);
    if (strcmp(ad_last_error_message(), sentence) != 0)
        fail_msg("'%s', not '%s', for:\n%.400s", ad_last_error_message(), sentence, text);
}

static inline void refused(const char *text, const char *sentence)
{
    refused_bytes(text, strlen(text), sentence);
}

#endif
