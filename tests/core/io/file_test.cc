#include "core/io/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "core/io/hash.h"
#include "gmock/gmock.h"

namespace adjoint::io {
namespace {

using ::testing::HasSubstr;

std::string FreshFolder(const std::string& name) {
  const std::string folder = testing::TempDir() + "/" + name + "." + std::to_string(getpid());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

size_t EntriesOf(const std::string& folder) {
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++entries;
  return entries;
}

TEST(FileTest, WritesAndReadsBack) {
  const std::string folder = FreshFolder("write");
  std::string bytes(100'000, 'x');
  bytes[5] = '\0';
  ASSERT_TRUE(WriteFileAtomically(folder + "/a", bytes).ok());
  EXPECT_EQ(ReadFile(folder + "/a").value(), bytes);
  ASSERT_TRUE(WriteFileAtomically(folder + "/a", "").ok());
  EXPECT_EQ(ReadFile(folder + "/a").value(), "");
  EXPECT_EQ(EntriesOf(folder), 1u);
}

TEST(FileTest, NothingIsSeenBeforeCommitAndNothingStaysWithoutIt) {
  const std::string folder = FreshFolder("atomic");
  ASSERT_TRUE(WriteFileAtomically(folder + "/a", "old").ok());
  {
    auto writer = AtomicFileWriter::Create(folder + "/a");
    ASSERT_TRUE(writer.ok());
    AtomicFileWriter moved = *std::move(writer);
    ASSERT_TRUE(moved.Write("new").ok());
    EXPECT_EQ(ReadFile(folder + "/a").value(), "old");
  }
  EXPECT_EQ(ReadFile(folder + "/a").value(), "old");
  EXPECT_EQ(EntriesOf(folder), 1u);
}

TEST(FileTest, AFailedRenameLeavesNothing) {
  const std::string folder = FreshFolder("rename");
  auto writer = AtomicFileWriter::Create(folder + "/a");
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->Write("new").ok());
  std::filesystem::create_directories(folder + "/a/full");
  const absl::Status status = writer->Commit();
  EXPECT_THAT(status.ToString(), HasSubstr("cannot write '" + folder + "/a'"));
  { AtomicFileWriter ended = *std::move(writer); }
  EXPECT_EQ(EntriesOf(folder), 1u);
}

TEST(FileTest, WritingFollowsLinksAndKeepsTheMode) {
  const std::string folder = FreshFolder("links");
  ASSERT_TRUE(WriteFileAtomically(folder + "/real", "old").ok());
  ASSERT_EQ(chmod((folder + "/real").c_str(), 0640), 0);
  std::filesystem::create_symlink("real", folder + "/link");
  ASSERT_TRUE(WriteFileAtomically(folder + "/link", "new").ok());
  EXPECT_TRUE(std::filesystem::is_symlink(folder + "/link"));
  EXPECT_EQ(ReadFile(folder + "/real").value(), "new");
  struct stat info;
  ASSERT_EQ(stat((folder + "/real").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST(FileTest, DevicesAreWrittenOnAndNotReplaced) {
  EXPECT_TRUE(WriteFileAtomically("/dev/null", "gone").ok());
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  const absl::Status full = WriteFileAtomically("/dev/full", "no room");
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(full.ToString(), HasSubstr("cannot write '/dev/full': No space left on device"));
}

TEST(FileTest, ErrorsNameThePathAndTheReason) {
  const std::string folder = FreshFolder("errors");
  const absl::Status missing = ReadFile(folder + "/none").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), "cannot read '" + folder + "/none': No such file or directory");
  EXPECT_THAT(ReadFile(folder).status().ToString(), HasSubstr("Is a directory"));
  EXPECT_EQ(WriteFileAtomically(folder + "/no/file", "x").message(),
            "cannot write '" + folder + "/no/file': No such file or directory");
  EXPECT_THAT(WriteFileAtomically(folder, "x").ToString(), HasSubstr("Is a directory"));
  ASSERT_TRUE(WriteFileAtomically(folder + "/a", "12345").ok());
  EXPECT_TRUE(ReadFile(folder + "/a", 5).ok());
  EXPECT_THAT(ReadFile(folder + "/a", 4).status().ToString(),
              HasSubstr("longer than the 4 bytes that are allowed here"));
  EXPECT_THAT(ReadFile("/dev/zero", 10'000).status().ToString(),
              HasSubstr("longer than the 10000 bytes"));
}

TEST(FileTest, MakesFolders) {
  const std::string folder = FreshFolder("folders");
  EXPECT_TRUE(MakeFolders(folder + "/a/b/c").ok());
  EXPECT_TRUE(MakeFolders(folder + "/a/b/c").ok());
  EXPECT_TRUE(std::filesystem::is_directory(folder + "/a/b/c"));
  ASSERT_TRUE(WriteFileAtomically(folder + "/file", "x").ok());
  EXPECT_THAT(MakeFolders(folder + "/file/b").ToString(),
              HasSubstr("cannot make the folder '" + folder + "/file/b'"));
}

// FIPS 180-2 and RFC 1321.
TEST(HashTest, KnownDigests) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Md5Hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  Hasher hasher(Hasher::Algorithm::kSha256);
  hasher.Update("a");
  hasher.Update("");
  hasher.Update("bc");
  EXPECT_EQ(hasher.HexDigest(), Sha256Hex("abc"));
}

TEST(HashTest, HashesFiles) {
  const std::string folder = FreshFolder("hash");
  const std::string bytes(1'000'000, 'q');
  ASSERT_TRUE(WriteFileAtomically(folder + "/a", bytes).ok());
  EXPECT_EQ(FileSha256Hex(folder + "/a").value(), Sha256Hex(bytes));
  EXPECT_EQ(FileSha256Hex(folder + "/b").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace adjoint::io
