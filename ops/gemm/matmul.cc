#include "ops/gemm/matmul.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "core/buffer.h"
#include "core/parallel.h"
#include "ops/gemm/gemm.h"
#include "ops/matmul_post_ops.h"
#include "ops/stream.h"

namespace adjoint::ops {
namespace {

// Below this many floating-point operations, some 10 microseconds' worth, a second part costs more
// than it gains.
constexpr double kMinPartFlops = 1e6;
// What a part of a large product should take, somewhat below a millisecond.
constexpr double kPartFlops = 60e6;
constexpr double kMaxParts = 32;
// What reading or writing an element counts for, in operations: thin products wait for memory.
constexpr double kFlopsPerElement = 16;
constexpr int64_t kMaxSlots = 32;
// From this many operations on, threads share one packed right operand instead of packing what each
// needs.
constexpr double kSharedFlops = 50e6;
constexpr int64_t kPanelsAtOnce = 4;
// Rows of a block of the left operand, columns of one of the right: they stay in the second-level
// cache.
constexpr int64_t kBlockRows = 168;
constexpr int64_t kBlockColumns = 1024;
constexpr int64_t kBlockColumnsRowsFirst = 256;
// Results of as many bytes are written past the caches, where nothing is added to them: what is
// read before and after keeps its place there.
constexpr int64_t kStreamResult = kStreamBytes / 2;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Which of the buffers that threads pack into are free.
struct Slots : KernelState {
  std::atomic<uint64_t> free;
};

class GemmMatMul : public Kernel {
 public:
  GemmMatMul(const MatMulConfig& config, const MatMulPlan& plan);

  absl::Status Run(const KernelArgs& args) const override;
  size_t scratch_bytes() const override { return shared_bytes_ + slots_ * slot_bytes_; }
  size_t constant_bytes() const override { return packed_ == nullptr ? 0 : packed_->size(); }
  std::unique_ptr<KernelState> MakeState() const override;
  std::string implementation() const override { return implementation_; }

 private:
  void Cut(double flops);
  void PackConstant(const float* rhs);
  void Share(const MatMulPlan& plan);
  template <typename F>
  void WithSlot(const KernelArgs& args, F use) const;
  void RunShared(const KernelArgs& args) const;
  // Of a part that begins with `column`.
  GemmOperands Operands(int64_t column, const float* lhs, const float* rhs, const float* bias,
                        float* out) const;
  GemmBlocking BlockingOf(const MatMulPlan& plan) const;
  void RunPart(int64_t part, const KernelArgs& args, void* scratch) const;
  void Multiply(int64_t m, int64_t n, const GemmOperands& x, void* scratch) const;
  void MultiplyVector(int64_t m, int64_t n, const float* lhs, const float* rhs, const float* bias,
                      float* out) const;

  MatMulShape s_;
  bool swap_;
  bool vector_;
  MatMulPostOps post_ops_;
  bool has_bias_;  // in the product
  int64_t lhs_row_, lhs_col_, rhs_row_, rhs_col_;
  std::vector<int64_t> lhs_offsets_, rhs_offsets_;  // of each product; empty for one
  int64_t products_;
  int64_t products_per_part_ = 1;
  int64_t block_m_, block_n_;  // of a part
  int64_t parts_m_ = 1, parts_n_ = 1;
  int64_t parts_;
  GemmBlocking blocking_;
  bool shared_ = false;
  size_t shared_bytes_ = 0;         // of the packed right operand, before the slots
  std::shared_ptr<Buffer> packed_;  // a constant rhs, as GemmOperands::b_packed
  size_t slot_bytes_ = 0;
  int64_t slots_ = 1;
  std::string implementation_;
};

GemmMatMul::GemmMatMul(const MatMulConfig& config, const MatMulPlan& plan) {
  const MatMulBatches batches(config);
  s_ = batches.shape;
  post_ops_ = MatMulPostOps(config, s_.n);
  has_bias_ = post_ops_.bias_in_product();
  products_ = batches.count;
  if (products_ > 1) {
    lhs_offsets_ = MatrixOffsets(config.lhs.shape, config.out.shape);
    rhs_offsets_ = MatrixOffsets(config.rhs.shape, config.out.shape);
  }
  lhs_row_ = s_.transpose_lhs ? 1 : s_.k;
  lhs_col_ = s_.transpose_lhs ? s_.m : 1;
  rhs_row_ = s_.transpose_rhs ? 1 : s_.n;
  rhs_col_ = s_.transpose_rhs ? s_.k : 1;
  // Of a vector either stride is right: the one that lies well.
  if (s_.m == 1) lhs_row_ = s_.k, lhs_col_ = 1;
  if (s_.n == 1) rhs_row_ = 1, rhs_col_ = s_.k;
  vector_ = IsVectorProduct(s_) && !(s_.k == 1 && has_bias_);
  swap_ = plan.swap && !vector_;
  const double elements = 1.0 * s_.m * s_.k + 1.0 * s_.k * s_.n + 1.0 * s_.m * s_.n;
  Cut(std::max(2.0 * s_.m * s_.n * s_.k, kFlopsPerElement * elements));
  if (!vector_) {
    blocking_ = BlockingOf(plan);
    slot_bytes_ = blocking_.ScratchBytes();
    if (products_ == 1 && !plan.rows_first && 2.0 * s_.m * s_.n * s_.k >= kSharedFlops) Share(plan);
    if (config.constant_rhs != nullptr)
      PackConstant(static_cast<const float*>(config.constant_rhs));
    slots_ = std::clamp<int64_t>(std::min<int64_t>(parts_, NumThreads()), 1, kMaxSlots);
  }
  implementation_ = vector_ ? "vector" : plan.ToString();
  if (blocking_.stream) implementation_ += " streamed";
  if (packed_ != nullptr) implementation_ += " constant";
}

// By shape alone. A large product is cut in halves along its longer side again and again.
void GemmMatMul::Cut(double flops) {
  const double most = std::max(1.0, flops / kMinPartFlops);
  const double wanted = std::clamp(flops / kPartFlops, std::min(4.0, most), kMaxParts);
  block_m_ = s_.m;
  block_n_ = s_.n;
  const int64_t least_m = vector_ ? 16 : 2 * GemmTileRows();
  const int64_t least_n = vector_ ? 64 : 2 * GemmPanel();
  const auto round = [](int64_t extent, int64_t to) { return CeilDiv(extent, to) * to; };
  while (static_cast<double>(CeilDiv(s_.m, block_m_) * CeilDiv(s_.n, block_n_) * 2) <= wanted) {
    const bool can_m = block_m_ >= 2 * least_m;
    const bool can_n = block_n_ >= 2 * least_n;
    if (!can_m && !can_n) break;
    if (can_n && (!can_m || block_n_ >= block_m_)) {
      block_n_ = round(CeilDiv(block_n_, 2), vector_ ? 16 : GemmPanel());
    } else {
      block_m_ = round(CeilDiv(block_m_, 2), vector_ ? 1 : GemmTileRows());
    }
  }
  parts_m_ = CeilDiv(s_.m, block_m_);
  parts_n_ = CeilDiv(s_.n, block_n_);
  if (products_ > 1) {
    const double all = flops * static_cast<double>(products_);
    const double groups =
        std::clamp(all / kPartFlops, std::min(4.0, std::max(1.0, all / kMinPartFlops)), kMaxParts);
    products_per_part_ =
        parts_m_ * parts_n_ > 1 ? 1 : CeilDiv(products_, static_cast<int64_t>(groups));
  }
  parts_ = CeilDiv(products_, products_per_part_) * parts_m_ * parts_n_;
}

GemmBlocking GemmMatMul::BlockingOf(const MatMulPlan& plan) const {
  const int64_t m = swap_ ? block_n_ : block_m_;
  const int64_t n = swap_ ? block_m_ : block_n_;
  const int64_t pieces = CeilDiv(s_.k, plan.depth);
  GemmBlocking b;
  b.kc = CeilDiv(s_.k, pieces);
  b.mc = std::min(m, kBlockRows);
  b.nc = std::min(n, plan.rows_first ? kBlockColumnsRowsFirst : kBlockColumns);
  b.pack_a = plan.pack_a;
  b.pack_b = plan.pack_b;
  b.rows_first = plan.rows_first;
  const int64_t bytes = products_ * s_.m * s_.n * static_cast<int64_t>(sizeof(float));
  b.stream = pieces == 1 && !swap_ && s_.n % GemmPanel() == 0 && !has_bias_ && post_ops_.empty() &&
             bytes >= kStreamResult;
  return b;
}

// Rows alone are cut then, into as many blocks for each thread. How many threads there are does not
// show in the bits.
void GemmMatMul::Share(const MatMulPlan& plan) {
  const int64_t m = swap_ ? s_.n : s_.m;
  const int64_t threads = NumThreads();
  const bool packs = plan.pack_b || (swap_ ? lhs_row_ : rhs_col_) != 1;
  if (!packs || m < 2 * kBlockRows / 3 * threads) return;
  shared_ = true;
  const int64_t blocks = threads * CeilDiv(m, threads * kBlockRows);
  blocking_.mc = CeilDiv(CeilDiv(m, blocks), GemmTileRows()) * GemmTileRows();
  blocking_.nc = swap_ ? s_.m : s_.n;
  parts_ = CeilDiv(m, blocking_.mc);
  shared_bytes_ = static_cast<size_t>(blocking_.RightFloats()) * sizeof(float);
  slot_bytes_ = static_cast<size_t>(blocking_.LeftFloats()) * sizeof(float);
}

void GemmMatMul::PackConstant(const float* rhs) {
  const auto one = [](int64_t offset) { return offset == 0; };
  if (swap_ || !std::all_of(rhs_offsets_.begin(), rhs_offsets_.end(), one)) return;
  const int64_t columns = PackedColumns(s_.n);
  absl::StatusOr<std::shared_ptr<Buffer>> buffer =
      Buffer::Allocate(static_cast<size_t>(s_.k * columns) * sizeof(float));
  if (!buffer.ok()) return;  // then it is packed in every run
  packed_ = *std::move(buffer);
  const GemmOperands x = Operands(0, nullptr, rhs, nullptr, nullptr);
  float* const to = static_cast<float*>(packed_->data());
  for (int64_t l = 0; l < s_.k; l += blocking_.kc) {
    PackRight(0, columns / GemmPanel(), s_.n, std::min(blocking_.kc, s_.k - l), l, x,
              to + l * columns);
  }
  blocking_.pack_b = true;  // what is packed is not read in place
  shared_bytes_ = 0;
  slot_bytes_ = static_cast<size_t>(blocking_.LeftFloats()) * sizeof(float);
}

std::unique_ptr<KernelState> GemmMatMul::MakeState() const {
  if (slots_ == 1 && parts_ == 1) return nullptr;
  auto state = std::make_unique<Slots>();
  state->free = (uint64_t{1} << slots_) - 1;
  return state;
}

absl::Status GemmMatMul::Run(const KernelArgs& args) const {
  if (shared_) {
    RunShared(args);
  } else if (parts_ == 1) {
    RunPart(0, args, args.scratch);
  } else {
    ParallelFor(parts_, [&](int64_t part) {
      WithSlot(args, [&](void* scratch) { RunPart(part, args, scratch); });
    });
  }
  return absl::OkStatus();
}

// Calls `use` with a buffer of slot_bytes_. There are as many as threads, unless threads were added
// since: then some wait.
template <typename F>
void GemmMatMul::WithSlot(const KernelArgs& args, F use) const {
  if (slot_bytes_ == 0) return use(nullptr);
  char* const buffers = static_cast<char*>(args.scratch) + shared_bytes_;
  if (args.state == nullptr) return use(buffers);
  std::atomic<uint64_t>& free = static_cast<Slots*>(args.state)->free;
  uint64_t mask = free.load(std::memory_order_relaxed);
  while (mask == 0 ||
         !free.compare_exchange_weak(mask, mask & (mask - 1), std::memory_order_acquire)) {
    if (mask != 0) continue;
    std::this_thread::yield();
    mask = free.load(std::memory_order_relaxed);
  }
  const int slot = __builtin_ctzll(mask);
  use(buffers + slot * slot_bytes_);
  free.fetch_or(uint64_t{1} << slot, std::memory_order_release);
}

void GemmMatMul::RunShared(const KernelArgs& args) const {
  float* const scratch = static_cast<float*>(args.scratch);
  float* const out = Out<float>(args);
  const GemmOperands x = Operands(0, In<float>(args, 0), In<float>(args, 1),
                                  has_bias_ ? In<float>(args, 2) : nullptr, out);
  const int64_t m = swap_ ? s_.n : s_.m, n = swap_ ? s_.m : s_.n;
  const int64_t panels = CeilDiv(n, GemmPanel());
  for (int64_t l = 0; l < s_.k; l += blocking_.kc) {
    const int64_t kc = std::min(blocking_.kc, s_.k - l);
    const float* const packed =
        x.b_packed == nullptr ? scratch : x.b_packed + l * x.b_packed_columns;
    if (x.b_packed == nullptr) {
      ParallelForRange(panels, kPanelsAtOnce, [&](int64_t first, int64_t last) {
        PackRight(first, last, n, kc, l, x, scratch);
      });
    }
    ParallelForRange(m, blocking_.mc, [&](int64_t i, int64_t end) {
      WithSlot(args, [&](void* slot) {
        GemmPacked(i, end - i, n, kc, l, s_.k, x, packed, blocking_, slot);
      });
      if (l + kc < s_.k || post_ops_.empty()) return;
      if (swap_) {
        post_ops_.Apply(args, i, s_.m, end - i);
      } else {
        post_ops_.Apply(args, i * s_.n, end - i, s_.n);
      }
    });
  }
}

void GemmMatMul::RunPart(int64_t part, const KernelArgs& args, void* scratch) const {
  const int64_t i = part / parts_n_ % parts_m_ * block_m_;
  const int64_t j = part % parts_n_ * block_n_;
  const int64_t m = std::min(block_m_, s_.m - i);
  const int64_t n = std::min(block_n_, s_.n - j);
  const int64_t first = part / (parts_m_ * parts_n_) * products_per_part_;
  const int64_t last = std::min(products_, first + products_per_part_);
  for (int64_t p = first; p < last; ++p) {
    const float* const lhs =
        In<float>(args, 0) + (products_ > 1 ? lhs_offsets_[p] : 0) + i * lhs_row_;
    const float* const rhs =
        In<float>(args, 1) + (products_ > 1 ? rhs_offsets_[p] : 0) + j * rhs_col_;
    const float* const bias = has_bias_ ? In<float>(args, 2) + j : nullptr;
    const int64_t at = p * s_.m * s_.n + i * s_.n + j;
    float* const out = Out<float>(args) + at;
    if (vector_) {
      MultiplyVector(m, n, lhs, rhs, bias, out);
    } else {
      Multiply(m, n, Operands(j, lhs, rhs, bias, out), scratch);
    }
    if (!post_ops_.empty()) post_ops_.Apply(args, at, m, n);
  }
  if (blocking_.stream) StreamFence();
}

GemmOperands GemmMatMul::Operands(int64_t column, const float* lhs, const float* rhs,
                                  const float* bias, float* out) const {
  if (swap_) return {rhs, lhs, out, rhs_col_, rhs_row_, lhs_col_, lhs_row_, 1, s_.n, nullptr, bias};
  GemmOperands x = {lhs, rhs, out, lhs_row_, lhs_col_, rhs_row_, rhs_col_, s_.n, 1, bias, nullptr};
  if (packed_ != nullptr) {
    x.b_packed = static_cast<const float*>(packed_->data());
    x.b_packed_columns = PackedColumns(s_.n);
    x.b_packed_first = column;
  }
  return x;
}

void GemmMatMul::Multiply(int64_t m, int64_t n, const GemmOperands& x, void* scratch) const {
  Gemm(swap_ ? n : m, swap_ ? m : n, s_.k, x, blocking_, scratch);
}

void GemmMatMul::MultiplyVector(int64_t m, int64_t n, const float* lhs, const float* rhs,
                                const float* bias, float* out) const {
  if (s_.m == 1) {
    RowTimesMatrix(n, s_.k, lhs, rhs, rhs_row_, rhs_col_, out);
  } else if (s_.n == 1) {
    RowTimesMatrix(m, s_.k, rhs, lhs, lhs_col_, lhs_row_, out);
  } else {
    OuterProduct(m, n, lhs, rhs, s_.n, out);
  }
  if (bias == nullptr) return;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) out[i * n + j] += bias[j];
  }
}

}  // namespace

std::unique_ptr<Kernel> MakeGemmMatMul(const MatMulConfig& config, const MatMulPlan& plan) {
  for (const TensorSpec* spec : {&config.lhs, &config.rhs, &config.out}) {
    if (spec->dtype != DType::kF32 || spec->shape.rank() < 2 || spec->shape.NumElements() == 0) {
      return nullptr;
    }
  }
  return std::make_unique<GemmMatMul>(config, plan);
}

}  // namespace adjoint::ops
