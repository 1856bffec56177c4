#include "tests/ops/ops_table.h"

#include "core/io/file.h"
#include "gtest/gtest.h"

namespace adjoint::testing {
namespace {

TEST(OpsTableTest, IsUpToDate) {
  const auto text = io::ReadFile("docs/ops.md");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_TRUE(*text == OpsTable())
      << "docs/ops.md is out of date; run: bazel run //tests/ops:write_ops_table";
}

}  // namespace
}  // namespace adjoint::testing
