#include "core/parallel.h"

#include <pthread.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/philox.h"
#include "core/thread_cores.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adjoint {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

class ParallelTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { SetNumThreads(GetParam()); }
  void TearDown() override { SetNumThreads(2); }
};

TEST_P(ParallelTest, RunsEachPartOnce) {
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::atomic<int>> calls(round % 17);
    ParallelFor(round % 17, [&](int64_t part) { ++calls[part]; });
    for (const auto& c : calls) ASSERT_EQ(c, 1);
  }
}

TEST_P(ParallelTest, RangesCoverEverythingInPiecesOfTheGrain) {
  std::vector<int> seen(1000, 0);
  ParallelForRange(1000, 64, [&](int64_t begin, int64_t end) {
    EXPECT_EQ(begin % 64, 0);
    EXPECT_LE(end - begin, 64);
    for (int64_t i = begin; i < end; ++i) ++seen[i];
  });
  EXPECT_THAT(seen, Each(1));
  ParallelForRange(0, 64, [](int64_t, int64_t) { FAIL() << "nothing to do"; });
}

TEST_P(ParallelTest, CallsMayNest) {
  std::atomic<int> sum = 0;
  ParallelFor(8, [&](int64_t) { ParallelFor(8, [&](int64_t part) { sum += part; }); });
  EXPECT_EQ(sum, 8 * 28);
}

TEST_P(ParallelTest, SeveralThreadsMayCall) {
  std::vector<std::thread> threads;
  std::atomic<int64_t> sum = 0;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) ParallelFor(10, [&](int64_t part) { sum += part; });
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(sum, 3 * 500 * 45);
}

INSTANTIATE_TEST_SUITE_P(Threads, ParallelTest, ::testing::Values(1, 2, 4));

TEST(ParallelSettingTest, AtLeastOneThread) {
  SetNumThreads(-3);
  EXPECT_EQ(NumThreads(), 1);
  SetNumThreads(2);
  EXPECT_EQ(NumThreads(), 2);
}

// Runs jobs of two parts until `seen` says true at the end of one that a worker ran. Its argument
// is the core that the caller began on.
bool RunUntil(absl::FunctionRef<bool(int owner_core)> seen, absl::Duration limit) {
  const pthread_t owner = pthread_self();
  std::atomic<bool> done = false;
  for (const absl::Time end = absl::Now() + limit; !done && absl::Now() < end;) {
    const int owner_core = ThisCore();
    ParallelFor(2, [&](int64_t) {
      for (const absl::Time begin = absl::Now(); absl::Now() - begin < absl::Microseconds(300);) {
      }
      if (!pthread_equal(pthread_self(), owner) && seen(owner_core)) done = true;
    });
  }
  return done;
}

// Threads that compute on all cores but the caller's.
class BusyCores {
 public:
  BusyCores() : cores_(CoresOf(pthread_self())) {
    cores_.Remove(ThisCore());
    for (size_t i = 0; i < 2 * cores_.size(); ++i) {
      threads_.emplace_back([this] {
        SetCores(pthread_self(), cores_);
        while (!stop_) {
        }
      });
    }
  }
  ~BusyCores() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  CoreSet cores_;
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> threads_;
};

TEST(ParallelCoresTest, WorkersKeepOffTheCallersCoreWhileOthersAreBusy) {
  const CoreSet all = CoresOf(pthread_self());
  if (all.size() < 2) GTEST_SKIP() << "there is one core";
  SetNumThreads(2);
  const auto kept_off = [&](int owner_core) {
    const CoreSet cores = CoresOf(pthread_self());
    return cores.size() + 1 == all.size() && !cores.Contains(owner_core);
  };
  const BusyCores busy;
  EXPECT_TRUE(RunUntil(kept_off, absl::Seconds(60)));
  EXPECT_EQ(CoresOf(pthread_self()).size(), all.size()) << "the caller's own are left alone";
}

TEST(ParallelCoresTest, WorkerThatWaitsForABusyCoreIsMovedToTheCallers) {
  if (CoresOf(pthread_self()).size() < 2) GTEST_SKIP() << "there is one core";
  SetNumThreads(2);
  const BusyCores busy;
  // A part that is at work when its thread loses the core, and whose owner has nothing left to do.
  EXPECT_TRUE(RunUntil(
      [](int owner_core) {
        const CoreSet cores = CoresOf(pthread_self());
        return cores.size() == 1 && cores.Contains(owner_core);
      },
      absl::Seconds(60)));
}

// Known answers of the authors' Random123 library, kat_vectors, philox4x32 with 10 rounds.
TEST(PhiloxTest, GivesThePublishedNumbers) {
  EXPECT_THAT(Philox4x32({0, 0}, {0, 0, 0, 0}),
              ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  EXPECT_THAT(
      Philox4x32({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
      ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(
      Philox4x32({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
      ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

TEST(PhiloxTest, BelowIsUnbiasedAndInRange) {
  PhiloxEngine random({.seed = 3});
  std::vector<int> counts(6, 0);
  for (int i = 0; i < 60000; ++i) ++counts[random.Below(6)];
  for (int c : counts) EXPECT_NEAR(c, 10000, 400);
  EXPECT_EQ(random.Below(1), 0u);
}

}  // namespace
}  // namespace adjoint
