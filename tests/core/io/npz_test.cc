#include "core/io/npz.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "core/io/archive.h"
#include "core/io/file.h"
#include "core/io/npy.h"
#include "core/io/pickle.h"
#include "gmock/gmock.h"
#include "tests/core/io/pickle_writer.h"

namespace adjoint::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing_internal::Bytes;
using testing_internal::NpyOf;
using testing_internal::ObjectNpyOf;
using testing_internal::PickleOf;

std::string FileOf(const std::string& name, const std::string& bytes) {
  const std::string path = testing::TempDir() + "/" + std::to_string(getpid()) + name;
  EXPECT_TRUE(WriteFileAtomically(path, bytes).ok());
  return path;
}

std::string PickleError(const std::string& pickle, const PickleLimits& limits = {}) {
  const absl::StatusOr<IntLists> lists = ReadPickledIntLists(pickle, limits);
  return lists.ok() ? "read" : std::string(lists.status().message());
}

std::vector<std::vector<int64_t>> SomeLists() {
  std::vector<std::vector<int64_t>> lists = {{1, 300, -5, 70000}, {}, {7}, {0, 255, 256, 65535}};
  lists.emplace_back();
  for (int i = 0; i < 2500; ++i) lists.back().push_back(i * 37 % 70001);
  for (int i = 0; i < 300; ++i) lists.push_back({i});  // so that the memo outgrows a byte
  return lists;
}

TEST(PickleTest, ReadsWhatEveryProtocolWrites) {
  for (const int protocol : {2, 3, 4, 5}) {
    const auto lists = SomeLists();
    const absl::StatusOr<IntLists> read = ReadPickledIntLists(PickleOf(lists, protocol));
    ASSERT_TRUE(read.ok()) << protocol << ": " << read.status();
    ASSERT_EQ(read->size(), static_cast<int64_t>(lists.size()));
    for (size_t i = 0; i < lists.size(); ++i) {
      const auto got = (*read)[i];
      EXPECT_EQ(std::vector<int64_t>(got.begin(), got.end()), lists[i]);
    }
    EXPECT_EQ(ReadPickledIntLists(PickleOf({}, protocol)).value().size(), 0);
  }
}

TEST(PickleTest, AListNamedTwiceIsReadTwice) {
  std::string pickle = PickleOf({{1, 2}, {3, 4}}, 2);
  // Behind the list of (3, 4), once more the one that was memoized before it.
  const size_t at =
      pickle.find(std::string("(K\x03K\x04"
                              "e",
                              6));
  ASSERT_NE(at, std::string::npos);
  const char memo = pickle[at - 1];
  pickle.insert(at + 6, std::string("h") + static_cast<char>(memo - 1));
  const size_t count = pickle.find(std::string("K\x02\x85", 3));
  ASSERT_NE(count, std::string::npos);
  pickle[count + 1] = 3;
  const absl::StatusOr<IntLists> read = ReadPickledIntLists(pickle);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->offsets, ElementsAre(0, 2, 4, 6));
  EXPECT_THAT(read->values, ElementsAre(1, 2, 3, 4, 1, 2));
}

TEST(PickleTest, RefusesForeignGlobals) {
  EXPECT_EQ(PickleError("\x80\x02"
                        "cos\nsystem\nU\x02"
                        "ls\x85R."),
            "pickle byte 2 (GLOBAL): asks for 'os.system', which an array of integer lists has no "
            "use for; nothing was executed");
  EXPECT_THAT(PickleError(std::string("\x80\x04\x8c\x08"
                                      "builtins\x8c\x04"
                                      "eval\x93.",
                                      19)),
              HasSubstr("pickle byte 18 (STACK_GLOBAL): asks for 'builtins.eval'"));
  EXPECT_THAT(PickleError("\x80\x02"
                          "cnumpy\nload\n."),
              HasSubstr("'numpy.load'"));
  EXPECT_THAT(PickleError("\x80\x02"
                          "c" +
                          std::string(1000, 'x')),
              HasSubstr("pickle byte 2 (GLOBAL): a name without an end within 256 bytes"));
}

TEST(PickleTest, RefusesWhatArraysHaveNoUseFor) {
  EXPECT_EQ(
      PickleError("\x80\x02}."),
      "pickle byte 2 (EMPTY_DICT): an array of integer lists has no use for this instruction");
  EXPECT_THAT(PickleError("\x80\x02\x81."), HasSubstr("(NEWOBJ)"));
  EXPECT_THAT(PickleError("\x80\x02\xff."), HasSubstr("byte 255 is no instruction"));
  EXPECT_THAT(PickleError("\x80\x01."), HasSubstr("protocol 1; 2 to 5 can be read"));
  EXPECT_THAT(PickleError("\x80\x06."), HasSubstr("protocol 6"));
  EXPECT_THAT(PickleError("]."), HasSubstr("begins with PROTO"));
  EXPECT_THAT(PickleError(""), HasSubstr("the input ends before STOP"));
  EXPECT_THAT(PickleError("\x80\x02]."), HasSubstr("the result is a list, not a finished array"));
  EXPECT_THAT(PickleError("\x80\x02NN."), HasSubstr("2 values on the stack"));
  EXPECT_THAT(PickleError("\x80\x02NNR."), HasSubstr("calls None"));
  EXPECT_THAT(PickleError("\x80\x02NNb."), HasSubstr("gives a state to None"));
  EXPECT_THAT(PickleError("\x80\x02Na."), HasSubstr("needs 2 values on the stack and finds 1"));
  EXPECT_THAT(PickleError("\x80\x02NNa."), HasSubstr("appends to None, not to a list"));
  EXPECT_THAT(PickleError("\x80\x02]Na."), HasSubstr("not None"));
  EXPECT_THAT(PickleError("\x80\x02"
                          "e."),
              HasSubstr("there is no MARK before it"));
  EXPECT_THAT(PickleError("\x80\x02"
                          "cnumpy\ndtype\nU\x02"
                          "f8K\x01K\x01\x87R."),
              HasSubstr("(REDUCE): the dtype is 'f8', not that of objects"));
  EXPECT_THAT(PickleError("\x80\x02"
                          "cnumpy\nndarray\n)R."),
              HasSubstr("calls numpy.ndarray"));
  EXPECT_THAT(PickleError(PickleOf({{int64_t{1} << 40}}, 2)),
              HasSubstr("the integer 1099511627776 does not fit 32 bits"));
  EXPECT_THAT(PickleError(PickleOf({{1}}, 2) + "x"), HasSubstr("(STOP): 1 bytes follow"));
}

TEST(PickleTest, RefusesNestingAndLoops) {
  EXPECT_THAT(PickleError("\x80\x02" + std::string(1000, '(')), HasSubstr("nested more than 32"));
  EXPECT_THAT(PickleError("\x80\x02N" + std::string(1000, '\x85')),
              HasSubstr("tuples nested more than 32 deep"));
  EXPECT_THAT(PickleError("\x80\x02]q\x01h\x01"
                          "a."),
              HasSubstr("a list of lists of lists"));
  EXPECT_THAT(PickleError("\x80\x02]]]K\x01"
                          "aaa."),
              HasSubstr("a list of lists of lists"));
  EXPECT_THAT(PickleError("\x80\x02](K\x01]e."), HasSubstr("mixes integers and lists"));
  EXPECT_THAT(PickleError("\x80\x02]q\x01K\x01"
                          "a]K\x02"
                          "a0."),
              HasSubstr("(POP)"));
}

TEST(PickleTest, HugeCountsAndIndicesTakeNoMemory) {
  EXPECT_THAT(PickleError("\x80\x02Nr\xff\xff\xff\xff."),
              HasSubstr("pickle byte 3 (LONG_BINPUT): memo index 4294967295 is out of range"));
  EXPECT_THAT(PickleError("\x80\x02j\xff\xff\xff\xff."), HasSubstr("nothing was put there"));
  EXPECT_THAT(PickleError("\x80\x02h\x01."), HasSubstr("memo index 1 is out of range"));
  EXPECT_THAT(PickleError("\x80\x02X\xff\xff\xff\xff"
                          "a."),
              HasSubstr("needs 4294967295 bytes more and the input has 2"));
  EXPECT_THAT(PickleError("\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff."),
              HasSubstr("(FRAME): needs 18446744073709551615 bytes more"));
  EXPECT_THAT(PickleError(std::string("\x80\x02\x8a\x09", 4) + std::string(9, '\0') + "."),
              HasSubstr("an integer of 9 bytes"));
  PickleLimits limits;
  limits.max_stack = 10;
  EXPECT_THAT(PickleError("\x80\x02" + std::string(20, 'N'), limits),
              HasSubstr("more than 10 values on the stack"));
  limits = {};
  limits.max_elements = 5;
  EXPECT_THAT(PickleError(PickleOf({{1, 2, 3}, {4, 5, 6}}, 2), limits),
              HasSubstr("more than 5 integers"));
}

// Every truncation fails with the byte of its end; every change of a byte either fails or reads.
TEST(PickleTest, DamageNeverCrashes) {
  for (const int protocol : {2, 3, 4}) {
    const std::string whole = PickleOf({{1, 300, 70000}, {}, {7, 8}}, protocol);
    for (size_t size = 0; size < whole.size(); ++size) {
      // A copy of just this size, so that a sanitizer sees a read beyond it.
      const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<int64_t>(size));
      const auto read = ReadPickledIntLists({cut.data(), cut.size()});
      ASSERT_FALSE(read.ok()) << size;
      EXPECT_THAT(std::string(read.status().message()), HasSubstr("pickle byte "));
    }
    std::mt19937 random(5);
    for (int trial = 0; trial < 20'000; ++trial) {
      std::string damaged = whole;
      const int changes = 1 + static_cast<int>(random() % 4);
      for (int i = 0; i < changes; ++i) {
        const size_t at = random() % damaged.size();
        switch (random() % 3) {
          case 0:
            damaged[at] = static_cast<char>(random());
            break;
          case 1:
            damaged.erase(at, 1 + random() % 3);
            break;
          default:
            damaged.insert(at, 1, whole[random() % whole.size()]);
        }
        if (damaged.empty()) damaged = "\x80";
      }
      const auto read = ReadPickledIntLists(damaged);
      if (!read.ok()) {
        ASSERT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << read.status();
        continue;
      }
      ASSERT_EQ(read->offsets.back(), static_cast<int64_t>(read->values.size()));
    }
  }
}

TEST(NpyTest, TensorsRoundTrip) {
  const Tensor tensors[] = {
      Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6}),
      Tensor::Of<double>({1}, {0.1}),
      Tensor::Of<int32_t>({0, 4}, {}),
      Tensor::Scalar<int64_t>(-7),
      Tensor::Of<uint8_t>({2, 1, 2}, {1, 2, 254, 255}),
      Tensor::Of<bool>({2}, {true, false}),
      Tensor::Of<int8_t>({2}, {-128, 127}),
      Tensor::Of<int16_t>({2}, {-32768, 32767}),
      Tensor::Of<uint16_t>({1}, {65535}),
      Tensor::Of<uint32_t>({1}, {4294967295u}),
      Tensor::Of<uint64_t>({1}, {~uint64_t{0}}),
      Tensor::Of<Float16>({2}, {Float16(1.5), Float16(-65504)}),
  };
  for (const Tensor& tensor : tensors) {
    const std::string bytes = SerializeNpy(tensor);
    EXPECT_EQ((bytes.size() - tensor.bytes()) % 64, 0u);
    const absl::StatusOr<Tensor> read = ReadNpy(bytes);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(BitwiseEqual(*read, tensor)) << read->ToString();
  }
}

TEST(NpyTest, BFloat16IsWrittenAsTheEqualFloats) {
  const Tensor tensor = Tensor::Of<BFloat16>({3}, {BFloat16(1.5), BFloat16(-1e30), BFloat16(0)});
  const absl::StatusOr<Tensor> read = ReadNpy(SerializeNpy(tensor));
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->spec(), (TensorSpec{DType::kF32, Shape{3}}));
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(read->ValueAt(i), tensor.ValueAt(i));
}

TEST(NpyTest, OtherOrdersAndVersions) {
  const std::string big = NpyOf("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }",
                                std::string("\0\1\0\4\0\2\0\5\0\3\xff\xfe", 12), 2);
  const absl::StatusOr<Tensor> read = ReadNpy(big);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(BitwiseEqual(*read, Tensor::Of<int16_t>({2, 3}, {1, 2, 3, 4, 5, -2})));
  const absl::StatusOr<Tensor> python2 =
      ReadNpy(NpyOf("{'shape': (2L,), 'fortran_order': False, 'descr': '<u4'}\n",
                    "\xff\xff\xff\xff" + Bytes(1, 4), 3));
  ASSERT_TRUE(python2.ok()) << python2.status();
  EXPECT_TRUE(BitwiseEqual(*python2, Tensor::Of<uint32_t>({2}, {4294967295, 1})));
}

TEST(NpyTest, ErrorsNameWhatIsWrong) {
  const auto error = [](const std::string& bytes) {
    return std::string(ReadNpy(bytes).status().message());
  };
  EXPECT_THAT(error("PK"), HasSubstr("not a .npy file"));
  EXPECT_THAT(error(NpyOf("{}", "", 4)), HasSubstr("version 4; 1 to 3 can be read"));
  EXPECT_THAT(error(std::string("\x93NUMPY\x01\0\xff\xff{", 11)),
              HasSubstr("a header of 65535 bytes in a file of 11"));
  EXPECT_THAT(error(NpyOf("{}", "")), HasSubstr("'descr', 'fortran_order' or 'shape' is missing"));
  EXPECT_THAT(error(NpyOf("{'descr': [('a', '<i4')]", "")), HasSubstr("a structured dtype"));
  EXPECT_THAT(error(NpyOf("{'descr': '<f4', 'fortran_order': 0}", "")),
              HasSubstr("byte 44: True or False is expected"));
  const auto shaped = [](const std::string& shape, const std::string& data) {
    return NpyOf("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + "}", data);
  };
  EXPECT_THAT(
      error(shaped("(3,)", "12345678")),
      HasSubstr("the shape [3] of '<f4' needs 3 elements of 4 bytes and there are 8 bytes"));
  EXPECT_THAT(error(shaped("(-1,)", "")), HasSubstr("an extent, a number of at least 0"));
  EXPECT_THAT(error(shaped("(4294967296, 4294967296, 0)", "")), HasSubstr("64 bits can count"));
  EXPECT_THAT(error(shaped("(4611686018427387904,)", "")), HasSubstr("more than 18 digits"));
  EXPECT_THAT(error(shaped("(99999999999999999,)", "")), HasSubstr("needs 99999999999999999"));
  EXPECT_THAT(error(NpyOf("{'descr': '<c8', 'fortran_order': False, 'shape': ()}", "")),
              HasSubstr("the dtype '<c8' is not supported"));
  const absl::Status objects =
      ReadNpyIntLists(
          NpyOf("{'descr': '|O', 'fortran_order': False, 'shape': (3,)}", PickleOf({{1}}, 2)))
          .status();
  EXPECT_THAT(objects.ToString(), HasSubstr("the shape is (3,) and the pickle holds 1 lists"));
  EXPECT_THAT(ReadNpyIntLists(SerializeNpy(Tensor::Scalar(1.0f))).status().ToString(),
              HasSubstr("an object array ('|O') is expected"));
}

TEST(NpyTest, DamageNeverCrashes) {
  const std::string whole = SerializeNpy(Tensor::Of<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6}));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ReadNpy(whole.substr(0, size)).ok());
  }
  std::mt19937 random(7);
  for (int trial = 0; trial < 20'000; ++trial) {
    std::string damaged = whole;
    for (int i = 0; i < 3; ++i) damaged[random() % 80] = static_cast<char>(random());
    const auto read = ReadNpy(damaged);
    if (read.ok()) {
      EXPECT_LE(read->bytes(), 64);
    }
  }
}

TEST(NpzTest, RoundTripAndMissingArrays) {
  const std::string path = FileOf("round.npz", "");
  const Tensor a = Tensor::Of<float>({2}, {1, 2}), b = Tensor::Scalar<int64_t>(3);
  ASSERT_TRUE(WriteNpz(path, {{"a", a}, {"b", b}}).ok());
  EXPECT_TRUE(BitwiseEqual(ReadNpzTensor(path, "a").value(), a));
  EXPECT_TRUE(BitwiseEqual(ReadNpzTensor(path, "b").value(), b));
  EXPECT_EQ(ReadNpzTensor(path, "c").status().message(),
            "'" + path + "' has no array 'c'; its entries are: a.npy, b.npy");
  EXPECT_EQ(ReadNpzTensor(path + "x", "c").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(ReadNpzTensor(testing::TempDir(), "c").status().ToString(),
              HasSubstr("Is a directory"));
}

TEST(NpzTest, DamagedFilesGiveOneClearError) {
  const std::string npy = ObjectNpyOf({{1, 2, 3}, {4, 5, 70000}});
  const std::string whole =
      MakeArchive(ArchiveFormat::kZip, {{"x.npy", npy}, {"y.npy", npy}}).value();
  EXPECT_EQ(ReadNpzIntLists(FileOf("whole.npz", whole), "y").value().size(), 2);
  for (size_t size = 0; size < whole.size(); size += 7) {
    const auto read = ReadNpzIntLists(FileOf("cut.npz", whole.substr(0, size)), "y");
    ASSERT_FALSE(read.ok()) << size;
    EXPECT_THAT(read.status().ToString(), HasSubstr("cut.npz'"));
  }
  // A byte of y's deflated data; the checksum sees what inflating does not.
  const size_t y = whole.find("y.npy");
  std::string flipped = whole;
  flipped[y + 60] ^= 0x10;
  const absl::Status status = ReadNpzIntLists(FileOf("flip.npz", flipped), "y").status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.ToString(), HasSubstr("flip.npz'"));
  EXPECT_EQ(ReadNpzIntLists(FileOf("flip.npz", flipped), "x").value().size(), 2);

  std::string evil =
      "\x80\x02"
      "cos\nsystem\n.";
  evil = NpyOf("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", evil);
  const std::string path =
      FileOf("evil.npz", MakeArchive(ArchiveFormat::kZip, {{"x.npy", evil}}).value());
  EXPECT_THAT(ReadNpzIntLists(path, "x").status().ToString(),
              HasSubstr("cannot read array 'x' of '" + path +
                        "': pickle byte 2 (GLOBAL): asks for "
                        "'os.system'"));
}

TEST(ArchiveTest, ReadsTarsAndVerifiesGzip) {
  std::string long_text;
  std::mt19937 random(3);
  for (int i = 0; i < 200'000; ++i) long_text.push_back(static_cast<char>(random()));
  const std::string whole =
      MakeArchive(ArchiveFormat::kTarGz, {{"a/b.txt", "short"}, {"../../c", long_text}}).value();
  EXPECT_EQ(
      whole,
      MakeArchive(ArchiveFormat::kTarGz, {{"a/b.txt", "short"}, {"../../c", long_text}}).value());
  // Every byte of every entry, or the first error.
  const auto read_all = [](const std::string& path) -> absl::StatusOr<std::string> {
    absl::StatusOr<ArchiveReader> reader = ArchiveReader::Open(path);
    if (!reader.ok()) return reader.status();
    std::string all;
    while (true) {
      const absl::StatusOr<bool> more = reader->Next();
      if (!more.ok()) return more.status();
      if (!*more) return all;
      EXPECT_TRUE(reader->is_file());
      const absl::StatusOr<std::string> bytes = reader->Read(1 << 20);
      if (!bytes.ok()) return bytes.status();
      all += reader->name() + "=" + *bytes + ";";
    }
  };
  EXPECT_EQ(read_all(FileOf("whole.tgz", whole)).value(),
            "a/b.txt=short;../../c=" + long_text + ";");
  for (const size_t size :
       {size_t{1}, size_t{5}, size_t{100}, whole.size() / 2, whole.size() - 1}) {
    const absl::Status status = read_all(FileOf("cut.tgz", whole.substr(0, size))).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << size;
    EXPECT_THAT(status.ToString(), HasSubstr("damaged or incomplete"));
  }
  for (const size_t at : {whole.size() / 3, whole.size() / 2, whole.size() - 6}) {
    std::string flipped = whole;
    flipped[at] ^= 1;
    EXPECT_EQ(read_all(FileOf("flip.tgz", flipped)).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(ArchiveTest, BoundsWhatItReads) {
  const std::string path = FileOf(
      "big.zip", MakeArchive(ArchiveFormat::kZip, {{"a", std::string(1 << 20, 'x')}}).value());
  for (const int64_t allowed : {int64_t{0}, int64_t{1000}, (int64_t{1} << 20) - 1}) {
    ArchiveReader reader = ArchiveReader::Open(path).value();
    ASSERT_TRUE(reader.Next().value());
    EXPECT_EQ(reader.Read(allowed).status().code(), absl::StatusCode::kResourceExhausted);
  }
  ArchiveReader reader = ArchiveReader::Open(path).value();
  ASSERT_TRUE(reader.Next().value());
  EXPECT_EQ(reader.Read(1 << 20).value(), std::string(1 << 20, 'x'));
  EXPECT_FALSE(reader.Next().value());
  EXPECT_EQ(reader.Read(1).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace adjoint::io
