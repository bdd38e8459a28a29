/* The parts of make_corpus: files and scorers in make_corpus.c, graphs in make_corpus_graph.c, pictures in make_corpus_image.c, depth in
 * make_corpus_depth.c, students in make_corpus_student.c. */
#ifndef ADFEAT_TESTS_FUZZ_MAKE_CORPUS_H
#define ADFEAT_TESTS_FUZZ_MAKE_CORPUS_H

#include "fuzz.h"

/* End the program where `call` is not 0. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != 0) {                                                                         \
            fprintf(stderr, "make_corpus: %s: %s\n", #call, ad_last_error_message());              \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* One input: control bytes, then the file. */
void put(const char *target, const char *name, int flags, const void *bytes, size_t size);
/* The same with its last third missing, and with one bit turned over in the middle. */
void put_broken(const char *target, const char *name, int flags, const void *bytes, size_t size);

/* A file's bytes, released with free(); the file is removed. */
uint8_t *take_file(const char *path, size_t *out_size);

/* Of the target graph. */
void make_graphs(void);
/* Two of the graphs, which scorers have too; and one with squeeze-excitation and a padding of four, its own text each. */
extern const char tiny_graph[], plain_graph[];
const char *squeeze_with(const char *padding);
/* Of the target student, and scorers; `root` as main()'s argument. */
void make_students(const char *root);
/* Of the targets decode and image. */
void make_pictures(void);
void make_views(void);
/* Of the target depth. */
void make_depths(void);

#endif
