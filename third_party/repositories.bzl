"""The external repositories of Adjoint, all of them found on this machine.

Nothing here reaches the network. A workspace that uses Adjoint calls, after
declaring a repository named "adjoint",

    load("@adjoint//third_party:repositories.bzl", "adjoint_repositories")

    adjoint_repositories()

A repository that the workspace has declared before, under one of the names
below, is left as it is.
"""

_INSTALL_HINT = "'%s' is missing. Run ./bazelw, which installs what is needed, or: apt-get install %s"

def _system_repository_impl(ctx):
    for path in ctx.attr.requires:
        if not ctx.path(path).exists:
            fail(_INSTALL_HINT % (path, ctx.attr.package))
    for path, link in ctx.attr.links.items():
        ctx.symlink(path, link)
    for label, link in ctx.attr.files.items():
        ctx.symlink(ctx.path(label), link)
    if "WORKSPACE" not in ctx.attr.links.values():
        ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)

_system_repository = repository_rule(
    implementation = _system_repository_impl,
    doc = "A repository made of links to files of this machine and of this folder.",
    attrs = {
        "package": attr.string(doc = "The Debian package to name when something is missing."),
        "requires": attr.string_list(doc = "Absolute paths that must exist."),
        "links": attr.string_dict(doc = "Absolute path on this machine to path in the repository."),
        "files": attr.label_keyed_string_dict(
            allow_files = True,
            doc = "File of this folder to path in the repository.",
        ),
    },
    local = True,
)

def _repository(name, **kwargs):
    if not native.existing_rule(name):
        _system_repository(name = name, **kwargs)

def _library(name, package, header):
    # /usr/include is never linked: the compiler finds it by itself, and named
    # with -isystem it breaks libstdc++'s #include_next.
    _repository(
        name = name,
        package = package,
        requires = ["/usr/include/" + header],
        files = {Label("//third_party:%s.BUILD" % name): "BUILD.bazel"},
    )

def _debian_rules(name, package, folder, entries):
    root = "/usr/share/bazel/" + folder
    _repository(
        name = name,
        package = package,
        requires = [root],
        links = {"%s/%s" % (root, entry): entry for entry in entries},
    )

def adjoint_repositories():
    """Declares every repository that Adjoint's targets use."""
    _library("absl", "libabsl-dev", "absl/base/config.h")
    _library("benchmark", "libbenchmark-dev", "benchmark/benchmark.h")
    _library("cli11", "libcli11-dev", "CLI/CLI.hpp")
    _library("cpp_httplib", "libcpp-httplib-dev", "httplib.h")
    _library("curl", "libcurl4-openssl-dev", "x86_64-linux-gnu/curl/curl.h")
    _library("googletest", "libgtest-dev libgmock-dev", "gmock/gmock.h")
    _library("libarchive", "libarchive-dev", "archive.h")
    _library("nlohmann_json", "nlohmann-json3-dev", "nlohmann/json.hpp")
    _library("onednn", "libdnnl-dev", "dnnl.hpp")
    _library("onnx", "libonnx-dev", "onnx/onnx_pb.h")
    _library("openssl", "libssl-dev", "openssl/evp.h")
    _library("zlib", "zlib1g-dev", "zlib.h")
    _repository(
        name = "protobuf",
        package = "libprotobuf-dev protobuf-compiler",
        requires = ["/usr/include/google/protobuf/message.h", "/usr/bin/protoc"],
        links = {"/usr/bin/protoc": "protoc"},
        files = {Label("//third_party:protobuf.BUILD"): "BUILD.bazel"},
    )

    _debian_rules("platforms", "bazel-platforms", "tools/platforms", ["BUILD", "WORKSPACE", "cpu", "os"])
    _debian_rules("rules_java", "bazel-rules-java", "rules/java", ["BUILD", "WORKSPACE", "java"])
    _debian_rules("rules_proto", "bazel-rules-proto", "rules/proto", ["WORKSPACE", "proto"])
    _repository(
        name = "rules_cc",
        files = {
            Label("//third_party:rules_cc.BUILD"): "cc/BUILD.bazel",
            Label("//third_party:rules_cc.bzl"): "cc/defs.bzl",
        },
    )
    _repository(
        name = "remote_coverage_tools",
        files = {Label("//third_party:remote_coverage_tools.BUILD"): "BUILD.bazel"},
    )
