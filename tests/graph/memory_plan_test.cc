#include "graph/memory_plan.h"

#include "core/philox.h"
#include "gtest/gtest.h"

namespace adjoint::graph {
namespace {

bool Overlap(const BufferLifetime& a, const BufferLifetime& b) {
  return a.first <= b.last && b.first <= a.last;
}

void ExpectNoOverlap(const std::vector<BufferLifetime>& buffers, const MemoryPlan& plan) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_EQ(plan.offsets[i] % 64, 0);
    EXPECT_LE(plan.offsets[i] + buffers[i].bytes, plan.arena_bytes);
    for (size_t j = 0; j < i; ++j) {
      if (!Overlap(buffers[i], buffers[j])) continue;
      const bool apart = plan.offsets[i] + buffers[i].bytes <= plan.offsets[j] ||
                         plan.offsets[j] + buffers[j].bytes <= plan.offsets[i];
      EXPECT_TRUE(apart) << "buffers " << i << " and " << j;
    }
  }
}

TEST(MemoryPlanTest, BuffersThatDoNotMeetShareMemory) {
  const std::vector<BufferLifetime> buffers = {{640, 0, 1}, {640, 1, 2}, {640, 2, 3}};
  const MemoryPlan plan = PlanMemory(buffers);
  ExpectNoOverlap(buffers, plan);
  EXPECT_EQ(plan.arena_bytes, 1280);
  EXPECT_EQ(plan.lower_bound, 1280);
}

TEST(MemoryPlanTest, FillsGaps) {
  // The last two fit beside the long-lived one where the first was.
  const std::vector<BufferLifetime> buffers = {{1024, 0, 0}, {256, 0, 3}, {512, 1, 2}, {512, 1, 3}};
  const MemoryPlan plan = PlanMemory(buffers);
  ExpectNoOverlap(buffers, plan);
  EXPECT_EQ(plan.arena_bytes, 1280);
}

TEST(MemoryPlanTest, NothingNeedsNothing) {
  EXPECT_EQ(PlanMemory({}).arena_bytes, 0);
  EXPECT_EQ(PlanMemory({{0, 0, 0}}).arena_bytes, 0);
}

TEST(MemoryPlanTest, RandomLifetimesStayApartAndNearTheLowerBound) {
  PhiloxEngine random({.seed = 7});
  for (int round = 0; round < 50; ++round) {
    std::vector<BufferLifetime> buffers;
    for (int i = 0; i < 60; ++i) {
      const int first = static_cast<int>(random.Below(40));
      buffers.push_back({static_cast<int64_t>(random.Below(5000)), first,
                         first + static_cast<int>(random.Below(8))});
    }
    const MemoryPlan plan = PlanMemory(buffers);
    ExpectNoOverlap(buffers, plan);
    EXPECT_GE(plan.arena_bytes, plan.lower_bound);
    EXPECT_LE(plan.arena_bytes, plan.lower_bound * 1.5);
  }
}

}  // namespace
}  // namespace adjoint::graph
