#!/usr/bin/env python3
"""AST as its authors save it: a flow and a student, a checkpoint each, become one file that libadfeat loads."""
import collections
import os
import unittest

from files import ConvertTest, Storage, Tensor, floats, read_safetensors, zip_bytes


def state(shapes, prefix):
    """What torch.save() is given; every tensor is one number, its place, over and over."""
    out = collections.OrderedDict()
    for i, (name, shape) in enumerate(shapes.items()):
        kind = "LongStorage" if name.endswith("tracked") else "FloatStorage"
        out[prefix + name] = Tensor(Storage(str(i), kind, [i]), 0, shape, (0,) * len(shape))
    return out


def flow_shapes(n=6, d=4, hidden=5, blocks=2):
    shapes = {}
    for k in range(blocks):
        for net in ("s1", "s2"):
            name = "module_list.%d.%s." % (3 + 2 * k, net)
            shapes[name + "gamma"] = (1,)
            shapes[name + "conv1.weight"], shapes[name + "conv1.bias"] = (hidden, n // 2 + d, 3, 3), (hidden,)
            shapes[name + "conv2.weight"], shapes[name + "conv2.bias"] = (n, hidden, 3, 3), (n,)
    return shapes


def student_shapes(n=6, d=4, wide=7, blocks=1):
    shapes = {"conv1.weight": (wide, n + d, 3, 3), "conv1.bias": (wide,), "conv2.weight": (n, wide, 3, 3),
              "conv2.bias": (n,), "gamma": (1,)}
    for k in range(blocks):
        for j in "12":
            shapes["res.%d.l%s.weight" % (k, j)], shapes["res.%d.l%s.bias" % (k, j)] = (wide, wide, 3, 3), (wide,)
            for part in ("weight", "bias", "running_mean", "running_var"):
                shapes["res.%d.bn%s.%s" % (k, j, part)] = (wide,)
            shapes["res.%d.bn%s.num_batches_tracked" % (k, j)] = ()
    return shapes


class AstTest(ConvertTest):
    def student_file(self, shapes, prefix="net."):
        path = os.path.join(os.path.dirname(self.output), "student.pth")
        with open(path, "wb") as file:
            file.write(zip_bytes(state(shapes, prefix)))
        return path

    def test_two_become_one(self):
        student = self.student_file(student_shapes())
        result = self.run_convert(zip_bytes(state(flow_shapes(), "net.")), "--ast-student", student)
        self.assertEqual(result.returncode, 0, result.stderr)
        for line in ("flow and student as the authors of AST have them", "20 of the flow, 17 of the student",
                     "flow_blocks=2, flow_hidden=5, student_blocks=1, student_hidden=7, positions=4, channels=6"):
            self.assertIn(line, result.stdout)
        metadata, tensors = read_safetensors(self.output)
        self.assertEqual((metadata["kind"], metadata["origin_names"]), ("student", "ast"))
        want = {"teacher." + name for name in flow_shapes()}
        want |= {"student." + name for name in student_shapes() if not name.endswith("tracked")}
        self.assertEqual(set(tensors), want)
        for i, name in enumerate(flow_shapes()):
            self.assertEqual(tensors["teacher." + name][2][:4], floats(i), name)

    def test_the_wrong_way_round(self):
        student = self.student_file(flow_shapes())
        result = self.run_convert(zip_bytes(state(student_shapes(), "")), "--ast-student", student)
        self.assertEqual(result.returncode, 1)
        self.assertIn("has no tensor 'module_list.3.s1.conv1.weight': it is no flow of AST", result.stderr)

    def test_a_student_of_fewer_inputs(self):
        student = self.student_file(student_shapes(d=0))
        result = self.run_convert(zip_bytes(state(flow_shapes(), "")), "--ast-student", student)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no positions are left", result.stderr)

    def test_options_that_say_nothing_to_it(self):
        result = self.run_convert(zip_bytes(state(flow_shapes(), "")), "--ast-student", "x", "--raw")
        self.assertEqual(result.returncode, 2)


if __name__ == "__main__":
    unittest.main()
