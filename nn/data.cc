#include "nn/data.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace adjoint::nn {

// Here, since every user of Fit and Predict would have them compiled otherwise.
Data::Data(Tensor tensor) : data_(std::move(tensor)) {}
Data::Data(CsrMatrix matrix) : data_(std::move(matrix)) {}
Data::Data(const Data&) = default;
Data::Data(Data&&) noexcept = default;
Data& Data::operator=(const Data&) = default;
Data& Data::operator=(Data&&) noexcept = default;
Data::~Data() = default;

DataList::DataList() = default;
DataList::DataList(Tensor tensor) : items_({Data(std::move(tensor))}) {}
DataList::DataList(CsrMatrix matrix) : items_({Data(std::move(matrix))}) {}
DataList::DataList(Data data) : items_({std::move(data)}) {}
DataList::DataList(std::initializer_list<Data> items) : items_(items) {}
DataList::DataList(std::vector<Data> items) : items_(std::move(items)) {}
DataList::DataList(const DataList&) = default;
DataList::DataList(DataList&&) noexcept = default;
DataList& DataList::operator=(const DataList&) = default;
DataList& DataList::operator=(DataList&&) noexcept = default;
DataList::~DataList() = default;

int64_t Data::rows() const {
  if (is_csr()) return csr().rows();
  return dense().shape().rank() == 0 ? 0 : dense().shape()[0];
}

ValueSpec Data::spec() const {
  if (is_csr()) {
    return {.tensor = {DType::kF32, Shape{Dim::Symbol("batch"), csr().cols()}}, .csr = true};
  }
  ValueSpec spec{.tensor = dense().spec()};
  if (spec.tensor.shape.rank() > 0) spec.tensor.shape.set_dim(0, Dim::Symbol("batch"));
  return spec;
}

Data Data::Rows(int64_t begin, int64_t end) const {
  if (is_csr()) return csr().Rows(begin, end);
  return dense().Rows(begin, end);
}

std::string Data::ToString() const {
  return is_csr() ? csr().ToString() : dense().spec().ToString();
}

DataList DataList::Rows(int64_t begin, int64_t end) const {
  std::vector<Data> rows;
  for (const Data& item : items_) rows.push_back(item.Rows(begin, end));
  return rows;
}

absl::Status CheckSamples(absl::string_view what, const DataList& x, const DataList* y,
                          size_t num_inputs, size_t num_outputs) {
  if (x.items().size() != num_inputs) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": the model takes ", num_inputs,
                                                   " inputs, but x has ", x.items().size()));
  }
  if (y != nullptr && y->items().size() != num_outputs) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": the model gives ", num_outputs,
                                                   " outputs, but y has ", y->items().size()));
  }
  const auto check = [&](const DataList& list, char name) -> absl::Status {
    for (const Data& item : list.items()) {
      if (!item.is_csr() && item.dense().shape().rank() == 0) {
        return absl::InvalidArgumentError(absl::StrCat(what, ": ", std::string(1, name),
                                                       " is a scalar, ", item.ToString(),
                                                       "; its first axis must count the samples"));
      }
      if (item.rows() != x.rows()) {
        return absl::InvalidArgumentError(
            absl::StrCat(what, ": x has ", x.rows(), " samples (", x.items()[0].ToString(), "), ",
                         &list == &x ? "but another x" : "but y", " has ", item.rows(), " (",
                         item.ToString(), "); they must have equally many"));
      }
      if (&list != &x && item.is_csr()) {
        return absl::InvalidArgumentError(
            absl::StrCat(what, ": y is sparse, ", item.ToString(), "; targets must be dense"));
      }
    }
    return absl::OkStatus();
  };
  if (absl::Status s = check(x, 'x'); !s.ok()) return s;
  if (y != nullptr) {
    if (absl::Status s = check(*y, 'y'); !s.ok()) return s;
  }
  if (x.rows() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": there are no samples: x is ", x.items()[0].ToString()));
  }
  return absl::OkStatus();
}

}  // namespace adjoint::nn
