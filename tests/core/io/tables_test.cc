// Readers of text tables: CSV and LIBSVM.

#include <zlib.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "core/io/csv.h"
#include "core/io/file.h"
#include "core/io/libsvm.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adjoint::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Problem(const std::string& text, const CsvOptions& options = {}) {
  return std::string(ParseCsv(text, options).status().message());
}

TEST(CsvTest, FindsTypes) {
  const auto table = ParseCsv(
      "\xEF\xBB\xBFid,age, weight ,name,flag\r\n"
      "1,+30,1e3,Ann,true\r\n"
      "\r\n"
      "-2, 41 ,.5,\"O'Hara, \"\"Bob\"\"\nJr.\",false\n"
      "9223372036854775807,,inf,,true");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->rows, 3);
  ASSERT_EQ(table->columns.size(), 5u);
  EXPECT_TRUE(
      BitwiseEqual(table->Find("id")->tensor(), Tensor::Of<int64_t>({3}, {1, -2, INT64_MAX})));
  // Something is missing, so whole numbers become f64.
  const Tensor& age = table->Find("age")->tensor();
  EXPECT_EQ(age.dtype(), DType::kF64);
  EXPECT_EQ(age.ValueAt(1), 41);
  EXPECT_TRUE(std::isnan(age.ValueAt(2)));
  EXPECT_THAT(table->Find(" weight ")->tensor().data<double>(),
              ElementsAre(1000, 0.5, std::numeric_limits<double>::infinity()));
  EXPECT_THAT(table->Find("name")->texts(), ElementsAre("Ann", "O'Hara, \"Bob\"\nJr.", ""));
  EXPECT_THAT(table->Find("flag")->texts(), ElementsAre("true", "false", "true"));
  EXPECT_EQ(table->Find("none"), nullptr);
  const auto matrix = table->Matrix({"age", "id"});
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->spec().ToString(), "f32[3,2]");
  EXPECT_EQ(matrix->ValueAt(3), -2);
  EXPECT_THAT(std::string(table->Matrix().status().message()),
              HasSubstr("cannot make a matrix: column 'name' is text"));
  EXPECT_THAT(std::string(table->Matrix({"x"}).status().message()),
              HasSubstr("there is no column 'x'"));
}

TEST(CsvTest, TypesAsked) {
  const CsvOptions options{.delimiter = ';',
                           .header = false,
                           .columns = {"2", "0", "1", "3"},
                           .types = {{"0", DType::kU8}, {"1", DType::kBool}, {"3", DType::kBF16}},
                           .text_columns = {"2"}};
  const auto table = ParseCsv("255;true;007;1.5\n0;0;8;-2\n", options);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(table->columns[0].texts(), ElementsAre("007", "8"));
  EXPECT_TRUE(BitwiseEqual(table->columns[1].tensor(), Tensor::Of<uint8_t>({2}, {255, 0})));
  EXPECT_TRUE(BitwiseEqual(table->columns[2].tensor(), Tensor::Of<bool>({2}, {true, false})));
  EXPECT_EQ(table->columns[3].tensor().ValueAt(1), -2);
  EXPECT_THAT(Problem("256;true;x;1\n", options),
              HasSubstr("line 1, column 1 ('0'): '256' is out of the range of u8"));
  EXPECT_THAT(Problem("-1;true;x;1\n", options),
              HasSubstr("line 1, column 1 ('0'): '-1' is no u8"));
  EXPECT_THAT(Problem("1;yes;x;1\n", options), HasSubstr("column 2 ('1'): 'yes' is no bool"));
  EXPECT_THAT(Problem("1;1;x;1\n2;0;y;1.5z\n", options),
              HasSubstr("line 2, column 4 ('3'): '1.5z' is no bf16"));
}

TEST(CsvTest, MissingValues) {
  CsvOptions options{.types = {{"a", DType::kI32}}};
  EXPECT_THAT(Problem("a,b\n1,2\nNA,3\n", options),
              HasSubstr("line 3, column 1 ('a'): the value is missing, and i32 has no NaN; read "
                        "the column as f64 or fill it"));
  options.on_missing = CsvOptions::Missing::kFill;
  options.fill = -1;
  auto table = ParseCsv("a,b\n1,2\nNA,\n", options);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE(BitwiseEqual(table->columns[0].tensor(), Tensor::Of<int32_t>({2}, {1, -1})));
  EXPECT_TRUE(BitwiseEqual(table->columns[1].tensor(), Tensor::Of<int64_t>({2}, {2, -1})));
  options.fill = 3e9;
  EXPECT_THAT(Problem("a\nNA\n", options), HasSubstr("the fill value 3e+09 is out of the range"));
  options.on_missing = CsvOptions::Missing::kError;
  EXPECT_THAT(Problem("a,b\n1,\n", options),
              HasSubstr("line 2, column 2 ('b'): the value is missing"));
  options.missing = {"?"};
  EXPECT_THAT(Problem("a,b\n?,1\n", options),
              HasSubstr("line 2, column 1 ('a'): the value is missing"));
}

TEST(CsvTest, Damage) {
  EXPECT_EQ(Problem(""), "the file is empty");
  EXPECT_EQ(Problem("\n\r\n"), "the file is empty");
  EXPECT_EQ(Problem("a,b\n1,2\n\n3\n"), "line 4 has 1 fields, the header has 2");
  EXPECT_EQ(Problem("1,2\n3,4,5\n", {.header = false}),
            "line 2 has 3 fields, the first line has 2");
  EXPECT_EQ(Problem("a,b\n1,\"x\n\n\n"), "line 2, column 2: a quoted field that does not end");
  EXPECT_THAT(Problem("a,b\n\"x\ny\",1\n\"x\"y,2\n"),
              HasSubstr("line 4, column 1: 'y' behind a closing quote"));
  EXPECT_EQ(Problem("a,b,a\n"), "line 1: columns 1 and 3 are both named 'a'");
  EXPECT_EQ(Problem("a,b\n", {.columns = {"c"}}), "there is no column 'c'; there are a, b");
  EXPECT_EQ(Problem("a,b\n", {.types = {{"c", DType::kF32}}}),
            "there is no column 'c'; there are a, b");
  EXPECT_THAT(Problem("a", {.delimiter = '"'}), HasSubstr("must be two different characters"));
  // No rows at all are no mistake.
  EXPECT_EQ(ParseCsv("a,b\n")->rows, 0);
  EXPECT_EQ(ParseCsv("a,b\n")->columns[0].tensor().size(), 0);
  // Any bytes give a table or an error.
  const std::string text = "a,b\r\n\"1\"\"\",\"2\n\"\n3,4.5\n";
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'"', ',', '\n', '\r', '\0', '\xff'}) {
      std::string changed = text;
      changed[i] = c;
      ParseCsv(changed).IgnoreError();
      ParseCsv(changed.substr(0, i + 1)).IgnoreError();
    }
  }
}

TEST(CsvTest, FilesAreNamedAndProgressIsTold) {
  const std::string path = testing::TempDir() + "/table.csv";
  std::string text = "a,b\n";
  while (text.size() < (9 << 20)) text += "1234567,0.1234567\n";
  ASSERT_TRUE(WriteFileAtomically(path, text).ok());
  int64_t last = 0;
  int calls = 0;
  const auto table = ReadCsv(path, {.progress = [&](int64_t done, int64_t total) {
                               EXPECT_LE(last, done);
                               EXPECT_LE(done, total);
                               EXPECT_EQ(total, static_cast<int64_t>(text.size()));
                               last = done;
                               ++calls;
                             }});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(last, static_cast<int64_t>(text.size()));
  EXPECT_GT(calls, 4);
  EXPECT_EQ(table->columns[1].tensor().ValueAt(table->rows - 1), 0.1234567);
  ASSERT_TRUE(WriteFileAtomically(path, "a\n1,2\n").ok());
  EXPECT_EQ(std::string(ReadCsv(path).status().message()),
            "cannot read '" + path + "': line 2 has 2 fields, the header has 1");
  EXPECT_TRUE(absl::IsNotFound(ReadCsv(path + ".none").status()));
  gzFile gz = gzopen((path + ".gz").c_str(), "wb");
  gzputs(gz, "a\n5\n");
  gzclose(gz);
  EXPECT_EQ(ReadCsv(path + ".gz")->columns[0].tensor().ValueAt(0), 5);
}

TEST(LibsvmTest, Samples) {
  const auto data = ParseLibsvm("+1 1:0.5 3:2 # first\r\n\n-1\n2.5 4:-1e-3\t5:1");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(BitwiseEqual(data->labels, Tensor::Of<float>({3}, {1, -1, 2.5})));
  EXPECT_TRUE(BitwiseEqual(*data->x.ToDense(), Tensor::Of<float>({3, 5}, {0.5, 0, 2, 0, 0,  //
                                                                          0, 0, 0, 0, 0,    //
                                                                          0, 0, 0, -1e-3f, 1})));
  const auto wide = ParseLibsvm("1 0:1 2:3\n", {.cols = 10, .zero_based = true});
  ASSERT_TRUE(wide.ok()) << wide.status();
  EXPECT_EQ(wide->x.cols(), 10);
  EXPECT_THAT(wide->x.RowColumns(0), ElementsAre(0, 2));
  EXPECT_EQ(ParseLibsvm("")->x.rows(), 0);
}

TEST(LibsvmTest, Damage) {
  const auto problem = [](const std::string& text, const LibsvmOptions& options = {}) {
    return std::string(ParseLibsvm(text, options).status().message());
  };
  EXPECT_EQ(problem("1 1:1\nx 1:1\n"), "line 2: the label 'x' is no number");
  EXPECT_EQ(problem("1,2 1:1\n"), "line 1: several labels, '1,2'; one is expected");
  EXPECT_EQ(problem("1 1:1 2\n"), "line 1: '2' is no index:value");
  EXPECT_EQ(problem("\n\n1 qid:4 1:1\n"), "line 3: the index of 'qid:4' is no whole number");
  EXPECT_EQ(problem("1 2:\n"), "line 1: the value of '2:' is no number that f32 holds");
  EXPECT_EQ(problem("1 2:1e99\n"), "line 1: the value of '2:1e99' is no number that f32 holds");
  EXPECT_EQ(problem("1 0:1\n"),
            "line 1: the index of '0:1' is out of range; it may be 1 to 2147483647 (zero_based "
            "makes 0 the first)");
  EXPECT_EQ(problem("1 4:1\n", {.cols = 3}),
            "line 1: the index of '4:1' is out of range; it may be 1 to 3");
  EXPECT_EQ(problem("1 4:1 4:2\n"), "line 1: index 4 follows 4; indices must ascend");
  EXPECT_EQ(problem("1 4:1 3:2\n"), "line 1: index 3 follows 4; indices must ascend");
  EXPECT_THAT(problem("", {.cols = -1}), HasSubstr("cols is -1; it may be 0 to"));
  const std::string path = testing::TempDir() + "/data.svm";
  ASSERT_TRUE(WriteFileAtomically(path, "1 1:x\n").ok());
  EXPECT_THAT(std::string(ReadLibsvm(path).status().message()),
              HasSubstr("cannot read '" + path + "': line 1: the value of '1:x'"));
}

}  // namespace
}  // namespace adjoint::io
