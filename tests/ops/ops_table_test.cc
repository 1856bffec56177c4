#include "tests/ops/ops_table.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "core/io/file.h"
#include "gtest/gtest.h"

namespace adjoint::testing {
namespace {

TEST(OpsTableTest, IsUpToDate) {
  const auto text = io::ReadFile("docs/ops.md");
  ASSERT_TRUE(text.ok()) << text.status();
  const std::string table = OpsTable();
  EXPECT_TRUE(*text == table)
      << "docs/ops.md is out of date; run: bazel run //tests/ops:write_ops_table";
  const std::vector<std::string> there = absl::StrSplit(*text, '\n');
  for (const absl::string_view line : absl::StrSplit(table, '\n')) {
    EXPECT_NE(std::find(there.begin(), there.end(), line), there.end()) << "it lacks: " << line;
  }
}

}  // namespace
}  // namespace adjoint::testing
