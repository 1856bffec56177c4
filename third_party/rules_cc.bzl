"""rules_cc's names for Bazel's built-in C++ rules: those that Adjoint and Bazel's own tools load.

Debian's own rules_cc package is written for a newer Bazel than Debian's Bazel.
"""

cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
