/* A program outside of this project, on the installed library. It reads the image that it is given and
 * says on one line what it found. */
#include <adfeat.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", AD_VERSION_MAJOR, AD_VERSION_MINOR, AD_VERSION_PATCH);
    if (strcmp(version, ad_version_string()) != 0) {
        fprintf(stderr, "header %s, library %s\n", version, ad_version_string());
        return 1;
    }
    ad_context *context = NULL;
    ad_image image = {0};
    int failed = argc != 2 || ad_context_create(NULL, &context)
                 || ad_image_read(context, argv[1], NULL, &image);
    if (failed)
        fprintf(stderr, "%s\n", ad_last_error_message());
    else
        printf("adfeat %s: %d x %d pixels, %d architectures, the first is %s\n", version,
               (int)image.width, (int)image.height, (int)ad_architecture_count(),
               ad_architecture_name(0));
    ad_image_release(&image);
    ad_context_destroy(context);
    return failed;
}
