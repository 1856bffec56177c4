#ifndef ADJOINT_CORE_IO_PICKLE_H_
#define ADJOINT_CORE_IO_PICKLE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/io/int_lists.h"
#include "core/tensor.h"

namespace adjoint::io {

// What a pickle may make the reader hold.
struct PickleLimits {
  int64_t max_elements = int64_t{1} << 28;  // integers in all lists together
  int64_t max_stack = int64_t{1} << 20;     // values on the stack, marks apart
  int max_depth = 32;                       // open marks, and tuples within tuples
};

// Reads the one kind of pickle that NumPy writes for an object array: a one-dimensional array whose
// elements are lists of integers of 32 bits. Protocols 2 to 5, written by Python 2 or 3 and by
// NumPy 1 or 2.
//
// A pickle is a program for a small stack machine. This one knows the instructions that such
// arrays need and no other; it calls nothing. Globals are looked up in a list of four names
// (numpy's _reconstruct, ndarray and dtype, and _codecs.encode, which Python 3 uses for bytes in
// protocol 2), and REDUCE and BUILD stand for fixed patterns of them. Memory is bounded by a small
// multiple of the input and by the limits, whatever counts and indices the input claims.
//
// Anything else is an InvalidArgument error that names the instruction and its byte.
absl::StatusOr<IntLists> ReadPickledIntLists(absl::string_view bytes,
                                             const PickleLimits& limits = {});

// What a dictionary may hold for us: a string, an array of bytes, integers. Anything else that can
// be read at all, such as a list of strings, is passed over and stands as monostate.
using PickledValue = std::variant<std::monostate, std::string, Tensor, std::vector<int32_t>>;
using PickledDict = std::vector<std::pair<std::string, PickledValue>>;  // as in the file

// Reads a dictionary of strings to such values, as CIFAR's batches are: arrays are NumPy's, u8 and
// of any shape. The same machine with the same limits, which also knows the instructions of a
// dictionary; the same errors.
absl::StatusOr<PickledDict> ReadPickledDict(absl::string_view bytes,
                                            const PickleLimits& limits = {});

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_PICKLE_H_
