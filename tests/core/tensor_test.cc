#include "core/tensor.h"

#include <cstdint>
#include <cstring>

#include "core/attrs.h"
#include "core/buffer.h"
#include "core/csr_matrix.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adjoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TensorTest, CopiesShareAndClonesDoNot) {
  Tensor a = Tensor::Of<float>({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a.raw()) % 64, 0u);
  EXPECT_TRUE(a.HoldsBufferAlone());
  const Tensor shared = a;
  const Tensor own = a.Clone();
  EXPECT_FALSE(a.HoldsBufferAlone());
  a.mutable_data<float>()[0] = 9;
  EXPECT_EQ(shared.data<float>()[0], 9);
  EXPECT_EQ(own.data<float>()[0], 1);
  EXPECT_FALSE(BitwiseEqual(a, own));
}

TEST(TensorTest, RowsAndReshapesAreViews) {
  const Tensor a = Tensor::Of<int32_t>({3, 2}, {1, 2, 3, 4, 5, 6});
  const Tensor rows = a.Rows(1, 3);
  EXPECT_THAT(rows.data<int32_t>(), ElementsAre(3, 4, 5, 6));
  EXPECT_EQ(a.Rows(3, 3).size(), 0);
  EXPECT_THAT(rows.Reshaped(Shape{4})->data<int32_t>(), ElementsAre(3, 4, 5, 6));
  EXPECT_EQ(rows.Reshaped(Shape{3}).status().message(),
            "a tensor i32[2,2] of 4 elements cannot take the shape [3]");
}

TEST(TensorTest, ImpossibleSizesAreErrors) {
  const int64_t huge = int64_t{1} << 40;
  EXPECT_FALSE(Tensor::Allocate({DType::kF32, Shape{huge, huge}}).ok());
  // All of the address space, which the program itself takes a part of.
  const absl::Status none = Tensor::Allocate({DType::kF32, Shape{huge, 32}}).status();
  EXPECT_EQ(none.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(none.message()), HasSubstr("out of memory"));
  EXPECT_EQ(Tensor::Allocate({DType::kF32, Shape{0}})->size(), 0);
}

TEST(TensorTest, BuffersBeginWhereVectorsOrPagesDo) {
  for (const int64_t size : {0, 1, 63, 1 << 20, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 33 << 20}) {
    const auto buffer = Buffer::Allocate(static_cast<size_t>(size));
    ASSERT_TRUE(buffer.ok()) << buffer.status();
    EXPECT_EQ((*buffer)->size(), static_cast<size_t>(size));
    const auto address = reinterpret_cast<uintptr_t>((*buffer)->data());
    EXPECT_EQ(address % (size < 4 << 20 ? 64 : 2 << 20), 0u) << size;
    std::memset((*buffer)->data(), 1, static_cast<size_t>(size));
  }
}

TEST(TensorTest, PrintsItsFirstElements) {
  EXPECT_EQ(Tensor::Of<float>({3}, {1, 2.5, -3}).ToString(2), "f32[3] {1, 2.5, ...}");
  EXPECT_EQ(Tensor().ToString(), "f32[0] {}");
}

TEST(TensorDeathTest, AskingForAnotherTypeIsABrokenInvariant) {
  const Tensor a = Tensor::Scalar<float>(1);
  EXPECT_DEATH(a.data<double>(), "elements asked for as f64, but the tensor is f32\\[\\]");
}

TEST(CsrMatrixTest, HoldsRowsAndPicksThemWithoutCopies) {
  auto m = CsrMatrix::Create(4, {0, 2, 2, 3}, {0, 3, 1}, {1, 2, 3});
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(m->nnz(), 3);
  EXPECT_THAT(m->ToDense()->data<float>(), ElementsAre(1, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0));
  auto picked = m->SelectRows({2, 0, 2});
  ASSERT_TRUE(picked.ok());
  EXPECT_EQ(picked->nnz(), 4);
  EXPECT_EQ(picked->columns().raw(), m->columns().raw());
  EXPECT_THAT(picked->RowColumns(1), ElementsAre(0, 3));
  EXPECT_THAT(picked->RowValues(2), ElementsAre(3));
  EXPECT_FALSE(m->SelectRows({3}).ok());
  EXPECT_EQ(m->Rows(1, 3).rows(), 2);
  auto back = CsrMatrix::FromDense(*m->ToDense());
  EXPECT_TRUE(BitwiseEqual(*back->ToDense(), *m->ToDense()));
}

TEST(CsrMatrixTest, ChecksItsInvariants) {
  const auto message = [](const absl::StatusOr<CsrMatrix>& m) {
    return std::string(m.status().message());
  };
  EXPECT_EQ(message(CsrMatrix::Create(3, {0, 1}, {3})),
            "a CSR matrix of 3 columns: row 0 names column 3, outside 0..2");
  EXPECT_EQ(message(CsrMatrix::Create(3, {0, 1}, {-1})),
            "a CSR matrix of 3 columns: row 0 names column -1, outside 0..2");
  EXPECT_THAT(message(CsrMatrix::Create(3, {0, 2}, {1, 1})), HasSubstr("must ascend"));
  EXPECT_THAT(message(CsrMatrix::Create(3, {0, 2, 1, 3}, {0, 1, 2})),
              HasSubstr("row 1 runs from 2 to 1"));
  EXPECT_THAT(message(CsrMatrix::Create(3, {0, 2}, {1})), HasSubstr("end with the number of"));
  EXPECT_THAT(message(CsrMatrix::Create(3, {}, {})), HasSubstr("given are 0 offsets"));
  EXPECT_THAT(message(CsrMatrix::Create(3, {0, 1}, {1}, {1, 2})), HasSubstr("1 columns, 2 values"));
  EXPECT_THAT(message(CsrMatrix::Create(-1, {0}, {})), HasSubstr("cannot have -1 columns"));
  EXPECT_THAT(message(CsrMatrix::FromDense(Tensor::Zeros({DType::kF64, Shape{2, 2}}))),
              HasSubstr("not from f64[2,2]"));
}

TEST(AttrsTest, KeepsValuesByNameAndKind) {
  Attrs a{{"axis", int64_t{1}}, {"keep", true}};
  EXPECT_EQ(a.At<int64_t>("axis"), 1);
  EXPECT_EQ(a.GetOr<bool>("other", false), false);
  EXPECT_EQ(a.ToString(), "{axis=1, keep=true}");
  Attrs b{{"keep", true}, {"axis", int64_t{1}}};
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.Fingerprint(), b.Fingerprint());
  b.Set("axis", int64_t{2});
  EXPECT_NE(a, b);
  EXPECT_NE((Attrs{{"x", 0.0}}), (Attrs{{"x", -0.0}}));
  EXPECT_NE((Attrs{{"t", Tensor::Scalar<float>(1)}}), (Attrs{{"t", Tensor::Scalar<float>(2)}}));
  EXPECT_EQ((Attrs{{"t", Tensor::Scalar<float>(1)}}), (Attrs{{"t", Tensor::Scalar<float>(1)}}));
}

}  // namespace
}  // namespace adjoint
