#include "core/io/pickle.h"

#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/io/pickle_reader.h"
#include "core/status_macros.h"

namespace adjoint::io {
namespace pickle {

absl::StatusOr<IntLists> PickleReader::Result() {
  const Value& top = stack_.back();
  if (top.tag != Tag::kArray || !arrays_[top.number].built) {
    return Fail("the result is ", TagName(top.tag), ", not a finished array");
  }
  const Array& array = arrays_[top.number];
  const List& outer = lists_[array.list];
  const int64_t items = static_cast<int64_t>(outer.end - outer.begin);
  if (items != array.size) {
    return Fail("the array's shape is (", array.size, ",) and its list has ", items, " items");
  }
  if (outer.kind == List::Kind::kInts) {
    return Fail("the array holds integers; lists of integers are expected");
  }

  IntLists result;
  result.offsets.reserve(items + 1);
  bool in_order = true;
  size_t total = 0;
  for (size_t i = outer.begin; i < outer.end; ++i) {
    const List& list = lists_[refs_[i]];
    // It may have been filled after it was put into the outer list.
    if (list.kind == List::Kind::kLists) return Fail("a list of lists of lists");
    in_order = in_order && (list.kind == List::Kind::kEmpty || list.begin == total);
    total += list.end - list.begin;
    if (static_cast<int64_t>(total) > limits_.max_elements) {
      return Fail("more than ", limits_.max_elements, " integers");
    }
    result.offsets.push_back(static_cast<int64_t>(total));
  }
  if (in_order) {
    ints_.resize(total);
    result.values = std::move(ints_);
    return result;
  }
  result.values.reserve(total);
  for (size_t i = outer.begin; i < outer.end; ++i) {
    const List& list = lists_[refs_[i]];
    result.values.insert(result.values.end(), ints_.begin() + static_cast<int64_t>(list.begin),
                         ints_.begin() + static_cast<int64_t>(list.end));
  }
  return result;
}

absl::StatusOr<PickledDict> PickleReader::DictResult() {
  if (stack_.back().tag != Tag::kDict) {
    return Fail("the result is ", TagName(stack_.back().tag), ", not a dictionary");
  }
  PickledDict result;
  // One value under many keys must not take the memory of many. Each integer and each element of an
  // array took a byte of the input or more.
  size_t taken = 0;
  const auto take = [&](size_t elements) {
    taken += elements;
    return taken <= input_.size() ? absl::OkStatus() : Fail("a value stands there twice");
  };
  for (const auto& [key, value] : dict_) {
    PickledValue read;
    if (value.tag == Tag::kText) read = std::string(value.text());
    if (value.tag == Tag::kList) {
      const List& list = lists_[value.number];
      if (list.kind == List::Kind::kInts) {
        ADJOINT_RETURN_IF_ERROR(take(list.end - list.begin));
        read = std::vector<int32_t>(ints_.begin() + static_cast<int64_t>(list.begin),
                                    ints_.begin() + static_cast<int64_t>(list.end));
      } else if (list.kind == List::Kind::kEmpty) {
        read = std::vector<int32_t>();
      }
    }
    if (value.tag == Tag::kArray && arrays_[value.number].bytes) {
      const Array& array = arrays_[value.number];
      ADJOINT_RETURN_IF_ERROR(take(array.data.size()));
      ADJOINT_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate({DType::kU8, array.shape}));
      if (!array.data.empty()) {
        std::memcpy(tensor.mutable_raw(), array.data.data(), array.data.size());
      }
      read = std::move(tensor);
    }
    result.emplace_back(std::string(key), std::move(read));
  }
  return result;
}

}  // namespace pickle

namespace {

absl::Status NoMemory(absl::string_view bytes) {
  return absl::ResourceExhaustedError(
      absl::StrCat("no memory for a pickle of ", bytes.size(), " bytes"));
}

}  // namespace

absl::StatusOr<IntLists> ReadPickledIntLists(absl::string_view bytes, const PickleLimits& limits) {
  try {
    return pickle::PickleReader(bytes, limits, pickle::Wanted::kIntLists).ReadIntLists();
  } catch (const std::bad_alloc&) {
    return NoMemory(bytes);
  }
}

absl::StatusOr<PickledDict> ReadPickledDict(absl::string_view bytes, const PickleLimits& limits) {
  try {
    return pickle::PickleReader(bytes, limits, pickle::Wanted::kDict).ReadDict();
  } catch (const std::bad_alloc&) {
    return NoMemory(bytes);
  }
}

}  // namespace adjoint::io
