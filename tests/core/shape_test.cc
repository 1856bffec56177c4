#include "core/shape.h"

#include "core/tensor_spec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adjoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(DimTest, NumbersAndSymbolsCompareByWhatTheyAre) {
  EXPECT_EQ(Dim(3), Dim(3));
  EXPECT_NE(Dim(3), Dim(4));
  EXPECT_EQ(Dim::Symbol("batch"), Dim::Symbol("batch"));
  EXPECT_NE(Dim::Symbol("batch"), Dim::Symbol("time"));
  EXPECT_NE(Dim::Symbol("batch"), Dim(0));
  EXPECT_EQ(Dim::Symbol("batch").ToString(), "batch");
  EXPECT_FALSE(Dim(-1).is_valid());
  EXPECT_FALSE(Dim(-1).is_symbol());
  EXPECT_EQ(Dim(-7).ToString(), "?");
}

TEST(ShapeTest, PrintsAndCounts) {
  EXPECT_EQ((Shape{Dim::Symbol("batch"), 16}).ToString(), "[batch,16]");
  EXPECT_EQ(Shape{}.ToString(), "[]");
  EXPECT_EQ(Shape{}.NumElements(), 1);
  EXPECT_EQ((Shape{2, 0, 3}).NumElements(), 0);
  EXPECT_FALSE((Shape{2, Dim::Symbol("n")}).IsConcrete());
  EXPECT_EQ((TensorSpec{DType::kI64, Shape{2, 3}}).ToString(), "i64[2,3]");
}

TEST(ShapeTest, BroadcastsAsNumPyDoes) {
  const Dim batch = Dim::Symbol("batch");
  EXPECT_EQ(*BroadcastShapes(Shape{2, 1}, Shape{3}), (Shape{2, 3}));
  EXPECT_EQ(*BroadcastShapes(Shape{}, Shape{0}), Shape{0});
  EXPECT_EQ(*BroadcastShapes(Shape{1}, Shape{0}), Shape{0});
  EXPECT_EQ(*BroadcastShapes(Shape{batch, 16}, Shape{16}), (Shape{batch, 16}));
  EXPECT_EQ(*BroadcastShapes(Shape{batch, 1}, Shape{1, 4}), (Shape{batch, 4}));
  EXPECT_EQ(BroadcastShapes(Shape{2, 3}, Shape{2}).status().message(),
            "shapes [2,3] and [2] do not broadcast: axis -1 has 3 and 2, which are neither equal "
            "nor 1");
  EXPECT_THAT(std::string(BroadcastShapes(Shape{batch}, Shape{5}).status().message()),
              HasSubstr("axis -1 has batch and 5"));
}

TEST(ShapeTest, AxesCountFromBothEnds) {
  EXPECT_EQ(*NormalizeAxis(-1, 3), 2);
  EXPECT_EQ(*NormalizeAxis(0, 1), 0);
  EXPECT_EQ(NormalizeAxis(3, 3).status().message(),
            "axis 3 is outside -3..2, the axes of a tensor of rank 3");
  EXPECT_EQ(NormalizeAxis(0, 0).status().message(), "axis 0 of a scalar, which has no axes");
  EXPECT_THAT(*NormalizeAxes({-1, 0}, 3), ElementsAre(0, 2));
  EXPECT_EQ(NormalizeAxes({-1, 2}, 3).status().message(), "axis 2 is named twice");
}

TEST(TensorSpecTest, SizesAreCheckedForOverflow) {
  EXPECT_EQ(*(TensorSpec{DType::kF64, Shape{3, 4}}).ByteSize(), 96);
  const int64_t huge = int64_t{1} << 31;
  EXPECT_EQ((TensorSpec{DType::kF32, Shape{huge, huge, 4}}).ByteSize().status().message(),
            "f32[2147483648,2147483648,4] is larger than the address space");
  // Strides would overflow although there is no element.
  EXPECT_EQ((TensorSpec{DType::kF32, Shape{huge, huge, 4, 0}}).ByteSize().status().message(),
            "f32[2147483648,2147483648,4,0] is larger than the address space");
  EXPECT_EQ(*(TensorSpec{DType::kF32, Shape{huge, 0}}).ByteSize(), 0);
  EXPECT_FALSE((TensorSpec{DType::kF32, Shape{Dim::Symbol("n")}}).ByteSize().ok());
}

TEST(DTypeTest, NamesRoundTrip) {
  for (DType dtype : kAllDTypes) EXPECT_EQ(*DTypeFromName(DTypeName(dtype)), dtype);
  EXPECT_THAT(std::string(DTypeFromName("f8").status().message()),
              HasSubstr("no element type is called 'f8'"));
  EXPECT_EQ(DTypeSize(DType::kBool), 1u);
  EXPECT_EQ(DTypeSize(DType::kI64), 8u);
  EXPECT_EQ(DTypeSize(DType::kBF16), 2u);
}

// They are written into files.
TEST(DTypeTest, NumbersStay) {
  EXPECT_EQ(static_cast<int>(DType::kF32), 1);
  EXPECT_EQ(static_cast<int>(DType::kBool), 6);
  EXPECT_EQ(static_cast<int>(DType::kI8), 7);
  EXPECT_EQ(static_cast<int>(DType::kI16), 8);
  EXPECT_EQ(static_cast<int>(DType::kU16), 9);
  EXPECT_EQ(static_cast<int>(DType::kU32), 10);
  EXPECT_EQ(static_cast<int>(DType::kU64), 11);
  EXPECT_EQ(static_cast<int>(DType::kBF16), 12);
  EXPECT_EQ(static_cast<int>(DType::kF16), 13);
}

}  // namespace
}  // namespace adjoint
