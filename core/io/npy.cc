#include "core/io/npy.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/io/pickle.h"
#include "core/status_macros.h"

namespace adjoint::io {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kMaxHeader = 64 << 10;
constexpr size_t kMaxRank = 32;  // NumPy's own

// The Python literal {'descr': '<i8', 'fortran_order': False, 'shape': (25000,), }.
class HeaderParser {
 public:
  HeaderParser(absl::string_view bytes, size_t begin, size_t end)
      : bytes_(bytes.substr(0, end)), at_(begin) {}

  absl::Status Parse(NpyHeader& header) {
    bool descr = false, order = false, shape = false;
    ADJOINT_RETURN_IF_ERROR(Expect('{'));
    while (!Accept('}')) {
      ADJOINT_ASSIGN_OR_RETURN(const std::string key, Text());
      ADJOINT_RETURN_IF_ERROR(Expect(':'));
      if (key == "descr" && !descr) {
        descr = true;
        if (Peek() == '[') return Fail("a structured dtype; an array of plain numbers is expected");
        ADJOINT_ASSIGN_OR_RETURN(header.descr, Text());
      } else if (key == "fortran_order" && !order) {
        order = true;
        ADJOINT_RETURN_IF_ERROR(Bool(header.fortran_order));
      } else if (key == "shape" && !shape) {
        shape = true;
        ADJOINT_RETURN_IF_ERROR(ShapeTuple(header.shape));
      } else {
        return Fail("the key '", absl::CHexEscape(key.substr(0, 40)), "' is unknown or repeated");
      }
      if (!Accept(',') && Peek() != '}') return Fail("',' or '}' is expected");
    }
    if (Peek() != '\0') return Fail("the dictionary is followed by more");
    if (!descr || !order || !shape) return Fail("'descr', 'fortran_order' or 'shape' is missing");
    return absl::OkStatus();
  }

 private:
  template <typename... Parts>
  absl::Status Fail(const Parts&... parts) const {
    return absl::InvalidArgumentError(absl::StrCat("npy header, byte ", at_, ": ", parts...));
  }
  char Peek() {
    while (at_ < bytes_.size() && (bytes_[at_] == ' ' || bytes_[at_] == '\n')) ++at_;
    return at_ < bytes_.size() ? bytes_[at_] : '\0';
  }
  bool Accept(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  absl::Status Expect(char c) {
    if (Accept(c)) return absl::OkStatus();
    return Fail("'", std::string(1, c), "' is expected");
  }
  absl::StatusOr<std::string> Text() {
    const char quote = Peek();
    if (quote != '\'' && quote != '"') return Fail("a string is expected");
    const size_t end = bytes_.find(quote, at_ + 1);
    if (end == absl::string_view::npos) return Fail("a string without an end");
    std::string text(bytes_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return text;
  }
  absl::Status Bool(bool& value) {
    Peek();
    for (const bool candidate : {true, false}) {
      const absl::string_view name = candidate ? "True" : "False";
      if (absl::StartsWith(bytes_.substr(at_), name)) {
        at_ += name.size();
        value = candidate;
        return absl::OkStatus();
      }
    }
    return Fail("True or False is expected");
  }
  absl::Status ShapeTuple(std::vector<int64_t>& shape) {
    ADJOINT_RETURN_IF_ERROR(Expect('('));
    int64_t elements = 1;
    while (!Accept(')')) {
      int64_t extent = 0;
      int digits = 0;
      for (Peek(); at_ < bytes_.size() && bytes_[at_] >= '0' && bytes_[at_] <= '9'; ++at_) {
        if (++digits > 18) return Fail("an extent of more than 18 digits");
        extent = extent * 10 + (bytes_[at_] - '0');
      }
      if (digits == 0) return Fail("an extent, a number of at least 0, is expected");
      Accept('L');  // Python 2
      // An axis of extent 0 must not hide an overflow in the others.
      if (__builtin_mul_overflow(elements, std::max<int64_t>(extent, 1), &elements)) {
        return Fail("the shape has more elements than 64 bits can count");
      }
      shape.push_back(extent);
      if (shape.size() > kMaxRank) return Fail("more than ", kMaxRank, " axes");
      if (!Accept(',') && Peek() != ')') return Fail("',' or ')' is expected");
    }
    return absl::OkStatus();
  }

  const absl::string_view bytes_;
  size_t at_;
};

// Element i of the file, with its bytes in this machine's order.
template <typename T>
T Load(const char* from, bool swap) {
  char raw[sizeof(T)];
  std::memcpy(raw, from, sizeof(T));
  if (swap) std::reverse(raw, raw + sizeof(T));
  T value;
  std::memcpy(&value, raw, sizeof(T));
  return value;
}

// Calls place(i) for every element of the file in its order, i being the element's row-major index.
template <typename Place>
void ForEachPlace(const NpyHeader& header, int64_t elements, Place place) {
  if (!header.fortran_order) {
    for (int64_t i = 0; i < elements; ++i) place(i);
    return;
  }
  const std::vector<int64_t> strides = RowMajorStrides(header.shape);
  std::vector<int64_t> index(header.shape.size(), 0);
  int64_t to = 0;
  for (int64_t i = 0; i < elements; ++i) {
    place(to);
    for (size_t axis = 0; axis < index.size(); ++axis) {
      to += strides[axis];
      if (++index[axis] < header.shape[axis]) break;
      to -= strides[axis] * header.shape[axis];
      index[axis] = 0;
    }
  }
}

template <typename From, typename To>
absl::StatusOr<Tensor> Convert(absl::string_view data, const NpyHeader& header, bool swap) {
  const Shape shape = Shape::Of(header.shape);
  const int64_t elements = shape.NumElements();
  if (static_cast<size_t>(elements) > data.size() / sizeof(From) ||
      static_cast<size_t>(elements) * sizeof(From) != data.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("npy data: the shape ", shape.ToString(), " of '", header.descr, "' needs ",
                     elements, " elements of ", sizeof(From), " bytes and there are ", data.size(),
                     " bytes after the header"));
  }
  ADJOINT_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate({DTypeOf<To>, shape}));
  To* const to = tensor.mutable_data<To>().data();
  const char* from = data.data();
  ForEachPlace(header, elements, [&](int64_t i) {
    to[i] = static_cast<To>(Load<From>(from, swap));
    from += sizeof(From);
  });
  return tensor;
}

}  // namespace

absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view bytes) {
  if (!absl::StartsWith(bytes, kMagic)) {
    return absl::InvalidArgumentError(
        "npy header, byte 0: not a .npy file, which begins with \\x93NUMPY");
  }
  const auto byte = [&](size_t i) -> size_t {
    return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0;
  };
  const size_t version = byte(6);
  if (version < 1 || version > 3) {
    return absl::InvalidArgumentError(
        absl::StrCat("npy header, byte 6: version ", version, "; 1 to 3 can be read"));
  }
  const size_t begin = version == 1 ? 10 : 12;
  size_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (bytes.size() < begin || length > kMaxHeader || length > bytes.size() - begin) {
    return absl::InvalidArgumentError(absl::StrCat("npy header, byte 8: a header of ", length,
                                                   " bytes in a file of ", bytes.size(),
                                                   "; the file is cut off or no .npy"));
  }
  NpyHeader header;
  header.data_offset = static_cast<int64_t>(begin + length);
  ADJOINT_RETURN_IF_ERROR(HeaderParser(bytes, begin, begin + length).Parse(header));
  return header;
}

absl::StatusOr<Tensor> ReadNpy(absl::string_view bytes) {
  ADJOINT_ASSIGN_OR_RETURN(const NpyHeader header, ParseNpyHeader(bytes));
  const absl::string_view data = bytes.substr(static_cast<size_t>(header.data_offset));
  const absl::string_view descr = header.descr;
  const char order = descr.empty() ? '\0' : descr[0];
  const absl::string_view kind = descr.substr(descr.empty() ? 0 : 1);
  if (order == '<' || order == '>' || order == '|' || order == '=') {
    const bool swap = order == '>';
    if (kind == "f4") return Convert<float, float>(data, header, swap);
    if (kind == "f8") return Convert<double, double>(data, header, swap);
    if (kind == "f2") return Convert<Float16, Float16>(data, header, swap);
    if (kind == "i1") return Convert<int8_t, int8_t>(data, header, swap);
    if (kind == "i2") return Convert<int16_t, int16_t>(data, header, swap);
    if (kind == "i4") return Convert<int32_t, int32_t>(data, header, swap);
    if (kind == "i8") return Convert<int64_t, int64_t>(data, header, swap);
    if (kind == "u1") return Convert<uint8_t, uint8_t>(data, header, swap);
    if (kind == "u2") return Convert<uint16_t, uint16_t>(data, header, swap);
    if (kind == "u4") return Convert<uint32_t, uint32_t>(data, header, swap);
    if (kind == "u8") return Convert<uint64_t, uint64_t>(data, header, swap);
    // Read as a byte, since a bool that is neither 0 nor 1 is undefined.
    if (kind == "b1") return Convert<uint8_t, bool>(data, header, swap);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("npy header: the dtype '", absl::CHexEscape(descr.substr(0, 40)),
                   "' is not supported; f2, f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 and b1 are"));
}

absl::StatusOr<IntLists> ReadNpyIntLists(absl::string_view bytes) {
  ADJOINT_ASSIGN_OR_RETURN(const NpyHeader header, ParseNpyHeader(bytes));
  if (header.descr != "|O" && header.descr != "O") {
    return absl::InvalidArgumentError(absl::StrCat("npy header: the dtype is '",
                                                   absl::CHexEscape(header.descr.substr(0, 40)),
                                                   "'; an object array ('|O') is expected"));
  }
  if (header.shape.size() != 1) {
    return absl::InvalidArgumentError(absl::StrCat("npy header: the object array has ",
                                                   header.shape.size(), " axes; one is expected"));
  }
  ADJOINT_ASSIGN_OR_RETURN(
      IntLists lists, ReadPickledIntLists(bytes.substr(static_cast<size_t>(header.data_offset))));
  if (lists.size() != header.shape[0]) {
    return absl::InvalidArgumentError(absl::StrCat("npy header: the shape is (", header.shape[0],
                                                   ",) and the pickle holds ", lists.size(),
                                                   " lists"));
  }
  return lists;
}

std::string SerializeNpy(const Tensor& tensor) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  absl::string_view descr;
  switch (tensor.dtype()) {
    case DType::kF32:
      descr = "<f4";
      break;
    case DType::kF64:
      descr = "<f8";
      break;
    case DType::kF16:
      descr = "<f2";
      break;
    case DType::kI8:
      descr = "|i1";
      break;
    case DType::kI16:
      descr = "<i2";
      break;
    case DType::kI32:
      descr = "<i4";
      break;
    case DType::kI64:
      descr = "<i8";
      break;
    case DType::kU8:
      descr = "|u1";
      break;
    case DType::kU16:
      descr = "<u2";
      break;
    case DType::kU32:
      descr = "<u4";
      break;
    case DType::kU64:
      descr = "<u8";
      break;
    case DType::kBool:
      descr = "|b1";
      break;
    case DType::kBF16: {
      Tensor wide = Tensor::Empty({DType::kF32, tensor.shape()});
      const absl::Span<float> to = wide.mutable_data<float>();
      for (size_t i = 0; i < to.size(); ++i) to[i] = static_cast<float>(tensor.data<BFloat16>()[i]);
      return SerializeNpy(wide);
    }
  }
  const std::vector<int64_t> extents = tensor.shape().Extents();
  std::string dictionary =
      absl::StrCat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (",
                   absl::StrJoin(extents, ", "), extents.size() == 1 ? "," : "", "), }");
  // NumPy pads so that the data begin at a multiple of 64.
  dictionary.append(63 - (10 + dictionary.size()) % 64, ' ');
  dictionary.push_back('\n');
  std::string bytes(kMagic);
  bytes.push_back(1);
  bytes.push_back(0);
  bytes.push_back(static_cast<char>(dictionary.size() & 0xff));
  bytes.push_back(static_cast<char>(dictionary.size() >> 8));
  bytes += dictionary;
  bytes.append(static_cast<const char*>(tensor.raw()), static_cast<size_t>(tensor.bytes()));
  return bytes;
}

}  // namespace adjoint::io
