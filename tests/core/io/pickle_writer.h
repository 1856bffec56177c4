#ifndef ADJOINT_TESTS_CORE_IO_PICKLE_WRITER_H_
#define ADJOINT_TESTS_CORE_IO_PICKLE_WRITER_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace adjoint::io::testing_internal {

inline std::string Bytes(uint64_t n, int bytes) {
  std::string s;
  for (int i = 0; i < bytes; ++i) s.push_back(static_cast<char>(n >> (8 * i)));
  return s;
}

// The pickle of an object array of these lists as NumPy writes it: protocol 2 as by Python 2,
// 3 as by Python 3 (bytes), 4 and 5 with FRAME, MEMOIZE and STACK_GLOBAL and NumPy 2's names.
inline std::string PickleOf(const std::vector<std::vector<int64_t>>& lists, int protocol) {
  int memo = 0;
  std::string s;
  const auto put = [&] {
    if (protocol >= 4) {
      s += "\x94";
    } else if (memo < 256) {
      s += "q" + Bytes(memo++, 1);
    } else {
      s += "r" + Bytes(memo++, 4);
    }
  };
  const auto text = [&](absl::string_view t) {
    absl::StrAppend(&s,
                    protocol >= 4   ? "\x8c"
                    : protocol == 3 ? "X"
                                    : "U",
                    Bytes(t.size(), protocol == 3 ? 4 : 1), t);
    put();
  };
  const auto global = [&](absl::string_view module, absl::string_view name) {
    if (protocol >= 4) {
      text(module);
      text(name);
      s += "\x93";
    } else {
      absl::StrAppend(&s, "c", module, "\n", name, "\n");
    }
    put();
  };
  const auto integer = [&](int64_t n) {
    if (n >= 0 && n < 256) {
      s += "K" + Bytes(n, 1);
    } else if (n >= 0 && n < 65536) {
      s += "M" + Bytes(n, 2);
    } else if (n == static_cast<int32_t>(n)) {
      s += "J" + Bytes(n, 4);
    } else {
      s += "\x8a\x08" + Bytes(n, 8);
    }
  };
  global(protocol >= 4 ? "numpy._core.multiarray" : "numpy.core.multiarray", "_reconstruct");
  global("numpy", "ndarray");
  s += std::string("K\0\x85", 3);
  put();
  s += protocol >= 3 ? "C\x01"
                       "b"
                     : "U\x01"
                       "b";
  put();
  s += "\x87";
  put();
  s += "R";
  put();
  s += "(K\x01";
  integer(static_cast<int64_t>(lists.size()));
  s += "\x85";
  put();
  global("numpy", "dtype");
  text("O8");
  s += protocol >= 3 ? std::string("\x89\x88\x87") : std::string("K\0K\x01\x87", 5);
  put();
  s += "R";
  put();
  s += "(K\x03";
  text("|");
  s += "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?t";
  put();
  s += "b\x89]";
  put();
  s += "(";
  for (const std::vector<int64_t>& list : lists) {
    s += "]";
    put();
    for (size_t i = 0; i < list.size(); i += 1000) {  // in batches, as Python does
      const size_t end = std::min(list.size(), i + 1000);
      if (end - i > 1) s += "(";
      for (size_t j = i; j < end; ++j) integer(list[j]);
      s += end - i > 1 ? "e" : "a";
    }
  }
  s += "et";
  put();
  s += "b.";
  const std::string head = "\x80" + Bytes(protocol, 1);
  return protocol >= 4 ? head + "\x95" + Bytes(s.size(), 8) + s : head + s;
}

// A .npy file with this head and these bytes behind it.
inline std::string NpyOf(absl::string_view dictionary, absl::string_view data, int version = 1) {
  return absl::StrCat("\x93NUMPY", Bytes(version, 2),
                      Bytes(dictionary.size(), version == 1 ? 2 : 4), dictionary, data);
}

inline std::string ObjectNpyOf(const std::vector<std::vector<int64_t>>& lists, int protocol = 2) {
  return NpyOf(
      absl::StrCat("{'descr': '|O', 'fortran_order': False, 'shape': (", lists.size(), ",), }\n"),
      PickleOf(lists, protocol));
}

}  // namespace adjoint::io::testing_internal

#endif  // ADJOINT_TESTS_CORE_IO_PICKLE_WRITER_H_
