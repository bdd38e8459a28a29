"""The command line: read, recognise, check, write, and say what was done."""
from __future__ import annotations

import argparse
import collections
import hashlib
import io
import os
import stat
import sys
import typing

from . import archives, ast, checkpoint, choice, container, other_kinds, provenance, rd4ad
from .networks import networks
from .recognise import Fit, recognise
from .tensors import FLOATS, MAX_BYTES, Refused, Rounding, Source, Tensor, check_total, is_finite

DESCRIPTION = """\
Converts network weights to a safetensors file for libadfeat: the tensors that the network
uses, under the names of its own graphs, and metadata that says what they are.

IN is a PyTorch checkpoint (zip or legacy format), a safetensors file or a NumPy archive (.npz);
its first bytes tell which. PyTorch is not needed, and no code in a file is run: what is no plain
tensor is left out and named. Of several state dicts or networks in a file the one that is meant
must be said (--key, --prefix) unless only one is whole. The network is recognised from names and shapes; so are the
students that the authors of STFPM trained, which keep their names. AST's checkpoints are two, the
flow and, with --ast-student, its student: they become one file. RD4AD's holds a bottleneck, "bn", and a
"decoder"; what its code never calls is left out."""

EPILOG = """\
How an EfficientNet is padded, its batch-norm eps and the mean and std of its images are in no
tensor. They are taken from options, else from the metadata of a safetensors file, else from the
model's name (--name, or a file named as timm names it), else from the kind of names where that
leaves one possibility; a file that leaves two is refused.

examples:
  %(prog)s resnet18-f37072fd.pth -o resnet18.safetensors
  %(prog)s model.safetensors -o b4.safetensors --name tf_efficientnet_b4.ns_jft_in1k
  %(prog)s b5.pth -o b5.safetensors --padding same_static_v063
  %(prog)s teacher.pth --ast-student student.pth -o ast.safetensors
  %(prog)s wres50_screw.pth -o rd4ad.safetensors

Exit codes: 0 done, 1 failed, 2 used wrongly; a failure is one sentence."""


class Program:
    """Who speaks: 'adfeat convert', or this script by its own name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def say(self, sentence: str) -> None:
        """One line; names from a file must not move the terminal's cursor."""
        print("%s: %s" % (self.name.split()[0], printable(sentence)), file=sys.stderr)


def printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


# ---- Options -----------------------------------------------------------------------------------------

class Parser(argparse.ArgumentParser):
    program: Program

    def error(self, message: str) -> typing.NoReturn:
        self.program.say("%s; see '%s --help'" % (message, self.prog))
        sys.exit(2)

    def print_help(self, file: typing.Optional[typing.TextIO] = None) -> None:
        (file or sys.stdout).write(self.format_help())  # argparse's own hides that a disk is full


def make_parser(program: Program) -> Parser:
    parser = Parser(prog=program.name, description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.program = program
    parser.add_argument("input", metavar="IN", help="weights to convert")
    parser.add_argument("-o", "--output", required=True, metavar="OUT",
                        help="file to write; replaced only when the conversion succeeds")
    parser.add_argument("--architecture", metavar="NAME",
                        help="the network, checked instead of recognised: %s; or a model's full name as --name"
                             % ", ".join(networks()))
    parser.add_argument("--name", metavar="MODEL",
                        help="the model's name where it was published, for example tf_efficientnet_b4.ap_in1k")
    parser.add_argument("--padding", metavar="P", help=", ".join(provenance.PADDINGS))
    parser.add_argument("--batchnorm-eps", metavar="E", help="added to running variances")
    parser.add_argument("--mean", metavar="R,G,B", help="of the training images, in 0 to 1")
    parser.add_argument("--std", metavar="R,G,B")
    parser.add_argument("--key", metavar="K", help="take the state dict under this key of the checkpoint")
    parser.add_argument("--prefix", metavar="P", help="take the network whose names begin with this")
    parser.add_argument("--ast-student", metavar="S", help="IN is the flow of AST as its authors save it, S the student")
    parser.add_argument("--half", action="store_true", help="store as F16 (needs numpy)")
    parser.add_argument("--keep-names", action="store_true", help="keep all tensors, under the names they have")
    parser.add_argument("--raw", action="store_true",
                        help="copy the tensors of any network, and say nothing about them in the file")
    parser.add_argument("--quiet", action="store_true", help="say only what was assumed, on stderr")
    return parser


class Wanted(typing.NamedTuple):
    """What was asked for, checked as far as that goes without the file."""
    architecture: typing.Optional[str]
    model: typing.Optional[provenance.Model]
    facts: provenance.Facts


def understand(parser: Parser, options: argparse.Namespace) -> Wanted:
    facts: provenance.Facts = {}
    for key in provenance.FIELDS:
        text = getattr(options, key)
        if text is not None:
            try:
                facts[key] = provenance.parse(key, text)
            except ValueError as e:
                parser.error(str(e))
    if options.raw and (facts or options.architecture or options.name or options.prefix or options.keep_names):
        parser.error("--raw copies what it does not look into: it goes with --key, --half and --quiet only")
    if options.ast_student and (options.raw or facts or options.architecture or options.name or options.prefix
                                or options.keep_names or options.key):
        parser.error("--ast-student goes with --half and --quiet only")
    architecture, model = options.architecture, None
    for option, name in (("--architecture", options.architecture), ("--name", options.name)):
        if name is None:
            continue
        known = provenance.model_of(name)
        if option == "--architecture" and name in networks():
            continue  # libadfeat's own name: says nothing of where the weights are from
        if known is None:
            parser.error("%s '%s' is not known: there are %s, and timm's and EfficientNet-PyTorch's names for "
                         "weights of these" % (option, name, ", ".join(networks())))
        if model and model != known:
            parser.error("--architecture '%s' and --name '%s' are two models" % (options.architecture, name))
        model = known
        architecture = architecture if architecture in networks() else known.architecture
    if model and architecture != model.architecture:
        parser.error("'%s' is %s, not %s" % (model.name, model.architecture, architecture))
    return Wanted(architecture, model, facts)


# ---- Reading -----------------------------------------------------------------------------------------

def read_bytes(path: str) -> bytes:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):  # a pipe would keep us waiting, a device never ends
        raise Refused("is not a regular file")
    if status.st_size > MAX_BYTES:
        raise Refused("has %d bytes, more than the %d of any network here" % (status.st_size, MAX_BYTES))
    with open(path, "rb") as file:
        return file.read(MAX_BYTES)


def read_source(data: bytes, key: typing.Optional[str] = None) -> Source:
    """Any of the kinds, told by the first bytes. Raises Refused and nothing else."""
    try:
        if data[:4] == b"PK\x03\x04":
            archive = archives.open_zip(io.BytesIO(data))
            if archives.is_npz(archive):
                source = archives.read_npz(archive, len(data))
            else:
                source = checkpoint.read_zip(archive, key)
        elif data[:1] == b"\x80" and data[8:9] != b"{":  # where every pickle of torch.save() begins
            source = checkpoint.read_legacy(data, key)
        elif container.looks_like(data):
            source = container.read(data)
        else:
            other_kinds.refuse(data)
        for tensors in [source.tensors] + [c.tensors for c in source.choices]:
            check_total(tensors.values(), len(data))
        return guard(source)
    except Refused:
        raise
    except Exception as e:  # a damaged archive can fail in any way
        raise Refused("is damaged (%s)" % type(e).__name__) from None


def guard(source: Source) -> Source:
    """The same, where reading a tensor raises Refused and nothing else."""
    def guarded(read: typing.Callable[[], bytes]) -> typing.Callable[[], bytes]:
        def call() -> bytes:
            try:
                return read()
            except Refused:
                raise
            except Exception as e:
                raise Refused("is damaged (%s)" % type(e).__name__) from None
        return call

    def all_guarded(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return {n: t._replace(read=guarded(t.read)) for n, t in tensors.items()}

    return source._replace(tensors=all_guarded(source.tensors), choices=tuple(
        c._replace(tensors=all_guarded(c.tensors)) for c in source.choices))


# ---- Converting --------------------------------------------------------------------------------------

class Report:
    """Lines of a word and what there is to say about it."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.notes: list[str] = []

    def add(self, word: str, text: str) -> None:
        self.lines.append((word, text))

    def show(self) -> str:
        lines = self.lines + [("note", note) for note in self.notes]
        return "".join("%-16s %s\n" % (word, printable(text)) for word, text in lines)


def select(source: Source, fit: Fit, keep_names: bool) -> dict[str, Tensor]:
    tensors = {}
    for old, new in fit.names.items():
        tensor = source.tensors[old]
        if tensor.dtype not in FLOATS:
            raise Refused("has a tensor '%s' of %s, no type of weights" % (old, tensor.dtype))
        # A student keeps the names that tell it from weights, as its authors' program writes them.
        tensors["model." + old[len(fit.prefix):] if fit.is_student else new] = tensor
    return dict(source.tensors) if keep_names else tensors


def finite(name: str, tensor: Tensor) -> Tensor:
    def read() -> bytes:
        data = tensor.read()
        if not is_finite(tensor.dtype, data):
            raise Refused("has a tensor '%.80s' with NaN or infinity" % name)
        return data
    return tensor._replace(read=read)


def half(name: str, tensor: Tensor, rounding: Rounding) -> Tensor:
    if tensor.dtype not in FLOATS:
        return tensor
    return Tensor("F16", tensor.shape, lambda: rounding.to_half(name, tensor.dtype, tensor.read()))


def describe_fit(report: Report, source: Source, fit: Fit) -> None:
    network = fit.network
    if fit.is_student:
        report.add("kind", "student, as the authors of STFPM have it")
        report.add("names", "of a sequence behind '%s'" % fit.prefix)
    else:
        names = "%s, which timm shares" % fit.dialect if not network.is_efficientnet else fit.dialect
        report.add("names", names + (", prefix '%s' removed" % fit.prefix if fit.prefix else ""))
    report.add("architecture", network.name)
    parameters = sum(source.tensors[old].count for old, new in fit.names.items() if ".running_" not in new)
    report.add("tensors", "%d mapped, %d parameters%s" % (
        len(fit.names), parameters, ", %d batch norms folded" % fit.folded if fit.folded else ""))
    ignored: collections.Counter = collections.Counter()
    for name in source.tensors:
        if name not in fit.names:
            inner = name[len(fit.prefix):] if name.startswith(fit.prefix) else name
            counter = name.endswith(".num_batches_tracked")
            ignored["num_batches_tracked" if counter else inner.split(".")[0]] += 1
    report.add("ignored", grouped(ignored) if ignored else "nothing")
    report.add("missing", "%s: the file ends before" % grouped(fit.absent) if fit.absent else "nothing")


def grouped(counts: typing.Mapping[str, int]) -> str:
    shown = ["%s (%d)" % item for item in list(counts.items())[:12]]
    return ", ".join(shown + ["..."] * (len(counts) > 12))


def metadata_of(fit: Fit, source: Source, wanted: Wanted, path: str, report: Report) -> dict[str, str]:
    stored: provenance.Facts = {}
    for key in provenance.FIELDS:
        if key in source.metadata:
            try:
                stored[key] = provenance.parse(key, source.metadata[key])
            except ValueError as e:
                raise Refused("has wrong metadata: %s" % e) from None
    defaults = dict(zip(("mean", "std"), provenance.default_images(fit.network)))
    if source.metadata.get("architecture") == fit.network.name and "padding" in stored:
        stored = {**defaults, **stored}  # it was written here, where only what differs is
    values, origin, notes = provenance.resolve(fit.network, fit.dialect, wanted.facts, stored, wanted.model,
                                               provenance.model_of_file(path))
    report.notes += notes
    metadata = {"architecture": fit.network.name, "origin_names": fit.dialect}
    if fit.is_student:
        metadata["kind"] = "student"
    for key, value in values.items():
        if value != defaults.get(key):
            metadata[key] = provenance.show(value)
        report.add(key, "%s (%s)" % (provenance.show(value), origin[key]))
    return metadata


def named_architecture(source: Source, wanted: Wanted) -> typing.Optional[str]:
    """What was asked for, or what the file says of itself; these must agree."""
    stored = source.metadata.get("architecture")
    if wanted.architecture and stored and stored != wanted.architecture:
        raise Refused("says that it is '%.40s', not %s" % (stored, wanted.architecture))
    return wanted.architecture or (stored if stored in networks() else None)


def join_ast(path: str, source: Source, metadata: dict[str, str], report: Report) -> dict[str, Tensor]:
    """The flow's tensors and those of the student in another file; metadata gets what they say of the networks."""
    data = read_bytes(path)
    flow = ast.take(source, "flow", ast.FLOW, "teacher.")
    student = ast.take(choice.settle(read_source(data), lambda s: ast.begin(s, "student", ast.STUDENT)),
                       "student", ast.STUDENT, "student.")
    said = ast.widths(flow, student)
    report.add("kind", "student, flow and student as the authors of AST have them")
    report.add("tensors", "%d of the flow, %d of the student" % (len(flow), len(student)))
    report.add("networks", ", ".join("%s=%s" % item for item in said.items()))
    metadata.update({"kind": "student", "origin_names": "ast", "origin_student_sha256": hashlib.sha256(data).hexdigest()})
    return {name: finite(name, t) if t.dtype in FLOATS else t for name, t in {**flow, **student}.items()}


def examination(options: argparse.Namespace, wanted: Wanted) -> typing.Callable[[Source], str]:
    """What a state dict must be to be the one that is meant: it is named, or Refused."""
    def examine(source: Source) -> str:
        if options.ast_student:
            return ast.begin(source, "flow", ast.FLOW)
        if options.raw:
            return "%d tensors" % len(source.tensors)
        if rd4ad.is_one(source):
            return "RD4AD's bottleneck and decoder"
        return recognise(shapes_of(source), named_architecture(source, wanted), options.prefix).network.name
    return examine


def shapes_of(source: Source) -> dict[str, tuple]:
    return {name: tensor.shape for name, tensor in source.tensors.items()}


def convert(options: argparse.Namespace, wanted: Wanted) -> Report:
    if os.path.exists(options.output) and os.path.samefile(options.input, options.output):
        raise Refused("is also the file to write: that would replace it")
    data = read_bytes(options.input)
    source = choice.settle(read_source(data, options.key), examination(options, wanted))
    report = Report()
    report.notes += source.notes
    report.add("input", "%s, %d bytes, %d tensors" % (source.kind, len(data), len(source.tensors)))
    metadata = {"origin": os.fsencode(os.path.basename(options.input)).decode("utf-8", "replace"),
                "origin_sha256": hashlib.sha256(data).hexdigest()}
    if options.ast_student:
        tensors = join_ast(options.ast_student, source, metadata, report)
    elif rd4ad.is_one(source) and not options.raw:
        tensors = {name: finite(name, t) if t.dtype in FLOATS else t for name, t in rd4ad.take(source).items()}
        metadata.update(rd4ad.METADATA)
        report.add("kind", "student, bottleneck and decoder as the authors of RD4AD have them")
        report.add("tensors", "%d of the bottleneck, %d of the decoder" % rd4ad.counts(tensors))
    elif options.raw:
        tensors = dict(source.tensors)
        report.add("tensors", "%d copied as they are, of a network that was not looked at" % len(tensors))
    else:
        fit = recognise(shapes_of(source), named_architecture(source, wanted), options.prefix)
        describe_fit(report, source, fit)
        metadata.update(metadata_of(fit, source, wanted, options.input, report))
        tensors = {name: finite(name, t) if t.dtype in FLOATS else t
                   for name, t in select(source, fit, options.keep_names).items()}
    rounding = Rounding()
    if options.half:
        tensors = {name: half(name, t, rounding) for name, t in tensors.items()}
    size = container.write_atomically(options.output, tensors, metadata)
    if options.half:
        report.add("rounding", "F16: largest relative error %.3g%s" % (
            rounding.relative, ", %d values below 6.1e-05 with errors up to %.3g" % (rounding.small, rounding.absolute)
            if rounding.small else ""))
    report.add("metadata", ", ".join(sorted(metadata)))
    report.add("output", "%s, %d bytes, %d tensors" % (options.output, size, len(tensors)))
    return report


def main(arguments: typing.Optional[list[str]] = None) -> int:
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    program = Program("convert.py")
    if arguments[:1] == ["--program"] and len(arguments) > 1:  # how adfeat says what it calls this
        program = Program(arguments[1])
        arguments = arguments[2:]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = make_parser(program)
    try:
        options = parser.parse_args(arguments)
        wanted = understand(parser, options)
    except SystemExit as e:  # --help, or used wrongly
        return int(e.code or 0) or finish_output(program)
    except OSError as e:
        return fail_output(program, e)
    return run(program, options, wanted)


def run(program: Program, options: argparse.Namespace, wanted: Wanted) -> int:
    try:
        report = convert(options, wanted)
        if options.quiet:
            for note in report.notes:
                program.say("note: " + note)
        else:
            try:
                print(report.show(), end="")
            except OSError as e:
                return fail_output(program, e)
        return finish_output(program)
    except Refused as e:
        program.say("'%s' %s" % (options.input, e))
    except MemoryError:
        program.say("'%s' takes more memory than there is" % options.input)
    except OSError as e:  # the name may be that of the temporary file
        program.say("'%s': %s" % (options.input if e.filename == options.input else options.output,
                                  e.strerror or e))
    except KeyboardInterrupt:
        program.say("interrupted")
        return 130
    return 1


def finish_output(program: Program) -> int:
    try:
        sys.stdout.flush()
        return 0
    except OSError as e:
        return fail_output(program, e)


def fail_output(program: Program, error: OSError) -> int:
    program.say("cannot write to the standard output: %s" % (error.strerror or error))
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python says it once more
    return 1
