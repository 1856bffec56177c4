#include "ops/onednn/matmul.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "ops/matmul_post_ops.h"
#include "ops/onednn/engine.h"

namespace adjoint::ops::onednn {
namespace {

using dnnl::memory;

// Below this many floating-point operations, some 20 microseconds' worth, a second part costs more
// than it gains.
constexpr double kMinPartFlops = 2e6;
// What a part of a large product should take, somewhat below a millisecond.
constexpr double kPartFlops = 80e6;
constexpr int64_t kMaxParts = 32;
constexpr int64_t kBlockMultiple = 16;
// oneDNN packs the operand that is not cut once for every block: a wide block is worth it. Not
// above a quarter of the matrix.
constexpr int64_t kWideBlock = 256;

// A product of `batch` pairs of matrices, or of one where batch is 0.
struct BlockShape {
  int64_t batch, m, n;
  bool operator==(const BlockShape& o) const { return batch == o.batch && m == o.m && n == o.n; }
};

// One call of a primitive: which, and where in the operands, in elements.
struct Item {
  int primitive;
  int64_t lhs, rhs, bias, out;
};

// What reading or writing an element counts for, in operations: products with a vector wait for
// memory.
constexpr double kFlopsPerElement = 16;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The extent of a block when `extent` is cut so that each piece of a product of `flops` is worth a
// part.
int64_t BlockExtent(int64_t extent, double flops) {
  const double most = std::max(1.0, flops / kMinPartFlops);
  const double wanted = std::clamp(flops / kPartFlops, std::min(4.0, most), double{kMaxParts});
  const int64_t block = std::max(CeilDiv(extent, static_cast<int64_t>(wanted)),
                                 wanted > 4 ? std::min(kWideBlock, CeilDiv(extent, 4)) : 1);
  return std::min(extent, CeilDiv(block, kBlockMultiple) * kBlockMultiple);
}

struct Prepared {
  dnnl::matmul primitive;
  memory::desc lhs, rhs, bias, out, scratch;
};

class MatMulKernel : public Kernel {
 public:
  // The memory objects of one part, for each primitive that it calls.
  struct Handles {
    memory lhs, rhs, bias, out, scratch;
    std::vector<dnnl_exec_arg_t> args;
  };
  struct State : KernelState {
    explicit State(const dnnl::engine& engine) : stream(engine) {}
    dnnl::stream stream;
    std::vector<std::vector<Handles>> parts;  // [part][primitive]
  };

  absl::Status Run(const KernelArgs& args) const override;
  size_t scratch_bytes() const override { return part_scratch_ * parts_.size(); }
  std::unique_ptr<KernelState> MakeState() const override;
  std::string implementation() const override { return implementation_; }

 private:
  friend class Planner;
  struct Range {
    int64_t begin, end;  // items
  };

  dnnl_status_t RunPart(int64_t part, const KernelArgs& args) const;

  MatMulPostOps post_ops_;
  bool has_bias_ = false;  // in the primitive
  std::vector<BlockShape> shapes_;
  std::vector<Prepared> primitives_;
  std::vector<Item> items_;
  std::vector<Range> parts_;
  size_t part_scratch_ = 0;
  std::string implementation_;
};

std::unique_ptr<KernelState> MatMulKernel::MakeState() const {
  // Only out of memory can fail here, as in any allocation.
  const dnnl::engine& engine = CpuEngine();
  auto state = std::make_unique<State>(engine);
  for (size_t part = 0; part < parts_.size(); ++part) {
    std::vector<Handles>& all = state->parts.emplace_back();
    for (const Prepared& p : primitives_) {
      auto wrap = [&](const memory::desc& desc) { return memory(desc, engine, nullptr); };
      Handles& h = all.emplace_back();
      h.lhs = wrap(p.lhs);
      h.rhs = wrap(p.rhs);
      h.out = wrap(p.out);
      h.scratch = wrap(p.scratch);
      h.args = {{DNNL_ARG_SRC, h.lhs.get()},
                {DNNL_ARG_WEIGHTS, h.rhs.get()},
                {DNNL_ARG_DST, h.out.get()},
                {DNNL_ARG_SCRATCHPAD, h.scratch.get()}};
      if (has_bias_) {
        h.bias = wrap(p.bias);
        h.args.push_back({DNNL_ARG_BIAS, h.bias.get()});
      }
    }
  }
  return state;
}

absl::Status MatMulKernel::Run(const KernelArgs& args) const {
  std::atomic<dnnl_status_t> failed{dnnl_success};
  auto run = [&](int64_t part) {
    const OneThreadScope one_thread;
    const dnnl_status_t status = RunPart(part, args);
    if (status != dnnl_success) failed = status;
  };
  if (parts_.size() == 1) {
    run(0);
  } else {
    ParallelFor(static_cast<int64_t>(parts_.size()), run);
  }
  if (failed != dnnl_success) {
    return absl::InternalError(absl::StrCat("oneDNN: running a matmul (", implementation_,
                                            ") gave status ", failed.load()));
  }
  return absl::OkStatus();
}

dnnl_status_t MatMulKernel::RunPart(int64_t part, const KernelArgs& args) const {
  State& state = *static_cast<State*>(args.state);
  char* const scratch = static_cast<char*>(args.scratch) + part * part_scratch_;
  auto set = [](const memory& m, const void* data) {
    return dnnl_memory_set_data_handle(m.get(), const_cast<void*>(data));
  };
  for (int64_t i = parts_[part].begin; i < parts_[part].end; ++i) {
    const Item& item = items_[i];
    const Handles& h = state.parts[part][item.primitive];
    float* const out = Out<float>(args) + item.out;
    set(h.lhs, In<float>(args, 0) + item.lhs);
    set(h.rhs, In<float>(args, 1) + item.rhs);
    if (has_bias_) set(h.bias, In<float>(args, 2) + item.bias);
    set(h.out, out);
    set(h.scratch, scratch);
    const dnnl_status_t status =
        dnnl_primitive_execute(primitives_[item.primitive].primitive.get(), state.stream.get(),
                               static_cast<int>(h.args.size()), h.args.data());
    if (status != dnnl_success) return status;
    if (post_ops_.empty()) continue;
    const BlockShape& block = shapes_[item.primitive];
    post_ops_.Apply(args, item.out, std::max<int64_t>(block.batch, 1) * block.m, block.n);
  }
  return dnnl_success;
}

// Works out the parts and creates the primitives: at most two, for full blocks and for the rest.
class Planner {
 public:
  explicit Planner(const MatMulConfig& config) : config_(config) {
    const MatMulBatches batches(config);
    m_ = batches.shape.m;
    n_ = batches.shape.n;
    k_ = batches.shape.k;
    batch_ = batches.count;
    lhs_batch_ = batches.lhs_count;
    rhs_batch_ = batches.rhs_count;
  }

  // Null when oneDNN has no fast implementation. May throw dnnl::error.
  std::unique_ptr<Kernel> Plan() {
    kernel_ = std::make_unique<MatMulKernel>();
    kernel_->post_ops_ = MatMulPostOps(config_, n_);
    kernel_->has_bias_ = kernel_->post_ops_.bias_in_product();
    const double elements = 1.0 * m_ * k_ + 1.0 * k_ * n_ + 1.0 * m_ * n_;
    const double flops = std::max(2.0 * m_ * n_ * k_, kFlopsPerElement * elements);
    const bool uniform =
        (lhs_batch_ == batch_ || lhs_batch_ == 1) && (rhs_batch_ == batch_ || rhs_batch_ == 1);
    if (batch_ > 1 && uniform && flops < 2 * kMinPartFlops) {
      CutBatches(flops);
    } else {
      CutMatrices(flops);
    }
    if (!CreatePrimitives()) return nullptr;
    kernel_->implementation_ = implementation_;
    return std::move(kernel_);
  }

 private:
  int PrimitiveFor(const BlockShape& shape) {
    std::vector<BlockShape>& shapes = kernel_->shapes_;
    const auto at = std::find(shapes.begin(), shapes.end(), shape);
    if (at != shapes.end()) return static_cast<int>(at - shapes.begin());
    shapes.push_back(shape);
    return static_cast<int>(shapes.size()) - 1;
  }

  // Small matrices: a part is a run of batches, and one call.
  void CutBatches(double flops) {
    const int64_t block = BatchBlock(flops);
    for (int64_t b = 0; b < batch_; b += block) {
      kernel_->items_.push_back({PrimitiveFor({std::min(block, batch_ - b), m_, n_}),
                                 lhs_batch_ == 1 ? 0 : b * m_ * k_,
                                 rhs_batch_ == 1 ? 0 : b * k_ * n_, 0, b * m_ * n_});
      AddPart(1);
    }
  }

  int64_t BatchBlock(double flops) const {
    const double all = flops * batch_;
    const double parts = std::clamp(
        all / kPartFlops, std::min(4.0, std::max(1.0, all / kMinPartFlops)), double{kMaxParts});
    return CeilDiv(batch_, static_cast<int64_t>(parts));
  }

  // A call for each matrix, or block of one along its rows or columns.
  void CutMatrices(double flops) {
    // Cut along columns unless the matrix is tall: the other operand's panels are then shared by
    // more rows.
    const bool by_columns = n_ >= m_ / 2;
    const int64_t extent = by_columns ? n_ : m_;
    const int64_t block = BlockExtent(extent, flops);
    const std::vector<int64_t> lhs =
        batch_ == 1 ? std::vector<int64_t>{0} : MatrixOffsets(config_.lhs.shape, config_.out.shape);
    const std::vector<int64_t> rhs =
        batch_ == 1 ? std::vector<int64_t>{0} : MatrixOffsets(config_.rhs.shape, config_.out.shape);
    const int64_t calls_a_part = std::max(static_cast<int64_t>(kMinPartFlops / flops),
                                          CeilDiv(batch_ * CeilDiv(extent, block), kMaxParts));
    int64_t pending = 0;
    for (int64_t b = 0; b < batch_; ++b) {
      for (int64_t at = 0; at < extent; at += block) {
        const int64_t size = std::min(block, extent - at);
        Item item = {0, lhs[b], rhs[b], 0, b * m_ * n_};
        if (by_columns) {
          item.primitive = PrimitiveFor({0, m_, size});
          item.rhs += at * (config_.transpose_rhs ? k_ : 1);
          item.bias = at;
          item.out += at;
        } else {
          item.primitive = PrimitiveFor({0, size, n_});
          item.lhs += at * (config_.transpose_lhs ? 1 : k_);
          item.out += at * n_;
        }
        kernel_->items_.push_back(item);
        if (++pending == calls_a_part) AddPart(std::exchange(pending, 0));
      }
    }
    if (pending > 0) AddPart(pending);
  }

  void AddPart(int64_t items) {
    const int64_t begin = kernel_->parts_.empty() ? 0 : kernel_->parts_.back().end;
    kernel_->parts_.push_back({begin, begin + items});
  }

  bool CreatePrimitives() {
    for (const BlockShape& shape : kernel_->shapes_) {
      const int64_t lhs_rows = config_.transpose_lhs ? 1 : k_;
      const int64_t lhs_cols = config_.transpose_lhs ? m_ : 1;
      const int64_t rhs_rows = config_.transpose_rhs ? 1 : n_;
      const int64_t rhs_cols = config_.transpose_rhs ? k_ : 1;
      auto desc = [&](int64_t batch, int64_t rows, int64_t cols, int64_t row_stride,
                      int64_t col_stride, int64_t matrix) {
        memory::dims dims = {rows, cols};
        memory::dims strides = {row_stride, col_stride};
        if (shape.batch > 0) {
          dims.insert(dims.begin(), batch);
          strides.insert(strides.begin(), matrix);
        }
        return memory::desc(dims, memory::data_type::f32, strides);
      };
      Prepared p;
      p.lhs = desc(lhs_batch_ == 1 ? 1 : shape.batch, shape.m, k_, lhs_rows, lhs_cols, m_ * k_);
      p.rhs = desc(rhs_batch_ == 1 ? 1 : shape.batch, k_, shape.n, rhs_rows, rhs_cols, k_ * n_);
      if (kernel_->has_bias_) p.bias = desc(1, 1, shape.n, shape.n, 1, shape.n);
      p.out = desc(shape.batch, shape.m, shape.n, n_, 1, m_ * n_);
      dnnl::primitive_attr attr;
      attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
      const auto descriptor = MakeMatMulDescriptor(p.lhs, p.rhs, p.bias, p.out, attr);
      if (!descriptor) return false;
      const std::string info = descriptor.impl_info_str();
      if (IsReferenceImplementation(info)) return false;
      if (implementation_.empty()) implementation_ = info;
      p.scratch = descriptor.scratchpad_desc();
      p.primitive = dnnl::matmul(descriptor);
      const size_t bytes = (p.scratch.get_size() + 63) / 64 * 64;
      kernel_->part_scratch_ = std::max(kernel_->part_scratch_, bytes);
      kernel_->primitives_.push_back(std::move(p));
    }
    return true;
  }

  const MatMulConfig& config_;
  int64_t m_, n_, k_, batch_, lhs_batch_, rhs_batch_;
  std::unique_ptr<MatMulKernel> kernel_;
  std::string implementation_;
};

bool Accepts(const MatMulConfig& config) {
  for (const TensorSpec* spec : {&config.lhs, &config.rhs, &config.out}) {
    if (spec->dtype != DType::kF32 || spec->shape.rank() < 2 || spec->shape.NumElements() == 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Kernel>> MakeMatMul(const MatMulConfig& config) {
  if (!Accepts(config)) return nullptr;
  try {
    const OneThreadScope one_thread;
    return Planner(config).Plan();
  } catch (const dnnl::error& error) {
    return ErrorFrom("preparing a matmul", error);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("oneDNN: preparing a matmul: out of memory");
  }
}

}  // namespace adjoint::ops::onednn
