/* A host that loads the library as a plug-in, uses it and unloads it; it is not linked with the library.
 *     plugin_host LIBRARY SCORER IMAGE ROUNDS THREADED
 * Prints the score, the same one each round. THREADED 1: each round is in a thread of its own, which ends. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adfeat.h"

typedef struct use {
    char **args;
    float score;
    int failed;
} use;

/* dlsym() returns an object pointer, POSIX says that it may be a function's. */
#define SYMBOL(name)                                                                               \
    __typeof__(&name) name##_here = NULL;                                                          \
    do {                                                                                           \
        void *found = dlsym(library, #name);                                                       \
        memcpy(&name##_here, &found, sizeof found);                                                \
    } while (0)

static void *load_use_unload(void *user)
{
    use *u = user;
    u->failed = 1;
    void *library = dlopen(u->args[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return NULL;
    }
    SYMBOL(ad_context_options_init);
    SYMBOL(ad_context_create);
    SYMBOL(ad_context_destroy);
    SYMBOL(ad_scorer_load);
    SYMBOL(ad_scorer_destroy);
    SYMBOL(ad_image_read);
    SYMBOL(ad_image_release);
    SYMBOL(ad_score_image);
    ad_context_options o;
    ad_context_options_init_here(&o, sizeof o);
    o.num_threads = 2;
    ad_context *context = NULL;
    ad_scorer *scorer = NULL;
    ad_image image = {0};
    if (!ad_context_create_here(&o, &context) && !ad_scorer_load_here(context, u->args[2], NULL, &scorer)
        && !ad_image_read_here(context, u->args[3], NULL, &image) && !ad_score_image_here(scorer, &image, &u->score))
        u->failed = 0;
    ad_image_release_here(&image);
    ad_scorer_destroy_here(scorer);
    ad_context_destroy_here(context);
    if (dlclose(library))
        u->failed = 1;
    usleep(20000); /* threads that wait actively do so for some milliseconds */
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    float first = 0.0f;
    for (int round = 0; round < atoi(argv[4]); round++) {
        use u = {.args = argv};
        pthread_t thread;
        if (argv[5][0] == '0')
            load_use_unload(&u);
        else if (pthread_create(&thread, NULL, load_use_unload, &u) || pthread_join(thread, NULL))
            return 1;
        if (round == 0)
            first = u.score;
        if (u.failed || memcmp(&first, &u.score, sizeof first) != 0)
            return 1;
    }
    printf("%a\n", (double)first);
    return 0;
}
