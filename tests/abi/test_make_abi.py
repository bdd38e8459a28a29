#!/usr/bin/env python3
"""bindings/python/make_abi.py on made-up headers: what it reads, and that it refuses the rest."""
import ctypes
import pathlib
import sys
import unittest

PYTHON = pathlib.Path(__file__).resolve().parents[2] / "bindings" / "python"
sys.path.insert(0, str(PYTHON))
import make_abi  # noqa: E402

HEADER = r'''
/* A comment; typedef struct ad_not { int x; } ad_not; */
#ifndef AD_H
#define AD_H
#define AD_API __attribute__((visibility("default")))
#define AD_MAX_THINGS 4u /* of things */
#define AD_MASK (1 << 4 | AD_MAX_THINGS)
#define AD_INIT(a, b) \
    { (a), (b), 0 }
#ifdef __cplusplus
extern "C" {
#endif
typedef enum ad_kind { AD_KIND_A = -1, AD_KIND_B, AD_KIND_C = 0x02180014, AD_KIND_D = 1 << 3,
                       AD_KIND_LAST = AD_KIND_D } ad_kind;
typedef struct ad_thing ad_thing;
/** Called. @param fraction 0 .. 1 */
typedef int (*ad_step)(void *user, double fraction, const char *const *names);
typedef struct ad_view {
    uint32_t           struct_size; /**< "quoted; and" { braced } */
    const char  *const name;
    float              mean[3];
    char               note[16 * AD_MAX_THINGS];
    int16_t            table[2][AD_MAX_THINGS];
    const ad_thing    *things;
    ad_step            step;
} ad_view;
typedef void (*ad_look)(void *user, const ad_view *view);
AD_NODISCARD AD_API ad_kind ad_thing_make(const ad_view *view, ad_look look, const int32_t *labels,
                                          size_t count, ad_thing **out_thing);
AD_API const char *ad_thing_name(const ad_thing *);
AD_API void ad_thing_destroy(ad_thing *thing);
AD_API ad_thing *ad_thing_any(void);
#ifdef __cplusplus
}
#endif
#endif
'''


def loaded(header):
    """The two files as they are when imported."""
    files, names = make_abi.files(header), {}
    for text in files.values():
        exec(compile(text, "made", "exec"), names)
    return names


class MakeAbi(unittest.TestCase):
    def test_what_it_reads(self):
        made = loaded(HEADER)
        self.assertEqual((made["AD_MAX_THINGS"], made["AD_MASK"]), (4, 20))
        self.assertEqual({name: value.value for name, value in made["ad_kind"].__members__.items()},
                         {"AD_KIND_A": -1, "AD_KIND_B": 0, "AD_KIND_C": 0x02180014, "AD_KIND_D": 8,
                          "AD_KIND_LAST": 8})
        view, pointer = made["ad_view"], ctypes.c_void_p
        self.assertEqual(view._fields_, [
            ("struct_size", ctypes.c_uint32), ("name", ctypes.c_char_p), ("mean", ctypes.c_float * 3),
            ("note", ctypes.c_char * 64), ("table", ctypes.c_int16 * 4 * 2), ("things", pointer),
            ("step", made["ad_step"])])
        step, look = made["ad_step"], made["ad_look"]
        self.assertEqual((step._restype_, step._argtypes_), (ctypes.c_int, (
            pointer, ctypes.c_double, ctypes.POINTER(ctypes.c_char_p))))
        self.assertEqual((look._restype_, look._argtypes_), (None, (pointer, ctypes.POINTER(view))))
        self.assertEqual(made["FUNCTIONS"], {
            "ad_thing_make": (ctypes.c_int, [ctypes.POINTER(view), look, pointer, ctypes.c_size_t,
                                             ctypes.POINTER(pointer)]),
            "ad_thing_name": (ctypes.c_char_p, [pointer]), "ad_thing_destroy": (None, [pointer]),
            "ad_thing_any": (pointer, [])})
        self.assertNotIn("ad_not", made)

    def test_what_it_refuses(self):
        for words, old, new in (
                ("no rule for 'struct", "AD_API ad_thing *ad_thing_any(void);", "struct x;"),
                ("no rule for 'int ad_x", "AD_API ad_thing *ad_thing_any(void);", "int ad_x(void);"),
                ("no rule for 'AD_API", "ad_thing_any(void)", "ad_thing_any(int (*f)(void))"),
                ("the type 'long", "size_t count", "long count"),
                ("the type 'ad_nothing", "size_t count", "const ad_nothing *count"),
                ("the value of AD_KIND_D", "1 << 3", "sizeof(int)"),
                ("the value of note", "16 * AD_MAX_THINGS", "AD_UNKNOWN"),
                ("ad_view has the field", "mean[3];", "mean[3], std;"),
                ("ad_view has the", "mean[3];", "mean[3]; void (*left)(void);"),
                ("ad_view has the field", "mean[3];", "mean[3]; unsigned flag : 1;"),
                ("no rule for 'typedef union", "typedef struct ad_thing ad_thing;",
                 "typedef union ad_u { int x; } ad_u;")):
            self.assertIn(old, HEADER)
            with self.assertRaises(make_abi.CannotRead, msg=new) as caught:
                make_abi.files(HEADER.replace(old, new))
            self.assertIn(words, str(caught.exception))

    def test_lines(self):
        """Of the real header: none is too wide, and the first says how they are made."""
        for text in make_abi.files(pathlib.Path(make_abi.HEADER).read_text("utf-8")).values():
            self.assertIn(make_abi.COMMAND, text.splitlines()[0])
            self.assertLessEqual(max(map(len, text.splitlines())), make_abi.COLUMNS)


if __name__ == "__main__":
    unittest.main()
