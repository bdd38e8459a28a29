/* libpng's callbacks for memory and errors; see png_session.h. */
#include "vision/png_session.h"

#include <string.h>

static png_voidp on_alloc(png_structp png, png_alloc_size_t bytes)
{
    adi_png_session *session = png_get_mem_ptr(png);
    void *p = adi_alloc(session->allocator, bytes);
    if (!p)
        session->out_of_memory = true; /* libpng may go on to another error because of it */
    return p;
}

static void on_free(png_structp png, png_voidp pointer)
{
    const adi_png_session *session = png_get_mem_ptr(png);
    adi_free(session->allocator, pointer);
}

static void on_error(png_structp png, png_const_charp text)
{
    adi_png_session *session = png_get_error_ptr(png);
    session->status = session->out_of_memory
                          ? adi_fail_memory()
                          : adi_fail(session->failure, "%s: %s", session->prefix, text);
    longjmp(session->jump, 1);
}

/* A sentence about a chunk begins with its name, and chunks that no pixel needs have names that
 * begin with a small letter. Of these, two say what pixels mean. Behind the last row there may be
 * more than an image needs. Everything else that libpng calls a warning is a pixel or a checksum.
 */
static bool is_harmless(const char *text)
{
    static const char *const behind[] = {"IDAT: Extra compressed data",
                                         "IDAT: Too much image data"};
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++)
        if (strcmp(text, behind[i]) == 0)
            return true;
    const bool of_chunk = strlen(text) > 4 && text[4] == ':' && text[0] >= 'a' && text[0] <= 'z';
    return of_chunk && strcmp(text, "sBIT: CRC error") != 0 && strcmp(text, "eXIf: CRC error") != 0;
}

/* libpng's own prints. */
static void on_read_warning(png_structp png, png_const_charp text)
{
    const adi_png_session *session = png_get_error_ptr(png);
    if (!is_harmless(text))
        on_error(png, text);
    adi_note(session->notes, "%s: %s", session->prefix, text);
}

static void on_write_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static ad_status add_info(adi_png_session *session)
{
    session->info = session->png ? png_create_info_struct(session->png) : NULL;
    return session->info ? AD_OK : adi_fail_memory();
}

ad_status adi_png_begin_read(adi_png_session *session)
{
    session->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, session, on_error,
                                            on_read_warning, session, on_alloc, on_free);
    return add_info(session);
}

ad_status adi_png_begin_write(adi_png_session *session)
{
    session->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, session, on_error,
                                             on_write_warning, session, on_alloc, on_free);
    return add_info(session);
}
