/* libpng's callbacks for memory and errors; see png_session.h. */
#include "vision/png_session.h"

#include <string.h>

static png_voidp on_alloc(png_structp png, png_alloc_size_t bytes)
{
    adi_png_session *session = png_get_mem_ptr(png);
    void *p = adi_alloc(session->allocator, bytes);
    if (!p)
        session->out_of_memory = true; /* libpng may report another error because of it */
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

/* Whether a warning is harmless. Its text begins with the name of a chunk, and names of chunks that
 * pixels do not need begin with a small letter; two of these tell how to read pixels. Extra data
 * behind the last row is harmless too. Every other warning concerns a pixel or a checksum. */
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

/* libpng's default prints. */
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
