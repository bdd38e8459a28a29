/* The orientation in EXIF data (CIPA DC-008, TIFF 6.0 inside): an entry of the first directory. The
 * data is not trusted: every offset is checked against the size. */
#include <string.h>

#include "vision/reading.h"

enum {
    TAG_ORIENTATION = 0x0112,
    TYPE_BYTE = 1,
    TYPE_SHORT = 3, /* the type that the standard requires */
    TYPE_LONG = 4,
    ENTRY = 12 /* bytes: tag, type, count, value or its offset */
};

typedef struct exif_data {
    const uint8_t *bytes;
    size_t size;
    int big; /* byte order */
} exif_data;

/* n bytes at an offset that has been checked. */
static uint32_t number(const exif_data *e, size_t at, int n)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint32_t)e->bytes[at + (size_t)i] << 8 * (e->big ? n - 1 - i : i);
    return v;
}

static int32_t value_of(const exif_data *e, size_t entry)
{
    static const uint8_t widths[] = {[TYPE_BYTE] = 1, [TYPE_SHORT] = 2, [TYPE_LONG] = 4};
    const uint32_t type = number(e, entry + 2, 2), count = number(e, entry + 4, 4);
    if (type >= sizeof widths || !widths[type] || count != 1)
        return 1;
    return adi_orientation_checked(number(e, entry + 8, widths[type]));
}

static int32_t search(const exif_data *e, size_t directory)
{
    const size_t entries = number(e, directory, 2);
    size_t at = directory + 2;
    for (size_t i = 0; i < entries && e->size - at >= ENTRY; i++, at += ENTRY)
        if (number(e, at, 2) == TAG_ORIENTATION)
            return value_of(e, at);
    return 1;
}

int32_t adi_exif_orientation(const uint8_t *bytes, size_t size)
{
    static const uint8_t prefix[6] = "Exif\0"; /* and a zero of its own */
    if (size >= sizeof prefix && !memcmp(bytes, prefix, sizeof prefix)) {
        bytes += sizeof prefix;
        size -= sizeof prefix;
    }
    if (size < 8 || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0))
        return 1;
    const exif_data e = {bytes, size, bytes[0] == 'M'};
    const size_t directory = number(&e, 4, 4);
    return directory <= size - 2 ? search(&e, directory) : 1;
}
