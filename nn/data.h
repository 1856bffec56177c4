#ifndef ADJOINT_NN_DATA_H_
#define ADJOINT_NN_DATA_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "core/csr_matrix.h"
#include "core/tensor.h"
#include "nn/value.h"

namespace adjoint::nn {

// Samples for one input of a model, a sample a row: a dense tensor or a sparse matrix. Copies share
// the elements.
class Data {
 public:
  Data(Tensor tensor);     // NOLINT: implicit
  Data(CsrMatrix matrix);  // NOLINT: implicit
  Data(const Data&);
  Data(Data&&) noexcept;
  Data& operator=(const Data&);
  Data& operator=(Data&&) noexcept;
  ~Data();

  bool is_csr() const { return std::holds_alternative<CsrMatrix>(data_); }
  const Tensor& dense() const { return std::get<Tensor>(data_); }
  const CsrMatrix& csr() const { return std::get<CsrMatrix>(data_); }

  // The number of samples; 0 for a scalar.
  int64_t rows() const;
  // With the symbol "batch" for the number of samples.
  ValueSpec spec() const;
  // Samples begin..end-1. Requires 0 <= begin <= end <= rows().
  Data Rows(int64_t begin, int64_t end) const;
  std::string ToString() const;

 private:
  std::variant<Tensor, CsrMatrix> data_;
};

// An item for each input, or each output, of a model; most have one.
class DataList {
 public:
  DataList();
  DataList(Tensor tensor);     // NOLINT: implicit
  DataList(CsrMatrix matrix);  // NOLINT: implicit
  DataList(Data data);         // NOLINT: implicit
  DataList(std::initializer_list<Data> items);
  DataList(std::vector<Data> items);  // NOLINT: implicit
  DataList(const DataList&);
  DataList(DataList&&) noexcept;
  DataList& operator=(const DataList&);
  DataList& operator=(DataList&&) noexcept;
  ~DataList();

  const std::vector<Data>& items() const { return items_; }
  bool empty() const { return items_.empty(); }
  int64_t rows() const { return items_.empty() ? 0 : items_[0].rows(); }
  DataList Rows(int64_t begin, int64_t end) const;

 private:
  std::vector<Data> items_;
};

// Whether x and y can be samples and targets of a model of so many inputs and outputs: equally many
// rows and at least one, a batch axis everywhere, dense targets. `what` begins the message: "Fit",
// "the validation data of Fit".
absl::Status CheckSamples(absl::string_view what, const DataList& x, const DataList* y,
                          size_t num_inputs, size_t num_outputs);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_DATA_H_
