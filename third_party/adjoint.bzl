"""The rules that Adjoint's own targets are made with."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

# gcc 12 is wrong with -Wrestrict about `"text" + std::string(...)` (gcc bug 105651), and with
# -Wmaybe-uninitialized about moving an absl::InlinedVector whose inline room is not full. The others
# it silences itself, by pragmas in libstdc++'s headers, which a precompiled header forgets.
_COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-restrict",
    "-Wno-maybe-uninitialized",
    "-Wno-array-bounds",
    "-Wno-stringop-overflow",
    "-Wno-stringop-overread",
    "-Wno-use-after-free",
]

# For files with kernels; core/simd.h says why. Of -O3 what most gain by, which is that loops over
# lanes vanish. All of it makes them larger by a third; short elementwise loops in the cache alone are
# faster with it, by some 5 to 10 %.
ADJOINT_KERNEL_COPTS = [
    "-O2",
    "-ftree-vectorize",
    "-fvect-cost-model=dynamic",
    "-fpeel-loops",
    "--param=max-completely-peeled-insns=60",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-fno-thread-jumps",
]

# For code that runs once a network or a program, which is most of it: a third smaller, and compiled
# in three quarters of the time.
ADJOINT_SMALL_COPTS = select({
    str(Label("//third_party:optimized")): ["-Os"],
    "//conditions:default": [],
})

# Tests are glue around optimised libraries: a third of the time that compiling them takes is saved.
ADJOINT_TEST_COPTS = select({
    str(Label("//third_party:optimized")): ["-O1"],
    "//conditions:default": [],
})

# The last of all copts: --compilation_mode=fastbuild is as fast for kernels.
ADJOINT_FAST_BUILD_COPTS = select({
    str(Label("//third_party:fast_build")): ["-O0"],
    "//conditions:default": [],
})

_SANITIZER_DEFAULTS = Label("//third_party:sanitizer_defaults")

def _kind(copts):
    """The precompiled header that was made with these copts."""
    return "kernel" if copts[:len(ADJOINT_KERNEL_COPTS)] == ADJOINT_KERNEL_COPTS else "default"

def _with_precompiled(kind, copts, deps):
    """The copts and deps of a target that includes the precompiled header of a kind."""
    return {
        "copts": _COPTS + select({
            str(Label("//third_party:without_precompiled")): [],
            "//conditions:default": ["-include", "third_party/precompiled_%s.h" % kind],
        }) + copts + ADJOINT_FAST_BUILD_COPTS,
        "deps": deps + select({
            str(Label("//third_party:without_precompiled")): [],
            "//conditions:default": [Label("//third_party:precompiled_" + kind)],
        }),
    }

def adjoint_cc_library(name, srcs = [], hdrs = [], deps = [], copts = [], small = [], **kwargs):
    """cc_library with warnings as errors.

    An archive alone: with a shared object beside it every file would be compiled twice.

    Args:
      name: of the library.
      srcs: its .cc files.
      hdrs: its headers.
      deps: what they include.
      copts: for all but `small`; those with kernels have ADJOINT_KERNEL_COPTS.
      small: those of `srcs` to make small rather than fast, or True for all.
      **kwargs: passed on to cc_library.
    """
    kind = _kind(copts)
    if small == True:
        kind = "small"
        copts = ADJOINT_SMALL_COPTS
    elif small:
        # Two libraries that call each other: linked whole, of which the linker keeps what is used.
        cc_library(name = name + ".headers", hdrs = hdrs, deps = deps, linkstatic = True)
        cc_library(
            name = name + ".small",
            srcs = small,
            linkstatic = True,
            alwayslink = True,
            **_with_precompiled("small", ADJOINT_SMALL_COPTS, [":" + name + ".headers"])
        )
        deps = deps + [":" + name + ".headers", ":" + name + ".small"]
        srcs = [src for src in srcs if src not in small]
        kwargs["alwayslink"] = True
    elif kwargs.get("testonly") and not copts:
        kind = "test"
        copts = ADJOINT_TEST_COPTS
    kwargs.update(_with_precompiled(kind, copts, deps))
    cc_library(name = name, srcs = srcs, hdrs = hdrs, linkstatic = True, **kwargs)

def adjoint_cc_binary(name, deps = [], copts = [], **kwargs):
    """cc_binary with warnings as errors."""
    kwargs.update(_with_precompiled(_kind(copts), copts, deps + [_SANITIZER_DEFAULTS]))
    cc_binary(name = name, **kwargs)

def adjoint_cc_test(name, deps = [], copts = [], size = "small", linkstatic = True, **kwargs):
    """cc_test with GoogleTest's main and warnings as errors; at -O1 where there are no copts.

    Linked statically among our own libraries: a shared object for each of them costs more
    time and disk than it saves.
    """
    deps = deps + ["@googletest//:gtest_main", _SANITIZER_DEFAULTS]
    if copts:
        kwargs.update(_with_precompiled(_kind(copts), copts, deps))
    else:
        kwargs.update(_with_precompiled("test", ADJOINT_TEST_COPTS, deps))
    cc_test(name = name, size = size, linkstatic = linkstatic, **kwargs)

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
