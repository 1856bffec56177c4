#include "benchmarks/baselines/csr_loop.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "benchmarks/baselines/rmsprop.h"
#include "core/simd.h"
#include "core/vec_math.h"

namespace adjoint::benchmarks {
namespace {

// Rows that one thread takes through all layers before it takes the next ones.
constexpr int64_t kBlock = 16;

// All parameters beside the first kernel in one array, so that one pass updates them.
constexpr int64_t kB1 = 0;
constexpr int64_t kW2 = kB1 + kHidden;
constexpr int64_t kB2 = kW2 + kHidden * kHidden;
constexpr int64_t kW3 = kB2 + kHidden;
constexpr int64_t kB3 = kW3 + kHidden;
constexpr int64_t kSmall = kB3 + 16;  // b3 and padding, which stays zero

struct BlockResult {
  float loss;
  float right;
};

struct BlockKernels {
  BlockResult (*train)(const CsrData& data, const int32_t* rows, int64_t n, const float* w1,
                       const float* small, const float* w2t, float scale, float* g1, float* gs);
  BlockResult (*validate)(const CsrData& data, int64_t first, int64_t n, const float* w1,
                          const float* small);
};

namespace baseline {
constexpr int kLanes = 4;
#define TARGET
#include "benchmarks/baselines/csr_loop_kernels.inc"
#undef TARGET
}  // namespace baseline

namespace avx2 {
constexpr int kLanes = 8;
#define TARGET ADJOINT_TARGET_AVX2
#include "benchmarks/baselines/csr_loop_kernels.inc"
#undef TARGET
}  // namespace avx2

namespace avx512 {
constexpr int kLanes = 16;
#define TARGET ADJOINT_TARGET_AVX512
#include "benchmarks/baselines/csr_loop_kernels.inc"
#undef TARGET
}  // namespace avx512

const BlockKernels& SelectKernels() {
  switch (CurrentIsa()) {
    case Isa::kAvx512:
      return avx512::kKernels;
    case Isa::kAvx2:
      return avx2::kKernels;
    case Isa::kBaseline:
      break;
  }
  return baseline::kKernels;
}

// Adds b to a and clears b.
struct Merge {
  static ADJOINT_INLINE void Run(float* __restrict a, float* __restrict b, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      a[i] += b[i];
      b[i] = 0.0f;
    }
  }
};

// RMSprop with the gradient a + b; clears both.
struct MergeAndUpdate {
  static ADJOINT_INLINE void Run(float* __restrict w, float* __restrict s, float* __restrict a,
                                 float* __restrict b, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      RmspropElement(a[i] + b[i], w + i, s + i);
      a[i] = 0.0f;
      b[i] = 0.0f;
    }
  }
};

struct Update {
  static ADJOINT_INLINE void Run(float* __restrict w, float* __restrict s, float* __restrict a,
                                 int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      RmspropElement(a[i], w + i, s + i);
      a[i] = 0.0f;
    }
  }
};

// Zeroed floats that begin at a cache line.
class AlignedFloats {
 public:
  explicit AlignedFloats(int64_t n)
      : data_(static_cast<float*>(::operator new(n * sizeof(float), kAlignment))) {
    std::fill_n(data_.get(), n, 0.0f);
  }
  float* get() const { return data_.get(); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Delete {
    void operator()(float* p) const { ::operator delete(p, kAlignment); }
  };
  std::unique_ptr<float, Delete> data_;
};

// All threads wait until the last one has come: for some tens of microseconds by looking again and
// again, then asleep, so that a thread that lost its core gets it back from those who wait.
class Barrier {
 public:
  explicit Barrier(int threads) : threads_(threads) {}

  void Wait() {
    const uint32_t phase = phase_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
      phase_.notify_all();
      return;
    }
    for (int i = 0; i < kSpins; ++i) {
      if (phase_.load(std::memory_order_acquire) != phase) return;
      __builtin_ia32_pause();
    }
    while (phase_.load(std::memory_order_acquire) == phase) phase_.wait(phase);
  }

 private:
  static constexpr int kSpins = 2000;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> phase_{0};
  const int threads_;
};

struct alignas(64) ThreadState {
  explicit ThreadState(int64_t cols) : g1(cols * kHidden), gs(kSmall) {}
  AlignedFloats g1;
  AlignedFloats gs;
  double loss = 0;
  double right = 0;
};

class Trainer {
 public:
  Trainer(const CsrData& train, const CsrData* validation, const NotebookOptions& options)
      : train_(train),
        validation_(validation),
        options_(options),
        barrier_(options.threads),
        order_(train.rows, options.seed, options.shuffle),
        w1_(train.cols * kHidden),
        s1_(train.cols * kHidden),
        small_(kSmall),
        small_s_(kSmall),
        w2t_(kHidden * kHidden) {
    for (int t = 0; t < options.threads; ++t) {
      threads_.push_back(std::make_unique<ThreadState>(train.cols));
    }
    const NotebookWeights weights = InitialWeights(train.cols, options.seed);
    std::copy(weights.w1.begin(), weights.w1.end(), w1_.get());
    std::copy(weights.w2.begin(), weights.w2.end(), small_.get() + kW2);
    std::copy(weights.w3.begin(), weights.w3.end(), small_.get() + kW3);
    TransposeW2();
  }

  NotebookResult Run() {
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::thread> workers;
    for (int t = 1; t < options_.threads; ++t) workers.emplace_back([this, t] { Work(t); });
    Work(0);
    for (std::thread& worker : workers) worker.join();
    result_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const float* small = small_.get();
    result_.weights = {
        {w1_.get(), w1_.get() + train_.cols * kHidden}, {small + kB1, small + kB1 + kHidden},
        {small + kW2, small + kW2 + kHidden * kHidden}, {small + kB2, small + kB2 + kHidden},
        {small + kW3, small + kW3 + kHidden},           {small + kB3, small + kB3 + 1}};
    return std::move(result_);
  }

 private:
  // Part `t` of [0, n), in whole units of `unit`.
  int64_t Bound(int64_t n, int64_t unit, int t) const {
    return std::min(n, (n / unit + (n % unit != 0)) * t / options_.threads * unit);
  }

  void Work(int t) {
    for (int epoch = 0; epoch < options_.epochs; ++epoch) {
      if (t == 0) rows_ = order_.Next().data();
      barrier_.Wait();
      for (int64_t first = 0; first < train_.rows; first += options_.batch) {
        TrainPart(t, first, std::min<int64_t>(options_.batch, train_.rows - first));
        barrier_.Wait();
        UpdatePart(t);
        barrier_.Wait();
      }
      if (t == 0) Record(train_.rows, &result_.loss, &result_.accuracy);
      if (validation_ == nullptr) continue;
      barrier_.Wait();
      ValidatePart(t);
      barrier_.Wait();
      if (t == 0) Record(validation_->rows, &result_.val_loss, &result_.val_accuracy);
    }
  }

  void TrainPart(int t, int64_t first, int64_t n) {
    ThreadState& state = *threads_[t];
    const float scale = 1.0f / static_cast<float>(n);
    const int64_t end = first + Bound(n, 1, t + 1);
    for (int64_t i = first + Bound(n, 1, t); i < end; i += kBlock) {
      const BlockResult block =
          kernels_.train(train_, rows_ + i, std::min(kBlock, end - i), w1_.get(), small_.get(),
                         w2t_.get(), scale, state.g1.get(), state.gs.get());
      state.loss += block.loss;
      state.right += block.right;
    }
  }

  void ValidatePart(int t) {
    ThreadState& state = *threads_[t];
    const int64_t end = Bound(validation_->rows, 1, t + 1);
    for (int64_t i = Bound(validation_->rows, 1, t); i < end; i += kBlock) {
      const BlockResult block =
          kernels_.validate(*validation_, i, std::min(kBlock, end - i), w1_.get(), small_.get());
      state.loss += block.loss;
      state.right += block.right;
    }
  }

  // Each thread updates its part of the first kernel, the first thread everything else.
  void UpdatePart(int t) {
    const int64_t begin = Bound(train_.cols, 1, t) * kHidden;
    const int64_t n = Bound(train_.cols, 1, t + 1) * kHidden - begin;
    UpdateArray(w1_.get() + begin, s1_.get() + begin, n,
                [begin](ThreadState& state) { return state.g1.get() + begin; });
    if (t != 0) return;
    UpdateArray(small_.get(), small_s_.get(), kSmall,
                [](ThreadState& state) { return state.gs.get(); });
    TransposeW2();
  }

  template <class Gradient>
  void UpdateArray(float* w, float* s, int64_t n, Gradient gradient) {
    static const auto update = Simd<Update>::Select();
    static const auto merge_and_update = Simd<MergeAndUpdate>::Select();
    static const auto merge = Simd<Merge>::Select();
    float* first = gradient(*threads_[0]);
    if (threads_.size() == 1) {
      update(w, s, first, n);
      return;
    }
    for (size_t other = 2; other < threads_.size(); ++other) {
      merge(first, gradient(*threads_[other]), n);
    }
    merge_and_update(w, s, first, gradient(*threads_[1]), n);
  }

  void TransposeW2() {
    for (int64_t k = 0; k < kHidden; ++k) {
      for (int64_t j = 0; j < kHidden; ++j) {
        w2t_.get()[j * kHidden + k] = small_.get()[kW2 + k * kHidden + j];
      }
    }
  }

  void Record(int64_t rows, std::vector<double>* loss, std::vector<double>* accuracy) {
    double loss_sum = 0, right = 0;
    for (const auto& state : threads_) {
      loss_sum += state->loss;
      right += state->right;
      state->loss = state->right = 0;
    }
    loss->push_back(loss_sum / static_cast<double>(rows));
    accuracy->push_back(right / static_cast<double>(rows));
  }

  const BlockKernels& kernels_ = SelectKernels();
  const CsrData& train_;
  const CsrData* validation_;
  const NotebookOptions& options_;
  Barrier barrier_;
  EpochOrder order_;
  const int32_t* rows_ = nullptr;
  AlignedFloats w1_;
  AlignedFloats s1_;
  AlignedFloats small_;
  AlignedFloats small_s_;
  AlignedFloats w2t_;
  std::vector<std::unique_ptr<ThreadState>> threads_;
  NotebookResult result_;
};

}  // namespace

NotebookResult TrainCsrLoop(const CsrData& train, const CsrData* validation,
                            const NotebookOptions& options) {
  return Trainer(train, validation, options).Run();
}

}  // namespace adjoint::benchmarks
