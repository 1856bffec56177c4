#include "core/io/safetensors.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/io/archive.h"
#include "core/io/file.h"
#include "core/io/npz.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/io/pickle_writer.h"

namespace adjoint::io {
namespace {

using ::testing::HasSubstr;

std::string FileOf(const std::string& header, const std::string& data) {
  return testing_internal::Bytes(header.size(), 8) + header + data;
}

std::string Problem(const std::string& header, const std::string& data) {
  return std::string(ParseSafetensors(FileOf(header, data)).status().message());
}

std::vector<std::pair<std::string, Tensor>> EveryType() {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (DType dtype : kAllDTypes) {
    Tensor tensor = Tensor::Zeros({dtype, Shape{2, 3}});
    for (int64_t i = 0; i < tensor.bytes(); ++i) {
      static_cast<uint8_t*>(tensor.mutable_raw())[i] =
          static_cast<uint8_t>(dtype == DType::kBool ? i % 2 : 37 * i + 1);
    }
    tensors.emplace_back(std::string(DTypeName(dtype)), tensor);
  }
  tensors.emplace_back("scalar", Tensor::Scalar<float>(2.5f));
  tensors.emplace_back("empty", Tensor::Zeros({DType::kF64, Shape{0, 4}}));
  tensors.emplace_back("Größe/\"kernel\"", Tensor::Of<uint8_t>({1}, {9}));
  return tensors;
}

TEST(SafetensorsTest, EveryTypeThereAndBack) {
  const auto tensors = EveryType();
  const std::string path = testing::TempDir() + "/every_type.safetensors";
  ASSERT_TRUE(WriteSafetensors(path, tensors, {{"format", "pt"}, {"note", "a \"b\""}}).ok());
  EXPECT_EQ(*ReadFile(path),
            *SerializeSafetensors(tensors, {{"format", "pt"}, {"note", "a \"b\""}}));
  for (const auto& read : {ReadSafetensors(path), ParseSafetensors(*ReadFile(path))}) {
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->tensors.size(), tensors.size());
    for (const auto& [name, tensor] : tensors) {
      ASSERT_NE(read->Find(name), nullptr) << name;
      EXPECT_TRUE(BitwiseEqual(*read->Find(name), tensor)) << name;
    }
    EXPECT_EQ(read->Find("none"), nullptr);
    ASSERT_EQ(read->metadata.size(), 2u);
    EXPECT_EQ(read->metadata[1], (std::pair<std::string, std::string>("note", "a \"b\"")));
  }
  const auto header = ReadSafetensorsHeader(path);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->data_offset % 8, 0);
  for (const SafetensorsEntry& entry : header->entries) {
    EXPECT_EQ(entry.begin % static_cast<int64_t>(DTypeSize(entry.spec.dtype)), 0) << entry.name;
  }
  // A file without any tensor.
  EXPECT_EQ(ParseSafetensors(*SerializeSafetensors({}))->tensors.size(), 0u);
}

TEST(SafetensorsTest, ReadsWhatOthersWrite) {
  // In any order and padded with blanks; elements not aligned.
  const auto read =
      ParseSafetensors(FileOf(R"({"b":{"shape":[2],"dtype":"F32","data_offsets":[1,9]},)"
                              R"("a":{"dtype":"BOOL","shape":[],"data_offsets":[0,1]}}   )",
                              std::string("\x07\0\0\x80\x3f\0\0\0\x40", 9)));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(BitwiseEqual(*read->Find("b"), Tensor::Of<float>({2}, {1, 2})));
  EXPECT_TRUE(BitwiseEqual(*read->Find("a"), Tensor::Scalar<bool>(true)));
}

TEST(SafetensorsTest, Damage) {
  const auto message = [](const std::string& bytes) {
    return std::string(ParseSafetensors(bytes).status().message());
  };
  EXPECT_THAT(message(""), HasSubstr("the file has 0 bytes; 8 with the header's length"));
  EXPECT_THAT(message("PK\x03\x04 something else"), HasSubstr("no safetensors file, or cut off"));
  EXPECT_THAT(message(FileOf("", "")), HasSubstr("it does not begin with '{'"));
  EXPECT_THAT(Problem("[]", ""), HasSubstr("it does not begin with '{'"));
  EXPECT_THAT(Problem("{\"a\":", ""), HasSubstr("no JSON: parse error at line 1, column 6"));
  EXPECT_THAT(Problem("{\"\xff\":1}", ""), HasSubstr("no JSON"));
  EXPECT_THAT(Problem(std::string(100000, '{'), ""), HasSubstr("no JSON"));
  EXPECT_THAT(Problem(R"({"a":1})", ""), HasSubstr("tensor 'a': its description is no object"));
  EXPECT_THAT(Problem(R"({"a":{"dtype":"F32","shape":[1]}})", "1234"),
              HasSubstr("tensor 'a': it has no 'data_offsets'"));
  const auto entry = [](const std::string& dtype, const std::string& shape,
                        const std::string& offsets) {
    return "{\"a\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets +
           "}}";
  };
  EXPECT_THAT(Problem(entry("\"F8_E4M3\"", "[1]", "[0,1]"), "1"),
              HasSubstr("tensor 'a': its dtype is \"F8_E4M3\"; BOOL, U8 to U64"));
  EXPECT_THAT(Problem(entry("7", "[1]", "[0,1]"), "1"), HasSubstr("its dtype is 7"));
  EXPECT_THAT(Problem(entry("\"U8\"", "3", "[0,3]"), "123"), HasSubstr("its shape is no list"));
  EXPECT_THAT(Problem(entry("\"U8\"", "[-1]", "[0,1]"), "1"), HasSubstr("its shape has -1"));
  EXPECT_THAT(Problem(entry("\"U8\"", "[1.5]", "[0,1]"), "1"), HasSubstr("its shape has 1.5"));
  EXPECT_THAT(Problem(entry("\"F64\"", "[4294967296,4294967296,0]", "[0,0]"), ""),
              HasSubstr("more bytes than 64 bits can count"));
  EXPECT_THAT(Problem(entry("\"F32\"", "[2]", "[0,9]"), "123456789"),
              HasSubstr("tensor 'a': f32[2] takes 8 bytes, its data_offsets [0, 9] span 9"));
  EXPECT_THAT(Problem(entry("\"F32\"", "[2]", "[8,0]"), "12345678"),
              HasSubstr("its data_offsets are [8,0]; wanted are [begin, end]"));
  EXPECT_THAT(Problem(entry("\"F32\"", "[2]", "[0,8]"), "1234"),
              HasSubstr("its tensors take 8 bytes, 4 follow it; the file is cut off"));
  EXPECT_THAT(Problem(entry("\"F32\"", "[1]", "[0,4]"), "12345"),
              HasSubstr("its tensors take 4 bytes, 5 follow it; the file is longer"));
  EXPECT_THAT(Problem(entry("\"U8\"", "[1]", "[1,2]"), "12"),
              HasSubstr("tensor 'a': its data begin at byte 1 and leave a gap"));
  EXPECT_THAT(Problem(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                      R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                      "123"),
              HasSubstr("tensor 'b': its data begin at byte 1 and overlap"));
  EXPECT_THAT(Problem(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                      R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                      "1"),
              HasSubstr("the name 'a' stands there twice"));
  EXPECT_THAT(Problem(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})", "1"),
              HasSubstr("it has 'x', which the format does not know"));
  EXPECT_THAT(Problem(R"({"__metadata__":{"a":1}})", ""),
              HasSubstr("__metadata__ 'a' is no string"));
  // No part of a file is one.
  const std::string whole = *SerializeSafetensors(EveryType());
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(ParseSafetensors(whole.substr(0, n)).ok()) << n;
  }
  // Nor is one with a changed byte in its header a crash.
  for (size_t i = 0; i < std::min<size_t>(whole.size(), 700); ++i) {
    for (const char c : {'\0', '"', '9', '\xff'}) {
      std::string changed = whole;
      changed[i] = c;
      ParseSafetensors(changed).IgnoreError();
    }
  }
}

TEST(SafetensorsTest, FilesAreNamed) {
  const std::string path = testing::TempDir() + "/damaged.safetensors";
  ASSERT_TRUE(WriteFileAtomically(path, FileOf("{", "")).ok());
  EXPECT_THAT(std::string(ReadSafetensors(path).status().message()),
              HasSubstr("cannot read '" + path + "': safetensors header: no JSON"));
  EXPECT_TRUE(absl::IsNotFound(ReadSafetensors(path + ".none").status()));
  EXPECT_THAT(std::string(ReadSafetensors(testing::TempDir()).status().message()),
              HasSubstr("it is a folder"));
}

TEST(SafetensorsTest, WhatCannotBeWritten) {
  const Tensor t = Tensor::Scalar<float>(1);
  const auto message = [](std::vector<std::pair<std::string, Tensor>> tensors) {
    return std::string(SerializeSafetensors(tensors).status().message());
  };
  EXPECT_THAT(message({{"a", t}, {"a", t}}), HasSubstr("the name 'a' stands there twice"));
  EXPECT_THAT(message({{"__metadata__", t}}), HasSubstr("is the format's own"));
  EXPECT_THAT(message({{"\xff", t}}), HasSubstr("is not UTF-8"));
}

TEST(NpzTest, AllArraysOfAFile) {
  const std::string path = testing::TempDir() + "/all.npz";
  ASSERT_TRUE(WriteNpz(path, {{"dense/kernel", Tensor::Of<float>({2, 1}, {1, 2})},
                              {"step", Tensor::Scalar<int64_t>(7)}})
                  .ok());
  const auto arrays = ReadNpz(path);
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  ASSERT_EQ(arrays->size(), 2u);
  EXPECT_EQ((*arrays)[0].first, "dense/kernel");
  EXPECT_TRUE(BitwiseEqual((*arrays)[0].second, Tensor::Of<float>({2, 1}, {1, 2})));
  EXPECT_EQ((*arrays)[1].second.item<int64_t>(), 7);
  const std::string zip = testing::TempDir() + "/other.npz";
  ASSERT_TRUE(
      WriteFileAtomically(zip, *MakeArchive(ArchiveFormat::kZip, {{"readme.txt", "text"}})).ok());
  EXPECT_THAT(std::string(ReadNpz(zip).status().message()),
              HasSubstr("is no npz file: its entry 'readme.txt' is no .npy array"));
}

}  // namespace
}  // namespace adjoint::io
