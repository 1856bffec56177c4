#ifndef ADJOINT_CORE_IO_PICKLE_READER_H_
#define ADJOINT_CORE_IO_PICKLE_READER_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/io/pickle.h"
#include "core/io/pickle_opcodes.h"
#include "core/shape.h"
#include "core/status_macros.h"

// The stack machine behind pickle.h: its values, and what its instructions do to them. Not for use
// outside this folder.

namespace adjoint::io::pickle {

enum class Tag : uint8_t {
  kUnset,  // a memo entry that nothing was put in
  kNone,
  kBool,    // number
  kInt,     // number
  kText,    // data, size: bytes or characters within the input
  kTuple,   // number: index in tuples_
  kList,    // number: index in lists_
  kGlobal,  // number: a Global
  kDtype,   // number: index in dtypes_
  kArray,   // number: index in arrays_
  kDict,    // the only one
};

enum class Global : uint8_t { kReconstruct, kNdarray, kDtype, kEncode };

// "an integer".
const char* TagName(Tag tag);

struct Value {
  Tag tag = Tag::kUnset;
  uint32_t size = 0;
  union {
    int64_t number = 0;
    const char* data;
  };

  static Value Of(Tag tag, int64_t number = 0) {
    Value v;
    v.tag = tag;
    v.number = number;
    return v;
  }
  bool IsNumber(int64_t n) const { return (tag == Tag::kInt || tag == Tag::kBool) && number == n; }
  bool IsGlobal(Global g) const { return tag == Tag::kGlobal && number == static_cast<int64_t>(g); }
  absl::string_view text() const {
    return tag == Tag::kText ? absl::string_view(data, size) : absl::string_view();
  }
};

// A list holds integers only, or lists of integers only, or, in a dictionary, strings only.
// Integers and lists lie together in ints_ or in refs_; strings are not kept.
struct List {
  enum class Kind : uint8_t { kEmpty, kInts, kLists, kTexts } kind = Kind::kEmpty;
  size_t begin = 0, end = 0;
};

struct Tuple {
  size_t begin = 0, size = 0;
  int depth = 1;
};

struct Dtype {
  bool bytes = false;  // u1, not objects
  bool built = false;
};

struct Array {
  bool built = false;
  bool bytes = false;
  // Of objects:
  int64_t size = 0;
  size_t list = 0;
  // Of bytes:
  Shape shape = {};
  absl::string_view data = {};
};

enum class Wanted { kIntLists, kDict };

class PickleReader {
 public:
  PickleReader(absl::string_view input, const PickleLimits& limits, Wanted wanted)
      : input_(input), limits_(limits), wanted_(wanted) {}

  absl::StatusOr<IntLists> ReadIntLists() {
    ADJOINT_RETURN_IF_ERROR(Run());
    return Result();
  }
  absl::StatusOr<PickledDict> ReadDict() {
    ADJOINT_RETURN_IF_ERROR(Run());
    return DictResult();
  }

 private:
  absl::Status Run();
  // One instruction that is not in Run's inner loop; `done` becomes true at STOP.
  absl::Status Step(PickleOpcode op, bool& done);
  absl::StatusOr<IntLists> Result();
  absl::StatusOr<PickledDict> DictResult();
  const char* Subject() const {
    return wanted_ == Wanted::kDict ? "a dictionary of arrays" : "an array of integer lists";
  }

  template <typename... Parts>
  absl::Status Fail(const Parts&... parts) const {
    const char* name = PickleOpcodeName(op_code_);
    return absl::InvalidArgumentError(absl::StrCat(
        "pickle byte ", op_at_, " (", name == nullptr ? "no opcode" : name, "): ", parts...));
  }

  size_t left() const { return input_.size() - at_; }
  absl::Status Need(size_t bytes) const {
    if (bytes <= left()) return absl::OkStatus();
    return Fail("needs ", bytes, " bytes more and the input has ", left());
  }
  // A little-endian number of `bytes` bytes, zero-extended. The caller has asked Need().
  uint64_t Unsigned(int bytes) {
    uint64_t n = 0;
    for (int i = 0; i < bytes; ++i) {
      n |= uint64_t{static_cast<uint8_t>(input_[at_ + i])} << (8 * i);
    }
    at_ += bytes;
    return n;
  }

  absl::Status Push(Value value) {
    if (static_cast<int64_t>(stack_.size()) >= limits_.max_stack) {
      return Fail("more than ", limits_.max_stack, " values on the stack");
    }
    stack_.push_back(value);
    return absl::OkStatus();
  }
  // Values above the last mark, which alone may be used.
  size_t Available() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }
  absl::Status NeedValues(size_t count) const {
    if (Available() >= count) return absl::OkStatus();
    return Fail("needs ", count, " values on the stack and finds ", Available());
  }

  absl::Status PushText(int length_bytes) {
    ADJOINT_RETURN_IF_ERROR(Need(length_bytes));
    const uint64_t length = Unsigned(length_bytes);
    ADJOINT_RETURN_IF_ERROR(Need(length));
    Value v;
    v.tag = Tag::kText;
    v.size = static_cast<uint32_t>(length);
    v.data = input_.data() + at_;
    at_ += length;
    return Push(v);
  }
  absl::Status PushLong1();
  absl::StatusOr<absl::string_view> Line();
  absl::Status PushGlobal(absl::string_view module, absl::string_view name);
  absl::Status PushTuple(size_t size);
  absl::Status PopMark(size_t& items);
  absl::Status Append(size_t items);
  // At a MARK before integers that one APPENDS adds to the list on top of the stack, which is
  // nearly all of such a pickle: does all of it and returns true. Otherwise does nothing.
  bool AppendRun();
  absl::Status Put(uint64_t index);
  absl::Status Get(uint64_t index);
  absl::Status Reduce();
  absl::Status Build();
  absl::Status BuildBytes(const absl::Span<const Value>& state, Array& array);
  // Puts the `items` values on top, keys and values in turn, into the dictionary below them.
  absl::Status SetItems(size_t items);

  absl::Span<const Value> Items(const Value& tuple) const {
    if (tuple.tag != Tag::kTuple) return {};
    const Tuple& t = tuples_[tuple.number];
    return {tuple_items_.data() + t.begin, t.size};
  }

  const absl::string_view input_;
  const PickleLimits limits_;
  const Wanted wanted_;
  size_t at_ = 0;
  size_t op_at_ = 0;
  uint8_t op_code_ = 0;

  std::vector<Value> stack_;
  std::vector<size_t> marks_;
  std::vector<Value> memo_;
  size_t memoized_ = 0;

  std::vector<Value> tuple_items_;
  std::vector<Tuple> tuples_;
  std::vector<int32_t> ints_;
  std::vector<size_t> refs_;
  std::vector<List> lists_;
  std::vector<Dtype> dtypes_;
  std::vector<Array> arrays_;
  bool has_dict_ = false;
  std::vector<std::pair<absl::string_view, Value>> dict_;
};

}  // namespace adjoint::io::pickle

#endif  // ADJOINT_CORE_IO_PICKLE_READER_H_
