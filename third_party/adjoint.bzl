"""The rules that Adjoint's own targets are made with."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

# gcc 12 is wrong with -Wrestrict about `"text" + std::string(...)` (gcc bug 105651), and with
# -Wmaybe-uninitialized about moving an absl::InlinedVector whose inline room is not full.
_COPTS = ["-Wall", "-Wextra", "-Werror", "-Wno-restrict", "-Wno-maybe-uninitialized"]

# For files with kernels; core/simd.h says why.
ADJOINT_KERNEL_COPTS = [
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-fno-thread-jumps",
]

# Tests are glue around optimised libraries: a third of the time that compiling them takes is saved.
_TEST_COPTS = select({
    str(Label("//third_party:optimized")): ["-O1"],
    "//conditions:default": [],
})

_SANITIZER_DEFAULTS = Label("//third_party:sanitizer_defaults")

def adjoint_cc_library(name, copts = [], **kwargs):
    """cc_library with warnings as errors.

    An archive alone: with a shared object beside it every file would be compiled twice.
    """
    test_copts = _TEST_COPTS if kwargs.get("testonly") else []
    cc_library(name = name, copts = _COPTS + test_copts + copts, linkstatic = True, **kwargs)

def adjoint_cc_binary(name, copts = [], deps = [], **kwargs):
    """cc_binary with warnings as errors."""
    cc_binary(
        name = name,
        copts = _COPTS + copts,
        deps = deps + [_SANITIZER_DEFAULTS],
        **kwargs
    )

def adjoint_cc_test(name, copts = [], deps = [], size = "small", linkstatic = True, **kwargs):
    """cc_test with GoogleTest's main and warnings as errors.

    Linked statically among our own libraries: a shared object for each of them costs more
    time and disk than it saves.
    """
    cc_test(
        name = name,
        size = size,
        copts = _COPTS + _TEST_COPTS + copts,
        linkstatic = linkstatic,
        deps = deps + ["@googletest//:gtest_main", _SANITIZER_DEFAULTS],
        **kwargs
    )

def _proto_sources(dep):
    if ":" in dep:
        return dep + ".proto_sources"
    return dep + ":" + dep.split("/")[-1] + ".proto_sources"

def adjoint_proto_library(name, srcs, deps = [], visibility = None, **kwargs):
    """A cc_library of the classes that protoc makes from .proto files.

    Messages are included as "<package>/<file>.pb.h" and imported as "<package>/<file>.proto".

    Args:
      name: of the cc_library.
      srcs: .proto files of this package.
      deps: other adjoint_proto_library targets whose files are imported.
      visibility: of the library.
      **kwargs: passed to the cc_library.
    """
    native.filegroup(
        name = name + ".proto_sources",
        srcs = srcs + [_proto_sources(dep) for dep in deps],
        visibility = visibility,
    )
    workspace = native.repository_name().strip("@")
    root = "external/" + workspace if workspace else "."
    stems = [src[:-len(".proto")] for src in srcs]
    package = native.package_name()
    prefix = package + "/" if package else ""
    native.genrule(
        name = name + ".pb",
        srcs = [":" + name + ".proto_sources"],
        outs = [stem + ".pb.h" for stem in stems] + [stem + ".pb.cc" for stem in stems],
        cmd = " ".join(
            ["$(location @protobuf//:protoc)", "--proto_path=" + root, "--cpp_out=$(BINDIR)/" + root] +
            [prefix + src for src in srcs],
        ),
        message = "Generating C++ from protobuf",
        tools = ["@protobuf//:protoc"],
    )
    cc_library(
        name = name,
        srcs = [stem + ".pb.cc" for stem in stems],
        hdrs = [stem + ".pb.h" for stem in stems],
        linkstatic = True,
        visibility = visibility,
        deps = deps + ["@protobuf//:protobuf"],
        **kwargs
    )
