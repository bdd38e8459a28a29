#!/usr/bin/env python3
"""What the converter writes: checksums as libadfeat's own writer has them, so that no damage is taken for weights; and
temporary files that are removed when their writer is gone, and only then."""
import fcntl
import os
import signal
import subprocess
import sys
import time
import unittest

from files import (CONVERT, SAMPLE, ConvertTest, Refused, program, read_safetensors, safetensors_bytes, sample_state,
                   zip_bytes)

from _convert import container, temporary

LEFT = ".adfeat-0123456789abcdef.tmp"


class ChecksumTest(ConvertTest):
    def written(self):
        self.assertEqual(self.converted(zip_bytes(sample_state()), "--raw")[1], SAMPLE)  # which compares them
        with open(self.output, "rb") as f:
            return f.read()

    def test_form(self):
        """As lib/core/safetensors_write.c: keys sorted, no space around colons."""
        content = self.written()
        header = content[8:8 + int.from_bytes(content[:8], "little")]
        self.assertTrue(header.startswith(b'{"__metadata__":{"adfeat.crc32":"'))
        keys = list(container.read(content).metadata)
        self.assertEqual(keys, sorted(keys))
        self.assertEqual(len(keys), len(SAMPLE) + 3)

    def test_every_flipped_bit(self):
        """Refused, or nothing else is read."""
        content = bytearray(self.written())
        good = container.read(bytes(content))
        wanted = good.metadata, {n: t.read() for n, t in good.tensors.items()}
        equal = 0
        for bit in range(8 * len(content)):
            content[bit // 8] ^= 1 << bit % 8
            try:
                source = program.read_source(bytes(content))
                self.assertEqual((source.metadata, {n: t.read() for n, t in source.tensors.items()}), wanted, bit)
                equal += 1
            except Refused:
                pass
            content[bit // 8] ^= 1 << bit % 8
        self.assertEqual(equal, 0)

    def test_converted_again(self):
        """Reading checks, and the new file has checksums of its own."""
        content = self.written()
        self.assertEqual(self.converted(content, "--raw")[1], SAMPLE)
        damaged = content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]
        self.refused_keeps(damaged, "does not agree with its checksum")
        self.refused_keeps(content.replace(b'"adfeat.crc32"', b'"adfeat.crc33"'), "its header does not agree")

    def refused_keeps(self, content, part):
        result = self.run_convert(content, "--raw")
        self.assertEqual(result.returncode, 1)
        self.assertIn(part, result.stderr)
        self.assertEqual(read_safetensors(self.output)[1], SAMPLE)

    def test_files_without(self):
        """Somebody else's, and converted students from before there were checksums."""
        tensors = {"a": ("F32", (1,), b"\0" * 4)}
        for metadata in ({"format": "pt"}, {"adfeat.student.kind": "masked_rd", "origin_names": "rd4ad"}):
            self.converted(safetensors_bytes(tensors, metadata), "--raw")
        self.refused_keeps_nothing(safetensors_bytes(tensors, {"adfeat.kind": "scorer"}))

    def refused_keeps_nothing(self, content):
        result = self.run_convert(content, "--raw")
        self.assertEqual(result.returncode, 1)
        self.assertIn("is damaged", result.stderr)


class TemporaryTest(ConvertTest):
    def left(self):
        return sorted(n for n in os.listdir(self.folder.name) if n.startswith(".adfeat-"))

    def put(self, name, age=0):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as f:
            f.write(b"half")
        then = time.time() - age
        os.utime(path, (then, then))
        return path

    def test_left_and_held(self):
        self.put(LEFT)
        held = os.open(self.put(".adfeat-fedcba9876543210.tmp", age=1 << 20), os.O_RDONLY)
        self.addCleanup(os.close, held)
        fcntl.flock(held, fcntl.LOCK_EX)
        for other in (".adfeat-0123456789abcdeF.tmp", ".adfeat-1.tmp", ".convert-x.tmp"):
            self.put(other)
        os.symlink("net.pth", os.path.join(self.folder.name, ".adfeat-2222222222222222.tmp"))
        os.mkfifo(os.path.join(self.folder.name, ".adfeat-3333333333333333.tmp"))
        self.converted(zip_bytes(sample_state()), "--raw")
        self.assertEqual(self.left(), [".adfeat-0123456789abcdeF.tmp", ".adfeat-1.tmp", ".adfeat-2222222222222222.tmp",
                                       ".adfeat-3333333333333333.tmp", ".adfeat-fedcba9876543210.tmp"])

    def test_killed(self):
        """In the middle of writing: what it leaves is its own, locked as long as it lives."""
        self.store(zip_bytes(sample_state()))
        slow = ("import os, sys, time; sys.path.insert(0, %r); from _convert import container, program\n"
                "def wait(*a): print(flush=True); time.sleep(600)\n"
                "container.write_to = wait\nprogram.main([%r, '-o', %r, '--raw'])" % (
                    os.path.dirname(CONVERT), self.input, self.output))
        child = subprocess.Popen([sys.executable, "-B", "-c", slow], stdout=subprocess.PIPE)
        child.stdout.readline()
        self.assertEqual(len(self.left()), 1)
        self.converted(None, "--raw")
        self.assertEqual(len(self.left()), 1)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        self.converted(None, "--raw")
        self.assertEqual(self.left(), [])

    def test_where_locks_are_not_shared(self):
        self.addCleanup(setattr, temporary, "is_local", temporary.is_local)
        temporary.is_local = lambda device: False
        path = self.put(LEFT, age=23 * 3600)
        self.converted(zip_bytes(sample_state()), "--raw")
        self.assertTrue(os.path.exists(path))
        self.put(LEFT, age=25 * 3600)
        self.converted(zip_bytes(sample_state()), "--raw")
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    unittest.main()
