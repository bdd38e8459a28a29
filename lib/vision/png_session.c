/* libpng's callbacks for memory and errors; see png_session.h. */
#include "vision/png_session.h"

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

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text; /* libpng's own prints */
}

static ad_status add_info(adi_png_session *session)
{
    session->info = session->png ? png_create_info_struct(session->png) : NULL;
    return session->info ? AD_OK : adi_fail_memory();
}

ad_status adi_png_begin_read(adi_png_session *session)
{
    session->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, session, on_error, on_warning,
                                            session, on_alloc, on_free);
    return add_info(session);
}

ad_status adi_png_begin_write(adi_png_session *session)
{
    session->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, session, on_error, on_warning,
                                             session, on_alloc, on_free);
    return add_info(session);
}
