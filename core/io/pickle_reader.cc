#include "core/io/pickle_reader.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "absl/strings/escaping.h"

namespace adjoint::io::pickle {
namespace {

struct GlobalName {
  absl::string_view module, name;
  Global global;
};
constexpr GlobalName kGlobals[] = {
    {"numpy.core.multiarray", "_reconstruct", Global::kReconstruct},
    {"numpy._core.multiarray", "_reconstruct", Global::kReconstruct},
    {"numpy", "ndarray", Global::kNdarray},
    {"numpy", "dtype", Global::kDtype},
    {"_codecs", "encode", Global::kEncode},
};

}  // namespace

const char* TagName(Tag tag) {
  switch (tag) {
    case Tag::kUnset:
      return "nothing";
    case Tag::kNone:
      return "None";
    case Tag::kBool:
      return "a bool";
    case Tag::kInt:
      return "an integer";
    case Tag::kText:
      return "a string";
    case Tag::kTuple:
      return "a tuple";
    case Tag::kList:
      return "a list";
    case Tag::kGlobal:
      return "a global";
    case Tag::kDtype:
      return "a dtype";
    case Tag::kDict:
      return "a dictionary";
    case Tag::kArray:
      break;
  }
  return "an array";
}

absl::Status PickleReader::PushLong1() {
  ADJOINT_RETURN_IF_ERROR(Need(1));
  const int bytes = static_cast<int>(Unsigned(1));
  ADJOINT_RETURN_IF_ERROR(Need(bytes));
  if (bytes > 8) return Fail("an integer of ", bytes, " bytes does not fit 64 bits");
  uint64_t n = Unsigned(bytes);
  if (bytes > 0 && bytes < 8 && (n >> (8 * bytes - 1)) != 0) n |= ~uint64_t{0} << (8 * bytes);
  return Push(Value::Of(Tag::kInt, static_cast<int64_t>(n)));
}

absl::StatusOr<absl::string_view> PickleReader::Line() {
  constexpr size_t kLongest = 256;
  const absl::string_view rest = input_.substr(at_, kLongest);
  const size_t end = rest.find('\n');
  if (end == absl::string_view::npos) {
    return Fail("a name without an end within ", rest.size(), " bytes");
  }
  at_ += end + 1;
  return rest.substr(0, end);
}

absl::Status PickleReader::PushGlobal(absl::string_view module, absl::string_view name) {
  for (const GlobalName& known : kGlobals) {
    if (known.module == module && known.name == name) {
      return Push(Value::Of(Tag::kGlobal, static_cast<int64_t>(known.global)));
    }
  }
  return Fail("asks for '", absl::CHexEscape(module.substr(0, 80)), ".",
              absl::CHexEscape(name.substr(0, 80)), "', which ", Subject(),
              " has no use for; nothing was executed");
}

absl::Status PickleReader::PushTuple(size_t size) {
  Tuple tuple{tuple_items_.size(), size, 1};
  for (size_t i = stack_.size() - size; i < stack_.size(); ++i) {
    if (stack_[i].tag == Tag::kTuple) {
      tuple.depth = std::max(tuple.depth, tuples_[stack_[i].number].depth + 1);
    }
    tuple_items_.push_back(stack_[i]);
  }
  if (tuple.depth > limits_.max_depth) {
    return Fail("tuples nested more than ", limits_.max_depth, " deep");
  }
  stack_.resize(stack_.size() - size);
  tuples_.push_back(tuple);
  return Push(Value::Of(Tag::kTuple, static_cast<int64_t>(tuples_.size()) - 1));
}

absl::Status PickleReader::PopMark(size_t& items) {
  if (marks_.empty()) return Fail("there is no MARK before it");
  items = stack_.size() - marks_.back();
  marks_.pop_back();
  return absl::OkStatus();
}

absl::Status PickleReader::Append(size_t items) {
  ADJOINT_RETURN_IF_ERROR(NeedValues(items + 1));
  const size_t first = stack_.size() - items;
  const Value& to = stack_[first - 1];
  if (to.tag != Tag::kList) return Fail("appends to ", TagName(to.tag), ", not to a list");
  List& list = lists_[to.number];
  for (size_t i = first; i < stack_.size(); ++i) {
    const Value& item = stack_[i];
    if (item.tag == Tag::kText && wanted_ == Wanted::kDict &&
        (list.kind == List::Kind::kEmpty || list.kind == List::Kind::kTexts)) {
      list.kind = List::Kind::kTexts;
      continue;
    }
    if (item.tag != Tag::kInt && item.tag != Tag::kList) {
      return Fail("a list may hold integers or lists of integers, not ", TagName(item.tag));
    }
    const List::Kind kind = item.tag == Tag::kInt ? List::Kind::kInts : List::Kind::kLists;
    const size_t pool = kind == List::Kind::kInts ? ints_.size() : refs_.size();
    if (list.kind == List::Kind::kEmpty) list = {kind, pool, pool};
    if (list.kind != kind) return Fail("a list that mixes integers and lists");
    if (list.end != pool) return Fail("continues a list after another one was begun");
    if (kind == List::Kind::kInts) {
      if (item.number < std::numeric_limits<int32_t>::min() ||
          item.number > std::numeric_limits<int32_t>::max()) {
        return Fail("the integer ", item.number, " does not fit 32 bits");
      }
      if (static_cast<int64_t>(ints_.size()) >= limits_.max_elements) {
        return Fail("more than ", limits_.max_elements, " integers");
      }
      ints_.push_back(static_cast<int32_t>(item.number));
    } else {
      if (lists_[item.number].kind == List::Kind::kLists || item.number == to.number) {
        return Fail("a list of lists of lists");
      }
      refs_.push_back(static_cast<size_t>(item.number));
    }
    ++list.end;
  }
  stack_.resize(first);
  return absl::OkStatus();
}

bool PickleReader::AppendRun() {
  // Of the three instructions that push integers: the bytes they take and those that are value.
  struct Form {
    uint32_t mask = 0;
    uint32_t length = 0;
  };
  static constexpr auto kForms = [] {
    std::array<Form, 256> forms{};
    forms[static_cast<size_t>(PickleOpcode::kBinint1)] = {0xff, 2};
    forms[static_cast<size_t>(PickleOpcode::kBinint2)] = {0xffff, 3};
    forms[static_cast<size_t>(PickleOpcode::kBinint)] = {0xffffffff, 5};
    return forms;
  }();
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

  if (left() < 5 || Available() == 0 || stack_.back().tag != Tag::kList) return false;
  List& list = lists_[stack_.back().number];
  const bool fresh = list.kind == List::Kind::kEmpty;
  if (!fresh && (list.kind != List::Kind::kInts || list.end != ints_.size())) return false;

  const size_t first = ints_.size();
  const char* from = input_.data() + at_;
  const char* const last = input_.data() + input_.size() - 5;
  std::array<int32_t, 1024> piece;
  size_t used = 0;
  while (from <= last) {
    const Form form = kForms[static_cast<uint8_t>(*from)];
    if (form.length == 0) break;
    uint32_t value;
    std::memcpy(&value, from + 1, sizeof(value));
    piece[used++] = static_cast<int32_t>(value & form.mask);
    from += form.length;
    if (used == piece.size()) {
      ints_.insert(ints_.end(), piece.begin(), piece.end());
      used = 0;
    }
  }
  ints_.insert(ints_.end(), piece.begin(), piece.begin() + used);
  if (from > last || *from != static_cast<char>(PickleOpcode::kAppends) || ints_.size() == first ||
      static_cast<int64_t>(ints_.size()) > limits_.max_elements) {
    ints_.resize(first);
    return false;
  }
  if (fresh) list = {List::Kind::kInts, first, first};
  list.end = ints_.size();
  at_ = static_cast<size_t>(from - input_.data()) + 1;
  return true;
}

absl::Status PickleReader::Put(uint64_t index) {
  ADJOINT_RETURN_IF_ERROR(NeedValues(1));
  // Picklers count their memo up, so an honest index is never beyond the bytes read.
  if (index > op_at_) {
    return Fail("memo index ", index, " is out of range: at most ", op_at_,
                " entries can have been made by here");
  }
  if (index >= memo_.size()) memo_.resize(index + 1);
  memo_[index] = stack_.back();
  ++memoized_;
  return absl::OkStatus();
}

absl::Status PickleReader::Get(uint64_t index) {
  if (index >= memo_.size() || memo_[index].tag == Tag::kUnset) {
    return Fail("memo index ", index, " is out of range: nothing was put there");
  }
  return Push(memo_[index]);
}

absl::Status PickleReader::Reduce() {
  ADJOINT_RETURN_IF_ERROR(NeedValues(2));
  const Value callee = stack_[stack_.size() - 2];
  const absl::Span<const Value> args = Items(stack_.back());
  if (callee.tag != Tag::kGlobal) return Fail("calls ", TagName(callee.tag));
  Value result;
  switch (static_cast<Global>(callee.number)) {
    case Global::kReconstruct: {
      const bool fits = args.size() == 3 && args[0].IsGlobal(Global::kNdarray) &&
                        Items(args[1]).size() == 1 && Items(args[1])[0].IsNumber(0) &&
                        args[2].text() == "b";
      if (!fits) return Fail("the arguments of _reconstruct are not (ndarray, (0,), 'b')");
      arrays_.emplace_back();
      result = Value::Of(Tag::kArray, static_cast<int64_t>(arrays_.size()) - 1);
      break;
    }
    case Global::kDtype: {
      const bool fits =
          args.size() == 3 && (args[1].tag == Tag::kInt || args[1].tag == Tag::kBool) &&
          (args[2].tag == Tag::kInt || args[2].tag == Tag::kBool) && args[0].tag == Tag::kText;
      if (!fits) return Fail("the arguments of dtype are not (name, align, copy)");
      const absl::string_view name = args[0].text();
      const bool bytes = wanted_ == Wanted::kDict && (name == "u1" || name == "|u1");
      if (!bytes && name != "O8" && name != "O4" && name != "O" && name != "|O") {
        return Fail("the dtype is '", absl::CHexEscape(name.substr(0, 40)), "', not that of ",
                    wanted_ == Wanted::kDict ? "bytes ('u1')" : "objects ('O8')");
      }
      dtypes_.push_back({.bytes = bytes});
      result = Value::Of(Tag::kDtype, static_cast<int64_t>(dtypes_.size()) - 1);
      break;
    }
    case Global::kEncode: {
      const bool fits = args.size() == 2 && args[0].tag == Tag::kText &&
                        (args[1].text() == "latin1" || args[1].text() == "latin-1");
      if (!fits) return Fail("the arguments of _codecs.encode are not (text, 'latin1')");
      result = args[0];
      break;
    }
    case Global::kNdarray:
      return Fail("calls numpy.ndarray");
  }
  stack_.pop_back();
  stack_.back() = result;
  return absl::OkStatus();
}

absl::Status PickleReader::Build() {
  ADJOINT_RETURN_IF_ERROR(NeedValues(2));
  const Value target = stack_[stack_.size() - 2];
  const absl::Span<const Value> state = Items(stack_.back());
  if (target.tag == Tag::kDtype) {
    bool fits = state.size() == 8 && state[0].tag == Tag::kInt && state[1].text() == "|" &&
                state[7].tag == Tag::kInt;
    for (int i = 2; fits && i < 5; ++i) fits = state[i].tag == Tag::kNone;
    for (int i = 5; fits && i < 7; ++i) fits = state[i].IsNumber(-1);
    if (!fits) {
      return Fail("the state of the dtype is not (3, '|', None, None, None, -1, -1, 63)");
    }
    dtypes_[target.number].built = true;
  } else if (target.tag == Tag::kArray) {
    const bool fits = state.size() == 5 && state[0].IsNumber(1) && state[1].tag == Tag::kTuple &&
                      state[2].tag == Tag::kDtype &&
                      (state[3].tag == Tag::kBool || state[3].tag == Tag::kInt);
    const bool bytes = fits && dtypes_[state[2].number].bytes;
    if (!fits || state[4].tag != (bytes ? Tag::kText : Tag::kList)) {
      return Fail("the state of the array is not (1, shape, dtype, fortran_order, ",
                  bytes ? "bytes" : "list", ")");
    }
    if (bytes) {
      ADJOINT_RETURN_IF_ERROR(BuildBytes(state, arrays_[target.number]));
      stack_.pop_back();
      return absl::OkStatus();
    }
    const absl::Span<const Value> shape = Items(state[1]);
    if (shape.size() != 1 || shape[0].tag != Tag::kInt) {
      return Fail("the array has ", shape.size(), " axes; one of lists is expected");
    }
    if (!dtypes_[state[2].number].built) return Fail("the dtype has no state yet");
    Array& array = arrays_[target.number];
    if (array.built) return Fail("the array is built a second time");
    array.built = true;
    array.size = shape[0].number;
    array.list = static_cast<size_t>(state[4].number);
  } else {
    return Fail("gives a state to ", TagName(target.tag));
  }
  stack_.pop_back();
  return absl::OkStatus();
}

absl::Status PickleReader::BuildBytes(const absl::Span<const Value>& state, Array& array) {
  constexpr size_t kMaxAxes = 8;
  if (!dtypes_[state[2].number].built) return Fail("the dtype has no state yet");
  if (array.built) return Fail("the array is built a second time");
  if (!state[3].IsNumber(0)) return Fail("the array is in Fortran's order");
  const absl::Span<const Value> extents = Items(state[1]);
  if (extents.size() > kMaxAxes) return Fail("the array has ", extents.size(), " axes");
  Shape shape;
  int64_t size = 1;
  for (const Value& extent : extents) {
    if (extent.tag != Tag::kInt || extent.number < 0 ||
        __builtin_mul_overflow(size, std::max<int64_t>(extent.number, 1), &size)) {
      return Fail("the shape of the array is not of numbers from 0");
    }
    shape.push_back(extent.number);
  }
  const absl::string_view data = state[4].text();
  if (shape.NumElements() != static_cast<int64_t>(data.size())) {
    return Fail("the array's shape is ", shape.ToString(), " and it has ", data.size(), " bytes");
  }
  array.built = array.bytes = true;
  array.shape = shape;
  array.data = data;
  return absl::OkStatus();
}

absl::Status PickleReader::SetItems(size_t items) {
  ADJOINT_RETURN_IF_ERROR(NeedValues(items + 1));
  const size_t first = stack_.size() - items;
  if (stack_[first - 1].tag != Tag::kDict) {
    return Fail("sets items of ", TagName(stack_[first - 1].tag), ", not of a dictionary");
  }
  if (items % 2 != 0) return Fail("a key without a value");
  for (size_t i = first; i < stack_.size(); i += 2) {
    const Value &key = stack_[i], &value = stack_[i + 1];
    if (key.tag != Tag::kText) return Fail("a key is ", TagName(key.tag), ", not a string");
    if (value.tag == Tag::kDict) return Fail("a dictionary within a dictionary");
    dict_.emplace_back(key.text(), value);
  }
  stack_.resize(first);
  return absl::OkStatus();
}

absl::Status PickleReader::Step(PickleOpcode op, bool& done) {
  size_t items = 0;
  switch (op) {
    case PickleOpcode::kProto: {
      ADJOINT_RETURN_IF_ERROR(Need(1));
      const uint64_t version = Unsigned(1);
      if (op_at_ != 0) return Fail("is not at the beginning");
      if (version < 2 || version > 5) {
        return Fail("protocol ", version, "; 2 to 5 can be read");
      }
      return absl::OkStatus();
    }
    case PickleOpcode::kFrame: {
      ADJOINT_RETURN_IF_ERROR(Need(8));
      return Need(Unsigned(8));
    }
    case PickleOpcode::kBinint:
      ADJOINT_RETURN_IF_ERROR(Need(4));
      return Push(Value::Of(Tag::kInt, static_cast<int32_t>(Unsigned(4))));
    case PickleOpcode::kBinint1:
      ADJOINT_RETURN_IF_ERROR(Need(1));
      return Push(Value::Of(Tag::kInt, static_cast<int64_t>(Unsigned(1))));
    case PickleOpcode::kBinint2:
      ADJOINT_RETURN_IF_ERROR(Need(2));
      return Push(Value::Of(Tag::kInt, static_cast<int64_t>(Unsigned(2))));
    case PickleOpcode::kLong1:
      return PushLong1();
    case PickleOpcode::kNone:
      return Push(Value::Of(Tag::kNone));
    case PickleOpcode::kNewtrue:
      return Push(Value::Of(Tag::kBool, 1));
    case PickleOpcode::kNewfalse:
      return Push(Value::Of(Tag::kBool, 0));
    case PickleOpcode::kShortBinstring:
    case PickleOpcode::kShortBinbytes:
    case PickleOpcode::kShortBinunicode:
      return PushText(1);
    case PickleOpcode::kBinstring:
    case PickleOpcode::kBinbytes:
    case PickleOpcode::kBinunicode:
      return PushText(4);
    case PickleOpcode::kGlobal: {
      ADJOINT_ASSIGN_OR_RETURN(const absl::string_view module, Line());
      ADJOINT_ASSIGN_OR_RETURN(const absl::string_view name, Line());
      return PushGlobal(module, name);
    }
    case PickleOpcode::kStackGlobal: {
      ADJOINT_RETURN_IF_ERROR(NeedValues(2));
      const Value name = stack_[stack_.size() - 1], module = stack_[stack_.size() - 2];
      if (name.tag != Tag::kText || module.tag != Tag::kText) {
        return Fail("the names of a global are ", TagName(module.tag), " and ", TagName(name.tag));
      }
      stack_.resize(stack_.size() - 2);
      return PushGlobal(module.text(), name.text());
    }
    case PickleOpcode::kMark:
      if (static_cast<int64_t>(marks_.size()) >= limits_.max_depth) {
        return Fail("nested more than ", limits_.max_depth, " deep");
      }
      if (AppendRun()) return absl::OkStatus();
      marks_.push_back(stack_.size());
      return absl::OkStatus();
    case PickleOpcode::kEmptyList:
      lists_.emplace_back();
      return Push(Value::Of(Tag::kList, static_cast<int64_t>(lists_.size()) - 1));
    case PickleOpcode::kAppend:
      return Append(1);
    case PickleOpcode::kAppends:
      ADJOINT_RETURN_IF_ERROR(PopMark(items));
      return Append(items);
    case PickleOpcode::kEmptyDict:
      if (wanted_ != Wanted::kDict) break;
      if (has_dict_) return Fail("a second dictionary");
      has_dict_ = true;
      return Push(Value::Of(Tag::kDict));
    case PickleOpcode::kSetitem:
      if (wanted_ != Wanted::kDict) break;
      return SetItems(2);
    case PickleOpcode::kSetitems:
      if (wanted_ != Wanted::kDict) break;
      ADJOINT_RETURN_IF_ERROR(PopMark(items));
      return SetItems(items);
    case PickleOpcode::kEmptyTuple:
      return PushTuple(0);
    case PickleOpcode::kTuple:
      ADJOINT_RETURN_IF_ERROR(PopMark(items));
      return PushTuple(items);
    case PickleOpcode::kTuple1:
    case PickleOpcode::kTuple2:
    case PickleOpcode::kTuple3:
      items = static_cast<size_t>(op) - static_cast<size_t>(PickleOpcode::kTuple1) + 1;
      ADJOINT_RETURN_IF_ERROR(NeedValues(items));
      return PushTuple(items);
    case PickleOpcode::kBinput:
      ADJOINT_RETURN_IF_ERROR(Need(1));
      return Put(Unsigned(1));
    case PickleOpcode::kLongBinput:
      ADJOINT_RETURN_IF_ERROR(Need(4));
      return Put(Unsigned(4));
    case PickleOpcode::kMemoize:
      return Put(memoized_);
    case PickleOpcode::kBinget:
      ADJOINT_RETURN_IF_ERROR(Need(1));
      return Get(Unsigned(1));
    case PickleOpcode::kLongBinget:
      ADJOINT_RETURN_IF_ERROR(Need(4));
      return Get(Unsigned(4));
    case PickleOpcode::kReduce:
      return Reduce();
    case PickleOpcode::kBuild:
      return Build();
    case PickleOpcode::kStop:
      if (!marks_.empty() || stack_.size() != 1) {
        return Fail(stack_.size(), " values on the stack; the result alone is expected");
      }
      if (left() != 0) return Fail(left(), " bytes follow");
      done = true;
      return absl::OkStatus();
  }
  if (PickleOpcodeName(op_code_) == nullptr) return Fail("byte ", op_code_, " is no instruction");
  return Fail(Subject(), " has no use for this instruction");
}

absl::Status PickleReader::Run() {
  bool done = false;
  // An integer takes two bytes or more.
  if (wanted_ == Wanted::kIntLists) ints_.reserve(input_.size() / 2);
  while (!done) {
    op_at_ = at_;
    if (at_ == input_.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("pickle byte ", at_, ": the input ends before STOP"));
    }
    op_code_ = static_cast<uint8_t>(input_[at_++]);
    if (op_at_ == 0 && op_code_ != static_cast<uint8_t>(PickleOpcode::kProto)) {
      return Fail("a pickle of protocol 2 to 5 begins with PROTO");
    }
    ADJOINT_RETURN_IF_ERROR(Step(static_cast<PickleOpcode>(op_code_), done));
  }
  return absl::OkStatus();
}

}  // namespace adjoint::io::pickle
